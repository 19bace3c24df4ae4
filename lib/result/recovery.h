/*
 * From result rows to one number for each model: how many demonstrations recover a share of its
 * gap. A model's floor is its row with method `none` and password `none`, its ceiling the one with
 * method `none` and password `right`; its curve are the rows of one method with password `none` and
 * a number `k`.
 */
#ifndef LOCKPICK_RESULT_RECOVERY_H
#define LOCKPICK_RESULT_RECOVERY_H

#include "result/rows.h"

struct recovery_settings {
    double share;         /* of the gap, 0 … 1 */
    const char *method;   /* of the curve: "sft" */
    const char *subset;   /* rows of this subset count; rows without one are of "all" */
    const char *baseline; /* the model that the others are compared with */
};

struct recovery;

/* The settings are borrowed until recovery_free(). */
struct recovery *recovery_new(const struct recovery_settings *settings);

/* Takes a result row, or passes over one that has no part in this. */
bool recovery_add(struct recovery *recovery, const struct record *row, struct error *error);

/*
 * Appends a row a model, in the order of their names: `model`, `method`, `subset`, `share`,
 * `floor`, `ceiling`, `relation` ("=", "<=" for a curve that starts above, ">" for one that ends
 * below), `k`, and `ratio_relation` and `ratio` of the baseline's k to this model's. What is
 * undefined is nil: all from `relation` on for a model without floor, ceiling, curve, or a gap of
 * SMALLEST_GAP. Fails where no model has a curve.
 */
bool recovery_rows(struct recovery *recovery, struct rows *rows, struct error *error);

void recovery_free(struct recovery *recovery);

#endif
