/*
 * Balls: powers, logarithms, trigonometry. A derivative bounds how an argument's error grows; near
 * a singularity, where it does not, the modulus of continuity does, or the function fails.
 */
#include "grade/math_ball.h"

enum { EXPONENT_LIMIT = 1 << 22 };

static long larger(long a, long b) {
    return a > b ? a : b;
}

/* Takes down what the argument's error became; rounding is within a few units of the last place. */
static bool finish(struct math_ball *out, long error) {
    long magnitude = ball_magnitude(out);

    if (!mpfr_number_p(out->re) || !mpfr_number_p(out->im) || magnitude > EXPONENT_LIMIT)
        return false;
    error = larger(error, larger(magnitude, -EXPONENT_LIMIT) - (long)mpfr_get_prec(out->re));
    out->error = error + 2;
    return true;
}

static bool make_real(struct math_ball *out, long error) {
    mpfr_set_ui(out->im, 0, MPFR_RNDN);
    out->real = true;
    return finish(out, error);
}

bool ball_exp(struct math_ball *out, const struct math_ball *a) {
    long error = a->error;
    mpfr_t size;

    if (error > 0 || ball_magnitude(a) > 20)
        return false;
    if (a->real) {
        mpfr_exp(out->re, a->re, MPFR_RNDN);
        return make_real(out, ball_magnitude(out) + error + 1);
    }
    mpfr_init2(size, mpfr_get_prec(out->re));
    mpfr_exp(size, a->re, MPFR_RNDN);
    mpfr_sin_cos(out->im, out->re, a->im, MPFR_RNDN);
    mpfr_mul(out->re, out->re, size, MPFR_RNDN);
    mpfr_mul(out->im, out->im, size, MPFR_RNDN);
    error += (long)mpfr_get_exp(size) + 2;
    mpfr_clear(size);
    out->real = false;
    return finish(out, error);
}

bool ball_log(struct math_ball *out, const struct math_ball *a) {
    long magnitude = ball_magnitude(a), error = a->error - magnitude + 3;
    mpfr_t angle;

    if (magnitude == MATH_NO_ERROR || a->error >= magnitude - 3)
        return false;
    if (a->real && mpfr_sgn(a->re) > 0) {
        mpfr_log(out->re, a->re, MPFR_RNDN);
        return make_real(out, error);
    }
    /* On either side of the negative axis the angle is another one. */
    if (!a->real && mpfr_sgn(a->re) < 0 &&
        (mpfr_zero_p(a->im) || (long)mpfr_get_exp(a->im) - 1 <= a->error))
        return false;
    mpfr_init2(angle, mpfr_get_prec(out->re));
    if (a->real)
        mpfr_const_pi(angle, MPFR_RNDN);
    else
        mpfr_atan2(angle, a->im, a->re, MPFR_RNDN);
    mpfr_hypot(out->re, a->re, a->im, MPFR_RNDN);
    mpfr_log(out->re, out->re, MPFR_RNDN);
    mpfr_swap(out->im, angle);
    mpfr_clear(angle);
    out->real = false;
    return finish(out, larger(error, 4 - (long)mpfr_get_prec(out->re)));
}

/* e^(b log a) */
static bool general_power(struct math_ball *out, const struct math_ball *a,
                          const struct math_ball *b) {
    struct math_ball product;
    bool fine;

    ball_init(&product, mpfr_get_prec(out->re));
    fine = ball_log(&product, a) && ball_multiply(&product, &product, b) && ball_exp(out, &product);
    ball_free(&product);
    return fine;
}

bool ball_sqrt(struct math_ball *out, const struct math_ball *a) {
    long magnitude = ball_magnitude(a), error;
    struct math_ball half;
    bool fine, negative = mpfr_sgn(a->re) < 0, exact = ball_is_exact(a);

    if (!a->real) {
        ball_init(&half, mpfr_get_prec(out->re));
        ball_set_double(&half, 0.5);
        fine = general_power(out, a, &half);
        ball_free(&half);
        return fine;
    }
    if (magnitude == MATH_NO_ERROR || a->error >= magnitude - 3) {
        if (!exact && a->error > -64)
            return false;
        error = a->error;
        ball_set_integer(out, 0);
        out->error = exact ? MATH_NO_ERROR : error / 2 + 1;
        return true;
    }
    error = a->error - magnitude / 2 + 2;
    mpfr_abs(out->re, a->re, MPFR_RNDN);
    exact = mpfr_sqrt(out->re, out->re, MPFR_RNDN) == 0 && exact;
    fine = make_real(out, error);
    if (exact)
        out->error = MATH_NO_ERROR;
    if (negative) {
        mpfr_swap(out->re, out->im);
        out->real = false;
    }
    return fine;
}

bool ball_root(struct math_ball *out, const struct math_ball *a, unsigned long degree) {
    struct math_ball exponent;
    bool fine, exact;
    long magnitude = ball_magnitude(a);

    if (degree == 2)
        return ball_sqrt(out, a);
    if (a->real && a->error < magnitude - 3 && (degree % 2 == 1 || mpfr_sgn(a->re) > 0)) {
        /* |d root| <= |d a| * root / (degree * a) */
        long error = a->error - magnitude + 2;
        exact = ball_is_exact(a);
        exact = mpfr_rootn_ui(out->re, a->re, degree, MPFR_RNDN) == 0 && exact;
        fine = make_real(out, error + ball_magnitude(out) + 1);
        if (exact)
            out->error = MATH_NO_ERROR;
        return fine;
    }
    ball_init(&exponent, mpfr_get_prec(out->re));
    ball_set_integer(&exponent, 1);
    mpfr_div_ui(exponent.re, exponent.re, degree, MPFR_RNDN);
    exponent.error = -(long)mpfr_get_prec(out->re);
    fine = general_power(out, a, &exponent);
    ball_free(&exponent);
    return fine;
}

/* By squaring; a negative exponent divides at the end. */
static bool whole_power(struct math_ball *out, const struct math_ball *base, long exponent) {
    unsigned long left = (unsigned long)(exponent < 0 ? -exponent : exponent);
    struct math_ball square, one;
    bool fine = true;

    ball_init(&square, mpfr_get_prec(out->re));
    ball_init(&one, mpfr_get_prec(out->re));
    ball_set(&square, base);
    ball_set_integer(&one, 1);
    ball_set_integer(out, 1);
    for (; left > 0 && fine; left >>= 1) {
        if (left & 1)
            fine = ball_multiply(out, out, &square);
        if (left > 1)
            fine = fine && ball_multiply(&square, &square, &square);
    }
    if (exponent < 0)
        fine = fine && ball_divide(out, &one, out);
    ball_free(&square);
    ball_free(&one);
    return fine;
}

bool ball_power(struct math_ball *out, const struct math_ball *base,
                const struct math_ball *exponent) {
    long whole;

    if (ball_magnitude(base) == MATH_NO_ERROR && ball_is_exact(base)) {
        if (ball_sign(exponent) <= 0)
            return false;
        ball_set_integer(out, 0);
        return true;
    }
    if (ball_is_integer(exponent, &whole) && whole >= -EXPONENT_LIMIT && whole <= EXPONENT_LIMIT)
        return whole_power(out, base, whole);
    return general_power(out, base, exponent);
}

/* sin(a + bi) = sin a cosh b + i cos a sinh b;  cos(a + bi) = cos a cosh b - i sin a sinh b */
static bool circular(struct math_ball *out, const struct math_ball *a, bool cosine) {
    long error = a->error;
    mpfr_t sine, hyperbolic_sine;

    if (ball_magnitude(a) > 64 || (!a->real && ball_magnitude(a) > 8) || error > 0)
        return false;
    if (a->real) {
        if (cosine)
            mpfr_cos(out->re, a->re, MPFR_RNDN);
        else
            mpfr_sin(out->re, a->re, MPFR_RNDN);
        return make_real(out, error);
    }
    mpfr_init2(sine, mpfr_get_prec(out->re));
    mpfr_init2(hyperbolic_sine, mpfr_get_prec(out->re));
    mpfr_sin_cos(sine, out->re, a->re, MPFR_RNDN);
    mpfr_sinh_cosh(hyperbolic_sine, out->im, a->im, MPFR_RNDN);
    error += larger((long)mpfr_get_exp(out->im), 1) + 2;
    if (!cosine)
        mpfr_swap(sine, out->re);
    mpfr_mul(out->re, out->re, out->im, MPFR_RNDN);
    mpfr_mul(out->im, sine, hyperbolic_sine, MPFR_RNDN);
    if (cosine)
        mpfr_neg(out->im, out->im, MPFR_RNDN);
    mpfr_clear(sine);
    mpfr_clear(hyperbolic_sine);
    out->real = false;
    return finish(out, error);
}

bool ball_sin(struct math_ball *out, const struct math_ball *a) {
    return circular(out, a, false);
}

bool ball_cos(struct math_ball *out, const struct math_ball *a) {
    return circular(out, a, true);
}

/* Arc sine and cosine on [-1, 1]; what is beyond by no more than its error is at the end. */
static bool arc(struct math_ball *out, const struct math_ball *a, bool cosine) {
    int side = mpfr_sgn(a->re);
    long error = ball_is_exact(a) ? MATH_NO_ERROR : a->error / 2 + 1;

    mpfr_set(out->re, a->re, MPFR_RNDN);
    if (mpfr_cmp_si(out->re, side) * side > 0) {
        mpfr_sub_si(out->im, out->re, side, MPFR_RNDN);
        if (ball_is_exact(a) || (long)mpfr_get_exp(out->im) > a->error)
            return false;
        mpfr_set_si(out->re, side, MPFR_RNDN);
    }
    if (cosine)
        mpfr_acos(out->re, out->re, MPFR_RNDN);
    else
        mpfr_asin(out->re, out->re, MPFR_RNDN);
    return make_real(out, error);
}

bool ball_real_function(struct math_ball *out, const struct math_ball *a, int function) {
    long error = a->error;

    if (!a->real || error > 0 || ball_magnitude(a) > 16)
        return false;
    switch (function) {
    case MATH_ARCSIN:
        return arc(out, a, false);
    case MATH_ARCCOS:
        return arc(out, a, true);
    case MATH_ARCTAN:
        mpfr_atan(out->re, a->re, MPFR_RNDN);
        return make_real(out, error);
    case MATH_SINH:
        mpfr_sinh(out->re, a->re, MPFR_RNDN);
        break;
    case MATH_COSH:
        mpfr_cosh(out->re, a->re, MPFR_RNDN);
        break;
    case MATH_TANH:
        mpfr_tanh(out->re, a->re, MPFR_RNDN);
        return make_real(out, error);
    default:
        return false;
    }
    return make_real(out, error + larger(ball_magnitude(out), 0) + 3);
}

bool ball_abs(struct math_ball *out, const struct math_ball *a) {
    if (a->real) {
        ball_set(out, a);
        mpfr_abs(out->re, out->re, MPFR_RNDN);
        return true;
    }
    mpfr_hypot(out->re, a->re, a->im, MPFR_RNDN);
    return make_real(out, a->error + 1);
}

bool ball_floor(struct math_ball *out, const struct math_ball *a, bool up) {
    mpfr_t near;
    bool clear = ball_is_exact(a);

    if (!a->real || ball_magnitude(a) > (long)mpfr_get_prec(out->re))
        return false;
    mpfr_init2(near, mpfr_get_prec(out->re));
    mpfr_rint(near, a->re, MPFR_RNDN);
    mpfr_sub(near, near, a->re, MPFR_RNDN);
    clear = clear || (!mpfr_zero_p(near) && (long)mpfr_get_exp(near) - 1 > a->error);
    mpfr_clear(near);
    mpfr_rint(out->re, a->re, up ? MPFR_RNDU : MPFR_RNDD);
    mpfr_set_ui(out->im, 0, MPFR_RNDN);
    out->real = true;
    out->error = MATH_NO_ERROR;
    return clear;
}

bool ball_factorial(struct math_ball *out, const struct math_ball *a) {
    long whole, error = a->error;

    if (ball_is_integer(a, &whole)) {
        if (whole < 0 || whole > 10000)
            return false;
        mpfr_fac_ui(out->re, (unsigned long)whole, MPFR_RNDN);
        return make_real(out, MATH_NO_ERROR);
    }
    if (!a->real || ball_magnitude(a) > 8 || error > -8)
        return false;
    mpfr_add_ui(out->re, a->re, 1, MPFR_RNDN);
    mpfr_gamma(out->re, out->re, MPFR_RNDN);
    return make_real(out, larger(ball_magnitude(out), 0) + error + 6);
}
