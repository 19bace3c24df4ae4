/*
 * Trees to quotients of polynomials.
 */
#include "grade/math_exact.h"

#include <string.h>

#include "grade/math_polynomial.h"
#include "grade/math_small.h"

struct quotient {
    struct math_polynomial above, below;
};

struct builder {
    const struct math_tree *tree;
    struct math_ring ring;
    bool undecidable; /* what differs as a polynomial may still be the same number */
};

static bool build(struct builder *builder, int node, struct quotient *out);

static void quotient_free(struct quotient *quotient) {
    polynomial_free(&quotient->above);
    polynomial_free(&quotient->below);
}

static void set_rational(struct quotient *out, const mpq_t value) {
    mpq_t one;

    mpq_init(one);
    mpq_set_ui(one, 1, 1);
    polynomial_constant(&out->above, value);
    polynomial_constant(&out->below, one);
    mpq_clear(one);
}

static void set_fraction(struct quotient *out, long above, unsigned long below) {
    mpq_t value;

    mpq_init(value);
    mpq_set_si(value, above, below);
    mpq_canonicalize(value);
    set_rational(out, value);
    mpq_clear(value);
}

static bool set_generator(struct builder *builder, struct quotient *out,
                          enum math_generator_kind kind, uint64_t name) {
    int generator = math_generator(&builder->ring, kind, name);

    if (generator < 0)
        return false;
    set_fraction(out, 1, 1);
    out->above.terms[0].exponents[generator] = MATH_EXPONENT_UNIT;
    return true;
}

/* ---- numbers ---- */

static bool build_number(const struct math_node *number, struct quotient *out) {
    char digits[512];
    size_t size = 0, places = 0;
    int base = number->base == 0 ? 10 : number->base;
    const char *point = memchr(number->text.bytes, '.', number->text.size);
    mpq_t value;
    bool fine;

    if (number->text.size >= sizeof digits)
        return false;
    if (point != NULL)
        places = number->text.size - (size_t)(point - number->text.bytes) - 1;
    for (size_t i = 0; i < number->text.size; i++)
        if (number->text.bytes[i] != '.')
            digits[size++] = number->text.bytes[i];
    digits[size] = 0;
    mpq_init(value);
    fine = mpz_set_str(mpq_numref(value), digits, base) == 0;
    mpz_ui_pow_ui(mpq_denref(value), (unsigned long)base, places);
    mpq_canonicalize(value);
    if (fine)
        set_rational(out, value);
    mpq_clear(value);
    return fine;
}

static bool build_constant(struct builder *builder, int constant, struct quotient *out) {
    if (constant == MATH_INFINITY)
        return false;
    if (constant == MATH_I)
        return set_generator(builder, out, GENERATOR_I, 0);
    return set_generator(builder, out, GENERATOR_POSITIVE, (uint64_t)constant);
}

/* ---- arithmetic ---- */

static bool add(struct builder *builder, struct quotient *out, const struct quotient *other) {
    struct math_polynomial across = {0};
    struct math_ring *ring = &builder->ring;
    bool fine;

    if (polynomial_equal(&out->below, &other->below))
        return polynomial_add(ring, &out->above, &other->above, 1);
    fine = polynomial_multiply(ring, &across, &other->above, &out->below) &&
           polynomial_multiply(ring, &out->above, &out->above, &other->below) &&
           polynomial_add(ring, &out->above, &across, 1) &&
           polynomial_multiply(ring, &out->below, &out->below, &other->below);
    polynomial_free(&across);
    return fine;
}

static bool multiply(struct builder *builder, struct quotient *out, const struct quotient *other) {
    return polynomial_multiply(&builder->ring, &out->above, &out->above, &other->above) &&
           polynomial_multiply(&builder->ring, &out->below, &out->below, &other->below);
}

static bool invert(struct quotient *out) {
    struct math_polynomial above = out->above;

    if (above.count == 0)
        return false;
    out->above = out->below;
    out->below = above;
    return true;
}

static void negate(struct quotient *out) {
    for (int i = 0; i < out->above.count; i++)
        mpq_neg(out->above.terms[i].coefficient, out->above.terms[i].coefficient);
}

/* Sums and products; a quotient is its first child times the inverse of its second. */
static bool build_children(struct builder *builder, const struct math_node *node,
                           struct quotient *out) {
    bool fine = build(builder, node->child, out);

    for (int child = builder->tree->nodes[node->child].next; child >= 0 && fine;
         child = builder->tree->nodes[child].next) {
        struct quotient next = {0};
        fine = build(builder, child, &next) && (node->kind != MATH_QUOTIENT || invert(&next)) &&
               (node->kind == MATH_SUM ? add(builder, out, &next) : multiply(builder, out, &next));
        quotient_free(&next);
    }
    return fine;
}

/* ---- powers ---- */

/* Multiplies integer^(exponent) into a term, the integer split into primes as far as found. */
static bool put_root(struct builder *builder, struct math_term *term, mpz_t integer,
                     int32_t exponent) {
    unsigned long prime = 2;

    builder->ring.work -= 100; /* trial divisions */
    while (mpz_cmp_ui(integer, 1) != 0) {
        unsigned long factor = prime;
        int generator;
        if (prime * prime > 1000000 || mpz_cmp_ui(integer, prime * prime) < 0) {
            if (!mpz_fits_ulong_p(integer))
                return false;
            factor = mpz_get_ui(integer);
            builder->undecidable |= factor > 1000000;
        } else if (!mpz_divisible_ui_p(integer, prime)) {
            prime += prime == 2 ? 1 : 2;
            continue;
        }
        mpz_divexact_ui(integer, integer, factor);
        generator = math_generator(&builder->ring, GENERATOR_INTEGER, factor);
        if (generator < 0 || term->exponents[generator] > INT32_MAX / 4 ||
            term->exponents[generator] < INT32_MIN / 4)
            return false;
        term->exponents[generator] += exponent;
    }
    return true;
}

/* i^numerator for a square root, the sign for an odd root (the real one); others we leave. */
static bool put_sign(struct builder *builder, struct math_term *term, struct math_small exponent) {
    int generator;

    if (exponent.denominator % 2 != 0) {
        if (exponent.numerator % 2 != 0)
            mpq_neg(term->coefficient, term->coefficient);
        return true;
    }
    generator = math_generator(&builder->ring, GENERATOR_I, 0);
    if (exponent.denominator != 2 || generator < 0)
        return false;
    term->exponents[generator] +=
        (int32_t)(((exponent.numerator % 4) + 4) % 4) * MATH_EXPONENT_UNIT;
    return true;
}

/* Whether the generators of a term may be raised to a fraction one by one. */
static bool may_split(const struct math_ring *ring, const struct math_term *term) {
    int variables = 0;

    for (int i = 0; i < ring->count; i++) {
        if (term->exponents[i] == 0)
            continue;
        if (ring->generators[i].kind == GENERATOR_I)
            return false;
        if (ring->generators[i].kind == GENERATOR_VARIABLE &&
            (term->exponents[i] != MATH_EXPONENT_UNIT || ++variables > 1 ||
             mpq_sgn(term->coefficient) < 0))
            return false;
    }
    return true;
}

/* One term to the power of a small fraction. */
static bool root_term(struct builder *builder, struct math_term *term, struct math_small exponent) {
    bool negative = mpq_sgn(term->coefficient) < 0, fine;
    int32_t units = (int32_t)(exponent.numerator * MATH_EXPONENT_UNIT / exponent.denominator);
    mpz_t above, below;

    if (!may_split(&builder->ring, term))
        return false;
    for (int i = 0; i < builder->ring.count; i++) {
        int64_t scaled = (int64_t)term->exponents[i] * exponent.numerator;
        if (scaled % exponent.denominator != 0 || scaled / exponent.denominator > INT32_MAX / 4 ||
            scaled / exponent.denominator < INT32_MIN / 4)
            return false;
        term->exponents[i] = (int32_t)(scaled / exponent.denominator);
    }
    mpz_inits(above, below, NULL);
    mpz_abs(above, mpq_numref(term->coefficient));
    mpz_set(below, mpq_denref(term->coefficient));
    mpq_set_ui(term->coefficient, 1, 1);
    fine = put_root(builder, term, above, units) && put_root(builder, term, below, -units) &&
           (!negative || put_sign(builder, term, exponent));
    mpz_clears(above, below, NULL);
    return fine;
}

static bool root(struct builder *builder, struct quotient *out, struct math_small exponent) {
    struct quotient *q = out;

    if (exponent.denominator > 5040 || MATH_EXPONENT_UNIT % exponent.denominator != 0 ||
        exponent.numerator > 10000 || exponent.numerator < -10000)
        return false;
    if (q->above.count == 0)
        return exponent.numerator > 0;
    if (q->above.count != 1 || q->below.count != 1)
        return false;
    /* The sign belongs above, and a variable below has no root of its own (principal values). */
    if (mpq_sgn(q->below.terms[0].coefficient) < 0) {
        mpq_neg(q->below.terms[0].coefficient, q->below.terms[0].coefficient);
        negate(q);
    }
    for (int i = 0; i < builder->ring.count; i++)
        if (builder->ring.generators[i].kind != GENERATOR_INTEGER &&
            q->below.terms[0].exponents[i] != 0)
            return false;
    return root_term(builder, &q->above.terms[0], exponent) &&
           root_term(builder, &q->below.terms[0], exponent) &&
           polynomial_settle(&builder->ring, &q->above) &&
           polynomial_settle(&builder->ring, &q->below);
}

static bool build_power(struct builder *builder, int base, struct math_small exponent,
                        struct quotient *out) {
    struct math_ring *ring = &builder->ring;
    unsigned long times =
        (unsigned long)(exponent.numerator < 0 ? -exponent.numerator : exponent.numerator);

    if (!build(builder, base, out))
        return false;
    if (exponent.denominator != 1)
        return root(builder, out, exponent);
    if (out->above.count == 0)
        return exponent.numerator > 0;
    return times <= MATH_COEFFICIENT_BITS &&
           polynomial_power(ring, &out->above, &out->above, times) &&
           polynomial_power(ring, &out->below, &out->below, times) &&
           (exponent.numerator >= 0 || invert(out));
}

static bool build_root(struct builder *builder, const struct math_node *node,
                       struct quotient *out) {
    int64_t degree;

    return math_small_integer(builder->tree, builder->tree->nodes[node->child].next, 2, 5040,
                              &degree) &&
           build_power(builder, node->child, (struct math_small){1, degree}, out);
}

/* ---- functions ---- */

static bool build_combinatorial(struct builder *builder, const struct math_node *node,
                                struct quotient *out) {
    int64_t n, k = 0;
    mpq_t value;

    if (!math_small_integer(builder->tree, node->child, 0, 1000, &n) ||
        (node->detail == MATH_BINOMIAL &&
         !math_small_integer(builder->tree, builder->tree->nodes[node->child].next, 0, 1000, &k)))
        return false;
    mpq_init(value);
    if (node->detail == MATH_BINOMIAL)
        mpz_bin_uiui(mpq_numref(value), (unsigned long)n, (unsigned long)k);
    else
        mpz_fac_ui(mpq_numref(value), (unsigned long)n);
    mpz_set_ui(mpq_denref(value), 1);
    set_rational(out, value);
    mpq_clear(value);
    return true;
}

static bool build_function(struct builder *builder, const struct math_node *node,
                           struct quotient *out) {
    struct quotient factor = {0};
    bool fine;

    switch (node->detail) {
    case MATH_PERCENT:
        set_fraction(&factor, 1, 100);
        break;
    case MATH_DEGREE:
        if (!set_generator(builder, &factor, GENERATOR_POSITIVE, MATH_PI))
            return false;
        mpq_set_ui(factor.above.terms[0].coefficient, 1, 180);
        break;
    case MATH_FACTORIAL:
    case MATH_BINOMIAL:
        return build_combinatorial(builder, node, out);
    default:
        return false;
    }
    fine = build(builder, node->child, out) && multiply(builder, out, &factor);
    quotient_free(&factor);
    return fine;
}

static bool build(struct builder *builder, int node, struct quotient *out) {
    const struct math_node *here = &builder->tree->nodes[node];
    struct math_small exponent;

    if (--builder->ring.work < 0)
        return false;
    switch (here->kind) {
    case MATH_NUMBER:
        return build_number(here, out);
    case MATH_SYMBOL:
        return set_generator(builder, out, GENERATOR_VARIABLE, here->hash);
    case MATH_CONSTANT:
        return build_constant(builder, here->detail, out);
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
        return build_children(builder, here, out);
    case MATH_NEGATIVE:
        if (!build(builder, here->child, out))
            return false;
        negate(out);
        return true;
    case MATH_POWER:
        return math_small_value(builder->tree, builder->tree->nodes[here->child].next, &exponent) &&
               build_power(builder, here->child, exponent, out);
    case MATH_ROOT:
        return build_root(builder, here, out);
    case MATH_FUNCTION:
        return build_function(builder, here, out);
    default:
        return false;
    }
}

/* π and e may depend on each other, for all that is known. */
static bool is_decidable(const struct builder *builder) {
    int positive = 0;

    for (int i = 0; i < builder->ring.count; i++)
        positive += builder->ring.generators[i].kind == GENERATOR_POSITIVE;
    return !builder->undecidable && positive <= 1;
}

enum math_outcome math_exact_compare(const struct math_tree *tree, int a, int b,
                                     enum math_relation relation, long *work) {
    struct builder builder = {.tree = tree, .ring.work = *work};
    struct quotient one = {0}, other = {0};
    enum math_outcome outcome = MATH_UNDECIDED;
    bool same;

    if (build(&builder, a, &one) && build(&builder, b, &other) &&
        polynomial_multiply(&builder.ring, &one.above, &one.above, &other.below) &&
        polynomial_multiply(&builder.ring, &other.above, &other.above, &one.below)) {
        same = relation == MATH_VALUES ? polynomial_equal(&one.above, &other.above)
                                       : polynomial_proportional(&one.above, &other.above,
                                                                 relation == MATH_SAME_DIRECTION);
        if (same)
            outcome = MATH_SAME;
        else if (relation == MATH_VALUES && is_decidable(&builder))
            outcome = MATH_OTHER;
    }
    quotient_free(&one);
    quotient_free(&other);
    *work = builder.ring.work > 0 ? builder.ring.work : 0;
    return outcome;
}
