#include "server/store/company.h"

#include "server/store/company_set.h"

#define COLUMNS                                                                                 \
    "c.id, c.display_name, c.psa_type, c.psa_external_id, c.revision, c.update_time,"           \
    " ARRAY(SELECT 'connections/' || m.connection_id || '/organizations/' || m.organization_id" \
    "       FROM mapping m JOIN connection n ON n.tenant = m.tenant AND n.id = m.connection_id" \
    "       WHERE m.tenant = c.tenant AND m.company_id = c.id AND n.state <> 4"                 \
    "       ORDER BY m.connection_id, m.organization_id)"

// In the order of the ids, so that two batches never wait for each other in a circle.
static const struct statement upsert_sql = {
    "company_upsert",
    "WITH written AS ("
    " INSERT INTO company AS c (tenant, id, display_name, name_key, psa_type, psa_external_id,"
    "  create_time, update_time)"
    " SELECT $1, g.id, g.display_name, g.name_key, g.psa_type, g.psa_external_id, $7, $7"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])"
    "  AS g (id, display_name, name_key, psa_type, psa_external_id) ORDER BY g.id"
    " ON CONFLICT (tenant, id) DO UPDATE SET display_name = excluded.display_name,"
    "  name_key = excluded.name_key, psa_type = excluded.psa_type,"
    "  psa_external_id = excluded.psa_external_id, revision = c.revision + 1,"
    "  update_time = excluded.update_time"
    " WHERE (c.display_name, c.name_key, c.psa_type, c.psa_external_id) IS DISTINCT FROM"
    "  (excluded.display_name, excluded.name_key, excluded.psa_type, excluded.psa_external_id)"
    " RETURNING revision)"
    " SELECT count(*) FILTER (WHERE revision = 1), count(*) FILTER (WHERE revision > 1)"
    " FROM written"};

// All of a push are held, in the order that it writes them in: of two that held what differs alone
// each would wait for the other's.
static const struct statement differing_sql = {
    "company_differing",
    "WITH held AS MATERIALIZED ("
    " SELECT c.id, c.display_name, c.psa_type, c.psa_external_id,"
    "  g.display_name AS new_name, g.psa_type AS new_type, g.psa_external_id AS new_external_id"
    " FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[])"
    "  AS g (id, display_name, psa_type, psa_external_id)"
    " JOIN company c ON c.tenant = $1 AND c.id = g.id ORDER BY c.id FOR NO KEY UPDATE OF c)"
    " SELECT id, display_name, psa_type, psa_external_id FROM held"
    " WHERE (display_name, psa_type, psa_external_id) IS DISTINCT FROM"
    "  (new_name, new_type, new_external_id) ORDER BY id"};

static const struct statement get_many_sql = {
    "company_get_many",
    "SELECT " COLUMNS " FROM unnest($2::text[]) WITH ORDINALITY AS g (id, place)"
    " JOIN company c ON c.tenant = $1 AND c.id = g.id ORDER BY g.place"};

static const struct statement lock_sql = {
    "company_lock",
    "SELECT display_name FROM company WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE"};

static const struct statement delete_sql = {"company_delete",
                                            "DELETE FROM company WHERE tenant = $1 AND id = $2"};

#define MATCHES                                                                                  \
    " FROM company c WHERE c.tenant = $1 AND ($2 OR c.id = ANY ($3) OR " OF_COMPANY_SET(         \
        "c.id") ")"                                                                              \
                " AND ($4::text IS NULL OR position($4 IN c.name_key) > 0)"                      \
                " AND ($5::text IS NULL OR (c.psa_type <> 0 AND c.psa_external_id = $5))"        \
                " AND ($6 < 0 OR EXISTS (SELECT FROM mapping m JOIN connection n ON n.tenant = " \
                "m.tenant"                                                                       \
                "  AND n.id = m.connection_id WHERE m.tenant = c.tenant AND m.company_id = c.id" \
                "  AND n.state <> 4) = ($6 = 1))"                                                \
                " AND ($7 = 0 OR c.psa_type = $7)"

// The name in a page token may be cut: the row itself, if it is as it was, says where it ends. In
// one statement with an OR no index would find where a page begins.
static const struct statement list_sql = {
    "company_list", "SELECT " COLUMNS MATCHES " AND $8::text IS NOT NULL AND $9::text IS NOT NULL"
                    " ORDER BY c.display_name, c.id LIMIT $10"};
static const struct statement list_after_sql = {
    "company_list_after",
    "SELECT " COLUMNS MATCHES " AND (c.display_name, c.id) > ((SELECT coalesce("
    "  (SELECT a.display_name FROM company a WHERE a.tenant = $1"
    "   AND a.id = $9 AND starts_with(a.display_name, $8)), $8)), $9)"
    " ORDER BY c.display_name, c.id LIMIT $10"};

static const struct statement count_sql = {"company_count", "SELECT count(*)" MATCHES};

// A push by columns, as statements take it.
struct columns {
    const char **ids, **names, **keys, **external_ids;
    int64_t *types;
};

static enum err_code columns_of(const struct company_push *pushes, size_t count,
                                struct arena *arena, struct columns *ret, struct err *reterr)
{
    ret->ids = arena_calloc(arena, count, sizeof(*ret->ids));
    ret->names = arena_calloc(arena, count, sizeof(*ret->names));
    ret->keys = arena_calloc(arena, count, sizeof(*ret->keys));
    ret->types = arena_calloc(arena, count, sizeof(*ret->types));
    ret->external_ids = arena_calloc(arena, count, sizeof(*ret->external_ids));
    if (ret->ids == NULL || ret->names == NULL || ret->keys == NULL || ret->types == NULL ||
        ret->external_ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        ret->ids[i] = pushes[i].id;
        ret->names[i] = pushes[i].display_name;
        ret->keys[i] = pushes[i].name_key;
        ret->types[i] = pushes[i].psa_type;
        ret->external_ids[i] = pushes[i].psa_external_id;
    }
    return ERR_OK;
}

enum err_code company_differing(struct tx *tx, const struct company_push *pushes, size_t count,
                                struct arena *arena, struct company **ret_companies,
                                size_t *ret_count, struct err *reterr)
{
    struct columns all;
    struct rows rows _cleanup_(rows_done) = {0};
    try_(columns_of(pushes, count, arena, &all, reterr));
    try_(tx_query(tx, &differing_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXTS(all.ids, count),
                       ARG_TEXTS(all.names, count), ARG_INT64S(all.types, count),
                       ARG_TEXTS(all.external_ids, count)),
                  &rows, reterr));
    *ret_count = (size_t)rows_count(&rows);
    struct company *companies = arena_calloc(arena, *ret_count + 1, sizeof(*companies));
    if (companies == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < *ret_count; i++) {
        companies[i] = (struct company){.id = rows_text_copy(&rows, (int)i, 0, arena),
                                        .display_name = rows_text_copy(&rows, (int)i, 1, arena),
                                        .psa_type = (int)rows_int64(&rows, (int)i, 2),
                                        .psa_external_id = rows_text_copy(&rows, (int)i, 3, arena)};
        if (companies[i].id == NULL || companies[i].display_name == NULL ||
            companies[i].psa_external_id == NULL)
            return err_no_memory(reterr);
    }
    *ret_companies = companies;
    return ERR_OK;
}

enum err_code company_upsert(struct tx *tx, const struct company_push *pushes, size_t count,
                             int64_t time_us, struct arena *arena, int64_t *ret_created,
                             int64_t *ret_updated, struct err *reterr)
{
    struct columns all;
    try_(columns_of(pushes, count, arena, &all, reterr));
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &upsert_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXTS(all.ids, count),
                       ARG_TEXTS(all.names, count), ARG_TEXTS(all.keys, count),
                       ARG_INT64S(all.types, count), ARG_TEXTS(all.external_ids, count),
                       ARG_TIME(time_us)),
                  &rows, reterr));
    *ret_created = rows_int64(&rows, 0, 0);
    *ret_updated = rows_int64(&rows, 0, 1);
    return ERR_OK;
}

static enum err_code read_rows(const struct rows *rows, struct arena *arena,
                               struct company **ret_companies, size_t *ret_count,
                               struct err *reterr)
{
    size_t count = (size_t)rows_count(rows);
    struct company *companies = arena_calloc(arena, count + 1, sizeof(*companies));
    if (companies == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        struct company *company = &companies[i];
        int row = (int)i;
        company->id = rows_text_copy(rows, row, 0, arena);
        company->display_name = rows_text_copy(rows, row, 1, arena);
        company->psa_type = (int)rows_int64(rows, row, 2);
        company->psa_external_id = rows_text_copy(rows, row, 3, arena);
        company->revision = rows_int64(rows, row, 4);
        company->update_time_us = rows_time(rows, row, 5);
        company->organizations = rows_texts(rows, row, 6, arena, &company->organization_count);
        if (company->id == NULL || company->display_name == NULL ||
            company->psa_external_id == NULL ||
            (company->organizations == NULL && rows_len(rows, row, 6) > 2)) // {}: none
            return err_no_memory(reterr);
    }
    *ret_companies = companies;
    *ret_count = count;
    return ERR_OK;
}

enum err_code company_get_many(struct tx *tx, const char *const *ids, size_t count,
                               struct arena *arena, struct company **ret_companies,
                               size_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_many_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXTS(ids, count)), &rows,
                  reterr));
    return read_rows(&rows, arena, ret_companies, ret_count, reterr);
}

enum err_code company_get(struct tx *tx, const char *id, struct arena *arena,
                          struct company **ret_company, struct err *reterr)
{
    size_t count;
    try_(company_get_many(tx, &id, 1, arena, ret_company, &count, reterr));
    if (count == 0)
        *ret_company = NULL;
    return ERR_OK;
}

enum err_code company_lock(struct tx *tx, const char *id, struct arena *arena,
                           const char **ret_display_name, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &lock_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), &rows, reterr));
    *ret_display_name = NULL;
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_display_name = rows_text_copy(&rows, 0, 0, arena);
    return *ret_display_name == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code company_delete(struct tx *tx, const char *id, struct err *reterr)
{
    return tx_run(tx, &delete_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), reterr);
}

enum err_code company_list(struct tx *tx, const struct company_query *query, struct arena *arena,
                           struct company **ret_companies, size_t *ret_count, int64_t *ret_total,
                           struct err *reterr)
{
    const struct arg args[] = {
        ARG_TEXT(tx_tenant(tx)),
        ARG_BOOL(query->sight->all_companies),
        ARG_TEXTS(query->sight->companies, query->sight->company_count),
        ARG_TEXT(query->name_key_part),
        ARG_TEXT(query->psa_external_id),
        ARG_INT64(query->mapped),
        ARG_INT64(query->psa_type),
        ARG_TEXT(query->after_name),
        ARG_TEXT(query->after_id),
        ARG_INT64(query->limit),
    };
    enum { MATCH_ARGS = 7 };
    struct rows page _cleanup_(rows_done) = {0};
    struct rows total _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &count_sql, args, MATCH_ARGS, &total, reterr));
    *ret_total = rows_int64(&total, 0, 0);
    const struct statement *list = query->after_id[0] == '\0' ? &list_sql : &list_after_sql;
    try_(tx_query(tx, list, args, ARRAY_LEN(args), &page, reterr));
    return read_rows(&page, arena, ret_companies, ret_count, reterr);
}
