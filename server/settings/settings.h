// The settings of docbridged: one table from which parsing, --help, --print-config and docs follow.
//
// Precedence: command line, then environment (DOCBRIDGE_<NAME>), then the file, then the default.
// Secrets are never settings: they come from files whose paths are.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "server/base/err.h"

struct settings {
    // Listening.
    const char *listen; // comma-separated
    const char *tls_certificate_file;
    const char *tls_key_file;
    const char *tls_client_ca_file;
    const char *tls_client_names;
    const char *proxy_client_name_header;
    bool reflection;
    // Callers.
    const char *token_jwks_file;
    const char *token_issuer;
    const char *token_audience;
    // Database.
    const char *database_url;
    const char *database_server_role;
    const char *database_scheduler_role;
    const char *database_janitor_role;
    int64_t database_connections;
    const char *pooler; // "session" or "transaction", as PgBouncer calls its modes
    // Vault.
    const char *master_key_file;       // seals and opens
    const char *master_key_read_files; // comma-separated; they open
    // Audit.
    const char *audit_signing_key_file;
    int64_t audit_mark_seconds;
    int64_t audit_retention_days;
    // Calls.
    int64_t pollers;
    int64_t store_workers;
    int64_t upstream_workers;
    int64_t queue_max;
    int64_t connections_max;
    int64_t deadline_max_ms;
    int64_t drain_ms;
    // Sync.
    int64_t sync_run_threads;
    int64_t sync_connections;
    int64_t sync_window;
    int64_t sync_lease_ms;
    int64_t sync_request_limit;
    int64_t sync_request_window_ms;
    int64_t sync_reserve_percent;
    bool sync_request_limit_of_key;
    int64_t disabled_retention_days;
    int64_t sync_interval_min_ms;
    // Upstream.
    const char *upstream_proxy;
    int64_t upstream_timeout_ms;
    const char *upstream_image_hosts;
    bool upstream_image_key;
    // Development: without it the base URLs below are refused.
    bool development;
    const char *itglue_us_url;
    const char *itglue_eu_url;
    const char *itglue_au_url;
    const char *itglue_ca_file;
    // What is told of the process.
    const char *log_level;
    int64_t metrics_port;

    void *_memory; // what the strings live in
};

// What the command line asks for beside the settings.
struct settings_command {
    const char *word; // the first argument that is no option, such as "migrate"; NULL: serve
    bool help, version, print, check, dry_run;
    const char *owner_database_url; // of migrate
};

// Reads the command line, the environment and the file that --config or DOCBRIDGE_CONFIG names.
// Errors: FIELD_INVALID with one line that names the setting, where it came from and what is
// allowed.
enum err_code settings_load(int argc, char **argv, struct settings *ret_settings,
                            struct settings_command *ret_command, struct err *reterr) _must_check_;
void settings_done(struct settings *settings);
// `name = value` lines; "" for what is not set. No setting is a secret.
void settings_print(const struct settings *settings, FILE *out);
void settings_help(FILE *out);
