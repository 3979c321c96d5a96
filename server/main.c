// docbridged: the composition root. Everything is made here in order and stopped in reverse.
//
// Refuses to start with one clear line when a setting, a file or the schema is not as it must be.
// Ends with 0 after it was stopped in order, 1 if it did not start, 2 if it was told to stop twice.
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/descriptor_set.h"
#include "server/audit/trail.h"
#include "server/auth/auth.h"
#include "server/base/guarded.h"
#include "server/base/log.h"
#include "server/metrics/exporter.h"
#include "server/notify.h"
#include "server/rpc/server.h"
#include "server/service/gate_memory.h"
#include "server/service/gate_reader.h"
#include "server/service/services.h"
#include "server/settings/settings.h"
#include "server/signals.h"
#include "server/source/idle.h"
#include "server/source/source.h"
#include "server/store/store.h"
#include "server/store/vault_record.h"
#include "server/sync/sync.h"
#include "server/vault/vault.h"
#include "server/wipe.h"

#define VERSION "0.1.0"

enum { START_MS = 10000, OPEN_FILES = 65536, TIDY_MS = 5000 };

// Read by jemalloc before main(). What a wave of connections or a large run freed is given back
// within seconds; few arenas, so that what is freed lies together. A thread keeps what it freed up
// to 16 KiB a piece, since the memory of a call is pieces of 5 and 12, but only ten of the large
// ones: a run has five threads.
extern const char *malloc_conf;
const char *malloc_conf =
    "background_thread:true,narenas:2,lg_tcache_max:14,tcache_nslots_small_min:10,"
    "dirty_decay_ms:1000,muzzy_decay_ms:0";

static const struct service *const services[] = {
    &access_service,   &connection_service,    &company_service,  &company_set_service,
    &mapping_service,  &config_service,        &sync_service,     &documentation_service,
    &password_service, &reveal_policy_service, &exposure_service, &audit_service,
    &admin_service,
};

// The parts in the order in which they are made.
struct server {
    struct vault *vault;
    struct auth *auth;
    struct source_settings source;
    struct idle_sources *idle_sources;
    struct store *store;
    struct store *background_store;
    struct store *scheduler_store;
    struct store *janitor_store;
    struct trail *trail;
    struct gate_reader *gate_reader;
    struct gate_memory *gate_memory;
    struct sync *sync;
    struct backend backend;
    struct metrics *metrics; // NULL: none are wanted
    struct rpc_server *rpc;
    struct rpc_listener listeners[RPC_LISTENERS_MAX];
    size_t listener_count;
    struct exporter *exporter;
    char *listen; // what the addresses are cut out of
};

// No dump of this process, no trace of its messages, no remains in its memory; descriptors for many
// connections.
static enum err_code harden(struct err *reterr)
{
    const struct rlimit no_core = {0, 0};
    struct rlimit files;
    // What others turn on to look into a process would look into ours too.
    static const struct {
        const char *name, *why;
    } leaks[] = {
        {"GRPC_TRACE", "must not be set: traces hold payloads"},
        {"SSLKEYLOGFILE", "must not be set: it opens recorded connections to IT Glue"},
    };
    for (size_t i = 0; i < ARRAY_LEN(leaks); i++) {
        const char *value = getenv(leaks[i].name);
        if (value != NULL && value[0] != '\0')
            return err_invalid(reterr, leaks[i].name, "%s", leaks[i].why);
    }
    if (!wipe_what_is_freed())
        return err_set(reterr, ERR_INTERNAL, "OpenSSL was used before its memory could be wiped");
    if (setrlimit(RLIMIT_CORE, &no_core) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return err_set(reterr, ERR_INTERNAL, "core dumps cannot be turned off");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < OPEN_FILES) {
        files.rlim_cur = files.rlim_max < OPEN_FILES ? files.rlim_max : OPEN_FILES;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    return ERR_OK;
}

static enum err_code required(const char *value, const char *name, struct err *reterr)
{
    return value != NULL && value[0] != '\0' ? ERR_OK : err_invalid(reterr, name, "must be set");
}

// Cuts "a,b" into listeners. All share the certificate; a Unix socket stays plain.
static enum err_code cut_addresses(struct server *server, const struct settings *settings,
                                   struct err *reterr)
{
    server->listen = strdup(settings->listen);
    if (server->listen == NULL)
        return err_no_memory(reterr);
    for (char *rest = server->listen, *address; (address = strsep(&rest, ",")) != NULL;) {
        address += strspn(address, " ");
        if (address[0] == '\0' || server->listener_count == RPC_LISTENERS_MAX)
            return err_invalid(reterr, "listen", "must name 1 to %d addresses", RPC_LISTENERS_MAX);
        bool local = strncmp(address, "unix:", 5) == 0;
        server->listeners[server->listener_count++] = (struct rpc_listener){
            .address = address,
            .certificate_file = local ? NULL : settings->tls_certificate_file,
            .key_file = local ? NULL : settings->tls_key_file,
            .client_ca_file = local ? NULL : settings->tls_client_ca_file,
        };
    }
    return ERR_OK;
}

// What can be told from the settings alone: for --check-config, and before anything is opened.
static enum err_code check_settings(struct server *server, const struct settings *settings,
                                    struct err *reterr)
{
    try_(required(settings->token_jwks_file, "token_jwks_file", reterr));
    try_(required(settings->token_issuer, "token_issuer", reterr));
    try_(required(settings->token_audience, "token_audience", reterr));
    try_(required(settings->database_url, "database_url", reterr));
    try_(cut_addresses(server, settings, reterr));
    for (size_t i = 0; i < server->listener_count; i++)
        try_(rpc_listener_check(&server->listeners[i], reterr));
    server->source = (struct source_settings){
        .base_url = {[SOURCE_REGION_US] = settings->itglue_us_url,
                     [SOURCE_REGION_EU] = settings->itglue_eu_url,
                     [SOURCE_REGION_AU] = settings->itglue_au_url},
        .ca_file = settings->itglue_ca_file,
        .proxy = settings->upstream_proxy,
        .request_timeout_ms = settings->upstream_timeout_ms,
        .image_hosts = settings->upstream_image_hosts,
        .image_key = settings->upstream_image_key,
    };
    return source_settings_check(&server->source, reterr);
}

// Cuts "a,b" into files of keys that open.
static enum err_code add_read_keys(struct vault *vault, const char *files, struct err *reterr)
{
    char *copy _cleanup_(freep) = files == NULL ? NULL : strdup(files);
    if (files != NULL && copy == NULL)
        return err_no_memory(reterr);
    for (char *rest = copy, *file; (file = strsep(&rest, ",")) != NULL;) {
        file += strspn(file, " ");
        if (file[0] == '\0')
            return err_invalid(reterr, "master_key_read_files", "names an empty file");
        try_(vault_add_key(vault, file, reterr));
    }
    return ERR_OK;
}

static enum err_code open_vault_and_auth(struct server *server, const struct settings *settings,
                                         struct err *reterr)
{
    const struct auth_settings auth = {.jwks_file = settings->token_jwks_file,
                                       .issuer = settings->token_issuer,
                                       .audience = settings->token_audience};
    try_(required(settings->master_key_file, "master_key_file", reterr));
    try_(vault_open(settings->master_key_file, &server->vault, reterr));
    try_(add_read_keys(server->vault, settings->master_key_read_files, reterr));
    return auth_new(&auth, &server->auth, reterr);
}

static enum err_code open_source(struct server *server, struct err *reterr)
{
    try_(source_global_init(reterr));
    server->idle_sources = idle_sources_new(IDLE_SOURCE_MS);
    return server->idle_sources == NULL ? err_no_memory(reterr) : ERR_OK;
}

// A key that records need must not be missing first when somebody needs the record.
static enum err_code check_keys(struct server *server, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 64 * 1024);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    const char *ids[VAULT_KEYS_MAX], *lost;
    int64_t count;
    size_t id_count = vault_key_ids(server->vault, ids);
    try_(store_begin(server->janitor_store, NULL, deadline_in(START_MS), NULL, &tx, reterr));
    try_(vault_record_find_lost(tx, ids, id_count, &arena, &count, &lost, reterr));
    if (count > 0)
        return err_invalid(reterr, "master_key_file",
                           "and master_key_read_files lack a key: %lld stored secrets are sealed "
                           "with master key %.80s; name its file in one of them",
                           (long long)count, lost);
    return tx_commit(&tx, reterr);
}

// Of runs and what follows them. Two at least: one that waits for a lock must not stop all.
static int background_connections(const struct settings *settings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (settings->sync_connections > 0)
        return (int)settings->sync_connections;
    return cores < 2 ? 2 : (int)cores;
}

static enum err_code open_stores(struct server *server, const struct settings *settings,
                                 struct err *reterr)
{
    bool shared = strcmp(settings->pooler, "transaction") == 0;
    const struct store_settings serving = {.dsn = settings->database_url,
                                           .connections_max = (int)settings->database_connections,
                                           .unnamed_statements = shared,
                                           .role = settings->database_server_role};
    struct store_settings background = serving;
    background.connections_max = background_connections(settings);
    const struct store_settings scheduling = {.dsn = settings->database_url,
                                              .connections_max = 1,
                                              .unnamed_statements = shared,
                                              .role = settings->database_scheduler_role};
    const struct store_settings looking = {.dsn = settings->database_url,
                                           .connections_max = 1,
                                           .unnamed_statements = shared,
                                           .role = settings->database_janitor_role};
    try_(store_open(&serving, &server->store, reterr));
    try_(store_open(&background, &server->background_store, reterr));
    try_(store_open(&scheduling, &server->scheduler_store, reterr));
    try_(store_open(&looking, &server->janitor_store, reterr));
    try_(store_check_schema(server->store, deadline_in(START_MS), reterr));
    return check_keys(server, reterr);
}

static enum err_code make_trail(struct server *server, const struct settings *settings,
                                struct err *reterr)
{
    const struct trail_settings trail = {
        .store = server->store,
        .janitor_store = server->janitor_store,
        .signing_key_file = settings->audit_signing_key_file,
        .mark_ms = settings->audit_mark_seconds * 1000,
        .retention_days = settings->audit_retention_days,
    };
    return trail_new(&trail, &server->trail, reterr);
}

static enum err_code make_sync(struct server *server, const struct settings *settings,
                               struct err *reterr)
{
    const struct sync_settings sync = {
        .store = server->store,
        .background_store = server->background_store,
        .scheduler_store = server->scheduler_store,
        .vault = server->vault,
        .source = &server->source,
        .run_threads = (int)settings->sync_run_threads,
        .window = (int)settings->sync_window,
        .lease_ms = settings->sync_lease_ms,
        .request_limit = (int)settings->sync_request_limit,
        .request_window_ms = settings->sync_request_window_ms,
        .reserve_percent = (int)settings->sync_reserve_percent,
        .least_interval_ms = settings->sync_interval_min_ms,
        .disabled_retention_days = settings->disabled_retention_days,
        .request_limit_of_key = settings->sync_request_limit_of_key,
    };
    return sync_new(&sync, &server->sync, reterr);
}

static enum err_code make_rpc(struct server *server, const struct settings *settings,
                              struct err *reterr)
{
    try_(gate_reader_new(&server->gate_reader, reterr));
    try_(gate_memory_new(GATE_MEMORY_MS, &server->gate_memory, reterr));
    server->backend = (struct backend){.store = server->store,
                                       .janitor_store = server->janitor_store,
                                       .vault = server->vault,
                                       .sync = server->sync,
                                       .trail = server->trail,
                                       .gate_reader = server->gate_reader,
                                       .gate_memory = server->gate_memory,
                                       .source = &server->source,
                                       .idle_sources = server->idle_sources,
                                       .settings = settings};
    server->backend.token_key_count =
        vault_subkeys(server->vault, "page-token", server->backend.token_keys);
    const struct rpc_settings rpc = {
        .listeners = server->listeners,
        .listener_count = server->listener_count,
        .pollers = (int)settings->pollers,
        .store_workers = (int)settings->store_workers,
        .upstream_workers = (int)settings->upstream_workers,
        .queue_max = (int)settings->queue_max,
        .connections_max = (int)settings->connections_max,
        .deadline_max_ms = settings->deadline_max_ms,
        .client_names = settings->tls_client_names,
        .client_name_header = settings->proxy_client_name_header,
        .reflection = settings->reflection,
        .descriptor_set = descriptor_set,
        .descriptor_set_len = descriptor_set_len,
        .observe = server->metrics == NULL ? NULL : metrics_observe,
        .observe_context = server->metrics,
    };
    return rpc_server_new(&rpc, services, ARRAY_LEN(services), &server->backend, auth_verify,
                          server->auth, &server->rpc, reterr);
}

static enum err_code start_metrics(struct server *server, const struct settings *settings,
                                   struct err *reterr)
{
    const struct metrics_pool pools[] = {{"serving", server->store},
                                         {"background", server->background_store},
                                         {"scheduler", server->scheduler_store},
                                         {"janitor", server->janitor_store}};
    if (server->metrics == NULL)
        return ERR_OK;
    metrics_watch(server->metrics, server->rpc, pools, ARRAY_LEN(pools));
    return exporter_start((int)settings->metrics_port, server->metrics, &server->exporter, reterr);
}

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    int level = LOG_ERROR;
    while (level > LOG_DEBUG && strcmp(names[level], name) != 0)
        level--;
    return (enum log_level)level;
}

static enum err_code start(struct server *server, const struct settings *settings,
                           struct err *reterr)
{
    try_(check_settings(server, settings, reterr));
    try_(open_vault_and_auth(server, settings, reterr));
    try_(open_source(server, reterr));
    try_(open_stores(server, settings, reterr));
    try_(make_trail(server, settings, reterr));
    try_(make_sync(server, settings, reterr));
    // What hinders listening is said once, by us: gRPC's own words come only to who debugs.
    if (strcmp(settings->log_level, "debug") != 0)
        log_set_level(LOG_ERROR);
    if (settings->metrics_port != 0)
        try_(metrics_new(VERSION, &server->metrics, reterr));
    try_(make_rpc(server, settings, reterr));
    log_set_level(level_of(settings->log_level));
    try_(trail_start(server->trail, reterr));
    try_(sync_start(server->sync, reterr));
    try_(rpc_server_start(server->rpc, reterr));
    try_(start_metrics(server, settings, reterr));
    for (size_t i = 0; i < server->listener_count; i++)
        log_event(LOG_INFO, "serving", LOG_STR("address", server->listeners[i].address),
                  LOG_INT("port", rpc_server_port(server->rpc, i)));
    return ERR_OK;
}

static void stop(struct server *server, const struct settings *settings)
{
    server->exporter = exporter_stop(server->exporter);
    // Calls first: they may ask the sync for runs and both need the database.
    if (server->rpc != NULL)
        rpc_server_stop(server->rpc, settings->drain_ms);
    if (server->sync != NULL)
        sync_stop(server->sync);
    if (server->trail != NULL)
        trail_stop(server->trail);
    server->rpc = rpc_server_free(server->rpc);
    server->metrics = metrics_free(server->metrics);
    server->sync = sync_free(server->sync);
    server->trail = trail_free(server->trail);
    server->gate_memory = gate_memory_free(server->gate_memory);
    server->gate_reader = gate_reader_free(server->gate_reader);
    server->janitor_store = store_close(server->janitor_store);
    server->background_store = store_close(server->background_store);
    server->scheduler_store = store_close(server->scheduler_store);
    server->store = store_close(server->store);
    server->idle_sources = idle_sources_free(server->idle_sources);
    source_global_done();
    server->auth = auth_free(server->auth);
    server->vault = vault_close(server->vault);
    free(server->listen);
}

static enum err_code migrate(const struct settings *settings,
                             const struct settings_command *command, struct err *reterr)
{
    const char *url =
        command->owner_database_url ? command->owner_database_url : settings->database_url;
    int applied = 0;
    try_(required(url, "owner_database_url", reterr));
    try_(store_migrate(url, command->dry_run, &applied, reterr));
    printf(command->dry_run ? "%d migrations to apply\n" : "%d migrations applied\n", applied);
    return ERR_OK;
}

static void reload(void *context)
{
    const struct server *server = context;
    auth_reload(server->auth);
}

static void tidy(void *context)
{
    (void)context;
    guarded_close_unused();
}

static enum err_code serve(const struct settings *settings, struct err *reterr)
{
    struct server server = {0};
    signals_block();
    enum err_code code = start(&server, settings, reterr);
    if (code == ERR_OK) {
        notify_manager("READY=1");
        int got = signals_wait(&(struct signals_duties){reload, tidy, TIDY_MS, &server});
        notify_manager("STOPPING=1");
        log_event(LOG_INFO, "stopping", LOG_INT("signal", got));
        signals_stop_at_once();
    }
    stop(&server, settings);
    if (code == ERR_OK)
        log_event(LOG_INFO, "stopped");
    return code;
}

// Not the master key: it may come from systemd, which hands it to the service alone.
static enum err_code check_only(const struct settings *settings, struct err *reterr)
{
    struct server server = {0};
    enum err_code code = check_settings(&server, settings, reterr);
    free(server.listen);
    if (code == ERR_OK)
        printf("the settings are well-formed%s\n",
               settings->master_key_file != NULL
                   ? ""
                   : "; the service must be handed its master key, as master_key_file names none");
    return code;
}

static enum err_code run(const struct settings *settings, const struct settings_command *command,
                         struct err *reterr)
{
    if (command->help)
        settings_help(stdout);
    else if (command->version)
        printf("docbridged %s\n", VERSION);
    else if (command->print)
        settings_print(settings, stdout);
    else if (command->check)
        return check_only(settings, reterr);
    else if (command->word == NULL)
        return serve(settings, reterr);
    else if (strcmp(command->word, "migrate") == 0)
        return migrate(settings, command, reterr);
    else
        return err_invalid(reterr, command->word, "is no command; see --help");
    return ERR_OK;
}

int main(int argc, char **argv)
{
    struct settings settings _cleanup_(settings_done) = {0};
    struct settings_command command = {0};
    struct err err = {0};
    enum err_code code = harden(&err);
    if (code == ERR_OK)
        code = settings_load(argc, argv, &settings, &command, &err);
    if (code == ERR_OK) {
        log_set_level(level_of(settings.log_level));
        code = run(&settings, &command, &err);
    }
    if (code != ERR_OK)
        fprintf(stderr, "docbridged: %s\n", err.text);
    return code == ERR_OK ? 0 : 1;
}
