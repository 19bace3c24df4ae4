/*
 * The percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
 * 13): how much a number would vary had other problems been drawn. Draws are named by seed and set,
 * so they depend neither on threads nor on what else is being resampled.
 */
#ifndef LOCKPICK_STATS_BOOTSTRAP_H
#define LOCKPICK_STATS_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct bootstrap {
    double level;     /* of the interval: 0.95; 0: none is wanted */
    size_t resamples; /* 2,000 */
    uint64_t seed;
};

/* 2.5e8 numbers of 8 bytes: more statistics times resamples than that are not held. */
#define BOOTSTRAP_LIMIT 250000000.0

/*
 * Resample `number` of a set of `count` units, drawn with replacement: times[i], how often unit i
 * was drawn. `id` names the set.
 */
void bootstrap_draw(uint64_t seed, struct text id, uint64_t number, size_t count, uint32_t *times);

struct interval {
    double low, high; /* NAN: undefined */
};

/*
 * The interval that leaves (1 − level)/2 of the values out on each side. The values are sorted on
 * the way; those that are NAN, where a statistic is undefined in a resample, are left out.
 */
struct interval percentile_interval(double *values, size_t count, double level);

/*
 * The quantile of sorted values, linear between neighbours (type 7 of Hyndman and Fan, 1996, what
 * numpy and R give by default). NAN of none.
 */
double quantile(const double *sorted, size_t count, double share);

#endif
