// Sources that nobody uses just now, with their connection to upstream still open.
//
// Opening a connection is most of what a reveal costs: two round trips over the net and a
// handshake. Here it waits for the next one of the same owner, for a short time and without the
// key. Owners are never mixed: an owner is a connection of one tenant, one version of its key, one
// region. Threads: any, and one of its own that closes what is too old. Bounded: the oldest makes
// room.
#pragma once

#include "server/source/source.h"

enum {
    IDLE_SOURCES_MAX = 64,
    // Shorter than any upstream keeps a silent connection (60 s and more are usual), so that it is
    // rarely found dead: a reveal would fail of it, since it is not sent twice.
    IDLE_SOURCE_MS = 15 * 1000,
};

struct idle_sources;

// Each waits for `keep_ms` at most: IDLE_SOURCE_MS. NULL: no memory, or no thread.
struct idle_sources *idle_sources_new(int64_t keep_ms);
// Closes all. NULL is fine. Returns NULL.
struct idle_sources *idle_sources_free(struct idle_sources *idle);

struct source_owner {
    const char *tenant, *connection;
    int64_t credential_version;
    enum source_provider provider;
    enum source_region region;
};

// An idle source of `owner`, or a new one, with `key` (shared). `idle` may be NULL: always new.
// Errors as source_open.
enum err_code idle_sources_take(struct idle_sources *idle, const struct source_settings *settings,
                                const struct source_owner *owner, const struct secret *key,
                                struct source **ret_source, struct err *reterr) _must_check_;
// Takes `source` back, without its key. For one whose last answer came whole; others are closed.
void idle_sources_give(struct idle_sources *idle, const struct source_owner *owner,
                       struct source *source);
// How many there are, for tests.
size_t idle_sources_count(struct idle_sources *idle);
