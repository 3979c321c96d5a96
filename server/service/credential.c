#include "server/service/credential.h"

#include "server/service/begin.h"
#include "server/store/vault_record.h"

enum err_code credential_not_active(const struct connection *connection, struct err *reterr)
{
    char since[CLOCK_TEXT_BYTES];
    clock_text(connection->update_time_us, since);
    (void)err_set(reterr, ERR_CONNECTION_NOT_ACTIVE,
                  "the connection has no credential in use: connect it first");
    err_meta(reterr, "state", "%s", connection_state_word(connection->state));
    err_meta(reterr, "since", "%s", since);
    return ERR_CONNECTION_NOT_ACTIVE;
}

static bool usable(const struct connection *connection)
{
    return (connection->state == CONNECTION_ACTIVE || connection->state == CONNECTION_ERROR) &&
           connection->credential_version > 0;
}

static enum err_code load(const struct request *request, const char *id, const char *name,
                          struct connection **ret_connection, struct sealed *ret_sealed,
                          struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    try_(connection_get(tx, id, request->arena, ret_connection, reterr));
    if (*ret_connection == NULL)
        return err_not_found(reterr, name);
    if (!usable(*ret_connection))
        return credential_not_active(*ret_connection, reterr);
    return vault_record_get(tx, id, (*ret_connection)->credential_version, request->arena,
                            ret_sealed, reterr);
}

enum err_code credential_open(const struct request *request, const char *id, const char *name,
                              struct connection **ret_connection, struct secret **ret_key,
                              struct err *reterr)
{
    struct sealed sealed;
    try_(load(request, id, name, ret_connection, &sealed, reterr));
    const struct vault_context context = {
        .tenant = request->caller->tenant,
        .connection = (*ret_connection)->id,
        .purpose = "api-key",
        .version = (*ret_connection)->credential_version,
    };
    return vault_unseal(request->backend->vault, &context, &sealed, ret_key, reterr);
}
