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
    struct bytes wrapped_key = rows_bytes(&rows, 0, 2, arena);
    struct bytes ciphertext = rows_bytes(&rows, 0, 3, arena);
    *ret_sealed = (struct sealed){
        .scheme = rows_text_copy(&rows, 0, 0, arena),
        .master_key_id = rows_text_copy(&rows, 0, 1, arena),
        .wrapped_key = wrapped_key.data,
        .wrapped_key_len = wrapped_key.len,
        .ciphertext = ciphertext.data,
        .ciphertext_len = ciphertext.len,
    };
    bool read = ret_sealed->scheme != NULL && ret_sealed->master_key_id != NULL &&
                wrapped_key.data != NULL && ciphertext.data != NULL;
    return read ? ERR_OK : err_no_memory(reterr);
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
