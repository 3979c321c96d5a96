// A server on the rpc layer with handlers that misbehave on request, for the tests of this folder.
//
// Arguments: key=value settings, then `listen ADDRESS [CERTIFICATE KEY [CLIENT_CA]]` groups. Prints
// one port a listener, then obeys lines on standard input: `wake`, `release`, `stats`, `serving
// 0|1`, `stop MS` (stops twice, says `stopped`), end of input (frees everything and leaves). With
// `drain=MS` it obeys signals instead. To stop releases what is held once the stop has begun.
#include <docbridge/v1/company.pb-c.h>
#include <docbridge/v1/password.pb-c.h>
#include <docbridge/v1/sync.pb-c.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/descriptor_set.h"
#include "server/base/log.h"
#include "server/notify.h"
#include "server/rpc/server.h"
#include "server/signals.h"
#include "tests/integration/rpc/rpc_test_handlers.h"

enum { LISTENERS_MAX = 8, RELEASE_MS = 200 };

static atomic_int observed;
static int64_t drain_ms;

static enum err_code verify(void *context, const char *token, size_t len, struct arena *arena,
                            const struct principal **ret_principal, struct err *reterr)
{
    (void)context;
    char *text = arena_strndup(arena, token, len);
    struct principal *principal = arena_alloc(arena, sizeof(*principal));
    if (text == NULL || principal == NULL)
        return err_no_memory(reterr);
    // Good for two seconds more, with the leeway that all tokens have.
    bool is_short = strcmp(text, "short") == 0;
    principal->expire_time_us = clock_wall_us() + (is_short ? -58 : 3600) * INT64_C(1000000);
    if (strcmp(text, "expired") == 0)
        return err_set(reterr, ERR_TOKEN_EXPIRED, "the token has expired");
    if (strcmp(text, "all") == 0 || strcmp(text, "other") == 0 || is_short)
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

// libgrpc aborts where it is used wrongly: its thread tells where that was.
static void tell_stack(int signal_number)
{
    static const char head[] = "aborted at:\n";
    void *frames[64];
    (void)!write(STDERR_FILENO, head, sizeof(head) - 1);
    // NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c): it takes no lock once it was called
    backtrace_symbols_fd(frames, backtrace(frames, ARRAY_LEN(frames)), STDERR_FILENO);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void tell_stack_of_abort(void)
{
    void *frame;
    (void)backtrace(&frame, 1); // it allocates the first time
    (void)signal(SIGABRT, tell_stack);
}

// As docbridged does: stops in order at the first signal, at once at the second.
static void obey_signals(struct rpc_server *server)
{
    notify_manager("READY=1");
    (void)signals_wait(&(struct signals_duties){.reload = count_reload});
    notify_manager("STOPPING=1");
    signals_stop_at_once();
    release_in(RELEASE_MS);
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
        else if (strcmp(line, "release") == 0)
            release_in(0);
        else if (strncmp(line, "serving ", 8) == 0)
            rpc_server_set_serving(server, line[8] == '1');
        else if (strncmp(line, "stop ", 5) == 0) {
            release_in(RELEASE_MS);
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
    tell_stack_of_abort();
    if (read_arguments(argc, argv, &settings, listeners) != 0)
        return 3;
    if (drain_ms > 0)
        signals_block();
    static struct method methods[3][HANDLERS_METHODS_MAX];
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
