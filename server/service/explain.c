// ExplainPasswordAccess: what the gates of a reveal say, without a reveal.
//
// The gates are those of reveal_gates.c and nothing else judges here: which of them is shut is what
// reveal_judge says, and all around it is words.
#include "docbridge/v1/password.pb-c.h"

#include <inttypes.h>

#include "server/service/begin.h"
#include "server/service/gate_memory.h"
#include "server/service/name.h"
#include "server/service/password.h"
#include "server/service/reading.h"
#include "server/service/reveal.h"

#define GATE(name) DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_##name
#define RESULT(name) DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_RESPONSE__RESULT__RESULT_##name
#define BASIS(name) DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_RESPONSE__BASIS__BASIS_##name

// Whose settings decide a gate.
enum decider {
    BY_TOKEN,
    BY_COMPANY,
    BY_CONNECTION,
    BY_SHARING,
    BY_ACCESS,
    BY_ENTRY,
    BY_POLICY,
};

// The gates that can be asked, by number. The words of a shut gate are those of its error; where
// `shut` is set they hide something from other callers.
static const struct {
    const char *open, *shut;
    enum decider decider;
} words[] = {
    [GATE(PERMISSION)] = {"the permission is held", NULL, BY_TOKEN},
    [GATE(COMPANY_SCOPE)] = {"the company is in scope", "the company is out of scope", BY_COMPANY},
    [GATE(CONNECTION_ACTIVE)] = {"the connection is active", NULL, BY_CONNECTION},
    [GATE(REVEALS_RUNNING)] = {"reveals are not paused", NULL, BY_CONNECTION},
    [GATE(SHARING_ENABLED)] = {"sharing of passwords is on", NULL, BY_SHARING},
    [GATE(COMPANY_LEVEL)] = {"the company's password level allows some", NULL, BY_ACCESS},
    [GATE(ORGANIZATION_MAPPED)] = {"an organization is mapped to the company",
                                   "no organization is mapped to the company", BY_COMPANY},
    [GATE(ENTRY_SYNCED)] = {"the entry was synced",
                            "no such entry of the company's organizations was synced", BY_ENTRY},
    [GATE(CATEGORY_ALLOWED)] = {"the password's category is allowed", NULL, BY_ACCESS},
    [GATE(NOT_VAULTED)] = {"the password is in no vault", NULL, BY_ENTRY},
    [GATE(NOT_PERSONAL)] = {"the password is not one user's own", NULL, BY_ENTRY},
    [GATE(NOT_ARCHIVED)] = {"the password is not archived", NULL, BY_ENTRY},
    [GATE(NOT_RESTRICTED)] = {"neither the password nor a folder above it is restricted", NULL,
                              BY_ENTRY},
    [GATE(ACTOR_ALLOWED)] = {"the policy lets callers of this kind reveal", NULL, BY_POLICY},
    [GATE(NOT_FROZEN)] = {"reveals are not frozen", NULL, BY_POLICY},
    [GATE(REASON_GIVEN)] = {"no reason is needed", NULL, BY_POLICY},
    [GATE(TICKET_GIVEN)] = {"no ticket is needed", NULL, BY_POLICY},
    [GATE(SEALED)] = {"the value need not be sealed", NULL, BY_POLICY},
    [GATE(BUDGET_LEFT)] = {"the budgets have room", NULL, BY_POLICY},
};

// What is settled in the course of a reveal, after the gates above.
static const Docbridge__V1__AccessGate live[] = {
    GATE(AUDIT_INTENT), GATE(KEY_PASSWORD_ACCESS), GATE(LIVE_ORGANIZATION), GATE(LIVE_CATEGORY),
    GATE(LIVE_RECORD),  GATE(LIVE_AUTHORIZED),     GATE(AUDIT_OUTCOME),
};

static enum err_code assume_companies(const struct request *request, char *const *names,
                                      size_t count, struct principal *subject, struct err *reterr)
{
    const char **ids = arena_calloc(request->arena, count + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        struct name name;
        try_(name_parse(names[i], "companies/{company}", "assumed_subject.companies",
                        request->arena, &name, reterr));
        ids[i] = name.company;
    }
    subject->companies = ids;
    subject->company_count = count;
    return ERR_OK;
}

// The principal that a token with these claims would give.
static enum err_code
assume(const struct request *request,
       const Docbridge__V1__ExplainPasswordAccessRequest__AssumedSubject *assumed,
       struct principal *subject, struct err *reterr)
{
    if (!principal_may(request->caller, PERMISSION_MANAGE_INTEGRATIONS)) {
        const char *text = permission_text(PERMISSION_MANAGE_INTEGRATIONS);
        (void)err_set(reterr, ERR_MISSING_PERMISSION, "an assumed subject takes the permission %s",
                      text);
        err_meta(reterr, "permission", "%s", text);
        return ERR_MISSING_PERMISSION;
    }
    if (assumed->actor_kind > DOCBRIDGE__V1__ACTOR__KIND__KIND_AGENT)
        return err_invalid(reterr, "assumed_subject.actor_kind", "must be HUMAN, SERVICE or AGENT");
    *subject = (struct principal){
        .tenant = request->caller->tenant,
        .email = assumed->email[0] == '\0' ? NULL : assumed->email,
        .actor = assumed->actor_kind == 0 ? ACTOR_HUMAN : (enum actor_kind)assumed->actor_kind,
        .all_companies = assumed->all_companies};
    for (size_t i = 0; i < assumed->n_permissions; i++) {
        if (permission_text((enum permission)assumed->permissions[i]) == NULL)
            return err_invalid(reterr, "assumed_subject.permissions", "must name permissions");
        subject->permissions |= 1u << assumed->permissions[i];
    }
    return assume_companies(request, assumed->companies, assumed->n_companies, subject, reterr);
}

// NULL: no memory; "": nothing that has a name.
static const char *decider_name(struct arena *arena, enum decider decider,
                                const struct reveal_case *what)
{
    const char *connection = what->gates == NULL ? NULL : what->gates->sight.connection_id;
    switch (decider) {
    case BY_COMPANY:
        return what->company;
    case BY_CONNECTION:
        return connection == NULL ? "" : arena_printf(arena, "connections/%s", connection);
    case BY_SHARING:
        return connection == NULL
                   ? ""
                   : arena_printf(arena, "connections/%s/passwordConfig", connection);
    case BY_ACCESS:
        return arena_printf(arena, "%s/passwordAccess", what->company);
    case BY_ENTRY:
        return what->name;
    case BY_POLICY:
        return "revealPolicy";
    case BY_TOKEN:
        break;
    }
    return "";
}

// Of an open gate.
static const char *open_words(Docbridge__V1__AccessGate gate, const struct reveal_case *what)
{
    const struct password_gates *gates = what->gates;
    if (gate == GATE(NOT_RESTRICTED) && (gates->restricted || gates->folder_restricted))
        return gates->policy.restricted_records == REVEAL_RESTRICTED_KEY_ONLY
                   ? "it is restricted, which the policy does not heed"
                   : "it is restricted: IT Glue will be asked whether the caller may see it";
    if (gate == GATE(REASON_GIVEN) && reveal_needs_reason(what))
        return "a reason must be given with the reveal";
    if (gate == GATE(TICKET_GIVEN) && gates->policy.ticket_required)
        return "a ticket must be named with the reveal";
    if (gate == GATE(SEALED) && reveal_needs_sealing(what))
        return "a key to seal the value to must be sent with the reveal";
    return words[gate].open;
}

static enum err_code add_gate(struct arena *arena, Docbridge__V1__AccessGate gate,
                              Docbridge__V1__ExplainPasswordAccessResponse__Result result,
                              const char *detail, const char *decider,
                              Docbridge__V1__ExplainPasswordAccessResponse *out, struct err *reterr)
{
    Docbridge__V1__ExplainPasswordAccessResponse__GateResult *row =
        arena_alloc(arena, sizeof(*row));
    if (row == NULL || decider == NULL)
        return err_no_memory(reterr);
    docbridge__v1__explain_password_access_response__gate_result__init(row);
    row->gate = gate;
    row->result = result;
    row->detail = arena_strdup(arena, detail);
    row->deciding_resource = arena_strdup(arena, decider);
    out->gates[out->n_gates++] = row;
    return row->detail == NULL || row->deciding_resource == NULL ? err_no_memory(reterr) : ERR_OK;
}

// Every gate of the contract: open before the one that decided, shut there, not reached behind it.
static enum err_code fill_gates(struct arena *arena, const struct reveal_case *what,
                                Docbridge__V1__AccessGate closed, const struct err *verdict,
                                Docbridge__V1__ExplainPasswordAccessResponse *out,
                                struct err *reterr)
{
    out->gates = arena_calloc(arena, ARRAY_LEN(words) + ARRAY_LEN(live), sizeof(*out->gates));
    if (out->gates == NULL)
        return err_no_memory(reterr);
    Docbridge__V1__AccessGate gate;
    bool reached = true;
    for (size_t i = 0; (gate = reveal_gate(i)) != GATE(UNSPECIFIED); i++) {
        if (!reached) {
            try_(add_gate(arena, gate, RESULT(NOT_REACHED), "", "", out, reterr));
            continue;
        }
        const char *shut = words[gate].shut != NULL ? words[gate].shut : verdict->text;
        reached = gate != closed;
        try_(add_gate(arena, gate, reached ? RESULT(PASS) : RESULT(FAIL),
                      reached ? open_words(gate, what) : shut,
                      decider_name(arena, words[gate].decider, what), out, reterr));
    }
    for (size_t i = 0; i < ARRAY_LEN(live); i++)
        try_(add_gate(arena, live[i], RESULT(NOT_REACHED), "only a reveal can tell", "", out,
                      reterr));
    return ERR_OK;
}

// Reads what the gates look at. The caller's own scope hides what it always hides; whether the
// subject sees the company is a gate's to say.
static enum err_code read_gates(struct request *request, const char *subject,
                                const char *company_id, int64_t password_id, const char *name,
                                struct password_gates *ret_gates, struct reveal_excess *ret_excess,
                                struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, company_id, name, reterr));
    struct password_gates_ask ask = {.query = {.company_id = company_id,
                                               .password_id = password_id,
                                               .subject = subject,
                                               .company_set = request->caller->company_set,
                                               .issue_time_us = request->caller->issue_time_us,
                                               .with_key = true},
                                     .arena = request->arena};
    try_(password_gates_get(tx, (struct password_gates_ask *const[]){&ask}, 1, reterr));
    *ret_gates = ask.gates;
    // Who is told that he may reveal it will do so next.
    if (subject == request->caller->subject) {
        gate_memory_keep(request, company_id, password_id, ret_gates);
        gate_memory_keep(request, company_id, 0, ret_gates);
    }
    if (!ask.gates.known)
        return err_not_found(reterr, name);
    const struct reveal_usage usage = {subject, company_id, ret_gates->sight.connection_id,
                                       password_id};
    return reveal_budget_use(tx, &ret_gates->policy, &usage, false, ret_excess, reterr);
}

enum err_code password_explain(struct request *request,
                               const Docbridge__V1__ExplainPasswordAccessRequest *in,
                               Docbridge__V1__ExplainPasswordAccessResponse *out,
                               struct err *reterr)
{
    struct principal assumed;
    struct password_gates gates;
    struct reveal_excess excess;
    struct name name;
    struct err verdict = {0};
    // Nothing that is counted by subject is known of one that is assumed.
    const char *subject = in->assumed_subject == NULL ? request->caller->subject : "";
    try_(name_parse(in->name, "companies/{company}/passwords/{record}", "name", request->arena,
                    &name, reterr));
    struct reveal_case what = {
        .caller = request->caller,
        .in_sight = true,
        .company = arena_printf(request->arena, "companies/%s", name.company),
        .name = in->name,
        .gates = &gates,
        .excess = &excess,
    };
    if (what.company == NULL)
        return err_no_memory(reterr);
    if (in->assumed_subject != NULL) {
        try_(assume(request, in->assumed_subject, &assumed, reterr));
        what.caller = &assumed;
        what.in_sight = principal_sees_company(&assumed, name.company);
    }
    try_(
        read_gates(request, subject, name.company, name.record, in->name, &gates, &excess, reterr));
    Docbridge__V1__AccessGate closed;
    enum err_code code = reveal_judge(&what, &closed, &verdict);
    out->basis = in->assumed_subject != NULL ? BASIS(ASSUMED) : BASIS(CALLER);
    out->allowed = code == ERR_OK;
    out->reason_required = reveal_needs_reason(&what);
    out->ticket_required = gates.policy.ticket_required;
    out->sealed_required = reveal_needs_sealing(&what);
    if (code != ERR_OK)
        out->error_reason = arena_strdup(request->arena, err_reason(code));
    if (out->error_reason == NULL)
        return err_no_memory(reterr);
    if (!principal_may(request->caller, PERMISSION_MANAGE_INTEGRATIONS))
        return ERR_OK;
    return fill_gates(request->arena, &what, closed, &verdict, out, reterr);
}
