// Events that stand alone, written in groups: one transaction at a time for a tenant, and all who
// came meanwhile share the next.
#include <stdio.h>
#include <string.h>

#include "server/audit/trail_private.h"
#include "server/base/hash.h"
#include "server/store/gate_change.h"

enum { WRITE_MS = 5000 };

_Static_assert((int)TRAIL_ENTRIES_MAX <= (int)TURN_GROUP_MAX, "a group has room for all of a turn");

// Some entries that are written in one turn, on their writer's stack.
struct waiter {
    struct turn turn; // first
    struct trail_entry *const *entries;
    size_t count; // 1 at least
};

// Where the end of a tenant's chain is remembered, at the cost of who was there before; the lock is
// held.
static struct trail_end *end_of(struct trail *trail, const char *tenant)
{
    struct trail_end *end = &trail->ends[hash_text(HASH_SEED, tenant) % TRAIL_ENDS];
    if (strcmp(end->tenant, tenant) != 0) {
        *end = (struct trail_end){.head = {.sequence = 0}};
        (void)snprintf(end->tenant, sizeof(end->tenant), "%s", tenant);
    }
    return end;
}

// Rows to be committed together.
struct group {
    struct trail_entry *entries[TURN_GROUP_MAX];
    struct audit_event_row *rows[TURN_GROUP_MAX];
    size_t count;
};

static void add(struct group *group, struct trail_entry *entry)
{
    group->entries[group->count] = entry;
    group->rows[group->count++] = &entry->row;
}

// The snapshot that all of its events that depend on one may depend on; NULL: none does.
static const char *snapshot_of(const struct group *group)
{
    const char *oldest = NULL;
    for (size_t i = 0; i < group->count; i++)
        oldest = gate_snapshot_older(oldest, group->entries[i]->snapshot);
    return oldest;
}

static void settle(struct trail_entry *entry, enum err_code code, const struct err *err)
{
    entry->code = code;
    if (code == ERR_OK)
        entry->sequence = entry->row.sequence;
    else if (entry->reterr != NULL)
        *entry->reterr = *err;
}

// Takes out what depends on the gates, which have changed; returns how many.
static size_t drop_dependent(struct group *group)
{
    const struct group all = *group;
    struct err err;
    (void)err_set(&err, ERR_CONFLICT, "what the gates are read from has changed");
    group->count = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (all.entries[i]->snapshot == NULL)
            add(group, all.entries[i]);
        else
            settle(all.entries[i], ERR_CONFLICT, &err);
    }
    return all.count - group->count;
}

// In one flight behind an end that is believed in; `*ret_written` is false if it was not there, or
// the gates have changed that an event depends on.
static enum err_code write_behind(struct trail *trail, const char *tenant,
                                  const struct group *group, const struct audit_head *head,
                                  bool *ret_written, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    *ret_written = false;
    if (head->sequence == 0)
        return ERR_OK;
    try_(store_begin(trail->store, tenant, deadline_in(WRITE_MS), NULL, &tx, reterr));
    tx_plan_once(tx);
    audit_follow(tenant, *head, group->rows, group->count);
    // The work of many would keep all of them waiting.
    if (group->count == 1)
        tx_meanwhile(tx, group->entries[0]->meanwhile, group->entries[0]->context);
    tx_commit_with_next(tx);
    try_(audit_event_try_insert(tx, group->rows, group->count, snapshot_of(group), ret_written,
                                reterr));
    return tx_commit(&tx, reterr);
}

// Behind the end as it is, which is held and told. Nothing is left of the group if all of it
// depended on gates that have changed.
static enum err_code write_locked(struct trail *trail, const char *tenant, struct group *group,
                                  struct audit_head *ret_head, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(trail->store, tenant, deadline_in(WRITE_MS), NULL, &tx, reterr));
    tx_plan_once(tx);
    try_(audit_event_lock_head(tx, ret_head, reterr));
    for (bool written = false; !written && group->count > 0;) {
        audit_follow(tenant, *ret_head, group->rows, group->count);
        try_(audit_event_try_insert(tx, group->rows, group->count, snapshot_of(group), &written,
                                    reterr));
        if (!written && drop_dependent(group) == 0)
            return err_set(reterr, ERR_INTERNAL, "an audit event does not continue the chain");
    }
    return tx_commit(&tx, reterr);
}

// `head` is where the chain is believed to end, and ends then.
static enum err_code write_rows(struct trail *trail, const char *tenant, struct group *group,
                                struct audit_head *head, struct err *reterr)
{
    bool written;
    struct audit_head end = *head;
    *head = (struct audit_head){.sequence = 0};
    try_(write_behind(trail, tenant, group, &end, &written, reterr));
    if (!written)
        try_(write_locked(trail, tenant, group, &end, reterr));
    *head = end;
    if (group->count == 0)
        return ERR_OK;
    const struct audit_event_row *last = group->rows[group->count - 1];
    head->sequence = last->sequence;
    memcpy(head->hash, last->hash, sizeof(head->hash));
    return ERR_OK;
}

// Writes them all, or each by itself: what the database does not take of one event must not cost
// the others theirs.
static void write_entries(struct trail *trail, const char *tenant, struct group *all,
                          struct audit_head *head)
{
    struct err err;
    enum err_code code = write_rows(trail, tenant, all, head, &err);
    bool one_is_bad =
        code != ERR_OK && code != ERR_STORE_UNAVAILABLE && code != ERR_DEADLINE_EXCEEDED;
    for (size_t i = 0; i < all->count; i++) {
        struct group one = {.count = 0};
        add(&one, all->entries[i]);
        if (one_is_bad && all->count > 1)
            code = write_rows(trail, tenant, &one, head, &err);
        if (one.count > 0)
            settle(all->entries[i], code, &err);
    }
}

void trail_write_group(void *context, const char *tenant, struct turn *const *turns, size_t count)
{
    struct trail *trail = context;
    struct group group = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        const struct waiter *waiter = (const struct waiter *)turns[i];
        for (size_t j = 0; j < waiter->count; j++)
            add(&group, waiter->entries[j]);
    }
    (void)pthread_mutex_lock(&trail->ends_lock);
    struct audit_head head = end_of(trail, tenant)->head;
    (void)pthread_mutex_unlock(&trail->ends_lock);
    write_entries(trail, tenant, &group, &head);
    (void)pthread_mutex_lock(&trail->ends_lock);
    end_of(trail, tenant)->head = head;
    (void)pthread_mutex_unlock(&trail->ends_lock);
    if (head.sequence > 0)
        trail_tell(trail, tenant, head.sequence);
}

void trail_write_all(struct trail *trail, const char *tenant, struct trail_entry *const *entries,
                     size_t count, struct deadline deadline)
{
    struct trail_entry *ready[TRAIL_ENTRIES_MAX];
    struct waiter waiter;
    struct err err;
    waiter.turn.key = tenant;
    waiter.entries = ready;
    waiter.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct trail_entry *entry = entries[i];
        entry->code = audit_row_of(entry->event, entry->request->caller, entry->request,
                                   &entry->changes, &entry->row, entry->reterr);
        entry->row.tenant = tenant;
        if (entry->code == ERR_OK)
            ready[waiter.count++] = entry;
    }
    if (waiter.count > 0) {
        waiter.turn.more = waiter.count - 1;
        enum err_code code = turns_take(&trail->writes, &waiter.turn, deadline, &err);
        for (size_t i = 0; i < waiter.count && code != ERR_OK; i++)
            settle(ready[i], code, &err);
    }
    for (size_t i = 0; i < count; i++)
        buffer_done(&entries[i]->changes);
}

enum err_code trail_write(struct trail *trail, const struct request *request,
                          const struct audit_event *event, struct deadline deadline,
                          int64_t *ret_sequence, struct err *reterr)
{
    struct trail_entry entry = {.request = request, .event = event, .reterr = reterr};
    struct trail_entry *entries[] = {&entry};
    trail_write_all(trail, request->caller->tenant, entries, 1, deadline);
    if (entry.code == ERR_OK && ret_sequence != NULL)
        *ret_sequence = entry.sequence;
    return entry.code;
}
