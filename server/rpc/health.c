#include "server/rpc/health.h"

#include <grpc/health/v1/health.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "server/rpc/call.h"
#include "server/rpc/state.h"
#include "server/rpc/stream.h"
#include "server/rpc/unary.h"

typedef Grpc__Health__V1__HealthCheckResponse health_response;
typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus health_status;

enum { NOTHING_SENT = -1 };

struct health_watch {
    struct rpc_server *server;
    const struct stream_waker *waker;
    bool known; // the service exists
    int sent;   // the last health_status, or NOTHING_SENT
    struct health_watch *next;
    struct health_watch **previous;
};

void health_init(struct health *health)
{
    *health = (struct health){0};
    (void)pthread_mutex_init(&health->mutex, NULL);
}

void health_done(struct health *health)
{
    (void)pthread_mutex_destroy(&health->mutex);
}

static bool is_served(const struct rpc_server *server, const char *service)
{
    if (service[0] == '\0')
        return true;
    for (size_t i = 0; i < server->table.count; i++)
        if (strcmp(server->table.methods[i].service, service) == 0)
            return true;
    return false;
}

static health_status state_of(const struct rpc_server *server)
{
    return atomic_load(&server->serving)
               ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
               : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

static enum err_code check(struct call *call, const void *in, void *out, struct err *reterr)
{
    const Grpc__Health__V1__HealthCheckRequest *request = in;
    health_response *response = out;
    if (!is_served(call->server, request->service))
        return err_not_found(reterr, request->service);
    response->status = state_of(call->server);
    return ERR_OK;
}

static enum err_code open_watch(struct request *request, const void *in,
                                const struct stream_waker *waker, void **ret_state,
                                struct err *reterr)
{
    const Grpc__Health__V1__HealthCheckRequest *wanted = in;
    struct rpc_server *server = call_of(request)->server;
    struct health_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return err_no_memory(reterr);
    *watch = (struct health_watch){.server = server,
                                   .waker = waker,
                                   .known = is_served(server, wanted->service),
                                   .sent = NOTHING_SENT,
                                   .previous = &server->health.watches};
    pthread_mutex_lock(&server->health.mutex);
    watch->next = server->health.watches;
    if (watch->next != NULL)
        watch->next->previous = &watch->next;
    server->health.watches = watch;
    pthread_mutex_unlock(&server->health.mutex);
    *ret_state = watch;
    return ERR_OK;
}

// The state if it is another one than the watcher knows. A service that does not exist stays
// unknown: the stream remains open, as the protocol wants it.
static enum err_code next_state(struct request *request, void *state, struct arena *arena,
                                void *out, enum stream_step *ret_step, struct err *reterr)
{
    (void)request;
    (void)arena;
    (void)reterr;
    struct health_watch *watch = state;
    health_response *response = out;
    response->status =
        watch->known ? state_of(watch->server)
                     : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
    *ret_step = (int)response->status == watch->sent ? STREAM_IDLE : STREAM_MESSAGE;
    watch->sent = (int)response->status;
    return ERR_OK;
}

static void close_watch(void *state)
{
    struct health_watch *watch = state;
    struct health *health = &watch->server->health;
    pthread_mutex_lock(&health->mutex);
    *watch->previous = watch->next;
    if (watch->next != NULL)
        watch->next->previous = watch->previous;
    pthread_mutex_unlock(&health->mutex);
    free(watch);
}

void health_changed(struct rpc_server *server)
{
    pthread_mutex_lock(&server->health.mutex);
    for (const struct health_watch *watch = server->health.watches; watch != NULL;
         watch = watch->next)
        watch->waker->wake(watch->waker->context);
    pthread_mutex_unlock(&server->health.mutex);
}

enum err_code health_add(struct rpc_server *server, struct err *reterr)
{
    static const struct stream_handler watch = {open_watch, next_state, close_watch};
    static const char service[] = "grpc.health.v1.Health";
    const ProtobufCMessageDescriptor *in = &grpc__health__v1__health_check_request__descriptor;
    const ProtobufCMessageDescriptor *out = &grpc__health__v1__health_check_response__descriptor;
    struct table_method *method;
    try_(table_add_builtin(&server->table, server->contract, service, "Check", in, out, &method,
                           reterr));
    method->builtin = check;
    method->arm = unary_arm;
    try_(table_add_builtin(&server->table, server->contract, service, "Watch", in, out, &method,
                           reterr));
    method->stream = &watch;
    method->policy.server_streaming = true;
    method->arm = stream_arm;
    return ERR_OK;
}
