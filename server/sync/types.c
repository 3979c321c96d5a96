// Flexible asset types and password categories: small lists, held in memory and stored whole.
#include "server/sync/types.h"

#include "server/base/log.h"
#include "server/store/type_sync.h"
#include "server/sync/page.h"

enum { PAGES_MAX = 50, PAGE_ROWS = 1000, TYPE_PAGE_ROWS = 100 };

// What both tables are told. False: no memory.
static bool make_batch(struct page *page, struct arena *arena, struct type_batch *batch)
{
    size_t *picks = arena_calloc(arena, page->record_count + 1, sizeof(*picks));
    int64_t *present;
    struct bytes *hashes;
    size_t present_count;
    struct record_batch records;
    if (picks == NULL)
        return false;
    for (size_t i = 0; i < page->record_count; i++)
        picks[i] = i;
    if (!page_batch(page, picks, page->record_count, false, arena, &records) ||
        !page_ids(page, &present, &present_count, &hashes))
        return false;
    *batch = (struct type_batch){
        .count = records.count,
        .ids = records.ids,
        .names = records.names,
        .bodies = records.bodies,
        .hashes = records.hashes,
        .present_ids = present,
        .present_count = present_count,
    };
    return true;
}

static enum err_code put(struct tx *tx, const char *connection_id, enum source_kind kind,
                         const struct type_batch *batch, struct err *reterr)
{
    if (kind == SOURCE_FLEXIBLE_ASSET_TYPES)
        return type_sync_put(tx, connection_id, batch, clock_wall_us(), reterr);
    return category_sync_put(tx, connection_id, batch, clock_wall_us(), reterr);
}

static enum err_code count_missing(struct tx *tx, const char *connection_id, enum source_kind kind,
                                   const struct type_batch *batch, int64_t *ret_missing,
                                   struct err *reterr)
{
    if (kind == SOURCE_FLEXIBLE_ASSET_TYPES)
        return type_sync_count(tx, connection_id, batch, ret_missing, reterr);
    return category_sync_count(tx, connection_id, batch, ret_missing, reterr);
}

// A page of the list is appended to `page`, whose records grow.
struct fetcher {
    struct source *source;
    struct deadline deadline;
    const atomic_bool *cancelled;
    struct source_attempt *attempt; // the sum of all
    struct run *run;                // NULL outside of a run
};

static enum err_code fetch_all(const struct fetcher *fetcher, enum source_kind kind,
                               struct page *page, struct err *reterr)
{
    int rows = kind == SOURCE_FLEXIBLE_ASSET_TYPES ? TYPE_PAGE_ROWS : PAGE_ROWS;
    struct source_sink sink = page_sink(page);
    for (int number = 1; number <= PAGES_MAX; number++) {
        struct source_query query = {.kind = kind, .page_number = number, .page_size = rows};
        struct source_page answer = {0};
        struct source_attempt attempt = {0};
        if (fetcher->run != NULL)
            try_(run_take(fetcher->run, reterr));
        enum err_code code = source_fetch_page(fetcher->source, &query, &sink, fetcher->deadline,
                                               fetcher->cancelled, &answer, &attempt, reterr);
        attempt.request_count += fetcher->attempt->request_count;
        *fetcher->attempt = attempt;
        try_(code);
        if (answer.next_page <= number || answer.record_count == 0)
            return ERR_OK;
    }
    return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "upstream's list of types has no end");
}

static enum err_code begin(struct store *store, const char *tenant, const struct fetcher *fetcher,
                           struct tx **ret_tx, struct err *reterr)
{
    if (fetcher->run != NULL)
        return run_begin(fetcher->run, false, ret_tx, reterr);
    return store_begin(store, tenant, fetcher->deadline, fetcher->cancelled, ret_tx, reterr);
}

// Fetches the list and stores it, unless it lacks some that were there and a second look is still
// to come (`*ret_again`): the page then holds what either look saw, since what goes takes all of
// its records out of sight. An empty list that stays so is not believed, since a key without the
// right may be given one: nothing is taken for gone.
static enum err_code look(struct store *store, const char *tenant, const char *connection_id,
                          const struct fetcher *fetcher, enum source_kind kind, struct page *page,
                          bool first, bool *ret_again, int64_t *ret_held, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    struct type_batch batch;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    int64_t missing;
    arena_init(&arena, PAGE_MAX_BYTES);
    try_(fetch_all(fetcher, kind, page, reterr));
    page_sort(page);
    if (!make_batch(page, &arena, &batch))
        return err_no_memory(reterr);
    try_(begin(store, tenant, fetcher, &tx, reterr));
    try_(count_missing(tx, connection_id, kind, &batch, &missing, reterr));
    bool empty = batch.present_count == 0;
    *ret_again = first && missing > 0;
    if (*ret_again)
        return ERR_OK;
    *ret_held = empty ? missing : 0;
    if (*ret_held > 0)
        log_event(LOG_WARN, "an empty list of types or categories was not believed",
                  LOG_STR("connection", connection_id), LOG_INT("kind", (int64_t)kind),
                  LOG_INT("held", *ret_held));
    try_(put(tx, connection_id, kind, &batch, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code refresh(struct store *store, const char *tenant, const char *connection_id,
                             const struct fetcher *fetcher, enum source_kind kind,
                             int64_t *ret_held, struct err *reterr)
{
    struct page page _cleanup_(page_done);
    bool again;
    page_init(&page);
    page.any_organization = true;
    try_(look(store, tenant, connection_id, fetcher, kind, &page, true, &again, ret_held, reterr));
    if (!again)
        return ERR_OK;
    return look(store, tenant, connection_id, fetcher, kind, &page, false, &again, ret_held,
                reterr);
}

enum err_code sync_refresh_types(struct store *store, const char *tenant, const char *connection_id,
                                 struct source *source, struct deadline deadline,
                                 const atomic_bool *cancelled, struct source_attempt *ret_attempt,
                                 int64_t *ret_held, struct err *reterr)
{
    *ret_attempt = (struct source_attempt){0};
    struct fetcher fetcher = {source, deadline, cancelled, ret_attempt, NULL};
    return refresh(store, tenant, connection_id, &fetcher, SOURCE_FLEXIBLE_ASSET_TYPES, ret_held,
                   reterr);
}

enum err_code sync_refresh_categories(struct store *store, const char *tenant,
                                      const char *connection_id, struct source *source,
                                      struct deadline deadline, const atomic_bool *cancelled,
                                      struct source_attempt *ret_attempt, int64_t *ret_held,
                                      struct err *reterr)
{
    *ret_attempt = (struct source_attempt){0};
    struct fetcher fetcher = {source, deadline, cancelled, ret_attempt, NULL};
    return refresh(store, tenant, connection_id, &fetcher, SOURCE_PASSWORD_CATEGORIES, ret_held,
                   reterr);
}

enum err_code types_refresh(struct run *run, enum source_kind kind, struct err *reterr)
{
    bool *fresh = kind == SOURCE_FLEXIBLE_ASSET_TYPES ? &run->types_fresh : &run->categories_fresh;
    if (*fresh)
        return ERR_OK;
    struct source_attempt attempt = {0};
    struct fetcher fetcher = {run->source, deadline_in(120000), &run->stop, &attempt, run};
    int64_t held;
    enum err_code code =
        refresh(NULL, run->lease.tenant, run->lease.connection_id, &fetcher, kind, &held, reterr);
    run->requests += attempt.request_count;
    if (code == ERR_UPSTREAM_RATE_LIMITED && attempt.http_status == 429)
        run->wait_ms = budget_refused(run->account, attempt.retry_after_ms);
    if (code == ERR_CANCELLED)
        return run_stopped(run, reterr);
    *fresh = code == ERR_OK;
    return code;
}
