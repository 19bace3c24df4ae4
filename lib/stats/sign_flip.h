/*
 * Whether paired differences are centred on zero: the sign-flip test, which asks how often the
 * absolute sum would be as large if each difference had its sign by the toss of a coin. Where all
 * differences that are not zero have one magnitude (two models, one answer each to a problem), this
 * is McNemar's exact test, and is computed exactly.
 */
#ifndef LOCKPICK_STATS_SIGN_FLIP_H
#define LOCKPICK_STATS_SIGN_FLIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

enum { SIGN_FLIPS = 9999 };

/*
 * The two-sided p-value. Where it is not exact: (1 + hits) / (1 + SIGN_FLIPS) over random signs,
 * which are named by seed and `id`. 1 where all differences are zero, or there are none.
 */
double sign_flip_test(const double *differences, size_t count, uint64_t seed, struct text id);

/* The two-sided exact binomial test of `a` against `b` with a fair coin. */
double fair_coin_test(size_t a, size_t b);

#endif
