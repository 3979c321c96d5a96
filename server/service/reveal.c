// RevealPassword: gates, intent, the one GET, live gates, outcome, release.
//
// The value exists in a struct secret and, once the outcome is durable, in the response; the arena
// of this method is wiped. No transaction is open while upstream is asked. Nothing here is ever
// retried.
#include "server/service/reveal_private.h"

#include <inttypes.h>

#include "server/base/log.h"
#include "server/service/begin.h"
#include "server/service/name.h"
#include "server/service/password.h"
#include "server/service/password_handoff.h"
#include "server/service/reading.h"
#include "server/source/idle.h"
#include "server/store/connection_finding.h"
#include "server/sync/sync.h"

enum { NOTE_MS = 1000 };

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
    struct reveal reveal = {.request = request, .in = in, .why = reterr};
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

    try_(reveal_pass_local_gates(&reveal, reterr));
    enum err_code fetched = fetch(&reveal, reterr);
    enum err_code verdict = reveal_conclude(&reveal, fetched, reterr);
    if (verdict == ERR_OK) {
        note_key(&reveal);
        verdict = reveal_release(&reveal, out, reterr);
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
    reveal_fill_event(&reveal, &reveal.gates, &event);
    try_(request_check(request, reterr));
    return reveal_record(&reveal, &event, request->deadline, NULL, reterr);
}
