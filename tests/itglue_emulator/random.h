/*
 * The deterministic source of the generated account: splitmix64. Each collection draws from a
 * stream of its own, so that more documents never change the passwords.
 */
#ifndef ITGLUE_EMULATOR_RANDOM_H
#define ITGLUE_EMULATOR_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

struct random random_stream(uint64_t seed, uint64_t stream);
uint64_t random_next(struct random *random);
/* 0 up to bound - 1; bound may not be 0. */
size_t random_below(struct random *random, size_t bound);
int64_t random_between(struct random *random, int64_t low, int64_t high);
bool random_chance(struct random *random, unsigned percent);
/* Like random_below, but low numbers come up far more often: few customers own most rows. */
size_t random_skewed(struct random *random, size_t bound);

#endif
