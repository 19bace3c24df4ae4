/*
 * Inside of the math graders: complex numbers known up to an error. A ball is a midpoint of two
 * MPFR numbers and the exponent of a bound on its distance to the true value, which every operation
 * carries on. So two values that differ by more than their errors are different for certain.
 *
 * Where a function has branches, the principal one is taken; odd roots of negative real numbers
 * are real, as schools have it. An operation fails (false) where it is not defined, where the error
 * does not let its result be told, or where numbers become too large.
 */
#ifndef LOCKPICK_GRADE_MATH_BALL_H
#define LOCKPICK_GRADE_MATH_BALL_H

#include <mpfr.h>
#include <stdbool.h>
#include <stdint.h>

#include "grade/math_tree.h"

#define MATH_NO_ERROR (-(1L << 40)) /* the exponent of the error of an exact value */

struct math_ball {
    mpfr_t re, im;
    bool real;  /* im is zero, and the true value is real */
    long error; /* |true value - midpoint| <= 2^error */
};

void ball_init(struct math_ball *ball, mpfr_prec_t precision);
void ball_free(struct math_ball *ball);
/* Changes the precision; the value is lost. */
void ball_set_precision(struct math_ball *ball, mpfr_prec_t precision);

void ball_set_integer(struct math_ball *out, long value);
void ball_set_double(struct math_ball *out, double value);
/* Digits with at most one point, to the base. */
bool ball_set_digits(struct math_ball *out, struct text digits, int base);
void ball_set_constant(struct math_ball *out, enum math_constant constant); /* not infinity */
void ball_set(struct math_ball *out, const struct math_ball *from);

/* The exponent e of the midpoint's larger part, |part| < 2^e; MATH_NO_ERROR for zero. */
long ball_magnitude(const struct math_ball *ball);
bool ball_is_exact(const struct math_ball *ball);
/* A whole number for certain, within a machine integer. */
bool ball_is_integer(const struct math_ball *ball, long *value);
/* Whether zero is within the error. */
bool ball_may_be_zero(const struct math_ball *ball);
/* The sign of a real ball: -1, 1, or 0 where it cannot be told. */
int ball_sign(const struct math_ball *ball);

/* `out` may be an operand. */
bool ball_add(struct math_ball *out, const struct math_ball *a, const struct math_ball *b);
bool ball_subtract(struct math_ball *out, const struct math_ball *a, const struct math_ball *b);
bool ball_multiply(struct math_ball *out, const struct math_ball *a, const struct math_ball *b);
bool ball_divide(struct math_ball *out, const struct math_ball *a, const struct math_ball *b);
void ball_negate(struct math_ball *out);

bool ball_exp(struct math_ball *out, const struct math_ball *a);
bool ball_log(struct math_ball *out, const struct math_ball *a);
bool ball_sqrt(struct math_ball *out, const struct math_ball *a);
/* The real root of that odd degree, or the principal root where `a` is not real. */
bool ball_root(struct math_ball *out, const struct math_ball *a, unsigned long degree);
bool ball_power(struct math_ball *out, const struct math_ball *base,
                const struct math_ball *exponent);
bool ball_sin(struct math_ball *out, const struct math_ball *a);
bool ball_cos(struct math_ball *out, const struct math_ball *a);
/* Of real arguments: enum math_function ARCSIN … TANH. */
bool ball_real_function(struct math_ball *out, const struct math_ball *a, int function);
bool ball_abs(struct math_ball *out, const struct math_ball *a);
bool ball_floor(struct math_ball *out, const struct math_ball *a, bool up);
bool ball_factorial(struct math_ball *out, const struct math_ball *a);

#endif
