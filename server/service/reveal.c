// RevealPassword: gates, intent, the one GET, live gates, outcome, release.
//
// The value exists in a struct secret and, once the outcome is durable, in the response; the arena
// of this method is wiped. No transaction is open while upstream is asked. Nothing here is ever
// retried.
#include "docbridge/v1/password.pb-c.h"

#include <inttypes.h>
#include <string.h>

#include "server/audit/trail.h"
#include "server/base/log.h"
#include "server/service/begin.h"
#include "server/service/gate_reader.h"
#include "server/service/name.h"
#include "server/service/password.h"
#include "server/service/password_handoff.h"
#include "server/service/reading.h"
#include "server/service/reveal.h"
#include "server/service/reveal_freeze.h"
#include "server/service/reveal_release.h"
#include "server/source/idle.h"
#include "server/store/connection_finding.h"
#include "server/store/exposure.h"
#include "server/store/password_handoff.h"
#include "server/sync/sync.h"

// The outcome is written even if the caller has gone and the call's deadline has passed.
enum { OUTCOME_MS = 5000, NOTE_MS = 1000 };

// One reveal on its way.
struct reveal {
    struct request *request;
    const Docbridge__V1__RevealPasswordRequest *in;
    const char *company_id;
    const char *company; // resource name
    int64_t password_id;
    struct password_handoff handoff; // by which the caller asks; `id` is NULL without one
    struct audit_change handoff_change;
    struct reveal_asks asks;
    struct password_gates gates;
    struct reveal_excess excess;
    int64_t intent_sequence;
    int64_t outcome_sequence;
    struct source_password live;
    struct source_attempt attempt;
};

static void fill_event(const struct reveal *reveal, struct audit_event *event)
{
    // An event of a reveal by hand-off names it as what it takes away.
    event->changes = &reveal->handoff_change;
    event->change_count = reveal->handoff.id == NULL ? 0 : 1;
    const struct password_gates *gates = &reveal->gates;
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
    event->organization =
        arena_printf(reveal->request->arena, "connections/%s/organizations/%" PRId64,
                     gates->sight.connection_id, gates->organization_id);
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

// Makes an event durable. No transaction is open meanwhile: many reveals share one commit.
static enum err_code record(const struct reveal *reveal, const struct audit_event *event,
                            struct deadline deadline, int64_t *ret_sequence, struct err *reterr)
{
    struct err cause;
    return trail_write(reveal->request->backend->trail, reveal->request, event, NULL, deadline,
                       ret_sequence, &cause) == ERR_OK
               ? ERR_OK
               : audit_unavailable(&cause, reterr);
}

// The same of an intent or a denial in the transaction that counted the reveal.
static enum err_code record_within(struct reveal *reveal, struct tx **tx,
                                   const struct audit_event *event, struct err *reterr)
{
    struct err cause;
    return audit_append(*tx, reveal->request, event, &reveal->intent_sequence, &cause) == ERR_OK &&
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

// Judges the gates as they were read, and last whether there is a key. `*ret_refusal`: what a
// failure is in the trail.
static enum err_code judge_stored(struct reveal *reveal, enum err_code read,
                                  enum audit_outcome *ret_refusal, struct err *reterr)
{
    const struct password_gates *gates = read == ERR_OK ? &reveal->gates : NULL;
    const struct reveal_case what = case_of(reveal, gates, NULL);
    *ret_refusal = AUDIT_DENIED;
    try_(reveal_judge(&what, NULL, reterr));
    *ret_refusal = AUDIT_FAILED;
    if (reveal->gates.key == NULL)
        return err_set(reterr, ERR_VAULT_RECORD_UNREADABLE,
                       "the connection has no stored credential");
    return ERR_OK;
}

// The last gate, in the transaction of the intent: so a budget is never used without one, nor a
// secret asked for beyond it. Whoever is beyond it may be frozen.
static enum err_code take_budget(struct reveal *reveal, struct tx *tx,
                                 enum audit_outcome *ret_refusal, bool *ret_broken,
                                 struct err *reterr)
{
    const struct request *request = reveal->request;
    const struct password_gates *gates = &reveal->gates;
    const struct reveal_usage usage = {request->caller->subject, reveal->company_id,
                                       gates->sight.connection_id, reveal->password_id};
    *ret_refusal = AUDIT_DENIED;
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

// Makes the intent or the denial durable.
static enum err_code record_verdict(struct reveal *reveal, enum err_code verdict,
                                    enum audit_outcome refusal, struct tx **tx, struct err *reterr)
{
    struct audit_event event = {.phase = AUDIT_INTENT};
    fill_event(reveal, &event);
    if (verdict != ERR_OK) {
        event.phase = AUDIT_SINGLE;
        event.outcome = refusal;
        event.error = verdict;
    }
    return *tx != NULL ? record_within(reveal, tx, &event, reterr)
                       : record(reveal, &event, reveal->request->deadline, &reveal->intent_sequence,
                                reterr);
}

// Judges the local gates. A closed gate leaves a DENIED event; open gates leave the intent.
static enum err_code pass_local_gates(struct reveal *reveal, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    enum audit_outcome refusal;
    enum err_code read;
    const struct request *request = reveal->request;
    const bool handed = reveal->handoff.id != NULL;
    // Before any word is said of what may be out of the caller's scope.
    enum err_code verdict = handed ? handoff_find(request, &reveal->handoff, reterr) : ERR_OK;
    if (verdict == ERR_HANDOFF_NOT_OPEN)
        try_(record_verdict(reveal, verdict, AUDIT_DENIED, &tx, reterr));
    try_(verdict);
    const struct password_gates_query query = {.company_id = reveal->company_id,
                                               .password_id = reveal->password_id,
                                               .issue_time_us = request->caller->issue_time_us,
                                               .with_key = true,
                                               .handed = handed};
    read = gate_reader_read(request->backend->gate_reader, request, &query, request->deadline,
                            request->cancelled, &reveal->gates, reterr);
    // Without the database's word nothing can be said, nor is anything recorded of who was revoked.
    if (read != ERR_OK && read != ERR_RESOURCE_NOT_FOUND)
        return read;
    verdict = judge_stored(reveal, read, &refusal, reterr);
    if (verdict == ERR_OK && (reveal_budget_any(&reveal->gates.policy) || handed)) {
        bool broken;
        try_(request_begin(reveal->request, &tx, reterr));
        verdict = take_budget(reveal, tx, &refusal, &broken, reterr);
        if (verdict == ERR_OK && handed) {
            reveal->handoff.connection_id = reveal->gates.sight.connection_id;
            verdict = handoff_use(tx, &reveal->handoff, &broken, reterr);
        }
        if (broken)
            return verdict;
    }
    try_(record_verdict(reveal, verdict, refusal, &tx, reterr));
    return verdict;
}

// Whom upstream lets see a restricted record is asked only of one that is known to be restricted:
// no other reveal shall depend on that part of the answer.
static const char *email_to_ask_for(const struct reveal *reveal)
{
    bool ask = reveal->gates.restricted &&
               reveal->gates.policy.restricted_records == REVEAL_RESTRICTED_PER_USER;
    return ask ? reveal->request->caller->email : NULL;
}

static enum err_code fetch(struct reveal *reveal, struct err *reterr)
{
    struct request *request = reveal->request;
    const struct password_gates *gates = &reveal->gates;
    const struct vault_context context = {.tenant = request->caller->tenant,
                                          .connection = gates->sight.connection_id,
                                          .purpose = "api-key",
                                          .version = gates->credential_version};
    const struct source_owner owner = {
        .tenant = context.tenant,
        .connection = context.connection,
        .credential_version = context.version,
        .provider = (enum source_provider)gates->sight.standing.provider,
        .region = (enum source_region)gates->region,
    };
    struct idle_sources *idle = request->backend->idle_sources;
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct source *source _cleanup_(source_closep) = NULL;
    try_(vault_unseal(request->backend->vault, &context, gates->key, &key, reterr));
    try_(idle_sources_take(idle, request->backend->source, &owner, key, &source, reterr));
    struct sync *sync = request->backend->sync;
    try_(sync_admit_request(sync, context.tenant, context.connection, context.version, reterr));
    enum err_code code = source_fetch_password(
        source, gates->organization_id, reveal->password_id, email_to_ask_for(reveal),
        request->deadline, request->cancelled, &reveal->live, &reveal->attempt, reterr);
    sync_note_attempt(sync, context.tenant, context.connection, context.version, &reveal->attempt);
    if (code == ERR_OK)
        idle_sources_give(idle, &owner, steal(source));
    // The list showed the entry to this key; refusing its value is what a key without Password
    // Access looks like (itglue: 401).
    if (code == ERR_UPSTREAM_ACCESS_DENIED) {
        code = err_set(reterr, ERR_UPSTREAM_PASSWORD_ACCESS_DISABLED,
                       "IT Glue refused the value: Password Access is likely off for the API key");
        err_meta(reterr, "http_status", "%d", reveal->attempt.http_status);
    }
    if (code == ERR_UPSTREAM_KEY_REJECTED) {
        const struct source_region_info *region =
            source_region_find((enum source_region)gates->region);
        err_meta(reterr, "region", "%s", region == NULL ? "" : region->code);
    }
    return code;
}

// The record as it is now decides: another organization, category, folder or vault than a moment
// ago closes the gate, and so does any setting that changed while upstream was asked.
static enum err_code judge_live(struct reveal *reveal, struct deadline deadline, struct err *reterr)
{
    const struct source_password *live = &reveal->live;
    struct password_gates now;
    if (live->id != reveal->password_id || live->organization_id != reveal->gates.organization_id)
        return err_not_found(reterr, reveal->in->name);
    const struct request *request = reveal->request;
    const struct password_gates_query query = {.company_id = reveal->company_id,
                                               .password_id = reveal->password_id,
                                               .category_given = true,
                                               .category_id = live->category_id,
                                               .live_folder_id = live->folder_id,
                                               .handed = reveal->handoff.id != NULL};
    enum err_code code = gate_reader_read(request->backend->gate_reader, request, &query, deadline,
                                          NULL, &now, reterr);
    if (code != ERR_OK)
        return code == ERR_RESOURCE_NOT_FOUND ? err_not_found(reterr, reveal->in->name) : code;
    now.restricted = now.restricted || live->restricted;
    now.archived = now.archived || live->archived;
    now.vaulted = now.vaulted || live->vaulted;
    now.personal = now.personal || live->personal;
    const struct reveal_case what = case_of(reveal, &now, live);
    return reveal_judge(&what, NULL, reterr);
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

// Makes the outcome durable. Whoever gets a value has seen the secret, which is noted with it; an
// empty one is none. What cannot be noted is not given out, and that is an outcome too.
static enum err_code record_outcome(struct reveal *reveal, struct audit_event *event,
                                    struct deadline deadline, struct err *reterr)
{
    const struct password_gates *gates = &reveal->gates;
    const struct source_password *live = &reveal->live;
    const struct exposure_sighting sighting = {
        .viewer = reveal->request->caller,
        .company_id = reveal->company_id,
        .company_display_name = gates->sight.company_display_name,
        .connection_id = gates->sight.connection_id,
        .password_id = reveal->password_id,
        .password_display_name = gates->display_name,
        .password_update_time_us = live->password_update_time_us,
    };
    struct err cause;
    if (event->outcome != AUDIT_SUCCEEDED || live->value == NULL || secret_len(live->value) == 0)
        return record(reveal, event, deadline, &reveal->outcome_sequence, reterr);
    enum err_code code = trail_write(reveal->request->backend->trail, reveal->request, event,
                                     &sighting, deadline, &reveal->outcome_sequence, &cause);
    if (code == ERR_OK)
        return ERR_OK;
    (void)audit_unavailable(&cause, reterr);
    if (code == ERR_STORE_UNAVAILABLE || code == ERR_DEADLINE_EXCEEDED)
        return ERR_AUDIT_UNAVAILABLE;
    event->outcome = AUDIT_DENIED;
    event->error = ERR_AUDIT_UNAVAILABLE;
    event->upstream_served = true;
    (void)!record(reveal, event, deadline, NULL, &cause);
    return ERR_AUDIT_UNAVAILABLE;
}

// Judges the live record if there is one, and makes the outcome durable whatever it is. Returns the
// verdict of the whole reveal.
static enum err_code conclude(struct reveal *reveal, enum err_code fetched, struct err *reterr)
{
    struct deadline deadline = deadline_in(OUTCOME_MS);
    enum err_code verdict = fetched;
    if (fetched == ERR_OK) {
        verdict = judge_live(reveal, deadline, reterr);
        if (verdict == ERR_STORE_UNAVAILABLE || verdict == ERR_DEADLINE_EXCEEDED)
            return audit_unavailable(reterr, reterr);
    }
    struct audit_event event = {
        .phase = AUDIT_OUTCOME,
        .outcome = outcome_of(verdict, fetched == ERR_OK),
        .error = verdict,
        .upstream_status = reveal->attempt.http_status,
        .upstream_served = verdict != ERR_OK && fetched == ERR_OK,
        .intent_sequence = reveal->intent_sequence,
    };
    fill_event(reveal, &event);
    try_(record_outcome(reveal, &event, deadline, reterr));
    if (verdict == ERR_UPSTREAM_TIMEOUT || verdict == ERR_DEADLINE_EXCEEDED)
        err_meta(reterr, "audit_event", "auditEvents/%" PRId64, reveal->outcome_sequence);
    return verdict;
}

// Notes that the key worked, at most once a day. Nothing of the reveal depends on it.
static void note_key(const struct reveal *reveal)
{
    const struct request *request = reveal->request;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct err err;
    if (reveal->live.value == NULL || !reveal->gates.key_unproven)
        return;
    enum err_code code = request_begin_outcome(
        request, deadline_at_most(request->deadline, NOTE_MS), NULL, &tx, &err);
    if (code == ERR_OK) {
        tx_commit_with_next(tx);
        code = connection_note_reveal(tx, reveal->gates.sight.connection_id,
                                      reveal->gates.credential_version, clock_wall_us(), &err);
    }
    if (code != ERR_OK)
        log_event(LOG_WARN, "the use of a key was not noted", LOG_ERR(&err));
}

enum err_code password_reveal(struct request *request,
                              const Docbridge__V1__RevealPasswordRequest *in,
                              Docbridge__V1__RevealPasswordResponse *out, struct err *reterr)
{
    struct reveal reveal = {.request = request, .in = in};
    struct name name;
    try_(name_parse(in->name, "companies/{company}/passwords/{record}", "name", request->arena,
                    &name, reterr));
    reveal.asks = (struct reveal_asks){.reason = in->reason, .ticket = in->ticket};
    try_(reveal_check_key(&in->recipient_public_key, &reveal.asks.sealed, reterr));
    reveal.company_id = name.company;
    reveal.password_id = name.record;
    reveal.company = arena_printf(request->arena, "companies/%s", name.company);
    if (reveal.company == NULL)
        return err_no_memory(reterr);
    reveal.handoff_change = (struct audit_change){"handoff", in->handoff, NULL};
    try_(handoff_read(request, in->handoff, &name, &reveal.handoff, reterr));

    try_(pass_local_gates(&reveal, reterr));
    enum err_code fetched = fetch(&reveal, reterr);
    enum err_code verdict = conclude(&reveal, fetched, reterr);
    if (verdict == ERR_OK) {
        note_key(&reveal);
        verdict = reveal_release(request, in, &reveal.gates, &reveal.live, reveal.outcome_sequence,
                                 out, reterr);
    }
    source_password_done(&reveal.live);
    return verdict;
}

enum err_code password_reveal_denied(struct request *request,
                                     const Docbridge__V1__RevealPasswordRequest *in,
                                     struct err *reterr)
{
    struct reveal reveal = {.request = request, .in = in};
    struct name name;
    try_(name_parse(in->name, "companies/{company}/passwords/{record}", "name", request->arena,
                    &name, reterr));
    reveal.company_id = name.company;
    struct audit_event event = {
        .phase = AUDIT_SINGLE, .outcome = AUDIT_DENIED, .error = ERR_MISSING_PERMISSION};
    fill_event(&reveal, &event);
    try_(request_check(request, reterr));
    return record(&reveal, &event, request->deadline, NULL, reterr);
}
