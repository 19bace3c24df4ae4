/*
 * Bootstrap replicates of rows: what each would have said had other problems been drawn. In a
 * resample all rows see the same draw, so whatever is computed from several rows (a share of a gap,
 * a mean over domains, a quotient of two curves) has its replicates computed the same way.
 *
 * Problems are drawn in strata: those whose first row is the same are drawn from among themselves.
 * Rows over the same problems make one stratum; domains, or tasks, one each.
 */
#ifndef LOCKPICK_RESULT_REPLICATES_H
#define LOCKPICK_RESULT_REPLICATES_H

#include "result/outcomes.h"
#include "stats/bootstrap.h"

/* All zero is none. */
struct replicates {
    double *means; /* [rows][count] */
    size_t rows, count;
};

/* Fails where a signal asks to stop, or there are too many rows for the resamples. */
bool replicates_draw(struct replicates *replicates, const struct outcomes *outcomes,
                     const struct bootstrap *bootstrap, struct error *error);
/* Room for so many rows, all NAN. */
bool replicates_init(struct replicates *replicates, size_t rows, size_t count, struct error *error);
void replicates_free(struct replicates *replicates);

double *replicates_of(const struct replicates *replicates, size_t row);

/* The interval of values [count], which are copied; nothing is changed. */
struct interval replicates_interval(const double *values, size_t count, double level);

/* Sets the fields `low` and `high` of each row, behind all others. */
void replicates_set(const struct replicates *replicates, double level, struct rows *rows);

#endif
