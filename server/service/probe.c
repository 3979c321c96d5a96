#include "server/service/probe.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "server/sync/plan.h"

enum {
    PROBE_TIMEOUT_MS = 15000, // one request; the call's own deadline is the bound of all
};

#define KIND(name) DOCBRIDGE__V1__CAPABILITY__KIND__KIND_##name
#define GRANT(name) DOCBRIDGE__V1__CAPABILITY__GRANT__GRANT_##name
#define VERDICT(name) DOCBRIDGE__V1__TEST_CONNECTION_RESPONSE__DIAGNOSIS__DIAGNOSIS_##name

// What is asked for each capability, in the order asked; the first decides about the key.
static const struct {
    Docbridge__V1__Capability__Kind kind;
    enum source_kind source;
    bool of_organization;
} asked[] = {
    {KIND(ORGANIZATIONS), SOURCE_ORGANIZATIONS, false},
    {KIND(DOCUMENTS), SOURCE_DOCUMENTS, true},
    {KIND(DOCUMENT_FOLDERS), SOURCE_DOCUMENT_FOLDERS, true},
    {KIND(FLEXIBLE_ASSET_TYPES), SOURCE_FLEXIBLE_ASSET_TYPES, false},
    {KIND(CHECKLISTS), SOURCE_CHECKLISTS, false},
    {KIND(CHECKLIST_TEMPLATES), SOURCE_CHECKLIST_TEMPLATES, false},
    {KIND(PASSWORDS), SOURCE_PASSWORDS, false},
};
// What no request asks for, since it would read a value or takes an id: it is learned by use.
enum { VALUES = ARRAY_LEN(asked), IMAGES };
_Static_assert(IMAGES + 1 == PROBE_CAPABILITIES, "there is a place for each");

struct probe {
    const struct request *request;
    struct source *source;
    struct probe_report *report;
    int64_t organization_id; // the first one seen
};

static void learn_subdomain(struct probe *probe, const char *web_url)
{
    static const char scheme[] = "https://";
    char *subdomain = probe->report->subdomain;
    if (subdomain[0] != '\0' || web_url == NULL ||
        strncmp(web_url, scheme, sizeof(scheme) - 1) != 0)
        return;
    const char *host = web_url + sizeof(scheme) - 1;
    size_t host_len = strcspn(host, "/?#:");
    size_t len = strcspn(host, ".");
    static const char domain[] = "itglue.com";
    // app.itglue.com and app.eu.itglue.com are everybody's.
    if (len == 0 || len >= PROBE_SUBDOMAIN_BYTES || host_len < len + sizeof(domain) ||
        memcmp(host + host_len - (sizeof(domain) - 1), domain, sizeof(domain) - 1) != 0 ||
        (len == 3 && (memcmp(host, "app", 3) == 0 || memcmp(host, "api", 3) == 0)))
        return;
    memcpy(subdomain, host, len);
    subdomain[len] = '\0';
}

static bool on_record(void *context, const struct source_record *record)
{
    struct probe *probe = context;
    learn_subdomain(probe, record->web_url);
    if (record->kind != SOURCE_ORGANIZATIONS)
        return true;
    if (probe->organization_id == 0)
        probe->organization_id = record->id;
    if (probe->report->organization_count < PROBE_ORGANIZATIONS)
        probe->report->organization_ids[probe->report->organization_count++] = record->id;
    json_t *body = json_loadb(record->body, record->body_len, 0, NULL);
    if (json_is_true(json_object_get(body, "primary")))
        probe->report->primary_organization_id = record->id;
    json_decref(body);
    return true;
}

static bool on_quarantine(void *context, const struct source_quarantine *quarantine)
{
    (void)context;
    (void)quarantine;
    return true;
}

static enum err_code ask(struct probe *probe, const struct source_query *query,
                         struct source_page *ret_page, struct source_attempt *ret_attempt,
                         struct err *reterr)
{
    const struct source_sink sink = {on_record, on_quarantine, probe};
    const struct request *request = probe->request;
    *ret_page = (struct source_page){0};
    *ret_attempt = (struct source_attempt){0};
    enum err_code code = source_fetch_page(probe->source, query, &sink,
                                           deadline_at_most(request->deadline, PROBE_TIMEOUT_MS),
                                           request->cancelled, ret_page, ret_attempt, reterr);
    probe->report->request_count += ret_attempt->request_count;
    return code;
}

// Whether a failure is the call's own end or the machine's, not an answer of upstream.
static bool ends_call(const struct probe *probe, enum err_code code)
{
    return code == ERR_CANCELLED || code == ERR_INTERNAL ||
           ((code == ERR_DEADLINE_EXCEEDED || code == ERR_UPSTREAM_TIMEOUT) &&
            deadline_left_ms(probe->request->deadline) == 0);
}

static void note(struct probe_capability *capability, enum err_code code, int http_status)
{
    bool denied = code == ERR_UPSTREAM_ACCESS_DENIED || code == ERR_UPSTREAM_KEY_REJECTED;
    capability->grant = code == ERR_OK ? GRANT(GRANTED) : denied ? GRANT(DENIED) : GRANT(UNKNOWN);
    if (code == ERR_OK)
        (void)snprintf(capability->detail, sizeof(capability->detail),
                       "A list was asked for, and answered.");
    else if (denied)
        (void)snprintf(capability->detail, sizeof(capability->detail),
                       "A list was asked for, and refused with HTTP %d.", http_status);
    else
        (void)snprintf(capability->detail, sizeof(capability->detail),
                       "A list was asked for, which failed: %s.", err_reason(code));
}

static Docbridge__V1__TestConnectionResponse__Diagnosis
verdict_of(enum err_code code, const struct probe_target *target)
{
    switch (code) {
    case ERR_OK:
        return VERDICT(OK);
    case ERR_UPSTREAM_ACCESS_DENIED:
        return VERDICT(API_NOT_ENABLED_SUSPECTED);
    case ERR_UPSTREAM_KEY_REJECTED:
        return target->worked_before ? VERDICT(KEY_REVOKED_OR_EXPIRED)
                                     : VERDICT(KEY_OR_REGION_REJECTED);
    case ERR_UPSTREAM_RATE_LIMITED:
        return VERDICT(RATE_LIMITED);
    case ERR_UPSTREAM_UNREACHABLE:
    case ERR_UPSTREAM_TIMEOUT:
    case ERR_DEADLINE_EXCEEDED:
        return VERDICT(UPSTREAM_UNREACHABLE);
    default:
        return VERDICT(UPSTREAM_ERROR);
    }
}

static enum err_code ask_first(struct probe *probe, const struct probe_target *target,
                               struct err *reterr)
{
    struct probe_report *report = probe->report;
    const struct source_query query = {
        .kind = SOURCE_ORGANIZATIONS, .page_number = 1, .page_size = PROBE_ORGANIZATIONS};
    struct source_page page;
    struct source_attempt attempt;
    enum err_code code = ask(probe, &query, &page, &attempt, &report->failure);
    if (ends_call(probe, code)) {
        if (reterr != NULL)
            *reterr = report->failure;
        return code;
    }
    report->verdict = verdict_of(code, target);
    report->http_status = attempt.http_status;
    report->network_failure = attempt.curl_class;
    report->latency_us = attempt.latency_us;
    report->organizations_denied = code == ERR_UPSTREAM_ACCESS_DENIED;
    note(&report->capabilities[0], code, attempt.http_status);
    return ERR_OK;
}

// How many documents the organization has under a form of the filter; -1: upstream refuses it, or
// does not say.
static enum err_code count_documents(struct probe *probe, enum source_folder_filter filter,
                                     int64_t *ret_count, struct err *reterr)
{
    const struct source_query query = {
        .kind = SOURCE_DOCUMENTS,
        .organization_id = probe->organization_id,
        .folder_filter = filter,
        .page_number = 1,
        .page_size = 1,
    };
    struct source_page page;
    struct source_attempt attempt;
    enum err_code code = ask(probe, &query, &page, &attempt, reterr);
    *ret_count = code == ERR_OK ? page.total_count : -1;
    return ends_call(probe, code) ? code : ERR_OK;
}

static bool refuses_filter(enum err_code code, int http_status)
{
    return code == ERR_UPSTREAM_ERROR && (http_status == 400 || http_status == 422);
}

// Which form of the document filter shows documents in folders, after the form "null" was answered
// with `null_count`, or was refused: -1.
static enum err_code ask_folder_filter(struct probe *probe, struct probe_capability *capability,
                                       int64_t null_count, struct err *reterr)
{
    struct plan_folder_counts counts = {.null = null_count, .not_null = -1};
    bool certain, doubt;
    try_(count_documents(probe, SOURCE_FOLDER_NONE, &counts.none, reterr));
    if (counts.null <= counts.none && counts.none > 0)
        try_(count_documents(probe, SOURCE_FOLDER_NOT_NULL, &counts.not_null, reterr));
    if (counts.null < 0 && counts.none < 0)
        return ERR_OK;
    capability->grant = GRANT(GRANTED);
    enum plan_folders folders = plan_folders(&counts, &certain, &doubt);
    (void)snprintf(capability->detail, sizeof(capability->detail),
                   "A list was asked for, and answered. %s",
                   !certain ? "Whether it shows documents in folders too cannot be told yet."
                   : folders == PLAN_FOLDERS_NULL
                       ? "The filter document_folder_id=null shows those in folders too."
                       : "Those in folders are listed by a request of their own.");
    return ERR_OK;
}

// Asks for the other capabilities. A key that may do any of them is known to an account with API
// access, whatever the first request said.
static enum err_code ask_rest(struct probe *probe, struct err *reterr)
{
    struct probe_report *report = probe->report;
    bool waiting = false;
    for (size_t i = 1; i < ARRAY_LEN(asked); i++) {
        struct probe_capability *capability = &report->capabilities[i];
        const struct source_query query = {
            .kind = asked[i].source,
            .organization_id = asked[i].of_organization ? probe->organization_id : 0,
            .page_number = 1,
            .page_size = 1,
        };
        if (asked[i].of_organization && probe->organization_id == 0) {
            (void)snprintf(capability->detail, sizeof(capability->detail),
                           "Not asked: it takes an organization, and none was listed.");
            continue;
        }
        if (waiting) {
            (void)snprintf(capability->detail, sizeof(capability->detail),
                           "Not asked: upstream asked us to wait.");
            continue;
        }
        struct source_page page;
        struct source_attempt attempt;
        struct err err;
        enum err_code code = ask(probe, &query, &page, &attempt, &err);
        if (ends_call(probe, code)) {
            if (reterr != NULL)
                *reterr = err;
            return code;
        }
        waiting = code == ERR_UPSTREAM_RATE_LIMITED;
        note(capability, code, attempt.http_status);
        if (asked[i].source == SOURCE_DOCUMENTS &&
            (code == ERR_OK || refuses_filter(code, attempt.http_status)))
            try_(ask_folder_filter(probe, capability, code == ERR_OK ? page.total_count : -1,
                                   reterr));
        if (code == ERR_OK && report->verdict != VERDICT(OK)) {
            report->verdict = VERDICT(OK);
            report->http_status = attempt.http_status;
            report->failure = (struct err){0};
        }
    }
    return ERR_OK;
}

// A filter that no server knows must leave nothing; whoever gets everything cannot trust filters.
static enum err_code ask_impossible(struct probe *probe, struct err *reterr)
{
    const struct source_query query = {
        .kind = SOURCE_ORGANIZATIONS, .page_number = 1, .page_size = 1, .impossible_filter = true};
    struct source_page page;
    struct source_attempt attempt;
    struct err err;
    enum err_code code = ask(probe, &query, &page, &attempt, &err);
    probe->report->filters_ignored = code == ERR_OK && page.record_count > 0;
    if (!ends_call(probe, code))
        return ERR_OK;
    if (reterr != NULL)
        *reterr = err;
    return code;
}

static enum err_code ask_regions(struct probe *probe, const struct probe_target *target,
                                 struct err *reterr)
{
    size_t count;
    const struct source_region_info *regions = source_regions(&count);
    for (size_t i = 0; i < count; i++) {
        if (regions[i].region == target->region)
            continue;
        struct source *source _cleanup_(source_closep) = NULL;
        struct source_attempt attempt = {0};
        struct err err;
        int64_t total;
        try_(source_open(probe->request->backend->source, SOURCE_PROVIDER_IT_GLUE,
                         regions[i].region, target->key, &source, reterr));
        enum err_code code =
            source_probe(source, deadline_at_most(probe->request->deadline, PROBE_TIMEOUT_MS),
                         probe->request->cancelled, &total, &attempt, &err);
        probe->report->request_count += attempt.request_count;
        if (ends_call(probe, code)) {
            if (reterr != NULL)
                *reterr = err;
            return code;
        }
        // 401: the region knows the key, and refuses this one list.
        if (code == ERR_OK || code == ERR_UPSTREAM_ACCESS_DENIED) {
            probe->report->suggested_region = regions[i].region;
            probe->report->verdict = VERDICT(REGION_MISMATCH);
            return ERR_OK;
        }
    }
    return ERR_OK;
}

static void begin_one(struct probe_capability *capability, Docbridge__V1__Capability__Kind kind,
                      Docbridge__V1__Capability__Grant grant, const char *detail)
{
    capability->kind = kind;
    capability->grant = grant;
    (void)snprintf(capability->detail, sizeof(capability->detail), "%s", detail);
}

static void begin(struct probe_report *report, const struct probe_target *target)
{
    *report = (struct probe_report){.region = target->region};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        begin_one(&report->capabilities[i], asked[i].kind, GRANT(UNKNOWN),
                  "Not asked: the first request failed.");
    bool values = target->values_granted;
    begin_one(&report->capabilities[VALUES], KIND(PASSWORD_VALUES),
              values ? GRANT(GRANTED) : GRANT(UNKNOWN),
              values ? "A reveal was served."
                     : "Never probed, since that would read a value: the first reveal tells.");
    Docbridge__V1__Capability__Grant images = target->images_grant;
    begin_one(&report->capabilities[IMAGES], KIND(DOCUMENT_IMAGES),
              images == 0 ? GRANT(UNKNOWN) : images,
              images == GRANT(GRANTED)  ? "An image was served."
              : images == GRANT(DENIED) ? "An image was asked for, and refused."
                                        : "Never probed: the first image that is asked for tells.");
}

enum err_code probe_run(const struct request *request, const struct probe_target *target,
                        struct probe_report *ret_report, struct err *reterr)
{
    struct source *source _cleanup_(source_closep) = NULL;
    struct probe probe = {.request = request, .report = ret_report};
    begin(ret_report, target);
    try_(source_open(request->backend->source, SOURCE_PROVIDER_IT_GLUE, target->region, target->key,
                     &source, reterr));
    probe.source = source;
    try_(ask_first(&probe, target, reterr));
    switch (ret_report->verdict) {
    case VERDICT(OK):
        try_(ask_rest(&probe, reterr));
        return probe.organization_id == 0 ? ERR_OK : ask_impossible(&probe, reterr);
    case VERDICT(API_NOT_ENABLED_SUSPECTED):
        return ask_rest(&probe, reterr);
    case VERDICT(KEY_OR_REGION_REJECTED):
    case VERDICT(KEY_REVOKED_OR_EXPIRED):
        return target->probe_other_regions ? ask_regions(&probe, target, reterr) : ERR_OK;
    default:
        return ERR_OK;
    }
}
