#include "server/base/turn.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/cond.h"

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
    size_t count = 0;
    for (; queue->first != NULL && count < TURN_GROUP_MAX; count++) {
        struct turn *turn = queue->first;
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
    size_t count = take_group(queue, group);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a group has its leader at least
    const char *key = queue->key = group[0]->key;
    (void)pthread_mutex_unlock(&turns->lock);
    turns->work(turns->context, key, group, count);
    (void)pthread_mutex_lock(&turns->lock);
    for (size_t i = 0; i < count; i++) {
        group[i]->place = TURN_DONE;
        (void)pthread_cond_signal(&group[i]->moved);
    }
    if (queue->first == NULL) {
        drop_queue(turns, queue);
        return;
    }
    queue->first->place = TURN_LEADING;
    queue->key = queue->first->key;
    (void)pthread_cond_signal(&queue->first->moved);
}

// Waits for the turn or its end; the lock is held.
static void wait_for(struct turns *turns, struct turn_queue *queue, struct turn *turn,
                     struct deadline deadline)
{
    while (turn->place == TURN_WAITING && deadline_left_ms(deadline) > 0)
        cond_wait_ms(&turn->moved, &turns->lock, deadline_left_ms(deadline));
    if (turn->place == TURN_WAITING) {
        leave(queue, turn);
        (void)err_set(&turn->err, ERR_DEADLINE_EXCEEDED, "its turn did not come in time");
        return;
    }
    // It is in another's hands, who ends in time.
    while (turn->place == TURN_TAKEN)
        (void)pthread_cond_wait(&turn->moved, &turns->lock);
    if (turn->place == TURN_LEADING)
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
    turn->err = (struct err){.code = ERR_OK};
    cond_init_steady(&turn->moved);
    (void)pthread_mutex_lock(&turns->lock);
    if (enqueue(turns, turn, &queue, &turn->err) == ERR_OK)
        wait_for(turns, queue, turn, deadline);
    (void)pthread_mutex_unlock(&turns->lock);
    (void)pthread_cond_destroy(&turn->moved);
    if (turn->err.code != ERR_OK)
        *reterr = turn->err;
    return turn->err.code;
}
