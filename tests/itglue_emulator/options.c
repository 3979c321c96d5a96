#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moment.h"

enum option_kind { OPTION_TEXT, OPTION_SIZE, OPTION_SEED, OPTION_PORT, OPTION_SWITCH, OPTION_DATE };

struct option_entry {
    const char *flag;     /* without the dashes */
    const char *scenario; /* name in the scenario's "generator", or NULL */
    enum option_kind kind;
    size_t offset;      /* into struct options */
    const char *target; /* of OPTION_SWITCH */
    int64_t factor;
    const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option_entry table[] = {
    {"listen-us", NULL, OPTION_PORT, AT(ports[PORT_US]), NULL, 0, "port of the US region, 0: any"},
    {"listen-eu", NULL, OPTION_PORT, AT(ports[PORT_EU]), NULL, 0, "port of the EU region, 0: any"},
    {"listen-au", NULL, OPTION_PORT, AT(ports[PORT_AU]), NULL, 0, "port of the AU region, 0: any"},
    {"admin", NULL, OPTION_PORT, AT(ports[PORT_ADMIN]), NULL, 0, "admin port, 0: any"},
    {"tls-cert", NULL, OPTION_TEXT, AT(tls_cert), NULL, 0, "PEM file: API ports speak TLS"},
    {"tls-key", NULL, OPTION_TEXT, AT(tls_key), NULL, 0, "PEM file of the private key"},
    {"ready-file", NULL, OPTION_TEXT, AT(ready_file), NULL, 0, "written once serving"},
    {"scenario", NULL, OPTION_TEXT, 0, NULL, 0, "JSON file, see the README"},
    {"api-key", "api_key", OPTION_TEXT, AT(api_key), NULL, 0, "default: made from the seed"},
    {"region", "region", OPTION_TEXT, AT(plan.region), NULL, 0, "home region: us, eu or au"},
    {"seed", "seed", OPTION_SEED, AT(plan.seed), NULL, 0, "same seed, same account"},
    {"organizations", "organizations", OPTION_SIZE, AT(plan.organizations), NULL, 0, "count"},
    {"documents", "documents", OPTION_SIZE, AT(plan.documents), NULL, 0, "count"},
    {"flexible-assets", "flexible_assets", OPTION_SIZE, AT(plan.flexible_assets), NULL, 0, "count"},
    {"flexible-asset-types", "flexible_asset_types", OPTION_SIZE, AT(plan.flexible_asset_types),
     NULL, 0, "count"},
    {"checklists", "checklists", OPTION_SIZE, AT(plan.checklists), NULL, 0, "count"},
    {"passwords", "passwords", OPTION_SIZE, AT(plan.passwords), NULL, 0, "count"},
    {"document-bytes", "document_bytes", OPTION_SIZE, AT(plan.document_bytes), NULL, 0,
     "size of a common document's body"},
    {"long-names", "long_names", OPTION_SIZE, AT(plan.long_names), NULL, 0,
     "organizations with a name of 4 KB"},
    {"psa-type", "psa_type", OPTION_TEXT, AT(plan.psa_type), NULL, 0, "the account's one PSA"},
    {"password-trait", "password_trait", OPTION_TEXT, AT(plan.password_trait), NULL, 0,
     "traits of kind Password: reference, value or absent"},
    {"as-of", "as_of", OPTION_DATE, AT(plan.as_of_ms), NULL, 0, "newest generated date"},
    {"limit", NULL, OPTION_SWITCH, 0, "limit", 1, "requests in a window"},
    {"window-seconds", NULL, OPTION_SWITCH, 0, "window_ms", 1000, "length of the window"},
    {"latency-ms", NULL, OPTION_SWITCH, 0, "latency_ms", 1, "delay of every answer"},
};

#define OPTION_COUNT (sizeof table / sizeof *table)

void options_usage(void)
{
    puts("itglue_emulator: behaves like the IT Glue REST API, for tests and demos.\n");
    for (size_t i = 0; i < OPTION_COUNT; i++)
        printf("  --%-22s %s\n", table[i].flag, table[i].help);
    printf("  --%-22s %s\n", "list-switches", "print the table of switches and end");
    printf("  --%-22s %s\n", "help", "this text");
}

static bool read_number(const char *text, int64_t *number)
{
    char *end;
    *number = strtoll(text, &end, 10);
    return *text && !*end && *number >= 0;
}

static bool apply(struct options *options, const struct option_entry *entry, const char *value)
{
    char *at = (char *)options + entry->offset;
    int64_t number = 0;
    switch (entry->kind) {
    case OPTION_TEXT:
        memcpy(at, &value, sizeof value);
        return true;
    case OPTION_DATE:
        return moment_parse(value, (int64_t *)(void *)at);
    case OPTION_SIZE:
        if (!read_number(value, &number) || number > 10000000)
            return false;
        *(size_t *)(void *)at = (size_t)number;
        return true;
    case OPTION_SEED:
        if (!read_number(value, &number))
            return false;
        *(uint64_t *)(void *)at = (uint64_t)number;
        return true;
    case OPTION_PORT:
        if (!read_number(value, &number) || number > 65535)
            return false;
        *(unsigned *)(void *)at = (unsigned)number;
        return true;
    case OPTION_SWITCH:
        if (!read_number(value, &number) || number > 1000000000)
            return false;
        json_object_set_new(options->switches, entry->target, json_integer(number * entry->factor));
        return true;
    }
    return false;
}

static bool apply_scenario_value(struct options *options, const struct option_entry *entry,
                                 const json_t *value)
{
    char digits[32];
    if (json_is_string(value))
        return apply(options, entry, json_string_value(value));
    snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
    return json_is_integer(value) && entry->kind != OPTION_TEXT && apply(options, entry, digits);
}

static bool load_scenario(struct options *options, const char *file)
{
    json_error_t error;
    const char *key;
    json_t *value;
    options->scenario = json_load_file(file, 0, &error);
    if (!options->scenario) {
        fprintf(stderr, "itglue_emulator: %s:%d: %s\n", file, error.line, error.text);
        return false;
    }
    json_t *generator = json_object_get(options->scenario, "generator");
    json_object_foreach(generator, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < OPTION_COUNT; i++) {
            if (table[i].scenario && strcmp(table[i].scenario, key) == 0)
                known = apply_scenario_value(options, &table[i], value);
        }
        if (!known) {
            fprintf(stderr, "itglue_emulator: %s: bad generator entry %s\n", file, key);
            return false;
        }
    }
    return true;
}

/* The next flag and its value ("--flag value" or "--flag=value"); NULL entry: unknown. */
static const struct option_entry *next_flag(int argc, char **argv, int *at, const char **value)
{
    const char *flag = argv[(*at)++];
    if (strncmp(flag, "--", 2) != 0)
        return NULL;
    size_t length = strcspn(flag + 2, "=");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(table[i].flag) != length || strncmp(table[i].flag, flag + 2, length) != 0)
            continue;
        if (flag[2 + length] == '=')
            *value = flag + 3 + length;
        else
            *value = *at < argc ? argv[(*at)++] : NULL;
        return *value ? &table[i] : NULL;
    }
    return NULL;
}

/* Twice over the flags: first for the scenario, so that all other flags win over it. */
static bool walk_flags(struct options *options, int argc, char **argv, bool scenario_pass)
{
    for (int at = 1; at < argc;) {
        const char *value = NULL, *flag = argv[at];
        if (strcmp(flag, "--help") == 0 || strcmp(flag, "--list-switches") == 0) {
            *(flag[2] == 'h' ? &options->help : &options->list_switches) = true;
            at++;
            continue;
        }
        const struct option_entry *entry = next_flag(argc, argv, &at, &value);
        bool is_scenario = entry && strcmp(entry->flag, "scenario") == 0;
        if (!entry) {
            fprintf(stderr, "itglue_emulator: unknown flag or no value: %s (see --help)\n", flag);
            return false;
        }
        if (is_scenario != scenario_pass)
            continue;
        if (is_scenario ? !load_scenario(options, value) : !apply(options, entry, value)) {
            fprintf(stderr, "itglue_emulator: bad value of --%s\n", entry->flag);
            return false;
        }
    }
    return true;
}

static bool is_sane(const struct options *options)
{
    const struct account_plan *plan = &options->plan;
    bool region = strcmp(plan->region, "us") == 0 || strcmp(plan->region, "eu") == 0 ||
                  strcmp(plan->region, "au") == 0;
    bool trait = strcmp(plan->password_trait, "reference") == 0 ||
                 strcmp(plan->password_trait, "value") == 0 ||
                 strcmp(plan->password_trait, "absent") == 0;
    if (!region)
        fputs("itglue_emulator: --region is us, eu or au\n", stderr);
    if (!trait)
        fputs("itglue_emulator: --password-trait is reference, value or absent\n", stderr);
    if (!options->tls_cert != !options->tls_key)
        fputs("itglue_emulator: --tls-cert and --tls-key belong together\n", stderr);
    return region && trait && !options->tls_cert == !options->tls_key;
}

bool options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.plan = account_default_plan(), .switches = json_object()};
    return walk_flags(options, argc, argv, true) && walk_flags(options, argc, argv, false) &&
           is_sane(options);
}

void options_done(struct options *options)
{
    json_decref(options->scenario);
    json_decref(options->switches);
}
