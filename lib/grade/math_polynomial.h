/*
 * Inside of the math graders: sums of terms, each a rational number times powers of generators.
 * Generators are variables, π, e, i, and roots of integers; exponents are multiples of 1/5040, so
 * that square to tenth roots have a place. A power of an integer generator stays below one, and
 * i below two: what is beyond goes into the coefficient. So two polynomials are equal exactly if
 * their terms are.
 *
 * Terms, bits of coefficients and work are bounded; an operation that would go beyond fails.
 */
#ifndef LOCKPICK_GRADE_MATH_POLYNOMIAL_H
#define LOCKPICK_GRADE_MATH_POLYNOMIAL_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    MATH_GENERATORS = 12,
    MATH_TERMS = 1000,
    MATH_COEFFICIENT_BITS = 16384,
    MATH_EXPONENT_UNIT = 5040,
};

enum math_generator_kind {
    GENERATOR_VARIABLE,
    GENERATOR_POSITIVE, /* π, e: no variable, and not an integer */
    GENERATOR_INTEGER,  /* a prime, or an integer whose factors we did not find */
    GENERATOR_I,
};

struct math_generator {
    enum math_generator_kind kind;
    uint64_t name; /* the integer itself, or a hash */
};

struct math_ring {
    struct math_generator generators[MATH_GENERATORS];
    int count;
    long work; /* what is left to do; an operation that finds too little fails */
};

struct math_term {
    mpq_t coefficient;
    int32_t exponents[MATH_GENERATORS];
};

/* Sorted terms, none with coefficient zero. All zero is the polynomial 0. */
struct math_polynomial {
    struct math_term *terms;
    int count;
    int capacity;
};

/* The generator's number, added where it is new; -1 where there are too many. */
int math_generator(struct math_ring *ring, enum math_generator_kind kind, uint64_t name);

void polynomial_free(struct math_polynomial *polynomial);
/* The constant `value`. */
void polynomial_constant(struct math_polynomial *out, const mpq_t value);
void polynomial_copy(struct math_polynomial *out, const struct math_polynomial *from);
/* out += factor · other; */
bool polynomial_add(struct math_ring *ring, struct math_polynomial *out,
                    const struct math_polynomial *other, int factor);
/* `out` may be one of the two. */
bool polynomial_multiply(struct math_ring *ring, struct math_polynomial *out,
                         const struct math_polynomial *a, const struct math_polynomial *b);
/* A natural power. */
bool polynomial_power(struct math_ring *ring, struct math_polynomial *out,
                      const struct math_polynomial *base, unsigned long exponent);
/* Puts a term that was changed by hand into its form. */
bool polynomial_settle(struct math_ring *ring, struct math_polynomial *out);
bool polynomial_equal(const struct math_polynomial *a, const struct math_polynomial *b);
/* Whether a = c·b for a rational c that is not zero (c > 0 where `positive`). */
bool polynomial_proportional(const struct math_polynomial *a, const struct math_polynomial *b,
                             bool positive);

#endif
