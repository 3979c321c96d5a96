// Documents, listed by organization; which filter shows those in folders differs between accounts.
#include "server/base/log.h"
#include "server/sync/plan.h"
#include "server/sync/walk.h"

// How many documents an organization has under a form of the filter; -1: upstream refuses the form.
static enum err_code count_documents(struct task *task, int64_t organization_id,
                                     enum source_folder_filter filter, int64_t *ret_count,
                                     struct err *reterr)
{
    struct source_query query = {
        .kind = SOURCE_DOCUMENTS,
        .organization_id = organization_id,
        .folder_filter = filter,
        .page_number = 1,
        .page_size = 1,
    };
    struct page page _cleanup_(page_done);
    page_init(&page);
    page.asked_organization = organization_id;
    struct fetch fetch = {.query = &query, .page = &page};
    enum err_code code = run_fetch(task->run, &fetch, reterr);
    *ret_count = fetch.answer.total_count;
    if (code != ERR_OK && (fetch.http_status == 400 || fetch.http_status == 422)) {
        *ret_count = -1;
        return ERR_OK;
    }
    return code;
}

static enum err_code remember(struct task *task, enum plan_folders folders, struct err *reterr)
{
    struct run *run = task->run;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(sync_connection_set_folder_filter(tx, run->lease.connection_id, (int)folders, reterr));
    try_(tx_commit(&tx, reterr));
    run->connection.folder_filter = (int)folders;
    log_event(LOG_INFO, "learned the document filter of an account",
              LOG_STR("connection", run->lease.connection_id), LOG_INT("filter", folders));
    return ERR_OK;
}

static enum err_code probe(struct task *task, int64_t organization_id,
                           enum plan_folders *ret_folders, struct err *reterr)
{
    int64_t null_count, none_count, not_null_count = -1;
    bool certain;
    try_(count_documents(task, organization_id, SOURCE_FOLDER_NULL, &null_count, reterr));
    try_(count_documents(task, organization_id, SOURCE_FOLDER_NONE, &none_count, reterr));
    if (null_count == none_count && null_count > 0)
        try_(count_documents(task, organization_id, SOURCE_FOLDER_NOT_NULL, &not_null_count,
                             reterr));
    *ret_folders = plan_folders(null_count, none_count, not_null_count, &certain);
    return certain ? remember(task, *ret_folders, reterr) : ERR_OK;
}

// The form for an organization: that of the checkpoint in the midst of it, else the account's.
static enum err_code choose(struct task *task, int64_t organization_id,
                            enum plan_folders *ret_folders, struct err *reterr)
{
    if (task->text[0] != '\0' && task->at.stage == 0 && task->at.key == organization_id)
        *ret_folders =
            task->at.filter == SOURCE_FOLDER_NULL ? PLAN_FOLDERS_NULL : PLAN_FOLDERS_UNION;
    else if (task->run->connection.folder_filter != PLAN_FOLDERS_UNKNOWN)
        *ret_folders = (enum plan_folders)task->run->connection.folder_filter;
    else
        return probe(task, organization_id, ret_folders, reterr);
    return ERR_OK;
}

static struct walk walk_of(const int64_t *organization_id)
{
    return (struct walk){
        .kind = SOURCE_DOCUMENTS,
        .key = *organization_id,
        .organization_id = *organization_id,
        .folder_filter = SOURCE_FOLDER_NULL,
        .organizations = organization_id,
        .organization_count = 1,
        .parts = 1,
        .last_part = true,
    };
}

// The organizations from the i-th on, as far as readers are idle and the form is known.
static void read_ahead(struct task *task, size_t i)
{
    int folders = task->run->connection.folder_filter;
    if (folders == PLAN_FOLDERS_UNKNOWN)
        return;
    for (size_t k = i; k < task->organization_count; k++) {
        struct walk next = walk_of(&task->organizations[k]);
        if (folders == PLAN_FOLDERS_UNION)
            next.folder_filter = SOURCE_FOLDER_NONE;
        if (!walk_hint(task, &next))
            return;
    }
}

static enum err_code walk_organization(struct task *task, const int64_t *organization_id,
                                       struct err *reterr)
{
    enum plan_folders folders;
    enum err_code code = choose(task, *organization_id, &folders, reterr);
    // It vanished upstream since the inventory; the next one notes it.
    if (code == ERR_UPSTREAM_RECORD_GONE)
        return ERR_OK;
    try_(code);
    struct walk walk = walk_of(organization_id);
    if (folders == PLAN_FOLDERS_NULL)
        return walk_run(task, &walk, NULL, reterr);
    walk.parts = 2;
    walk.last_part = false;
    walk.folder_filter = SOURCE_FOLDER_NONE;
    try_(walk_run(task, &walk, NULL, reterr));
    walk.last_part = true;
    walk.folder_filter = SOURCE_FOLDER_NOT_NULL;
    return walk_run(task, &walk, NULL, reterr);
}

enum err_code step_documents(struct task *task, struct err *reterr)
{
    bool begun = task->text[0] != '\0';
    for (size_t i = 0; i < task->organization_count; i++) {
        // Without a look at the filter for organizations that are complete.
        if (begun && (task->at.stage > 0 || task->at.key > task->organizations[i]))
            continue;
        read_ahead(task, i);
        try_(walk_organization(task, &task->organizations[i], reterr));
    }
    return step_folders(task, SOURCE_DOCUMENTS, SOURCE_DOCUMENT_FOLDERS, reterr);
}
