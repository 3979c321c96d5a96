// A server on the rpc layer with handlers that misbehave on request, for rpc_test.py.
//
// Arguments: key=value settings, then `listen ADDRESS [CERTIFICATE KEY [CLIENT_CA]]` groups. Prints
// one port a listener, then obeys lines on standard input: `wake`, `stats`, `serving 0|1`,
// `stop MS` (stops twice, says `stopped`), end of input (frees everything and leaves). With
// `drain=MS` it obeys signals instead.
#include <docbridge/v1/company.pb-c.h>
#include <docbridge/v1/password.pb-c.h>
#include <docbridge/v1/sync.pb-c.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/descriptor_set.h"
#include "server/base/encoding.h"
#include "server/base/log.h"
#include "server/notify.h"
#include "server/rpc/server.h"
#include "server/signals.h"

enum { STREAMS_MAX = 4096, METHODS_MAX = 64, LISTENERS_MAX = 8, FLOOD_BYTES = 16 * 1024 };

static atomic_int opened, closed, waiting, saw_cancel, saw_deadline, messages, observed, denials;

// `lane=2` serves GetCompany on the poller, to measure what a change of thread costs.
static enum method_lane company_lane = LANE_STORE;

// `drain=MS`: obeys signals, and standard input no more.
static int64_t drain_ms;
static atomic_int started, finished; // calls of GetCompany's handler

static int64_t number(const char *text)
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

static enum err_code wait_for_end(struct request *request, int64_t ms, struct err *reterr)
{
    atomic_fetch_add(&waiting, 1);
    struct deadline until = deadline_in(ms);
    enum err_code code = ERR_OK;
    while (code == ERR_OK && deadline_left_ms(until) > 0) {
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
    if (strcmp(name, "companies/slow") == 0)
        return wait_for_end(request, 30000, reterr);
    if (strncmp(name, "companies/sleep-", 16) == 0)
        return wait_for_end(request, number(name + 16), reterr);
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

static void wake_all(void)
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

// A table for all methods of a service, of which some do something.
static struct service make_service(const ProtobufCServiceDescriptor *descriptor,
                                   struct method methods[METHODS_MAX])
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

static enum err_code verify(void *context, const char *token, size_t len, struct arena *arena,
                            const struct principal **ret_principal, struct err *reterr)
{
    (void)context;
    char *text = arena_strndup(arena, token, len);
    struct principal *principal = arena_alloc(arena, sizeof(*principal));
    if (text == NULL || principal == NULL)
        return err_no_memory(reterr);
    if (strcmp(text, "expired") == 0)
        return err_set(reterr, ERR_TOKEN_EXPIRED, "the token has expired");
    if (strcmp(text, "all") == 0)
        principal->permissions = 0x7e;
    else if (strcmp(text, "read") == 0)
        principal->permissions = 1 << PERMISSION_READ_INTEGRATIONS;
    else
        return err_set(reterr, ERR_TOKEN_INVALID, "not a token");
    principal->tenant = "tenant";
    principal->subject = text;
    *ret_principal = principal;
    return ERR_OK;
}

static void observe(void *context, const struct rpc_observation *observation)
{
    (void)context;
    if (observation->duration_us >= 0)
        atomic_fetch_add(&observed, 1);
}

static void set(struct rpc_settings *settings, const char *key, const char *value)
{
    int given = (int)number(value);
    if (strcmp(key, "queue") == 0)
        settings->queue_max = given;
    else if (strcmp(key, "workers") == 0)
        settings->store_workers = settings->upstream_workers = given;
    else if (strcmp(key, "pollers") == 0)
        settings->pollers = given;
    else if (strcmp(key, "deadline") == 0)
        settings->deadline_max_ms = given;
    else if (strcmp(key, "streams") == 0)
        settings->streams_per_connection = given;
    else if (strcmp(key, "connections") == 0)
        settings->connections_max = given;
    else if (strcmp(key, "handshake") == 0)
        settings->handshake_timeout_ms = given;
    else if (strcmp(key, "idle") == 0)
        settings->connection_idle_ms = given;
    else if (strcmp(key, "watchers") == 0)
        settings->watchers_max = given;
    else if (strcmp(key, "reflection") == 0)
        settings->reflection = given != 0;
    else if (strcmp(key, "lane") == 0)
        company_lane = (enum method_lane)given;
    else if (strcmp(key, "drain") == 0)
        drain_ms = given;
    else if (strcmp(key, "quiet") == 0)
        log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static int read_arguments(int argc, char **argv, struct rpc_settings *settings,
                          struct rpc_listener *listeners)
{
    int at = 1;
    for (; at < argc && strcmp(argv[at], "listen") != 0; at++) {
        char *equals = strchr(argv[at], '=');
        if (equals == NULL)
            return -1;
        *equals = '\0';
        set(settings, argv[at], equals + 1);
    }
    while (at < argc && settings->listener_count < LISTENERS_MAX) {
        const char **slots[] = {&listeners[settings->listener_count].address,
                                &listeners[settings->listener_count].certificate_file,
                                &listeners[settings->listener_count].key_file,
                                &listeners[settings->listener_count].client_ca_file};
        size_t i = 0;
        for (at++; at < argc && strcmp(argv[at], "listen") != 0; at++)
            if (i < ARRAY_LEN(slots))
                *slots[i++] = argv[at];
        settings->listener_count++;
    }
    settings->listeners = listeners;
    return 0;
}

static void count_reload(void *context)
{
    (void)context;
    printf("reloaded\n");
    (void)fflush(stdout);
}

// As docbridged does: stops in order at the first signal, at once at the second.
static void obey_signals(struct rpc_server *server)
{
    notify_manager("READY=1");
    (void)signals_wait(count_reload, NULL);
    notify_manager("STOPPING=1");
    signals_stop_at_once();
    rpc_server_stop(server, drain_ms);
    printf("started=%d finished=%d\n", started, finished);
}

static void obey(struct rpc_server *server)
{
    char line[64];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "wake") == 0)
            wake_all();
        else if (strncmp(line, "serving ", 8) == 0)
            rpc_server_set_serving(server, line[8] == '1');
        else if (strncmp(line, "stop ", 5) == 0) {
            rpc_server_stop(server, number(line + 5));
            rpc_server_stop(server, 0);
            printf("stopped\n");
            (void)fflush(stdout);
            continue;
        }
        printf("opened=%d closed=%d waiting=%d cancel=%d deadline=%d messages=%d observed=%d "
               "denials=%d\n",
               opened, closed, waiting, saw_cancel, saw_deadline, messages, observed, denials);
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct rpc_listener listeners[LISTENERS_MAX] = {{0}};
    struct rpc_settings settings = {
        .descriptor_set = descriptor_set,
        .descriptor_set_len = descriptor_set_len,
        .observe = observe,
    };
    if (read_arguments(argc, argv, &settings, listeners) != 0)
        return 3;
    if (drain_ms > 0)
        signals_block();
    static struct method methods[3][METHODS_MAX];
    struct service services[] = {
        make_service(&docbridge__v1__company_service__descriptor, methods[0]),
        make_service(&docbridge__v1__password_service__descriptor, methods[1]),
        make_service(&docbridge__v1__sync_service__descriptor, methods[2]),
    };
    const struct service *const tables[] = {&services[0], &services[1], &services[2]};
    struct backend backend = {0};
    struct rpc_server *server = NULL;
    struct err err;
    enum err_code code =
        rpc_server_new(&settings, tables, ARRAY_LEN(tables), &backend, verify, NULL, &server, &err);
    if (code == ERR_OK)
        code = rpc_server_start(server, &err);
    if (code != ERR_OK) {
        printf("error %s\n", err.text);
        (void)rpc_server_free(server);
        return 1;
    }
    printf("ports");
    for (size_t i = 0; i < settings.listener_count; i++)
        printf(" %d", rpc_server_port(server, i));
    printf("\n");
    (void)fflush(stdout);
    if (drain_ms > 0)
        obey_signals(server);
    else
        obey(server);
    (void)rpc_server_free(server);
    return 0;
}
