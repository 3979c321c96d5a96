// A tiny HTTP server on the loopback that says what it is told to, byte by byte.
//
// One thread, one connection at a time, closed after each answer unless that keeps it. Answers are
// given in their order; the last one is repeated.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct scripted_answer {
    const char *bytes; // the whole answer, head included
    size_t len;        // 0: strlen
    int delay_ms;      // before the first byte
    int piece_bytes;   // sent in pieces of this size with 5 ms between; 0: at once
    bool keep;         // the connection waits for the next request
    bool hang;         // after the bytes, stay silent until the client leaves
};

enum { SCRIPTED_REQUESTS_MAX = 64 };

struct scripted_server {
    const struct scripted_answer *answers;
    size_t answer_count;
    int port;
    char base_url[64];
    int _listener;
    pthread_t _thread;
    atomic_bool _stop;
    atomic_size_t connection_count; // of those on which a request came
    atomic_size_t closed_count;     // of those that the server closed
    atomic_size_t request_count;
    char *requests[SCRIPTED_REQUESTS_MAX]; // heads; stable once request_count says so
};

void scripted_server_start(struct scripted_server *server, const struct scripted_answer *answers,
                           size_t answer_count);
void scripted_server_stop(struct scripted_server *server);
