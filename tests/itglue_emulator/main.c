/*
 * The IT Glue emulator: makes an account, serves it on three region ports and an admin port, and
 * ends on SIGTERM or SIGINT. See README.md for how to run and curl it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mutation.h"
#include "options.h"
#include "server.h"

static bool read_file(const char *name, struct text *text)
{
    char block[4096];
    FILE *file = fopen(name, "r");
    if (!file) {
        perror(name);
        return false;
    }
    for (size_t count; (count = fread(block, 1, sizeof block, file)) > 0;)
        text_append(text, block, count);
    fclose(file);
    return text->length > 0;
}

/* Written beside its place and renamed, so that a reader sees all of it or nothing. */
static bool write_ready_file(const char *name, const unsigned ports[PORT_COUNT])
{
    struct text temporary = {0};
    text_format(&temporary, "%s.new", name);
    FILE *file = fopen(temporary.data, "w");
    bool good = file != NULL;
    for (int i = 0; good && i < PORT_COUNT; i++)
        good = fprintf(file, "%s=%u\n", port_name((enum port)i), ports[i]) > 0;
    good = file && fclose(file) == 0 && good && rename(temporary.data, name) == 0;
    if (!good)
        perror(name);
    text_done(&temporary);
    return good;
}

static bool apply_scenario(struct emulator *emulator, const struct options *options)
{
    char problem[512];
    bool good = true;
    json_t *switches = json_object_get(options->scenario, "switches");
    json_t *faults = json_object_get(options->scenario, "faults");
    json_t *mutations = json_object_get(options->scenario, "mutations"), *reply = NULL;
    if (switches)
        good = switches_patch(&emulator->switches, switches, problem, sizeof problem);
    if (good)
        good = switches_patch(&emulator->switches, options->switches, problem, sizeof problem);
    if (good && faults)
        good = faults_add(&emulator->faults, faults, problem, sizeof problem);
    if (good && mutations)
        good =
            mutation_apply(emulator, emulator->account, mutations, &reply, problem, sizeof problem);
    json_decref(reply);
    if (!good)
        fprintf(stderr, "itglue_emulator: scenario: %s\n", problem);
    return good;
}

static void list_switches(void)
{
    struct switches switches;
    switches_init(&switches);
    json_t *list = switches_describe(&switches);
    puts("| Switch | Default | Choices | Tag | Meaning |\n|---|---|---|---|---|");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        char *initial = json_dumps(json_object_get(entry, "default"), JSON_ENCODE_ANY);
        const char *choices = json_string_value(json_object_get(entry, "choices"));
        printf("| `%s` | `%s` | ", json_string_value(json_object_get(entry, "name")), initial);
        if (!*choices)
            printf("%s", json_string_value(json_object_get(entry, "kind")));
        for (; *choices; choices++)
            printf("%s", *choices == '|' ? ", " : (const char[]){*choices, '\0'});
        printf(" | %s | %s |\n", json_string_value(json_object_get(entry, "tag")),
               json_string_value(json_object_get(entry, "meaning")));
        free(initial);
    }
    json_decref(list);
    switches_done(&switches);
}

static int serve(struct emulator *emulator, const struct options *options, const sigset_t *signals)
{
    struct server server = {0};
    struct text certificate = {0}, private_key = {0};
    int result = 1, received;
    bool good = true;
    if (options->tls_cert)
        good =
            read_file(options->tls_cert, &certificate) && read_file(options->tls_key, &private_key);
    server.certificate = certificate.data;
    server.private_key = private_key.data;
    if (good && server_start(&server, emulator, options->ports)) {
        printf("api-key: %s\n", emulator->keys[0].text);
        for (int i = 0; i < PORT_COUNT; i++)
            printf("%s=%u\n", port_name((enum port)i), emulator->ports[i]);
        fflush(stdout);
        if (!options->ready_file || write_ready_file(options->ready_file, emulator->ports)) {
            sigwait(signals, &received);
            result = 0;
        }
        server_stop(&server);
    }
    text_done(&certificate);
    text_done(&private_key);
    return result;
}

int main(int argc, char **argv)
{
    struct options options;
    bool good = options_parse(&options, argc, argv);
    if (!good || options.help || options.list_switches) {
        if (good && options.help)
            options_usage();
        else if (good)
            list_switches();
        options_done(&options);
        return good ? 0 : 2;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    char made[KEY_SIZE];
    static struct emulator emulator;
    emulator_make_key(options.plan.seed, made);
    if (options.api_key && strlen(options.api_key) >= KEY_SIZE) {
        fputs("itglue_emulator: the API key is too long\n", stderr);
        options_done(&options);
        return 2;
    }
    emulator_init(&emulator, &options.plan, options.api_key ? options.api_key : made);
    int result = 1;
    if (apply_scenario(&emulator, &options))
        result = serve(&emulator, &options, &signals);
    emulator_done(&emulator);
    options_done(&options);
    return result;
}
