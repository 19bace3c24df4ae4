/*
 * When: the learning rate of a step, and the moments of a run that are saved.
 */
#ifndef LOCKPICK_TRAIN_SCHEDULE_H
#define LOCKPICK_TRAIN_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Linear warm-up, then constant (SPEC 6), then, where a cool-down is asked for, linear again:
 *     rate · min(1, step / warmup, (total − step + 1) / cooldown), steps from 1.
 */
struct learning_rate {
    double rate;
    int64_t warmup;   /* steps */
    int64_t cooldown; /* the last so many of `total`; 0: none */
    int64_t total;    /* steps of the run; unused without cool-down */
};

double learning_rate_at(const struct learning_rate *schedule, int64_t step);

/* What --warmup and --cooldown say, in steps: below 1 a share of `total`, rounded up. False where a
 * share is asked for and total is unknown (0). */
bool steps_of_share(double share, int64_t total, int64_t *steps, struct error *error);

/* A moment to save: "100" after step 100, "4e" after epoch 4, "5000x" once 5000 examples were seen.
 */
struct moment {
    char label[24]; /* as given; names the checkpoint's folder */
    int64_t step;
};

/*
 * Reads a comma-separated list, ascending and without repetition. epoch_examples: how many an epoch
 * has, whose last batch has what is left; 0: there are no epochs. The caller frees *moments.
 */
bool moments_parse(const char *list, int64_t epoch_examples, int64_t batch, struct moment **moments,
                   size_t *count, struct error *error);

#endif
