#include "server/rpc/call.h"

#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/base/log.h"
#include "server/rpc/codec.h"
#include "server/rpc/state.h"
#include "server/rpc/status.h"

enum { US_PER_S = 1000000, NS_PER_US = 1000, TRAILING_MAX = 3 };

static int64_t steady_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

static void run_closed(struct event *event, bool ok)
{
    (void)ok;
    struct call *call = (struct call *)event->owner;
    if (call->was_cancelled)
        atomic_store(&call->cancelled, true);
    if (call->on_closed != NULL)
        call->on_closed(call);
}

static void run_served(struct event *event, bool ok)
{
    (void)ok;
    struct call *call = (struct call *)event->owner;
    static const struct err none = {.code = ERR_OK};
    call_end(call, call->response, &none);
}

static void run_ended(struct event *event, bool ok)
{
    (void)ok;
    turn_end(&((struct call *)event->owner)->poller->turn);
}

void call_init(struct call *call, struct rpc_server *server, struct poller *poller,
               const struct table_method *method, void (*arrived)(struct event *event, bool ok),
               void (*release)(struct owner *))
{
    owner_init(&call->owner, release);
    call->server = server;
    call->poller = poller;
    call->method = method;
    call->arrived = (struct event){arrived, &call->owner};
    call->closed = (struct event){run_closed, &call->owner};
    call->served = (struct event){run_served, &call->owner};
    call->ended = (struct event){run_ended, &call->owner};
    call->job.owner = &call->owner;
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    server_call_added(server);
}

void call_post(struct call *call)
{
    grpc_completion_queue *queue = call->poller->queue;
    event_submitted(&call->arrived);
    grpc_call_error error =
        call->method != NULL
            ? grpc_server_request_registered_call(
                  call->server->grpc, call->method->registered, &call->call, &call->client_deadline,
                  &call->metadata, call->method->policy.client_streaming ? NULL : &call->payload,
                  queue, queue, &call->arrived)
            : grpc_server_request_call(call->server->grpc, &call->call, &call->details,
                                       &call->metadata, queue, queue, &call->arrived);
    if (error != GRPC_CALL_OK) {
        log_event(LOG_ERROR, "call not posted", LOG_STR("error", grpc_call_error_to_string(error)));
        event_refused(&call->arrived);
    }
    owner_unref(&call->owner);
}

bool call_metadata(const struct call *call, const char *key, const char **ret_value,
                   size_t *ret_len, bool *ret_many)
{
    bool found = false;
    *ret_many = false;
    for (size_t i = 0; i < call->metadata.count; i++) {
        const grpc_metadata *entry = &call->metadata.metadata[i];
        if (grpc_slice_str_cmp(entry->key, key) != 0)
            continue;
        *ret_many = found;
        found = true;
        *ret_value = (const char *)GRPC_SLICE_START_PTR(entry->value);
        *ret_len = GRPC_SLICE_LENGTH(entry->value);
    }
    return found;
}

static bool is_request_id(const char *text, size_t len)
{
    if (len == 0 || len > CALL_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        if (!fine)
            return false;
    }
    return true;
}

static void set_request_id(struct call *call)
{
    const char *value;
    size_t len;
    bool many;
    if (call_metadata(call, "x-request-id", &value, &len, &many) && !many &&
        is_request_id(value, len)) {
        memcpy(call->request_id, value, len);
        return;
    }
    // Unique, not secret: no random bytes for each call, but a random beginning and a number.
    char digits[17];
    char *at = digits + sizeof(digits) - 1;
    uint64_t number = atomic_fetch_add(&call->server->next_id, 1);
    *at = '\0';
    do
        *--at = "0123456789abcdef"[number & 0xf];
    while ((number >>= 4) != 0);
    char *end = stpcpy(call->request_id, call->server->id_prefix);
    *end++ = '.';
    memcpy(end, at, (size_t)(digits + sizeof(digits) - at));
}

static grpc_op close_op(struct call *call)
{
    grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    op.data.recv_close_on_server.cancelled = &call->was_cancelled;
    call->watched = true;
    return op;
}

void call_watch(struct call *call)
{
    const grpc_op op = close_op(call);
    if (!event_start_batch(&call->closed, call->call, &op, 1))
        atomic_store(&call->cancelled, true);
}

void call_accept(struct call *call)
{
    if (call->method != NULL && call->method->registered != NULL)
        call->method->arm(call->server, call->poller, call->method);
    call->arrive_us = steady_us();
    arena_init(&call->arena, CALL_ARENA_MAX_BYTES);
    arena_init(&call->ending, CALL_ENDING_MAX_BYTES);
    if (call->method != NULL && (call->method->policy.secret_in || call->method->policy.secret_out))
        arena_wipe_on_done(&call->arena);
    set_request_id(call);
    call->peer = grpc_call_get_peer(call->call);
    call->request = (struct request){
        .backend = call->server->backend,
        .arena = &call->arena,
        .cancelled = &call->cancelled,
        .request_id = call->request_id,
        .peer = call->peer,
    };
}

// The line of the log and the figures of a call. Faults of ours are louder than those of clients.
static void record(const struct call *call, const struct err *err)
{
    int64_t duration_us = steady_us() - call->arrive_us;
    const char *service = call->method == NULL ? "" : call->method->service;
    const char *name = call->method == NULL ? "" : call->method->name;
    const struct rpc_settings *settings = &call->server->settings;
    if (settings->observe != NULL) {
        struct rpc_observation observation = {service, name, err->code, duration_us};
        settings->observe(settings->observe_context, &observation);
    }
    enum status status = err_status(err->code);
    enum log_level level = LOG_INFO;
    if (err->code == ERR_OK)
        level = LOG_DEBUG;
    else if (status == STATUS_INTERNAL || status == STATUS_UNKNOWN || status == STATUS_DATA_LOSS)
        level = LOG_ERROR;
    else if (status == STATUS_UNAVAILABLE)
        level = LOG_WARN;
    const struct principal *caller = call->request.caller;
    log_event(level, "call", LOG_STR("rpc", call->method == NULL ? "" : call->method->path),
              LOG_STR("request_id", call->request_id), LOG_STR("peer", call->request.peer),
              LOG_STR("tenant", caller == NULL ? "" : caller->tenant),
              LOG_STR("subject", caller == NULL ? "" : caller->subject), LOG_ERR(err),
              LOG_INT("duration_us", duration_us));
}

// The request id, the details of an error, and when a client may try again: gRPC's own retries know
// nothing of RetryInfo and read grpc-retry-pushback-ms. The caller releases the values.
static size_t fill_trailing(const struct call *call, const struct err *err,
                            const struct status_message *status,
                            grpc_metadata ret_trailing[TRAILING_MAX])
{
    size_t count = 0;
    ret_trailing[count++] =
        (grpc_metadata){.key = grpc_slice_from_static_string("x-request-id"),
                        .value = grpc_slice_from_copied_string(call->request_id)};
    if (status->details != NULL)
        ret_trailing[count++] =
            (grpc_metadata){.key = grpc_slice_from_static_string("grpc-status-details-bin"),
                            .value = grpc_slice_from_copied_buffer((const char *)status->details,
                                                                   status->details_len)};
    if (err->code != ERR_OK && err->retry_after_ms > 0) {
        char pushback[32];
        (void)snprintf(pushback, sizeof(pushback), "%" PRId64,
                       err->retry_after_ms < INT32_MAX ? err->retry_after_ms : INT32_MAX);
        ret_trailing[count++] =
            (grpc_metadata){.key = grpc_slice_from_static_string("grpc-retry-pushback-ms"),
                            .value = grpc_slice_from_copied_string(pushback)};
    }
    return count;
}

void call_end(struct call *call, grpc_byte_buffer *response, const struct err *err)
{
    record(call, err);
    struct status_message status = {.text = ""};
    if (err->code != ERR_OK)
        status_from_error(err, call->server->settings.error_domain, call->request_id, &call->ending,
                          &status);
    grpc_metadata trailing[TRAILING_MAX];
    size_t trailing_count = fill_trailing(call, err, &status, trailing);
    grpc_slice text = grpc_slice_from_copied_string(status.text);
    grpc_op ops[4] = {0};
    size_t count = 0;
    if (!call->initial_sent)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->initial_sent = true;
    call->response = response;
    if (response != NULL) {
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = response;
    }
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = (grpc_status_code)status.code;
    ops[count].data.send_status_from_server.status_details = &text;
    ops[count].data.send_status_from_server.trailing_metadata = trailing;
    ops[count++].data.send_status_from_server.trailing_metadata_count = trailing_count;
    // Whoever was not watched is gone or served now: one batch less to wait for.
    if (!call->watched)
        ops[count++] = close_op(call);
    if (poller_is_self(call->poller))
        turn_answer(&call->poller->turn, cork_key(call->peer));
    (void)event_start_batch(&call->ended, call->call, ops, count);
    // The batch holds references of its own.
    grpc_slice_unref(text);
    for (size_t i = 0; i < trailing_count; i++)
        grpc_slice_unref(trailing[i].value);
}

void call_end_on_poller(struct call *call, grpc_byte_buffer *response)
{
    call->response = response;
    poller_hand(call->poller, &call->served, call->call);
}

void call_drop_payload(struct call *call)
{
    if (call->payload == NULL)
        return;
    if (call->method->policy.secret_in)
        codec_wipe(call->payload);
    grpc_byte_buffer_destroy(call->payload);
    call->payload = NULL;
}

void call_done(struct call *call)
{
    call_drop_payload(call);
    if (call->response != NULL)
        grpc_byte_buffer_destroy(call->response);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    if (call->call != NULL)
        grpc_call_unref(call->call);
    gpr_free(call->peer);
    arena_done(&call->arena);
    arena_done(&call->ending);
    if (call->let_in)
        server_let_out(call->server);
    server_call_gone(call->server);
}
