// What each task of a run takes, by the plan that runs follow.
#include <inttypes.h>

#include "server/service/sync_estimate_private.h"

// Of the account's list what changed, which takes so many pages at least.
static enum err_code of_changes(struct estimate *estimate, const struct estimate_list *list,
                                int64_t from, struct cost *cost, struct err *reterr)
{
    try_(sync_estimate_changes(estimate, list, from, &cost->requests, reterr));
    cost->measured = cost->requests == from;
    cost->plan =
        cost->measured
            ? "What changed since the last run, from the account's list"
            : "What changed since the last run, at most so many pages of the account's list";
    return ERR_OK;
}

static enum err_code of_organizations(struct estimate *estimate, struct cost *cost,
                                      struct err *reterr)
{
    if (estimate->organization_changes.since_us != 0) {
        try_(of_changes(estimate, &estimate->organization_changes, 1, cost, reterr));
    } else {
        try_(sync_estimate_count(estimate, SOURCE_ORGANIZATIONS, 0, &cost->rows, reterr));
        cost->requests = plan_pages(cost->rows, estimate->limit.page_size);
        cost->measured = cost->rows >= 0;
        cost->plan = "The account's list, whole";
    }
    if (!estimate->psa_probes)
        return ERR_OK;
    cost->requests += SYNC_PSA_PROBES;
    cost->plan = arena_printf(estimate->request->arena,
                              "%s; and one organization under each kind of PSA", cost->plan);
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

// A list that runs read by the account or by organizations, whichever takes fewer pages; or of
// which they read what changed, from the `from`-th page on.
static enum err_code of_planned(struct estimate *estimate, const struct estimate_list *list,
                                int64_t from, const struct sync_estimate *stored, struct cost *cost,
                                struct err *reterr)
{
    if (estimate->organization_count == 0) {
        *cost = (struct cost){0, 0, true, "No organization is mapped"};
        return ERR_OK;
    }
    if (list->since_us != 0) {
        int64_t most = (int64_t)estimate->organization_count;
        try_(of_changes(estimate, list, from, cost, reterr));
        // With so many the lists of the organizations are read instead.
        if (most > 1 && cost->requests > most && cost->requests > most + stored->page_count)
            cost->requests = most + stored->page_count;
        return ERR_OK;
    }
    try_(sync_estimate_count(estimate, list->kind, 0, &cost->rows, reterr));
    int64_t pages = plan_pages(cost->rows, estimate->limit.page_size);
    cost->measured = cost->rows >= 0;
    if (estimate->organization_count == 1) {
        cost->requests = pages;
        cost->plan = "The list of the one organization, whole";
    } else if (plan_choose(cost->rows, estimate->limit.page_size, estimate->organization_count,
                           estimate->inventory_count) == PLAN_ACCOUNT) {
        cost->requests = pages;
        cost->plan =
            "The account's list, whole, which has fewer pages than those of organizations together";
    } else {
        // And the first page of the account's, which tells.
        cost->requests = stored->page_count + 1;
        cost->rows = stored->record_count;
        cost->measured = false;
        cost->plan = "The list of each mapped organization, whole";
    }
    return ERR_OK;
}

static enum err_code of_passwords(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    try_(of_planned(estimate, &estimate->password_changes, 1, &estimate->passwords, cost, reterr));
    // Categories are listed again by full runs, and where there is one that is not known.
    if (estimate->full || estimate->password_changes.since_us == 0)
        cost->requests++;
    if (estimate->full)
        cost->requests += estimate->passwords.foldered_count;
    if (estimate->passwords.record_count > 0 || cost->rows <= 0)
        return ERR_OK;
    // Nobody knows yet whose passwords lie in folders.
    cost->requests += cost->rows < (int64_t)estimate->organization_count
                          ? cost->rows
                          : (int64_t)estimate->organization_count;
    cost->measured = false;
    cost->plan = arena_printf(estimate->request->arena,
                              "%s; then, at most, the folders of each organization", cost->plan);
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code of_checklists(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    // Up to the page with the first completed one, if there is one.
    int64_t open = estimate->open_checklists;
    bool all = open == estimate->checklists.record_count;
    int64_t pages = plan_pages(all ? open : open + 1, estimate->limit.page_size);
    try_(of_planned(estimate, &estimate->checklist_changes, pages, &estimate->checklists, cost,
                    reterr));
    if (estimate->checklist_changes.since_us != 0 && estimate->organization_count > 0) {
        cost->rows = open;
        cost->plan = !cost->measured
                         ? "Those that are not completed, and what changed of the others since "
                           "the last run, at most so many pages of the account's list"
                         : "Those that are not completed, and what changed of the others since "
                           "the last run, from the account's list";
    }
    cost->requests += estimate->organization_count > 0; // templates
    return ERR_OK;
}

static enum err_code of_assets(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    size_t changes = 0;
    bool most = false;
    *cost = (struct cost){.requests = 1, .measured = true}; // types
    for (size_t i = 0; i < estimate->type_count && estimate->organization_count > 0; i++) {
        int64_t rows = 0;
        if (estimate->type_changes[i].since_us != 0) {
            changes++;
            continue;
        }
        try_(sync_estimate_count(estimate, SOURCE_FLEXIBLE_ASSETS, estimate->types[i].id, &rows,
                                 reterr));
        cost->requests += plan_pages(rows, estimate->limit.page_size);
        cost->rows += rows > 0 ? rows : 0;
        cost->measured = cost->measured && rows >= 0;
    }
    if (changes > 0) {
        int64_t pages;
        try_(sync_estimate_types(estimate, &pages, &most, reterr));
        cost->requests += pages;
        cost->measured = cost->measured && !most;
    }
    cost->plan = arena_printf(estimate->request->arena,
                              "The types; then%s a list for each of %zu enabled types, of %zu only "
                              "what changed since the last run",
                              most ? ", at most," : "", estimate->type_count, changes);
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

static int64_t document_pages(const struct estimate *estimate)
{
    const struct sync_estimate *stored = &estimate->documents;
    switch (estimate->connection.folder_filter) {
    case PLAN_FOLDERS_UNION:
        return stored->root_page_count + stored->foldered_page_count;
    case PLAN_FOLDERS_EACH: // the folders are listed before
        return stored->root_page_count + stored->folder_page_count +
               (int64_t)estimate->organization_count;
    default:
        return stored->page_count;
    }
}

// Before any document is stored: each organization is asked how many it has, unless there are too
// many. Which of them lie in folders, and by which form of the filter they are shown, is not known.
static enum err_code count_first_documents(struct estimate *estimate, struct cost *cost,
                                           struct err *reterr)
{
    int64_t requests = 0;
    for (size_t i = 0; i < estimate->organization_count; i++) {
        int64_t rows;
        try_(sync_estimate_count_of(estimate, SOURCE_DOCUMENTS, 0, estimate->organizations[i],
                                    &rows, reterr));
        requests += plan_pages(rows, estimate->limit.document_page_size);
        cost->rows += rows > 0 ? rows : 0;
        requests += rows > 0; // its folders
    }
    cost->requests += requests - estimate->documents.page_count;
    cost->plan = arena_printf(estimate->request->arena,
                              "The list of each of %zu mapped organizations, whole, each counted "
                              "now; then, at most, the folders of each; more if the filter "
                              "document_folder_id=null hides documents",
                              estimate->organization_count);
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

// What a quick run need not read of long lists, and what it takes to know.
static enum err_code add_order(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    int64_t requests;
    size_t spared;
    bool most;
    try_(sync_estimate_order(estimate, &requests, &spared, &most, reterr));
    cost->requests += requests;
    if (spared > 0 || most)
        cost->plan = arena_printf(
            estimate->request->arena, "%s; %zu long ones are left alone, since nothing changed%s",
            cost->plan, spared, most ? "; the others, at most, are whole" : "");
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code of_documents(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    enum { COUNTED_MAX = 100 }; // requests that an estimate may take for it
    const struct sync_estimate *stored = &estimate->documents;
    bool unknown = estimate->connection.folder_filter == PLAN_FOLDERS_UNKNOWN;
    *cost = (struct cost){
        .requests = document_pages(estimate) +
                    (unknown && estimate->organization_count > 0 ? 2 : 0) +
                    (estimate->full ? stored->foldered_count : 0),
        .rows = stored->record_count,
        .measured = estimate->organization_count == 0,
        .plan = arena_printf(estimate->request->arena,
                             "The list of each of %zu mapped organizations, whole%s; of %" PRId64
                             " it is known how long it was",
                             estimate->organization_count,
                             estimate->connection.folder_filter == PLAN_FOLDERS_EACH
                                 ? ", and of each of their folders"
                                 : "",
                             stored->organization_count),
    };
    if (cost->plan == NULL)
        return err_no_memory(reterr);
    bool first = stored->record_count == 0 && unknown && estimate->organization_count > 0;
    return first && estimate->organization_count <= COUNTED_MAX
               ? count_first_documents(estimate, cost, reterr)
               : add_order(estimate, cost, reterr);
}

enum err_code sync_estimate_task(struct estimate *estimate, int kind, struct cost *ret_cost,
                                 struct err *reterr)
{
    static enum err_code (*const costs[])(struct estimate *, struct cost *, struct err *) = {
        of_organizations, of_documents, of_passwords, of_assets, of_checklists,
    };
    *ret_cost = (struct cost){0};
    return costs[kind - 1](estimate, ret_cost, reterr);
}
