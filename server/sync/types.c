// Flexible asset types and password categories: small lists, held in memory and stored whole.
#include "server/sync/types.h"

#include "server/store/type_sync.h"
#include "server/sync/page.h"

enum { PAGES_MAX = 50, PAGE_ROWS = 1000, TYPE_PAGE_ROWS = 100 };

static enum err_code put(struct tx *tx, const char *connection_id, enum source_kind kind,
                         struct page *page, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, PAGE_MAX_BYTES);
    size_t *picks = arena_calloc(&arena, page->record_count + 1, sizeof(*picks));
    int64_t *present;
    struct bytes *hashes;
    size_t present_count;
    struct record_batch records;
    if (picks == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < page->record_count; i++)
        picks[i] = i;
    if (!page_batch(page, picks, page->record_count, false, &arena, &records) ||
        !page_ids(page, &present, &present_count, &hashes))
        return err_no_memory(reterr);
    struct type_batch batch = {
        .count = records.count,
        .ids = records.ids,
        .names = records.names,
        .bodies = records.bodies,
        .hashes = records.hashes,
        .present_ids = present,
        .present_count = present_count,
    };
    if (kind == SOURCE_FLEXIBLE_ASSET_TYPES)
        return type_sync_put(tx, connection_id, &batch, clock_wall_us(), reterr);
    return category_sync_put(tx, connection_id, &batch, clock_wall_us(), reterr);
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

static enum err_code refresh(struct store *store, const char *tenant, const char *connection_id,
                             const struct fetcher *fetcher, enum source_kind kind,
                             struct err *reterr)
{
    struct page page _cleanup_(page_done);
    page_init(&page);
    page.any_organization = true;
    try_(fetch_all(fetcher, kind, &page, reterr));
    page_sort(&page);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    if (fetcher->run != NULL)
        try_(run_begin(fetcher->run, false, &tx, reterr));
    else
        try_(store_begin(store, tenant, fetcher->deadline, fetcher->cancelled, &tx, reterr));
    try_(put(tx, connection_id, kind, &page, reterr));
    return tx_commit(&tx, reterr);
}

enum err_code sync_refresh_types(struct store *store, const char *tenant, const char *connection_id,
                                 struct source *source, struct deadline deadline,
                                 const atomic_bool *cancelled, struct source_attempt *ret_attempt,
                                 struct err *reterr)
{
    *ret_attempt = (struct source_attempt){0};
    struct fetcher fetcher = {source, deadline, cancelled, ret_attempt, NULL};
    return refresh(store, tenant, connection_id, &fetcher, SOURCE_FLEXIBLE_ASSET_TYPES, reterr);
}

enum err_code sync_refresh_categories(struct store *store, const char *tenant,
                                      const char *connection_id, struct source *source,
                                      struct deadline deadline, const atomic_bool *cancelled,
                                      struct source_attempt *ret_attempt, struct err *reterr)
{
    *ret_attempt = (struct source_attempt){0};
    struct fetcher fetcher = {source, deadline, cancelled, ret_attempt, NULL};
    return refresh(store, tenant, connection_id, &fetcher, SOURCE_PASSWORD_CATEGORIES, reterr);
}

enum err_code types_refresh(struct run *run, enum source_kind kind, struct err *reterr)
{
    bool *fresh = kind == SOURCE_FLEXIBLE_ASSET_TYPES ? &run->types_fresh : &run->categories_fresh;
    if (*fresh)
        return ERR_OK;
    struct source_attempt attempt = {0};
    struct fetcher fetcher = {run->source, deadline_in(120000), &run->stop, &attempt, run};
    enum err_code code =
        refresh(NULL, run->lease.tenant, run->lease.connection_id, &fetcher, kind, reterr);
    run->requests += attempt.request_count;
    if (code == ERR_UPSTREAM_RATE_LIMITED && attempt.http_status == 429)
        run->wait_ms = budget_refused(run->account, attempt.retry_after_ms);
    if (code == ERR_CANCELLED)
        return run_stopped(run, reterr);
    *fresh = code == ERR_OK;
    return code;
}
