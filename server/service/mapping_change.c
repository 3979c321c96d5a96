#include "server/service/mapping_change.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/blast_radius_message.h"
#include "server/service/field.h"
#include "server/service/mapping.h"
#include "server/service/organization_message.h"
#include "server/service/parent.h"
#include "server/store/company.h"
#include "server/store/mapping.h"
#include "server/sync/sync.h"

// A step with what the database says of it.
struct entry {
    const struct mapping_step *step;
    const char *company_display_name; // NULL: none
    struct organization *before;
    bool differs; // from what is mapped now
};

struct work {
    struct request *request;
    const struct mapping_change *change;
    struct connection *connection;
    struct entry *entries;
    int64_t *organization_ids; // of the entries
    Docbridge__V1__BlastRadius *blast_radius;
};

static bool mapped(const struct organization *organization)
{
    return organization->company_id[0] != '\0';
}

static bool maps(const struct entry *entry)
{
    return entry->step->company_id[0] != '\0';
}

// An organization that is one company and shall be another.
static bool moves(const struct entry *entry)
{
    return entry->differs && mapped(entry->before) && maps(entry);
}

static int compare_organizations(const void *a, const void *b)
{
    int64_t left = ((const struct organization *)a)->id,
            right = ((const struct organization *)b)->id;
    return (left > right) - (left < right);
}

// The organizations of the entries in their order; NULL for what is not in sight. Those found twice
// in `entries` are found once.
static enum err_code read_organizations(struct tx *tx, const struct work *work, bool lock,
                                        struct organization **ret_organizations, struct err *reterr)
{
    struct organization *found;
    size_t found_count;
    try_(organization_get_many(tx, work->change->connection_id, work->organization_ids,
                               work->change->count, work->request->caller, lock,
                               work->request->arena, &found, &found_count, reterr));
    qsort(found, found_count, sizeof(*found), compare_organizations);
    for (size_t i = 0; i < work->change->count; i++) {
        const struct organization key = {.id = work->organization_ids[i]};
        ret_organizations[i] =
            bsearch(&key, found, found_count, sizeof(*found), compare_organizations);
    }
    return ERR_OK;
}

static enum err_code read_companies(struct tx *tx, struct work *work, struct err *reterr)
{
    size_t count = work->change->count;
    const char **ids = arena_calloc(work->request->arena, count + 1, sizeof(*ids));
    struct company *companies;
    size_t asked = 0, found, next = 0;
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        if (maps(&work->entries[i]))
            ids[asked++] = work->entries[i].step->company_id;
    try_(company_get_many(tx, ids, asked, work->request->arena, &companies, &found, reterr));
    // They come in the order they were asked for, and those that there are not are left out.
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &work->entries[i];
        if (!maps(entry))
            continue;
        if (next == found || strcmp(companies[next].id, entry->step->company_id) != 0)
            return err_not_found(reterr, entry->step->company);
        entry->company_display_name = companies[next++].display_name;
    }
    return ERR_OK;
}

// Everything that the change looks at. Its organizations and their mappings stay as they are until
// the transaction ends; a company that is deleted meanwhile fails the change.
static enum err_code load(struct tx *tx, struct work *work, struct err *reterr)
{
    struct arena *arena = work->request->arena;
    const struct mapping_change *change = work->change;
    struct organization **organizations =
        arena_calloc(arena, change->count + 1, sizeof(*organizations));
    work->entries = arena_calloc(arena, change->count + 1, sizeof(*work->entries));
    work->organization_ids =
        arena_calloc(arena, change->count + 1, sizeof(*work->organization_ids));
    if (organizations == NULL || work->entries == NULL || work->organization_ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < change->count; i++)
        work->organization_ids[i] = change->steps[i].organization_id;
    try_(mapping_lock(tx, change->connection_id, reterr));
    try_(read_organizations(tx, work, true, organizations, reterr));
    for (size_t i = 0; i < change->count; i++) {
        struct entry *entry = &work->entries[i];
        entry->step = &change->steps[i];
        entry->before = organizations[i];
        if (entry->before == NULL)
            return err_not_found(reterr, entry->step->organization);
        entry->differs = strcmp(entry->before->company_id, entry->step->company_id) != 0;
    }
    return read_companies(tx, work, reterr);
}

static enum err_code measure(struct tx *tx, struct work *work, struct err *reterr)
{
    size_t count = work->change->count;
    struct blast_move *steps = arena_calloc(work->request->arena, count + 1, sizeof(*steps));
    if (steps == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        steps[i] = (struct blast_move){work->organization_ids[i], work->entries[i].before->revision,
                                       work->entries[i].before->company_id,
                                       work->entries[i].step->company_id};
    return blast_radius_message(tx, work->request, work->change->connection_id, steps, count,
                                &work->blast_radius, reterr);
}

static enum err_code already_mapped(enum err_code code, const char *connection_id,
                                    int64_t organization_id, const char *company_id,
                                    struct err *reterr)
{
    if (code == ERR_COMPANY_ALREADY_MAPPED)
        (void)err_set(
            reterr, code,
            "the company has another organization: clear that one first, or let companies "
            "have several (several_organizations_allowed of the connection)");
    else if (code == ERR_ORGANIZATION_ALREADY_MAPPED)
        (void)err_set(reterr, code,
                      "the organization is another company: clear it first, or look at what a move "
                      "shows and hides (validate_only) and send the etag of that");
    else
        (void)err_set(reterr, code,
                      "the organization is another company, and this is not the etag of what a "
                      "move shows and hides now: look at it again (validate_only)");
    err_meta(reterr, "organization", "connections/%s/organizations/%" PRId64, connection_id,
             organization_id);
    err_meta(reterr, "company", "companies/%s", company_id);
    return code;
}

static enum err_code check_entry(const struct work *work, const struct entry *entry,
                                 struct err *reterr)
{
    const struct mapping_change *change = work->change;
    const struct organization *before = entry->before;
    const char *previewed = work->blast_radius->etag;
    if (strcmp(entry->step->etag, previewed) != 0)
        try_(field_etag_check(entry->step->etag, before->revision, work->request->arena, reterr));
    if (entry->differs && maps(entry) && before->mapping_state == ORGANIZATION_ORPHANED) {
        (void)err_set(reterr, ERR_INVALID_STATE_TRANSITION, "the organization is gone upstream");
        err_meta(reterr, "state", "ORPHANED");
        err_meta(reterr, "verb", "SetMapping");
        return ERR_INVALID_STATE_TRANSITION;
    }
    if (!moves(entry) || change->validate_only || strcmp(change->etag, previewed) == 0)
        return ERR_OK;
    return already_mapped(change->etag[0] == '\0' ? ERR_ORGANIZATION_ALREADY_MAPPED
                                                  : ERR_ETAG_MISMATCH,
                          change->connection_id, before->id, before->company_id, reterr);
}

// Maps what shall be mapped; all that these organizations were mapped to is gone by now. A company
// that is taken but has no organization was let go just then: it is asked for once more.
static enum err_code add(struct tx *tx, const struct work *work, const struct mapping_match *match,
                         struct err *reterr)
{
    const char *connection_id = work->change->connection_id;
    const char *company_id = "";
    int64_t holder = 0;
    for (int attempt = 0; attempt < 2 && holder == 0; attempt++) {
        bool all;
        try_(mapping_add(tx, connection_id, match, work->request->caller, clock_wall_us(), &all,
                         reterr));
        if (!all)
            try_(mapping_missing(tx, connection_id, match, work->request->arena, &all, &company_id,
                                 &holder, reterr));
        if (all)
            return ERR_OK;
    }
    if (holder == 0)
        return err_set(reterr, ERR_CONFLICT, "the mappings change at this moment: try again");
    return already_mapped(ERR_COMPANY_ALREADY_MAPPED, connection_id, holder, company_id, reterr);
}

static enum err_code apply(struct tx *tx, const struct work *work, struct err *reterr)
{
    struct arena *arena = work->request->arena;
    const struct mapping_change *change = work->change;
    int64_t *changed = arena_calloc(arena, change->count + 1, sizeof(*changed));
    int64_t *organizations = arena_calloc(arena, change->count + 1, sizeof(*organizations));
    const char **companies = arena_calloc(arena, change->count + 1, sizeof(*companies));
    int64_t *sources = arena_calloc(arena, change->count + 1, sizeof(*sources));
    size_t changed_count = 0, made = 0;
    if (changed == NULL || organizations == NULL || companies == NULL || sources == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < change->count; i++) {
        const struct entry *entry = &work->entries[i];
        if (!entry->differs)
            continue;
        changed[changed_count++] = entry->step->organization_id;
        if (!maps(entry))
            continue;
        organizations[made] = entry->step->organization_id;
        companies[made] = entry->step->company_id;
        sources[made++] = MAPPING_SOURCE_MANUAL;
    }
    if (changed_count == 0)
        return ERR_OK;
    const struct mapping_match match = {organizations, companies, sources, made};
    try_(mapping_drop(tx, change->connection_id, changed, changed_count, reterr));
    if (made > 0)
        try_(add(tx, work, &match, reterr));
    return mapping_mark(tx, change->connection_id, changed, changed_count, reterr);
}

// What was orphaned and is unmapped is no longer there to be read: it is shown as it ends.
static struct organization *ended(struct arena *arena, const struct organization *before)
{
    struct organization *organization = arena_alloc(arena, sizeof(*organization));
    if (organization == NULL)
        return NULL;
    *organization = *before;
    organization->company_id = "";
    organization->mapping_state = ORGANIZATION_UNMAPPED;
    organization->revision++;
    return organization;
}

static enum err_code fill(struct tx *tx, const struct work *work,
                          struct mapping_outcome *ret_outcome, struct err *reterr)
{
    struct arena *arena = work->request->arena;
    size_t count = work->change->count;
    Docbridge__V1__Organization *items = arena_calloc(arena, count + 1, sizeof(*items));
    struct organization **after = arena_calloc(arena, count + 1, sizeof(*after));
    ret_outcome->organizations =
        arena_calloc(arena, count + 1, sizeof(*ret_outcome->organizations));
    if (items == NULL || after == NULL || ret_outcome->organizations == NULL)
        return err_no_memory(reterr);
    try_(read_organizations(tx, work, false, after, reterr));
    for (size_t i = 0; i < count; i++) {
        if (after[i] == NULL)
            after[i] = ended(arena, work->entries[i].before);
        if (after[i] == NULL)
            return err_no_memory(reterr);
        docbridge__v1__organization__init(&items[i]);
        try_(organization_message_fill(arena, work->connection->id,
                                       connection_psa_type(work->connection), after[i], &items[i],
                                       reterr));
        ret_outcome->organizations[i] = &items[i];
    }
    ret_outcome->blast_radius = work->blast_radius;
    return ERR_OK;
}

// The content of all that is mapped now, said for the first time or again.
static enum err_code request_run(struct tx *tx, const struct work *work,
                                 struct mapping_outcome *ret_outcome, struct err *reterr)
{
    struct arena *arena = work->request->arena;
    int64_t *ids = arena_calloc(arena, work->change->count + 1, sizeof(*ids));
    size_t count = 0;
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < work->change->count; i++)
        if (maps(&work->entries[i]))
            ids[count++] = work->organization_ids[i];
    if (count == 0)
        return ERR_OK;
    return mapping_request_run(tx, work->request, work->connection, ids, count,
                               &ret_outcome->sync_run, reterr);
}

static enum err_code audit_side(struct tx *tx, const struct work *work, const struct entry *entry,
                                bool gain, struct err *reterr)
{
    const struct organization *before = entry->before;
    const char *company_id = gain ? entry->step->company_id : before->company_id;
    const char *company = arena_printf(work->request->arena, "companies/%s", company_id);
    if (company == NULL)
        return err_no_memory(reterr);
    const struct audit_change change = {"mapping.company", gain ? NULL : company,
                                        gain ? company : NULL};
    return audit_append(tx, work->request,
                        &(struct audit_event){
                            .type = AUDIT_MAPPING,
                            .phase = AUDIT_SINGLE,
                            .outcome = AUDIT_SUCCEEDED,
                            .resource = entry->step->organization,
                            .resource_display_name = before->display_name,
                            .company_id = company_id,
                            .company_display_name =
                                gain ? entry->company_display_name : before->company_display_name,
                            .organization = entry->step->organization,
                            .changes = &change,
                            .change_count = 1,
                        },
                        NULL, reterr);
}

// What a company loses and what one gets is told of each alone: an auditor of one of them reads
// that, and nothing of the other.
static enum err_code audit(struct tx *tx, const struct work *work, const struct entry *entry,
                           struct err *reterr)
{
    if (mapped(entry->before))
        try_(audit_side(tx, work, entry, /* gain= */ false, reterr));
    return maps(entry) ? audit_side(tx, work, entry, /* gain= */ true, reterr) : ERR_OK;
}

enum err_code mapping_change(struct request *request, const struct mapping_change *change,
                             struct mapping_outcome *ret_outcome, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct work work = {.request = request, .change = change};
    ret_outcome->sync_run = arena_strdup(request->arena, "");
    if (ret_outcome->sync_run == NULL)
        return err_no_memory(reterr);
    try_(request_begin(request, &tx, reterr));
    for (size_t i = 0; i < change->count; i++)
        if (change->steps[i].company_id[0] != '\0')
            try_(request_check_sight(tx, request, change->steps[i].company_id,
                                     change->steps[i].company, reterr));
    try_(parent_connection(tx, request, change->connection_id, change->steps[0].organization,
                           &work.connection, reterr));
    try_(load(tx, &work, reterr));
    try_(measure(tx, &work, reterr));
    for (size_t i = 0; i < change->count; i++)
        try_(check_entry(&work, &work.entries[i], reterr));
    try_(apply(tx, &work, reterr));
    try_(fill(tx, &work, ret_outcome, reterr));
    if (change->validate_only)
        return ERR_OK; // the transaction is taken back
    try_(request_run(tx, &work, ret_outcome, reterr));
    for (size_t i = 0; i < change->count; i++)
        if (work.entries[i].differs)
            try_(audit(tx, &work, &work.entries[i], reterr));
    try_(tx_commit(&tx, reterr));
    sync_wake(request->backend->sync);
    return ERR_OK;
}
