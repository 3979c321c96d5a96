#include "server/store/reveal_budget.h"

static const struct statement use_sql = {
    "reveal_budget_use",
    "SELECT full_scope, retry_ms FROM take_reveal_budget($1, $2, $3, $4, $5, $6, $7, $8, $9)"};

// What take_reveal_budget() would say of many secrets: which budgets are used up is counted once.
static const struct statement full_sql = {
    "reveal_budget_full",
    "WITH used_up AS MATERIALIZED (SELECT b.scope, b.scope_id, t.since"
    "  FROM unnest($3::bigint[], $4::text[], $5::bigint[], $6::bigint[])"
    "       AS b(scope, scope_id, most, window_s)"
    "  CROSS JOIN LATERAL (SELECT clock_timestamp() - make_interval(secs => b.window_s)) t(since)"
    "  WHERE (SELECT count(*) FROM reveal_use u WHERE u.tenant = $1 AND u.scope = b.scope"
    "          AND u.scope_id = b.scope_id AND u.use_time > t.since) >= b.most)"
    " SELECT (SELECT min(b.scope) FROM used_up b WHERE NOT EXISTS (SELECT FROM reveal_use u"
    "   WHERE u.tenant = $1 AND u.scope = b.scope AND u.scope_id = b.scope_id"
    "     AND u.connection_id = $2 AND u.password_id = i.id AND u.use_time > b.since))"
    " FROM unnest($7::bigint[]) WITH ORDINALITY AS i(id, place) ORDER BY i.place"};

static const struct statement put_sql = {
    "reveal_freeze_put",
    "INSERT INTO reveal_freeze (tenant, scope, scope_id, id, scope_display_name, cause_subject,"
    "  cause_display_name, cause_kind, secret_limit, window_s, freeze_time)"
    " VALUES ($1, $2, $3, gen_random_uuid()::text, $4, $5, $6, $7, $8, $9, $10)"
    " ON CONFLICT (tenant, scope, scope_id) DO NOTHING RETURNING id"};

#define FREEZE                                                                       \
    "SELECT f.id, f.scope, f.scope_id, f.scope_display_name, f.cause_subject,"       \
    " f.cause_display_name, f.cause_kind, f.secret_limit, f.window_s, f.freeze_time" \
    " FROM reveal_freeze f WHERE f.tenant = $1"

static const struct statement list_sql = {"reveal_freeze_list",
                                          FREEZE " AND f.id > $2 ORDER BY f.id LIMIT $3"};
static const struct statement get_sql = {"reveal_freeze_get", FREEZE " AND f.id = $2"};

// What has left the window is only removed by the next take, and a freeze lets none come.
static const struct statement most_sql = {
    "reveal_freeze_most",
    "SELECT t.subject FROM (SELECT u.subject, count(*) AS room,"
    "   lead(count(*)) OVER (ORDER BY count(*) DESC) AS next_room"
    "  FROM reveal_use u WHERE u.tenant = $1 AND u.scope = $2 AND u.scope_id = $3"
    "   AND u.use_time > $4::timestamptz - make_interval(secs => $5::bigint)"
    "  GROUP BY u.subject ORDER BY count(*) DESC LIMIT 1) t"
    " WHERE t.room > coalesce(t.next_room, 0)"};

static const struct statement end_sql = {
    "reveal_freeze_end",
    "WITH ended AS ("
    " DELETE FROM reveal_freeze WHERE tenant = $1 AND scope = $2 AND scope_id = $3 AND id = $4"
    " RETURNING 1),"
    " forgotten AS ("
    " DELETE FROM reveal_use WHERE tenant = $1 AND scope = $2 AND scope_id = $3"
    "  AND EXISTS (SELECT FROM ended))"
    " SELECT count(*) FROM ended"};

bool reveal_budget_any(const struct reveal_policy *policy)
{
    for (int i = 0; i < REVEAL_SCOPE_COUNT; i++)
        if (policy->budgets[i].limit > 0)
            return true;
    return false;
}

// The budgets that there are, as statements take them.
struct budgets {
    int64_t scopes[REVEAL_SCOPE_COUNT], limits[REVEAL_SCOPE_COUNT], windows[REVEAL_SCOPE_COUNT];
    const char *ids[REVEAL_SCOPE_COUNT];
    size_t count;
};

static struct budgets budgets_of(const struct reveal_policy *policy,
                                 const struct reveal_usage *usage)
{
    const char *const ids[REVEAL_SCOPE_COUNT] = {usage->subject, usage->company_id, ""};
    struct budgets all = {.count = 0};
    for (int i = 0; i < REVEAL_SCOPE_COUNT; i++) {
        bool nobody = i + 1 == REVEAL_SCOPE_USER && usage->subject[0] == '\0';
        if (policy->budgets[i].limit == 0 || nobody)
            continue;
        all.scopes[all.count] = i + 1;
        all.ids[all.count] = ids[i];
        all.limits[all.count] = policy->budgets[i].limit;
        all.windows[all.count++] = policy->budgets[i].window_s;
    }
    return all;
}

#define BUDGETS_ARGS(all)                                                     \
    ARG_INT64S((all).scopes, (all).count), ARG_TEXTS((all).ids, (all).count), \
        ARG_INT64S((all).limits, (all).count), ARG_INT64S((all).windows, (all).count)

enum err_code reveal_budget_use(struct tx *tx, const struct reveal_policy *policy,
                                const struct reveal_usage *usage, bool take,
                                struct reveal_excess *ret_excess, struct err *reterr)
{
    const struct budgets all = budgets_of(policy, usage);
    struct rows rows _cleanup_(rows_done) = {0};
    *ret_excess = (struct reveal_excess){0};
    if (all.count == 0)
        return ERR_OK;
    try_(tx_query(tx, &use_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(usage->connection_id),
                       ARG_INT64(usage->password_id), ARG_TEXT(usage->subject), BUDGETS_ARGS(all),
                       ARG_BOOL(take)),
                  &rows, reterr));
    if (rows_count(&rows) > 0)
        *ret_excess = (struct reveal_excess){.scope = (int)rows_int64(&rows, 0, 0),
                                             .retry_ms = rows_int64(&rows, 0, 1)};
    return ERR_OK;
}

enum err_code reveal_budget_full(struct tx *tx, const struct reveal_policy *policy,
                                 const struct reveal_usage *usage, const int64_t *password_ids,
                                 size_t count, int *ret_scopes, struct err *reterr)
{
    const struct budgets all = budgets_of(policy, usage);
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &full_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(usage->connection_id), BUDGETS_ARGS(all),
                       ARG_INT64S(password_ids, count)),
                  &rows, reterr));
    for (size_t i = 0; i < count; i++)
        ret_scopes[i] = (int)i < rows_count(&rows) ? (int)rows_int64(&rows, (int)i, 0) : 0;
    return ERR_OK;
}

enum err_code reveal_freeze_put(struct tx *tx, const struct reveal_freeze *freeze,
                                struct arena *arena, const char **ret_id, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &put_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_INT64(freeze->scope),
                       ARG_TEXT(freeze->scope_id), ARG_TEXT(freeze->scope_display_name),
                       ARG_TEXT(freeze->cause_subject), ARG_TEXT(freeze->cause_display_name),
                       ARG_INT64(freeze->cause_kind), ARG_INT64(freeze->limit),
                       ARG_INT64(freeze->window_s), ARG_TIME(freeze->freeze_time_us)),
                  &rows, reterr));
    *ret_id = NULL;
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_id = rows_text_copy(&rows, 0, 0, arena);
    return *ret_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

static bool read_freeze(const struct rows *rows, int row, struct arena *arena,
                        struct reveal_freeze *ret_freeze)
{
    *ret_freeze = (struct reveal_freeze){
        .id = rows_text_copy(rows, row, 0, arena),
        .scope = (int)rows_int64(rows, row, 1),
        .scope_id = rows_text_copy(rows, row, 2, arena),
        .scope_display_name = rows_text_copy(rows, row, 3, arena),
        .cause_subject = rows_text_copy(rows, row, 4, arena),
        .cause_display_name = rows_text_copy(rows, row, 5, arena),
        .cause_kind = (int)rows_int64(rows, row, 6),
        .limit = (int)rows_int64(rows, row, 7),
        .window_s = (int)rows_int64(rows, row, 8),
        .freeze_time_us = rows_time(rows, row, 9),
    };
    return ret_freeze->id != NULL && ret_freeze->scope_id != NULL &&
           ret_freeze->scope_display_name != NULL && ret_freeze->cause_subject != NULL &&
           ret_freeze->cause_display_name != NULL;
}

enum err_code reveal_freeze_list(struct tx *tx, const char *after_id, int limit,
                                 struct arena *arena, struct reveal_freeze **ret_freezes,
                                 size_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &list_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(after_id), ARG_INT64(limit)), &rows,
                  reterr));
    size_t count = (size_t)rows_count(&rows);
    struct reveal_freeze *all = arena_calloc(arena, count + 1, sizeof(*all));
    if (all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        if (!read_freeze(&rows, (int)i, arena, &all[i]))
            return err_no_memory(reterr);
    *ret_freezes = all;
    *ret_count = count;
    return ERR_OK;
}

enum err_code reveal_freeze_get(struct tx *tx, const char *id, struct arena *arena,
                                struct reveal_freeze **ret_freeze, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), &rows, reterr));
    *ret_freeze = NULL;
    if (rows_count(&rows) == 0)
        return ERR_OK;
    struct reveal_freeze *freeze = arena_calloc(arena, 1, sizeof(*freeze));
    if (freeze == NULL || !read_freeze(&rows, 0, arena, freeze))
        return err_no_memory(reterr);
    *ret_freeze = freeze;
    return ERR_OK;
}

enum err_code reveal_freeze_most(struct tx *tx, const struct reveal_freeze *freeze,
                                 struct arena *arena, const char **ret_subject, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(
        tx_query(tx, &most_sql,
                 ARGS(ARG_TEXT(tx_tenant(tx)), ARG_INT64(freeze->scope), ARG_TEXT(freeze->scope_id),
                      ARG_TIME(freeze->freeze_time_us), ARG_INT64(freeze->window_s)),
                 &rows, reterr));
    *ret_subject = rows_count(&rows) == 0 ? "" : rows_text_copy(&rows, 0, 0, arena);
    return *ret_subject == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code reveal_freeze_end(struct tx *tx, const struct reveal_freeze *freeze, bool *ret_ended,
                                struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &end_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_INT64(freeze->scope),
                       ARG_TEXT(freeze->scope_id), ARG_TEXT(freeze->id)),
                  &rows, reterr));
    *ret_ended = rows_int64(&rows, 0, 0) == 1;
    return ERR_OK;
}
