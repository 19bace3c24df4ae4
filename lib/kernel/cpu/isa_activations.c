/* SwiGLU and GELU over a run of elements, forward and backward. Compiled per instruction set. */
#include "kernel/cpu/isa.h"
#include "kernel/cpu/vector.h"

/* ---- SwiGLU ---- */

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

/* ---- GELU ---- */

/*
 * Φ(x) of the standard normal distribution, to about two units in the last place of the larger of
 * Φ and 1 − Φ: erfc(t)·exp(t²) for t = |x|/√2 is z times a polynomial of degree 8 in
 * z = 1/(1 + 0.4·t), fitted for the least relative error (7e-8) over 0 ≤ t ≤ 10. Returns
 * exp(−x²/2) as well, for the density.
 */
INLINE vector normal_distribution(vector x, vector *bell) {
    vector t = (vector)((integers)x & 0x7fffffff) * 0.70710678118654752440f;
    vector z = 1.0f / (1.0f + 0.4f * t);
    vector p = splat(0.041253332048654556f);
    p = p * z - 0.14032062888145447f;
    p = p * z + 0.08399010449647903f;
    p = p * z + 0.08796120434999466f;
    p = p * z + 0.07975859194993973f;
    p = p * z + 0.19339235126972198f;
    p = p * z + 0.2018878012895584f;
    p = p * z + 0.2264430820941925f;
    p = p * z + 0.22563423216342926f;
    *bell = exponential(x * x * -0.5f);
    vector half = 0.5f * p * z * *bell;
    return blend(x < 0.0f, half, 1.0f - half);
}

INLINE vector gelu_lanes(vector x) {
    vector bell;
    return x * normal_distribution(x, &bell);
}

/* Φ(x) + x·φ(x) */
INLINE vector gelu_slope(vector x) {
    vector bell;
    vector share = normal_distribution(x, &bell);
    return share + x * bell * 0.39894228040143267794f;
}

/* (1 + tanh u)/2 = 1/(1 + exp(−2u)) with u = √(2/π)·(x + 0.044715·x³). */
INLINE vector tanh_share(vector x) {
    vector twice = x * (1.59576912160573071176f + 0.07135481627159996f * x * x);
    return 1.0f / (1.0f + exponential(-twice));
}

INLINE vector gelu_tanh_lanes(vector x) {
    return x * tanh_share(x);
}

INLINE vector gelu_tanh_slope(vector x) {
    vector s = tanh_share(x);
    vector slope = 1.59576912160573071176f + 0.21406444881479988f * x * x; /* of 2u */
    return s + x * s * (1.0f - s) * slope;
}

static void gelu(float *y, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, gelu_lanes(load(x + i)));
    if (i < n)
        store_part(y + i, gelu_lanes(load_part(x + i, n - i, 0)), n - i);
}

static void gelu_backward(float *dx, const float *dy, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(dx + i, load(dy + i) * gelu_slope(load(x + i)));
    if (i < n)
        store_part(dx + i, load_part(dy + i, n - i, 0) * gelu_slope(load_part(x + i, n - i, 0)),
                   n - i);
}

static void gelu_tanh(float *y, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, gelu_tanh_lanes(load(x + i)));
    if (i < n)
        store_part(y + i, gelu_tanh_lanes(load_part(x + i, n - i, 0)), n - i);
}

static void gelu_tanh_backward(float *dx, const float *dy, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(dx + i, load(dy + i) * gelu_tanh_slope(load(x + i)));
    if (i < n)
        store_part(dx + i,
                   load_part(dy + i, n - i, 0) * gelu_tanh_slope(load_part(x + i, n - i, 0)),
                   n - i);
}

extern const struct activation_kernels ISA_NAME(activation_kernels);
const struct activation_kernels ISA_NAME(activation_kernels) = {
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .gelu = gelu,
    .gelu_backward = gelu_backward,
    .gelu_tanh = gelu_tanh,
    .gelu_tanh_backward = gelu_tanh_backward,
};
