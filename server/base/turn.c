#include "server/base/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Until it is looked again whether a turn that was taken has come to its end, of which it is
// called.
enum { CALL_MS = 60000 };

// Of one key; lives while somebody leads.
struct turn_queue {
    struct turn_queue *next;
    const char *key; // of the longest-lived turn: replaced with each leader
    struct turn *first, **last;
    size_t count;
};

void turns_init(struct turns *turns, turn_work *work, void *context)
{
    *turns = (struct turns){.work = work, .context = context};
    (void)pthread_mutex_init(&turns->lock, NULL);
}

void turns_done(struct turns *turns)
{
    (void)pthread_mutex_destroy(&turns->lock);
}

static struct turn_queue *find_queue(struct turns *turns, const char *key)
{
    struct turn_queue *queue = turns->queues;
    while (queue != NULL && strcmp(queue->key, key) != 0)
        queue = queue->next;
    return queue;
}

static void drop_queue(struct turns *turns, struct turn_queue *queue)
{
    struct turn_queue **at = &turns->queues;
    while (*at != queue)
        at = &(*at)->next;
    *at = queue->next;
    free(queue);
}

static void leave(struct turn_queue *queue, const struct turn *turn)
{
    struct turn **at = &queue->first;
    while (*at != turn)
        at = &(*at)->next;
    *at = turn->next;
    if (*at == NULL)
        queue->last = at;
    queue->count--;
}

// Cuts the next group off; its first is the leader.
static size_t take_group(struct turn_queue *queue, struct turn **ret_group)
{
    size_t count = 0, weight = 0;
    for (; queue->first != NULL; count++) {
        struct turn *turn = queue->first;
        weight += 1 + turn->more;
        if (count > 0 && weight > TURN_GROUP_MAX)
            break;
        queue->first = turn->next;
        turn->place = TURN_TAKEN;
        ret_group[count] = turn;
    }
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count -= count;
    return count;
}

// Works for the leader's group, and makes the first of those who came meanwhile the next leader.
static void lead(struct turns *turns, struct turn_queue *queue)
{
    struct turn *group[TURN_GROUP_MAX];
    (void)pthread_mutex_lock(&turns->lock);
    size_t count = take_group(queue, group);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a group has its leader at least
    const char *key = queue->key = group[0]->key;
    (void)pthread_mutex_unlock(&turns->lock);
    turns->work(turns->context, key, group, count);
    (void)pthread_mutex_lock(&turns->lock);
    for (size_t i = 0; i < count; i++)
        group[i]->place = TURN_DONE;
    struct turn *next = queue->first;
    if (next == NULL) {
        drop_queue(turns, queue);
    } else {
        next->place = TURN_LEADING;
        queue->key = next->key;
    }
    (void)pthread_mutex_unlock(&turns->lock);
    // Without the lock, which all of them take next: nobody is gone before it is called. The next
    // group first, for it works while these go on.
    if (next != NULL)
        (void)sem_post(&next->moved);
    for (size_t i = 1; i < count; i++)
        (void)sem_post(&group[i]->moved);
}

// Waits to be called, at most so long; false: it was not.
static bool wait_ms(struct turn *turn, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int failed;
    do
        failed = sem_clockwait(&turn->moved, CLOCK_MONOTONIC, &until);
    while (failed != 0 && errno == EINTR);
    return failed == 0;
}

// Waits for the turn or its end; the lock is not held.
static void wait_for(struct turns *turns, struct turn_queue *queue, struct turn *turn,
                     struct deadline deadline)
{
    while (!wait_ms(turn, deadline_left_ms(deadline))) {
        (void)pthread_mutex_lock(&turns->lock);
        bool leaves = turn->place == TURN_WAITING && deadline_left_ms(deadline) == 0;
        if (leaves)
            leave(queue, turn);
        (void)pthread_mutex_unlock(&turns->lock);
        if (leaves) {
            (void)err_set(&turn->err, ERR_DEADLINE_EXCEEDED, "its turn did not come in time");
            return;
        }
        // It is in another's hands, who ends in time.
        deadline = deadline_in(CALL_MS);
    }
    (void)pthread_mutex_lock(&turns->lock);
    bool leads = turn->place == TURN_LEADING;
    (void)pthread_mutex_unlock(&turns->lock);
    if (leads)
        lead(turns, queue);
}

static enum err_code enqueue(struct turns *turns, struct turn *turn, struct turn_queue **ret_queue,
                             struct err *reterr)
{
    struct turn_queue *queue = find_queue(turns, turn->key);
    if (queue == NULL) {
        queue = calloc(1, sizeof(*queue));
        if (queue == NULL)
            return err_no_memory(reterr);
        *queue = (struct turn_queue){.next = turns->queues, .key = turn->key};
        queue->last = &queue->first;
        turns->queues = queue;
        turn->place = TURN_LEADING;
    }
    if (queue->count >= TURN_WAITING_MAX)
        return err_set(reterr, ERR_STORE_UNAVAILABLE, "too many wait for the same");
    *queue->last = turn;
    queue->last = &turn->next;
    queue->count++;
    *ret_queue = queue;
    return ERR_OK;
}

enum err_code turns_take(struct turns *turns, struct turn *turn, struct deadline deadline,
                         struct err *reterr)
{
    struct turn_queue *queue = NULL;
    turn->next = NULL;
    turn->place = TURN_WAITING;
    err_init(&turn->err);
    (void)sem_init(&turn->moved, 0, 0);
    (void)pthread_mutex_lock(&turns->lock);
    enum err_code code = enqueue(turns, turn, &queue, &turn->err);
    bool leads = turn->place == TURN_LEADING;
    (void)pthread_mutex_unlock(&turns->lock);
    if (code == ERR_OK && leads)
        lead(turns, queue);
    else if (code == ERR_OK)
        wait_for(turns, queue, turn, deadline);
    (void)sem_destroy(&turn->moved);
    if (turn->err.code != ERR_OK)
        *reterr = turn->err;
    return turn->err.code;
}
