// Completion queues, their threads, and the tags they carry.
//
// A tag is a pointer to an embedded struct event. Each submitted batch holds one reference on the
// event's owner, dropped after the event ran: that is all the lifetime logic there is.
// Threads: one poller a queue. An event's `run` runs on it and must not block.
#pragma once

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "server/base/cleanup.h"
#include "server/base/err.h"
#include "server/rpc/cork.h"

// What events belong to; embedded first in it. Starts with one reference.
struct owner {
    atomic_int refs;
    void (*release)(struct owner *owner); // when the last reference is gone
};
void owner_init(struct owner *owner, void (*release)(struct owner *owner));
void owner_ref(struct owner *owner);
void owner_unref(struct owner *owner);

struct event {
    void (*run)(struct event *event, bool ok);
    struct owner *owner;
    struct event *next; // handed to a poller after this one
};

// Call just before `event` is given to gRPC as a tag: takes the batch's reference.
void event_submitted(struct event *event);
// Undoes event_submitted() when gRPC refused the tag.
void event_refused(struct event *event);
// Starts a batch on `call` that ends in `event`. False if gRPC refuses it, which is logged. The
// batches of one call must not be started by two threads at the same time.
bool event_start_batch(struct event *event, grpc_call *call, const grpc_op *ops, size_t count);

struct poller {
    grpc_completion_queue *queue;
    pthread_t thread;
    bool running;
    pthread_t self;   // set by the thread itself
    struct turn turn; // the thread's own
    // Events that other threads have handed over, the last one first. NULL: none, and no wake is
    // under way.
    _Atomic(struct event *) handed;
};
void poller_init(struct poller *poller, struct cork_table *corks);
enum err_code poller_start(struct poller *poller, struct err *reterr) _must_check_;
// Whether this is the poller's own thread. For who was called by it, or given a job.
bool poller_is_self(const struct poller *poller);
// Runs `event` on the poller, by a batch of nothing on `call`, which is its own. Those that come
// while one is waiting are taken along with it: many wake a poller once. Takes a reference like a
// batch.
void poller_hand(struct poller *poller, struct event *event, grpc_call *call);
// Ends the queue: runs the events that are left, joins the thread. Safe on one that never started.
void poller_done(struct poller *poller);
