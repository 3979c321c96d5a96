#include "server/service/reveal.h"

#include <string.h>

#include "docbridge/v1/reveal_policy.pb-c.h"
#include "server/base/utf8.h"
#include "server/service/word.h"

#define GATE(name) DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_##name

static enum err_code permission(const struct reveal_case *what, struct err *reterr)
{
    if (principal_may(what->caller, PERMISSION_READ_DOCUMENTATION_PASSWORDS))
        return ERR_OK;
    const char *text = permission_text(PERMISSION_READ_DOCUMENTATION_PASSWORDS);
    (void)err_set(reterr, ERR_MISSING_PERMISSION, "the token lacks the permission %s", text);
    err_meta(reterr, "permission", "%s", text);
    return ERR_MISSING_PERMISSION;
}

static enum err_code company_scope(const struct reveal_case *what, struct err *reterr)
{
    if (what->gates == NULL || !(what->in_sight || what->handed))
        return err_not_found(reterr, what->name);
    return what->handed ? reveal_check_handoffs(what->gates, reterr) : ERR_OK;
}

static enum err_code connection_active(const struct reveal_case *what, struct err *reterr)
{
    // Whether reveals are paused is the next gate's.
    struct connection_standing standing = what->gates->sight.standing;
    standing.reveals_paused = false;
    return connection_check_use(&standing, CONNECTION_FOR_REVEAL, reterr);
}

static enum err_code reveals_running(const struct reveal_case *what, struct err *reterr)
{
    return connection_check_use(&what->gates->sight.standing, CONNECTION_FOR_REVEAL, reterr);
}

static enum err_code sharing_enabled(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->sight.password_sharing_enabled)
        return err_set(reterr, ERR_PASSWORD_SHARING_DISABLED, "sharing of passwords is off");
    return ERR_OK;
}

// A level that is not known opens nothing.
static enum err_code company_level(const struct reveal_case *what, struct err *reterr)
{
    int level = what->gates->sight.password_level;
    if (level == SIGHT_SELECTED_CATEGORIES || level == SIGHT_ALL_CATEGORIES)
        return ERR_OK;
    (void)err_set(reterr, ERR_COMPANY_NO_ACCESS, "the company's password level is NO_ACCESS");
    err_meta(reterr, "company", "%s", what->company);
    return ERR_COMPANY_NO_ACCESS;
}

static enum err_code organization_mapped(const struct reveal_case *what, struct err *reterr)
{
    return what->gates->sight.mapped ? ERR_OK : err_not_found(reterr, what->name);
}

static enum err_code entry_synced(const struct reveal_case *what, struct err *reterr)
{
    return what->gates->found ? ERR_OK : err_not_found(reterr, what->name);
}

static enum err_code category_allowed(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->category_allowed)
        return err_set(reterr, ERR_CATEGORY_NOT_ALLOWED,
                       "the password's category is not selected for the company");
    return ERR_OK;
}

static enum err_code refuse(enum err_code code, const struct reveal_case *what, const char *text,
                            struct err *reterr)
{
    (void)err_set(reterr, code, "%s", text);
    if (what->gates->web_url[0] != '\0')
        err_meta(reterr, "upstream_uri", "%s", what->gates->web_url);
    return code;
}

static enum err_code not_vaulted(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->vaulted)
        return ERR_OK;
    return refuse(ERR_PASSWORD_VAULTED_UPSTREAM, what,
                  "the password is in a vault that no API can open: open it in IT Glue", reterr);
}

static enum err_code not_personal(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->personal)
        return ERR_OK;
    return refuse(ERR_PASSWORD_PERSONAL_UPSTREAM, what,
                  "the password is one user's own entry in IT Glue", reterr);
}

static enum err_code not_archived(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->archived)
        return ERR_OK;
    return refuse(ERR_PASSWORD_ARCHIVED_UPSTREAM, what, "the password is archived in IT Glue",
                  reterr);
}

// What a folder restricts is shut under PER_USER: no answer tells whom the folder lets in.
static bool may_see_restricted(const struct reveal_case *what)
{
    const struct password_gates *gates = what->gates;
    if (gates->policy.restricted_records == REVEAL_RESTRICTED_KEY_ONLY)
        return true;
    if (gates->folder_restricted || what->caller->email == NULL)
        return false;
    return what->live == NULL || what->live->user_authorized;
}

static enum err_code not_restricted(const struct reveal_case *what, struct err *reterr)
{
    const struct password_gates *gates = what->gates;
    if ((!gates->restricted && !gates->folder_restricted) || may_see_restricted(what))
        return ERR_OK;
    (void)refuse(ERR_UPSTREAM_RECORD_RESTRICTED, what,
                 "IT Glue restricts who may see this password: open it there", reterr);
    err_meta(reterr, "password", "%s", what->name);
    err_meta(reterr, "mode", "%s",
             word_of(&docbridge__v1__reveal_policy__restricted_records__descriptor,
                     "RESTRICTED_RECORDS_", gates->policy.restricted_records));
    return ERR_UPSTREAM_RECORD_RESTRICTED;
}

// Of the policy. What is asked of agents is asked whatever the policy says.
static bool is_like_agent(const struct reveal_case *what)
{
    return what->caller->actor == ACTOR_AGENT ||
           (what->caller->actor == ACTOR_SERVICE &&
            what->gates->policy.service_callers == REVEAL_SERVICES_LIKE_AGENTS);
}

bool reveal_needs_reason(const struct reveal_case *what)
{
    return what->gates->policy.reason_required || is_like_agent(what);
}

bool reveal_needs_sealing(const struct reveal_case *what)
{
    return what->gates->policy.sealed_required || is_like_agent(what);
}

static enum err_code refuse_by_policy(enum err_code code, const char *field, const char *text,
                                      struct err *reterr)
{
    (void)err_set(reterr, code, "%s", text);
    err_field(reterr, "%s", field);
    err_meta(reterr, "policy", "revealPolicy");
    return code;
}

static enum err_code actor_allowed(const struct reveal_case *what, struct err *reterr)
{
    int services = what->gates->policy.service_callers;
    if (what->caller->actor != ACTOR_SERVICE || services == REVEAL_SERVICES_LIKE_HUMANS ||
        services == REVEAL_SERVICES_LIKE_AGENTS)
        return ERR_OK;
    (void)err_set(reterr, ERR_ACTOR_NOT_ALLOWED, "the policy gives services no passwords");
    err_meta(reterr, "policy", "revealPolicy");
    err_meta(reterr, "actor_kind", "SERVICE");
    return ERR_ACTOR_NOT_ALLOWED;
}

static const char *scope_word(int scope)
{
    return word_of(&docbridge__v1__reveal_scope__descriptor, "REVEAL_SCOPE_", scope);
}

static enum err_code not_frozen(const struct reveal_case *what, struct err *reterr)
{
    const struct reveal_frozen *frozen = &what->gates->frozen;
    if (frozen->scope == 0)
        return ERR_OK;
    char since[CLOCK_TEXT_BYTES];
    clock_text(frozen->since_us, since);
    (void)err_set(reterr, ERR_REVEALS_FROZEN,
                  "a budget was used up: reveals are frozen until a person ends that");
    err_meta(reterr, "scope", "%s", scope_word(frozen->scope));
    err_meta(reterr, "since", "%s", since);
    return ERR_REVEALS_FROZEN;
}

static enum err_code budget_left(const struct reveal_case *what, struct err *reterr)
{
    if (what->excess == NULL || what->excess->scope == 0)
        return ERR_OK;
    const struct reveal_budget *budget = &what->gates->policy.budgets[what->excess->scope - 1];
    (void)err_set(reterr, ERR_REVEAL_BUDGET_EXCEEDED,
                  "as many different passwords were revealed as the budget has room for");
    err_meta(reterr, "scope", "%s", scope_word(what->excess->scope));
    err_meta(reterr, "limit", "%d", budget->limit);
    err_meta(reterr, "window", "%ds", budget->window_s);
    err_retry_after(reterr, what->excess->retry_ms);
    return ERR_REVEAL_BUDGET_EXCEEDED;
}

static enum err_code reason_given(const struct reveal_case *what, struct err *reterr)
{
    int min = what->gates->policy.reason_min_length;
    size_t least = min > 0 ? (size_t)min : 1;
    if (!reveal_needs_reason(what) || what->asks == NULL ||
        utf8_seen_length(what->asks->reason) >= least)
        return ERR_OK;
    (void)refuse_by_policy(ERR_REVEAL_REASON_REQUIRED, "reason",
                           "a reason must be given, and long enough", reterr);
    err_meta(reterr, "min_length", "%zu", least);
    return ERR_REVEAL_REASON_REQUIRED;
}

static enum err_code ticket_given(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->policy.ticket_required || what->asks == NULL ||
        utf8_seen_length(what->asks->ticket) > 0)
        return ERR_OK;
    return refuse_by_policy(ERR_TICKET_REQUIRED, "ticket", "a ticket must be named", reterr);
}

static enum err_code sealed(const struct reveal_case *what, struct err *reterr)
{
    if (!reveal_needs_sealing(what) || what->asks == NULL || what->asks->sealed)
        return ERR_OK;
    return refuse_by_policy(ERR_SEALED_REVEAL_REQUIRED, "recipient_public_key",
                            "the value is given out sealed only: send a public key", reterr);
}

enum err_code reveal_check_handoffs(const struct password_gates *gates, struct err *reterr)
{
    if (gates->policy.handoff_max_s > 0)
        return ERR_OK;
    (void)err_set(reterr, ERR_HANDOFF_NOT_ALLOWED, "the policy lets nobody hand on passwords");
    err_meta(reterr, "policy", "revealPolicy");
    return ERR_HANDOFF_NOT_ALLOWED;
}

// The order is the order of the gates.
static const struct {
    Docbridge__V1__AccessGate gate;
    enum err_code (*judge)(const struct reveal_case *what, struct err *reterr);
} gates[] = {
    {GATE(PERMISSION), permission},
    {GATE(COMPANY_SCOPE), company_scope},
    {GATE(CONNECTION_ACTIVE), connection_active},
    {GATE(REVEALS_RUNNING), reveals_running},
    {GATE(SHARING_ENABLED), sharing_enabled},
    {GATE(COMPANY_LEVEL), company_level},
    {GATE(ORGANIZATION_MAPPED), organization_mapped},
    {GATE(ENTRY_SYNCED), entry_synced},
    {GATE(CATEGORY_ALLOWED), category_allowed},
    {GATE(NOT_VAULTED), not_vaulted},
    {GATE(NOT_PERSONAL), not_personal},
    {GATE(NOT_ARCHIVED), not_archived},
    {GATE(NOT_RESTRICTED), not_restricted},
    {GATE(ACTOR_ALLOWED), actor_allowed},
    {GATE(NOT_FROZEN), not_frozen},
    {GATE(REASON_GIVEN), reason_given},
    {GATE(TICKET_GIVEN), ticket_given},
    {GATE(SEALED), sealed},
    {GATE(BUDGET_LEFT), budget_left},
};

Docbridge__V1__AccessGate reveal_gate(size_t i)
{
    return i < ARRAY_LEN(gates) ? gates[i].gate : GATE(UNSPECIFIED);
}

enum err_code reveal_judge(const struct reveal_case *what, Docbridge__V1__AccessGate *ret_gate,
                           struct err *reterr)
{
    enum err_code code = ERR_OK;
    size_t i = 0;
    while (i < ARRAY_LEN(gates) && (code = gates[i].judge(what, reterr)) == ERR_OK)
        i++;
    if (ret_gate != NULL)
        *ret_gate = reveal_gate(i);
    return code;
}
