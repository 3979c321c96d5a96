#include "server/store/vault_record.h"

enum err_code vault_record_insert(struct tx *tx, const char *connection_id, int64_t version,
                                  const struct sealed *sealed, struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_insert",
        "INSERT INTO vault_record (tenant, connection_id, purpose, version, scheme, master_key_id,"
        "  wrapped_key, ciphertext)"
        " VALUES ($1, $2, 'api-key', $3, $4, $5, $6, $7)"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(version),
                       ARG_TEXT(sealed->scheme), ARG_TEXT(sealed->master_key_id),
                       ARG_BYTES(sealed->wrapped_key, sealed->wrapped_key_len),
                       ARG_BYTES(sealed->ciphertext, sealed->ciphertext_len)),
                  reterr);
}

enum err_code vault_record_read(const struct rows *rows, int row, int first, struct arena *arena,
                                struct sealed *ret_sealed, struct err *reterr)
{
    struct bytes wrapped_key = rows_bytes(rows, row, first + 2, arena);
    struct bytes ciphertext = rows_bytes(rows, row, first + 3, arena);
    *ret_sealed = (struct sealed){
        .scheme = rows_text_copy(rows, row, first, arena),
        .master_key_id = rows_text_copy(rows, row, first + 1, arena),
        .wrapped_key = wrapped_key.data,
        .wrapped_key_len = wrapped_key.len,
        .ciphertext = ciphertext.data,
        .ciphertext_len = ciphertext.len,
    };
    bool read = ret_sealed->scheme != NULL && ret_sealed->master_key_id != NULL &&
                wrapped_key.data != NULL && ciphertext.data != NULL;
    return read ? ERR_OK : err_no_memory(reterr);
}

static const unsigned char *copy_bytes(const unsigned char *bytes, size_t len, struct arena *arena)
{
    return (const unsigned char *)arena_strndup(arena, (const char *)bytes, len);
}

bool vault_record_copy(const struct sealed *sealed, struct arena *arena, struct sealed *ret_copy)
{
    struct sealed copy = *sealed;
    copy.scheme = arena_strdup(arena, sealed->scheme);
    copy.master_key_id = arena_strdup(arena, sealed->master_key_id);
    copy.wrapped_key = copy_bytes(sealed->wrapped_key, sealed->wrapped_key_len, arena);
    copy.ciphertext = copy_bytes(sealed->ciphertext, sealed->ciphertext_len, arena);
    *ret_copy = copy;
    return copy.scheme != NULL && copy.master_key_id != NULL && copy.wrapped_key != NULL &&
           copy.ciphertext != NULL;
}

enum err_code vault_record_get(struct tx *tx, const char *connection_id, int64_t version,
                               struct arena *arena, struct sealed *ret_sealed, struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_get",
        "SELECT scheme, master_key_id, wrapped_key, ciphertext FROM vault_record"
        " WHERE tenant = $1 AND connection_id = $2 AND purpose = 'api-key' AND version = $3"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(version)), &rows,
                  reterr));
    if (rows_count(&rows) == 0)
        return err_set(reterr, ERR_VAULT_RECORD_UNREADABLE,
                       "the connection has no stored credential");
    return vault_record_read(&rows, 0, 0, arena, ret_sealed, reterr);
}

enum err_code vault_record_delete_before(struct tx *tx, const char *connection_id, int64_t version,
                                         struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_delete_before",
        "DELETE FROM vault_record"
        " WHERE tenant = $1 AND connection_id = $2 AND purpose = 'api-key' AND version < $3"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(version)),
                  reterr);
}

enum err_code vault_record_delete_all(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_delete_all",
        "DELETE FROM vault_record WHERE tenant = $1 AND connection_id = $2"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code vault_record_lock(struct tx *tx, const char *connection_id, int64_t version,
                                struct arena *arena, struct vault_record *ret_record,
                                bool *ret_found, struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_lock",
        "SELECT v.scheme, v.master_key_id, v.wrapped_key, v.ciphertext, c.display_name,"
        " CASE WHEN c.credential_version = v.version THEN c.key_fingerprint END"
        " FROM connection AS c JOIN vault_record AS v ON v.tenant = c.tenant"
        "  AND v.connection_id = c.id AND v.purpose = 'api-key' AND v.version = $3"
        " WHERE c.tenant = $1 AND c.id = $2 FOR NO KEY UPDATE OF c, v"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(version)), &rows,
                  reterr));
    *ret_found = rows_count(&rows) == 1;
    if (!*ret_found)
        return ERR_OK;
    ret_record->display_name = rows_text_copy(&rows, 0, 4, arena);
    ret_record->key_fingerprint = rows_text_copy(&rows, 0, 5, arena);
    if (ret_record->display_name == NULL ||
        (ret_record->key_fingerprint == NULL && !rows_null(&rows, 0, 5)))
        return err_no_memory(reterr);
    return vault_record_read(&rows, 0, 0, arena, &ret_record->sealed, reterr);
}

enum err_code vault_record_replace(struct tx *tx, const char *connection_id, int64_t version,
                                   const struct sealed *sealed, const char *key_fingerprint,
                                   struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_replace",
        "WITH replaced AS ("
        " UPDATE vault_record SET scheme = $4, master_key_id = $5, wrapped_key = $6,"
        "  ciphertext = $7"
        " WHERE tenant = $1 AND connection_id = $2 AND purpose = 'api-key' AND version = $3)"
        " UPDATE connection SET key_fingerprint = $8, revision = revision + 1, update_time = $9"
        " WHERE tenant = $1 AND id = $2 AND credential_version = $3"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(version),
                       ARG_TEXT(sealed->scheme), ARG_TEXT(sealed->master_key_id),
                       ARG_BYTES(sealed->wrapped_key, sealed->wrapped_key_len),
                       ARG_BYTES(sealed->ciphertext, sealed->ciphertext_len),
                       ARG_TEXT(key_fingerprint), ARG_TIME(clock_wall_us())),
                  reterr);
}

enum err_code vault_record_find_lost(struct tx *tx, const char *const *ids, size_t count,
                                     struct arena *arena, int64_t *ret_count, const char **ret_ids,
                                     struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_find_lost",
        "SELECT coalesce(sum(n), 0), coalesce(string_agg(id, ', ' ORDER BY id), '')"
        " FROM (SELECT master_key_id AS id, count(*) AS n FROM vault_record"
        "       WHERE master_key_id <> ALL ($1::text[]) GROUP BY master_key_id) AS lost"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXTS(ids, count)), &rows, reterr));
    *ret_count = rows_int64(&rows, 0, 0);
    *ret_ids = rows_text_copy(&rows, 0, 1, arena);
    return *ret_ids == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code vault_record_survey(struct tx *tx, const char *master_key_id, const char *scheme,
                                  struct vault_survey *ret_survey, struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_survey",
        "SELECT count(*) FILTER (WHERE current), count(*) FILTER (WHERE NOT current)"
        " FROM (SELECT master_key_id = $1 AND scheme = $2 AS current FROM vault_record) AS r"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(master_key_id), ARG_TEXT(scheme)), &rows, reterr));
    *ret_survey = (struct vault_survey){rows_int64(&rows, 0, 0), rows_int64(&rows, 0, 1)};
    return ERR_OK;
}

enum err_code vault_record_find_stale(struct tx *tx, const char *master_key_id, const char *scheme,
                                      const struct vault_place *after, int limit,
                                      struct arena *arena, struct vault_place **ret_places,
                                      size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "vault_record_find_stale",
        "SELECT tenant, connection_id, version FROM vault_record"
        " WHERE purpose = 'api-key' AND (master_key_id <> $1 OR scheme <> $2)"
        "  AND (tenant, connection_id, version) > ($3, $4, $5)"
        " ORDER BY tenant, connection_id, version LIMIT $6"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(master_key_id), ARG_TEXT(scheme),
                       ARG_TEXT(after->tenant == NULL ? "" : after->tenant),
                       ARG_TEXT(after->connection_id == NULL ? "" : after->connection_id),
                       ARG_INT64(after->version), ARG_INT64(limit)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct vault_place *places = arena_calloc(arena, count + 1, sizeof(*places));
    if (places == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        places[i] = (struct vault_place){rows_text_copy(&rows, (int)i, 0, arena),
                                         rows_text_copy(&rows, (int)i, 1, arena),
                                         rows_int64(&rows, (int)i, 2)};
        if (places[i].tenant == NULL || places[i].connection_id == NULL)
            return err_no_memory(reterr);
    }
    *ret_places = places;
    *ret_count = count;
    return ERR_OK;
}
