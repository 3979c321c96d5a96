#include "server/rpc/health.h"

#include <grpc/health/v1/health.pb-c.h>
#include <string.h>

#include "server/rpc/call.h"
#include "server/rpc/unary.h"

static bool is_served(const struct rpc_server *server, const char *service)
{
    if (service[0] == '\0')
        return true;
    for (size_t i = 0; i < server->table.count; i++)
        if (strcmp(server->table.methods[i].service, service) == 0)
            return true;
    return false;
}

static enum err_code check(struct call *call, const void *in, void *out, struct err *reterr)
{
    const Grpc__Health__V1__HealthCheckRequest *request = in;
    Grpc__Health__V1__HealthCheckResponse *response = out;
    if (!is_served(call->server, request->service))
        return err_not_found(reterr, request->service);
    response->status = atomic_load(&call->server->serving)
                           ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                           : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
    return ERR_OK;
}

enum err_code health_add(struct rpc_server *server, struct err *reterr)
{
    struct table_method *method;
    try_(table_add_builtin(&server->table, server->contract, "grpc.health.v1.Health", "Check",
                           &grpc__health__v1__health_check_request__descriptor,
                           &grpc__health__v1__health_check_response__descriptor, &method, reterr));
    method->builtin = check;
    method->arm = unary_arm;
    return ERR_OK;
}
