// Guarded memory: libsodium's, locked, outside of core dumps, with a closed page right behind its
// last byte. Making and unmaking such a block takes eleven system calls, so blocks of the usual
// sizes are kept for whoever comes next: wiped, and closed to every access while they rest. One
// that was written to meanwhile ends the process when it is taken.
//
// Threads: any.
#pragma once

#include <stddef.h>

// The sizes of which blocks are kept: a key or a password, what a usual answer with one is parsed
// in, and what a long text in such an answer takes. A smaller one takes the next larger block, a
// larger one is made anew each time.
enum {
    GUARDED_SMALL_BYTES = 512,
    GUARDED_MEDIUM_BYTES = 8 * 1024,
    GUARDED_LARGE_BYTES = 32 * 1024,
};

// So many zeroes; aligned as the size is. NULL: no memory.
void *guarded_take(size_t bytes);
// Wipes it and gives it back; `bytes` as it was taken. NULL is fine. Ends the process if something
// was written in front of it.
void guarded_give(void *memory, size_t bytes);
// Closes the kept blocks that nobody has needed since the last call. Closing each when it is given
// back would be two system calls, and a halt of other cores, for every secret of a reveal. Call it
// now and then; without it they stay open, and wiped.
void guarded_close_unused(void);
