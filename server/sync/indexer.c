// The indexer: brings the words of records that changed into the index of the search, batch by
// batch, behind the sync. One thread a process, one connection at a time.
//
// Built in the transaction of a page, the vectors would cost many times what storing it does; and
// beside runs that store pages the batches rest in between, lest they take the database from them
// all the same. A batch first prolongs its lease: a connection whose process went silent is taken
// over, and goes on after the last batch that was committed.
#include "server/store/change.h"
#include "server/store/search_index.h"
#include "server/sync/index_text.h"
#include "server/sync/pace.h"
#include "server/sync/sync_private.h"

enum {
    BATCH_ROWS = 200,
    TX_MS = 120000,
    CLAIM_ARENA_BYTES = 64 * 1024,
    // Texts of 256 K characters of at most four bytes each, and those of one page more.
    BATCH_ARENA_BYTES = 256 * 1024 * 1024,
};

// Makes the texts plain, and writes them and where they hold credentials.
static enum err_code put(struct sync *sync, struct tx *tx, const struct work_lease *lease,
                         struct search_text *texts, size_t count, struct arena *arena,
                         struct err *reterr)
{
    struct index_findings findings = {.key = sync->findings_key, .tenant = lease->tenant};
    int64_t *kinds = arena_calloc(arena, count + 1, sizeof(*kinds));
    int64_t *ids = arena_calloc(arena, count + 1, sizeof(*ids));
    if (kinds == NULL || ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        if (!index_text_make(&texts[i], &findings, arena))
            return err_no_memory(reterr);
        kinds[i] = texts[i].kind;
        ids[i] = texts[i].id;
    }
    try_(search_put(tx, lease->connection_id, texts, count, arena, reterr));
    return embedded_secret_put(tx, lease->connection_id, kinds, ids, count, findings.found,
                               findings.count, arena, reterr);
}

// One batch. `*ret_level`: nothing is due any more. Errors: CANCELLED if the lease is another's.
static enum err_code index_batch(struct sync *sync, const struct work_lease *lease, bool *ret_level,
                                 struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, BATCH_ARENA_BYTES);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct search_text *texts;
    size_t count;
    struct search_position position;
    int64_t last;
    bool held;
    try_(store_begin(sync->background_store, lease->tenant, deadline_in(TX_MS), &sync->indexer.stop,
                     &tx, reterr));
    try_(search_hold(tx, lease, sync->owner, sync->lease_ms, &held, &position, reterr));
    if (!held)
        return err_set(reterr, ERR_CANCELLED, "another process carries the index on");
    try_(search_due(tx, lease->connection_id, position.sequence, BATCH_ROWS, &arena, &texts, &count,
                    &last, reterr));
    if (count > 0)
        try_(put(sync, tx, lease, texts, count, &arena, reterr));
    *ret_level = count == 0;
    if (*ret_level)
        try_(change_forget(tx, lease->connection_id, reterr));
    try_(search_advance(tx, lease->connection_id, last, *ret_level, clock_wall_us(), reterr));
    if (*ret_level && position.rebuild_kind != 0) {
        try_(search_rebuild(tx, lease->connection_id, BATCH_ROWS, &position, &arena, &texts, &count,
                            reterr));
        try_(put(sync, tx, lease, texts, count, &arena, reterr));
        *ret_level = position.rebuild_kind == 0;
    }
    // A crash of the database takes the position back with the words.
    tx_commit_lazily(tx);
    return tx_commit(&tx, reterr);
}

// Rests after a batch, for as long as a run is on a thread, and keeps the lease.
static void make_way(struct sync *sync, int64_t batch_ms, int64_t busy_ms)
{
    struct deadline deadline = deadline_in(pace_rest_ms(batch_ms, busy_ms, sync->lease_ms / 3));
    int64_t began_ms = clock_steady_ms();
    (void)pthread_mutex_lock(&sync->lock);
    while (sync_runs_live(sync) && !atomic_load(&sync->indexer.stop) &&
           deadline_left_ms(deadline) > 0)
        sync_cond_wait(&sync->indexer.wake, &sync->lock, deadline_left_ms(deadline));
    (void)pthread_mutex_unlock(&sync->lock);
    (void)atomic_fetch_add(&sync->rested_ms, clock_steady_ms() - began_ms);
}

static enum err_code carry_on(struct sync *sync, const struct work_lease *lease, struct err *reterr)
{
    for (bool level = false; !level;) {
        int64_t began_ms = clock_steady_ms(), busy_ms = atomic_load(&sync->busy_ms);
        try_(worker_goes_on(&sync->indexer, reterr));
        try_(index_batch(sync, lease, &level, reterr));
        make_way(sync, clock_steady_ms() - began_ms, atomic_load(&sync->busy_ms) - busy_ms);
    }
    return ERR_OK;
}

const struct worker_work indexer_work = {
    .name = "indexer",
    .arena_bytes = CLAIM_ARENA_BYTES,
    .claim = search_claim,
    .release = search_release,
    .carry_on = carry_on,
};
