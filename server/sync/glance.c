#include "server/sync/glance.h"

#include "server/base/log.h"
#include "server/store/record.h"
#include "server/sync/cursor.h"
#include "server/sync/judge.h"
#include "server/sync/plan.h"
#include "server/sync/sync_private.h"

// What the glance looks at, and what came.
struct glance {
    struct plan_glance plan;
    int64_t *type_ids;
    struct page *page;
    struct source_page answer;
    const int64_t *new_ids; // rows of the page that are not stored as they are, sorted
    size_t new_count;
};

static enum err_code prepare(struct task *task, const struct glance_list *lists, size_t count,
                             struct glance *ret_glance, struct err *reterr)
{
    struct glance *glance = ret_glance;
    bool trusted;
    *glance = (struct glance){
        .type_ids = arena_calloc(&task->run->arena, count + 1, sizeof(*glance->type_ids))};
    if (glance->type_ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        if (lists[i].since_us != 0 && plan_glance_add(&glance->plan, lists[i].total_count))
            glance->type_ids[glance->plan.lists - 1] = lists[i].type_id;
    if (!plan_glance_pays(&glance->plan))
        return ERR_OK;
    try_(cursor_trusts(task, SOURCE_FLEXIBLE_ASSETS, 0, &trusted, reterr));
    if (!trusted)
        glance->plan = (struct plan_glance){0};
    return ERR_OK;
}

// Errors: those that end the task. `*ret_good`: there is an answer.
static enum err_code fetch(struct task *task, struct glance *glance, bool *ret_good,
                           bool *ret_refused, struct err *reterr)
{
    // Of the rows only their times are looked at: which traits are secret differs from type to
    // type.
    static const char *const no_traits[] = {""};
    const struct source_query query = {
        .kind = SOURCE_FLEXIBLE_ASSETS,
        .type_ids = glance->type_ids,
        .type_count = glance->plan.lists,
        .page_number = 1,
        .page_size = task->run->sync->page_size,
        .known_traits = no_traits,
        .known_trait_count = 1,
        .newest_first = true,
    };
    struct fetch fetch = {.query = &query, .page = glance->page, .once = true};
    struct err err = {0};
    enum err_code code = run_fetch(task->run, &fetch, &err);
    glance->answer = fetch.answer;
    *ret_good = code == ERR_OK && glance->page->bad_count == 0;
    *ret_refused = fetch.http_status == 400 || fetch.http_status == 404 || fetch.http_status == 422;
    if (code == ERR_CANCELLED || code == ERR_UPSTREAM_RATE_LIMITED) {
        *reterr = err;
        return code;
    }
    return ERR_OK;
}

static enum err_code find_new(struct task *task, struct glance *glance, struct err *reterr)
{
    struct run *run = task->run;
    const struct page *page = glance->page;
    int64_t *ids = arena_calloc(&run->arena, page->record_count + 1, sizeof(*ids));
    int64_t *times = arena_calloc(&run->arena, page->record_count + 1, sizeof(*times));
    if (ids == NULL || times == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < page->record_count; i++) {
        ids[i] = page->records[i].id;
        times[i] = page->records[i].update_time_us;
    }
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    return record_new(tx, run->lease.connection_id, SOURCE_FLEXIBLE_ASSETS, ids, times,
                      page->record_count, &run->arena, &glance->new_ids, &glance->new_count,
                      reterr);
}

// Whether the page tells that nothing of the list changed: it goes back to what is stored, and all
// that it has of the list is stored.
static bool is_unchanged(const struct glance *glance, const struct glance_list *list)
{
    const struct page *page = glance->page;
    size_t at = 0;
    if (glance->answer.next_page != 0 && !judge_reaches(page, list->since_us))
        return false;
    for (size_t i = 0; i < page->record_count; i++) {
        const struct source_record *record = &page->records[i];
        while (at < glance->new_count && glance->new_ids[at] < record->id)
            at++;
        if (record->type_id == list->type_id && at < glance->new_count &&
            glance->new_ids[at] == record->id)
            return false;
    }
    return true;
}

enum err_code glance_types(struct task *task, struct glance_list *lists, size_t count,
                           struct err *reterr)
{
    struct page page _cleanup_(page_done);
    struct glance glance;
    bool good, refused;
    page_init(&page);
    page.organizations = task->organizations;
    page.organization_count = task->organization_count;
    try_(prepare(task, lists, count, &glance, reterr));
    if (!plan_glance_pays(&glance.plan))
        return ERR_OK;
    glance.page = &page;
    try_(fetch(task, &glance, &good, &refused, reterr));
    if (good) {
        page_sort(&page);
        try_(find_new(task, &glance, reterr));
    }
    enum plan_glanced told =
        refused ? PLAN_GLANCE_IGNORED
        : good && !page.out_of_order
            ? plan_glance_judge(&glance.plan, glance.answer.total_count, (int64_t)glance.new_count)
            : PLAN_GLANCE_DOUBTFUL;
    if (told == PLAN_GLANCE_IGNORED) {
        log_event(LOG_INFO, "upstream does not list several types at once",
                  LOG_STR("connection", task->run->lease.connection_id));
        return cursor_avoid(task, SOURCE_FLEXIBLE_ASSETS, 0, reterr);
    }
    for (size_t i = 0; i < count && told == PLAN_GLANCE_OF_ALL; i++)
        lists[i].unchanged =
            lists[i].since_us != 0 && lists[i].total_count >= 0 && is_unchanged(&glance, &lists[i]);
    return ERR_OK;
}
