/*
 * Inside mini-math: its kinds of problems, as a table, and its words in two languages.
 */
#ifndef LOCKPICK_TASK_MINI_MATH_H
#define LOCKPICK_TASK_MINI_MATH_H

#include "task/mini.h"

/*
 * A kind of problem. Its numbers have the letters a … z; `numbers` says, in order, how each comes
 * about:
 *
 *     a=2..9       drawn, both ends included
 *     c=a*b        made of two others, or of one and a constant: + - * /
 *     r<d          wanted: smaller
 *     m!n          wanted: without a common factor
 *
 * All is drawn anew until every number made is whole, within 1 … 999, and what is wanted holds.
 * In the texts {a} is a number, {N} a name, {T} and {U} two sorts of things, {V} an unknown.
 */
struct mini_math_kind {
    const char *domain;
    int level; /* 1, 2: one step; 3, 4: two; 5: three */
    const char *numbers;
    const char *prompt[2]; /* by enum mini_language */
    const char *steps[2];  /* word and arithmetic; NULL for Spanish: as in English */
    char answer;           /* letter of the number */
};

extern const struct mini_math_kind mini_math_kinds[];
extern const size_t mini_math_kind_count;

enum { MINI_MATH_NAMES = 16, MINI_MATH_THINGS = 12, MINI_MATH_UNKNOWNS = 4 };
extern const char *const mini_math_names[MINI_MATH_NAMES];
extern const char *const mini_math_things[MINI_MATH_THINGS][2]; /* by enum mini_language */
extern const char *const mini_math_unknowns[MINI_MATH_UNKNOWNS];

#endif
