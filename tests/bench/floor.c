// What a reveal cannot do without, and nothing else: a row committed, a GET, a row committed.
//
//     floor DSN INTENT OUTCOME URL CA HEADER CALLERS SECONDS
//
// INTENT and OUTCOME are statements with a sequence as $1, prepared once and each a transaction of
// one flight behind the tenant's setting; the connection to URL is kept. HEADER goes with the
// request. Prints how many of them all callers did in a second.
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>
#include <libpq-fe.h>

#include "server/base/encoding.h"

enum { CALLERS_MAX = 256, RESULTS = 2 };

static const char *dsn, *statements[2], *url, *ca;
static struct curl_slist *headers;
static atomic_long done;
static atomic_bool over;

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

static int64_t number(const char *text, int64_t most)
{
    int64_t value;
    if (!encoding_int64(text, strlen(text), &value) || value < 1 || value > most)
        fail("no such number", text);
    return value;
}

static PGconn *open_database(void)
{
    static const char *const names[] = {"intent", "outcome"};
    PGconn *conn = PQconnectdb(dsn);
    if (PQstatus(conn) != CONNECTION_OK)
        fail("the database", PQerrorMessage(conn));
    for (int i = 0; i < 2; i++)
        PQclear(PQprepare(conn, names[i], statements[i], 0, NULL));
    PQclear(
        PQprepare(conn, "tenant", "SELECT set_config('docbridge.tenant', 'peer', true)", 0, NULL));
    if (PQenterPipelineMode(conn) != 1)
        fail("the database", PQerrorMessage(conn));
    return conn;
}

static void commit(PGconn *conn, const char *name, int64_t sequence)
{
    char text[24];
    const char *values[] = {text};
    int taken = 0;
    (void)snprintf(text, sizeof(text), "%lld", (long long)sequence);
    if (PQsendQueryPrepared(conn, "tenant", 0, NULL, NULL, NULL, 0) != 1 ||
        PQsendQueryPrepared(conn, name, 1, values, NULL, NULL, 0) != 1 || PQpipelineSync(conn) != 1)
        fail(name, PQerrorMessage(conn));
    for (;;) {
        PGresult *result = PQgetResult(conn);
        ExecStatusType status = PQresultStatus(result);
        taken += status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC)
            break;
        if (PQstatus(conn) != CONNECTION_OK)
            fail(name, PQerrorMessage(conn));
    }
    if (taken != RESULTS)
        fail(name, PQerrorMessage(conn));
}

static size_t drop(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static CURL *open_upstream(void)
{
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        fail("curl", "no memory");
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    return easy;
}

static void *call(void *context)
{
    PGconn *conn = open_database();
    CURL *easy = open_upstream();
    // Apart from every other's, and from those of runs before.
    int64_t sequence = ((int64_t)time(NULL) << 28) + ((int64_t)(intptr_t)context << 20);
    while (!atomic_load(&over)) {
        commit(conn, "intent", sequence++);
        CURLcode code = curl_easy_perform(easy);
        if (code != CURLE_OK)
            fail("the GET", curl_easy_strerror(code));
        commit(conn, "outcome", sequence++);
        atomic_fetch_add(&done, 1);
    }
    curl_easy_cleanup(easy);
    PQfinish(conn);
    return NULL;
}

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 9)
        fail("usage", "floor DSN INTENT OUTCOME URL CA HEADER CALLERS SECONDS");
    pthread_t threads[CALLERS_MAX];
    int64_t callers = number(argv[7], CALLERS_MAX), seconds = number(argv[8], 3600);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        fail("curl", "no memory");
    dsn = argv[1];
    statements[0] = argv[2];
    statements[1] = argv[3];
    url = argv[4];
    ca = argv[5];
    headers = curl_slist_append(NULL, argv[6]);
    for (int64_t i = 0; i < callers; i++)
        if (pthread_create(&threads[i], NULL, call, (void *)(intptr_t)i) != 0)
            fail("threads", "not so many");
    // All are connected by then.
    const struct timespec a_moment = {.tv_nsec = 300000000};
    (void)nanosleep(&a_moment, NULL);
    long first = atomic_load(&done);
    double start = now();
    const struct timespec pause = {.tv_sec = (time_t)seconds};
    (void)nanosleep(&pause, NULL);
    printf("%.1f\n", (double)(atomic_load(&done) - first) / (now() - start));
    atomic_store(&over, true);
    for (int64_t i = 0; i < callers; i++)
        (void)pthread_join(threads[i], NULL);
    curl_slist_free_all(headers);
    return 0;
}
