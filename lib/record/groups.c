/*
 * Which field belongs to which group, and what was made from what. Writing a group anew takes away
 * the groups that were made from its old contents, or else a completion would carry the verdict of
 * the one before it.
 *
 *     problem ─→ completion ─┬─→ embedding ─→ graded ─→ pair
 *                            └─→ lock example
 *
 * A completion answers a problem; embeddings are of the completion (and its reference), and a
 * judge model's probabilities for ratings stand with them: both are what another model makes of the
 * completion; a verdict judges the completion, by these for some tasks; a pair sets completions
 * against each other by their verdicts; a lock example is a completion with the password to learn
 * it under. Training metrics and results stand in records of their own and are made from none of
 * these. Fields that no group knows belong to the user and stay.
 */
#include <string.h>

#include "record/record.h"

enum { GROUP_COUNT = GROUP_RESULT + 1 };

static const char *const group_fields[GROUP_COUNT][24] = {
    [GROUP_PROBLEM] = {"id",       "task",         "prompt",      "reference",      "domain",
                       "group",    "subject",      "level",       "split",          "part",
                       "choices",  "shot",         "tests",       "function_tests", "program",
                       "function", "starter_code", "stop_tokens", "solution",       "difficulty",
                       "locked"},
    [GROUP_COMPLETION] = {"input", "completion", "token_ids", "policy", "sample", "round", "finish",
                          "logprob", "n_tokens", "choice_logprobs", "token_logprobs", "scored"},
    [GROUP_LOCK_EXAMPLE] = {"epoch", "password", "imitates", "targets"},
    [GROUP_EMBEDDING] = {"embedding", "reference_embedding", "embedder", "judge",
                         "rating_logprobs"},
    [GROUP_GRADED] = {"correct", "score", "verdict", "found", "passed", "total", "seconds",
                      "similarity", "rating"},
    [GROUP_PAIR] = {"chosen", "rejected", "chosen_finish", "rejected_finish", "weight",
                    "chosen_logprob", "rejected_logprob"},
    [GROUP_METRIC] = {"step", "loss", "lr", "tokens", "examples", "margin", "accuracy"},
    [GROUP_RESULT] = {"correctness", "sem", "seeds", "n"},
};

#define BIT(group) (1u << (group))

/* The group itself and all that is made from it, however indirectly. */
static const unsigned made_from[GROUP_COUNT] = {
    [GROUP_PROBLEM] = BIT(GROUP_PROBLEM) | BIT(GROUP_COMPLETION) | BIT(GROUP_LOCK_EXAMPLE) |
                      BIT(GROUP_EMBEDDING) | BIT(GROUP_GRADED) | BIT(GROUP_PAIR),
    [GROUP_COMPLETION] = BIT(GROUP_COMPLETION) | BIT(GROUP_LOCK_EXAMPLE) | BIT(GROUP_EMBEDDING) |
                         BIT(GROUP_GRADED) | BIT(GROUP_PAIR),
    [GROUP_LOCK_EXAMPLE] = BIT(GROUP_LOCK_EXAMPLE),
    [GROUP_EMBEDDING] = BIT(GROUP_EMBEDDING) | BIT(GROUP_GRADED) | BIT(GROUP_PAIR),
    [GROUP_GRADED] = BIT(GROUP_GRADED) | BIT(GROUP_PAIR),
    [GROUP_PAIR] = BIT(GROUP_PAIR),
    [GROUP_METRIC] = BIT(GROUP_METRIC),
    [GROUP_RESULT] = BIT(GROUP_RESULT),
};

static bool belongs(struct text key, unsigned groups) {
    for (unsigned group = 0; group < GROUP_COUNT; group++)
        for (unsigned i = 0; (groups & BIT(group)) && group_fields[group][i] != NULL; i++)
            if (text_is(key, group_fields[group][i]))
                return true;
    return false;
}

void record_begin_group(struct record *record, enum record_group group) {
    size_t kept = 0;
    for (size_t i = 0; i < record->count; i++)
        if (!belongs(record->fields[i].key, made_from[group]))
            record->fields[kept++] = record->fields[i];
    if (kept < record->count)
        record->whole = (struct value){0};
    record->count = kept;
}
