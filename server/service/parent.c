#include "server/service/parent.h"

enum err_code parent_connection(struct tx *tx, const struct request *request, const char *id,
                                const char *name, struct connection **ret_connection,
                                struct err *reterr)
{
    try_(connection_get(tx, id, request->arena, ret_connection, reterr));
    if (*ret_connection == NULL || (*ret_connection)->state == CONNECTION_DELETING)
        return err_not_found(reterr, name);
    return ERR_OK;
}
