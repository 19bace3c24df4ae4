/*
 * Inside of the math graders: whether two answers that were read mean the same. The form of the
 * reference says how: a tuple has an order, a list without brackets and a set have none, an
 * interval may also be an inequality, an equation may be another with the same solutions.
 */
#ifndef LOCKPICK_GRADE_MATH_COMPARE_H
#define LOCKPICK_GRADE_MATH_COMPARE_H

#include "grade/math_numeric.h"

/* What a whole comparison may do: steps of evaluation, products of terms. */
#define MATH_WORK 150000L

struct math_context {
    struct math_tree *tree; /* both answers; what is derived is added */
    struct math_numeric *numeric;
    long work;
};

bool math_compare(struct math_context *context, int reference, int answer);

/* Two expressions: by value; percent and degree signs may be dropped or meant. */
bool math_expression_equal(struct math_context *context, int reference, int answer);
/* Whether left - right of the two relations are the same up to a factor. */
bool math_difference_equal(struct math_context *context, int left, int right, int other_left,
                           int other_right, enum math_relation relation);

/* The letter of the relation with its sides exchanged. */
char math_mirrored(char letter);

/*
 * Sets of real numbers: unions, intersections and differences of intervals and points, inequalities
 * in one variable (math_region.c). UNDECIDED where one of the two is no such thing.
 */
enum math_outcome math_region_compare(struct math_context *context, int reference, int answer);
/* Whether a node can be meant as such a set and as nothing else. */
bool math_is_region(const struct math_tree *tree, int node);

/*
 * Times of day (math_time.c). Whether the reference is a time and the answer another one, or none;
 * false where the reference is no time, or may be a ratio as well.
 */
bool math_time_differs(const struct math_tree *tree, int reference, int answer);
/* Whether one text says a.m. and the other p.m. */
bool math_halves_differ(struct text reference, struct text answer);

#endif
