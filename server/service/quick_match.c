// QuickMatch: maps what is certain, and says of every organization what became of it.
//
// Pass 1 joins organization and company by PSA identity, when the connection's kind of PSA is known
// and one that upstream knows; pass 2, for those of which pass 1 says nothing, by name_key(). A
// match is made only one to one: whatever two companies, or two organizations that nobody set
// aside, have in common is AMBIGUOUS_NAME. A mapping is never changed, and a company that has an
// organization (or gets it in pass 1) is COMPANY_ALREADY_MAPPED. Names do not outvote PSA ids: an
// organization and a company of one name but with different ids of the same kind of PSA are two
// customers, so that the organization is PSA_ID_NO_COMPANY, with the namesake as candidate.
//
// Of what neither pass matches, in this order: PSA_TYPE_UNSUPPORTED_UPSTREAM if the connection's
// PSA is of such a kind; without a PSA id, NO_PSA_ID if companies here have ids that one could
// match, else NAME_DIFFERS; with one, PSA_TYPE_UNKNOWN, PSA_TYPE_MISMATCH, or PSA_ID_NO_COMPANY.
#include <inttypes.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/mapping.h"
#include "server/service/name.h"
#include "server/service/parent.h"
#include "server/service/suggestion_message.h"
#include "server/service/word.h"
#include "server/store/mapping.h"
#include "server/store/statistics.h"
#include "server/sync/sync.h"

#define OUTCOME(name) DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_##name

// So many of what did not match are told with the nearest names; each costs a search of its own.
enum { NEAREST_MAX = 100 };

// The event of the whole has room for so many mappings; each has one of its own.
enum { OUTCOMES = OUTCOME(PSA_TYPE_UNKNOWN) + 1, AUDITED_MAX = 4000 };

HANDLER(quick_match, QuickMatchRequest, QuickMatchResponse)

enum err_code mapping_quick_match_handler(struct request *request, const void *in, void *out,
                                          struct err *reterr)
{
    return quick_match_handler(request, in, out, reterr);
}

static bool matched(const struct mapping_verdict *verdict)
{
    return verdict->outcome == OUTCOME(MATCHED_PSA_ID) || verdict->outcome == OUTCOME(MATCHED_NAME);
}

// The matches among the verdicts, as the store takes them.
static enum err_code collect(struct arena *arena, const struct mapping_verdict *verdicts,
                             size_t count, struct mapping_match *ret_match, struct err *reterr)
{
    int64_t *organizations = arena_calloc(arena, count + 1, sizeof(*organizations));
    const char **companies = arena_calloc(arena, count + 1, sizeof(*companies));
    int64_t *sources = arena_calloc(arena, count + 1, sizeof(*sources));
    size_t made = 0;
    if (organizations == NULL || companies == NULL || sources == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        if (!matched(&verdicts[i]))
            continue;
        organizations[made] = verdicts[i].organization_id;
        companies[made] = verdicts[i].company_id;
        sources[made++] = verdicts[i].outcome == OUTCOME(MATCHED_PSA_ID) ? MAPPING_SOURCE_PSA_ID
                                                                         : MAPPING_SOURCE_NAME;
    }
    *ret_match = (struct mapping_match){organizations, companies, sources, made};
    return ERR_OK;
}

static enum err_code fill_result(struct arena *arena, const char *connection_id,
                                 const struct mapping_verdict *verdict,
                                 Docbridge__V1__QuickMatchResponse__Result *out, struct err *reterr)
{
    docbridge__v1__quick_match_response__result__init(out);
    out->organization = arena_printf(arena, "connections/%s/organizations/%" PRId64, connection_id,
                                     verdict->organization_id);
    out->organization_display_name = arena_strdup(arena, verdict->organization_display_name);
    out->outcome = (Docbridge__V1__QuickMatchResponse__Outcome)verdict->outcome;
    out->company = verdict->company_id[0] == '\0'
                       ? arena_strdup(arena, "")
                       : arena_printf(arena, "companies/%s", verdict->company_id);
    out->candidates = arena_calloc(arena, verdict->candidate_count + 1, sizeof(*out->candidates));
    if (out->organization == NULL || out->organization_display_name == NULL ||
        out->company == NULL || out->candidates == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < verdict->candidate_count; i++) {
        out->candidates[i] = arena_printf(arena, "companies/%s", verdict->candidates[i]);
        if (out->candidates[i] == NULL)
            return err_no_memory(reterr);
        out->n_candidates++;
    }
    return ERR_OK;
}

static enum err_code fill(struct arena *arena, const char *connection_id,
                          const struct mapping_verdict *verdicts, size_t count,
                          Docbridge__V1__QuickMatchResponse *out, struct err *reterr)
{
    Docbridge__V1__QuickMatchResponse__Result *items =
        arena_calloc(arena, count + 1, sizeof(*items));
    out->results = arena_calloc(arena, count + 1, sizeof(*out->results));
    if (items == NULL || out->results == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        try_(fill_result(arena, connection_id, &verdicts[i], &items[i], reterr));
        out->results[out->n_results++] = &items[i];
        out->matched_count += matched(&verdicts[i]);
    }
    return ERR_OK;
}

// Whether nothing is said of an organization but that it did not match.
static bool unexplained(const struct mapping_verdict *verdict)
{
    return !matched(verdict) && verdict->company_id[0] == '\0' && verdict->candidate_count == 0 &&
           verdict->outcome != OUTCOME(IGNORED);
}

static enum err_code fill_nearest(struct tx *tx, const struct request *request,
                                  const struct connection *connection,
                                  const struct mapping_verdict *verdicts,
                                  Docbridge__V1__QuickMatchResponse *out, struct err *reterr)
{
    struct suggestion_list lists[NEAREST_MAX] = {0};
    size_t places[NEAREST_MAX] = {0}, count = 0;
    int64_t ids[NEAREST_MAX] = {0};
    for (size_t i = 0; i < out->n_results && count < NEAREST_MAX; i++) {
        if (!unexplained(&verdicts[i]))
            continue;
        places[count] = i;
        ids[count++] = verdicts[i].organization_id;
    }
    try_(suggestion_lists(tx, request, connection, ids, count, 0, lists, reterr));
    for (size_t i = 0; i < count; i++) {
        out->results[places[i]]->nearest = lists[i].candidates;
        out->results[places[i]]->n_nearest = lists[i].count;
    }
    return ERR_OK;
}

// An event of each company that got an organization, as of a mapping by hand: an auditor who looks
// at one company, or sees no other, finds by whom and from when on its passwords could be reached.
static enum err_code audit_each(struct tx *tx, const struct request *request,
                                const struct mapping_verdict *verdicts,
                                const Docbridge__V1__QuickMatchResponse *out, struct err *reterr)
{
    struct arena *arena = request->arena;
    size_t most = (size_t)out->matched_count, made = 0;
    struct audit_event *events = arena_calloc(arena, most + 1, sizeof(*events));
    struct audit_change *changes = arena_calloc(arena, most + 1, sizeof(*changes));
    if (events == NULL || changes == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < out->n_results; i++) {
        const Docbridge__V1__QuickMatchResponse__Result *result = out->results[i];
        if (!matched(&verdicts[i]))
            continue;
        changes[made] = (struct audit_change){"mapping.company", NULL, result->company};
        events[made] = (struct audit_event){
            .type = AUDIT_MAPPING,
            .phase = AUDIT_SINGLE,
            .outcome = AUDIT_SUCCEEDED,
            .resource = result->organization,
            .resource_display_name = result->organization_display_name,
            .company_id = verdicts[i].company_id,
            .company_display_name = verdicts[i].company_display_name,
            .organization = result->organization,
            .changes = &changes[made],
            .change_count = 1,
        };
        made++;
    }
    return audit_append_many(tx, request, events, made, reterr);
}

// One event of the whole: how many had which outcome, then the mappings made.
static enum err_code audit_match(struct tx *tx, const struct request *request,
                                 const struct connection *connection,
                                 const Docbridge__V1__QuickMatchResponse *out, struct err *reterr)
{
    struct arena *arena = request->arena;
    size_t counts[OUTCOMES] = {0};
    struct audit_change *changes =
        arena_calloc(arena, OUTCOMES + (size_t)out->matched_count, sizeof(*changes));
    const char *name = arena_printf(arena, "connections/%s", connection->id);
    size_t made = 0;
    if (changes == NULL || name == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < out->n_results; i++)
        counts[out->results[i]->outcome]++;
    for (int i = 1; i < OUTCOMES; i++) {
        const char *word =
            word_of(&docbridge__v1__quick_match_response__outcome__descriptor, "OUTCOME_", i);
        if (counts[i] == 0)
            continue;
        changes[made++] = (struct audit_change){word, NULL, arena_printf(arena, "%zu", counts[i])};
    }
    for (size_t i = 0; i < out->n_results && made < AUDITED_MAX; i++) {
        const Docbridge__V1__QuickMatchResponse__Result *result = out->results[i];
        if (result->outcome == OUTCOME(MATCHED_PSA_ID) || result->outcome == OUTCOME(MATCHED_NAME))
            changes[made++] = (struct audit_change){result->organization, NULL, result->company};
    }
    return audit_append(tx, request,
                        &(struct audit_event){.type = AUDIT_QUICK_MATCH,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .resource = name,
                                              .resource_display_name = connection->display_name,
                                              .changes = changes,
                                              .change_count = made},
                        NULL, reterr);
}

static enum err_code apply(struct tx *tx, const struct request *request,
                           const struct connection *connection,
                           const struct mapping_verdict *verdicts,
                           const struct mapping_match *match,
                           Docbridge__V1__QuickMatchResponse *out, struct err *reterr)
{
    if (match->count > 0) {
        bool all;
        try_(
            mapping_add(tx, connection->id, match, request->caller, clock_wall_us(), &all, reterr));
        if (!all)
            return err_set(reterr, ERR_CONFLICT, "a mapping was made meanwhile: try again");
        try_(mapping_mark(tx, connection->id, match->organization_ids, match->count, reterr));
        try_(mapping_request_run(tx, request, connection, match->organization_ids, match->count,
                                 &out->sync_run, reterr));
        try_(audit_each(tx, request, verdicts, out, reterr));
    }
    return audit_match(tx, request, connection, out, reterr);
}

static enum err_code quick_match(struct request *request,
                                 const Docbridge__V1__QuickMatchRequest *in,
                                 Docbridge__V1__QuickMatchResponse *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct mapping_verdict *verdicts;
    struct mapping_match match;
    struct connection *connection;
    struct name name;
    size_t count;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->parent, &connection, reterr));
    if (!in->validate_only)
        try_(mapping_lock(tx, connection->id, reterr));
    try_(mapping_judge(tx, connection->id, connection_psa_type(connection), request->arena,
                       &verdicts, &count, reterr));
    try_(fill(request->arena, connection->id, verdicts, count, out, reterr));
    if (!in->skip_nearest)
        try_(fill_nearest(tx, request, connection, verdicts, out, reterr));
    if (in->validate_only)
        return ERR_OK;
    try_(collect(request->arena, verdicts, count, &match, reterr));
    try_(apply(tx, request, connection, verdicts, &match, out, reterr));
    try_(tx_commit(&tx, reterr));
    sync_wake(request->backend->sync);
    statistics_make_first(request->backend->store, request->caller->tenant);
    return ERR_OK;
}
