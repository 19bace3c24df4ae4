/*
 * Balls: setting, asking, and the four operations.
 */
#include "grade/math_ball.h"

#include <string.h>

enum { EXPONENT_LIMIT = 1 << 22 /* beyond 2^±this an operation fails */ };

void ball_init(struct math_ball *ball, mpfr_prec_t precision) {
    mpfr_init2(ball->re, precision);
    mpfr_init2(ball->im, precision);
    ball_set_integer(ball, 0);
}

void ball_free(struct math_ball *ball) {
    mpfr_clear(ball->re);
    mpfr_clear(ball->im);
}

void ball_set_precision(struct math_ball *ball, mpfr_prec_t precision) {
    if (mpfr_get_prec(ball->re) != precision) {
        mpfr_set_prec(ball->re, precision);
        mpfr_set_prec(ball->im, precision);
    }
}

static long larger(long a, long b) {
    return a > b ? a : b;
}

static long part_magnitude(const mpfr_t part) {
    return mpfr_zero_p(part) ? MATH_NO_ERROR : (long)mpfr_get_exp(part);
}

long ball_magnitude(const struct math_ball *ball) {
    return larger(part_magnitude(ball->re), part_magnitude(ball->im));
}

bool ball_is_exact(const struct math_ball *ball) {
    return ball->error <= MATH_NO_ERROR / 2;
}

/* Takes down the error: what the operands brought, and rounding unless `exact`. */
static bool finish(struct math_ball *out, long error, bool exact) {
    long magnitude = ball_magnitude(out);

    if (!mpfr_number_p(out->re) || !mpfr_number_p(out->im) || magnitude > EXPONENT_LIMIT ||
        (magnitude < -EXPONENT_LIMIT && magnitude != MATH_NO_ERROR))
        return false;
    if (!exact && magnitude != MATH_NO_ERROR)
        error = larger(error, magnitude - (long)mpfr_get_prec(out->re));
    else if (!exact)
        error = larger(error, -EXPONENT_LIMIT);
    out->error = error <= MATH_NO_ERROR / 2 ? MATH_NO_ERROR : error + 2;
    return true;
}

void ball_set_integer(struct math_ball *out, long value) {
    mpfr_set_si(out->re, value, MPFR_RNDN);
    mpfr_set_ui(out->im, 0, MPFR_RNDN);
    out->real = true;
    out->error = MATH_NO_ERROR;
}

void ball_set_double(struct math_ball *out, double value) {
    ball_set_integer(out, 0);
    mpfr_set_d(out->re, value, MPFR_RNDN);
}

bool ball_set_digits(struct math_ball *out, struct text digits, int base) {
    char text[1024];
    size_t size = 0;
    long places = 0;
    int inexact;

    if (digits.size >= sizeof text)
        return false;
    for (size_t i = 0; i < digits.size; i++)
        if (digits.bytes[i] == '.')
            places = (long)(digits.size - i - 1);
        else
            text[size++] = digits.bytes[i];
    text[size] = 0;
    ball_set_integer(out, 0);
    {
        char *end;
        inexact = mpfr_strtofr(out->re, text, &end, base, MPFR_RNDN);
        if (*end != 0)
            return false;
    }
    if (places > 0) {
        mpfr_ui_pow_ui(out->im, (unsigned long)base, (unsigned long)places, MPFR_RNDN);
        inexact |= mpfr_div(out->re, out->re, out->im, MPFR_RNDN);
        inexact |= places > 50;
        mpfr_set_ui(out->im, 0, MPFR_RNDN);
    }
    return finish(out, MATH_NO_ERROR, inexact == 0);
}

void ball_set_constant(struct math_ball *out, enum math_constant constant) {
    ball_set_integer(out, 1);
    if (constant == MATH_I) {
        mpfr_swap(out->re, out->im);
        out->real = false;
        return;
    }
    if (constant == MATH_PI)
        mpfr_const_pi(out->re, MPFR_RNDN);
    else
        mpfr_exp(out->re, out->re, MPFR_RNDN);
    finish(out, MATH_NO_ERROR, false);
}

void ball_set(struct math_ball *out, const struct math_ball *from) {
    mpfr_set(out->re, from->re, MPFR_RNDN);
    mpfr_set(out->im, from->im, MPFR_RNDN);
    out->real = from->real;
    out->error = from->error;
}

bool ball_is_integer(const struct math_ball *ball, long *value) {
    if (!ball->real || !ball_is_exact(ball) || !mpfr_integer_p(ball->re) ||
        !mpfr_fits_slong_p(ball->re, MPFR_RNDN))
        return false;
    *value = mpfr_get_si(ball->re, MPFR_RNDN);
    return true;
}

bool ball_may_be_zero(const struct math_ball *ball) {
    return ball_magnitude(ball) - 1 <= ball->error;
}

int ball_sign(const struct math_ball *ball) {
    if (!ball->real || ball_may_be_zero(ball))
        return 0;
    return mpfr_sgn(ball->re);
}

bool ball_add(struct math_ball *out, const struct math_ball *a, const struct math_ball *b) {
    long error = larger(a->error, b->error);
    int inexact = mpfr_add(out->re, a->re, b->re, MPFR_RNDN);

    inexact |= mpfr_add(out->im, a->im, b->im, MPFR_RNDN);
    out->real = a->real && b->real;
    return finish(out, error, inexact == 0);
}

bool ball_subtract(struct math_ball *out, const struct math_ball *a, const struct math_ball *b) {
    long error = larger(a->error, b->error);
    int inexact = mpfr_sub(out->re, a->re, b->re, MPFR_RNDN);

    inexact |= mpfr_sub(out->im, a->im, b->im, MPFR_RNDN);
    out->real = a->real && b->real;
    return finish(out, error, inexact == 0);
}

/* (a + bi)(c + di) with two numbers of its own, for `out` may be an operand. */
static bool multiply_complex(struct math_ball *out, const struct math_ball *a,
                             const struct math_ball *b) {
    mpfr_t re, im;

    mpfr_init2(re, mpfr_get_prec(out->re));
    mpfr_init2(im, mpfr_get_prec(out->re));
    mpfr_fmms(re, a->re, b->re, a->im, b->im, MPFR_RNDN);
    mpfr_fmma(im, a->re, b->im, a->im, b->re, MPFR_RNDN);
    mpfr_swap(out->re, re);
    mpfr_swap(out->im, im);
    mpfr_clear(re);
    mpfr_clear(im);
    return false;
}

bool ball_multiply(struct math_ball *out, const struct math_ball *a, const struct math_ball *b) {
    long error = larger(ball_magnitude(a) + b->error, ball_magnitude(b) + a->error);
    bool real = a->real && b->real, exact;

    error = larger(error, a->error + b->error) + (real ? 0 : 1);
    if (real)
        exact = mpfr_mul(out->re, a->re, b->re, MPFR_RNDN) == 0;
    else
        exact = multiply_complex(out, a, b);
    if (real)
        mpfr_set_ui(out->im, 0, MPFR_RNDN);
    out->real = real;
    return finish(out, error, exact);
}

/* 1/(c + di) = (c - di)/(c² + d²) */
static void invert_complex(struct math_ball *out, const struct math_ball *a) {
    mpfr_t norm;

    mpfr_init2(norm, mpfr_get_prec(out->re));
    mpfr_fmma(norm, a->re, a->re, a->im, a->im, MPFR_RNDN);
    mpfr_div(out->re, a->re, norm, MPFR_RNDN);
    mpfr_div(out->im, a->im, norm, MPFR_RNDN);
    mpfr_neg(out->im, out->im, MPFR_RNDN);
    mpfr_clear(norm);
}

bool ball_divide(struct math_ball *out, const struct math_ball *a, const struct math_ball *b) {
    long above = ball_magnitude(a), below = ball_magnitude(b), error;

    if (below == MATH_NO_ERROR || b->error >= below - 3)
        return false;
    error = larger(a->error - below + 2, above + b->error - 2 * below + 4);
    if (a->real && b->real) {
        bool exact = mpfr_div(out->re, a->re, b->re, MPFR_RNDN) == 0;
        mpfr_set_ui(out->im, 0, MPFR_RNDN);
        out->real = true;
        return finish(out, error, exact);
    }
    {
        struct math_ball inverse;
        ball_init(&inverse, mpfr_get_prec(out->re));
        invert_complex(&inverse, b);
        multiply_complex(out, a, &inverse);
        ball_free(&inverse);
    }
    out->real = false;
    return finish(out, error + 2, false);
}

void ball_negate(struct math_ball *out) {
    mpfr_neg(out->re, out->re, MPFR_RNDN);
    mpfr_neg(out->im, out->im, MPFR_RNDN);
}
