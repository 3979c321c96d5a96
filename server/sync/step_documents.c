// Documents, listed by organization; which filter shows those in folders differs between accounts.
#include "server/base/log.h"
#include "server/sync/document_order.h"
#include "server/sync/folders.h"
#include "server/sync/list_issue.h"
#include "server/sync/plan.h"

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

// What is known of an organization before its documents are read.
struct approach {
    enum plan_folders folders;
    struct folder_list list; // its folders, if they were asked for
    bool listed_before;
};

static enum err_code list_folders(struct task *task, const int64_t *organization_id,
                                  struct approach *approach, struct err *reterr)
{
    if (approach->listed_before)
        return ERR_OK;
    approach->listed_before = true;
    return folders_list(task, organization_id, &approach->list, reterr);
}

static enum err_code probe(struct task *task, const int64_t *organization_id,
                           struct approach *approach, struct err *reterr)
{
    struct plan_folder_counts counts = {.not_null = -1};
    enum plan_folder_question question;
    bool certain, doubt, not_null_asked = false;
    try_(count_documents(task, *organization_id, SOURCE_FOLDER_NULL, &counts.null, reterr));
    try_(count_documents(task, *organization_id, SOURCE_FOLDER_NONE, &counts.none, reterr));
    while ((question = plan_folder_question(&counts, not_null_asked, approach->listed_before)) !=
           PLAN_ASK_NOTHING) {
        if (question == PLAN_ASK_FOLDERS) {
            try_(list_folders(task, organization_id, approach, reterr));
        } else {
            not_null_asked = true;
            try_(count_documents(task, *organization_id, SOURCE_FOLDER_NOT_NULL, &counts.not_null,
                                 reterr));
        }
        counts.listed = approach->list.listed;
        counts.to_ask = approach->list.count;
        counts.foldered = approach->list.said;
    }
    approach->folders = plan_folders(&counts, &certain, &doubt);
    task->at.doubt = task->at.doubt || doubt;
    return certain ? remember(task, approach->folders, reterr) : ERR_OK;
}

static enum plan_folders form_of(const struct checkpoint *at)
{
    return at->filter == SOURCE_FOLDER_NULL       ? PLAN_FOLDERS_NULL
           : at->filter == SOURCE_FOLDER_NOT_NULL ? PLAN_FOLDERS_UNION
           : at->filter == SOURCE_FOLDER_ID       ? PLAN_FOLDERS_EACH
                                                  : PLAN_FOLDERS_UNKNOWN;
}

// The form for an organization: that of the checkpoint in the midst of it, as far as that tells,
// else the account's.
static enum err_code choose(struct task *task, const int64_t *organization_id,
                            struct approach *approach, struct err *reterr)
{
    *approach = (struct approach){0};
    bool in_midst =
        task->text[0] != '\0' && task->at.stage == 0 && task->at.key == *organization_id;
    if (in_midst)
        approach->folders = form_of(&task->at);
    if (approach->folders == PLAN_FOLDERS_UNKNOWN)
        approach->folders = (enum plan_folders)task->run->connection.folder_filter;
    if (approach->folders == PLAN_FOLDERS_UNKNOWN)
        try_(probe(task, organization_id, approach, reterr));
    if (in_midst && task->at.filter == SOURCE_FOLDER_NONE && approach->folders == PLAN_FOLDERS_NULL)
        approach->folders = PLAN_FOLDERS_UNION; // the root level is being read
    if (approach->folders != PLAN_FOLDERS_EACH)
        return ERR_OK;
    try_(list_folders(task, organization_id, approach, reterr));
    task->at.doubt = task->at.doubt || !approach->list.listed;
    return ERR_OK;
}

// The organizations from the i-th on, as far as readers are idle and the form is known.
static void read_ahead(struct task *task, const struct document_order *order, size_t i)
{
    int folders = task->run->connection.folder_filter;
    if (folders == PLAN_FOLDERS_UNKNOWN)
        return;
    for (size_t k = i; k < task->organization_count; k++) {
        int64_t id = task->organizations[k];
        if (k == i ? document_order_covers(task, order, id) : document_order_may_cover(order, id))
            continue;
        struct walk next = walk_of_organization(SOURCE_DOCUMENTS, &task->organizations[k]);
        if (folders != PLAN_FOLDERS_NULL)
            next.folder_filter = SOURCE_FOLDER_NONE;
        if (!walk_hint(task, &next))
            return;
    }
}

// The root level, then each folder.
static enum err_code walk_each(struct task *task, const struct folder_list *list, struct walk *walk,
                               struct err *reterr)
{
    // With a part more than there are nothing is gone: a folder may be missing.
    bool missing =
        list->listed ? !list->complete : task->run->connection.folder_filter == PLAN_FOLDERS_EACH;
    walk->parts = 1 + (int)list->count + missing;
    walk->folders = list->ids;
    walk->folder_count = list->count;
    walk->folder_filter = SOURCE_FOLDER_NONE;
    walk->last_part = list->count == 0;
    try_(walk_run(task, walk, NULL, reterr));
    walk->folder_filter = SOURCE_FOLDER_ID;
    for (size_t i = 0; i < list->count; i++) {
        struct walk next = *walk;
        for (size_t k = i; k < list->count; k++) {
            next.folder_id = list->ids[k];
            if (!walk_hint(task, &next))
                break;
        }
        walk->folder_id = list->ids[i];
        walk->at_least = list->at_least[i];
        walk->last_part = i + 1 == list->count;
        try_(walk_run(task, walk, NULL, reterr));
    }
    return ERR_OK;
}

static enum err_code walk_organization(struct task *task, const int64_t *organization_id,
                                       struct err *reterr)
{
    struct approach approach;
    enum err_code code = choose(task, organization_id, &approach, reterr);
    // It vanished upstream since the inventory; the next one notes it.
    if (code == ERR_UPSTREAM_RECORD_GONE)
        return ERR_OK;
    try_(code);
    struct walk walk = walk_of_organization(SOURCE_DOCUMENTS, organization_id);
    if (approach.folders == PLAN_FOLDERS_EACH)
        return walk_each(task, &approach.list, &walk, reterr);
    if (approach.folders == PLAN_FOLDERS_NULL)
        return walk_run(task, &walk, NULL, reterr);
    walk.parts = 2;
    walk.last_part = false;
    walk.folder_filter = SOURCE_FOLDER_NONE;
    try_(walk_run(task, &walk, NULL, reterr));
    walk.last_part = true;
    walk.folder_filter = SOURCE_FOLDER_NOT_NULL;
    return walk_run(task, &walk, NULL, reterr);
}

// Says that documents may be missing, unless an organization showed the form meanwhile.
static enum err_code tell_doubt(struct task *task, struct err *reterr)
{
    static const char message[] =
        "Upstream shows documents in folders by no form of its filter that could be found, and "
        "does not list the folders: documents in folders may be missing";
    const struct walk list = {.kind = SOURCE_DOCUMENT_FOLDERS};
    int folders = task->run->connection.folder_filter;
    if (!task->at.doubt || folders == PLAN_FOLDERS_NULL || folders == PLAN_FOLDERS_UNION)
        return ERR_OK;
    return list_issue_tell(task, &list, SYNC_ISSUE_LIST_INCOMPLETE, message, reterr);
}

enum err_code step_documents(struct task *task, struct err *reterr)
{
    bool begun = task->text[0] != '\0';
    struct document_order order;
    try_(document_order_begin(task, &order, reterr));
    for (size_t i = 0; i < task->organization_count; i++) {
        // Without a look at the filter for organizations that are complete.
        if (begun && (task->at.stage > 0 || task->at.key > task->organizations[i]))
            continue;
        const int64_t *organization_id = &task->organizations[i];
        bool unchanged;
        read_ahead(task, &order, i);
        try_(document_order_look(task, &order, *organization_id, &unchanged, reterr));
        if (unchanged)
            continue;
        try_(walk_organization(task, organization_id, reterr));
        try_(document_order_prove(task, &order, *organization_id, reterr));
    }
    try_(tell_doubt(task, reterr));
    return step_folders(task, SOURCE_DOCUMENTS, SOURCE_DOCUMENT_FOLDERS, reterr);
}
