/*
 * Inside of the math graders: the value of a tree at a point.
 */
#ifndef LOCKPICK_GRADE_MATH_EVALUATE_H
#define LOCKPICK_GRADE_MATH_EVALUATE_H

#include "grade/math_ball.h"

/* Balls that are taken and given back in turn, so that none is made twice. */
struct ball_stack {
    struct math_ball **balls;
    int used, count, capacity;
    mpfr_prec_t precision;
};

void ball_stack_free(struct ball_stack *stack);
/* A ball of the stack's precision; give back by setting `used` to what it was. */
struct math_ball *ball_take(struct ball_stack *stack);

struct evaluation {
    const struct math_tree *tree;
    struct ball_stack *stack;
    int point;      /* which values the variables have */
    bool stay_real; /* fail where a value is not real */
    long work;      /* what is left to do */
};

bool math_evaluate(struct evaluation *evaluation, int node, struct math_ball *out);

#endif
