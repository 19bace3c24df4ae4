/*
 * The best N of a stream of graded completions (expert iteration, SPEC 4), in the order in which
 * they came. Memory: the N records, however long the stream is.
 *
 * Among equal grades a number drawn from seed, round, id and sample decides, so that the choice
 * does not depend on the order of the stream; only records that share id and sample go by their
 * order.
 */
#ifndef LOCKPICK_TASK_BEST_H
#define LOCKPICK_TASK_BEST_H

#include "task/grade.h"

struct best_settings {
    size_t keep;
    enum grade_by by;
    bool only_correct; /* pass over what is not `correct` */
    uint64_t seed;
    uint64_t round;
};

struct best;

/* The settings are borrowed until best_free(). */
struct best *best_new(const struct best_settings *settings);
void best_free(struct best *best); /* NULL is fine */

/* Takes one record; on failure it does not count, and `error` says what is wrong with it. */
bool best_add(struct best *best, const struct record *record, struct error *error);

/* Puts what was kept into its order, and says how many there are; nothing is added after this. */
size_t best_finish(struct best *best);
/* The packed record at `number` of that order; borrowed. */
struct value best_at(const struct best *best, size_t number);

#endif
