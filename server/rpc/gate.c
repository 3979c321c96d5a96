#include "server/rpc/gate.h"

#include <grpc/support/time.h>
#include <string.h>
#include <strings.h>

#include "server/base/hash.h"
#include "server/rpc/codec.h"
#include "server/rpc/peer.h"
#include "server/rpc/state.h"
#include "server/rpc/validation.h"

enum {
    BUSY_RETRY_MS = 250,
    SHUTDOWN_RETRY_MS = 1000,
    // A request decodes to at most this many times its greatest size.
    DECODED_FACTOR = 16,
    TOKEN_MAX_BYTES = 8 * 1024,
};

static const char BEARER[] = "Bearer ";

struct lane *gate_lane(const struct call *call)
{
    const struct method *handler = call->method->handler;
    if (handler == NULL || handler->lane == LANE_NONE)
        return NULL;
    return &call->server->lanes[handler->lane];
}

enum err_code gate_busy(struct err *reterr)
{
    enum err_code code = err_set(reterr, ERR_SERVER_BUSY, "the server is busy");
    err_retry_after(reterr, BUSY_RETRY_MS);
    return code;
}

static enum err_code admit(struct call *call, struct err *reterr)
{
    // Health goes on to say that the server does not serve.
    if (call->method->handler == NULL && call->method->stream == NULL)
        return ERR_OK;
    call->let_in = server_let_in(call->server);
    if (!call->let_in) {
        enum err_code code = err_set(reterr, ERR_SHUTTING_DOWN, "the server is shutting down");
        err_retry_after(reterr, SHUTDOWN_RETRY_MS);
        return code;
    }
    // Before any cryptography: an overloaded server must stay cheap to ask.
    const struct lane *lane = gate_lane(call);
    if (lane != NULL && lane_is_full(lane))
        return gate_busy(reterr);
    return ERR_OK;
}

static enum err_code authenticate(struct call *call, struct err *reterr)
{
    const char *value;
    size_t len;
    bool many;
    if (!call_metadata(call, "authorization", &value, &len, &many))
        return err_set(reterr, ERR_TOKEN_MISSING, "the call carries no token");
    size_t scheme = sizeof(BEARER) - 1;
    if (many || len <= scheme || len > TOKEN_MAX_BYTES || strncasecmp(value, BEARER, scheme) != 0)
        return err_set(reterr, ERR_TOKEN_INVALID, "authorization must be one bearer token");
    return call->server->verify(call->server->verify_context, value + scheme, len - scheme,
                                &call->arena, &call->request.caller, reterr);
}

static uint32_t hash_of(const struct principal *caller)
{
    return hash_text(hash_text(HASH_SEED, caller->tenant), caller->subject);
}

// What concerns all companies is not for someone who may see only some of them.
static enum err_code check_reach(const struct call *call, struct err *reterr)
{
    if (!call->method->policy.of_tenant || call->request.caller->all_companies)
        return ERR_OK;
    enum err_code code = err_set(reterr, ERR_ALL_COMPANIES_REQUIRED,
                                 "the method concerns all companies, and the token some");
    err_meta(reterr, "rpc", "%s/%s", call->method->service, call->method->name);
    return code;
}

enum err_code gate_authorise(struct call *call, struct err *reterr)
{
    enum permission permission = call->method->policy.permission;
    if (principal_may(call->request.caller, permission))
        return check_reach(call, reterr);
    enum err_code code = err_set(reterr, ERR_MISSING_PERMISSION,
                                 "the token lacks the permission %s", permission_text(permission));
    err_meta(reterr, "permission", "%s", permission_text(permission));
    err_meta(reterr, "rpc", "%s/%s", call->method->service, call->method->name);
    return code;
}

// Milliseconds until the client's deadline; INT64_MAX if it set none.
static int64_t client_left_ms(const struct call *call)
{
    gpr_timespec deadline = call->client_deadline;
    if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0)
        return INT64_MAX;
    return gpr_time_to_millis(gpr_time_sub(deadline, gpr_now(deadline.clock_type)));
}

static enum err_code limit_time(struct call *call, struct err *reterr)
{
    const struct contract_policy *policy = &call->method->policy;
    int64_t left_ms = client_left_ms(call);
    if (policy->max_deadline_ms > 0 && left_ms == INT64_MAX) {
        enum err_code code =
            err_set(reterr, ERR_DEADLINE_REQUIRED, "the call must carry a deadline");
        err_meta(reterr, "maximum", "%lldms", (long long)policy->max_deadline_ms);
        return code;
    }
    if (left_ms <= 0)
        return err_set(reterr, ERR_DEADLINE_EXCEEDED, "the deadline has passed");
    int64_t max_ms = policy->max_deadline_ms > 0 ? policy->max_deadline_ms
                                                 : call->server->settings.deadline_max_ms;
    call->request.deadline = deadline_in(left_ms < max_ms ? left_ms : max_ms);
    return ERR_OK;
}

struct deadline gate_step_deadline(const struct call *call)
{
    int64_t left_ms = client_left_ms(call);
    int64_t max_ms = call->server->settings.deadline_max_ms;
    return deadline_in(left_ms < max_ms ? left_ms : max_ms);
}

enum err_code gate_enter(struct call *call, struct err *reterr)
{
    try_(admit(call, reterr));
    if (call->method->handler != NULL) {
        try_(peer_check(call, reterr));
        try_(authenticate(call, reterr));
        call->job.caller = hash_of(call->request.caller);
        try_(gate_authorise(call, reterr));
    }
    return limit_time(call, reterr);
}

static enum err_code check_alive(struct call *call, struct err *reterr)
{
    if (atomic_load(&call->cancelled))
        return err_set(reterr, ERR_CANCELLED, "the client has gone");
    if (deadline_left_ms(call->request.deadline) == 0)
        return err_set(reterr, ERR_DEADLINE_EXCEEDED, "the deadline passed in the queue");
    return ERR_OK;
}

static enum err_code decode(struct call *call, ProtobufCMessage **ret_in, struct err *reterr)
{
    const struct table_method *method = call->method;
    size_t max_bytes = method->policy.max_request_bytes;
    const unsigned char *bytes;
    size_t len;
    try_(codec_bytes(call->payload, &call->arena, &bytes, &len, reterr));
    try_(validation_check(method->rule, bytes, len, max_bytes, reterr));
    return codec_decode(method->input, bytes, len, max_bytes * DECODED_FACTOR, &call->arena, ret_in,
                        reterr);
}

enum err_code gate_decode(struct call *call, ProtobufCMessage **ret_in, struct err *reterr)
{
    try_(check_alive(call, reterr));
    enum err_code code = decode(call, ret_in, reterr);
    call_drop_payload(call);
    return code;
}
