// The gates of a reveal, and what is recorded of them: each time judged and written together with
// those of others that are at it.
#include "server/service/reveal_private.h"

#include <inttypes.h>

#include "server/audit/trail.h"
#include "server/base/log.h"
#include "server/service/begin.h"
#include "server/service/gate_memory.h"
#include "server/service/gate_reader.h"
#include "server/service/password_handoff.h"
#include "server/service/reveal_freeze.h"

// The outcome is written even if the caller has gone and the call's deadline has passed.
enum { OUTCOME_MS = 5000 };

void reveal_fill_event(const struct reveal *reveal, const struct password_gates *gates,
                       struct audit_event *event)
{
    // An event of a reveal by hand-off names it as what it takes away.
    event->changes = &reveal->handoff_change;
    event->change_count = reveal->handoff.id == NULL ? 0 : 1;
    event->type = AUDIT_PASSWORD_REVEAL;
    event->resource = reveal->in->name;
    event->company_id = reveal->company_id;
    event->company_display_name = gates->sight.company_display_name;
    event->reason = reveal->in->reason;
    event->ticket = reveal->in->ticket;
    event->policy_version = gates->policy.revision;
    if (!gates->found)
        return;
    event->resource_display_name = gates->display_name;
    event->password_category_display_name = gates->category_display_name;
    // The one that upstream is asked about.
    event->organization =
        arena_printf(reveal->request->arena, "connections/%s/organizations/%" PRId64,
                     reveal->gates.sight.connection_id, reveal->gates.organization_id);
}

static enum err_code pass_on(const struct err *err, struct err *reterr)
{
    if (reterr != NULL)
        *reterr = *err;
    return err->code;
}

// Whatever kept an event from being durable, the caller learns one thing: no audit, so no value.
static enum err_code audit_unavailable(const struct err *cause, struct err *reterr)
{
    log_event(LOG_ERROR, "a reveal was not audited and therefore not served", LOG_ERR(cause));
    (void)err_set(reterr, ERR_AUDIT_UNAVAILABLE,
                  "the audit trail cannot be written, so no value is given");
    err_retry_after(reterr, 1000);
    return ERR_AUDIT_UNAVAILABLE;
}

enum err_code reveal_record(const struct reveal *reveal, const struct audit_event *event,
                            struct deadline deadline, int64_t *ret_sequence, struct err *reterr)
{
    struct err cause;
    return trail_write(reveal->request->backend->trail, reveal->request, event, deadline,
                       ret_sequence, &cause) == ERR_OK
               ? ERR_OK
               : audit_unavailable(&cause, reterr);
}

// The same of an intent or a denial in the transaction that counted the reveal.
static enum err_code record_within(struct reveal *reveal, struct tx **tx, struct err *reterr)
{
    struct err cause;
    return audit_append(*tx, reveal->request, &reveal->event, &reveal->intent_sequence, &cause) ==
                       ERR_OK &&
                   tx_commit(tx, &cause) == ERR_OK
               ? ERR_OK
               : audit_unavailable(&cause, reterr);
}

// What the gates are asked about; `gates` and `live` as reveal_case says, read of a company in
// sight alone.
static struct reveal_case case_of(const struct reveal *reveal, const struct password_gates *gates,
                                  const struct source_password *live)
{
    return (struct reveal_case){.caller = reveal->request->caller,
                                .in_sight = gates != NULL,
                                .handed = reveal->handoff.id != NULL,
                                .company = reveal->company,
                                .name = reveal->in->name,
                                .gates = gates,
                                .asks = &reveal->asks,
                                .excess = &reveal->excess,
                                .live = live};
}

// Judges the gates as they were read, and last whether there is a key.
static enum err_code judge_stored(struct reveal *reveal, enum err_code read, struct err *reterr)
{
    const struct password_gates *gates = read == ERR_OK ? &reveal->gates : NULL;
    const struct reveal_case what = case_of(reveal, gates, NULL);
    reveal->refusal = AUDIT_DENIED;
    try_(reveal_judge(&what, NULL, reterr));
    reveal->refusal = AUDIT_FAILED;
    if (reveal->gates.key == NULL)
        return err_set(reterr, ERR_VAULT_RECORD_UNREADABLE,
                       "the connection has no stored credential");
    return ERR_OK;
}

// The last gate, in the transaction of the intent: so a budget is never used without one, nor a
// secret asked for beyond it. Whoever is beyond it may be frozen.
static enum err_code take_budget(struct reveal *reveal, struct tx *tx, bool *ret_broken,
                                 struct err *reterr)
{
    const struct request *request = reveal->request;
    const struct password_gates *gates = &reveal->gates;
    const struct reveal_usage usage = {request->caller->subject, reveal->company_id,
                                       gates->sight.connection_id, reveal->password_id};
    reveal->refusal = AUDIT_DENIED;
    enum err_code code =
        reveal_budget_use(tx, &gates->policy, &usage, true, &reveal->excess, reterr);
    struct err cause;
    if (code == ERR_OK && reveal->excess.scope != 0 &&
        reveal_freeze_if_asked(tx, request, gates, reveal->company_id, &reveal->excess, &cause) !=
            ERR_OK)
        code = audit_unavailable(&cause, reterr);
    *ret_broken = code != ERR_OK;
    if (*ret_broken)
        return code;
    const struct reveal_case what = case_of(reveal, gates, NULL);
    return reveal_judge(&what, NULL, reterr);
}

// The intent or the denial.
static void fill_verdict(struct reveal *reveal, enum err_code verdict)
{
    reveal->verdict = verdict;
    reveal->event = (struct audit_event){.phase = AUDIT_INTENT};
    reveal_fill_event(reveal, &reveal->gates, &reveal->event);
    if (verdict != ERR_OK) {
        reveal->event.phase = AUDIT_SINGLE;
        reveal->event.outcome = reveal->refusal;
        reveal->event.error = verdict;
    }
}

// Judges what was read before upstream is asked. Without the database's word nothing can be said,
// nor is anything recorded of who was revoked. What must be counted is recorded where it is.
static void judge_local(void *context, struct gate_look *look, enum err_code read,
                        const struct err *why)
{
    struct reveal *reveal = context;
    (void)why;
    reveal->gates = look->gates;
    if (read != ERR_OK && read != ERR_RESOURCE_NOT_FOUND)
        return;
    reveal->verdict = judge_stored(reveal, read, reveal->why);
    bool counted = reveal_budget_any(&reveal->gates.policy) || reveal->handoff.id != NULL;
    if (reveal->verdict == ERR_OK && counted)
        return;
    fill_verdict(reveal, reveal->verdict);
    look->entry.event = &reveal->event;
}

// Counts a reveal whose other gates are open, and uses up what it was handed by, with its intent or
// its denial.
static enum err_code pass_budget(struct reveal *reveal, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    bool broken;
    try_(request_begin(reveal->request, &tx, reterr));
    enum err_code verdict = take_budget(reveal, tx, &broken, reterr);
    if (verdict == ERR_OK && reveal->handoff.id != NULL) {
        reveal->handoff.connection_id = reveal->gates.sight.connection_id;
        verdict = handoff_use(tx, &reveal->handoff, &broken, reterr);
    }
    if (broken)
        return verdict;
    fill_verdict(reveal, verdict);
    try_(record_within(reveal, &tx, reterr));
    return verdict;
}

// Before any word is said of what may be out of the caller's scope.
static enum err_code find_handoff(struct reveal *reveal, struct err *reterr)
{
    if (reveal->handoff.id == NULL)
        return ERR_OK;
    enum err_code verdict = handoff_find(reveal->request, &reveal->handoff, reterr);
    if (verdict != ERR_HANDOFF_NOT_OPEN)
        return verdict;
    reveal->refusal = AUDIT_DENIED;
    fill_verdict(reveal, verdict);
    try_(reveal_record(reveal, &reveal->event, reveal->request->deadline, NULL, reterr));
    return verdict;
}

// By what is remembered of the entry, or else of the company, if it stands until the intent is
// durable. False: nothing is, or it does not.
static bool look_back(struct reveal *reveal, struct gate_look *look, enum err_code *ret_code,
                      struct err *reterr)
{
    const struct request *request = reveal->request;
    struct password_gates known;
    if (gate_memory_find(request, reveal->company_id, reveal->password_id, &known))
        look->as_read = &known;
    else if (gate_memory_find(request, reveal->company_id, 0, &known))
        look->query.of_company = &known;
    else
        return false;
    bool remembered = look->as_read != NULL;
    look->bound = true;
    *ret_code = gate_reader_look(request->backend->gate_reader, look, reterr);
    look->as_read = look->query.of_company = NULL;
    look->bound = false;
    if (look->entry.event != NULL && look->entry.code == ERR_CONFLICT)
        return false;
    if (*ret_code == ERR_OK && !remembered)
        gate_memory_keep(request, reveal->company_id, reveal->password_id, &reveal->gates);
    return true;
}

// By what is remembered, or as it is read now. What a hand-off opens is another matter.
static enum err_code look_locally(struct reveal *reveal, struct gate_look *look, struct err *reterr)
{
    const struct request *request = reveal->request;
    bool own = reveal->handoff.id == NULL;
    enum err_code code;
    if (own && look_back(reveal, look, &code, reterr))
        return code;
    try_(gate_reader_look(request->backend->gate_reader, look, reterr));
    if (own) {
        gate_memory_keep(request, reveal->company_id, reveal->password_id, &reveal->gates);
        gate_memory_keep(request, reveal->company_id, 0, &reveal->gates);
    }
    return ERR_OK;
}

enum err_code reveal_pass_local_gates(struct reveal *reveal, struct err *reterr)
{
    const struct request *request = reveal->request;
    struct err cause;
    try_(find_handoff(reveal, reterr));
    struct gate_look look = {.request = request,
                             .query = {.company_id = reveal->company_id,
                                       .password_id = reveal->password_id,
                                       .issue_time_us = request->caller->issue_time_us,
                                       .with_key = true,
                                       .handed = reveal->handoff.id != NULL},
                             .deadline = request->deadline,
                             .cancelled = request->cancelled,
                             .judge = judge_local,
                             .context = reveal,
                             .entry.reterr = &cause};
    enum err_code read = look_locally(reveal, &look, &cause);
    if (read != ERR_OK && read != ERR_RESOURCE_NOT_FOUND)
        return pass_on(&cause, reterr);
    if (look.entry.event == NULL)
        return pass_budget(reveal, reterr);
    if (look.entry.code != ERR_OK)
        return audit_unavailable(&cause, reterr);
    reveal->intent_sequence = look.entry.sequence;
    return reveal->verdict;
}

static enum audit_outcome outcome_of(enum err_code code, bool served)
{
    if (code == ERR_OK)
        return AUDIT_SUCCEEDED;
    if (served)
        return AUDIT_DENIED;
    // Upstream may have served what we did not get.
    bool unknown = code == ERR_UPSTREAM_TIMEOUT || code == ERR_DEADLINE_EXCEEDED ||
                   code == ERR_CANCELLED || code == ERR_UPSTREAM_UNREACHABLE ||
                   code == ERR_UPSTREAM_ANSWER_INVALID;
    return unknown ? AUDIT_UNKNOWN : AUDIT_FAILED;
}

// The outcome; `judged`: by which gates, NULL if they were not read again; `served`: upstream gave
// a value. An empty one shows nobody anything.
static void fill_outcome(struct reveal *reveal, const struct password_gates *judged,
                         enum err_code verdict, bool served)
{
    const struct source_password *live = &reveal->live;
    reveal->verdict = verdict;
    reveal->event = (struct audit_event){
        .phase = AUDIT_OUTCOME,
        .outcome = outcome_of(verdict, served),
        .error = verdict,
        .upstream_status = reveal->attempt.http_status,
        .upstream_served = verdict != ERR_OK && served,
        .intent_sequence = reveal->intent_sequence,
        .shown = verdict == ERR_OK && live->value != NULL && secret_len(live->value) > 0,
        .shown_update_time_us = live->password_update_time_us,
    };
    // An entry that is no longer there is told as it was.
    bool there = judged != NULL && judged->found;
    reveal_fill_event(reveal, there ? judged : &reveal->gates, &reveal->event);
    if (judged != NULL)
        reveal->event.policy_version = judged->policy.revision;
}

// What is denied is never made ready to go out.
static void seal_meanwhile(void *context)
{
    struct reveal *reveal = context;
    if (reveal->verdict == ERR_OK)
        reveal_seal(reveal);
}

// The record as it is now decides: another organization, category, folder or vault than a moment
// ago closes the gate, and so does any setting that changed while upstream was asked.
static enum err_code judge_now(struct reveal *reveal, struct password_gates *now,
                               struct err *reterr)
{
    const struct source_password *live = &reveal->live;
    now->restricted = now->restricted || live->restricted;
    now->archived = now->archived || live->archived;
    now->vaulted = now->vaulted || live->vaulted;
    now->personal = now->personal || live->personal;
    const struct reveal_case what = case_of(reveal, now, live);
    return reveal_judge(&what, NULL, reterr);
}

// Without the database's word no outcome is known.
static void judge_live(void *context, struct gate_look *look, enum err_code read,
                       const struct err *why)
{
    struct reveal *reveal = context;
    enum err_code verdict = read;
    if (read == ERR_STORE_UNAVAILABLE || read == ERR_DEADLINE_EXCEEDED)
        return;
    if (read == ERR_OK)
        verdict = judge_now(reveal, &look->gates, reveal->why);
    else if (read == ERR_RESOURCE_NOT_FOUND)
        verdict = err_not_found(reveal->why, reveal->in->name);
    else
        (void)pass_on(why, reveal->why);
    fill_outcome(reveal, read == ERR_OK ? &look->gates : NULL, verdict, /* served= */ true);
    look->entry.event = &reveal->event;
}

// What becomes of gates that change before the outcome is durable: it is not written, or they are
// held so that they cannot.
enum binding { BOUND, HELD };

// Judges the live record, and makes the outcome durable: by what was read before upstream was
// asked, if that is `as_read`, or read anew. CONFLICT: the gates have changed since.
static enum err_code pass_gates(struct reveal *reveal, const struct password_gates *as_read,
                                enum binding binding, struct deadline deadline, struct err *reterr)
{
    const struct source_password *live = &reveal->live;
    struct err cause;
    struct gate_look look = {
        .request = reveal->request,
        .query = {.company_id = reveal->company_id,
                  .password_id = reveal->password_id,
                  .category_given = true,
                  .category_id = live->category_id,
                  .live_folder_id = live->folder_id,
                  .handed = reveal->handoff.id != NULL},
        .as_read = as_read,
        .bound = binding == BOUND,
        .deadline = deadline,
        .judge = judge_live,
        .context = reveal,
        .entry = {.reterr = &cause, .meanwhile = seal_meanwhile, .context = reveal}};
    if (binding == HELD)
        (void)!gate_reader_look_held(&look, &cause);
    else
        (void)!gate_reader_look(reveal->request->backend->gate_reader, &look, &cause);
    if (look.entry.event == NULL)
        return audit_unavailable(&cause, reterr);
    if (look.entry.code == ERR_CONFLICT && binding == BOUND)
        return ERR_CONFLICT;
    if (look.entry.code != ERR_OK)
        return audit_unavailable(&cause, reterr);
    reveal->outcome_sequence = look.entry.sequence;
    return reveal->verdict;
}

static enum err_code pass_live_gates(struct reveal *reveal, struct deadline deadline,
                                     struct err *reterr)
{
    const struct source_password *live = &reveal->live;
    const struct password_gates *gates = &reveal->gates;
    enum err_code code = ERR_CONFLICT;
    // What was judged is the category and the folder that are stored.
    if (live->category_id == gates->category_id &&
        (live->folder_id == 0 || live->folder_id == gates->folder_id))
        code = pass_gates(reveal, gates, BOUND, deadline, reterr);
    if (code == ERR_CONFLICT)
        code = pass_gates(reveal, NULL, BOUND, deadline, reterr);
    // Before an outcome there may be a wait for the end of the chain, behind whoever changes
    // settings one after the other.
    if (code == ERR_CONFLICT)
        code = pass_gates(reveal, NULL, HELD, deadline, reterr);
    return code;
}

enum err_code reveal_conclude(struct reveal *reveal, enum err_code fetched, struct err *reterr)
{
    const struct source_password *live = &reveal->live;
    struct deadline deadline = deadline_in(OUTCOME_MS);
    bool served = fetched == ERR_OK;
    bool same =
        live->id == reveal->password_id && live->organization_id == reveal->gates.organization_id;
    if (served && same)
        return pass_live_gates(reveal, deadline, reterr);
    if (served)
        fetched = err_not_found(reterr, reveal->in->name);
    fill_outcome(reveal, NULL, fetched, served);
    try_(reveal_record(reveal, &reveal->event, deadline, &reveal->outcome_sequence, reterr));
    if (fetched == ERR_UPSTREAM_TIMEOUT || fetched == ERR_DEADLINE_EXCEEDED)
        err_meta(reterr, "audit_event", "auditEvents/%" PRId64, reveal->outcome_sequence);
    return fetched;
}
