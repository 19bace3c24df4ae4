/*
 * Policies that say what stands in the problem itself: its reference, its worked solution, or any
 * of its choices.
 */
#ifndef LOCKPICK_TASK_LABEL_POLICY_H
#define LOCKPICK_TASK_LABEL_POLICY_H

#include "base/random.h"
#include "record/record.h"

/*
 * Appends an answer in words as it continues `input`. Behind the end of a template (`framed`) that
 * is as a choice does, with a blank in front where neither brings one: a model that goes on behind
 * "Assistant:" begins with a token that has one, and what it is taught should begin the same way. A
 * bare prompt is continued as it is; of composition it ends in the middle of a line.
 */
void label_words(struct text input, bool framed, struct text words, struct buffer *out);

/*
 * Appends the problem's `reference`, by label_words(); of a problem with `choices` that choice as
 * it continues `input`. Fails where there is none, or it is none of the choices.
 */
bool label_reference(const struct record *problem, struct text input, bool framed,
                     struct buffer *out, struct error *error);

/* The same with the problem's `solution`, where it has one. */
bool label_solution(const struct record *problem, struct text input, bool framed,
                    struct buffer *out, struct error *error);

/* Appends a choice, each as likely as the others. Fails where the problem has none. */
bool label_uniform(const struct record *problem, struct text input, struct random *random,
                   struct buffer *out, struct error *error);

#endif
