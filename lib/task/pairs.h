/*
 * Preference pairs (SPEC 4): of graded completions of the same problem in the same round, a better
 * one and a worse one.
 *
 * The samples of a problem, best first (equal ones by their sample number, then in the order they
 * came), are paired from both ends: the first with the last, the second with the last but one, and
 * so on, so that no completion stands in two pairs. No pair is made of equal grades, nor of equal
 * texts. Samples of a problem may lie anywhere in the stream; all records are held in memory.
 */
#ifndef LOCKPICK_TASK_PAIRS_H
#define LOCKPICK_TASK_PAIRS_H

#include "task/grade.h"

struct pairs_settings {
    enum grade_by by;
    bool weighted; /* weight = R(chosen) − R(rejected): equation 2 of the paper, SPEC 4 */
    bool logprobs; /* the completions' `logprob` is the reference's, by sample --score */
};

struct pairs;

/* The settings are borrowed until pairs_free(). */
struct pairs *pairs_new(const struct pairs_settings *settings);
void pairs_free(struct pairs *pairs); /* NULL is fine */

/*
 * Takes one completion: `id`, `input`, `completion`, the grade; `round` and `sample` where there
 * are any. Fails, and does not count it, where its input is not that of the problem's others.
 */
bool pairs_add(struct pairs *pairs, const struct record *record, struct error *error);

/* Puts the completions into their order; nothing is added after this. */
void pairs_finish(struct pairs *pairs);

/*
 * The next pair, problems in the order in which they first came: the chosen completion's record
 * without what was made of the problem, and `input`, `round`, `chosen`, `rejected`,
 * `chosen_finish`, `rejected_finish`, and, as the settings say, `weight`, `chosen_logprob`,
 * `rejected_logprob`. Borrowed until the next call. False at the end, or on failure: error is set.
 */
bool pairs_next(struct pairs *pairs, struct record *record, struct error *error);

/* Problems (in a round) seen. */
size_t pairs_problems(const struct pairs *pairs);

#endif
