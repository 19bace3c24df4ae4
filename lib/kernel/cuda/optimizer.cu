/*
 * Gradient norms and optimizer steps. A step reads and writes master, gradient and moments once;
 * a bf16 weight's master is its two halves (kernel.h).
 */
#include <cmath>

#include "kernel/cuda/lanes.h"

/* ---- norms ---- */

constexpr int SUM_THREADS = 256;
constexpr int SUM_EACH = 1 << 15;

__global__ void squares(double *partial, struct tensor x, int64_t chunks) {
    int64_t row = blockIdx.x / chunks, chunk = blockIdx.x % chunks;
    int64_t end = smaller((chunk + 1) * SUM_EACH, x.columns);
    double sum = 0;
    for (int64_t c = chunk * SUM_EACH + threadIdx.x; c < end; c += blockDim.x) {
        double value = static_cast<double>(*f32_at(x, row, c));
        sum += value * value;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0)
        partial[blockIdx.x] = sum;
}

__global__ void merge_squares(float *sum, const double *partial, int64_t count, bool accumulate) {
    double total = 0;
    for (int64_t i = threadIdx.x; i < count; i += blockDim.x)
        total += partial[i];
    total = block_sum(total);
    if (threadIdx.x == 0)
        *sum = static_cast<float>(total + (accumulate ? static_cast<double>(*sum) : 0));
}

void cuda_sum_of_squares(struct device *device, struct tensor sum, struct tensor x,
                         bool accumulate) {
    if (x.stride == x.columns) {
        x.columns *= x.rows;
        x.rows = x.rows > 0 ? 1 : 0;
    }
    int64_t chunks = (x.columns + SUM_EACH - 1) / SUM_EACH, count = x.rows * chunks;
    double *partial =
        static_cast<double *>(cuda_scratch(device, SCRATCH_WORK, (size_t)count * sizeof(double)));
    if (partial == nullptr)
        return;
    if (count > 0)
        LAUNCH(squares, (unsigned)count, SUM_THREADS, 0, cuda_of(device)->stream, partial, x,
               chunks);
    LAUNCH(merge_squares, 1, SUM_THREADS, 0, cuda_of(device)->stream,
           static_cast<float *>(sum.data), partial, count, accumulate);
    cuda_launched(device, "sum_of_squares", x);
}

/* A NaN stays one, so that the step it would hide shows. */
__global__ void clip(float *factor, const float *sum, float limit) {
    float share = limit / (sqrtf(*sum) + 1e-6f);
    if (threadIdx.x == 0)
        *factor = share > 1 ? 1 : share;
}

void cuda_clip_factor(struct device *device, struct tensor factor, struct tensor sum, float limit) {
    LAUNCH(clip, 1, WARP_LANES, 0, cuda_of(device)->stream, static_cast<float *>(factor.data),
           static_cast<const float *>(sum.data), limit);
    cuda_launched(device, "clip_factor", sum);
}

/* ---- steps ---- */

/* VEC 16-bit numbers that lie together. Here and below addresses are those of cells: through ones
 * of elements nvcc 13.0 stores them one by one. */
template <int VEC> struct __align__(VEC * 2) halves {
    uint16_t at[VEC];
};

template <int VEC>
static __device__ __forceinline__ halves<VEC> *halves_at(const struct tensor &tensor, int64_t row,
                                                         int64_t column) {
    cells here = cells{tensor.data, true} + (row * tensor.stride + column);
    return static_cast<halves<VEC> *>(here.data);
}

/* The masters of a weight: f32, or (value << 16) + low. */
template <int VEC>
static __device__ __forceinline__ pack<VEC>
load_masters(const struct tensor &value, const struct tensor &low, int64_t row, int64_t column) {
    if (value.type == DTYPE_F32)
        return load<VEC>(cells_at(value, row, column));
    halves<VEC> high = *halves_at<VEC>(value, row, column);
    halves<VEC> rest = *halves_at<VEC>(low, row, column);
    pack<VEC> x;
    for (int i = 0; i < VEC; i++)
        x.at[i] = __uint_as_float((static_cast<unsigned>(high.at[i]) << 16) +
                                  static_cast<unsigned>(static_cast<int16_t>(rest.at[i])));
    return x;
}

/* Midway between two bf16 the one further from zero, so that the rest fits 16 bits. */
template <int VEC>
static __device__ __forceinline__ void store_masters(const struct tensor &value,
                                                     const struct tensor &low, int64_t row,
                                                     int64_t column, const pack<VEC> &x) {
    if (value.type == DTYPE_F32) {
        store<VEC>(cells_at(value, row, column), x);
        return;
    }
    halves<VEC> high, rest;
    for (int i = 0; i < VEC; i++) {
        unsigned bits = x.at[i] == x.at[i] ? __float_as_uint(x.at[i]) : 0x7fc00000u;
        high.at[i] = static_cast<uint16_t>((bits + 0x8000u) >> 16);
        rest.at[i] = static_cast<uint16_t>(bits & 0xffffu);
    }
    *halves_at<VEC>(value, row, column) = high;
    *halves_at<VEC>(low, row, column) = rest;
}

struct update_numbers {
    float rate, beta1, beta2, epsilon, decay;
    float correction1, correction2; /* 1/(1−β₁^step), 1/(1−β₂^step) */
};

static __device__ __forceinline__ float adamw_step(float w, float g, float *m, float *v,
                                                   const update_numbers &n) {
    *m = n.beta1 * *m + (1.0f - n.beta1) * g;
    *v = n.beta2 * *v + (1.0f - n.beta2) * g * g;
    float change = *m * n.correction1 / (sqrtf(*v * n.correction2) + n.epsilon);
    return w - n.rate * (n.decay * w + change);
}

static __device__ __forceinline__ float lion_step(float w, float g, float *m,
                                                  const update_numbers &n) {
    float direction = n.beta1 * *m + (1.0f - n.beta1) * g;
    float sign = direction > 0 ? 1.0f : direction < 0 ? -1.0f : direction; /* a NaN: itself */
    *m = n.beta2 * *m + (1.0f - n.beta2) * g;
    return w - n.rate * (sign + n.decay * w);
}

template <bool ADAM, int VEC> struct update {
    struct tensor value, low, gradient, first, second;
    const float *factor; /* NULL: 1 */
    update_numbers numbers;

    __device__ void operator()(int64_t row, int64_t column) const {
        pack<VEC> w = load_masters<VEC>(value, low, row, column), v = {};
        pack<VEC> m = load<VEC>(cells_at(first, row, column));
        pack<VEC> g = load<VEC>(f32_at(gradient, row, column));
        if (ADAM)
            v = load<VEC>(cells_at(second, row, column));
        float share = factor != nullptr ? *factor : 1.0f;
        for (int i = 0; i < VEC; i++)
            w.at[i] = ADAM ? adamw_step(w.at[i], g.at[i] * share, &m.at[i], &v.at[i], numbers)
                           : lion_step(w.at[i], g.at[i] * share, &m.at[i], numbers);
        if (ADAM)
            store<VEC>(cells_at(second, row, column), v);
        store<VEC>(cells_at(first, row, column), m);
        store_masters<VEC>(value, low, row, column, w);
    }
};

template <bool ADAM, int VEC>
static void enqueue_update(struct device *device, struct learning_weight weight,
                           struct tensor gradient, struct tensor first, struct tensor second,
                           struct tensor factor, struct optimizer_step step) {
    update<ADAM, VEC> body = {};
    body.value = weight.value, body.low = weight.low, body.gradient = gradient;
    body.first = first, body.second = second;
    body.factor = static_cast<const float *>(factor.data);
    body.numbers = {step.rate,
                    step.beta1,
                    step.beta2,
                    step.epsilon,
                    step.decay,
                    (float)(1 / (1 - pow((double)step.beta1, (double)step.step))),
                    (float)(1 / (1 - pow((double)step.beta2, (double)step.step)))};
    launch_elements<VEC>(device, weight.value.rows, weight.value.columns, body);
}

template <bool ADAM>
static void update_weight(struct device *device, const char *operation,
                          struct learning_weight weight, struct tensor gradient,
                          struct tensor first, struct tensor second, struct tensor factor,
                          struct optimizer_step step) {
    if (cuda_width(weight.value, weight.low, gradient, first) == 4 && cuda_width(second) == 4)
        enqueue_update<ADAM, 4>(device, weight, gradient, first, second, factor, step);
    else
        enqueue_update<ADAM, 1>(device, weight, gradient, first, second, factor, step);
    cuda_launched(device, operation, weight.value);
}

void cuda_adamw_update(struct device *device, struct learning_weight weight, struct tensor gradient,
                       struct tensor first, struct tensor second, struct tensor factor,
                       struct optimizer_step step) {
    update_weight<true>(device, "adamw_update", weight, gradient, first, second, factor, step);
}

void cuda_lion_update(struct device *device, struct learning_weight weight, struct tensor gradient,
                      struct tensor momentum, struct tensor factor, struct optimizer_step step) {
    update_weight<false>(device, "lion_update", weight, gradient, momentum, {}, factor, step);
}
