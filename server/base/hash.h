// A hash for places in small tables of this process: quick, neither secret nor safe from who may
// choose the texts.
#pragma once

#include <stdint.h>

enum { HASH_SEED = 5381 };

// Of what was hashed before (HASH_SEED: nothing) and a text with its end. Bernstein's, by 33.
static inline uint32_t hash_text(uint32_t before, const char *text)
{
    do
        before = before * 33 + (unsigned char)*text;
    while (*text++ != '\0');
    return before;
}
