#include "server/settings/settings.h"

#include <ctype.h>
#include <ini.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/encoding.h"

enum type { TEXT, NUMBER, SWITCH };

// One row a setting. Text has no bounds; a number's are inclusive.
static const struct row {
    const char *name;
    enum type type;
    size_t offset;
    const char *fallback;
    int64_t least, most;
    const char *help;
} table[] = {
#define T(field, fallback, help)                                             \
    {                                                                        \
#field, TEXT, offsetof(struct settings, field), fallback, 0, 0, help \
    }
#define N(field, fallback, least, most, help)                                          \
    {                                                                                  \
#field, NUMBER, offsetof(struct settings, field), #fallback, least, most, help \
    }
#define S(field, fallback, help)                                               \
    {                                                                          \
#field, SWITCH, offsetof(struct settings, field), fallback, 0, 0, help \
    }
    T(listen, "127.0.0.1:7443", "addresses, comma-separated: host:port or unix:/path"),
    T(tls_certificate_file, NULL, "PEM certificate chain; without it plaintext, on loopback only"),
    T(tls_key_file, NULL, "PEM key of the certificate"),
    T(tls_client_ca_file, NULL, "PEM authorities of client certificates, then required"),
    T(tls_client_names, NULL, "names of client certificates that may call; any without it"),
    T(proxy_client_name_header, NULL, "header in which a proxy on a Unix socket names its client"),
    S(reflection, "false", "serve gRPC server reflection"),
    T(token_jwks_file, NULL, "JWK set that bearer tokens are verified with"),
    T(token_issuer, NULL, "the `iss` that tokens must have"),
    T(token_audience, "docbridge", "the `aud` that tokens must have"),
    T(database_url, NULL, "Postgres connection string; put a password into a passfile"),
    T(database_server_role, "docbridge_server", "role of calls and runs"),
    T(database_scheduler_role, "docbridge_scheduler", "role of the look at leases of all tenants"),
    T(database_janitor_role, "docbridge_janitor",
      "role of the look at all tenants' master keys and old audit"),
    N(database_connections, 16, 2, 500, "most connections to Postgres for calls"),
    T(pooler, "session", "what is in front of Postgres: session (or nothing) or transaction"),
    T(master_key_file, NULL,
      "master key of the vault, mode 0400 (default: master-key in $CREDENTIALS_DIRECTORY)"),
    T(master_key_read_files, NULL, "further master keys, comma-separated: they open, never seal"),
    T(audit_signing_key_file, NULL,
      "Ed25519 seed that heads of the audit trail are signed with, mode 0400"),
    N(audit_mark_seconds, 60, 1, 86400, "how often a trail that grew gets a head"),
    N(audit_retention_days, 400, 30, 36500, "age at which audit events are removed"),
    N(pollers, 0, 0, 64, "network threads; 0: one a core"),
    N(store_workers, 8, 1, 256, "threads for calls that need the database"),
    N(upstream_workers, 32, 1, 256, "threads for calls that wait for IT Glue"),
    N(queue_max, 1024, 1, 65536, "calls that may wait for a thread, half of them of one caller"),
    N(connections_max, 8192, 1, 100000, "connections at once; more are closed"),
    N(deadline_max_ms, 60000, 1000, 600000, "longest time of a unary call"),
    N(drain_ms, 10000, 0, 600000, "time that running calls get when the server stops"),
    N(sync_run_threads, 16, 1, 256, "sync runs at once"),
    N(sync_connections, 0, 0, 256,
      "most connections to Postgres for runs and what follows them; 0: one a core, at least 2"),
    N(sync_window, 4, 1, 16, "requests of a sync run to IT Glue at once"),
    N(sync_lease_ms, 30000, 1000, 600000, "silence after which another process takes a run over"),
    N(sync_request_limit, 3000, 1, 1000000, "requests to IT Glue in a window, a credential"),
    N(sync_request_window_ms, 300000, 1000, 3600000, "length of that window"),
    N(sync_reserve_percent, 20, 0, 90, "share of the limit kept for reveals and tests"),
    S(sync_request_limit_of_key, "false",
      "IT Glue counts by key; else by account, whatever its key"),
    N(disabled_retention_days, 30, 1, 36500,
      "age at which records of what is turned off are removed"),
    N(sync_interval_min_ms, 900000, 1000, 86400000, "shortest interval that a schedule can have"),
    T(upstream_proxy, NULL, "proxy for calls to IT Glue; the environment's is never used"),
    N(upstream_timeout_ms, 60000, 1000, 600000, "longest request to IT Glue"),
    T(upstream_image_hosts, ".amazonaws.com",
      "hosts of links to images, comma-separated, .x for all below x; they get no key"),
    S(upstream_image_key, "false", "open links to images on IT Glue's API host, with the key"),
    S(development, "false", "allow the base URLs below"),
    T(itglue_us_url, NULL, "development: base URL in place of api.itglue.com"),
    T(itglue_eu_url, NULL, "development: base URL in place of api.eu.itglue.com"),
    T(itglue_au_url, NULL, "development: base URL in place of api.au.itglue.com"),
    T(itglue_ca_file, NULL, "development: authorities to trust for these URLs"),
    T(log_level, "info", "debug, info, warn or error"),
    N(metrics_port, 0, 0, 65535, "port of 127.0.0.1 for metrics, at /metrics; 0: none"),
#undef T
#undef N
#undef S
};

enum { MEMORY_MAX_BYTES = 256 * 1024, LINE_BYTES = 4096 };

static const struct row *find(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *own = table[i].name;
        size_t k = 0;
        // A flag may spell the name with dashes.
        while (k < len && own[k] != '\0' &&
               (own[k] == name[k] || (own[k] == '_' && name[k] == '-')))
            k++;
        if (k == len && own[k] == '\0')
            return &table[i];
    }
    return NULL;
}

static enum err_code assign_text(struct settings *settings, const struct row *row,
                                 const char *value, const char *where, struct err *reterr)
{
    // Empty is what settings_print() writes for what is not set.
    if (value != NULL && value[0] == '\0' && row->fallback == NULL)
        value = NULL;
    for (const char *c = value; c != NULL && *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            return err_invalid(reterr, row->name, "must not hold control characters (%s)", where);
    const char *copy = arena_strdup(settings->_memory, value);
    if (value != NULL && copy == NULL)
        return err_no_memory(reterr);
    memcpy((char *)settings + row->offset, &copy, sizeof(copy));
    return ERR_OK;
}

static enum err_code assign(struct settings *settings, const struct row *row, const char *value,
                            const char *where, struct err *reterr)
{
    char *member = (char *)settings + row->offset;
    if (row->type == TEXT)
        return assign_text(settings, row, value, where, reterr);
    if (row->type == SWITCH) {
        bool on = strcmp(value, "true") == 0;
        if (!on && strcmp(value, "false") != 0)
            return err_invalid(reterr, row->name, "must be true or false (%s)", where);
        memcpy(member, &on, sizeof(on));
        return ERR_OK;
    }
    int64_t number;
    if (!encoding_int64(value, strlen(value), &number) || number < row->least || number > row->most)
        return err_invalid(reterr, row->name,
                           "must be a number from %" PRId64 " to %" PRId64 " (%s)", row->least,
                           row->most, where);
    memcpy(member, &number, sizeof(number));
    return ERR_OK;
}

struct file_load {
    struct settings *settings;
    const char *path;
    FILE *file;
    int line;
    struct err *reterr;
    enum err_code code;
    int lines[ARRAY_LEN(table)]; // where each setting stands; 0: not yet
};

// Gives inih a whole line or none. Left to itself it takes what does not fit for a line of its own.
static char *next_line(char *line, int size, void *user)
{
    struct file_load *load = user;
    int len = 0, c;
    load->line++;
    while ((c = fgetc(load->file)) != EOF && c != '\n') {
        if (len == size - 1 || c == '\0') {
            load->code = err_invalid(load->reterr, "config", "%s, line %d: too long, or no text",
                                     load->path, load->line);
            return NULL;
        }
        line[len++] = (char)c;
    }
    line[len] = '\0';
    return c == EOF && len == 0 ? NULL : line;
}

static int on_line(void *user, const char *section, const char *name, const char *value)
{
    struct file_load *load = user;
    const struct row *row = section[0] == '\0' ? find(name, strlen(name)) : NULL;
    int *line = row == NULL ? NULL : &load->lines[row - table];
    if (row == NULL)
        load->code = err_invalid(load->reterr, name, "is no setting (%s)", load->path);
    else if (*line != 0)
        load->code = err_invalid(load->reterr, name, "is set twice (%s, lines %d and %d)",
                                 load->path, *line, load->line);
    else
        load->code = assign(load->settings, row, value, load->path, load->reterr);
    if (line != NULL)
        *line = load->line;
    return load->code == ERR_OK;
}

static enum err_code load_file(struct settings *settings, const char *path, struct err *reterr)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return err_invalid(reterr, "config", "%s cannot be read", path);
    struct file_load load = {.settings = settings, .path = path, .file = file, .reterr = reterr};
    // An indented line is a line and a ; within a value part of it; nothing is cut or joined.
    ini_use_stack = false;
    ini_initial_alloc = ini_max_line = LINE_BYTES;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_stop_on_first_error = true;
    int line = ini_parse_stream(next_line, &load, on_line, &load);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (load.code != ERR_OK)
        return load.code;
    if (failed)
        return err_invalid(reterr, "config", "%s cannot be read", path);
    if (line < 0)
        return err_no_memory(reterr);
    if (line > 0)
        return err_invalid(reterr, "config", "%s, line %d: not `name = value`", path, line);
    return ERR_OK;
}

static enum err_code load_environment(struct settings *settings, struct err *reterr)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char name[64] = "DOCBRIDGE_";
        size_t len = strlen(name);
        for (const char *c = table[i].name; *c != '\0' && len < sizeof(name) - 1; c++)
            name[len++] = (char)toupper((unsigned char)*c);
        const char *value = getenv(name);
        if (value != NULL)
            try_(assign(settings, &table[i], value, name, reterr));
    }
    return ERR_OK;
}

// Reads --name=value, --name value and --switch. `*index` moves past what was used.
static enum err_code load_option(int argc, char **argv, int *index, struct settings *settings,
                                 struct err *reterr)
{
    const char *option = argv[*index] + 2;
    size_t len = strcspn(option, "=");
    const struct row *row = find(option, len);
    if (row == NULL) {
        // What follows may be a secret that someone hoped to set here.
        char name[64];
        (void)snprintf(name, sizeof(name), "--%.*s", len < 60 ? (int)len : 60, option);
        return err_invalid(reterr, name, "is no option, or lacks its value; see --help");
    }
    if (option[len] == '=')
        return assign(settings, row, option + len + 1, "command line", reterr);
    if (row->type == SWITCH)
        return assign(settings, row, "true", "command line", reterr);
    if (*index + 1 >= argc)
        return err_invalid(reterr, row->name, "needs a value");
    return assign(settings, row, argv[++*index], "command line", reterr);
}

// The options that are no settings. True if `argv[*index]` was one of them.
static bool load_command(int argc, char **argv, int *index, struct settings_command *command,
                         const char **config)
{
    const struct {
        const char *name;
        bool *flag;
        const char **text;
    } options[] = {
        {"--help", &command->help, NULL},
        {"--version", &command->version, NULL},
        {"--print-config", &command->print, NULL},
        {"--check-config", &command->check, NULL},
        {"--dry-run", &command->dry_run, NULL},
        {"--config", NULL, config},
        {"--owner-database-url", NULL, &command->owner_database_url},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        size_t len = strlen(options[i].name);
        if (strncmp(argv[*index], options[i].name, len) != 0)
            continue;
        if (options[i].flag != NULL && argv[*index][len] == '\0')
            return *options[i].flag = true;
        if (options[i].text != NULL && argv[*index][len] == '=') {
            *options[i].text = argv[*index] + len + 1;
            return true;
        }
        if (options[i].text != NULL && argv[*index][len] == '\0' && *index + 1 < argc) {
            *options[i].text = argv[++*index];
            return true;
        }
    }
    return false;
}

static enum err_code load_all(int argc, char **argv, struct settings *settings,
                              struct settings_command *command, struct err *reterr)
{
    const char *config = getenv("DOCBRIDGE_CONFIG");
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        try_(assign(settings, &table[i], table[i].fallback, "default", reterr));
    // The file stands below the environment and the command line, but is named by them.
    struct settings_command ignored = {0};
    for (int i = 1; i < argc; i++)
        (void)load_command(argc, argv, &i, &ignored, &config);
    if (config != NULL && config[0] != '\0')
        try_(load_file(settings, config, reterr));
    try_(load_environment(settings, reterr));
    for (int i = 1; i < argc; i++) {
        if (load_command(argc, argv, &i, command, &config))
            continue;
        if (strncmp(argv[i], "--", 2) == 0)
            try_(load_option(argc, argv, &i, settings, reterr));
        else if (command->word == NULL)
            command->word = argv[i];
        else
            return err_invalid(reterr, argv[i], "is one argument too many");
    }
    return ERR_OK;
}

// Whether the part of a URL between :// and / is `user:password@host`, as curl and libpq read it.
static bool names_user_with_password(const char *authority)
{
    const char *at = memchr(authority, '@', strcspn(authority, "/"));
    return at != NULL && memchr(authority, ':', (size_t)(at - authority)) != NULL;
}

// A password in a connection string would stand in argv, the environment or --print-config.
static bool holds_password(const char *dsn)
{
    static const char word[] = "password";
    for (const char *at = dsn; (at = strstr(at, word)) != NULL;) {
        at += sizeof(word) - 1;
        if (at[strspn(at, " \t\n\v\f\r")] == '=')
            return true;
    }
    const char *scheme = strstr(dsn, "://");
    return scheme != NULL && names_user_with_password(scheme + 3);
}

static enum err_code check_no_password(const struct settings *settings,
                                       const struct settings_command *command, struct err *reterr)
{
    const struct {
        const char *name, *dsn;
    } strings[] = {{"database_url", settings->database_url},
                   {"owner_database_url", command->owner_database_url}};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        if (strings[i].dsn != NULL && holds_password(strings[i].dsn))
            return err_invalid(reterr, strings[i].name,
                               "must not hold a password: use a passfile (~/.pgpass)");
    const char *proxy = settings->upstream_proxy;
    const char *scheme = proxy == NULL ? NULL : strstr(proxy, "://");
    if (proxy != NULL && names_user_with_password(scheme == NULL ? proxy : scheme + 3))
        return err_invalid(reterr, "upstream_proxy", "must not hold a password");
    return ERR_OK;
}

// What no single row can say.
static enum err_code check(const struct settings *settings, const struct settings_command *command,
                           struct err *reterr)
{
    try_(check_no_password(settings, command, reterr));
    const char *bases[] = {settings->itglue_us_url, settings->itglue_eu_url,
                           settings->itglue_au_url, settings->itglue_ca_file};
    static const char *const names[] = {"itglue_us_url", "itglue_eu_url", "itglue_au_url",
                                        "itglue_ca_file"};
    for (size_t i = 0; i < ARRAY_LEN(bases); i++)
        if (bases[i] != NULL && !settings->development)
            return err_invalid(reterr, names[i], "is allowed only with development = true");
    if (strcmp(settings->pooler, "session") != 0 && strcmp(settings->pooler, "transaction") != 0)
        return err_invalid(reterr, "pooler", "must be session or transaction");
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strcmp(levels[i], settings->log_level) == 0)
            return ERR_OK;
    return err_invalid(reterr, "log_level", "must be debug, info, warn or error");
}

enum err_code settings_load(int argc, char **argv, struct settings *ret_settings,
                            struct settings_command *ret_command, struct err *reterr)
{
    struct settings settings = {0};
    struct settings_command command = {0};
    struct arena *memory = calloc(1, sizeof(*memory));
    if (memory == NULL)
        return err_no_memory(reterr);
    arena_init(memory, MEMORY_MAX_BYTES);
    settings._memory = memory;
    enum err_code code = load_all(argc, argv, &settings, &command, reterr);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (code == ERR_OK && settings.master_key_file == NULL && credentials != NULL)
        settings.master_key_file = arena_printf(memory, "%s/master-key", credentials);
    if (code == ERR_OK)
        code = check(&settings, &command, reterr);
    if (code != ERR_OK) {
        settings_done(&settings);
        return code;
    }
    *ret_settings = settings;
    *ret_command = command;
    return ERR_OK;
}

void settings_done(struct settings *settings)
{
    if (settings->_memory != NULL)
        arena_done(settings->_memory);
    free(settings->_memory);
    settings->_memory = NULL;
}

void settings_print(const struct settings *settings, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *member = (const char *)settings + table[i].offset;
        const char *text;
        int64_t number;
        bool on;
        switch (table[i].type) {
        case TEXT:
            memcpy(&text, member, sizeof(text));
            fprintf(out, "%s = %s\n", table[i].name, text == NULL ? "" : text);
            break;
        case NUMBER:
            memcpy(&number, member, sizeof(number));
            fprintf(out, "%s = %" PRId64 "\n", table[i].name, number);
            break;
        case SWITCH:
            memcpy(&on, member, sizeof(on));
            fprintf(out, "%s = %s\n", table[i].name, on ? "true" : "false");
            break;
        }
    }
}

void settings_help(FILE *out)
{
    fprintf(
        out,
        "docbridged: serves IT Glue documentation and passwords to a portal over gRPC\n\n"
        "  docbridged [--config FILE] [--SETTING VALUE]...          serve\n"
        "  docbridged migrate [--owner-database-url URL] [--dry-run] bring the schema up to date\n"
        "  docbridged --check-config | --print-config | --version | --help\n\n"
        "Settings, also as DOCBRIDGE_<NAME> in the environment and `name = value` in the "
        "file:\n\n");
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        fprintf(out, "  %-26s %s%s%s%s\n", table[i].name, table[i].help,
                table[i].fallback == NULL ? "" : " [",
                table[i].fallback == NULL ? "" : table[i].fallback,
                table[i].fallback == NULL ? "" : "]");
}
