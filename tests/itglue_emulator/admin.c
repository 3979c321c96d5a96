#include "admin.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "moment.h"
#include "mutation.h"
#include "query.h"

struct admin { /* one admin request on its way */
    struct emulator *emulator;
    const struct admin_request *request;
    struct query query;
    json_t *body;
    struct answer *answer;
};

static void reply(struct admin *admin, unsigned status, json_t *json)
{
    answer_reset(admin->answer, status, "application/json");
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    text_put(&admin->answer->body, text ? text : "null");
    text_put(&admin->answer->body, "\n");
    free(text);
    json_decref(json);
}

static void reply_problem(struct admin *admin, unsigned status, const char *problem)
{
    reply(admin, status, json_pack("{s:s}", "error", problem));
}

static void reply_done(struct admin *admin)
{
    reply(admin, 200, json_pack("{s:b}", "ok", 1));
}

/* ?account=second means the other customer's account, once a key for it exists. */
static struct account *account_of(struct admin *admin)
{
    const char *name = query_get(&admin->query, "account");
    if (name && strcmp(name, "second") == 0)
        return emulator_second(admin->emulator);
    return admin->emulator->account;
}

static void get_ready(struct admin *admin)
{
    const unsigned *ports = admin->emulator->ports;
    reply(admin, 200,
          json_pack("{s:b, s:i, s:i, s:i, s:i, s:s}", "ready", 1, "us", (int)ports[PORT_US], "eu",
                    (int)ports[PORT_EU], "au", (int)ports[PORT_AU], "admin", (int)ports[PORT_ADMIN],
                    "home", admin->emulator->account->plan.region));
}

static void get_requests(struct admin *admin)
{
    const struct recorder *recorder = &admin->emulator->recorder;
    int64_t limit = query_int(&admin->query, "limit", INT64_MAX);
    json_t *list = json_array();
    for (size_t i = 0; i < recorder->count && limit > 0; i++) {
        if (recorder_matches(&recorder->records[i], &admin->query)) {
            json_array_append_new(list, recorder_json(&recorder->records[i]));
            limit--;
        }
    }
    reply(admin, 200, list);
}

static void count_requests(struct admin *admin)
{
    const struct recorder *recorder = &admin->emulator->recorder;
    json_int_t count = 0;
    for (size_t i = 0; i < recorder->count; i++)
        count += recorder_matches(&recorder->records[i], &admin->query);
    reply(admin, 200, json_pack("{s:I, s:I}", "count", count, "lost", (json_int_t)recorder->lost));
}

static void peak_requests(struct admin *admin)
{
    int64_t window = query_int(&admin->query, "window_ms",
                               switch_int(&admin->emulator->switches, SWITCH_WINDOW_MS));
    size_t peak = recorder_peak(&admin->emulator->recorder, &admin->query, window);
    reply(admin, 200,
          json_pack("{s:I, s:I}", "peak", (json_int_t)peak, "window_ms", (json_int_t)window));
}

static void clear_requests(struct admin *admin)
{
    recorder_clear(&admin->emulator->recorder);
    reply_done(admin);
}

static void reset_budget(struct admin *admin)
{
    emulator_reset_budget(admin->emulator);
    reply_done(admin);
}

static void get_switches(struct admin *admin)
{
    const struct switches *switches = &admin->emulator->switches;
    bool describe = query_get(&admin->query, "describe") != NULL;
    reply(admin, 200, describe ? switches_describe(switches) : switches_values(switches));
}

static void patch_switches(struct admin *admin)
{
    char problem[512];
    if (switches_patch(&admin->emulator->switches, admin->body, problem, sizeof problem))
        get_switches(admin);
    else
        reply_problem(admin, 400, problem);
}

static void reset_switches(struct admin *admin)
{
    switches_done(&admin->emulator->switches);
    switches_init(&admin->emulator->switches);
    get_switches(admin);
}

static void get_faults(struct admin *admin)
{
    reply(admin, 200, faults_json(&admin->emulator->faults));
}

static void post_faults(struct admin *admin)
{
    char problem[512];
    if (faults_add(&admin->emulator->faults, admin->body, problem, sizeof problem))
        get_faults(admin);
    else
        reply_problem(admin, 400, problem);
}

static void clear_faults(struct admin *admin)
{
    faults_clear(&admin->emulator->faults);
    reply_done(admin);
}

static void get_summary(struct admin *admin)
{
    struct account *account = account_of(admin);
    json_t *counts = json_object(), *owners = json_object();
    for (int i = 0; i < COLLECTION_COUNT; i++)
        json_object_set_new(counts, collection_name((enum collection_id)i),
                            json_integer((json_int_t)account->collections[i].count));
    static const enum collection_id owned[] = {
        COLLECTION_DOCUMENTS,        COLLECTION_DOCUMENT_FOLDERS, COLLECTION_PASSWORDS,
        COLLECTION_PASSWORD_FOLDERS, COLLECTION_FLEXIBLE_ASSETS,  COLLECTION_CHECKLISTS};
    const struct collection *organizations = &account->collections[COLLECTION_ORGANIZATIONS];
    for (size_t i = 0; i < organizations->count; i++) {
        char id[32];
        const struct row *row = organizations->rows[i];
        json_t *owner = json_pack("{s:s?}", "name", row->name);
        for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) {
            size_t count;
            collection_range(&account->collections[owned[k]], ROW_KEY_ORGANIZATION, row->id,
                             &count);
            json_object_set_new(owner, collection_name(owned[k]), json_integer((json_int_t)count));
        }
        snprintf(id, sizeof id, "%" PRId64, row->id);
        json_object_set_new(owners, id, owner);
    }
    reply(admin, 200,
          json_pack("{s:o, s:o, s:s, s:s, s:I}", "collections", counts, "organizations", owners,
                    "region", account->plan.region, "psa_type", account->plan.psa_type, "seed",
                    (json_int_t)account->plan.seed));
}

/* The truth, secrets included, row by row: what a test compares its database with. */
static void get_dump(struct admin *admin)
{
    struct account *account = account_of(admin);
    const char *name = query_get(&admin->query, "collection");
    int64_t organization_id = query_int(&admin->query, "organization_id", 0);
    enum collection_id id;
    if (!name || !collection_find_name(name, &id)) {
        reply_problem(admin, 400, "dump wants a collection, see /account/summary");
        return;
    }
    answer_reset(admin->answer, 200, "application/json");
    struct text *out = &admin->answer->body;
    text_put(out, "[");
    const struct collection *collection = &account->collections[id];
    for (size_t i = 0; i < collection->count; i++) {
        const struct row *row = collection->rows[i];
        if (organization_id && row->organization_id != organization_id)
            continue;
        text_comma(out);
        text_format(out, "\n{\"id\":\"%" PRId64 "\",\"type\":\"%s\"", row->id, collection_type(id));
        attr_int(out, "organization_id", row->organization_id);
        attr_int(out, "parent_id", row->parent_id);
        attr_bool(out, "vaulted", row->vaulted);
        attr_text(out, "secret", row->secret);
        text_put(out, ",\"attributes\":");
        text_append(out, row->attributes, row->attributes_length);
        text_put(out, "}");
    }
    text_put(out, "]\n");
}

static void post_mutation(struct admin *admin)
{
    char problem[512];
    json_t *result;
    if (mutation_apply(admin->emulator, account_of(admin), admin->body, &result, problem,
                       sizeof problem)) {
        reply(admin, 200, result);
        return;
    }
    json_decref(result);
    reply_problem(admin, 400, problem);
}

/* Where a redirect fault points: a client that follows it, with or without its key, is recorded. */
static void redirect_target(struct admin *admin)
{
    struct record entry = {.time_ms = moment_monotonic_ms(),
                           .region = memory_text("redirect-target"),
                           .method = memory_text(admin->request->method),
                           .path = memory_text("/redirect-target"),
                           .query = memory_text(""),
                           .status = 200,
                           .had_key = admin->request->had_key};
    recorder_add(&admin->emulator->recorder, &entry);
    reply(admin, 200, json_pack("{s:[]}", "data"));
}

static const struct {
    const char *method;
    const char *path;
    void (*run)(struct admin *admin);
} routes[] = {
    {"GET", "/ready", get_ready},
    {"GET", "/requests", get_requests},
    {"GET", "/requests/count", count_requests},
    {"GET", "/requests/peak", peak_requests},
    {"DELETE", "/requests", clear_requests},
    {"DELETE", "/budget", reset_budget},
    {"GET", "/switches", get_switches},
    {"PATCH", "/switches", patch_switches},
    {"DELETE", "/switches", reset_switches},
    {"GET", "/faults", get_faults},
    {"POST", "/faults", post_faults},
    {"DELETE", "/faults", clear_faults},
    {"GET", "/account/summary", get_summary},
    {"GET", "/account/dump", get_dump},
    {"POST", "/account/mutate", post_mutation},
    {"GET", "/redirect-target", redirect_target},
};

static void route_request(struct admin *admin, const char *path, size_t length)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strlen(routes[i].path) != length || strncmp(routes[i].path, path, length) != 0 ||
            strcmp(routes[i].method, admin->request->method) != 0)
            continue;
        bool wants_body =
            strcmp(routes[i].method, "POST") == 0 || strcmp(routes[i].method, "PATCH") == 0;
        if (wants_body && !admin->body)
            reply_problem(admin, 400, "the body is not JSON");
        else
            routes[i].run(admin);
        return;
    }
    reply_problem(admin, 404, "no such admin route; see the README");
}

void admin_handle(struct emulator *emulator, const struct admin_request *request,
                  struct answer *answer)
{
    struct admin admin = {.emulator = emulator, .request = request, .answer = answer};
    size_t length = strcspn(request->target, "?");
    query_parse(&admin.query, request->target[length] ? request->target + length + 1 : NULL);
    if (request->body)
        admin.body = json_loadb(request->body, request->body_length, JSON_ALLOW_NUL, NULL);
    pthread_mutex_lock(&emulator->lock);
    route_request(&admin, request->target, length);
    pthread_mutex_unlock(&emulator->lock);
    json_decref(admin.body);
    query_done(&admin.query);
}
