// Memory for libraries that know nothing of secrets: curl and yajl.
//
// What they free or outgrow is zeroed first, so that a key in a header list or a password value in
// a parser's buffer does not stay on the heap. The guarded kind lies in libsodium's locked pages as
// well: for the parser that sees a password value.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yajl/yajl_common.h>

void *itglue_malloc(size_t bytes);
void *itglue_calloc(size_t count, size_t bytes);
void *itglue_realloc(void *memory, size_t bytes);
char *itglue_strdup(const char *text);
void itglue_free(void *memory);

// For yajl_alloc(), which keeps a pointer to it.
extern yajl_alloc_funcs itglue_wiped_memory;

// Guarded memory for one parser: one mapping that is given out piece by piece and never taken back
// before the end, because a guarded mapping for each piece costs more than the parsing. What does
// not fit gets its own.
struct itglue_guard {
    yajl_alloc_funcs funcs; // for yajl_alloc()
    unsigned char *_region;
    size_t _used;
};

// False: no memory.
bool itglue_guard_init(struct itglue_guard *guard);
// After yajl_free(). Wipes all of it.
void itglue_guard_done(struct itglue_guard *guard);
