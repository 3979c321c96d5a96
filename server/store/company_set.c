#include "server/store/company_set.h"

#define COLUMNS "SELECT id, revision, company_count, update_time FROM company_set WHERE tenant = $1"

static const struct statement get_sql = {"company_set_get", COLUMNS " AND id = $2"};
static const struct statement lock_sql = {"company_set_lock",
                                          COLUMNS " AND id = $2 FOR NO KEY UPDATE"};
static const struct statement list_sql = {"company_set_list",
                                          COLUMNS " AND id > $2 ORDER BY id LIMIT $3"};
static const struct statement members_sql = {
    "company_set_members", "SELECT array_agg(company_id ORDER BY company_id COLLATE \"C\")"
                           " FROM company_set_member WHERE tenant = $1 AND set_id = $2"};
static const struct statement put_sql = {
    "company_set_put",
    "INSERT INTO company_set AS s (tenant, id, company_count, update_time) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (tenant, id) DO UPDATE SET revision = s.revision + 1,"
    "  company_count = excluded.company_count, update_time = excluded.update_time"};
// What stays is not written. This and `holds_sql` are hashed whatever the planner knows of the
// table: all of a set compared with all of another would be a hundred million comparisons.
static const struct statement drop_sql = {"company_set_drop",
                                          "DELETE FROM company_set_member"
                                          " WHERE tenant = $1 AND set_id = $2"
                                          " AND company_id NOT IN (SELECT unnest($3::text[]))"};
static const struct statement add_sql = {
    "company_set_add", "INSERT INTO company_set_member (tenant, set_id, company_id)"
                       " SELECT $1, $2, g.id FROM unnest($3::text[]) AS g (id)"
                       " ON CONFLICT DO NOTHING"};
static const struct statement delete_sql = {
    "company_set_delete", "DELETE FROM company_set WHERE tenant = $1 AND id = $2"};
static const struct statement holds_sql = {"company_set_holds",
                                           "SELECT NOT EXISTS (SELECT unnest($3::text[]) EXCEPT"
                                           " SELECT company_id FROM company_set_member"
                                           " WHERE tenant = $1 AND set_id = $2)"};
static const struct statement lacks_sql = {
    "company_set_lacks",
    "SELECT coalesce(min(g.place), 0) FROM unnest($3::text[]) WITH ORDINALITY AS g (id, place)"
    " WHERE NOT EXISTS (SELECT FROM company_set_member m"
    "                   WHERE m.tenant = $1 AND m.set_id = $2 AND m.company_id = g.id)"};

static enum err_code read_sets(const struct rows *rows, struct arena *arena,
                               struct company_set **ret_sets, size_t *ret_count, struct err *reterr)
{
    size_t count = (size_t)rows_count(rows);
    struct company_set *sets = arena_calloc(arena, count + 1, sizeof(*sets));
    if (sets == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        sets[i] = (struct company_set){.id = rows_text_copy(rows, (int)i, 0, arena),
                                       .revision = rows_int64(rows, (int)i, 1),
                                       .company_count = (int)rows_int64(rows, (int)i, 2),
                                       .update_time_us = rows_time(rows, (int)i, 3)};
        if (sets[i].id == NULL)
            return err_no_memory(reterr);
    }
    *ret_sets = sets;
    *ret_count = count;
    return ERR_OK;
}

enum err_code company_set_get(struct tx *tx, const char *id, bool lock, struct arena *arena,
                              struct company_set **ret_set, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    size_t count;
    try_(tx_query(tx, lock ? &lock_sql : &get_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)),
                  &rows, reterr));
    try_(read_sets(&rows, arena, ret_set, &count, reterr));
    if (count == 0)
        *ret_set = NULL;
    return ERR_OK;
}

enum err_code company_set_members(struct tx *tx, const char *id, struct arena *arena,
                                  const char *const **ret_ids, size_t *ret_count,
                                  struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &members_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), &rows, reterr));
    *ret_ids = NULL;
    *ret_count = 0;
    if (rows_null(&rows, 0, 0))
        return ERR_OK;
    *ret_ids = rows_texts(&rows, 0, 0, arena, ret_count);
    return *ret_ids == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code company_set_put(struct tx *tx, const char *id, const char *const *company_ids,
                              size_t count, int64_t time_us, struct err *reterr)
{
    try_(tx_run(tx, &put_sql,
                ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_INT64(count), ARG_TIME(time_us)),
                reterr));
    try_(tx_run(tx, &drop_sql,
                ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_TEXTS(company_ids, count)),
                reterr));
    return tx_run(tx, &add_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_TEXTS(company_ids, count)),
                  reterr);
}

enum err_code company_set_delete(struct tx *tx, const char *id, struct err *reterr)
{
    return tx_run(tx, &delete_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), reterr);
}

enum err_code company_set_list(struct tx *tx, const char *after, int limit, struct arena *arena,
                               struct company_set **ret_sets, size_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &list_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(after), ARG_INT64(limit)),
                  &rows, reterr));
    return read_sets(&rows, arena, ret_sets, ret_count, reterr);
}

enum err_code company_set_holds(struct tx *tx, const char *id, const char *const *company_ids,
                                size_t count, bool *ret_holds, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &holds_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_TEXTS(company_ids, count)), &rows,
                  reterr));
    *ret_holds = rows_bool(&rows, 0, 0);
    return ERR_OK;
}

enum err_code company_set_lacks(struct tx *tx, const char *id, const char *const *company_ids,
                                size_t count, size_t *ret_place, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &lacks_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_TEXTS(company_ids, count)), &rows,
                  reterr));
    int64_t place = rows_int64(&rows, 0, 0);
    *ret_place = place == 0 ? count : (size_t)place - 1;
    return ERR_OK;
}
