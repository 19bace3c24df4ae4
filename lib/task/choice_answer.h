/*
 * A choice as the continuation of a model's input: " A" behind "Answer:", "A" behind a newline.
 * Whoever compares the logits of choices, or writes them down for a model to learn, asks here, so
 * that what is learned is what is compared.
 */
#ifndef LOCKPICK_TASK_CHOICE_ANSWER_H
#define LOCKPICK_TASK_CHOICE_ANSWER_H

#include "record/record.h"

/* Appends `choice` as it continues `input`: with a blank in front where neither brings one. */
void choice_continue(struct text input, struct text choice, struct buffer *out);

/*
 * How many texts the problem's `choices` has; 0 where it has no such field. Fails where the field
 * is not a list of texts.
 */
bool choice_count(const struct record *problem, size_t *count, struct error *error);
/* Choice number `at` of a problem that choice_count() found good; borrowed from the record. */
struct text choice_at(const struct record *problem, size_t at);

/*
 * Whether `completion` is one of the problem's choices and nothing more, white space around both
 * aside; then `choice` is that one as the problem has it.
 */
bool choice_made(const struct record *problem, struct text completion, struct text *choice);

#endif
