#include "server/store/sync_connection.h"

#include <stdio.h>

#include "server/store/company_set.h"

#define COLUMNS                                                                            \
    "SELECT c.state, c.sync_paused, c.provider, c.region, c.credential_version,"           \
    " c.folder_filter, coalesce(s.documents_enabled, false),"                              \
    " coalesce(s.checklists_enabled, false), coalesce(s.password_sharing_enabled, false)," \
    " EXISTS (SELECT FROM flexible_asset_type AS t WHERE t.tenant = c.tenant"              \
    "   AND t.connection_id = c.id AND t.enabled AND t.upstream_state = 1),"               \
    " v.scheme, v.master_key_id, v.wrapped_key, v.ciphertext, c.problem_time,"             \
    " EXISTS (SELECT FROM removal AS x WHERE x.tenant = c.tenant"                          \
    "   AND x.connection_id = c.id)"                                                       \
    " FROM connection AS c"                                                                \
    " LEFT JOIN connection_config AS s ON s.tenant = c.tenant AND s.connection_id = c.id"  \
    " LEFT JOIN vault_record AS v ON v.tenant = c.tenant AND v.connection_id = c.id"       \
    "   AND v.purpose = 'api-key' AND v.version = c.credential_version"                    \
    " WHERE c.tenant = $1 AND c.id = $2"

enum err_code sync_connection_load(struct tx *tx, const char *connection_id, bool lock,
                                   struct arena *arena, struct sync_connection *ret_connection,
                                   struct err *reterr)
{
    static const struct statement plain = {"sync_connection_load", COLUMNS};
    static const struct statement locking = {"sync_connection_load_locked",
                                             COLUMNS " FOR SHARE OF c"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, lock ? &locking : &plain,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows, reterr));
    if (rows_count(&rows) == 0) {
        char name[200];
        (void)snprintf(name, sizeof(name), "connections/%s", connection_id);
        return err_not_found(reterr, name);
    }
    *ret_connection = (struct sync_connection){
        .standing = {.state = (enum connection_state)rows_int64(&rows, 0, 0),
                     .since_us = rows_time(&rows, 0, 14),
                     .provider = (int)rows_int64(&rows, 0, 2),
                     .sync_paused = rows_bool(&rows, 0, 1)},
        .region = (int)rows_int64(&rows, 0, 3),
        .credential_version = rows_int64(&rows, 0, 4),
        .folder_filter = (int)rows_int64(&rows, 0, 5),
        .documents_enabled = rows_bool(&rows, 0, 6),
        .checklists_enabled = rows_bool(&rows, 0, 7),
        .passwords_enabled = rows_bool(&rows, 0, 8),
        .assets_enabled = rows_bool(&rows, 0, 9),
        .removing = rows_bool(&rows, 0, 15),
    };
    if (rows_null(&rows, 0, 10))
        return ERR_OK;
    ret_connection->scheme = rows_text_copy(&rows, 0, 10, arena);
    ret_connection->master_key_id = rows_text_copy(&rows, 0, 11, arena);
    ret_connection->wrapped_key = rows_bytes(&rows, 0, 12, arena);
    ret_connection->ciphertext = rows_bytes(&rows, 0, 13, arena);
    if (ret_connection->scheme == NULL || ret_connection->master_key_id == NULL ||
        ret_connection->wrapped_key.data == NULL || ret_connection->ciphertext.data == NULL)
        return err_no_memory(reterr);
    return ERR_OK;
}

static enum err_code read_ids(const struct rows *rows, struct arena *arena, int64_t **ret_ids,
                              size_t *ret_count, struct err *reterr)
{
    size_t count = (size_t)rows_count(rows);
    int64_t *ids = arena_calloc(arena, count + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        ids[i] = rows_int64(rows, (int)i, 0);
    *ret_ids = ids;
    *ret_count = count;
    return ERR_OK;
}

enum err_code sync_connection_mapped(struct tx *tx, const char *connection_id, const int64_t *only,
                                     size_t only_count, struct arena *arena, int64_t **ret_ids,
                                     size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_connection_mapped",
        "SELECT m.organization_id FROM mapping AS m JOIN organization AS o"
        " ON o.tenant = m.tenant AND o.connection_id = m.connection_id AND o.id = m.organization_id"
        " WHERE m.tenant = $1 AND m.connection_id = $2 AND NOT o.gone"
        " AND (cardinality($3::bigint[]) = 0 OR m.organization_id = ANY($3::bigint[]))"
        " ORDER BY m.organization_id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(
        tx, &statement,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(only, only_count)), &rows,
        reterr));
    return read_ids(&rows, arena, ret_ids, ret_count, reterr);
}

enum err_code sync_connection_inventory(struct tx *tx, const char *connection_id,
                                        int64_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_connection_inventory",
        "SELECT count(*) FROM organization WHERE tenant = $1 AND connection_id = $2 AND NOT gone"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    *ret_count = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code sync_connection_mapped_of(struct tx *tx, const char *connection_id,
                                        const int64_t *only, size_t only_count,
                                        const char *const *company_ids, size_t company_count,
                                        struct arena *arena, int64_t **ret_ids, size_t *ret_count,
                                        struct err *reterr)
{
    static const struct statement statement = {
        "sync_connection_mapped_of",
        "SELECT m.organization_id FROM mapping AS m JOIN organization AS o"
        " ON o.tenant = m.tenant AND o.connection_id = m.connection_id AND o.id = m.organization_id"
        " WHERE m.tenant = $1 AND m.connection_id = $2 AND NOT o.gone"
        " AND m.organization_id = ANY($3::bigint[])"
        " AND (m.company_id = ANY($4::text[]) OR " OF_COMPANY_SET(
            "m.company_id") ")"
                            " ORDER BY m.organization_id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64S(only, only_count), ARG_TEXTS(company_ids, company_count)),
                  &rows, reterr));
    return read_ids(&rows, arena, ret_ids, ret_count, reterr);
}

enum err_code sync_connection_mapped_since(struct tx *tx, const char *connection_id,
                                           int64_t since_us, const int64_t *but, size_t but_count,
                                           struct arena *arena, int64_t **ret_ids,
                                           size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_connection_mapped_since",
        "SELECT m.organization_id FROM mapping AS m JOIN organization AS o"
        " ON o.tenant = m.tenant AND o.connection_id = m.connection_id AND o.id = m.organization_id"
        " WHERE m.tenant = $1 AND m.connection_id = $2 AND NOT o.gone"
        " AND m.create_time >= $3::timestamptz AND m.organization_id <> ALL($4::bigint[])"
        " ORDER BY m.organization_id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TIME(since_us),
                       ARG_INT64S(but, but_count)),
                  &rows, reterr));
    return read_ids(&rows, arena, ret_ids, ret_count, reterr);
}

enum err_code sync_connection_set_folder_filter(struct tx *tx, const char *connection_id,
                                                int folder_filter, struct err *reterr)
{
    static const struct statement statement = {
        "sync_connection_set_folder_filter",
        "UPDATE connection SET folder_filter = $3::smallint WHERE tenant = $1 AND id = $2"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(folder_filter)),
                  reterr);
}

enum err_code sync_connection_set_inventory(struct tx *tx, const char *connection_id,
                                            int64_t inventory_time_us, bool denied,
                                            struct err *reterr)
{
    static const struct statement statement = {
        "sync_connection_set_inventory",
        "UPDATE connection SET inventory_time = coalesce($3::timestamptz, inventory_time),"
        " inventory_denied = $4::boolean WHERE tenant = $1 AND id = $2"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_TIME(inventory_time_us), ARG_BOOL(denied)),
                  reterr);
}

// Where there is but one organization, a filter that is ignored cannot be told from one that is
// not.
enum err_code sync_connection_psa_witness(struct tx *tx, const char *connection_id,
                                          struct arena *arena, struct sync_psa_witness *ret_witness,
                                          struct err *reterr)
{
    static const struct statement statement = {
        "sync_connection_psa_witness",
        "WITH due AS (SELECT FROM connection WHERE tenant = $1 AND id = $2 AND psa_type = 0"
        "  AND learned_psa_type = 0"
        "  AND coalesce(psa_probed_time < clock_timestamp() - interval '7 days', true)),"
        " here AS (SELECT id, psa_ids FROM organization WHERE tenant = $1 AND connection_id = $2"
        "  AND NOT gone AND EXISTS (SELECT FROM due))"
        " SELECT min(h.id), p.id FROM here AS h CROSS JOIN LATERAL unnest(h.psa_ids) AS p(id)"
        " WHERE p.id <> '' AND (SELECT count(*) FROM here) > 1"
        " GROUP BY p.id HAVING count(*) = 1 ORDER BY 1 LIMIT 1"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    *ret_witness = (struct sync_psa_witness){0};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_witness->organization_id = rows_int64(&rows, 0, 0);
    ret_witness->psa_id = rows_text_copy(&rows, 0, 1, arena);
    return ret_witness->psa_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code sync_connection_set_learned_psa_type(struct tx *tx, const char *connection_id,
                                                   int psa_type, int64_t probed_time_us,
                                                   struct err *reterr)
{
    static const struct statement statement = {
        "sync_connection_set_learned_psa_type",
        "UPDATE connection SET learned_psa_type = $3::smallint, psa_probed_time = $4"
        " WHERE tenant = $1 AND id = $2"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(psa_type),
                       ARG_TIME(probed_time_us)),
                  reterr);
}
