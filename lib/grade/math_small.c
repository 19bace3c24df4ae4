/*
 * Rational numbers in machine integers: every step is done in 128 bits, and given up where the
 * result does not fit into 62.
 */
#include "grade/math_small.h"

#include <string.h>

static bool reduce(__int128 numerator, __int128 denominator, struct math_small *value) {
    const __int128 limit = (__int128)1 << 62;
    __int128 a, b;

    if (denominator == 0)
        return false;
    if (denominator < 0) {
        numerator = -numerator;
        denominator = -denominator;
    }
    a = numerator < 0 ? -numerator : numerator;
    b = denominator;
    while (a != 0) {
        __int128 rest = b % a;
        b = a;
        a = rest;
    }
    numerator /= b;
    denominator /= b;
    if (numerator >= limit || numerator <= -limit || denominator >= limit)
        return false;
    *value = (struct math_small){(int64_t)numerator, (int64_t)denominator};
    return true;
}

static int digit_value(char c) {
    return c >= 'A' ? c - 'A' + 10 : c - '0';
}

static bool number_value(const struct math_node *number, struct math_small *value) {
    int base = number->base == 0 ? 10 : number->base;
    __int128 numerator = 0, denominator = 1;
    bool point = false;

    if (number->text.size > 17)
        return false;
    for (size_t i = 0; i < number->text.size; i++) {
        char c = number->text.bytes[i];
        if (c == '.') {
            point = true;
            continue;
        }
        if (digit_value(c) >= base)
            return false;
        numerator = numerator * base + digit_value(c);
        denominator *= point ? base : 1;
        if (numerator >> 62 != 0 || denominator >> 62 != 0)
            return false;
    }
    return reduce(numerator, denominator, value);
}

static bool sum(struct math_small a, struct math_small b, struct math_small *value) {
    return reduce((__int128)a.numerator * b.denominator + (__int128)b.numerator * a.denominator,
                  (__int128)a.denominator * b.denominator, value);
}

static bool product(struct math_small a, struct math_small b, struct math_small *value) {
    return reduce((__int128)a.numerator * b.numerator, (__int128)a.denominator * b.denominator,
                  value);
}

static bool quotient(struct math_small a, struct math_small b, struct math_small *value) {
    return reduce((__int128)a.numerator * b.denominator, (__int128)a.denominator * b.numerator,
                  value);
}

static bool power(struct math_small base, struct math_small exponent, struct math_small *value) {
    const struct math_small one = {1, 1};
    int64_t times = exponent.numerator < 0 ? -exponent.numerator : exponent.numerator;

    if (exponent.denominator != 1 || times > 62 || (base.numerator == 0 && exponent.numerator <= 0))
        return false;
    *value = one;
    for (int64_t i = 0; i < times; i++)
        if (!product(*value, base, value))
            return false;
    return exponent.numerator >= 0 || quotient(one, *value, value);
}

/* Sums and products of all children. */
static bool fold(const struct math_tree *tree, const struct math_node *node,
                 struct math_small *value) {
    struct math_small next;

    if (!math_small_value(tree, node->child, value))
        return false;
    for (int child = tree->nodes[node->child].next; child >= 0; child = tree->nodes[child].next)
        if (!math_small_value(tree, child, &next) ||
            !(node->kind == MATH_SUM ? sum(*value, next, value) : product(*value, next, value)))
            return false;
    return true;
}

bool math_small_value(const struct math_tree *tree, int node, struct math_small *value) {
    const struct math_node *here = &tree->nodes[node];
    struct math_small a, b;

    switch (here->kind) {
    case MATH_NUMBER:
        return number_value(here, value);
    case MATH_SUM:
    case MATH_PRODUCT:
        return fold(tree, here, value);
    case MATH_NEGATIVE:
        if (!math_small_value(tree, here->child, value))
            return false;
        value->numerator = -value->numerator;
        return true;
    case MATH_QUOTIENT:
    case MATH_POWER:
        if (!math_small_value(tree, here->child, &a) ||
            !math_small_value(tree, tree->nodes[here->child].next, &b))
            return false;
        return here->kind == MATH_POWER ? power(a, b, value) : quotient(a, b, value);
    default:
        return false;
    }
}

bool math_small_integer(const struct math_tree *tree, int node, int64_t low, int64_t high,
                        int64_t *value) {
    struct math_small small;

    if (!math_small_value(tree, node, &small) || small.denominator != 1 || small.numerator < low ||
        small.numerator > high)
        return false;
    *value = small.numerator;
    return true;
}
