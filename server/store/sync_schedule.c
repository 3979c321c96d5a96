#include "server/store/sync_schedule.h"

#include <string.h>

#include "server/base/encoding.h"

enum { KINDS = SYNC_SCHEDULE_KINDS - 1 };

static const struct statement make_sql = {
    "sync_schedule_make",
    "WITH d AS (SELECT clock_timestamp() + $3::bigint * interval '1 millisecond' AS due,"
    "   clock_timestamp() + random() * $4::bigint * interval '1 millisecond' AS full_due)"
    " INSERT INTO sync_schedule (tenant, connection_id, look_time, due_times, full_due_time)"
    " SELECT $1, $2, due, array_fill(due, ARRAY[5]), full_due FROM d"};

#define MICROS(array)                                                         \
    "(SELECT array_agg((extract(epoch FROM t) * 1000000)::bigint ORDER BY n)" \
    "  FROM unnest(s." array ") WITH ORDINALITY AS a(t, n))"
#define COLUMNS                                                                                   \
    "SELECT s.full_interval_seconds, s.full_due_time, s.revision,"                                \
    " s.update_time, clock_timestamp(), s.interval_seconds, s.objective_seconds, " MICROS(        \
        "due_times") ", " MICROS("breach_times") "," MICROS("since_times") ","                    \
                                                                           " (SELECT "            \
                                                                           "array_agg((extract("  \
                                                                           "epoch FROM "          \
                                                                           "f.complete_time) * "  \
                                                                           "1000000)::bigint "    \
                                                                           "ORDER BY k)"          \
                                                                           "   FROM "             \
                                                                           "generate_series(1, "  \
                                                                           "5) AS k LEFT JOIN "   \
                                                                           "sync_freshness AS f " \
                                                                           "ON f.tenant = "       \
                                                                           "s.tenant"             \
                                                                           "   AND "              \
                                                                           "f.connection_id = "   \
                                                                           "s.connection_id AND " \
                                                                           "f.kind = k AND "      \
                                                                           "f.organization_id = " \
                                                                           "0)"                   \
                                                                           " FROM sync_schedule " \
                                                                           "AS s WHERE s.tenant " \
                                                                           "= $1 AND "            \
                                                                           "s.connection_id = $2"

static const struct statement get_sql = {"sync_schedule_get", COLUMNS};
static const struct statement get_locked_sql = {"sync_schedule_get_locked",
                                                COLUMNS " FOR NO KEY UPDATE OF s"};

static const struct statement states_sql = {
    "sync_schedule_states",
    "SELECT k, (SELECT t.state FROM sync_run AS r JOIN sync_task AS t ON t.tenant = r.tenant"
    "   AND t.connection_id = r.connection_id AND t.run_id = r.id AND t.kind = k"
    "   WHERE r.tenant = $1 AND r.connection_id = $2 AND t.state <> 1"
    "   ORDER BY r.create_time DESC, r.id LIMIT 1)"
    " FROM generate_series(1, 5) AS k"};

static const struct statement choose_sql = {
    "sync_schedule_choose",
    "UPDATE sync_schedule SET full_interval_seconds = nullif($3::bigint, 0),"
    " interval_seconds = (SELECT array_agg(nullif(i, 0) ORDER BY n)"
    "   FROM unnest($4::bigint[]) WITH ORDINALITY AS a(i, n)),"
    " objective_seconds = (SELECT array_agg(nullif(i, 0) ORDER BY n)"
    "   FROM unnest($5::bigint[]) WITH ORDINALITY AS a(i, n)),"
    " due_times = $6, full_due_time = $7, look_time = clock_timestamp(),"
    " revision = revision + 1, update_time = clock_timestamp()"
    " WHERE tenant = $1 AND connection_id = $2"};

static const struct statement put_sql = {
    "sync_schedule_put", "UPDATE sync_schedule SET due_times = $3, breach_times = $4,"
                         " full_due_time = $5, look_time = $6, since_times = $7"
                         " WHERE tenant = $1 AND connection_id = $2"};

static const struct statement take_sql = {
    "sync_schedule_take",
    "WITH due AS MATERIALIZED (SELECT tenant, connection_id FROM sync_schedule"
    "  WHERE look_time <= clock_timestamp() ORDER BY look_time LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " UPDATE sync_schedule AS s SET look_time = clock_timestamp() + interval '1 minute' FROM due"
    " WHERE s.tenant = due.tenant AND s.connection_id = due.connection_id"
    " RETURNING s.tenant, s.connection_id"};

enum err_code sync_schedule_make(struct tx *tx, const char *connection_id, int64_t due_ms,
                                 int64_t full_due_ms, struct err *reterr)
{
    return tx_run(tx, &make_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(due_ms),
                       ARG_INT64(full_due_ms)),
                  reterr);
}

// Numbers by kind; what is NULL is 0.
static enum err_code read_numbers(const struct rows *rows, int column, struct arena *arena,
                                  int64_t ret_numbers[SYNC_SCHEDULE_KINDS], struct err *reterr)
{
    size_t count = 0;
    const char *const *texts = rows_texts(rows, 0, column, arena, &count);
    if (texts == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < SYNC_SCHEDULE_KINDS; i++)
        ret_numbers[i] = 0;
    for (size_t i = 0; i < count && i < KINDS; i++)
        if (texts[i] != NULL && !encoding_int64(texts[i], strlen(texts[i]), &ret_numbers[i + 1]))
            return err_set(reterr, ERR_INTERNAL, "a schedule cannot be read");
    return ERR_OK;
}

enum err_code sync_schedule_get(struct tx *tx, const char *connection_id, bool lock,
                                struct arena *arena, struct sync_schedule *ret_schedule,
                                bool *ret_found, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {NULL};
    int64_t numbers[6][SYNC_SCHEDULE_KINDS];
    try_(tx_query(tx, lock ? &get_locked_sql : &get_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows, reterr));
    *ret_found = rows_count(&rows) == 1;
    if (!*ret_found)
        return ERR_OK;
    *ret_schedule = (struct sync_schedule){
        .full_interval_s = rows_int64(&rows, 0, 0),
        .full_due_time_us = rows_time(&rows, 0, 1),
        .revision = rows_int64(&rows, 0, 2),
        .update_time_us = rows_time(&rows, 0, 3),
        .now_us = rows_time(&rows, 0, 4),
    };
    for (int i = 0; i < 6; i++)
        try_(read_numbers(&rows, 5 + i, arena, numbers[i], reterr));
    for (int kind = 1; kind < SYNC_SCHEDULE_KINDS; kind++)
        ret_schedule->tasks[kind] = (struct sync_schedule_task){
            .interval_s = numbers[0][kind],
            .objective_s = numbers[1][kind],
            .due_time_us = numbers[2][kind],
            .breach_time_us = numbers[3][kind],
            .since_time_us = numbers[4][kind],
            .complete_time_us = numbers[5][kind],
        };
    return ERR_OK;
}

enum err_code sync_schedule_states(struct tx *tx, const char *connection_id,
                                   int ret_states[SYNC_SCHEDULE_KINDS], struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &states_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    ret_states[0] = 0;
    for (int i = 0; i < rows_count(&rows) && i < KINDS; i++)
        ret_states[i + 1] = (int)rows_int64(&rows, i, 1);
    return ERR_OK;
}

enum err_code sync_schedule_choose(struct tx *tx, const char *connection_id,
                                   const struct sync_schedule *schedule, struct err *reterr)
{
    int64_t intervals[KINDS], objectives[KINDS], due[KINDS];
    for (int i = 0; i < KINDS; i++) {
        intervals[i] = schedule->tasks[i + 1].interval_s;
        objectives[i] = schedule->tasks[i + 1].objective_s;
        due[i] = schedule->tasks[i + 1].due_time_us;
    }
    return tx_run(tx, &choose_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64(schedule->full_interval_s), ARG_INT64S(intervals, KINDS),
                       ARG_INT64S(objectives, KINDS), ARG_TIMES(due, KINDS),
                       ARG_TIME(schedule->full_due_time_us)),
                  reterr);
}

enum err_code sync_schedule_put(struct tx *tx, const char *connection_id,
                                const struct sync_schedule *schedule, int64_t look_time_us,
                                struct err *reterr)
{
    int64_t due[KINDS], breaches[KINDS], since[KINDS];
    for (int i = 0; i < KINDS; i++) {
        due[i] = schedule->tasks[i + 1].due_time_us;
        breaches[i] = schedule->tasks[i + 1].breach_time_us;
        since[i] = schedule->tasks[i + 1].since_time_us;
    }
    return tx_run(tx, &put_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TIMES(due, KINDS),
                       ARG_TIMES(breaches, KINDS), ARG_TIME(schedule->full_due_time_us),
                       ARG_TIME(look_time_us), ARG_TIMES(since, KINDS)),
                  reterr);
}

enum err_code sync_schedule_take(struct tx *tx, struct arena *arena,
                                 struct sync_schedule_due *ret_due, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {NULL};
    *ret_due = (struct sync_schedule_due){0};
    try_(tx_query(tx, &take_sql, NULL, 0, &rows, reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_due->tenant = rows_text_copy(&rows, 0, 0, arena);
    ret_due->connection_id = rows_text_copy(&rows, 0, 1, arena);
    return ret_due->tenant == NULL || ret_due->connection_id == NULL ? err_no_memory(reterr)
                                                                     : ERR_OK;
}
