#include "server/service/diagnosis.h"

#include <string.h>

#include "server/service/field.h"
#include "server/service/key_age.h"

#define VERDICT(name) DOCBRIDGE__V1__TEST_CONNECTION_RESPONSE__DIAGNOSIS__DIAGNOSIS_##name

enum { CANDIDATES_MAX = 5, WARNINGS_MAX = 4, TAIL_MIN_BYTES = 32 };

// IT Glue answers several causes alike; each list is all that one answer can mean.
static const struct words {
    Docbridge__V1__TestConnectionResponse__Diagnosis verdict;
    const char *remedy;
    const char *candidates[CANDIDATES_MAX];
} words[] = {
    {VERDICT(OK), "Nothing to do.", {NULL}},
    {VERDICT(KEY_OR_REGION_REJECTED),
     "Copy the key again, and check the region in the address that people use to sign in.",
     {"The key is mistyped or incomplete.", "The key belongs to an account in another region.",
      "The key was revoked, or expired after 90 days without use.", "The key is paused upstream.",
      "The account admits only certain addresses, and this server's is not among them."}},
    {VERDICT(KEY_REVOKED_OR_EXPIRED),
     "Ask an administrator of the account for a new key, or to let this one work again.",
     {"The key was revoked.", "The key expired after 90 days without use.",
      "The key is paused upstream.",
      "The account admits only certain addresses, and this server's is no longer among them."}},
    {VERDICT(REGION_MISMATCH), "Choose the suggested region.", {NULL}},
    {VERDICT(API_NOT_ENABLED_SUSPECTED),
     "Ask an administrator of the account whether its plan has API access: Enterprise, or a legacy "
     "Classic plan.",
     {"The account has no API access.", "The key is limited to what was not asked for."}},
    {VERDICT(API_KEY_MALFORMED),
     "Copy the key again, whole, and without anything around it. Nothing was sent.",
     {NULL}},
    {VERDICT(UPSTREAM_UNREACHABLE),
     "Check that this server may reach the region's API host by HTTPS, then try again.",
     {NULL}},
    {VERDICT(RATE_LIMITED), "Wait a few minutes, then try again.", {NULL}},
    {VERDICT(UPSTREAM_ERROR), "Try again later; if it stays so, ask IT Glue's support.", {NULL}},
};

// What a failure to reach upstream can mean, by its class.
static const struct {
    const char *network_failure, *candidate;
} network_words[] = {
    {"dns", "The name of the API host cannot be resolved here."},
    {"connect", "A firewall lets nothing out to the API host, or nothing listens there."},
    {"tls",
     "The certificate that answers is not the API host's, has expired, or is of an authority "
     "that this server does not trust: a proxy may open the connection."},
    {"timeout", "The API host is too slow, or a firewall drops what is sent to it."},
    {"cut", "The API host, or a proxy in between, hung up."},
    {"proxy", "The proxy of this server's settings is not to be found or refuses."},
};

static const struct words *words_of(Docbridge__V1__TestConnectionResponse__Diagnosis verdict)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].verdict == verdict)
            return &words[i];
    return &words[ARRAY_LEN(words) - 1];
}

static bool add(struct arena *arena, char **list, size_t *count, const char *text)
{
    list[*count] = arena_strdup(arena, text);
    return list[(*count)++] != NULL;
}

// Sets verdict, remedy and candidates, and makes room for the warnings.
static enum err_code begin(struct arena *arena,
                           Docbridge__V1__TestConnectionResponse__Diagnosis verdict,
                           Docbridge__V1__TestConnectionResponse *out, struct err *reterr)
{
    const struct words *said = words_of(verdict);
    out->diagnosis = verdict;
    out->remedy = arena_strdup(arena, said->remedy);
    out->candidates = arena_calloc(arena, CANDIDATES_MAX, sizeof(*out->candidates));
    out->warnings = arena_calloc(arena, WARNINGS_MAX, sizeof(*out->warnings));
    if (out->remedy == NULL || out->candidates == NULL || out->warnings == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < CANDIDATES_MAX && said->candidates[i] != NULL; i++)
        if (!add(arena, out->candidates, &out->n_candidates, said->candidates[i]))
            return err_no_memory(reterr);
    return ERR_OK;
}

static bool tell_network(struct arena *arena, const char *failure,
                         Docbridge__V1__TestConnectionResponse *out)
{
    bool good = true;
    out->network_failure = arena_strdup(arena, failure);
    for (size_t i = 0; i < ARRAY_LEN(network_words); i++)
        if (strcmp(network_words[i].network_failure, failure) == 0)
            good = add(arena, out->candidates, &out->n_candidates, network_words[i].candidate);
    return good && out->network_failure != NULL;
}

static bool warn(struct arena *arena, const struct probe_report *report, const struct secret *key,
                 Docbridge__V1__TestConnectionResponse *out)
{
    bool good = true;
    if (key != NULL && !source_key_usual(key))
        good = add(arena, out->warnings, &out->n_warnings,
                   "The key does not begin with ITG. as keys usually do.");
    if (report->verdict == VERDICT(OK) && report->organizations_denied)
        good = good && add(arena, out->warnings, &out->n_warnings,
                           "The key may not list organizations: none can be mapped.");
    if (report->filters_ignored)
        good = good && add(arena, out->warnings, &out->n_warnings,
                           "Upstream ignores filters that it does not know: every record's "
                           "organization is checked here.");
    return good;
}

enum err_code diagnosis_fill(struct arena *arena, const struct probe_report *report,
                             const struct secret *key, Docbridge__V1__TestConnectionResponse *out,
                             struct err *reterr)
{
    Docbridge__V1__Capability *items = arena_calloc(arena, PROBE_CAPABILITIES, sizeof(*items));
    try_(begin(arena, report->verdict, out, reterr));
    out->http_status = report->http_status;
    out->tried_region = (Docbridge__V1__Region)report->region;
    out->suggested_region = (Docbridge__V1__Region)report->suggested_region;
    out->latency = field_duration(arena, report->latency_us);
    out->capabilities = arena_calloc(arena, PROBE_CAPABILITIES, sizeof(*out->capabilities));
    if (items == NULL || out->latency == NULL || out->capabilities == NULL ||
        !warn(arena, report, key, out) ||
        (report->network_failure != NULL && !tell_network(arena, report->network_failure, out)))
        return err_no_memory(reterr);
    for (size_t i = 0; i < PROBE_CAPABILITIES; i++) {
        docbridge__v1__capability__init(&items[i]);
        items[i].kind = report->capabilities[i].kind;
        items[i].grant = report->capabilities[i].grant;
        items[i].detail = arena_strdup(arena, report->capabilities[i].detail);
        if (items[i].detail == NULL)
            return err_no_memory(reterr);
        out->capabilities[out->n_capabilities++] = &items[i];
    }
    return ERR_OK;
}

enum err_code diagnosis_warn_of_age(struct arena *arena, int64_t used_us,
                                    Docbridge__V1__TestConnectionResponse *out, struct err *reterr)
{
    char *text;
    try_(key_age_warning(arena, used_us, clock_wall_us(), &text, reterr));
    if (text != NULL)
        out->warnings[out->n_warnings++] = text;
    return ERR_OK;
}

enum err_code diagnosis_fill_malformed(struct arena *arena, const char *pasted,
                                       enum source_region region,
                                       Docbridge__V1__TestConnectionResponse *out,
                                       struct err *reterr)
{
    try_(begin(arena, VERDICT(API_KEY_MALFORMED), out, reterr));
    out->tried_region = (Docbridge__V1__Region)region;
    size_t len = strlen(pasted);
    // The end is what people compare by, as of a saved key; of a short text it would be too much.
    const char *tail = pasted + (len < TAIL_MIN_BYTES ? len : len - 4);
    for (const char *c = tail; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~') {
            tail = "";
            break;
        }
    char *warning =
        tail[0] == '\0'
            ? arena_printf(arena, "What was pasted has %zu bytes.", len)
            : arena_printf(arena, "What was pasted has %zu bytes and ends in %s.", len, tail);
    if (warning == NULL)
        return err_no_memory(reterr);
    out->warnings[out->n_warnings++] = warning;
    return ERR_OK;
}

enum err_code diagnosis_error(const struct probe_report *report, struct err *reterr)
{
    const struct source_region_info *region = source_region_find(report->region);
    enum err_code code = report->failure.code;
    switch (report->verdict) {
    case VERDICT(OK):
        return ERR_OK;
    case VERDICT(KEY_OR_REGION_REJECTED):
    case VERDICT(KEY_REVOKED_OR_EXPIRED):
        code = err_set(reterr, ERR_UPSTREAM_KEY_REJECTED,
                       "IT Glue refused the key with HTTP %d: it may be mistyped or incomplete, of "
                       "another region than %s, revoked, expired after 90 days without use, or "
                       "paused; or the account does not admit this server's address",
                       report->http_status, region->code);
        err_meta(reterr, "region", "%s", region->code);
        break;
    case VERDICT(API_NOT_ENABLED_SUSPECTED):
        code = err_set(reterr, ERR_UPSTREAM_API_NOT_ENABLED,
                       "IT Glue knows the key and refused all it was asked for: the account may "
                       "lack API access, which takes an Enterprise or a legacy Classic plan");
        break;
    default: // what failed says it best
        if (reterr != NULL)
            *reterr = report->failure;
        return code;
    }
    err_meta(reterr, "http_status", "%d", report->http_status);
    return code;
}
