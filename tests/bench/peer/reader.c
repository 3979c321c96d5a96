#include "tests/bench/peer/reader.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const char OPEN[] = "bench_open", READ[] = "bench_read";

struct reader {
    pthread_mutex_t lock; // guards the queue
    pthread_cond_t more;
    struct read_job *first, **last;
    const struct options *options;
};

static _Noreturn void fail(PGconn *conn, const char *what)
{
    fprintf(stderr, "%s: %s", what, PQerrorMessage(conn));
    exit(1);
}

static PGconn *open_connection(const struct options *options)
{
    const struct {
        const char *name, *sql;
    } statements[] = {
        {OPEN, options->opening.data},
        {READ, options->sql.data},
    };
    PGconn *conn = PQconnectdb(options->dsn);
    if (PQstatus(conn) != CONNECTION_OK)
        fail(conn, "connect");
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        PGresult *result = PQprepare(conn, statements[i].name, statements[i].sql, 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            fail(conn, statements[i].name);
        PQclear(result);
    }
    if (PQenterPipelineMode(conn) != 1)
        fail(conn, "pipeline");
    return conn;
}

// As docbridged does it: a pipeline is a transaction.
static void send_all(PGconn *conn, const char *tenant, const char *id)
{
    const char *const opening[] = {tenant, "61000", "ada", "2026-01-01"};
    const char *const arguments[] = {tenant, id};
    if (PQsendQueryPrepared(conn, OPEN, 4, opening, NULL, NULL, 0) != 1 ||
        PQsendQueryPrepared(conn, READ, 2, arguments, NULL, NULL, 0) != 1 ||
        PQpipelineSync(conn) != 1)
        fail(conn, "send");
}

// Takes the answers of the pipeline; returns the rows of the SELECT.
static PGresult *receive(PGconn *conn)
{
    PGresult *rows = NULL;
    for (int query = 0; query < 2; query++) {
        PGresult *result = PQgetResult(conn);
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            fail(conn, "answer");
        if (query == 1)
            rows = result;
        else
            PQclear(result);
        if (PQgetResult(conn) != NULL)
            fail(conn, "end of an answer");
    }
    PGresult *sync = PQgetResult(conn);
    if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC)
        fail(conn, "sync");
    PQclear(sync);
    return rows;
}

static void *work(void *context)
{
    struct reader *reader = context;
    PGconn *conn = open_connection(reader->options);
    for (;;) {
        pthread_mutex_lock(&reader->lock);
        while (reader->first == NULL)
            pthread_cond_wait(&reader->more, &reader->lock);
        struct read_job *job = reader->first;
        reader->first = job->next;
        if (reader->first == NULL)
            reader->last = &reader->first;
        pthread_mutex_unlock(&reader->lock);
        send_all(conn, reader->options->tenant, job->id);
        PGresult *rows = receive(conn);
        bool found = PQntuples(rows) == 1;
        job->done(job, found ? PQgetvalue(rows, 0, 0) : NULL,
                  found ? PQgetvalue(rows, 0, 1) : NULL);
        PQclear(rows);
    }
    return NULL;
}

struct reader *reader_new(const struct options *options)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        exit(1);
    (void)pthread_mutex_init(&reader->lock, NULL);
    (void)pthread_cond_init(&reader->more, NULL);
    reader->last = &reader->first;
    reader->options = options;
    for (int i = 0; i < options->workers; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, reader) != 0)
            exit(1);
    }
    return reader;
}

void reader_submit(struct reader *reader, struct read_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&reader->lock);
    *reader->last = job;
    reader->last = &job->next;
    pthread_cond_signal(&reader->more);
    pthread_mutex_unlock(&reader->lock);
}
