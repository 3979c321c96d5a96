// What many callers want done for one key at a time is done for all who wait together.
//
// Whoever finds nobody at work for its key works, for itself alone. All who come meanwhile are the
// next group, and the first of them does the work of the whole group: so one flight, or one commit,
// serves many when there are many, and nobody waits for company when there are few.
//
// Threads: any. The lock is not held while work is done, and no other is taken under it.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

#include "server/base/clock.h"
#include "server/base/err.h"

// A group counts for so many at most, or is a single one.
enum { TURN_GROUP_MAX = 128, TURN_WAITING_MAX = 4096 };

enum turn_place {
    TURN_WAITING,
    TURN_TAKEN,   // its group is being worked for
    TURN_LEADING, // it works for the next group, whose first it is
    TURN_DONE,    // or not: see `err`
};

// Of one caller, on its stack: the first member of what the work is about.
struct turn {
    struct turn *next;
    const char *key; // borrowed for the time of the turn
    size_t more;     // than one that it counts for in a group
    enum turn_place place;
    sem_t moved;    // posted once when its group is taken by another, or it shall lead
    struct err err; // what came of it
};

// Works for a group of one key, on the thread of its first, and fills in `err` of each. Must come
// to an end: the others wait for it without limit.
typedef void turn_work(void *context, const char *key, struct turn *const *group, size_t count);

struct turn_queue;

struct turns {
    pthread_mutex_t lock;
    struct turn_queue *queues; // of keys for which somebody works
    turn_work *work;
    void *context;
};

void turns_init(struct turns *turns, turn_work *work, void *context);
// Nobody waits any more.
void turns_done(struct turns *turns);
// Returns when the work for `turn`, whose key is set, is done. Errors: those of the work,
// DEADLINE_EXCEEDED if its turn has not come by then, STORE_UNAVAILABLE for too many that wait.
enum err_code turns_take(struct turns *turns, struct turn *turn, struct deadline deadline,
                         struct err *reterr) _must_check_;
