/*
 * The field `tests` of a code problem (DESIGN 2): a list of maps, each either {"stdin", "stdout"}
 * or
 * {"harness"}.
 */
#ifndef LOCKPICK_GRADE_CODE_TESTS_H
#define LOCKPICK_GRADE_CODE_TESTS_H

#include "record/value.h"

struct code_test {
    bool is_harness;
    struct text input, output; /* borrowed from the value, as is `harness` */
    struct text harness;
};

/* All zero is an empty one. */
struct code_tests {
    struct value value; /* what they were read from */
    struct code_test *items;
    size_t count, capacity;
};

/* Replaces `tests`; they borrow from `value`. Refuses an empty list and a test that is of no kind.
 */
bool code_tests_read(struct code_tests *tests, struct value value, struct error *error);
void code_tests_free(struct code_tests *tests);

#endif
