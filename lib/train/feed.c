/* Streams and epochs of examples. */
#include "train/feed.h"

#include <stdlib.h>

#include "base/random.h"
#include "train/packing.h"

/* Reads examples until there are `limit`, or the input ends. */
static bool read_examples(struct feed *feed, size_t limit, struct error *error) {
    struct record record = {0};
    bool fine = true;
    while (fine && feed->examples.count < limit) {
        if (!filter_next(feed->filter, &record, error)) {
            fine = error->text[0] == '\0';
            feed->ended = true;
            break;
        }
        if (!examples_add(&feed->examples, &record, error))
            fine = filter_reject(feed->filter, &record, error);
    }
    record_free(&record);
    return fine;
}

static void shuffle_epoch(struct feed *feed) {
    struct random random;
    random_start(&random, &(struct random_name){.seed = feed->settings.seed,
                                                .purpose = "order of an epoch",
                                                .epoch = (uint64_t)feed->epoch});
    random_permutation(&random, feed->examples.count, feed->order);
    feed->position = 0;
}

bool feed_open(struct feed *feed, struct filter *filter, const struct tokenizer *tokenizer,
               const struct model_config *config, const struct feed_settings *settings,
               struct error *error) {
    *feed = (struct feed){.filter = filter, .settings = *settings};
    examples_open(&feed->examples, tokenizer, config, settings->max_completion);
    feed->examples.max_rows = settings->max_rows;
    feed->examples.objective = settings->objective;
    size_t order = (size_t)settings->batch;
    bool fine = true;
    if (settings->epochs > 0) {
        fine = read_examples(feed, SIZE_MAX, error);
        order = feed->examples.count;
    }
    feed->order = allocate(order, sizeof *feed->order);
    for (size_t i = 0; i < order; i++)
        feed->order[i] = i;
    if (fine && settings->epochs > 0)
        shuffle_epoch(feed);
    return fine;
}

void feed_close(struct feed *feed) {
    examples_close(&feed->examples);
    free(feed->order);
    *feed = (struct feed){0};
}

static bool next_held(struct feed *feed, const size_t **order, size_t *count) {
    if (feed->position == feed->examples.count) {
        if (++feed->epoch >= feed->settings.epochs) {
            *count = 0;
            return true;
        }
        shuffle_epoch(feed);
    }
    size_t left = feed->examples.count - feed->position;
    *count = left < (size_t)feed->settings.batch ? left : (size_t)feed->settings.batch;
    *order = feed->order + feed->position;
    feed->position += *count;
    return true;
}

bool feed_next(struct feed *feed, const size_t **order, size_t *count, struct error *error) {
    if (feed->settings.epochs > 0)
        return next_held(feed, order, count);
    examples_forget(&feed->examples);
    if (!feed->ended && !read_examples(feed, (size_t)feed->settings.batch, error))
        return false;
    *order = feed->order;
    *count = feed->examples.count;
    return true;
}

bool feed_skip(struct feed *feed, int64_t steps, struct error *error) {
    for (int64_t i = 0; i < steps; i++) {
        const size_t *order;
        size_t count;
        if (!feed_next(feed, &order, &count, error))
            return false;
        if (count == 0)
            break;
    }
    return true;
}

/* Of a record: of an example, or of a pair's two. */
static int64_t rows_of(const struct examples *examples, size_t record) {
    if (examples->objective.kind == OBJECTIVE_DPO)
        return examples->items[2 * record].tokens + examples->items[2 * record + 1].tokens - 2;
    return examples->items[record].tokens - 1;
}

int64_t feed_most_rows(const struct feed *feed) {
    const struct examples *examples = &feed->examples;
    int64_t longest = 0, batch = feed->settings.batch, rows = examples->max_rows;
    bool held = feed->settings.epochs > 0;
    if (batch > MOST_DISTRIBUTIONS && (!held || examples->targets.told_count > 0))
        return INT64_MAX; /* a micro-batch may end with its distributions */
    if (!held && examples->objective.kind != OBJECTIVE_DPO && examples->config->positions < rows)
        return batch * examples->config->positions;
    if (!held)
        return batch * rows;
    for (size_t i = 0; i < examples->count; i++)
        if (rows_of(examples, i) > longest)
            longest = rows_of(examples, i);
    return longest * (batch < (int64_t)examples->count ? batch : (int64_t)examples->count);
}

int64_t feed_steps_per_epoch(const struct feed *feed) {
    if (feed->settings.epochs == 0)
        return 0;
    return ((int64_t)feed->examples.count + feed->settings.batch - 1) / feed->settings.batch;
}
