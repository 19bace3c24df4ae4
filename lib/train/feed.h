/*
 * The order in which examples reach the trainer: as they come down the pipe, for one pass; or all
 * held in memory and shuffled anew for every epoch. The order of epoch e depends on the seed and e
 * alone.
 */
#ifndef LOCKPICK_TRAIN_FEED_H
#define LOCKPICK_TRAIN_FEED_H

#include "record/filter.h"
#include "train/examples.h"

struct feed_settings {
    int64_t batch;          /* examples a step */
    int64_t epochs;         /* 0: stream */
    uint64_t seed;          /* of the order within epochs */
    int64_t max_completion; /* tokens; see struct examples */
    int64_t max_rows;
    struct objective objective; /* all zero: SFT */
};

struct feed {
    struct filter *filter; /* borrowed: where the examples come from */
    struct examples examples;
    struct feed_settings settings;
    int64_t epoch;   /* being gone through, from 0 */
    size_t position; /* in `order` */
    size_t *order;   /* held: this epoch's order; stream: 0, 1, 2, … */
    bool ended;
};

/* With epochs > 0 reads everything there is, which may be nothing. Bad records go to
 * filter_reject(). */
bool feed_open(struct feed *feed, struct filter *filter, const struct tokenizer *tokenizer,
               const struct model_config *config, const struct feed_settings *settings,
               struct error *error);
void feed_close(struct feed *feed);

/*
 * The next batch: items order[0 … count − 1] of feed->examples, valid until the next call. count 0:
 * there are no more. An epoch's last batch may be smaller.
 */
bool feed_next(struct feed *feed, const size_t **order, size_t *count, struct error *error);
/* Goes past `steps` batches, or as many as there are, without using them. */
bool feed_skip(struct feed *feed, int64_t steps, struct error *error);
/* Rows that a batch can have in the model, at most; INT64_MAX where it may take several
 * micro-batches for another reason. */
int64_t feed_most_rows(const struct feed *feed);
/* Steps an epoch takes when held; 0 for a stream. */
int64_t feed_steps_per_epoch(const struct feed *feed);

#endif
