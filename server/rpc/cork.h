// Answers that are made in one turn of a poller leave in one segment.
//
// gRPC writes each answer by itself, and a write to a socket costs more than all else about a small
// call: the segment, and the waking of its reader. A client that has many calls under way sends
// several at a time, so their answers could travel together. gRPC has no word for that, TCP has:
// while a socket is corked, the kernel keeps what is written until it is a full segment.
//
// A turn begins with an answer that a poller makes itself, and ends when the poller takes the end
// of a call from its queue: whatever had arrived with the call that was answered first stood before
// that, and is answered. The first answer to a connection leaves at once; a second one corks it
// until the turn ends. So a lone call costs nothing, and nothing waits for what is not there yet.
//
// Threads: the table has a lock of its own, under which nothing is called but the kernel. A turn is
// its poller's.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/base/err.h"

enum { TURN_CONNECTIONS_MAX = 32 };

// A connection, as the table has it: embedded in what owns the descriptor.
struct cork {
    uint64_t key;
    int fd;
    struct cork *next;
};

// Open connections by their peer.
struct cork_table {
    pthread_mutex_t mutex; // guards the chains
    struct cork **chains;
    size_t mask;
};

enum err_code cork_table_init(struct cork_table *table, size_t connections_max,
                              struct err *reterr) _must_check_;
void cork_table_done(struct cork_table *table);

// The key of a peer by its text in gRPC, like ipv4:192.0.2.1:4711.
uint64_t cork_key(const char *peer);
// The same of the peer's address. 0, which nothing is found by, for one that is not of TCP: such
// peers have no name that tells them apart.
uint64_t cork_key_of_address(const struct sockaddr_storage *peer);

void cork_add(struct cork_table *table, struct cork *cork, uint64_t key, int fd);
// Before its descriptor is closed. Safe on one that was not added.
void cork_remove(struct cork_table *table, struct cork *cork);

struct turn {
    struct cork_table *table;
    size_t count;
    struct {
        uint64_t key;
        enum { TURN_ANSWERED, TURN_CORKED, TURN_UNKNOWN } state;
    } connections[TURN_CONNECTIONS_MAX];
};

// The poller of `turn` is about to answer a call of that connection.
void turn_answer(struct turn *turn, uint64_t key);
// Sends what was kept.
void turn_end(struct turn *turn);
