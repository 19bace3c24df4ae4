/* RMS norm and layer norm of one row, forward and backward. Compiled per instruction set. */
#include <math.h>

#include "kernel/cpu/isa.h"
#include "kernel/cpu/vector.h"

/* ---- RMS norm ---- */

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

static float rms(float *y, const float *x, const float *gain, int64_t n, float epsilon) {
    float r = 1.0f / sqrtf(dot(x, x, n) / (float)n + epsilon);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * r * gain[i];
    return r;
}

static void rms_backward(float *dx, float *dgain, const float *dy, const float *x,
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

/* ---- layer norm ---- */

/* Σ (x − shift), or the sum of its squares. */
INLINE float moment(const float *x, float shift, int64_t n, const bool squared) {
    vector total = splat(0);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vector d = load(x + i) - shift;
        total += squared ? d * d : d;
    }
    if (i < n) {
        vector d = load_part(x + i, n - i, shift) - shift;
        total += squared ? d * d : d;
    }
    return sum(total);
}

static float layer(float *y, float *m, const float *x, const float *gain, const float *bias,
                   int64_t n, float epsilon) {
    float mean = moment(x, 0, n, false) / (float)n;
    float r = 1.0f / sqrtf(moment(x, mean, n, true) / (float)n + epsilon);
    *m = mean;
    if (bias != NULL)
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * r * gain[i] + bias[i];
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * r * gain[i];
    return r;
}

static void layer_backward(float *dx, float *dgain, float *dbias, const float *dy, const float *x,
                           const float *gain, float m, float r, int64_t n, bool accumulate) {
    vector total = splat(0), weighted = splat(0);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vector d = load(dy + i), normed = (load(x + i) - m) * r, g = d * load(gain + i);
        total += g;
        weighted += g * normed;
        store(dgain + i, load(dgain + i) + d * normed);
        if (dbias != NULL)
            store(dbias + i, load(dbias + i) + d);
    }
    float mean = sum(total), mean_weighted = sum(weighted);
    for (; i < n; i++) {
        float normed = (x[i] - m) * r, g = dy[i] * gain[i];
        mean += g;
        mean_weighted += g * normed;
        dgain[i] += dy[i] * normed;
        if (dbias != NULL)
            dbias[i] += dy[i];
    }
    mean /= (float)n;
    mean_weighted /= (float)n;
    for (i = 0; i < n; i++) {
        float d = r * (gain[i] * dy[i] - mean - (x[i] - m) * r * mean_weighted);
        dx[i] = accumulate ? dx[i] + d : d;
    }
}

extern const struct norm_kernels ISA_NAME(norm_kernels);
const struct norm_kernels ISA_NAME(norm_kernels) = {
    .rms = rms,
    .rms_backward = rms_backward,
    .layer = layer,
    .layer_backward = layer_backward,
};
