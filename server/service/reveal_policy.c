// RevealPolicyService: what a reveal asks for.
#include "docbridge/v1/reveal_policy.pb-c.h"

#include <stdio.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/config.h"
#include "server/service/field.h"
#include "server/service/reveal_policy.h"
#include "server/service/services.h"
#include "server/service/word.h"
#include "server/store/password_handoff.h"
#include "server/store/reveal_policy.h"

#define RECORDS(name) DOCBRIDGE__V1__REVEAL_POLICY__RESTRICTED_RECORDS__RESTRICTED_RECORDS_##name
#define SERVICES(name) DOCBRIDGE__V1__REVEAL_POLICY__SERVICE_CALLERS__SERVICE_CALLERS_##name

static const char POLICY[] = "revealPolicy";

enum {
    REASON_MIN_LENGTH_MAX = 200,
    BUDGET_LIMIT_MAX = 10000,
    WINDOW_MIN_S = 60,
    WINDOW_MAX_S = 30 * 86400,
    WINDOW_DEFAULT_S = 3600,
    HANDOFF_MIN_S = 60,
    HANDOFF_MAX_S = 86400,
    CHANGES_MAX = 11,
    VALUE_BYTES = 64,
};

// The fields of an update, in the order of `allowed`.
enum {
    RESTRICTED_RECORDS = 1 << 0,
    RESTRICTED_LISTED = 1 << 1,
    REASON_REQUIRED = 1 << 2,
    REASON_MIN_LENGTH = 1 << 3,
    TICKET_REQUIRED = 1 << 4,
    SEALED_REQUIRED = 1 << 5,
    SERVICE_CALLERS = 1 << 6,
    FIRST_BUDGET = 1 << 7, // and the next two, by scope
    HANDOFF_MAX_TTL = 1 << 10,
};
static const char *const allowed[] = {"restricted_records", "restricted_passwords_listed",
                                      "reason_required",    "reason_min_length",
                                      "ticket_required",    "sealed_required",
                                      "service_callers",    "user_budget",
                                      "company_budget",     "tenant_budget",
                                      "handoff_max_ttl",    NULL};
static const char *const budget_fields[] = {"user_budget", "company_budget", "tenant_budget"};

HANDLER(get_reveal_policy, GetRevealPolicyRequest, RevealPolicy)
HANDLER(update_reveal_policy, UpdateRevealPolicyRequest, RevealPolicy)

static const struct method methods[] = {
    UNARY(GetRevealPolicy, get_reveal_policy, LANE_STORE),
    UNARY(UpdateRevealPolicy, update_reveal_policy, LANE_STORE),
    {.name = "ListRevealFreezes", .lane = LANE_STORE, .unary = reveal_list_freezes_handler},
    {.name = "UnfreezeReveals", .lane = LANE_STORE, .unary = reveal_unfreeze_handler},
};

const struct service reveal_policy_service = {
    &docbridge__v1__reveal_policy_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

static enum err_code check_name(const char *name, const char *field, struct err *reterr)
{
    if (strcmp(name, POLICY) != 0)
        return err_invalid(reterr, field, "must be %s", POLICY);
    return ERR_OK;
}

// NULL: no memory.
static Docbridge__V1__RevealBudget *fill_budget(struct arena *arena,
                                                const struct reveal_budget *budget)
{
    Docbridge__V1__RevealBudget *out = arena_alloc(arena, sizeof(*out));
    if (out == NULL)
        return NULL;
    docbridge__v1__reveal_budget__init(out);
    out->limit = budget->limit;
    out->freezes = budget->freezes;
    out->window = field_duration(arena, budget->window_s * INT64_C(1000000));
    return out->window == NULL ? NULL : out;
}

static bool fill_budgets(struct arena *arena, const struct reveal_policy *policy,
                         Docbridge__V1__RevealPolicy *out)
{
    Docbridge__V1__RevealBudget **all[] = {&out->user_budget, &out->company_budget,
                                           &out->tenant_budget};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (policy->budgets[i].limit > 0 &&
            (*all[i] = fill_budget(arena, &policy->budgets[i])) == NULL)
            return false;
    return true;
}

static enum err_code fill(struct arena *arena, const struct reveal_policy *policy,
                          Docbridge__V1__RevealPolicy *out, struct err *reterr)
{
    out->name = arena_strdup(arena, POLICY);
    out->restricted_records =
        (Docbridge__V1__RevealPolicy__RestrictedRecords)policy->restricted_records;
    out->restricted_passwords_listed = policy->restricted_listed;
    out->reason_required = policy->reason_required;
    out->reason_min_length = policy->reason_min_length;
    out->ticket_required = policy->ticket_required;
    out->sealed_required = policy->sealed_required;
    out->service_callers = (Docbridge__V1__RevealPolicy__ServiceCallers)policy->service_callers;
    out->update_time = field_time(arena, policy->update_time_us);
    out->etag = field_etag(arena, policy->revision);
    if (policy->handoff_max_s > 0)
        out->handoff_max_ttl = field_duration(arena, policy->handoff_max_s * INT64_C(1000000));
    return out->name == NULL || out->etag == NULL || !fill_budgets(arena, policy, out) ||
                   (policy->handoff_max_s > 0 && out->handoff_max_ttl == NULL)
               ? err_no_memory(reterr)
               : ERR_OK;
}

static const Docbridge__V1__RevealBudget *budget_of(const Docbridge__V1__RevealPolicy *policy,
                                                    size_t i)
{
    const Docbridge__V1__RevealBudget *all[] = {policy->user_budget, policy->company_budget,
                                                policy->tenant_budget};
    return all[i];
}

static enum err_code check_budget(const Docbridge__V1__RevealBudget *budget, const char *field,
                                  struct err *reterr)
{
    char path[64];
    if (budget == NULL)
        return ERR_OK;
    (void)snprintf(path, sizeof(path), "reveal_policy.%s.limit", field);
    if (budget->limit < 0 || budget->limit > BUDGET_LIMIT_MAX)
        return err_invalid(reterr, path, "must be 0 to %d", BUDGET_LIMIT_MAX);
    const Google__Protobuf__Duration *window = budget->window;
    (void)snprintf(path, sizeof(path), "reveal_policy.%s.window", field);
    if (window != NULL &&
        (window->nanos != 0 || window->seconds < WINDOW_MIN_S || window->seconds > WINDOW_MAX_S))
        return err_invalid(reterr, path, "must be %d s to %d s, in whole seconds", WINDOW_MIN_S,
                           WINDOW_MAX_S);
    return ERR_OK;
}

static enum err_code check(const Docbridge__V1__RevealPolicy *wanted, unsigned mask,
                           struct err *reterr)
{
    if ((mask & RESTRICTED_RECORDS) && wanted->restricted_records > RECORDS(KEY_ONLY))
        return err_invalid(reterr, "reveal_policy.restricted_records", "must be a known value");
    if ((mask & SERVICE_CALLERS) && wanted->service_callers > SERVICES(REFUSED))
        return err_invalid(reterr, "reveal_policy.service_callers", "must be a known value");
    if ((mask & REASON_MIN_LENGTH) &&
        (wanted->reason_min_length < 0 || wanted->reason_min_length > REASON_MIN_LENGTH_MAX))
        return err_invalid(reterr, "reveal_policy.reason_min_length", "must be 0 to %d",
                           REASON_MIN_LENGTH_MAX);
    const Google__Protobuf__Duration *ttl = wanted->handoff_max_ttl;
    if ((mask & HANDOFF_MAX_TTL) && ttl != NULL &&
        (ttl->nanos != 0 || ttl->seconds < HANDOFF_MIN_S || ttl->seconds > HANDOFF_MAX_S))
        return err_invalid(reterr, "reveal_policy.handoff_max_ttl",
                           "must be %d s to %d s, in whole seconds", HANDOFF_MIN_S, HANDOFF_MAX_S);
    for (size_t i = 0; i < ARRAY_LEN(budget_fields); i++)
        if (mask & (FIRST_BUDGET << i))
            try_(check_budget(budget_of(wanted, i), budget_fields[i], reterr));
    return ERR_OK;
}

// Without a limit there is nothing of a budget.
static struct reveal_budget read_budget(const Docbridge__V1__RevealBudget *budget)
{
    if (budget == NULL || budget->limit == 0)
        return (struct reveal_budget){0};
    return (struct reveal_budget){.limit = budget->limit,
                                  .window_s = budget->window == NULL ? WINDOW_DEFAULT_S
                                                                     : (int)budget->window->seconds,
                                  .freezes = budget->freezes};
}

// What stood, but for what the mask names.
static struct reveal_policy merge(const struct reveal_policy *old,
                                  const Docbridge__V1__RevealPolicy *wanted, unsigned mask)
{
    struct reveal_policy new = *old;
    if (mask & RESTRICTED_RECORDS)
        new.restricted_records =
            wanted->restricted_records == 0 ? RECORDS(PER_USER) : (int)wanted->restricted_records;
    if (mask & RESTRICTED_LISTED)
        new.restricted_listed = wanted->restricted_passwords_listed;
    if (mask & REASON_REQUIRED)
        new.reason_required = wanted->reason_required;
    if (mask & REASON_MIN_LENGTH)
        new.reason_min_length = wanted->reason_min_length;
    if (mask & TICKET_REQUIRED)
        new.ticket_required = wanted->ticket_required;
    if (mask & SEALED_REQUIRED)
        new.sealed_required = wanted->sealed_required;
    if (mask & SERVICE_CALLERS)
        new.service_callers =
            wanted->service_callers == 0 ? SERVICES(LIKE_HUMANS) : (int)wanted->service_callers;
    for (size_t i = 0; i < ARRAY_LEN(budget_fields); i++)
        if (mask & (FIRST_BUDGET << i))
            new.budgets[i] = read_budget(budget_of(wanted, i));
    if (mask & HANDOFF_MAX_TTL)
        new.handoff_max_s =
            wanted->handoff_max_ttl == NULL ? 0 : (int)wanted->handoff_max_ttl->seconds;
    return new;
}

// What differs, as an event tells it.
struct changes {
    struct audit_change all[CHANGES_MAX];
    size_t count;
    char values[CHANGES_MAX][2][VALUE_BYTES];
};

static void add_bool(struct changes *changes, const char *field, bool old_value, bool new_value)
{
    if (old_value != new_value)
        changes->all[changes->count++] = config_bool_change(field, old_value, new_value);
}

static void add_number(struct changes *changes, const char *field, int old_value, int new_value)
{
    if (old_value == new_value)
        return;
    char(*text)[VALUE_BYTES] = changes->values[changes->count];
    (void)snprintf(text[0], VALUE_BYTES, "%d", old_value);
    (void)snprintf(text[1], VALUE_BYTES, "%d", new_value);
    changes->all[changes->count++] = (struct audit_change){field, text[0], text[1]};
}

static void add_word(struct changes *changes, const char *field,
                     const ProtobufCEnumDescriptor *type, const char *prefix, int old_value,
                     int new_value)
{
    if (old_value != new_value)
        changes->all[changes->count++] = (struct audit_change){
            field, word_of(type, prefix, old_value), word_of(type, prefix, new_value)};
}

static void budget_text(const struct reveal_budget *budget, char text[VALUE_BYTES])
{
    if (budget->limit == 0)
        (void)snprintf(text, VALUE_BYTES, "none");
    else
        (void)snprintf(text, VALUE_BYTES, "%d in %ds%s", budget->limit, budget->window_s,
                       budget->freezes ? ", freezes" : "");
}

static void add_budget(struct changes *changes, const char *field,
                       const struct reveal_budget *old_value, const struct reveal_budget *new_value)
{
    char(*text)[VALUE_BYTES] = changes->values[changes->count];
    budget_text(old_value, text[0]);
    budget_text(new_value, text[1]);
    if (strcmp(text[0], text[1]) != 0)
        changes->all[changes->count++] = (struct audit_change){field, text[0], text[1]};
}

static void compare(const struct reveal_policy *old, const struct reveal_policy *new,
                    struct changes *changes)
{
    add_word(changes, "restricted_records",
             &docbridge__v1__reveal_policy__restricted_records__descriptor, "RESTRICTED_RECORDS_",
             old->restricted_records, new->restricted_records);
    add_bool(changes, "restricted_passwords_listed", old->restricted_listed,
             new->restricted_listed);
    add_bool(changes, "reason_required", old->reason_required, new->reason_required);
    add_number(changes, "reason_min_length", old->reason_min_length, new->reason_min_length);
    add_bool(changes, "ticket_required", old->ticket_required, new->ticket_required);
    add_bool(changes, "sealed_required", old->sealed_required, new->sealed_required);
    add_word(changes, "service_callers", &docbridge__v1__reveal_policy__service_callers__descriptor,
             "SERVICE_CALLERS_", old->service_callers, new->service_callers);
    for (size_t i = 0; i < ARRAY_LEN(budget_fields); i++)
        add_budget(changes, budget_fields[i], &old->budgets[i], &new->budgets[i]);
    add_number(changes, "handoff_max_ttl", old->handoff_max_s, new->handoff_max_s);
}

static enum err_code get_reveal_policy(struct request *request,
                                       const Docbridge__V1__GetRevealPolicyRequest *in,
                                       Docbridge__V1__RevealPolicy *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct reveal_policy policy;
    try_(check_name(in->name, "name", reterr));
    try_(request_begin(request, &tx, reterr));
    tx_commit_with_next(tx);
    try_(reveal_policy_get(tx, &policy, reterr));
    try_(tx_commit(&tx, reterr));
    return fill(request->arena, &policy, out, reterr);
}

static enum err_code update_reveal_policy(struct request *request,
                                          const Docbridge__V1__UpdateRevealPolicyRequest *in,
                                          Docbridge__V1__RevealPolicy *out, struct err *reterr)
{
    const Docbridge__V1__RevealPolicy *wanted = in->reveal_policy;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct changes changes = {.count = 0};
    struct reveal_policy old;
    unsigned mask;
    if (wanted == NULL)
        return err_invalid(reterr, "reveal_policy", "must be set");
    try_(check_name(wanted->name, "reveal_policy.name", reterr));
    try_(field_mask(in->update_mask, allowed, &mask, reterr));
    try_(check(wanted, mask, reterr));

    try_(request_begin(request, &tx, reterr));
    try_(reveal_policy_get(tx, &old, reterr));
    try_(field_etag_check(wanted->etag, old.revision, request->arena, reterr));
    const struct reveal_policy new = merge(&old, wanted, mask);
    compare(&old, &new, &changes);
    // What is so already is neither written nor told.
    if (changes.count > 0) {
        const struct audit_event subject = {.resource = POLICY};
        try_(reveal_policy_set(tx, &new, clock_wall_us(), reterr));
        // Or one that is open would come back with the next policy that lets it.
        if (new.handoff_max_s < old.handoff_max_s)
            try_(password_handoff_shorten(tx, new.handoff_max_s, reterr));
        try_(config_audit(tx, request, &subject, changes.all, changes.count, reterr));
        try_(reveal_policy_get(tx, &old, reterr));
    }
    try_(tx_commit(&tx, reterr));
    return fill(request->arena, &old, out, reterr);
}
