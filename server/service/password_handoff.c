// CreatePasswordHandoff, DeletePasswordHandoff: one reveal of one password, handed to somebody.
//
// What it lends is sight of the company and nothing else. So whoever hands on must get through the
// gates of a reveal now, and whoever opens must get through all others then (reveal.c).
#include "server/service/password_handoff.h"

#include <inttypes.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/gate_reader.h"
#include "server/service/name.h"
#include "server/service/reveal.h"
#include "server/service/reveal_freeze.h"
#include "server/store/password_handoff.h"

enum { TTL_MIN_S = 60, TTL_MAX_S = 86400, TTL_DEFAULT_S = 15 * 60, CHANGES = 3, TRIES = 5 };

// One on its way.
struct handing {
    struct request *request;
    const Docbridge__V1__CreatePasswordHandoffRequest *in;
    const char *company_id;
    const char *company; // resource name
    int64_t password_id;
    struct password_gates gates;
    struct reveal_excess excess;
    int64_t ttl_s, expire_time_us;
    const char *name;
};

static const char PATTERN[] = "companies/{company}/passwords/{record}/handoffs/{handoff}";

enum err_code handoff_read(const struct request *request, const char *text,
                           const struct name *password, struct password_handoff *ret_handoff,
                           struct err *reterr)
{
    struct name name;
    *ret_handoff = (struct password_handoff){.id = NULL};
    if (text[0] == '\0')
        return ERR_OK;
    try_(name_parse(text, PATTERN, "handoff", request->arena, &name, reterr));
    if (strcmp(name.company, password->company) != 0 || name.record != password->record)
        return err_invalid(reterr, "handoff", "must be of the password");
    *ret_handoff = (struct password_handoff){.id = name.handoff,
                                             .company_id = name.company,
                                             .password_id = name.record,
                                             .recipient = request->caller->subject};
    return ERR_OK;
}

static enum err_code not_open(const struct password_handoff *handoff, struct err *reterr)
{
    (void)err_set(reterr, ERR_HANDOFF_NOT_OPEN,
                  "the hand-off is not open, or not to this caller for this password");
    err_meta(reterr, "handoff", "companies/%s/passwords/%" PRId64 "/handoffs/%s",
             handoff->company_id, handoff->password_id, handoff->id);
    return ERR_HANDOFF_NOT_OPEN;
}

enum err_code handoff_find(const struct request *request, const struct password_handoff *handoff,
                           struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    bool open;
    try_(request_begin(request, &tx, reterr));
    tx_commit_with_next(tx);
    try_(password_handoff_find(tx, handoff, &open, reterr));
    return open ? ERR_OK : not_open(handoff, reterr);
}

enum err_code handoff_use(struct tx *tx, const struct password_handoff *handoff, bool *ret_broken,
                          struct err *reterr)
{
    bool taken;
    enum err_code code = password_handoff_take(tx, handoff, &taken, reterr);
    *ret_broken = code != ERR_OK;
    return code != ERR_OK || taken ? code : not_open(handoff, reterr);
}

static enum err_code check(const struct handing *handing, struct err *reterr)
{
    const Docbridge__V1__PasswordHandoff *wanted = handing->in->password_handoff;
    if (wanted == NULL)
        return err_invalid(reterr, "password_handoff", "must be set");
    try_(field_subject(wanted->recipient, "password_handoff.recipient", reterr));
    if (strcmp(wanted->recipient, handing->request->caller->subject) == 0)
        return err_invalid(reterr, "password_handoff.recipient", "must be somebody else");
    const Google__Protobuf__Duration *ttl = wanted->ttl;
    if (ttl != NULL && (ttl->nanos != 0 || ttl->seconds < TTL_MIN_S || ttl->seconds > TTL_MAX_S))
        return err_invalid(reterr, "password_handoff.ttl", "must be %d s to %d s, in whole seconds",
                           TTL_MIN_S, TTL_MAX_S);
    return ERR_OK;
}

// What the gates say of the sender's own reveal. Sealing is the recipient's to ask for.
static enum err_code judge_sender(const struct handing *handing, bool read, struct err *reterr)
{
    const struct reveal_asks asks = {
        .reason = handing->in->reason, .ticket = handing->in->ticket, .sealed = true};
    const struct reveal_case what = {.caller = handing->request->caller,
                                     .in_sight = read,
                                     .company = handing->company,
                                     .name = handing->in->parent,
                                     .gates = read ? &handing->gates : NULL,
                                     .asks = &asks,
                                     .excess = &handing->excess};
    return reveal_judge(&what, NULL, reterr);
}

// What the policy says of hand-offs.
static enum err_code judge_policy(struct handing *handing, struct err *reterr)
{
    const Google__Protobuf__Duration *ttl = handing->in->password_handoff->ttl;
    int64_t max_s = handing->gates.policy.handoff_max_s;
    try_(reveal_check_handoffs(&handing->gates, reterr));
    if (handing->request->caller->actor != ACTOR_HUMAN) {
        (void)err_set(reterr, ERR_ACTOR_NOT_ALLOWED, "only a person hands on passwords");
        return ERR_ACTOR_NOT_ALLOWED;
    }
    handing->ttl_s = ttl != NULL ? ttl->seconds : max_s < TTL_DEFAULT_S ? max_s : TTL_DEFAULT_S;
    if (handing->ttl_s > max_s) {
        (void)err_set(reterr, ERR_HANDOFF_NOT_ALLOWED,
                      "the policy lets nobody hand on a password for so long");
        err_meta(reterr, "policy", "revealPolicy");
        err_meta(reterr, "limit", "%" PRId64 "s", max_s);
        return ERR_HANDOFF_NOT_ALLOWED;
    }
    return ERR_OK;
}

// It takes room in the sender's budgets as a reveal does, unless as many are open as may be;
// `*ret_broken` tells a failure from a verdict, which is told in the trail.
static enum err_code put(struct handing *handing, struct tx *tx, bool *ret_broken,
                         struct err *reterr)
{
    struct request *request = handing->request;
    const struct password_gates *gates = &handing->gates;
    const struct reveal_usage usage = {request->caller->subject, handing->company_id,
                                       gates->sight.connection_id, handing->password_id};
    struct password_handoff handoff = {.connection_id = gates->sight.connection_id,
                                       .company_id = handing->company_id,
                                       .password_id = handing->password_id,
                                       .sender = request->caller->subject,
                                       .recipient = handing->in->password_handoff->recipient};
    struct password_handoff_names names;
    bool open;
    *ret_broken = true;
    try_(password_handoff_put(tx, &handoff, handing->ttl_s, request->arena, &handoff.id,
                              &handing->expire_time_us, reterr));
    if (handoff.id == NULL) {
        *ret_broken = false;
        (void)err_set(reterr, ERR_HANDOFF_NOT_ALLOWED,
                      "as many of the caller's hand-offs are open as one person may have");
        err_meta(reterr, "limit", "%d", PASSWORD_HANDOFFS_OPEN_MAX);
        return ERR_HANDOFF_NOT_ALLOWED;
    }
    try_(reveal_budget_use(tx, &gates->policy, &usage, true, &handing->excess, reterr));
    if (handing->excess.scope != 0) {
        try_(password_handoff_withdraw(tx, &handoff, request->arena, &names, &open, reterr));
        try_(reveal_freeze_if_asked(tx, request, gates, handing->company_id, &handing->excess,
                                    reterr));
        *ret_broken = false;
        return judge_sender(handing, true, reterr);
    }
    handing->name = arena_printf(request->arena, "%s/handoffs/%s", handing->in->parent, handoff.id);
    *ret_broken = handing->name == NULL;
    return handing->name == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code tell(const struct handing *handing, enum err_code verdict, struct tx *tx,
                          int64_t *ret_sequence, struct err *reterr)
{
    const struct password_gates *gates = &handing->gates;
    char until[CLOCK_TEXT_BYTES];
    clock_text(handing->expire_time_us, until);
    const struct audit_change changes[CHANGES] = {
        {"recipient", NULL, handing->in->password_handoff->recipient},
        {"handoff", NULL, handing->name},
        {"expire_time", NULL, until}};
    const struct audit_event event = {
        .type = AUDIT_PASSWORD_HANDOFF,
        .phase = AUDIT_SINGLE,
        .outcome = verdict == ERR_OK ? AUDIT_SUCCEEDED : AUDIT_DENIED,
        .error = verdict,
        .resource = handing->in->parent,
        .resource_display_name = gates->found ? gates->display_name : NULL,
        .company_id = handing->company_id,
        .company_display_name = gates->sight.company_display_name,
        .reason = handing->in->reason,
        .ticket = handing->in->ticket,
        .policy_version = gates->policy.revision,
        .changes = changes,
        .change_count = verdict == ERR_OK ? CHANGES : 1,
    };
    return audit_append(tx, handing->request, &event, ret_sequence, reterr);
}

// Judges, stores and tells it in the trail, which a refusal is too. `*ret_again`: nothing was done,
// for what it was judged by has changed in a way that ends hand-offs. What ended them did not see
// this one, which may have waited for a budget or for the end of the chain meanwhile.
static enum err_code try_hand_off(struct handing *handing, int64_t *ret_sequence, bool *ret_again,
                                  struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct request *request = handing->request;
    struct err cause;
    *ret_again = false;
    const struct password_gates_query query = {.company_id = handing->company_id,
                                               .password_id = handing->password_id,
                                               .issue_time_us = request->caller->issue_time_us};
    enum err_code read =
        gate_reader_read(request->backend->gate_reader, request, &query, request->deadline,
                         request->cancelled, &handing->gates, reterr);
    if (read != ERR_OK && read != ERR_RESOURCE_NOT_FOUND)
        return read;
    enum err_code verdict = judge_sender(handing, read == ERR_OK, reterr);
    if (verdict == ERR_OK)
        verdict = judge_policy(handing, reterr);
    try_(request_begin(request, &tx, &cause));
    if (verdict == ERR_OK) {
        bool broken;
        verdict = put(handing, tx, &broken, reterr);
        if (broken)
            return verdict;
    }
    enum err_code told = tell(handing, verdict, tx, ret_sequence, &cause);
    if (told == ERR_OK && verdict == ERR_OK)
        told = password_handoff_barred(tx, request->caller->subject, request->caller->issue_time_us,
                                       handing->gates.policy.revision, ret_again, &cause);
    if (told == ERR_OK && !*ret_again)
        told = tx_commit(&tx, &cause);
    if (told != ERR_OK && reterr != NULL)
        *reterr = cause;
    return told != ERR_OK ? told : verdict;
}

static enum err_code hand_off(struct handing *handing, int64_t *ret_sequence, struct err *reterr)
{
    bool again = true;
    for (int i = 0; i < TRIES && again; i++) {
        handing->excess = (struct reveal_excess){0};
        enum err_code code = try_hand_off(handing, ret_sequence, &again, reterr);
        if (!again)
            return code;
    }
    return err_set(reterr, ERR_CONFLICT, "the policy of reveals is being changed");
}

static enum err_code take_in(struct request *request,
                             const Docbridge__V1__CreatePasswordHandoffRequest *in,
                             struct handing *ret_handing, struct err *reterr)
{
    struct name name;
    try_(name_parse(in->parent, "companies/{company}/passwords/{record}", "parent", request->arena,
                    &name, reterr));
    *ret_handing =
        (struct handing){.request = request,
                         .in = in,
                         .company_id = name.company,
                         .company = arena_printf(request->arena, "companies/%s", name.company),
                         .password_id = name.record};
    return ret_handing->company == NULL ? err_no_memory(reterr) : check(ret_handing, reterr);
}

enum err_code password_hand_off_denied(struct request *request,
                                       const Docbridge__V1__CreatePasswordHandoffRequest *in,
                                       struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct handing handing;
    // Of what is no hand-off there is nothing to tell; the refusal is that of the permission.
    if (take_in(request, in, &handing, NULL) != ERR_OK)
        return ERR_OK;
    try_(request_begin(request, &tx, reterr));
    try_(tell(&handing, ERR_MISSING_PERMISSION, tx, NULL, reterr));
    return tx_commit(&tx, reterr);
}

enum err_code password_hand_off(struct request *request,
                                const Docbridge__V1__CreatePasswordHandoffRequest *in,
                                Docbridge__V1__PasswordHandoff *out, struct err *reterr)
{
    struct handing handing;
    int64_t sequence;
    try_(take_in(request, in, &handing, reterr));
    try_(hand_off(&handing, &sequence, reterr));
    out->name = arena_strdup(request->arena, handing.name);
    out->recipient = arena_strdup(request->arena, in->password_handoff->recipient);
    out->expire_time = field_time(request->arena, handing.expire_time_us);
    out->audit_event = arena_printf(request->arena, "auditEvents/%" PRId64, sequence);
    return out->name == NULL || out->recipient == NULL || out->expire_time == NULL ||
                   out->audit_event == NULL
               ? err_no_memory(reterr)
               : ERR_OK;
}

enum err_code password_withdraw(struct request *request,
                                const Docbridge__V1__DeletePasswordHandoffRequest *in,
                                struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct password_handoff_names names;
    struct name name;
    bool open;
    try_(name_parse(in->name, PATTERN, "name", request->arena, &name, reterr));
    const struct password_handoff handoff = {.id = name.handoff,
                                             .company_id = name.company,
                                             .password_id = name.record,
                                             .sender = request->caller->subject};
    const char *resource =
        arena_printf(request->arena, "companies/%s/passwords/%" PRId64, name.company, name.record);
    if (resource == NULL)
        return err_no_memory(reterr);
    try_(request_begin(request, &tx, reterr));
    try_(password_handoff_withdraw(tx, &handoff, request->arena, &names, &open, reterr));
    if (!open)
        return err_not_found(reterr, in->name);
    const struct audit_change change = {"handoff", in->name, NULL};
    const struct audit_event event = {
        .type = AUDIT_PASSWORD_HANDOFF,
        .phase = AUDIT_SINGLE,
        .outcome = AUDIT_SUCCEEDED,
        .resource = resource,
        .resource_display_name = names.password,
        .company_id = name.company,
        .company_display_name = names.company,
        .changes = &change,
        .change_count = 1,
    };
    try_(audit_append(tx, request, &event, NULL, reterr));
    return tx_commit(&tx, reterr);
}
