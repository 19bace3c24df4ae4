/*
 * Comparing values: what differs beyond its error differs; what agrees to most of its bits at
 * several points is taken as equal.
 */
#include "grade/math_numeric.h"

#include <stdlib.h>

#include "grade/math_evaluate.h"

enum { PROBE_BITS = 128, POINT_BITS = 320, CONSTANT_BITS = 768, POSITIVE_POINTS = 3, POINTS = 6 };

struct math_numeric {
    struct ball_stack stack;
};

struct math_numeric *math_numeric_open(void) {
    return allocate(1, sizeof(struct math_numeric));
}

void math_numeric_close(struct math_numeric *numeric) {
    if (numeric == NULL)
        return;
    ball_stack_free(&numeric->stack);
    free(numeric);
    mpfr_free_cache();
}

/* Whether two balls are certainly different, or agree to half of the bits. */
static enum math_outcome compare_values(struct ball_stack *stack, const struct math_ball *a,
                                        const struct math_ball *b) {
    struct math_ball *difference = ball_take(stack);
    long scale = ball_magnitude(a);

    if (ball_magnitude(b) > scale)
        scale = ball_magnitude(b);
    if (!ball_subtract(difference, a, b))
        return MATH_UNDECIDED;
    if (!ball_may_be_zero(difference))
        return MATH_OTHER;
    if (scale < 0)
        scale = 0;
    return difference->error < scale - (long)stack->precision / 2 ? MATH_SAME : MATH_UNDECIDED;
}

/* The ratio a/b at a point, compared with that at the first point. */
static enum math_outcome compare_ratio(struct ball_stack *stack, struct math_ball *a,
                                       const struct math_ball *b, struct math_ball *ratio,
                                       bool first, enum math_relation relation) {
    bool zero = ball_may_be_zero(a);

    if (ball_may_be_zero(b))
        return zero ? MATH_UNDECIDED : MATH_OTHER;
    if (zero)
        return MATH_OTHER;
    if (!ball_divide(a, a, b))
        return MATH_UNDECIDED;
    if (relation == MATH_SAME_DIRECTION && (!a->real || ball_sign(a) < 0))
        return MATH_OTHER;
    if (!first)
        return compare_values(stack, a, ratio);
    ball_set(ratio, a);
    return MATH_SAME;
}

/* Both sides at one point. */
static enum math_outcome compare_at(struct math_numeric *numeric, struct evaluation *evaluation,
                                    int a, int b, enum math_relation relation,
                                    struct math_ball *ratio, bool first) {
    struct math_ball *one = ball_take(&numeric->stack), *other = ball_take(&numeric->stack);

    if (!math_evaluate(evaluation, a, one) || !math_evaluate(evaluation, b, other))
        return MATH_UNDECIDED;
    if (relation == MATH_VALUES)
        return compare_values(&numeric->stack, one, other);
    return compare_ratio(&numeric->stack, one, other, ratio, first, relation);
}

enum math_outcome math_numeric_probe(struct math_numeric *numeric, const struct math_tree *tree,
                                     int a, int b, enum math_relation relation, long *work) {
    struct evaluation evaluation = {.tree = tree, .stack = &numeric->stack, .work = *work};
    enum math_outcome outcome;

    numeric->stack.used = 0;
    numeric->stack.precision = PROBE_BITS;
    outcome = compare_at(numeric, &evaluation, a, b, relation, ball_take(&numeric->stack), true);
    if (outcome != MATH_OTHER && relation != MATH_VALUES) {
        /* The ratio of the first point is still where the first ball of the stack lies. */
        struct math_ball *ratio = numeric->stack.balls[0];
        numeric->stack.used = 1;
        evaluation.point = 1;
        if (outcome == MATH_SAME)
            outcome = compare_at(numeric, &evaluation, a, b, relation, ratio, false);
    }
    *work = evaluation.work;
    return outcome;
}

static bool has_variables(const struct math_tree *tree, int node) {
    return math_contains(tree, node, MATH_SYMBOL, -1);
}

enum math_outcome math_numeric_confirm(struct math_numeric *numeric, const struct math_tree *tree,
                                       int a, int b, enum math_relation relation, long *work) {
    struct evaluation evaluation = {.tree = tree, .stack = &numeric->stack, .work = *work};
    bool variables = has_variables(tree, a) || has_variables(tree, b);
    enum math_outcome outcome = MATH_UNDECIDED;
    struct math_ball *ratio;
    int agreed = 0, needed = variables ? 2 : 1;

    numeric->stack.used = 0;
    numeric->stack.precision = variables ? POINT_BITS : CONSTANT_BITS;
    ratio = ball_take(&numeric->stack);
    for (int point = 0; point < (variables ? POINTS : 1); point++) {
        numeric->stack.used = 1;
        evaluation.point = point;
        evaluation.stay_real = point >= POSITIVE_POINTS;
        outcome = compare_at(numeric, &evaluation, a, b, relation, ratio, agreed == 0);
        if (outcome == MATH_OTHER || (point == POSITIVE_POINTS - 1 && agreed == 0))
            break;
        agreed += outcome == MATH_SAME;
    }
    *work = evaluation.work;
    if (outcome == MATH_OTHER)
        return MATH_OTHER;
    return agreed >= needed && evaluation.work >= 0 ? MATH_SAME : MATH_UNDECIDED;
}

int math_numeric_order(struct math_numeric *numeric, const struct math_tree *tree, int a, int b,
                       long *work) {
    struct evaluation evaluation = {.tree = tree, .stack = &numeric->stack, .work = *work};
    int order = 2;

    if (has_variables(tree, a) || has_variables(tree, b))
        return 2;
    for (int bits = PROBE_BITS; bits <= CONSTANT_BITS && order == 2; bits *= 3) {
        struct math_ball *one, *other;
        numeric->stack.used = 0;
        numeric->stack.precision = bits;
        one = ball_take(&numeric->stack);
        other = ball_take(&numeric->stack);
        if (!math_evaluate(&evaluation, a, one) || !math_evaluate(&evaluation, b, other) ||
            !one->real || !other->real || !ball_subtract(one, one, other))
            break;
        if (ball_sign(one) != 0)
            order = ball_sign(one);
        else if (ball_is_exact(one) || bits * 3 > CONSTANT_BITS)
            order = one->error < -bits / 4 ? 0 : 2;
    }
    *work = evaluation.work;
    return order;
}
