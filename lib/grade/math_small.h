/*
 * Inside of the math graders: expressions whose value is a quotient of two machine integers, which
 * most answers are.
 */
#ifndef LOCKPICK_GRADE_MATH_SMALL_H
#define LOCKPICK_GRADE_MATH_SMALL_H

#include "grade/math_tree.h"

/* In lowest terms, denominator positive. */
struct math_small {
    int64_t numerator;
    int64_t denominator;
};

/* False: it is no rational number, or not a small one, or its form is not one that we look into. */
bool math_small_value(const struct math_tree *tree, int node, struct math_small *value);

/* Whether it is a whole number within [low, high]. */
bool math_small_integer(const struct math_tree *tree, int node, int64_t low, int64_t high,
                        int64_t *value);

#endif
