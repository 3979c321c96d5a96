#include "server/rpc/server.h"

#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/base/log.h"
#include "server/rpc/health.h"
#include "server/rpc/peer.h"
#include "server/rpc/reflection.h"
#include "server/rpc/state.h"
#include "server/rpc/stream.h"
#include "server/rpc/unary.h"

enum {
    KEEPALIVE_MS = 60 * 1000,
    KEEPALIVE_TIMEOUT_MS = 20 * 1000,
    CLIENT_PING_LEAST_MS = 30 * 1000,
    POLLERS_MAX = 64,
    POSTS_WITHOUT_LANE = 32,
    NS_PER_MS = 1000000,
    MS_PER_S = 1000,
};

// libgrpc prints peers' bytes as they are; our log escapes them.
static void log_grpc(gpr_log_func_args *args)
{
    enum log_level level = args->severity == GPR_LOG_SEVERITY_ERROR  ? LOG_WARN
                           : args->severity == GPR_LOG_SEVERITY_INFO ? LOG_INFO
                                                                     : LOG_DEBUG;
    log_event(level, "grpc", LOG_STR("file", args->file), LOG_INT("line", args->line),
              LOG_STR("text", args->message));
}

// Debian's Abseil, under gRPC, looks for deadlocks: it enters each lock that is taken while another
// is held into a graph of the process, under one spin lock. gRPC takes some for each call. 0 is
// kIgnore.
void set_deadlock_mode(int mode) __asm__(
    "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE") __attribute__((weak));

static void stop_looking_for_deadlocks(void)
{
    if (set_deadlock_mode != NULL)
        set_deadlock_mode(0);
}

// Of the clock that conditions wait by.
static int64_t steady_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static void default_int(int *value, int otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void default_ms(int64_t *value, int64_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void fill_defaults(struct rpc_settings *settings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    default_int(&settings->pollers, cores < 1 ? 1 : (int)cores);
    if (settings->pollers > POLLERS_MAX)
        settings->pollers = POLLERS_MAX;
    default_int(&settings->store_workers, 8);
    default_int(&settings->upstream_workers, 32);
    default_int(&settings->queue_max, 1024);
    default_ms(&settings->deadline_max_ms, 60 * 1000);
    default_int(&settings->request_max_bytes, 1024 * 1024);
    default_int(&settings->response_max_bytes, 3 * 1024 * 1024);
    default_int(&settings->metadata_max_bytes, 8 * 1024);
    default_int(&settings->streams_per_connection, 100);
    default_int(&settings->connections_max, 8192);
    default_int(&settings->watchers_max, 10000);
    default_ms(&settings->handshake_timeout_ms, 10 * 1000);
    default_ms(&settings->connection_idle_ms, 300 * 1000);
    default_ms(&settings->connection_age_ms, 1800 * 1000);
    default_ms(&settings->connection_grace_ms, 30 * 1000);
    if (settings->error_domain == NULL)
        settings->error_domain = "docbridge.internal";
}

static grpc_arg integer_arg(const char *key, int64_t value)
{
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key};
    arg.value.integer = value > INT32_MAX ? INT32_MAX : (int)value;
    return arg;
}

static grpc_server *new_grpc_server(struct rpc_server *server)
{
    const struct rpc_settings *settings = &server->settings;
    const grpc_arg fixed[] = {
        // Two servers on one port would both seem to work.
        integer_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
        // Identity alone: nothing bounds what a compressed message inflates to.
        integer_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1),
        integer_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        integer_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, settings->request_max_bytes),
        integer_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, settings->response_max_bytes),
        integer_arg(GRPC_ARG_MAX_METADATA_SIZE, settings->metadata_max_bytes),
        integer_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, settings->streams_per_connection),
        integer_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, settings->handshake_timeout_ms),
        integer_arg(GRPC_ARG_MAX_CONNECTION_IDLE_MS, settings->connection_idle_ms),
        integer_arg(GRPC_ARG_MAX_CONNECTION_AGE_MS, settings->connection_age_ms),
        integer_arg(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, settings->connection_grace_ms),
        integer_arg(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS),
        integer_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
        integer_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        integer_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, CLIENT_PING_LEAST_MS),
        integer_arg(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2),
        integer_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
        // Requests are small: no pings and timers to learn how much a client could have under way.
        integer_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0),
    };
    grpc_arg args[ARRAY_LEN(fixed) + RPC_LISTENERS_MAX];
    size_t count = ARRAY_LEN(fixed);
    memcpy(args, fixed, sizeof(fixed));
    for (size_t i = 0; i < settings->listener_count; i++)
        args[count++] = intake_init(&server->listeners[i].intake, i);
    grpc_channel_args all = {count, args};
    return grpc_server_create(&all, NULL);
}

void server_call_added(struct rpc_server *server)
{
    atomic_fetch_add(&server->calls, 1);
}

// Wakes rpc_server_stop() when a count falls to 0.
static void count_down(struct rpc_server *server, atomic_size_t *count)
{
    if (atomic_fetch_sub(count, 1) != 1)
        return;
    pthread_mutex_lock(&server->mutex);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

void server_call_gone(struct rpc_server *server)
{
    count_down(server, &server->calls);
}

bool server_let_in(struct rpc_server *server)
{
    // Counted first: who sets `stopping` sees either this call or it sees that.
    atomic_fetch_add(&server->running, 1);
    if (!atomic_load(&server->stopping))
        return true;
    server_let_out(server);
    return false;
}

void server_let_out(struct rpc_server *server)
{
    count_down(server, &server->running);
}

static void run_shutdown(struct event *event, bool ok)
{
    (void)ok;
    struct rpc_server *server =
        (struct rpc_server *)((char *)event - offsetof(struct rpc_server, shutdown));
    pthread_mutex_lock(&server->mutex);
    server->shutdown_complete = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

static void release_nothing(struct owner *owner)
{
    // The server outlives its event: rpc_server_stop() waits for it.
    (void)owner;
}

static enum err_code build_table(struct rpc_server *server, const struct service *const *services,
                                 size_t count, struct err *reterr)
{
    try_(contract_new(server->settings.descriptor_set, server->settings.descriptor_set_len,
                      &server->contract, reterr));
    for (size_t i = 0; i < count; i++)
        try_(table_add_service(&server->table, server->contract, services[i], reterr));
    for (size_t i = 0; i < server->table.count; i++)
        server->table.methods[i].arm =
            server->table.methods[i].handler->kind == METHOD_UNARY ? unary_arm : stream_arm;
    try_(health_add(server, reterr));
    if (server->settings.reflection)
        return reflection_add(server, reterr);
    server->contract = contract_free(server->contract);
    return ERR_OK;
}

// gRPC fills a table of all registered methods, of 160 bytes each, for every connection. So what is
// called seldom, because it changes something or concerns all companies, is not registered: such
// calls arrive by name, and their requests are asked for.
static bool arrives_by_name(const struct table_method *method)
{
    return method->handler != NULL && method->stream == NULL &&
           (!method->policy.read_only || method->policy.of_tenant) &&
           method->handler->lane != LANE_NONE;
}

static enum err_code register_methods(struct rpc_server *server, struct err *reterr)
{
    for (size_t i = 0; i < server->table.count; i++) {
        struct table_method *method = &server->table.methods[i];
        if (arrives_by_name(method))
            continue;
        method->registered = grpc_server_register_method(
            server->grpc, method->path, NULL,
            method->policy.client_streaming ? GRPC_SRM_PAYLOAD_NONE
                                            : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
            0);
        if (method->registered == NULL)
            return err_invalid(reterr, method->name, "%s is registered twice", method->path);
    }
    return ERR_OK;
}

static enum err_code bind_all(struct rpc_server *server, struct err *reterr)
{
    const struct rpc_settings *settings = &server->settings;
    for (size_t i = 0; i < settings->listener_count; i++) {
        server->listener_count++;
        try_(listener_add(&server->listeners[i], server->grpc, server->acceptor,
                          &settings->listeners[i], reterr));
    }
    // They are the caller's and need not live longer.
    server->settings.listeners = NULL;
    return ERR_OK;
}

static enum err_code build(struct rpc_server *server, const struct service *const *services,
                           size_t service_count, struct err *reterr)
{
    try_(build_table(server, services, service_count, reterr));
    server->pollers = calloc((size_t)server->settings.pollers, sizeof(*server->pollers));
    if (server->settings.listener_count > RPC_LISTENERS_MAX)
        return err_invalid(reterr, "listen", "has more than %d addresses", RPC_LISTENERS_MAX);
    server->listeners = calloc(server->settings.listener_count + 1, sizeof(*server->listeners));
    if (server->pollers == NULL || server->listeners == NULL)
        return err_no_memory(reterr);
    try_(cork_table_init(&server->corks, (size_t)server->settings.connections_max, reterr));
    server->grpc = new_grpc_server(server);
    for (int i = 0; i < server->settings.pollers; i++) {
        poller_init(&server->pollers[i], &server->corks);
        server->poller_count++;
        grpc_server_register_completion_queue(server->grpc, server->pollers[i].queue, NULL);
    }
    try_(register_methods(server, reterr));
    try_(acceptor_new((size_t)server->settings.connections_max,
                      server->settings.handshake_timeout_ms, &server->corks, &server->acceptor,
                      reterr));
    return bind_all(server, reterr);
}

enum err_code rpc_server_new(const struct rpc_settings *settings,
                             const struct service *const *services, size_t service_count,
                             const struct backend *backend, token_verifier *verify,
                             void *verify_context, struct rpc_server **ret_server,
                             struct err *reterr)
{
    try_(peer_check_settings(settings, reterr));
    struct rpc_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return err_no_memory(reterr);
    gpr_set_log_function(log_grpc);
    stop_looking_for_deadlocks();
    grpc_init();
    server->settings = *settings;
    fill_defaults(&server->settings);
    server->backend = backend;
    server->verify = verify;
    server->verify_context = verify_context;
    encoding_random_id(server->id_prefix);
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&server->changed, &steady);
    (void)pthread_condattr_destroy(&steady);
    (void)pthread_mutex_init(&server->mutex, NULL);
    health_init(&server->health);
    owner_init(&server->owner, release_nothing);
    server->shutdown = (struct event){run_shutdown, &server->owner};
    for (size_t i = 0; i < LANE_COUNT; i++)
        lane_init(&server->lanes[i], (size_t)server->settings.queue_max);
    enum err_code code = build(server, services, service_count, reterr);
    if (code != ERR_OK) {
        (void)rpc_server_free(server);
        return code;
    }
    *ret_server = server;
    return ERR_OK;
}

// A method that pollers answer themselves takes several calls at a time, so that those that came
// together are answered in one turn.
static size_t posts_of(const struct table_method *method)
{
    if (method->registered == NULL)
        return 0;
    bool has_lane = method->handler != NULL && method->handler->lane != LANE_NONE;
    return has_lane || method->stream != NULL ? 1 : POSTS_WITHOUT_LANE;
}

static void post_calls(struct rpc_server *server)
{
    for (size_t i = 0; i < server->poller_count; i++) {
        struct poller *poller = &server->pollers[i];
        for (size_t j = 0; j < server->table.count; j++)
            for (size_t k = 0; k < posts_of(&server->table.methods[j]); k++)
                server->table.methods[j].arm(server, poller, &server->table.methods[j]);
        unary_arm_named(server, poller);
    }
}

enum err_code rpc_server_start(struct rpc_server *server, struct err *reterr)
{
    const struct rpc_settings *settings = &server->settings;
    // Who waits for Postgres lets a poller finish what has arrived, in which each answer would else
    // break in. Who waits for IT Glue must not wait for a run of a sync besides.
    try_(lane_start(&server->lanes[LANE_STORE], "rpc-store", (size_t)settings->store_workers,
                    SCHED_BATCH, reterr));
    try_(lane_start(&server->lanes[LANE_UPSTREAM], "rpc-upstream",
                    (size_t)settings->upstream_workers, SCHED_OTHER, reterr));
    grpc_server_start(server->grpc);
    server->started = true;
    post_calls(server);
    for (size_t i = 0; i < server->poller_count; i++)
        try_(poller_start(&server->pollers[i], reterr));
    try_(acceptor_start(server->acceptor, reterr));
    rpc_server_set_serving(server, true);
    return ERR_OK;
}

void rpc_server_set_serving(struct rpc_server *server, bool serving)
{
    atomic_store(&server->serving, serving && !atomic_load(&server->stopping));
    health_changed(server);
}

static bool nothing_runs(struct rpc_server *server)
{
    return atomic_load(&server->running) == 0;
}

// gRPC is shut down and no call is left.
static bool is_empty(struct rpc_server *server)
{
    return server->shutdown_complete && atomic_load(&server->calls) == 0;
}

// Waits until `condition` holds; for ever if `until_ms` of the steady clock is negative. False: not
// yet.
static bool wait_until(struct rpc_server *server, bool (*condition)(struct rpc_server *server),
                       int64_t until_ms)
{
    struct timespec until = {until_ms / MS_PER_S, until_ms % MS_PER_S * NS_PER_MS};
    int error = 0;
    pthread_mutex_lock(&server->mutex);
    while (!condition(server) && error == 0)
        error = until_ms < 0 ? pthread_cond_wait(&server->changed, &server->mutex)
                             : pthread_cond_timedwait(&server->changed, &server->mutex, &until);
    pthread_mutex_unlock(&server->mutex);
    return error == 0;
}

// gRPC wants a shutdown before it is destroyed, and somebody to take its event.
static void shut_down(struct rpc_server *server, int64_t drain_ms)
{
    struct err err;
    int64_t until_ms = steady_ms() + drain_ms;
    for (size_t i = 0; i < server->poller_count; i++)
        if (!server->pollers[i].running && poller_start(&server->pollers[i], &err) != ERR_OK)
            log_event(LOG_ERROR, "shutdown without a poller", LOG_ERR(&err));
    stream_end_all(server);
    // While there is something to wait for, the gate answers what comes. gRPC's shutdown cancels
    // it, which tells a client less: it must find its connection closed by then.
    bool drained = wait_until(server, nothing_runs, until_ms);
    if (server->acceptor != NULL)
        acceptor_hang_up(server->acceptor);
    event_submitted(&server->shutdown);
    grpc_server_shutdown_and_notify(server->grpc, server->pollers[0].queue, &server->shutdown);
    if (!wait_until(server, is_empty, until_ms)) {
        if (!drained)
            log_event(LOG_WARN, "calls cancelled at shutdown");
        grpc_server_cancel_all_calls(server->grpc);
        (void)wait_until(server, is_empty, -1);
    }
}

void rpc_server_stop(struct rpc_server *server, int64_t drain_ms)
{
    if (server->stopped)
        return;
    server->stopped = true;
    atomic_store(&server->stopping, true);
    rpc_server_set_serving(server, false);
    if (server->acceptor != NULL)
        acceptor_stop(server->acceptor);
    if (server->grpc != NULL && server->poller_count > 0)
        shut_down(server, drain_ms);
    for (size_t i = 0; i < LANE_COUNT; i++)
        lane_stop(&server->lanes[i]);
    for (size_t i = 0; i < server->poller_count; i++)
        poller_done(&server->pollers[i]);
    server->acceptor = acceptor_free(server->acceptor);
    if (server->grpc != NULL)
        grpc_server_destroy(server->grpc);
    server->grpc = NULL;
}

struct rpc_server *rpc_server_free(struct rpc_server *server)
{
    if (server == NULL)
        return NULL;
    rpc_server_stop(server, 0);
    for (size_t i = 0; i < server->listener_count; i++)
        listener_done(&server->listeners[i]);
    free(server->listeners);
    for (size_t i = 0; i < LANE_COUNT; i++)
        lane_done(&server->lanes[i]);
    free(server->pollers);
    cork_table_done(&server->corks);
    table_done(&server->table);
    server->contract = contract_free(server->contract);
    (void)pthread_cond_destroy(&server->changed);
    health_done(&server->health);
    (void)pthread_mutex_destroy(&server->mutex);
    free(server);
    grpc_shutdown();
    return NULL;
}

struct rpc_stats rpc_server_get_stats(struct rpc_server *server)
{
    static const char *const names[LANE_COUNT] = {"store", "upstream"};
    struct rpc_stats stats = {.connections = acceptor_count(server->acceptor)};
    pthread_mutex_lock(&server->mutex);
    stats.streams = (size_t)server->stream_count;
    pthread_mutex_unlock(&server->mutex);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct lane *lane = &server->lanes[i];
        stats.lanes[i].name = names[i];
        stats.lanes[i].workers = lane->size;
        stats.lanes[i].running = lane_running(lane);
        stats.lanes[i].waiting = atomic_load(&lane->waiting);
    }
    return stats;
}

int rpc_server_port(const struct rpc_server *server, size_t index)
{
    return index < server->listener_count ? server->listeners[index].port : 0;
}
