/*
 * A problem of mini-code with a program that is wrong: what mini-critique and mini-judge are about.
 */
#ifndef LOCKPICK_TASK_MINI_BROKEN_H
#define LOCKPICK_TASK_MINI_BROKEN_H

#include "task/mini_tests.h"

struct mini_broken {
    struct mini_program right;
    struct mini_tests tests;
    struct mini_break broken; /* one that the tests catch */
};

/* A problem that can be broken, and a break of it. */
void mini_broken_draw(struct mini_broken *problem, struct random *random);

/* Another break of the same program, by the same chances. */
void mini_broken_again(struct mini_broken *problem, struct random *random);

/*
 * A break of another kind on top of the one there is, which stays in problem->broken but for its
 * program; false where the tests catch none.
 */
bool mini_broken_twice(struct mini_broken *problem, enum mini_break_kind *second,
                       struct random *random);

/* Sets `prompt`, the statement of `right`; `program`, the text of `shown`; `tests` and `level`. */
void mini_broken_set(const struct mini_broken *problem, const struct mini_program *shown,
                     struct record *record, struct random *random);

#endif
