/*
 * Distinct draws in constant memory: a random order of 0 … size − 1 that can be asked for any of
 * its places, so that drawing N of ten million without replacement needs no list of those drawn.
 */
#ifndef LOCKPICK_TASK_DISTINCT_H
#define LOCKPICK_TASK_DISTINCT_H

#include "base/random.h"

struct distinct {
    uint64_t size;
    uint64_t left, right; /* left · right ≥ size, both near its square root */
    uint32_t key[2];
    uint32_t salt[2];
};

/* `size` > 0. The order is determined by the name and the size. */
void distinct_start(struct distinct *distinct, uint64_t size, const struct random_name *name);

/* The number at `place` of the order; place < size, and no two places have the same. */
uint64_t distinct_at(const struct distinct *distinct, uint64_t place);

#endif
