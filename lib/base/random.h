/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). A sequence is named by what it is for, so that what is drawn never depends on
 * the order in which things are done, on threads or on batches.
 */
#ifndef LOCKPICK_BASE_RANDOM_H
#define LOCKPICK_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* The name of a sequence. Unused parts stay zero. */
struct random_name {
    uint64_t seed;
    const char *purpose; /* "shuffle", "sample", … */
    struct text id;      /* of the record */
    uint64_t sample;
    uint64_t epoch;
    uint64_t round;
};

struct random {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    unsigned used; /* numbers of `block` already given out */
};

/* Key and upper half of the counter are the XXH3-128 of the name; the lower half counts. */
void random_start(struct random *random, const struct random_name *name);

uint32_t random_u32(struct random *random);
uint64_t random_u64(struct random *random);
double random_uniform(struct random *random);                 /* [0, 1), 53 bits */
uint64_t random_below(struct random *random, uint64_t limit); /* [0, limit), unbiased; limit > 0 */
double random_normal(struct random *random);                  /* Box–Muller, two numbers each */

/* A uniformly drawn order of 0 … count − 1 (Fisher–Yates). */
void random_permutation(struct random *random, size_t count, size_t *order);

/* The bare block function, ten rounds; known answers are tested. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
