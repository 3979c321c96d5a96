// Events that stand alone, written in groups: one transaction at a time for a tenant, and all who
// came meanwhile share the next.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/trail_private.h"

enum { GROUP_MAX = 128, WAITING_MAX = 4096, WRITE_MS = 5000, SEEN_BYTES_MAX = 1024 * 1024 };

enum place {
    WAITING,
    TAKEN,   // its group is being written
    LEADING, // it writes the next group, whose first it is
    WRITTEN, // or not: see `err`
};

// An event with its writer, on the writer's stack.
struct waiter {
    struct waiter *next;
    struct audit_event_row row;
    const struct exposure_sighting *seen; // NULL: nothing
    enum place place;
    pthread_cond_t moved;
    struct err err;
};

// Of one tenant; lives while somebody leads.
struct queue {
    struct queue *next;
    const char *tenant; // of the longest-lived waiter: replaced with each leader
    struct waiter *first, **last;
    size_t count;
};

static struct queue *find_queue(struct trail *trail, const char *tenant)
{
    struct queue *queue = trail->queues;
    while (queue != NULL && strcmp(queue->tenant, tenant) != 0)
        queue = queue->next;
    return queue;
}

static void drop_queue(struct trail *trail, struct queue *queue)
{
    struct queue **at = &trail->queues;
    while (*at != queue)
        at = &(*at)->next;
    *at = queue->next;
    free(queue);
}

static void leave(struct queue *queue, const struct waiter *waiter)
{
    struct waiter **at = &queue->first;
    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    if (*at == NULL)
        queue->last = at;
    queue->count--;
}

// Cuts the next group off; its first is the leader.
static size_t take_group(struct queue *queue, struct waiter **ret_waiters)
{
    size_t count = 0;
    for (; queue->first != NULL && count < GROUP_MAX; count++) {
        struct waiter *waiter = queue->first;
        queue->first = waiter->next;
        waiter->place = TAKEN;
        ret_waiters[count] = waiter;
    }
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count -= count;
    return count;
}

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
    struct audit_event_row *rows[GROUP_MAX];
    struct exposure_sighting seen[GROUP_MAX];
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
    head->sequence = last->sequence;
    memcpy(head->hash, last->hash, sizeof(head->hash));
    return ERR_OK;
}

static void write_group(struct trail *trail, const char *tenant, struct waiter **waiters,
                        size_t count, struct audit_head *head)
{
    struct group group = {.count = 0};
    struct err err = {.code = ERR_OK};
    for (size_t i = 0; i < count; i++)
        add(&group, waiters[i]);
    enum err_code code = write_rows(trail, tenant, &group, head, &err);
    // What the database does not take of one event must not cost the others theirs.
    bool one_is_bad =
        code != ERR_OK && code != ERR_STORE_UNAVAILABLE && code != ERR_DEADLINE_EXCEEDED;
    for (size_t i = 0; i < count; i++) {
        if (one_is_bad && count > 1) {
            err = (struct err){.code = ERR_OK};
            group.count = group.seen_count = 0;
            add(&group, waiters[i]);
            (void)write_rows(trail, tenant, &group, head, &err);
        }
        waiters[i]->err = err;
    }
    if (waiters[count - 1]->err.code == ERR_OK)
        trail_tell(trail, tenant, waiters[count - 1]->row.sequence);
}

// Writes the leader's group, and makes the first of those who came meanwhile the next leader.
static void lead(struct trail *trail, struct queue *queue)
{
    struct waiter *waiters[GROUP_MAX];
    size_t count = take_group(queue, waiters);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a group has its leader at least
    const char *tenant = queue->tenant = waiters[0]->row.tenant;
    struct audit_head head = end_of(trail, tenant)->head;
    (void)pthread_mutex_unlock(&trail->write_lock);
    write_group(trail, tenant, waiters, count, &head);
    (void)pthread_mutex_lock(&trail->write_lock);
    end_of(trail, tenant)->head = head;
    for (size_t i = 0; i < count; i++) {
        waiters[i]->place = WRITTEN;
        (void)pthread_cond_signal(&waiters[i]->moved);
    }
    if (queue->first == NULL) {
        drop_queue(trail, queue);
        return;
    }
    queue->first->place = LEADING;
    queue->tenant = queue->first->row.tenant;
    (void)pthread_cond_signal(&queue->first->moved);
}

// Waits for the waiter's turn or its end; the lock is held.
static void take_turn(struct trail *trail, struct queue *queue, struct waiter *waiter,
                      struct deadline deadline)
{
    while (waiter->place == WAITING && deadline_left_ms(deadline) > 0)
        trail_wait(&waiter->moved, &trail->write_lock, deadline_left_ms(deadline));
    if (waiter->place == WAITING) {
        leave(queue, waiter);
        (void)err_set(&waiter->err, ERR_DEADLINE_EXCEEDED, "an audit event waited too long");
        return;
    }
    // Its row is in another's hands, who ends in time.
    while (waiter->place == TAKEN)
        (void)pthread_cond_wait(&waiter->moved, &trail->write_lock);
    if (waiter->place == LEADING)
        lead(trail, queue);
}

static enum err_code enqueue(struct trail *trail, struct waiter *waiter, struct queue **ret_queue,
                             struct err *reterr)
{
    struct queue *queue = find_queue(trail, waiter->row.tenant);
    if (queue == NULL) {
        queue = calloc(1, sizeof(*queue));
        if (queue == NULL)
            return err_no_memory(reterr);
        *queue = (struct queue){.next = trail->queues, .tenant = waiter->row.tenant};
        queue->last = &queue->first;
        trail->queues = queue;
        waiter->place = LEADING;
    }
    if (queue->count >= WAITING_MAX)
        return err_set(reterr, ERR_STORE_UNAVAILABLE, "too many audit events wait to be written");
    *queue->last = waiter;
    queue->last = &waiter->next;
    queue->count++;
    *ret_queue = queue;
    return ERR_OK;
}

enum err_code trail_write(struct trail *trail, const struct request *request,
                          const struct audit_event *event, const struct exposure_sighting *seen,
                          struct deadline deadline, int64_t *ret_sequence, struct err *reterr)
{
    struct waiter waiter = {.place = WAITING, .seen = seen, .err = {.code = ERR_OK}};
    struct buffer changes _cleanup_(buffer_done) = {0};
    struct queue *queue = NULL;
    try_(audit_row_of(event, request->caller, request, &changes, &waiter.row, reterr));
    waiter.row.tenant = request->caller->tenant;
    trail_cond_init(&waiter.moved);
    (void)pthread_mutex_lock(&trail->write_lock);
    enum err_code code = enqueue(trail, &waiter, &queue, &waiter.err);
    if (code == ERR_OK)
        take_turn(trail, queue, &waiter, deadline);
    (void)pthread_mutex_unlock(&trail->write_lock);
    (void)pthread_cond_destroy(&waiter.moved);
    if (waiter.err.code != ERR_OK) {
        *reterr = waiter.err;
        return reterr->code;
    }
    if (ret_sequence != NULL)
        *ret_sequence = waiter.row.sequence;
    return ERR_OK;
}
