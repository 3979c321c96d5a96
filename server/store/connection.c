#include "server/store/connection.h"

#define COLUMNS                                                                                    \
    "c.id, c.display_name, c.provider, c.region, c.state, c.sync_paused, c.reveals_paused,"        \
    " c.psa_type, c.learned_psa_type, c.several_organizations, c.credential_version, c.key_last4," \
    " c.key_fingerprint, c.key_create_time,"                                                       \
    " c.key_last_success_time, c.account_subdomain, c.account_primary_organization_id,"            \
    " c.capabilities, c.problem_reason, c.problem_message, c.problem_time, c.inventory_time,"      \
    " c.inventory_denied, c.types_refresh_time, c.revision, c.create_time, c.update_time,"         \
    " coalesce((SELECT r.id FROM sync_run r WHERE r.tenant = c.tenant AND r.connection_id = c.id"  \
    "           ORDER BY r.create_time DESC, r.id LIMIT 1), ''),"                                  \
    " EXISTS (SELECT FROM sync_run r WHERE r.tenant = c.tenant AND r.connection_id = c.id"         \
    "         AND r.state IN (1, 2, 3, 4))"

static const struct statement insert_sql = {
    "connection_insert",
    "WITH made AS ("
    " INSERT INTO connection (tenant, id, display_name, provider, region, state, psa_type,"
    "  credential_version, key_last4, key_fingerprint, key_create_time, key_last_success_time,"
    "  account_subdomain, account_primary_organization_id, capabilities, inventory_denied,"
    "  create_time, update_time)"
    " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13, $14::jsonb, $15,"
    "  $16, $16"
    " WHERE NOT EXISTS (SELECT FROM deletion_receipt WHERE tenant = $1 AND connection_id = $2)"
    " ON CONFLICT DO NOTHING RETURNING tenant, id)"
    " INSERT INTO connection_config (tenant, connection_id, update_time)"
    " SELECT tenant, id, $16 FROM made"};

static const struct statement get_sql = {
    "connection_get", "SELECT " COLUMNS " FROM connection c WHERE c.tenant = $1 AND c.id = $2"};

static const struct statement lock_sql = {
    "connection_lock", "SELECT " COLUMNS " FROM connection c WHERE c.tenant = $1 AND c.id = $2"
                       " FOR NO KEY UPDATE OF c"};

static const struct statement get_active_sql = {
    "connection_get_active",
    "SELECT " COLUMNS " FROM connection c WHERE c.tenant = $1 AND c.state IN (1, 2)"};

static const struct statement list_sql = {
    "connection_list", "SELECT " COLUMNS " FROM connection c WHERE c.tenant = $1 AND c.id > $2"
                       " ORDER BY c.id LIMIT $3"};

enum err_code connection_insert(struct tx *tx, const struct connection *connection, bool *ret_added,
                                struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &insert_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection->id),
                       ARG_TEXT(connection->display_name), ARG_INT64(connection->provider),
                       ARG_INT64(connection->region), ARG_INT64(connection->state),
                       ARG_INT64(connection->psa_type), ARG_INT64(connection->credential_version),
                       ARG_TEXT(connection->key_last4), ARG_TEXT(connection->key_fingerprint),
                       ARG_TIME(connection->key_create_time_us),
                       ARG_TEXT(connection->account_subdomain),
                       ARG_INT64(connection->account_primary_organization_id),
                       ARG_TEXT(connection->capabilities), ARG_BOOL(connection->inventory_denied),
                       ARG_TIME(connection->create_time_us)),
                  &rows, reterr));
    *ret_added = rows_affected(&rows) == 1;
    return ERR_OK;
}

// Copies a text column; the first failure clears `*good`.
static const char *copy(const struct rows *rows, int row, int column, struct arena *arena,
                        bool *good)
{
    const char *text = arena_strdup(arena, rows_text(rows, row, column));
    *good = *good && text != NULL;
    return text;
}

static bool read_row(const struct rows *rows, int row, struct arena *arena, struct connection *ret)
{
    bool good = true;
    int c = 0;
    ret->id = copy(rows, row, c++, arena, &good);
    ret->display_name = copy(rows, row, c++, arena, &good);
    ret->provider = (int)rows_int64(rows, row, c++);
    ret->region = (int)rows_int64(rows, row, c++);
    ret->state = (enum connection_state)rows_int64(rows, row, c++);
    ret->sync_paused = rows_bool(rows, row, c++);
    ret->reveals_paused = rows_bool(rows, row, c++);
    ret->psa_type = (int)rows_int64(rows, row, c++);
    ret->learned_psa_type = (int)rows_int64(rows, row, c++);
    ret->several_organizations = rows_bool(rows, row, c++);
    ret->credential_version = rows_int64(rows, row, c++);
    ret->key_last4 = copy(rows, row, c++, arena, &good);
    ret->key_fingerprint = copy(rows, row, c++, arena, &good);
    ret->key_create_time_us = rows_time(rows, row, c++);
    ret->key_last_success_time_us = rows_time(rows, row, c++);
    ret->account_subdomain = copy(rows, row, c++, arena, &good);
    ret->account_primary_organization_id = rows_int64(rows, row, c++);
    ret->capabilities = copy(rows, row, c++, arena, &good);
    ret->problem_reason = copy(rows, row, c++, arena, &good);
    ret->problem_message = copy(rows, row, c++, arena, &good);
    ret->problem_time_us = rows_time(rows, row, c++);
    ret->inventory_time_us = rows_time(rows, row, c++);
    ret->inventory_denied = rows_bool(rows, row, c++);
    ret->types_refresh_time_us = rows_time(rows, row, c++);
    ret->revision = rows_int64(rows, row, c++);
    ret->create_time_us = rows_time(rows, row, c++);
    ret->update_time_us = rows_time(rows, row, c++);
    ret->latest_run = copy(rows, row, c++, arena, &good);
    ret->syncing = rows_bool(rows, row, c++);
    return good;
}

static enum err_code read_rows(const struct rows *rows, struct arena *arena,
                               struct connection **ret_connections, size_t *ret_count,
                               struct err *reterr)
{
    size_t count = (size_t)rows_count(rows);
    struct connection *connections = arena_calloc(arena, count + 1, sizeof(*connections));
    if (connections == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        if (!read_row(rows, (int)i, arena, &connections[i]))
            return err_no_memory(reterr);
    *ret_connections = connections;
    *ret_count = count;
    return ERR_OK;
}

static enum err_code read_one(const struct rows *rows, struct arena *arena,
                              struct connection **ret_connection, struct err *reterr)
{
    size_t count;
    try_(read_rows(rows, arena, ret_connection, &count, reterr));
    if (count == 0)
        *ret_connection = NULL;
    return ERR_OK;
}

enum err_code connection_get(struct tx *tx, const char *id, struct arena *arena,
                             struct connection **ret_connection, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), &rows, reterr));
    return read_one(&rows, arena, ret_connection, reterr);
}

enum err_code connection_lock(struct tx *tx, const char *id, struct arena *arena,
                              struct connection **ret_connection, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &lock_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), &rows, reterr));
    return read_one(&rows, arena, ret_connection, reterr);
}

enum err_code connection_get_active(struct tx *tx, struct arena *arena,
                                    struct connection **ret_connection, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_active_sql, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    return read_one(&rows, arena, ret_connection, reterr);
}

enum err_code connection_list(struct tx *tx, const char *after_id, int limit, struct arena *arena,
                              struct connection **ret_connections, size_t *ret_count,
                              struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &list_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(after_id), ARG_INT64(limit)), &rows,
                  reterr));
    return read_rows(&rows, arena, ret_connections, ret_count, reterr);
}

int connection_psa_type(const struct connection *connection)
{
    return connection->psa_type != 0 ? connection->psa_type : connection->learned_psa_type;
}

struct connection_standing connection_standing(const struct connection *connection)
{
    return (struct connection_standing){.state = connection->state,
                                        .since_us = connection->problem_time_us,
                                        .provider = connection->provider,
                                        .sync_paused = connection->sync_paused,
                                        .reveals_paused = connection->reveals_paused};
}

enum err_code connection_set_choices(struct tx *tx, const struct connection *connection,
                                     int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "connection_set_choices",
        "UPDATE connection SET display_name = $3, psa_type = $4::smallint,"
        " several_organizations = $5, revision = revision + 1, update_time = $6"
        " WHERE tenant = $1 AND id = $2"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection->id),
                       ARG_TEXT(connection->display_name), ARG_INT64(connection->psa_type),
                       ARG_BOOL(connection->several_organizations), ARG_TIME(now_us)),
                  reterr);
}

enum err_code connection_set_paused(struct tx *tx, const char *id, bool sync_paused,
                                    bool reveals_paused, int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "connection_set_paused",
        "UPDATE connection SET sync_paused = $3, reveals_paused = $4, revision = revision + 1,"
        " update_time = $5 WHERE tenant = $1 AND id = $2"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_BOOL(sync_paused),
                       ARG_BOOL(reveals_paused), ARG_TIME(now_us)),
                  reterr);
}

enum err_code connection_drop_credential(struct tx *tx, const char *id, enum connection_state state,
                                         int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "connection_drop_credential",
        "UPDATE connection SET state = $3::smallint, key_last4 = '', key_fingerprint = '',"
        " key_create_time = NULL, key_last_success_time = NULL, capabilities = '[]',"
        " problem_reason = '', problem_message = '', problem_time = $4, revision = revision + 1,"
        " update_time = $4 WHERE tenant = $1 AND id = $2"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_INT64(state), ARG_TIME(now_us)),
                  reterr);
}
