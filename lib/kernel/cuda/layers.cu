/* Operations on elements: rotary position, SwiGLU, GELU. */
#include "kernel/cuda/lanes.h"

/* ---- rotary position ---- */

/* One element of the grid is one pair of one head. */
struct rotate {
    struct tensor x, positions, cosine, sine;
    int64_t head_size;
    bool inverse;
    struct id_check check;
    __device__ void operator()(int64_t row, int64_t column) const {
        int64_t pairs = cosine.columns, head = column / pairs, i = column % pairs;
        int32_t position = i32_at(positions, 0, row);
        if (!id_holds(check, position, row))
            return;
        float c = *f32_at(cosine, position, i), s = *f32_at(sine, position, i);
        s = inverse ? -s : s;
        cells a = cells_at(x, row, head * head_size + i), b = a + pairs;
        float u = a[0], v = b[0];
        a.put(0, u * c - v * s);
        b.put(0, v * c + u * s);
    }
};

void cuda_rotary(struct device *device, struct tensor x, struct tensor positions,
                 struct tensor cosine, struct tensor sine, int64_t heads, bool inverse) {
    struct id_check check = ids_below(device, "rotary", "positions", cosine.rows);
    launch_elements<1>(device, x.rows, heads * cosine.columns,
                       rotate{x, positions, cosine, sine, x.columns / heads, inverse, check});
    cuda_launched(device, "rotary", x);
}

/* ---- SwiGLU ---- */

template <int VEC> struct swiglu {
    struct tensor y, gate_up;
    __device__ void operator()(int64_t row, int64_t column) const {
        pack<VEC> gate = load<VEC>(cells_at(gate_up, row, column));
        pack<VEC> up = load<VEC>(cells_at(gate_up, row, column + y.columns)), result;
        for (int i = 0; i < VEC; i++)
            result.at[i] = gate.at[i] * up.at[i] / (1.0f + expf(-gate.at[i]));
        store<VEC>(cells_at(y, row, column), result);
    }
};

/* With s = sigmoid(g): d(g·s)/dg = s·(1 + g·(1 − s)). */
template <int VEC> struct swiglu_gradient {
    struct tensor dgate_up, dy, gate_up;
    __device__ void operator()(int64_t row, int64_t column) const {
        pack<VEC> gate = load<VEC>(cells_at(gate_up, row, column));
        pack<VEC> up = load<VEC>(cells_at(gate_up, row, column + dy.columns));
        pack<VEC> d = load<VEC>(cells_at(dy, row, column)), dgate, dup;
        for (int i = 0; i < VEC; i++) {
            float s = 1.0f / (1.0f + expf(-gate.at[i])), silu = gate.at[i] * s;
            dup.at[i] = d.at[i] * silu;
            dgate.at[i] = d.at[i] * up.at[i] * (s + silu * (1.0f - s));
        }
        store<VEC>(cells_at(dgate_up, row, column), dgate);
        store<VEC>(cells_at(dgate_up, row, column + dy.columns), dup);
    }
};

void cuda_swiglu_forward(struct device *device, struct tensor y, struct tensor gate_up) {
    if (cuda_width(y, gate_up) == 4)
        launch_elements<4>(device, y.rows, y.columns, swiglu<4>{y, gate_up});
    else
        launch_elements<1>(device, y.rows, y.columns, swiglu<1>{y, gate_up});
    cuda_launched(device, "swiglu_forward", y);
}

void cuda_swiglu_backward(struct device *device, struct tensor dgate_up, struct tensor dy,
                          struct tensor gate_up) {
    if (cuda_width(dgate_up, dy, gate_up) == 4)
        launch_elements<4>(device, dy.rows, dy.columns, swiglu_gradient<4>{dgate_up, dy, gate_up});
    else
        launch_elements<1>(device, dy.rows, dy.columns, swiglu_gradient<1>{dgate_up, dy, gate_up});
    cuda_launched(device, "swiglu_backward", dy);
}

/* ---- GELU ---- */

/* Φ(x): half of erfc, which keeps its digits far below zero. */
static __device__ __forceinline__ float normal_distribution(float x) {
    return 0.5f * erfcf(x * -0.70710678118654752440f);
}

/* (1 + tanh u)/2 = 1/(1 + exp(−2u)) with u = √(2/π)·(x + 0.044715·x³). */
static __device__ __forceinline__ float tanh_share(float x) {
    float twice = x * (1.59576912160573071176f + 0.07135481627159996f * x * x);
    return 1.0f / (1.0f + expf(-twice));
}

static __device__ __forceinline__ float gelu_of(float x, bool exact) {
    return x * (exact ? normal_distribution(x) : tanh_share(x));
}

static __device__ __forceinline__ float gelu_slope(float x, bool exact) {
    if (exact)
        return normal_distribution(x) + x * expf(x * x * -0.5f) * 0.39894228040143267794f;
    float s = tanh_share(x);
    float slope = 1.59576912160573071176f + 0.21406444881479988f * x * x; /* of 2u */
    float rest = x * s * (1.0f - s);
    return s + (rest != 0 ? rest * slope : 0); /* far from zero the slope may be infinite */
}

template <int VEC> struct gelu {
    struct tensor y, x;
    bool exact;
    __device__ void operator()(int64_t row, int64_t column) const {
        pack<VEC> value = load<VEC>(cells_at(x, row, column));
        for (int i = 0; i < VEC; i++)
            value.at[i] = gelu_of(value.at[i], exact);
        store<VEC>(cells_at(y, row, column), value);
    }
};

template <int VEC> struct gelu_gradient {
    struct tensor dx, dy, x;
    bool exact;
    __device__ void operator()(int64_t row, int64_t column) const {
        pack<VEC> value = load<VEC>(cells_at(x, row, column));
        pack<VEC> d = load<VEC>(cells_at(dy, row, column));
        for (int i = 0; i < VEC; i++)
            d.at[i] *= gelu_slope(value.at[i], exact);
        store<VEC>(cells_at(dx, row, column), d);
    }
};

void cuda_gelu_forward(struct device *device, struct tensor y, struct tensor x,
                       enum gelu_form form) {
    bool exact = form == GELU_EXACT;
    if (cuda_width(y, x) == 4)
        launch_elements<4>(device, y.rows, y.columns, gelu<4>{y, x, exact});
    else
        launch_elements<1>(device, y.rows, y.columns, gelu<1>{y, x, exact});
    cuda_launched(device, "gelu_forward", y);
}

void cuda_gelu_backward(struct device *device, struct tensor dx, struct tensor dy, struct tensor x,
                        enum gelu_form form) {
    bool exact = form == GELU_EXACT;
    if (cuda_width(dx, dy, x) == 4)
        launch_elements<4>(device, dy.rows, dy.columns, gelu_gradient<4>{dx, dy, x, exact});
    else
        launch_elements<1>(device, dy.rows, dy.columns, gelu_gradient<1>{dx, dy, x, exact});
    cuda_launched(device, "gelu_backward", dx);
}
