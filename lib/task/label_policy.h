/*
 * Policies that say what stands in the problem itself: its reference, its worked solution, or any
 * of its choices.
 */
#ifndef LOCKPICK_TASK_LABEL_POLICY_H
#define LOCKPICK_TASK_LABEL_POLICY_H

#include "base/random.h"
#include "record/record.h"

/*
 * Appends the problem's `reference`; of a problem with `choices` that choice as it continues
 * `input`. Fails where there is none, or it is none of the choices.
 */
bool label_reference(const struct record *problem, struct text input, struct buffer *out,
                     struct error *error);

/* The same with the problem's `solution`, where it has one. */
bool label_solution(const struct record *problem, struct text input, struct buffer *out,
                    struct error *error);

/* Appends a choice, each as likely as the others. Fails where the problem has none. */
bool label_uniform(const struct record *problem, struct text input, struct random *random,
                   struct buffer *out, struct error *error);

#endif
