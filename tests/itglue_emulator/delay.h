/*
 * Waiting without a sleeping thread: a connection is suspended and one timer thread resumes it when
 * it is due. Stopping resumes all of them, which libmicrohttpd wants before a daemon stops.
 * Lock order: the delay's lock is innermost; nothing else is taken under it but MHD's own.
 */
#ifndef ITGLUE_EMULATOR_DELAY_H
#define ITGLUE_EMULATOR_DELAY_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct delayed {
    int64_t due_ms;
    uint64_t hold; /* as in struct answer */
    struct MHD_Connection *connection;
};

struct delay {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct delayed *items;
    size_t count;
    size_t capacity;
    uint64_t cleared;
    bool stopping;
};

bool delay_start(struct delay *delay);
/* Resumes whatever waits; later requests do not wait any more. */
void delay_release(struct delay *delay);
void delay_done(struct delay *delay);
/* Only from a callback of this connection. False when there is nothing to wait for any more. */
bool delay_suspend(struct delay *delay, struct MHD_Connection *connection, int64_t ms,
                   uint64_t hold);
/* Faults have been cleared so often. */
void delay_let_go(struct delay *delay, uint64_t cleared);

#endif
