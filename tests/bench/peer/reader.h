// A point read for every peer alike: threads, each with one Postgres connection, that run the
// tenant's setting and a prepared SELECT as one pipeline: a transaction in one round trip.
//
// Anything wrong with the database ends the process: a benchmark that goes on measures something
// else.
#pragma once

#include "tests/bench/peer/options.h"

#ifdef __cplusplus
extern "C" {
#endif

struct reader;

// What is read, and what to do then. Belongs to the caller until `done` was called, on a thread of
// the reader, with the first two columns of the row; NULL, NULL: there is none.
struct read_job {
    char id[128];
    void (*done)(struct read_job *job, const char *id, const char *title);
    struct read_job *next;
};

struct reader *reader_new(const struct options *options);
void reader_submit(struct reader *reader, struct read_job *job);

#ifdef __cplusplus
}
#endif
