/*
 * The soft targets of lock examples: what the field `targets` says (lockpick-records(5)). Private
 * to the lock set.
 */
#ifndef LOCKPICK_TASK_LOCK_SET_TARGETS_H
#define LOCKPICK_TASK_LOCK_SET_TARGETS_H

#include "task/lock_set.h"

/*
 * Appends the packed {"tokens": {" A": 0.7, …}}: the record's `choice_logprobs`, as `sample` writes
 * them, made to sum to 1, each choice as it continues `input`. Fails where there are none, or they
 * are no distribution.
 */
bool lock_targets_soft(const struct record *record, struct text input, struct buffer *out,
                       struct error *error);

/* Appends the packed {"fixedrdm": seed}. */
void lock_targets_fixedrdm(uint64_t seed, struct buffer *out);

/* Appends the packed {"uniform": true}. */
void lock_targets_uniform(struct buffer *out);

/*
 * A fair coin: whether a weak example whose targets are one distribution at every token has the
 * strong completion below them.
 */
bool lock_targets_on_strong(uint64_t seed, struct text id, int64_t epoch);

#endif
