/*
 * Exact match, word by word: the grader of tasks whose completion is a fixed series of symbols.
 */
#ifndef LOCKPICK_GRADE_EXACT_H
#define LOCKPICK_GRADE_EXACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

struct exact_grade {
    size_t words;        /* of the longer text */
    size_t matching;     /* words that are the same in the same place */
    bool correct;        /* all of them, on both sides */
    double score;        /* matching / words; 1 for two texts without words */
    const char *verdict; /* "match", "different" (word for word), "short", "long" */
};

/* Compares the words (runs of bytes between white space) of `completion` with `reference`'s. */
void exact_compare(struct text completion, struct text reference, struct exact_grade *grade);

#endif
