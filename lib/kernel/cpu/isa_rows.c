/* Work on one row: norms, SwiGLU, rotation, exponentials, sums. Compiled per instruction set. */
#include <math.h>

#include "kernel/cpu/isa.h"
#include "kernel/cpu/vector.h"

static float dot(const float *x, const float *y, int64_t n) {
    vector a = splat(0), b = splat(0);
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        a += load(x + i) * load(y + i);
        b += load(x + i + LANES) * load(y + i + LANES);
    }
    for (; i + LANES <= n; i += LANES)
        a += load(x + i) * load(y + i);
    if (i < n)
        a += load_part(x + i, n - i, 0) * load_part(y + i, n - i, 0);
    return sum(a + b);
}

static float rms_norm(float *y, const float *x, const float *gain, int64_t n, float epsilon) {
    float r = 1.0f / sqrtf(dot(x, x, n) / (float)n + epsilon);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * r * gain[i];
    return r;
}

static void rms_norm_backward(float *dx, float *dgain, const float *dy, const float *x,
                              const float *gain, float r, int64_t n, bool accumulate) {
    vector total = splat(0);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vector product = load(dy + i) * load(x + i);
        total += product * load(gain + i);
        store(dgain + i, load(dgain + i) + product * r);
    }
    float mean = sum(total);
    for (; i < n; i++) {
        mean += dy[i] * x[i] * gain[i];
        dgain[i] += dy[i] * x[i] * r;
    }
    float back = mean / (float)n * r * r * r;
    if (accumulate)
        for (i = 0; i < n; i++)
            dx[i] += r * gain[i] * dy[i] - x[i] * back;
    else
        for (i = 0; i < n; i++)
            dx[i] = r * gain[i] * dy[i] - x[i] * back;
}

INLINE vector swiglu_lanes(vector gate, vector up) {
    return gate * up / (1.0f + exponential(-gate));
}

static void swiglu(float *y, const float *gate, const float *up, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, swiglu_lanes(load(gate + i), load(up + i)));
    if (i < n)
        store_part(y + i, swiglu_lanes(load_part(gate + i, n - i, 0), load_part(up + i, n - i, 0)),
                   n - i);
}

/* With s = sigmoid(g): d(g·s)/dg = s·(1 + g·(1 − s)). */
INLINE void swiglu_backward_lanes(vector dy, vector gate, vector up, vector *dgate, vector *dup) {
    vector s = 1.0f / (1.0f + exponential(-gate));
    vector silu = gate * s;
    *dup = dy * silu;
    *dgate = dy * up * (s + silu * (1.0f - s));
}

static void swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate,
                            const float *up, int64_t n) {
    int64_t i = 0;
    vector dg, du;
    for (; i + LANES <= n; i += LANES) {
        swiglu_backward_lanes(load(dy + i), load(gate + i), load(up + i), &dg, &du);
        store(dgate + i, dg);
        store(dup + i, du);
    }
    if (i == n)
        return;
    swiglu_backward_lanes(load_part(dy + i, n - i, 0), load_part(gate + i, n - i, 0),
                          load_part(up + i, n - i, 0), &dg, &du);
    store_part(dgate + i, dg, n - i);
    store_part(dup + i, du, n - i);
}

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
        broken = select(v == v, broken, v);
    }
    if (i < n) {
        vector v = load_part(x + i, n - i, -INFINITY);
        most = larger(v, most);
        broken = select(v == v, broken, v);
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
    .rms_norm = rms_norm,
    .rms_norm_backward = rms_norm_backward,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .rotate = rotate,
    .maximum = maximum,
    .exponential = exponentials,
    .scale = scale,
    .add = add,
    .sum_of_squares = sum_of_squares,
    .widen = widen_run,
};
