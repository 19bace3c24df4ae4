/*
 * Means and standard errors whose bits do not depend on the order of what is averaged: values are
 * summed as fixed-point integers, so records may come in from any number of graders in any order.
 */
#ifndef LOCKPICK_STATS_MEAN_H
#define LOCKPICK_STATS_MEAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest magnitude that a sum takes; with it, 2^32 values cannot overflow. */
#define SUM_LIMIT 1e9

/* All zero is an empty sum. */
struct sum {
    __int128 total; /* in units of 2^-64 */
    uint64_t count;
};

/* False, and nothing is added, where the value is not finite or beyond ±SUM_LIMIT. */
bool sum_add(struct sum *sum, double value);
/* The mean; NAN of an empty sum. */
double sum_mean(const struct sum *sum);

/* The mean of `count` values, in their order; NAN of none. */
double mean(const double *values, size_t count);

/* Sample standard deviation / sqrt(count), in the values' order; NAN of fewer than two values. */
double standard_error(const double *values, size_t count);

#endif
