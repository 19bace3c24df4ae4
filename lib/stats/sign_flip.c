/* The sign-flip test: see sign_flip.h. */
#include "stats/sign_flip.h"

#include <math.h>
#include <stdbool.h>

#include "base/random.h"

double fair_coin_test(size_t a, size_t b) {
    const size_t least = a < b ? a : b, all = a + b;
    long double tail = 0;
    if (a == b)
        return 1;
    for (size_t i = 0; i <= least; i++)
        tail += expl(lgammal((long double)all + 1) - lgammal((long double)i + 1) -
                     lgammal((long double)(all - i) + 1) - (long double)all * logl(2));
    return fmin(1, (double)(2 * tail));
}

/* Counts the signs; false where the magnitudes differ. */
static bool one_magnitude(const double *differences, size_t count, size_t signs[2]) {
    double magnitude = 0;
    for (size_t i = 0; i < count; i++) {
        const double size = fabs(differences[i]);
        if (size == 0)
            continue;
        if (magnitude == 0)
            magnitude = size;
        else if (fabs(size - magnitude) > 1e-9 * magnitude)
            return false;
        signs[differences[i] > 0]++;
    }
    return true;
}

static double random_sum(struct random *random, const double *differences, size_t count) {
    double sum = 0;
    uint32_t coins = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % 32 == 0)
            coins = random_u32(random);
        sum += (coins >> (i % 32) & 1) ? differences[i] : -differences[i];
    }
    return sum;
}

double sign_flip_test(const double *differences, size_t count, uint64_t seed, struct text id) {
    size_t signs[2] = {0}, hits = 0;
    double sum = 0, scale = 0;
    struct random random;
    if (one_magnitude(differences, count, signs))
        return fair_coin_test(signs[0], signs[1]);
    for (size_t i = 0; i < count; i++) {
        sum += differences[i];
        scale += fabs(differences[i]);
    }
    random_start(&random, &(struct random_name){.seed = seed, .purpose = "sign-flip", .id = id});
    /* Sums that differ by rounding alone are equal. */
    for (size_t flip = 0; flip < SIGN_FLIPS; flip++)
        hits += fabs(random_sum(&random, differences, count)) >= fabs(sum) - 1e-12 * scale;
    return (double)(1 + hits) / (double)(1 + SIGN_FLIPS);
}
