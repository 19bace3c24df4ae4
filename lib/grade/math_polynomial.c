/*
 * Sums of terms over the rational numbers: arithmetic with bounds.
 */
#include "grade/math_polynomial.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

int math_generator(struct math_ring *ring, enum math_generator_kind kind, uint64_t name) {
    for (int i = 0; i < ring->count; i++)
        if (ring->generators[i].kind == kind && ring->generators[i].name == name)
            return i;
    if (ring->count >= MATH_GENERATORS)
        return -1;
    ring->generators[ring->count] = (struct math_generator){kind, name};
    return ring->count++;
}

void polynomial_free(struct math_polynomial *polynomial) {
    for (int i = 0; i < polynomial->capacity; i++)
        mpq_clear(polynomial->terms[i].coefficient);
    free(polynomial->terms);
    *polynomial = (struct math_polynomial){0};
}

/* Room for `count` terms, all initialized. */
static void reserve(struct math_polynomial *polynomial, int count) {
    if (count <= polynomial->capacity)
        return;
    polynomial->terms = reallocate(polynomial->terms, (size_t)count, sizeof *polynomial->terms);
    for (int i = polynomial->capacity; i < count; i++)
        mpq_init(polynomial->terms[i].coefficient);
    polynomial->capacity = count;
}

static void set_term(struct math_term *to, const struct math_term *from) {
    mpq_set(to->coefficient, from->coefficient);
    memcpy(to->exponents, from->exponents, sizeof to->exponents);
}

void polynomial_constant(struct math_polynomial *out, const mpq_t value) {
    reserve(out, 1);
    mpq_set(out->terms[0].coefficient, value);
    memset(out->terms[0].exponents, 0, sizeof out->terms[0].exponents);
    out->count = mpq_sgn(value) != 0;
}

void polynomial_copy(struct math_polynomial *out, const struct math_polynomial *from) {
    if (out == from)
        return;
    reserve(out, from->count);
    for (int i = 0; i < from->count; i++)
        set_term(&out->terms[i], &from->terms[i]);
    out->count = from->count;
}

static size_t bits(const mpq_t value) {
    return mpz_sizeinbase(mpq_numref(value), 2) + mpz_sizeinbase(mpq_denref(value), 2);
}

/* Multiplies by integer^power, within the bound of bits. */
static bool scale_by_power(mpq_t coefficient, uint64_t integer, int32_t power) {
    unsigned long times = (unsigned long)(power < 0 ? -(int64_t)power : power);
    mpq_t factor;

    if (times > MATH_COEFFICIENT_BITS)
        return false;
    mpq_init(factor);
    mpz_ui_pow_ui(mpq_numref(factor), integer, times);
    if (power < 0)
        mpq_inv(factor, factor);
    mpq_mul(coefficient, coefficient, factor);
    mpq_clear(factor);
    return true;
}

/* Whole powers of integers and of i² go into the coefficient. */
static bool settle_term(const struct math_ring *ring, struct math_term *term) {
    const int32_t unit = MATH_EXPONENT_UNIT;

    for (int i = 0; i < ring->count; i++) {
        int32_t exponent = term->exponents[i];
        int32_t whole = exponent / unit - (exponent % unit < 0);
        if (ring->generators[i].kind == GENERATOR_INTEGER && whole != 0) {
            if (!scale_by_power(term->coefficient, ring->generators[i].name, whole))
                return false;
            term->exponents[i] = exponent - whole * unit;
        } else if (ring->generators[i].kind == GENERATOR_I) {
            if (exponent % unit != 0)
                return false;
            term->exponents[i] = (int32_t)(whole & 1) * unit;
            if (whole & 2)
                mpq_neg(term->coefficient, term->coefficient);
        }
    }
    return bits(term->coefficient) <= MATH_COEFFICIENT_BITS;
}

static int compare_terms(const void *a, const void *b) {
    const struct math_term *one = a, *other = b;
    return memcmp(one->exponents, other->exponents, sizeof one->exponents);
}

bool polynomial_settle(struct math_ring *ring, struct math_polynomial *out) {
    int kept = 0;

    for (int i = 0; i < out->count; i++)
        if (!settle_term(ring, &out->terms[i]))
            return false;
    if (out->count > 1)
        qsort(out->terms, (size_t)out->count, sizeof *out->terms, compare_terms);
    for (int i = 0; i < out->count; i++) {
        if (kept > 0 && compare_terms(&out->terms[kept - 1], &out->terms[i]) == 0) {
            mpq_add(out->terms[kept - 1].coefficient, out->terms[kept - 1].coefficient,
                    out->terms[i].coefficient);
        } else {
            kept -= kept > 0 && mpq_sgn(out->terms[kept - 1].coefficient) == 0;
            if (kept != i)
                set_term(&out->terms[kept], &out->terms[i]);
            kept++;
        }
    }
    kept -= kept > 0 && mpq_sgn(out->terms[kept - 1].coefficient) == 0;
    out->count = kept;
    return kept <= MATH_TERMS;
}

bool polynomial_add(struct math_ring *ring, struct math_polynomial *out,
                    const struct math_polynomial *other, int factor) {
    int count = out->count;

    ring->work -= count + other->count;
    if (ring->work < 0)
        return false;
    reserve(out, count + other->count);
    for (int i = 0; i < other->count; i++) {
        set_term(&out->terms[count + i], &other->terms[i]);
        if (factor < 0)
            mpq_neg(out->terms[count + i].coefficient, out->terms[count + i].coefficient);
    }
    out->count = count + other->count;
    return polynomial_settle(ring, out);
}

static bool multiply_terms(struct math_term *out, const struct math_term *a,
                           const struct math_term *b) {
    mpq_mul(out->coefficient, a->coefficient, b->coefficient);
    for (int i = 0; i < MATH_GENERATORS; i++) {
        int64_t exponent = (int64_t)a->exponents[i] + b->exponents[i];
        if (exponent > INT32_MAX / 2 || exponent < INT32_MIN / 2)
            return false;
        out->exponents[i] = (int32_t)exponent;
    }
    return true;
}

/* Work is counted in products of 256 bits. */
static long cost(const struct math_polynomial *a) {
    long all = 0;

    for (int i = 0; i < a->count; i++)
        all += 1 + (long)bits(a->terms[i].coefficient) / 256;
    return all;
}

bool polynomial_multiply(struct math_ring *ring, struct math_polynomial *out,
                         const struct math_polynomial *a, const struct math_polynomial *b) {
    struct math_polynomial product = {0};
    bool fine = true;

    ring->work -= cost(a) * cost(b);
    if (ring->work < 0 || a->count * b->count > 16 * MATH_TERMS)
        return false;
    reserve(&product, a->count * b->count);
    product.count = a->count * b->count;
    for (int i = 0; i < a->count && fine; i++)
        for (int j = 0; j < b->count && fine; j++)
            fine = multiply_terms(&product.terms[i * b->count + j], &a->terms[i], &b->terms[j]);
    fine = fine && polynomial_settle(ring, &product);
    if (fine) {
        polynomial_free(out);
        *out = product;
    } else {
        polynomial_free(&product);
    }
    return fine;
}

bool polynomial_power(struct math_ring *ring, struct math_polynomial *out,
                      const struct math_polynomial *base, unsigned long exponent) {
    struct math_polynomial square = {0}, result = {0};
    mpq_t one;
    bool fine = true;

    mpq_init(one);
    mpq_set_ui(one, 1, 1);
    polynomial_constant(&result, one);
    mpq_clear(one);
    polynomial_copy(&square, base);
    for (; exponent > 0 && fine; exponent >>= 1) {
        if (exponent & 1)
            fine = polynomial_multiply(ring, &result, &result, &square);
        if (exponent > 1)
            fine = fine && polynomial_multiply(ring, &square, &square, &square);
    }
    polynomial_free(&square);
    if (fine) {
        polynomial_free(out);
        *out = result;
    } else {
        polynomial_free(&result);
    }
    return fine;
}

bool polynomial_equal(const struct math_polynomial *a, const struct math_polynomial *b) {
    if (a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++)
        if (compare_terms(&a->terms[i], &b->terms[i]) != 0 ||
            !mpq_equal(a->terms[i].coefficient, b->terms[i].coefficient))
            return false;
    return true;
}

bool polynomial_proportional(const struct math_polynomial *a, const struct math_polynomial *b,
                             bool positive) {
    mpq_t ratio, own;
    bool same = a->count == b->count && a->count > 0;

    mpq_inits(ratio, own, NULL);
    if (same) {
        mpq_div(ratio, a->terms[0].coefficient, b->terms[0].coefficient);
        same = !positive || mpq_sgn(ratio) > 0;
    }
    for (int i = 0; i < a->count && same; i++) {
        mpq_div(own, a->terms[i].coefficient, b->terms[i].coefficient);
        same = compare_terms(&a->terms[i], &b->terms[i]) == 0 && mpq_equal(own, ratio);
    }
    mpq_clears(ratio, own, NULL);
    return same;
}
