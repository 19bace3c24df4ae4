/*
 * The value of a tree: a walk over its nodes.
 */
#include "grade/math_evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "grade/math_small.h"

void ball_stack_free(struct ball_stack *stack) {
    for (int i = 0; i < stack->count; i++) {
        ball_free(stack->balls[i]);
        free(stack->balls[i]);
    }
    free(stack->balls);
    *stack = (struct ball_stack){0};
}

struct math_ball *ball_take(struct ball_stack *stack) {
    struct math_ball *ball;

    if (stack->used == stack->capacity) {
        stack->capacity = stack->capacity > 0 ? stack->capacity * 2 : 32;
        stack->balls =
            reallocate(stack->balls, (size_t)stack->capacity, sizeof(struct math_ball *));
    }
    if (stack->used == stack->count) {
        ball = allocate(1, sizeof *ball);
        ball_init(ball, stack->precision);
        stack->balls[stack->count++] = ball;
    }
    ball = stack->balls[stack->used++];
    ball_set_precision(ball, stack->precision);
    return ball;
}

/* ---- names ---- */

static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

/* In [0, 1), from the name and a number. */
static double drawn(uint64_t name, int number) {
    return (double)(mix(name + mix((uint64_t)number + 1)) >> 11) * 0x1p-53;
}

/* Ranges of the points: the first around one, the second below one, the third wider; then signs. */
static double variable_value(uint64_t name, int point) {
    double u = drawn(name, point);

    switch (point) {
    case 0:
        return 0.3 + 2 * u;
    case 1:
        return 0.05 + 0.9 * u;
    case 2:
        return 1.2 + 4 * u;
    default:
        return (mix(name) >> (point % 8)) & 1 ? -0.2 - 1.5 * u : -1.5 - 2 * u;
    }
}

/* A function that we know nothing of, as a polynomial of second degree that its name draws. */
static bool apply_unknown(struct evaluation *evaluation, uint64_t name, struct math_ball *out) {
    struct math_ball *square = ball_take(evaluation->stack);
    struct math_ball *weight = ball_take(evaluation->stack);
    bool fine = ball_multiply(square, out, out);

    ball_set_double(weight, 0.5 + drawn(name, 101));
    fine = fine && ball_multiply(square, square, weight);
    ball_set_double(weight, 0.5 + drawn(name, 102));
    fine = fine && ball_multiply(out, out, weight) && ball_add(out, out, square);
    ball_set_double(weight, 0.5 + drawn(name, 103));
    return fine && ball_add(out, out, weight);
}

static uint64_t hash_name(struct text name) {
    uint64_t hash = name.size;

    for (size_t i = 0; i < name.size; i++)
        hash = mix(hash ^ (unsigned char)name.bytes[i]);
    return hash;
}

/* ---- functions ---- */

static bool divide_functions(struct evaluation *evaluation, struct math_ball *out,
                             bool (*above)(struct math_ball *, const struct math_ball *),
                             bool (*below)(struct math_ball *, const struct math_ball *)) {
    struct math_ball *other = ball_take(evaluation->stack);

    if (below != NULL && !below(other, out))
        return false;
    if (below == NULL)
        ball_set_integer(other, 1);
    if (above == NULL) {
        struct math_ball *one = ball_take(evaluation->stack);
        ball_set_integer(one, 1);
        return ball_divide(out, one, other);
    }
    return above(out, out) && ball_divide(out, out, other);
}

/* log x to the base of the second child, or to ten. */
static bool logarithm(struct evaluation *evaluation, const struct math_node *node,
                      struct math_ball *out) {
    struct math_ball *base = ball_take(evaluation->stack);

    if (node->count > 2)
        return false;
    if (node->count == 1)
        ball_set_integer(base, 10);
    else if (!math_evaluate(evaluation, evaluation->tree->nodes[node->child].next, base))
        return false;
    return ball_log(base, base) && ball_log(out, out) && ball_divide(out, out, base);
}

/* n(n-1)…(n-k+1)/k! */
static bool binomial(struct evaluation *evaluation, const struct math_node *node,
                     struct math_ball *out) {
    struct math_ball *n = ball_take(evaluation->stack), *factor = ball_take(evaluation->stack);
    struct math_ball *step = ball_take(evaluation->stack);
    int64_t k;

    if (!math_small_integer(evaluation->tree,
                            math_child(evaluation->tree, (int)(node - evaluation->tree->nodes), 1),
                            0, 1000, &k))
        return false;
    ball_set(n, out);
    ball_set_integer(out, 1);
    evaluation->work -= 3 * k;
    for (int64_t i = 0; i < k; i++) {
        ball_set_integer(step, i);
        if (!ball_subtract(factor, n, step) || !ball_multiply(out, out, factor))
            return false;
        ball_set_integer(step, i + 1);
        if (!ball_divide(out, out, step))
            return false;
    }
    return true;
}

static int64_t greatest_divisor(int64_t a, int64_t b) {
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* Of small whole numbers, or the least or greatest of real ones. */
static bool of_several(struct evaluation *evaluation, const struct math_node *node,
                       struct math_ball *out) {
    const struct math_tree *tree = evaluation->tree;
    const int64_t limit = 1000000000;
    struct math_ball *other = ball_take(evaluation->stack);
    struct math_ball *difference = ball_take(evaluation->stack);
    int64_t value, next;

    if (node->detail == MATH_GCD || node->detail == MATH_LCM) {
        if (!math_small_integer(tree, node->child, 1, limit, &value))
            return false;
        for (int child = tree->nodes[node->child].next; child >= 0;
             child = tree->nodes[child].next) {
            if (!math_small_integer(tree, child, 1, limit, &next) || value > limit)
                return false;
            value = node->detail == MATH_GCD ? greatest_divisor(value, next)
                                             : value / greatest_divisor(value, next) * next;
        }
        ball_set_integer(out, (long)value);
        return true;
    }
    for (int child = tree->nodes[node->child].next; child >= 0; child = tree->nodes[child].next) {
        if (!math_evaluate(evaluation, child, other) || !out->real || !other->real ||
            !ball_subtract(difference, other, out))
            return false;
        if ((mpfr_sgn(difference->re) > 0) == (node->detail == MATH_MAX))
            ball_set(out, other);
    }
    return out->real;
}

static bool scale(struct evaluation *evaluation, struct math_ball *out, int function) {
    struct math_ball *factor = ball_take(evaluation->stack);

    ball_set_integer(factor, function == MATH_PERCENT ? 100 : 180);
    if (!ball_divide(out, out, factor))
        return false;
    ball_set_constant(factor, MATH_PI);
    return function == MATH_PERCENT || ball_multiply(out, out, factor);
}

static bool part(struct math_ball *out, bool imaginary) {
    if (imaginary)
        mpfr_swap(out->re, out->im);
    mpfr_set_ui(out->im, 0, MPFR_RNDN);
    out->real = true;
    return true;
}

/* The value of the function whose first argument is in `out`. */
static bool apply(struct evaluation *evaluation, const struct math_node *node,
                  struct math_ball *out) {
    switch (node->detail) {
    case MATH_SIN:
        return ball_sin(out, out);
    case MATH_COS:
        return ball_cos(out, out);
    case MATH_TAN:
        return divide_functions(evaluation, out, ball_sin, ball_cos);
    case MATH_COT:
        return divide_functions(evaluation, out, ball_cos, ball_sin);
    case MATH_SEC:
        return divide_functions(evaluation, out, NULL, ball_cos);
    case MATH_CSC:
        return divide_functions(evaluation, out, NULL, ball_sin);
    case MATH_EXP:
        return ball_exp(out, out);
    case MATH_LN:
        return ball_log(out, out);
    case MATH_ABS:
        return ball_abs(out, out);
    case MATH_FLOOR:
    case MATH_CEIL:
        return ball_floor(out, out, node->detail == MATH_CEIL);
    case MATH_FACTORIAL:
        evaluation->work -= 400; /* Γ to hundreds of bits, or thousands of products */
        return ball_factorial(out, out);
    case MATH_RE:
    case MATH_IM:
        return part(out, node->detail == MATH_IM);
    case MATH_PERCENT:
    case MATH_DEGREE:
        return scale(evaluation, out, node->detail);
    case MATH_APPLY:
    case MATH_ACCENT:
        return apply_unknown(evaluation, hash_name(node->text), out);
    default:
        return ball_real_function(out, out, node->detail);
    }
}

static bool evaluate_function(struct evaluation *evaluation, const struct math_node *node,
                              struct math_ball *out) {
    evaluation->work -= 8;
    if (node->count < 1 || !math_evaluate(evaluation, node->child, out))
        return false;
    switch (node->detail) {
    case MATH_LOG:
        return logarithm(evaluation, node, out);
    case MATH_BINOMIAL:
        return binomial(evaluation, node, out);
    case MATH_GCD:
    case MATH_LCM:
    case MATH_MIN:
    case MATH_MAX:
        return of_several(evaluation, node, out);
    default:
        return node->count == 1 && apply(evaluation, node, out);
    }
}

/* ---- arithmetic ---- */

static bool evaluate_children(struct evaluation *evaluation, const struct math_node *node,
                              struct math_ball *out) {
    struct math_ball *next = ball_take(evaluation->stack);
    const struct math_node *nodes = evaluation->tree->nodes;

    if (!math_evaluate(evaluation, node->child, out))
        return false;
    for (int child = nodes[node->child].next; child >= 0; child = nodes[child].next)
        if (!math_evaluate(evaluation, child, next) ||
            !(node->kind == MATH_SUM       ? ball_add(out, out, next)
              : node->kind == MATH_PRODUCT ? ball_multiply(out, out, next)
                                           : ball_divide(out, out, next)))
            return false;
    return true;
}

static bool evaluate_power(struct evaluation *evaluation, const struct math_node *node,
                           struct math_ball *out) {
    const struct math_tree *tree = evaluation->tree;
    int exponent = tree->nodes[node->child].next;
    struct math_ball *second = ball_take(evaluation->stack);
    struct math_small small;

    evaluation->work -= 8;
    if (tree->nodes[node->child].kind == MATH_CONSTANT && tree->nodes[node->child].detail == MATH_E)
        return math_evaluate(evaluation, exponent, out) && ball_exp(out, out);
    if (!math_evaluate(evaluation, node->child, out))
        return false;
    if (math_small_value(tree, exponent, &small) && small.denominator != 1 &&
        small.denominator <= 1000 && small.numerator >= -1000 && small.numerator <= 1000) {
        ball_set_integer(second, small.numerator);
        return ball_root(out, out, (unsigned long)small.denominator) &&
               ball_power(out, out, second);
    }
    if (!math_evaluate(evaluation, exponent, second))
        return false;
    {
        struct math_ball *base = ball_take(evaluation->stack);
        ball_set(base, out);
        return ball_power(out, base, second);
    }
}

static bool evaluate_root(struct evaluation *evaluation, const struct math_node *node,
                          struct math_ball *out) {
    const struct math_tree *tree = evaluation->tree;
    int64_t degree;

    evaluation->work -= 8;
    return math_evaluate(evaluation, node->child, out) &&
           math_small_integer(tree, tree->nodes[node->child].next, 2, 1000, &degree) &&
           ball_root(out, out, (unsigned long)degree);
}

static bool evaluate_kind(struct evaluation *evaluation, const struct math_node *node,
                          struct math_ball *out) {
    switch (node->kind) {
    case MATH_NUMBER:
        return ball_set_digits(out, node->text, node->base == 0 ? 10 : node->base);
    case MATH_SYMBOL:
        ball_set_double(out, variable_value(node->hash, evaluation->point));
        return true;
    case MATH_CONSTANT:
        if (node->detail == MATH_INFINITY)
            return false;
        ball_set_constant(out, (enum math_constant)node->detail);
        return true;
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
    case MATH_RATIO:
        return evaluate_children(evaluation, node, out);
    case MATH_POWER:
        return evaluate_power(evaluation, node, out);
    case MATH_ROOT:
        return evaluate_root(evaluation, node, out);
    case MATH_NEGATIVE:
        if (!math_evaluate(evaluation, node->child, out))
            return false;
        ball_negate(out);
        return true;
    case MATH_FUNCTION:
        return evaluate_function(evaluation, node, out);
    default:
        return false;
    }
}

bool math_evaluate(struct evaluation *evaluation, int node, struct math_ball *out) {
    int used = evaluation->stack->used;
    bool fine;

    evaluation->work -= 1 + evaluation->stack->precision / 128;
    if (evaluation->work < 0 || node < 0)
        return false;
    fine = evaluate_kind(evaluation, &evaluation->tree->nodes[node], out);
    evaluation->stack->used = used;
    return fine && (out->real || !evaluation->stay_real);
}
