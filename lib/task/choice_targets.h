/*
 * Soft labels (SPEC 3, B.2): a model's distribution over the choices of a problem, as what another
 * is to learn in place of one choice. A lock set writes it into its strong examples, gen-strong
 * --soft into demonstrations.
 */
#ifndef LOCKPICK_TASK_CHOICE_TARGETS_H
#define LOCKPICK_TASK_CHOICE_TARGETS_H

#include "record/record.h"

/*
 * Appends the value of the field `targets` (lockpick-records(5)), the packed
 * {"tokens": {" A": 0.7, …}}: the record's `choice_logprobs`, as `sample` writes them, made to sum
 * to 1, each choice as it continues `input`. Fails where there are none, or they are no
 * distribution.
 */
bool choice_targets(const struct record *record, struct text input, struct buffer *out,
                    struct error *error);

#endif
