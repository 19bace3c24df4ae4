/*
 * From result rows to one number for each curve: how many demonstrations (or samples, or rounds)
 * recover a share of the gap. The points of a curve are the rows that meet the conditions `where`,
 * are neither floor nor ceiling, and have the fields `per` and `each` in common; the gap is that
 * between the floor and the ceiling of the same `per` (levels.h).
 */
#ifndef LOCKPICK_RESULT_RECOVERY_H
#define LOCKPICK_RESULT_RECOVERY_H

#include "result/levels.h"
#include "result/replicates.h"

struct recovery_settings {
    double share;                  /* of the gap, 0 … 1 */
    const char *x;                 /* the field that a curve runs along: "k" */
    const char *subset;            /* rows of this subset count; rows without one are of "all" */
    struct levels_settings levels; /* {"model"}, and the conditions of floor and ceiling */
    struct fields each;            /* a curve for each value of these besides `per`; may be none */
    struct conditions where;       /* of points: password=none, method=sft */
    const char *baseline_field;    /* a curve is compared with that which differs in this field */
    const char *baseline;          /* alone, and has this value there */
    double level;                  /* of intervals, where there are replicates */
};

/*
 * Appends a row a curve, in the order of its fields: those of `per` and `each` and of the
 * conditions `where` with one value, `subset`, `share`, `floor`, `ceiling`, `relation` ("=", "<="
 * for a curve that starts above, ">" for one that ends below) and the field x; with replicates of
 * the rows, `low_relation`, `low`, `high_relation`, `high`; and `ratio_relation` and `ratio` of the
 * baseline's x to this one's, with `ratio_low_relation`, `ratio_low`, … too. What is undefined is
 * nil: without floor, ceiling, points, or with a gap below SMALLEST_GAP. Points at x = 0 are passed
 * over; `left_out` is the number of those whose x is a text. Fails where there is no curve.
 */
bool recovery_rows(const struct recovery_settings *settings, const struct rows *rows,
                   const struct replicates *replicates, struct rows *out, size_t *left_out,
                   struct error *error);

#endif
