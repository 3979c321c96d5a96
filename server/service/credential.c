#include "server/service/credential.h"

#include "server/service/begin.h"
#include "server/store/vault_record.h"

static enum err_code load(const struct request *request, const char *id, const char *name,
                          enum connection_use use, struct connection **ret_connection,
                          struct sealed *ret_sealed, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    try_(connection_get(tx, id, request->arena, ret_connection, reterr));
    if (*ret_connection == NULL)
        return err_not_found(reterr, name);
    const struct connection_standing standing = connection_standing(*ret_connection);
    try_(connection_check_use(&standing, use, reterr));
    return vault_record_get(tx, id, (*ret_connection)->credential_version, request->arena,
                            ret_sealed, reterr);
}

enum err_code credential_open(const struct request *request, const char *id, const char *name,
                              enum connection_use use, struct connection **ret_connection,
                              struct secret **ret_key, struct err *reterr)
{
    struct sealed sealed;
    try_(load(request, id, name, use, ret_connection, &sealed, reterr));
    const struct vault_context context = {
        .tenant = request->caller->tenant,
        .connection = (*ret_connection)->id,
        .purpose = "api-key",
        .version = (*ret_connection)->credential_version,
    };
    return vault_unseal(request->backend->vault, &context, &sealed, ret_key, reterr);
}
