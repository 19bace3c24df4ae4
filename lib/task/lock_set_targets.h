/*
 * The distributions that lock examples have at every token: what their field `targets` says
 * (lockpick-records(5)). Those over choices are task/choice_targets.h. Private to the lock set.
 */
#ifndef LOCKPICK_TASK_LOCK_SET_TARGETS_H
#define LOCKPICK_TASK_LOCK_SET_TARGETS_H

#include "task/lock_set.h"

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
