/*
 * Inside of the math graders: expressions as quotients of polynomials (math_polynomial.h), compared
 * by multiplying out. That decides for rational functions with radicals of rational numbers, i, and
 * one of π and e; where it finds equality it is right in any case.
 */
#ifndef LOCKPICK_GRADE_MATH_EXACT_H
#define LOCKPICK_GRADE_MATH_EXACT_H

#include "grade/math_tree.h"

enum math_outcome {
    MATH_UNDECIDED, /* beyond what this method can tell */
    MATH_SAME,
    MATH_OTHER,
};

/* How two expressions may relate to count as the same. */
enum math_relation {
    MATH_VALUES,        /* equal */
    MATH_PROPORTIONAL,  /* equal up to a constant factor that is not zero */
    MATH_SAME_DIRECTION /* equal up to a positive constant factor */
};

/* `work` is the budget, which is drawn down. */
enum math_outcome math_exact_compare(const struct math_tree *tree, int a, int b,
                                     enum math_relation relation, long *work);

#endif
