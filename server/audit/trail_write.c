// Events that stand alone, written in groups: one transaction at a time for a tenant, and all who
// came meanwhile share the next.
#include <stdio.h>
#include <string.h>

#include "server/audit/trail_private.h"

enum { WRITE_MS = 5000, SEEN_BYTES_MAX = 1024 * 1024 };

// An event with its writer, on the writer's stack.
struct waiter {
    struct turn turn; // first
    struct audit_event_row row;
    const struct exposure_sighting *seen; // NULL: nothing
};

// Where the end of a tenant's chain is remembered, at the cost of who was there before; the lock is
// held.
static struct trail_end *end_of(struct trail *trail, const char *tenant)
{
    size_t place = 5381;
    for (const char *at = tenant; *at != '\0'; at++)
        place = place * 33 + (unsigned char)*at;
    struct trail_end *end = &trail->ends[place % TRAIL_ENDS];
    if (strcmp(end->tenant, tenant) != 0) {
        *end = (struct trail_end){.head = {.sequence = 0}};
        (void)snprintf(end->tenant, sizeof(end->tenant), "%s", tenant);
    }
    return end;
}

// Rows, and what was seen by those of them that are outcomes of reveals, to be committed together.
struct group {
    struct audit_event_row *rows[TURN_GROUP_MAX];
    struct exposure_sighting seen[TURN_GROUP_MAX];
    size_t count, seen_count;
};

static void add(struct group *group, struct waiter *waiter)
{
    group->rows[group->count++] = &waiter->row;
    if (waiter->seen != NULL)
        group->seen[group->seen_count++] = *waiter->seen;
}

// In the flight of the next statement. Its locks come before that of the end of the chain, as they
// do where a sync closes exposures.
static enum err_code note_seen(struct tx *tx, const struct group *group, struct arena *arena,
                               struct err *reterr)
{
    return group->seen_count == 0
               ? ERR_OK
               : exposure_note(tx, group->seen, group->seen_count, clock_wall_us(), arena, reterr);
}

// In one flight behind an end that is believed in; `*ret_written` is false if it was not there.
static enum err_code write_behind(struct trail *trail, const char *tenant, struct group *group,
                                  const struct audit_head *head, bool *ret_written,
                                  struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    arena_init(&arena, SEEN_BYTES_MAX);
    *ret_written = false;
    if (head->sequence == 0)
        return ERR_OK;
    try_(store_begin(trail->store, tenant, deadline_in(WRITE_MS), NULL, &tx, reterr));
    try_(note_seen(tx, group, &arena, reterr));
    audit_follow(tenant, *head, group->rows, group->count);
    tx_commit_with_next(tx);
    try_(audit_event_try_insert(tx, group->rows, group->count, ret_written, reterr));
    try_(tx_commit(&tx, reterr));
    // Noted is noted, also without the rows.
    group->seen_count = 0;
    return ERR_OK;
}

static enum err_code write_locked(struct trail *trail, const char *tenant,
                                  const struct group *group, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    arena_init(&arena, SEEN_BYTES_MAX);
    try_(store_begin(trail->store, tenant, deadline_in(WRITE_MS), NULL, &tx, reterr));
    try_(note_seen(tx, group, &arena, reterr));
    try_(audit_chain(tx, group->rows, group->count, reterr));
    tx_commit_with_next(tx);
    try_(audit_event_insert(tx, group->rows, group->count, reterr));
    return tx_commit(&tx, reterr);
}

// `head` is where the chain is believed to end, and ends then.
static enum err_code write_rows(struct trail *trail, const char *tenant, struct group *group,
                                struct audit_head *head, struct err *reterr)
{
    bool written;
    const struct audit_head believed = *head;
    *head = (struct audit_head){.sequence = 0};
    try_(write_behind(trail, tenant, group, &believed, &written, reterr));
    if (!written)
        try_(write_locked(trail, tenant, group, reterr));
    const struct audit_event_row *last = group->rows[group->count - 1];
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a group has its leader at least
    head->sequence = last->sequence;
    memcpy(head->hash, last->hash, sizeof(head->hash));
    return ERR_OK;
}

// Writes them all, or each by itself: what the database does not take of one event must not cost
// the others theirs.
static void write_waiters(struct trail *trail, const char *tenant, struct waiter *const *waiters,
                          size_t count, struct audit_head *head)
{
    struct group group = {.count = 0};
    struct err err = {.code = ERR_OK};
    for (size_t i = 0; i < count; i++)
        add(&group, waiters[i]);
    enum err_code code = write_rows(trail, tenant, &group, head, &err);
    bool one_is_bad =
        code != ERR_OK && code != ERR_STORE_UNAVAILABLE && code != ERR_DEADLINE_EXCEEDED;
    for (size_t i = 0; i < count; i++) {
        if (one_is_bad && count > 1) {
            err = (struct err){.code = ERR_OK};
            group.count = group.seen_count = 0;
            add(&group, waiters[i]);
            (void)write_rows(trail, tenant, &group, head, &err);
        }
        waiters[i]->turn.err = err;
    }
}

void trail_write_group(void *context, const char *tenant, struct turn *const *turns, size_t count)
{
    struct trail *trail = context;
    // A group has its leader at least.
    struct waiter *waiters[TURN_GROUP_MAX] = {(struct waiter *)turns[0]};
    for (size_t i = 0; i < count; i++)
        waiters[i] = (struct waiter *)turns[i];
    (void)pthread_mutex_lock(&trail->ends_lock);
    struct audit_head head = end_of(trail, tenant)->head;
    (void)pthread_mutex_unlock(&trail->ends_lock);
    write_waiters(trail, tenant, waiters, count, &head);
    (void)pthread_mutex_lock(&trail->ends_lock);
    end_of(trail, tenant)->head = head;
    (void)pthread_mutex_unlock(&trail->ends_lock);
    struct waiter *last = (struct waiter *)turns[count - 1];
    if (last->turn.err.code == ERR_OK)
        trail_tell(trail, tenant, last->row.sequence);
}

enum err_code trail_write(struct trail *trail, const struct request *request,
                          const struct audit_event *event, const struct exposure_sighting *seen,
                          struct deadline deadline, int64_t *ret_sequence, struct err *reterr)
{
    struct waiter waiter = {.seen = seen};
    struct buffer changes _cleanup_(buffer_done) = {0};
    try_(audit_row_of(event, request->caller, request, &changes, &waiter.row, reterr));
    waiter.row.tenant = waiter.turn.key = request->caller->tenant;
    try_(turns_take(&trail->writes, &waiter.turn, deadline, reterr));
    if (ret_sequence != NULL)
        *ret_sequence = waiter.row.sequence;
    return ERR_OK;
}
