/*
 * All of what aggregate does between the records that it reads and the rows that it writes: a
 * tally of graded records, combined over a field, compared, or measured against floor and ceiling;
 * or rows, shown, or reduced to where their curves recover a share of the gap.
 */
#ifndef LOCKPICK_RESULT_AGGREGATION_H
#define LOCKPICK_RESULT_AGGREGATION_H

#include "result/compare.h"
#include "result/gap.h"
#include "result/over.h"
#include "result/recovery.h"

struct aggregation_settings {
    bool reads_rows; /* rather than graded records */
    struct tally_settings tally;
    struct bootstrap bootstrap;             /* its level is 0 where no intervals are wanted */
    const struct over_settings *over;       /* or NULL, and so for those below */
    const struct compare_settings *compare; /* graded records only, and no `over` */
    const struct levels_settings *gap;
    const struct recovery_settings *recovery;
};

/* What a person should know about the rows. */
struct aggregation_notes {
    size_t uneven;   /* rows whose seeds differ in their numbers of records */
    size_t unpaired; /* compared problems that only one side answered */
    size_t left_out; /* rows of curves with a text for x */
};

struct aggregation;

/* The settings are borrowed until aggregation_free(). */
struct aggregation *aggregation_new(const struct aggregation_settings *settings);
void aggregation_free(struct aggregation *aggregation); /* NULL is fine */

bool aggregation_add(struct aggregation *aggregation, const struct record *record,
                     struct error *error);
/* The rows, once all is added; the caller frees them, also after a failure. */
bool aggregation_rows(struct aggregation *aggregation, struct rows *rows,
                      struct aggregation_notes *notes, struct error *error);

#endif
