/*
 * Hashing what others chose: tables in which a file or a text decides the keys take a seed of their
 * own, so that nobody can choose keys that all fall on the same place. The order of such a table
 * must not reach any output.
 */
#ifndef LOCKPICK_BASE_HASH_H
#define LOCKPICK_BASE_HASH_H

#include <stdint.h>

/* Another one at each call, and not to be guessed. */
uint64_t hash_seed(void);

/* Of a number; all bits of the result depend on all of both. */
static inline uint64_t hash_number(uint64_t seed, uint64_t number) {
    number = (number ^ seed) * 0x9E3779B97F4A7C15u;
    number = (number ^ number >> 32) * (seed | 1);
    return number ^ number >> 32;
}

#endif
