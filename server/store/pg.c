#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/store/args.h"
#include "server/store/pg.h"
#include "server/store/pg_cancel.h"
#include "server/store/pg_target.h"
#include "server/store/sqlstate.h"

enum {
    CANCEL_POLL_MS = 50,   // how late a client that has gone is noticed
    CANCEL_AGAIN_MS = 500, // a cancel that came between two statements is lost: say it again
    BIND_BYTES_MAX = 256 * 1024 * 1024,
};

enum err_code pg_unavailable(struct err *reterr, const char *text)
{
    (void)err_set(reterr, ERR_STORE_UNAVAILABLE, "%s", text);
    err_retry_after(reterr, PG_RETRY_MS);
    return ERR_STORE_UNAVAILABLE;
}

enum err_code pg_say_place(const char *place, enum err_code code, struct err *reterr)
{
    bool unreached = code == ERR_STORE_UNAVAILABLE || code == ERR_DEADLINE_EXCEEDED;
    if (!unreached || place[0] == '\0' || reterr == NULL)
        return code;
    char text[ERR_TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "%s", reterr->text);
    return err_set(reterr, code, "%.200s: %s", text, place);
}

// Server messages may quote data.
static void drop_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

struct pg *pg_new(bool unnamed)
{
    struct pg *pg = calloc(1, sizeof(*pg));
    if (pg != NULL)
        pg->unnamed = unnamed;
    return pg;
}

struct pg *pg_free(struct pg *pg)
{
    if (pg == NULL)
        return NULL;
    PQfinish(pg->conn);
    free(pg);
    return NULL;
}

void pg_freep(struct pg **pg)
{
    *pg = pg_free(*pg);
}

static enum err_code wait_socket(int fd, short events, const struct pg_wait *wait)
{
    for (;;) {
        int64_t left = deadline_left_ms(wait->deadline);
        int64_t slice = wait->cancelled != NULL && left > CANCEL_POLL_MS ? CANCEL_POLL_MS : left;
        struct pollfd pollfd = {.fd = fd, .events = events};
        int ready = poll(&pollfd, 1, slice > 60000 ? 60000 : (int)slice);
        if (ready > 0)
            return ERR_OK;
        if (ready < 0 && errno != EINTR)
            return ERR_STORE_UNAVAILABLE;
        if (wait->cancelled != NULL && atomic_load(wait->cancelled))
            return ERR_CANCELLED;
        if (left == 0)
            return ERR_DEADLINE_EXCEEDED;
    }
}

static enum err_code given_up(enum err_code code, struct err *reterr)
{
    if (code == ERR_CANCELLED)
        return err_set(reterr, code, "the caller has gone");
    if (code == ERR_DEADLINE_EXCEEDED)
        return err_set(reterr, code, "the database did not answer in time");
    return pg_unavailable(reterr, "the connection to the database is lost");
}

// What an operator gets wrong, and what passes by itself. "": the code says all there is.
static const char *refusal(const char *state)
{
    static const struct {
        const char *state, *text;
    } known[] = {
        {"22023", ": no such role"},
        {"28000", ": no such login, or pg_hba.conf does not let it in"},
        {"28P01", ": the login's password is not accepted"},
        {"3D000", ": no such database"},
        {"42501", ": the login is no member of the role, or may not connect"},
        {"53300", ": no connection is left"},
        {"57P03", ": it is starting or stopping"},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strncmp(state, known[i].state, 5) == 0)
            return known[i].text;
    return "";
}

// With this verbosity a refusal reads "FATAL:  28P01": nothing of the DSN is in it.
static enum err_code refused(const PGconn *conn, struct err *reterr)
{
    const char *message = PQerrorMessage(conn);
    size_t len = strlen(message);
    while (len > 0 && isspace((unsigned char)message[len - 1]))
        len--;
    bool state = len > 8 && strncmp(message + len - 8, ":  ", 3) == 0;
    for (size_t i = len - 5; state && i < len; i++)
        state = isupper((unsigned char)message[i]) || isdigit((unsigned char)message[i]);
    if (!state)
        return pg_unavailable(reterr, "the database cannot be reached");
    char text[160];
    (void)snprintf(text, sizeof(text), "the database refused the connection (SQLSTATE %.5s%s)",
                   message + len - 5, refusal(message + len - 5));
    return pg_unavailable(reterr, text);
}

static enum err_code connect_host(struct pg *pg, const struct pg_target *target, size_t host,
                                  bool pipeline, const struct pg_wait *wait, struct err *reterr)
{
    pg->conn = pg_target_start(target, host);
    if (pg->conn == NULL)
        return err_no_memory(reterr);
    const char *name = PQhost(pg->conn), *port = PQport(pg->conn);
    if (name != NULL && name[0] != '\0')
        (void)snprintf(pg->place, sizeof(pg->place), "%s, port %s", name, port == NULL ? "" : port);
    (void)PQsetErrorVerbosity(pg->conn, PQERRORS_SQLSTATE);
    (void)PQsetNoticeProcessor(pg->conn, drop_notice, NULL);
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
        if (step == PGRES_POLLING_FAILED || PQstatus(pg->conn) == CONNECTION_BAD)
            return refused(pg->conn, reterr);
        // The socket changes when libpq goes on to the next address.
        enum err_code code =
            wait_socket(PQsocket(pg->conn), step == PGRES_POLLING_READING ? POLLIN : POLLOUT, wait);
        if (code != ERR_OK)
            return given_up(code, reterr);
        step = PQconnectPoll(pg->conn);
    }
    if (PQsetnonblocking(pg->conn, 1) != 0 || (pipeline && PQenterPipelineMode(pg->conn) != 1))
        return given_up(ERR_STORE_UNAVAILABLE, reterr);
    return ERR_OK;
}

enum err_code pg_connect(struct pg *pg, struct pg_target *target, bool pipeline,
                         const struct pg_wait *wait, struct err *reterr)
{
    size_t count = pg_target_hosts(target), first = pg_target_first(target);
    enum err_code code = ERR_STORE_UNAVAILABLE;
    for (size_t i = 0; i < count; i++) {
        // A host that is silent takes its share of the time and no more.
        size_t host = (first + i) % count;
        int64_t share = deadline_left_ms(wait->deadline) / (int64_t)(count - i);
        const struct pg_wait attempt = {deadline_at_most(wait->deadline, share), wait->cancelled};
        code = connect_host(pg, target, host, pipeline, &attempt, reterr);
        if (code == ERR_OK)
            pg_target_prefer(target, host);
        if (code != ERR_STORE_UNAVAILABLE && code != ERR_DEADLINE_EXCEEDED)
            return code;
        PQfinish(pg->conn);
        pg->conn = NULL;
    }
    return code;
}

bool pg_alive(struct pg *pg)
{
    struct pollfd pollfd = {.fd = PQsocket(pg->conn), .events = POLLIN};
    // Between transactions the server speaks only to part, or about a setting that was changed: a
    // new connection is right for both.
    return poll(&pollfd, 1, 0) == 0;
}

bool pg_reusable(const struct pg *pg)
{
    return pg->conn != NULL && !pg->broken && !pg->retire && PQstatus(pg->conn) == CONNECTION_OK &&
           PQtransactionStatus(pg->conn) == PQTRANS_IDLE &&
           PQpipelineStatus(pg->conn) == PQ_PIPELINE_ON;
}

// The place of `name` among the prepared, or where it would go; NULL when there is no more room.
static const char **find_prepared(struct pg *pg, const char *name)
{
    uint32_t hash = 2166136261u;
    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    size_t i = hash % PG_PREPARED_SLOTS;
    while (pg->prepared[i] != NULL && strcmp(pg->prepared[i], name) != 0)
        i = (i + 1) % PG_PREPARED_SLOTS;
    bool room = pg->prepared[i] != NULL || pg->prepared_count < PG_PREPARED_MAX;
    return room ? &pg->prepared[i] : NULL;
}

// What is sent and not yet answered: for each statement maybe a PREPARE, then its execution.
struct flight {
    struct {
        size_t query;
        const char *prepares; // NULL: this is the execution
    } items[2 * PG_FLIGHT_MAX];
    size_t count, at;
    size_t failed; // the query whose error is kept in the answer
};

static void expect(struct flight *flight, size_t query, const char *prepares)
{
    flight->items[flight->count].query = query;
    flight->items[flight->count++].prepares = prepares;
}

static bool send_query(struct pg *pg, struct flight *flight, size_t i, const struct pg_query *query,
                       const struct args_bound *bound)
{
    const struct statement *statement = query->statement;
    const char **prepared =
        pg->unnamed || statement->name == NULL ? NULL : find_prepared(pg, statement->name);
    if (prepared == NULL) {
        expect(flight, i, NULL);
        return PQsendQueryParams(pg->conn, statement->sql, bound->count, bound->types,
                                 bound->values, bound->lengths, bound->formats, 0) == 1;
    }
    if (*prepared == NULL) {
        expect(flight, i, statement->name);
        if (PQsendPrepare(pg->conn, statement->name, statement->sql, bound->count, bound->types) !=
            1)
            return false;
    }
    expect(flight, i, NULL);
    return PQsendQueryPrepared(pg->conn, statement->name, bound->count, bound->values,
                               bound->lengths, bound->formats, 0) == 1;
}

// Gets what is to be sent out and waits until PQgetResult has something.
static enum err_code advance(PGconn *conn, const struct pg_wait *wait)
{
    for (;;) {
        int unsent = PQflush(conn);
        if (unsent < 0)
            return ERR_STORE_UNAVAILABLE;
        if (unsent == 0 && PQisBusy(conn) == 0)
            return ERR_OK;
        short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
        try_(wait_socket(PQsocket(conn), events, wait));
        if (PQconsumeInput(conn) != 1)
            return ERR_STORE_UNAVAILABLE;
    }
}

static void keep(struct pg *pg, struct flight *flight, struct pg_answer *answer, PGresult *result)
{
    size_t query = flight->items[flight->at].query;
    const char *prepares = flight->items[flight->at].prepares;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_ABORTED) {
        PQclear(result);
    } else if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        if (prepares == NULL) {
            PQclear(answer->results[query]);
            answer->results[query] = result;
            return;
        }
        const char **place = find_prepared(pg, prepares);
        if (place != NULL && *place == NULL) {
            *place = prepares;
            pg->prepared_count++;
        }
        PQclear(result);
    } else {
        PQclear(answer->results[query]);
        answer->results[query] = result;
        if (flight->failed == PG_FLIGHT_MAX)
            flight->failed = query;
    }
}

// Takes results until the sync. Goes on where it stopped when called again.
static enum err_code gather(struct pg *pg, struct flight *flight, const struct pg_wait *wait,
                            struct pg_answer *answer)
{
    for (;;) {
        try_(advance(pg->conn, wait));
        PGresult *result = PQgetResult(pg->conn);
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return ERR_OK;
        }
        if (result == NULL) {
            flight->at++; // a NULL ends each item
        } else if (flight->at < flight->count) {
            keep(pg, flight, answer, result);
        } else {
            PQclear(result);
        }
        if (PQstatus(pg->conn) != CONNECTION_OK || flight->at > flight->count)
            return ERR_STORE_UNAVAILABLE;
    }
}

// Asks the server to stop, then takes what it still says. False: it does not stop.
static bool cancel_and_drain(struct pg *pg, struct flight *flight, struct pg_answer *answer)
{
    _cleanup_(pg_cancel_freep) struct pg_cancel *cancel = pg_cancel_start(pg->conn);
    struct deadline end = deadline_in(PG_DRAIN_MS);
    enum err_code code = ERR_DEADLINE_EXCEEDED;
    while (code == ERR_DEADLINE_EXCEEDED && deadline_left_ms(end) > 0) {
        struct pg_wait wait = {deadline_at_most(end, CANCEL_AGAIN_MS), NULL};
        code = gather(pg, flight, &wait, answer);
        if (code == ERR_DEADLINE_EXCEEDED && pg_cancel_wait(cancel, deadline_in(0))) {
            (void)pg_cancel_free(cancel);
            cancel = pg_cancel_start(pg->conn);
        }
    }
    return code == ERR_OK && pg_cancel_wait(cancel, end);
}

static enum err_code translate(struct pg *pg, const PGresult *result, enum err_code cause,
                               struct pg_answer *answer, struct err *reterr)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum err_code code = sqlstate_code(state);
    pg->retire |= sqlstate_retires(state);
    if (state == NULL)
        return given_up(ERR_STORE_UNAVAILABLE, reterr);
    if (code == ERR_DEADLINE_EXCEEDED)
        return given_up(cause == ERR_OK ? code : cause, reterr);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    (void)snprintf(answer->constraint, sizeof(answer->constraint), "%s",
                   constraint == NULL ? "" : constraint);
    (void)err_set(reterr, code, "the database refused a statement (SQLSTATE %s)", state);
    if (code == ERR_STORE_UNAVAILABLE)
        err_retry_after(reterr, PG_RETRY_MS);
    return code;
}

void pg_answer_done(struct pg_answer *answer)
{
    for (size_t i = 0; i < ARRAY_LEN(answer->results); i++) {
        PQclear(answer->results[i]);
        answer->results[i] = NULL;
    }
}

static enum err_code launch(struct pg *pg, struct flight *flight, const struct pg_query *queries,
                            size_t count, struct err *reterr)
{
    struct arena arena;
    arena_init(&arena, BIND_BYTES_MAX);
    struct args_bound bounds[PG_FLIGHT_MAX];
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++)
        code = args_bind(queries[i].args, queries[i].arg_count, &arena, &bounds[i], reterr);
    if (code == ERR_OK) {
        bool sent = true;
        for (size_t i = 0; i < count && sent; i++)
            sent = send_query(pg, flight, i, &queries[i], &bounds[i]);
        // With a part of it sent there is no way back.
        if (!sent || PQpipelineSync(pg->conn) != 1) {
            pg->broken = true;
            code = given_up(ERR_STORE_UNAVAILABLE, reterr);
        }
    }
    arena_done(&arena);
    return code;
}

enum err_code pg_fly(struct pg *pg, const struct pg_query *queries, size_t count,
                     const struct pg_wait *wait, struct pg_answer *ret_answer, struct err *reterr)
{
    *ret_answer = (struct pg_answer){0};
    if (pg->broken)
        return given_up(ERR_STORE_UNAVAILABLE, reterr);
    if (wait->cancelled != NULL && atomic_load(wait->cancelled))
        return given_up(ERR_CANCELLED, reterr);
    if (deadline_left_ms(wait->deadline) == 0)
        return given_up(ERR_DEADLINE_EXCEEDED, reterr);
    struct flight flight = {.failed = PG_FLIGHT_MAX};
    try_(launch(pg, &flight, queries, count, reterr));
    if (wait->meanwhile != NULL && PQflush(pg->conn) == 0)
        wait->meanwhile(wait->context);
    enum err_code cause = gather(pg, &flight, wait, ret_answer);
    if (cause == ERR_STORE_UNAVAILABLE ||
        (cause != ERR_OK && !cancel_and_drain(pg, &flight, ret_answer))) {
        pg->broken = true;
        pg_answer_done(ret_answer);
        return given_up(cause, reterr);
    }
    if (flight.failed == PG_FLIGHT_MAX)
        return ERR_OK; // also when it was done before the cancel came
    enum err_code code =
        translate(pg, ret_answer->results[flight.failed], cause, ret_answer, reterr);
    pg_answer_done(ret_answer);
    return code;
}

enum err_code pg_script(struct pg *pg, const char *sql, const struct pg_wait *wait,
                        PGresult **ret_result, struct err *reterr)
{
    struct pg_answer answer = {0};
    PGresult *last = NULL;
    enum err_code code = PQsendQuery(pg->conn, sql) == 1 ? ERR_OK : ERR_STORE_UNAVAILABLE;
    while (code == ERR_OK) {
        code = advance(pg->conn, wait);
        PGresult *result = code == ERR_OK ? PQgetResult(pg->conn) : NULL;
        if (result == NULL)
            break;
        PQclear(last);
        last = result;
    }
    if (code != ERR_OK || last == NULL) {
        code = given_up(code == ERR_OK ? ERR_STORE_UNAVAILABLE : code, reterr);
        pg->broken = true;
    } else if (PQresultStatus(last) != PGRES_TUPLES_OK &&
               PQresultStatus(last) != PGRES_COMMAND_OK) {
        code = translate(pg, last, ERR_OK, &answer, reterr);
    } else if (ret_result != NULL) {
        *ret_result = steal(last);
    }
    PQclear(last);
    return code;
}
