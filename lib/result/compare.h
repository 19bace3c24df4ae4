/*
 * Paired comparison of two values of a field: over the problems that both answered, each taken as
 * its mean over seeds, the mean difference, its bootstrap interval, and a sign-flip test.
 */
#ifndef LOCKPICK_RESULT_COMPARE_H
#define LOCKPICK_RESULT_COMPARE_H

#include "result/outcomes.h"
#include "stats/bootstrap.h"

struct compare_settings {
    const char *field;          /* "policy" */
    const char *first, *second; /* its two values, as key_is() reads them */
    const struct fields *alike; /* what two rows must have in common, besides their subset */
    struct bootstrap bootstrap;
    double margin; /* differences within ±margin count as none; NAN: not asked */
};

/*
 * Appends a row for each pair of rows that differ in the field alone: the fields `alike`, `field`,
 * `first`, `second`, `subset`, `first_mean`, `second_mean`, `difference` (first − second), `low`,
 * `high`, `p`, `n` (problems that both answered), and, with a margin, `margin` and `within`:
 * whether the interval lies inside of ±margin. `unpaired` is the number of problems that only one
 * of two answered. Fails where there is no such pair, or two that share no problem.
 */
bool compare_rows(const struct compare_settings *settings, const struct rows *rows,
                  const struct outcomes *outcomes, struct rows *out, size_t *unpaired,
                  struct error *error);

#endif
