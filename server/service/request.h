// What a handler knows of the call it serves, and what it works with.
//
// Made by rpc/ for each call and by tests without one: no word of gRPC here. Everything is borrowed
// and lives as long as the call.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "server/auth/principal.h"
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/err.h"

enum { TOKEN_KEYS_MAX = 8 }; // as many as a vault has master keys

struct gate_memory;
struct gate_reader;
struct idle_sources;
struct settings;
struct source_settings;
struct store;
struct sync;
struct trail;
struct vault;

// What the process has; set up by main, the same for all calls.
struct backend {
    struct store *store;
    struct store *janitor_store; // the look at the master keys of all tenants
    struct vault *vault;
    struct sync *sync;
    struct trail *trail;
    struct gate_reader *gate_reader; // for reveals
    struct gate_memory *gate_memory; // for reveals; NULL: each reads its gates
    const struct source_settings *source;
    struct idle_sources *idle_sources; // for reveals; NULL: each opens a connection of its own
    const struct settings *settings;
    // Keys of page tokens (vault_subkeys), the same on every replica: the first makes them, each
    // verifies them, so that a list goes on while the master key is changed. At least one.
    unsigned char token_keys[TOKEN_KEYS_MAX][32];
    size_t token_key_count;
};

struct request {
    const struct backend *backend;
    const struct principal *caller;
    // Released when the call ends; everything of a response comes from here. Handlers free nothing.
    struct arena *arena;
    // Never later than the server's maximum, whatever the client said.
    struct deadline deadline;
    // Set when the client has gone: long work looks at it.
    const atomic_bool *cancelled;
    // `x-request-id` of the caller if it is sane, else made by the server. Printable ASCII.
    const char *request_id;
    // The caller's address as gRPC writes it, such as ipv4:127.0.0.1:4711.
    const char *peer;
};
