#include "tests/integration/rpc/rpc_test_handlers.h"

#include <docbridge/v1/company.pb-c.h>
#include <docbridge/v1/password.pb-c.h>
#include <docbridge/v1/sync.pb-c.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/base/encoding.h"

enum { STREAMS_MAX = 4096, FLOOD_BYTES = 16 * 1024 };

atomic_int opened, closed, waiting, saw_cancel, saw_deadline, messages, denials;
atomic_int started, finished;
enum method_lane company_lane = LANE_STORE;

int64_t number(const char *text)
{
    int64_t value = 0;
    (void)encoding_int64(text, strlen(text), &value);
    return value;
}

static enum err_code refuse(struct request *request, const void *in, void *out, struct err *reterr)
{
    (void)request;
    (void)in;
    (void)out;
    return err_set(reterr, ERR_RESOURCE_NOT_FOUND, "not part of this test");
}

static _Atomic int64_t release_ms; // when, by the steady clock; 0: not yet

void release_in(int64_t ms)
{
    atomic_store(&release_ms, clock_steady_ms() + ms);
}

static bool is_released(void)
{
    int64_t when_ms = atomic_load(&release_ms);
    return when_ms != 0 && clock_steady_ms() >= when_ms;
}

static enum err_code wait_for_end(struct request *request, int64_t ms, bool is_held,
                                  struct err *reterr)
{
    atomic_fetch_add(&waiting, 1);
    struct deadline until = deadline_in(ms);
    enum err_code code = ERR_OK;
    while (code == ERR_OK && deadline_left_ms(until) > 0 && !(is_held && is_released())) {
        usleep(2000);
        if (deadline_left_ms(request->deadline) == 0) {
            atomic_fetch_add(&saw_deadline, 1);
            code = err_set(reterr, ERR_DEADLINE_EXCEEDED, "waited in vain");
        } else if (atomic_load(request->cancelled)) {
            atomic_fetch_add(&saw_cancel, 1);
            code = err_set(reterr, ERR_CANCELLED, "the client has gone");
        }
    }
    atomic_fetch_sub(&waiting, 1);
    return code;
}

// "TIMES-MS": fails that many times, and says to try again after so many milliseconds.
static enum err_code fail_at_first(const char *text, struct err *reterr)
{
    static atomic_int failed;
    char times[16];
    size_t len = strcspn(text, "-");
    (void)snprintf(times, sizeof(times), "%.*s", (int)len, text);
    if (atomic_fetch_add(&failed, 1) >= number(times))
        return ERR_OK;
    enum err_code code = err_set(reterr, ERR_STORE_UNAVAILABLE, "not yet");
    err_retry_after(reterr, number(text + len + 1));
    return code;
}

static enum err_code misbehave(struct request *request, const char *name, struct err *reterr)
{
    if (strcmp(name, "companies/missing") == 0)
        return err_not_found(reterr, name);
    if (strcmp(name, "companies/internal") == 0) {
        enum err_code code = err_set(reterr, ERR_INTERNAL, "hidden text of the inside");
        err_meta(reterr, "table", "hidden metadata");
        return code;
    }
    if (strcmp(name, "companies/precondition") == 0) {
        enum err_code code = err_set(reterr, ERR_CONNECTION_NOT_ACTIVE, "it is paused");
        err_meta(reterr, "connection", "connections/one");
        err_meta(reterr, "state", "PAUSED");
        return code;
    }
    if (strcmp(name, "companies/limited") == 0) {
        enum err_code code = err_set(reterr, ERR_UPSTREAM_RATE_LIMITED, "too fast");
        err_retry_after(reterr, 1500);
        return code;
    }
    if (strncmp(name, "missing:", 8) == 0)
        return err_not_found(reterr, name + 8);
    if (strncmp(name, "companies/flaky-", 16) == 0)
        return fail_at_first(name + 16, reterr);
    bool is_held = strcmp(name, "companies/held") == 0;
    if (is_held || strcmp(name, "companies/slow") == 0)
        return wait_for_end(request, 60000, is_held, reterr);
    if (strncmp(name, "companies/sleep-", 16) == 0)
        return wait_for_end(request, number(name + 16), /* is_held= */ false, reterr);
    return ERR_OK;
}

static enum err_code get_company(struct request *request, const void *in, void *out,
                                 struct err *reterr)
{
    const Docbridge__V1__GetCompanyRequest *get = in;
    Docbridge__V1__Company *company = out;
    atomic_fetch_add(&started, 1);
    try_(misbehave(request, get->name, reterr));
    company->name = get->name;
    company->display_name = arena_strdup(request->arena, request->caller->subject);
    company->etag = arena_strdup(request->arena, request->request_id);
    if (strcmp(get->name, "companies/waiting") == 0)
        company->display_name = arena_printf(request->arena, "%d", atomic_load(&waiting));
    if (strcmp(get->name, "companies/deadline") == 0)
        company->display_name =
            arena_printf(request->arena, "%lld", (long long)deadline_left_ms(request->deadline));
    if (strncmp(get->name, "companies/big-", 14) == 0) {
        size_t len = (size_t)number(get->name + 14);
        company->display_name = arena_alloc(request->arena, len + 1);
        if (company->display_name == NULL)
            return err_no_memory(reterr);
        memset(company->display_name, 'x', len);
    }
    atomic_fetch_add(&finished, 1);
    return ERR_OK;
}

static enum err_code upsert(struct request *request, const void *in, void *out, struct err *reterr)
{
    (void)request;
    (void)reterr;
    const Docbridge__V1__BatchUpsertCompaniesRequest *batch = in;
    Docbridge__V1__BatchUpsertCompaniesResponse *response = out;
    response->created_count = (int32_t)batch->n_companies;
    return ERR_OK;
}

static enum err_code reveal(struct request *request, const void *in, void *out, struct err *reterr)
{
    const Docbridge__V1__RevealPasswordRequest *wanted = in;
    Docbridge__V1__RevealPasswordResponse *response = out;
    response->value_case = DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_PLAINTEXT;
    response->plaintext = arena_printf(request->arena, "value of %s", wanted->name);
    response->audit_event =
        arena_printf(request->arena, "%lld", (long long)deadline_left_ms(request->deadline));
    return response->plaintext == NULL ? err_no_memory(reterr) : ERR_OK;
}

// A watched run. `left`: messages to send before `then`.
struct watch {
    struct stream_waker waker;
    int64_t sent;
    int64_t left;
    enum stream_step then;
    bool fail;
    bool flood;
};

static pthread_mutex_t watches_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct watch *watches[STREAMS_MAX];

void wake_all(void)
{
    pthread_mutex_lock(&watches_mutex);
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (watches[i] == NULL)
            continue;
        __atomic_add_fetch(&watches[i]->left, 1, __ATOMIC_SEQ_CST);
        watches[i]->waker.wake(watches[i]->waker.context);
    }
    pthread_mutex_unlock(&watches_mutex);
}

static enum err_code watch_open(struct request *request, const void *in,
                                const struct stream_waker *waker, void **ret_state,
                                struct err *reterr)
{
    (void)request;
    const Docbridge__V1__WatchSyncRunRequest *wanted = in;
    if (strcmp(wanted->name, "missing") == 0)
        return err_not_found(reterr, wanted->name);
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return err_no_memory(reterr);
    *watch = (struct watch){.waker = *waker, .left = 1, .then = STREAM_IDLE};
    if (strncmp(wanted->name, "count-", 6) == 0) {
        watch->left = number(wanted->name + 6);
        watch->then = STREAM_END;
    }
    watch->fail = strcmp(wanted->name, "fail") == 0;
    watch->flood = strcmp(wanted->name, "flood") == 0;
    if (watch->flood)
        watch->left = INT64_MAX / 2;
    pthread_mutex_lock(&watches_mutex);
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (watches[i] == NULL) {
            watches[i] = watch;
            break;
        }
    }
    pthread_mutex_unlock(&watches_mutex);
    atomic_fetch_add(&opened, 1);
    *ret_state = watch;
    return ERR_OK;
}

static enum err_code watch_next(struct request *request, void *state, struct arena *arena,
                                void *out, enum stream_step *ret_step, struct err *reterr)
{
    (void)request;
    struct watch *watch = state;
    Docbridge__V1__WatchSyncRunResponse *response = out;
    if (__atomic_load_n(&watch->left, __ATOMIC_SEQ_CST) == 0) {
        if (watch->fail)
            return err_set(reterr, ERR_INTERNAL, "hidden");
        *ret_step = watch->then;
        return ERR_OK;
    }
    __atomic_sub_fetch(&watch->left, 1, __ATOMIC_SEQ_CST);
    response->sequence = ++watch->sent;
    size_t len = watch->flood ? FLOOD_BYTES : 8;
    response->resume_token = arena_alloc(arena, len + 1);
    if (response->resume_token == NULL)
        return err_no_memory(reterr);
    memset(response->resume_token, 't', len);
    atomic_fetch_add(&messages, 1);
    *ret_step = STREAM_MESSAGE;
    return ERR_OK;
}

static void watch_close(void *state)
{
    pthread_mutex_lock(&watches_mutex);
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (watches[i] == state)
            watches[i] = NULL;
    pthread_mutex_unlock(&watches_mutex);
    free(state);
    atomic_fetch_add(&closed, 1);
}

static const struct stream_handler watch_handler = {watch_open, watch_next, watch_close};

// Records who was refused; a name of "unrecorded" cannot be.
static enum err_code denied(struct request *request, const void *in, struct err *reterr)
{
    const Docbridge__V1__RevealPasswordRequest *asked = in;
    if (strcmp(asked->name, "unrecorded") == 0)
        return err_set(reterr, ERR_AUDIT_UNAVAILABLE, "not recorded");
    if (strcmp(request->caller->subject, "read") == 0 && deadline_left_ms(request->deadline) > 0)
        atomic_fetch_add(&denials, 1);
    return ERR_OK;
}

struct service make_service(const ProtobufCServiceDescriptor *descriptor,
                            struct method methods[HANDLERS_METHODS_MAX])
{
    for (unsigned i = 0; i < descriptor->n_methods; i++) {
        const char *name = descriptor->methods[i].name;
        struct method *method = &methods[i];
        *method = (struct method){name, METHOD_UNARY, LANE_STORE, refuse, NULL, NULL};
        if (strcmp(name, "GetCompany") == 0)
            *method = (struct method){name, METHOD_UNARY, company_lane, get_company, NULL, NULL};
        else if (strcmp(name, "BatchUpsertCompanies") == 0)
            method->unary = upsert;
        else if (strcmp(name, "ListPasswords") == 0)
            method->lane = LANE_NONE;
        else if (strcmp(name, "RevealPassword") == 0)
            *method = (struct method){name, METHOD_UNARY, LANE_UPSTREAM, reveal, NULL, denied};
        else if (strcmp(name, "WatchSyncRun") == 0)
            *method =
                (struct method){name, METHOD_SERVER_STREAM, LANE_STORE, NULL, &watch_handler, NULL};
    }
    return (struct service){descriptor, methods, descriptor->n_methods};
}
