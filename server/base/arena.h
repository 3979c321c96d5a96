// Memory that is released at once: one arena a call, a page or a run step.
//
// Bounded from birth: when `max_bytes` are given out, allocation fails and the caller answers with
// err_no_memory(). Not for what outlives its scope (use new/free) and not thread-safe.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/base/cleanup.h"

struct arena_block;

struct arena {
    struct arena_block *_blocks;
    size_t _used_bytes;
    size_t _max_bytes;
    bool _wipe;
};

// Starts an empty arena that gives out at most `max_bytes`. Allocates nothing yet.
void arena_init(struct arena *arena, size_t max_bytes);
// Releases everything. Safe on a zeroed arena and twice.
void arena_done(struct arena *arena);
// Makes arena_done() zero the memory first: for calls whose messages carry a secret.
void arena_wipe_on_done(struct arena *arena);

// Zeroed memory, aligned for any type; NULL when the arena or the machine has no more.
void *arena_alloc(struct arena *arena, size_t bytes);
// As arena_alloc for `count` items; NULL too if the product overflows.
void *arena_calloc(struct arena *arena, size_t count, size_t bytes);
// Copies of text; NULL in gives NULL out.
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...) _printf_(2, 3);
// Bytes given out so far.
size_t arena_used(const struct arena *arena);
