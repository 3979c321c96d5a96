#include "server/rpc/event.h"

#include <grpc/support/time.h>
#include <string.h>

#include "server/base/log.h"

// gRPC is not instrumented for the thread sanitizer, so it is told that what happened before a tag
// was submitted is seen by the thread that receives it. The only place where this is said.
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define tell_submitted(tag) __tsan_release(tag)
#define tell_received(tag) __tsan_acquire(tag)
#else
#define tell_submitted(tag) ((void)(tag))
#define tell_received(tag) ((void)(tag))
#endif

void owner_init(struct owner *owner, void (*release)(struct owner *owner))
{
    atomic_init(&owner->refs, 1);
    owner->release = release;
}

void owner_ref(struct owner *owner)
{
    atomic_fetch_add_explicit(&owner->refs, 1, memory_order_relaxed);
}

void owner_unref(struct owner *owner)
{
    if (atomic_fetch_sub_explicit(&owner->refs, 1, memory_order_acq_rel) == 1)
        owner->release(owner);
}

void event_submitted(struct event *event)
{
    owner_ref(event->owner);
    tell_submitted(event);
}

void event_refused(struct event *event)
{
    owner_unref(event->owner);
}

bool event_start_batch(struct event *event, grpc_call *call, const grpc_op *ops, size_t count)
{
    event_submitted(event);
    grpc_call_error error = grpc_call_start_batch(call, ops, count, event, NULL);
    if (error == GRPC_CALL_OK)
        return true;
    log_event(LOG_ERROR, "batch refused", LOG_STR("error", grpc_call_error_to_string(error)));
    event_refused(event);
    return false;
}

static void run(struct event *event, bool ok)
{
    // It may be gone after it ran, its owner not before the reference is given up.
    struct owner *owner = event->owner;
    event->run(event, ok);
    owner_unref(owner);
}

// Runs on the poller, with the first of those that were handed over since it last ran.
static void take_handed(struct poller *poller)
{
    struct event *last = atomic_exchange(&poller->handed, NULL), *first = NULL;
    while (last != NULL) {
        struct event *before = last->next;
        last->next = first;
        first = last;
        last = before;
    }
    while (first != NULL) {
        struct event *next = first->next;
        run(first, true);
        first = next;
    }
}

// Runs events until the queue is shut down and empty.
static void *poller_main(void *context)
{
    struct poller *poller = context;
    poller->self = pthread_self();
    for (;;) {
        grpc_event got =
            grpc_completion_queue_next(poller->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (got.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (got.type != GRPC_OP_COMPLETE)
            continue;
        tell_received(got.tag);
        if (got.tag == &poller->handed)
            take_handed(poller);
        else
            run(got.tag, got.success != 0);
    }
}

void poller_hand(struct poller *poller, struct event *event, grpc_call *call)
{
    event_submitted(event);
    struct event *before = atomic_load(&poller->handed);
    do
        event->next = before;
    while (!atomic_compare_exchange_weak(&poller->handed, &before, event));
    // From here on it is the poller's.
    if (before != NULL)
        return;
    grpc_call_error error = grpc_call_start_batch(call, NULL, 0, &poller->handed, NULL);
    if (error != GRPC_CALL_OK) {
        log_event(LOG_ERROR, "batch refused", LOG_STR("error", grpc_call_error_to_string(error)));
        take_handed(poller);
    }
}

void poller_init(struct poller *poller, struct cork_table *corks)
{
    *poller = (struct poller){.queue = grpc_completion_queue_create_for_next(NULL),
                              .turn = {.table = corks}};
}

bool poller_is_self(const struct poller *poller)
{
    return pthread_equal(pthread_self(), poller->self) != 0;
}

enum err_code poller_start(struct poller *poller, struct err *reterr)
{
    int error = pthread_create(&poller->thread, NULL, poller_main, poller);
    if (error != 0)
        return err_set(reterr, ERR_INTERNAL, "cannot start a poller: %s", strerror(error));
    (void)pthread_setname_np(poller->thread, "rpc-poller");
    poller->running = true;
    return ERR_OK;
}

void poller_done(struct poller *poller)
{
    if (poller->queue == NULL)
        return;
    grpc_completion_queue_shutdown(poller->queue);
    if (poller->running)
        (void)pthread_join(poller->thread, NULL);
    else
        (void)poller_main(poller);
    grpc_completion_queue_destroy(poller->queue);
    *poller = (struct poller){0};
}
