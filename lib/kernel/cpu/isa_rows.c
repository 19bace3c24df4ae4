/* Work on one row: rotation, exponentials, sums. Compiled per instruction set. */
#include <math.h>

#include "kernel/cpu/isa.h"
#include "kernel/cpu/vector.h"

static void rotate(float *restrict a, float *restrict b, const float *cosine, const float *sine,
                   int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float x = a[i], y = b[i];
        a[i] = x * cosine[i] - y * sine[i];
        b[i] = y * cosine[i] + x * sine[i];
    }
}

/* NaN where one is among them. */
static float maximum(const float *x, int64_t n) {
    vector most = splat(-INFINITY);
    vector broken = splat(0); /* a NaN in a lane that met one */
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vector v = load(x + i);
        most = larger(v, most);
        broken = blend(v == v, broken, v);
    }
    if (i < n) {
        vector v = load_part(x + i, n - i, -INFINITY);
        most = larger(v, most);
        broken = blend(v == v, broken, v);
    }
    float result = most[0], check = broken[0];
    for (int lane = 1; lane < LANES; lane++) {
        result = most[lane] > result ? most[lane] : result;
        check += broken[lane];
    }
    return check == check ? result : check;
}

/* Few enough terms a lane that their f32 sum stays good. */
static float exponentials_run(float *y, const float *x, float shift, int64_t n) {
    vector total = splat(0);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vector e = exponential(load(x + i) - shift);
        store(y + i, e);
        total += e;
    }
    if (i < n) {
        vector e = exponential(load_part(x + i, n - i, -INFINITY) - shift);
        store_part(y + i, e, n - i);
        total += e;
    }
    return sum(total);
}

/* Large vocabularies are summed in f64 over runs. */
static float exponentials(float *y, const float *x, float shift, int64_t n) {
    enum { RUN = 1024 };
    double total = 0;
    for (int64_t i = 0; i < n; i += RUN)
        total += (double)exponentials_run(y + i, x + i, shift, n - i < RUN ? n - i : RUN);
    return (float)total;
}

static double shares(float *y, const float *x, float shift, float factor, int64_t n) {
    vector total = splat(0);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vector e = exponential((load(x + i) - shift) * factor);
        if (y != NULL)
            store(y + i, e);
        total += e;
    }
    if (i < n) {
        vector e = exponential((load_part(x + i, n - i, -INFINITY) - shift) * factor);
        if (y != NULL)
            store_part(y + i, e, n - i);
        total += e;
    }
    return (double)sum(total);
}

/* Most runs hold none, and are left after a look at their largest. */
static int64_t at_least(int32_t *ids, const float *x, float limit, int64_t n) {
    enum { RUN = 4 * LANES };
    int64_t found = 0;
    for (int64_t i = 0; i < n; i += RUN) {
        int64_t end = i + RUN <= n ? i + RUN : n;
        if (end - i == RUN) {
            vector a = larger(load(x + i), load(x + i + LANES));
            vector b = larger(load(x + i + 2 * LANES), load(x + i + 3 * LANES));
            if (largest_lane(larger(a, b)) < limit)
                continue;
        }
        for (int64_t k = i; k < end; k++)
            if (x[k] >= limit)
                ids[found++] = (int32_t)k;
    }
    return found;
}

static void scale(float *y, float factor, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] *= factor;
}

static void add(float *restrict y, const float *restrict x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}

static doubles squares(const float *x) {
    half_vector v;
    memcpy(&v, x, sizeof v);
    doubles d = __builtin_convertvector(v, doubles);
    return d * d;
}

static double sum_of_squares(const float *x, int64_t n) {
    enum { HALF = LANES / 2 };
    doubles total[4] = {{0}};
    int64_t i = 0;
    for (; i + 4 * HALF <= n; i += 4 * HALF)
        for (int part = 0; part < 4; part++)
            total[part] += squares(x + i + part * HALF);
    total[0] += total[1] + total[2] + total[3];
    double result = 0;
    for (int lane = 0; lane < HALF; lane++)
        result += total[0][lane];
    for (; i < n; i++)
        result += (double)x[i] * (double)x[i];
    return result;
}

static void widen_run(float *y, const uint16_t *x, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, load_bf16(x + i));
    for (; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof bits);
    }
}

extern const struct row_kernels ISA_NAME(row_kernels);
const struct row_kernels ISA_NAME(row_kernels) = {
    .rotate = rotate,
    .maximum = maximum,
    .exponential = exponentials,
    .shares = shares,
    .at_least = at_least,
    .scale = scale,
    .add = add,
    .sum_of_squares = sum_of_squares,
    .widen = widen_run,
};
