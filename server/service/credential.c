#include "server/service/credential.h"

#include "server/service/begin.h"
#include "server/store/vault_record.h"

// Of a shorter key the last four characters would give too much away.
enum { LAST4_KEY_BYTES = 12 };

enum err_code credential_describe(const struct request *request, const struct secret *key,
                                  const char **ret_last4, const char **ret_fingerprint,
                                  struct err *reterr)
{
    char *fingerprint = arena_alloc(request->arena, VAULT_FINGERPRINT_BYTES);
    if (fingerprint == NULL)
        return err_no_memory(reterr);
    vault_fingerprint(request->backend->vault, request->caller->tenant, key, fingerprint);
    const char *tail = "";
    if (secret_len(key) >= LAST4_KEY_BYTES)
        tail = secret_bytes(key) + secret_len(key) - 4;
    for (size_t i = 0; tail[i] != '\0'; i++)
        if (tail[i] <= ' ' || tail[i] > '~') {
            tail = "";
            break;
        }
    *ret_fingerprint = fingerprint;
    *ret_last4 = arena_strdup(request->arena, tail);
    return *ret_last4 == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code load(const struct request *request, const char *id, const char *name,
                          enum connection_use use, struct connection **ret_connection,
                          struct sealed *ret_sealed, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    int64_t missed = 0;
    try_(request_begin(request, &tx, reterr));
    for (;;) {
        try_(connection_get(tx, id, request->arena, ret_connection, reterr));
        if (*ret_connection == NULL)
            return err_not_found(reterr, name);
        const struct connection_standing standing = connection_standing(*ret_connection);
        try_(connection_check_use(&standing, use, reterr));
        int64_t version = (*ret_connection)->credential_version;
        enum err_code code = vault_record_get(tx, id, version, request->arena, ret_sealed, reterr);
        // Between the two the credential may have been rotated: then there is a newer one.
        if (code != ERR_VAULT_RECORD_UNREADABLE || version == missed)
            return code;
        missed = version;
    }
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
