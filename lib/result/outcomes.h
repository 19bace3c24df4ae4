/*
 * What became of each problem, row by row: what intervals and paired comparisons are made from.
 * Problems are sorted by id, so nothing depends on the order of the records.
 */
#ifndef LOCKPICK_RESULT_OUTCOMES_H
#define LOCKPICK_RESULT_OUTCOMES_H

#include "result/tally.h"

/* The records of a problem with one seed. */
struct term {
    uint32_t problem; /* place among the sorted ids */
    uint32_t count;
    double sum;
};

struct outcome_row {
    struct term *terms; /* seed behind seed, each sorted by problem */
    size_t *seed_ends;  /* [seeds], into terms */
    size_t seeds;
};

struct outcomes {
    struct text *ids; /* sorted; borrowed from the tally */
    size_t problems;
    struct outcome_row *rows; /* one a source */
    size_t count;
};

/* Of a tally that kept problems; must not outlive it. */
void outcomes_gather(struct outcomes *outcomes, const struct tally *tally,
                     const struct sources *sources);
void outcomes_free(struct outcomes *outcomes);

/*
 * The mean over seeds of a row where problem i counts times[i] times; NAN where a seed has no
 * problem that counts.
 */
double outcome_row_mean(const struct outcome_row *row, const uint32_t *times);

/*
 * Adds each problem's mean over the seeds that have it: values[i] is set where the row has problem
 * i, and left alone elsewhere. `seeds` is scratch; both of [problems].
 */
void outcome_row_values(const struct outcome_row *row, double *values, uint32_t *seeds);

#endif
