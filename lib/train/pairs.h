/*
 * Pairs of completions as examples: each is two of them, the chosen and the rejected one, behind
 * the same input.
 */
#ifndef LOCKPICK_TRAIN_PAIRS_H
#define LOCKPICK_TRAIN_PAIRS_H

#include "train/examples.h"

/*
 * Adds one record: `input` (or `prompt`), `chosen`, `rejected`, with `chosen_finish` and
 * `rejected_finish` as completions have `finish`; `weight` (1 where there is none); and where the
 * objective takes the reference from the stream, `chosen_logprob` and `rejected_logprob`. Both must
 * fit one micro-batch together.
 */
bool examples_add_pair(struct examples *examples, const struct record *record, struct error *error);

/* 16 hex digits of the reference's log-probabilities of all pairs held. */
void examples_reference_digest(const struct examples *examples, char digest[17]);
/* These to a safetensors file, and back where it is of as many pairs. */
bool examples_save_reference(const struct examples *examples, const char *path,
                             struct error *error);
bool examples_load_reference(struct examples *examples, const char *path, struct error *error);

#endif
