/*
 * Tests of a little program: inputs chosen so that what is wrong shows.
 */
#ifndef LOCKPICK_TASK_MINI_TESTS_H
#define LOCKPICK_TASK_MINI_TESTS_H

#include "record/record.h"
#include "task/mini_break.h"

enum { MINI_TESTS = 3 };

struct mini_tests {
    struct mini_input inputs[MINI_TESTS];
};

/*
 * Draws a few dozen inputs and keeps those on which most breaks of `program` give another output.
 */
void mini_tests_draw(const struct mini_program *program, struct mini_tests *tests,
                     struct random *random);

/* Whether `other` fails one of the tests of `program`. */
bool mini_tests_catch(const struct mini_tests *tests, const struct mini_program *program,
                      const struct mini_program *other);

/* Sets the field `tests`, as grade-code reads it. */
void mini_tests_set(const struct mini_tests *tests, const struct mini_program *program,
                    struct record *record);

#endif
