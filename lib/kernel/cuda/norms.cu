/*
 * Norms of rows and of heads. A group of threads, a warp or a block of them, goes through a row (or
 * a head) at a time; in the backward pass a block keeps the sums of gains' and biases' gradients
 * over its chunk of rows, each thread for its own columns, in shared memory where they fit.
 */
#include "kernel/cuda/lanes.h"
#include "kernel/cuda/sums.h"

constexpr int NORM_THREADS = 256;
constexpr int BACKWARD_THREADS = 512;
constexpr int BACKWARD_BLOCKS = 4; /* on a multiprocessor; on all of them MOST_CHUNKS */
constexpr int SHARED_FLOATS = 8192;

/* Row `unit` of [T·heads, width]: where head unit % heads of row unit / heads begins. */
static __device__ __forceinline__ cells unit_at(const struct tensor &x, int64_t unit, int64_t heads,
                                                int64_t width) {
    return cells_at(x, unit / heads, unit % heads * width);
}

static __device__ __forceinline__ float *scale_at(const struct tensor &scale, int64_t unit,
                                                  int64_t heads) {
    return f32_at(scale, unit / heads, unit % heads);
}

/* Threads for a row of so many packs: whole warps, at most a block. */
static unsigned threads_for(int64_t width, int vec, int most) {
    int64_t threads = (width / vec + WARP_LANES - 1) / WARP_LANES * WARP_LANES;
    return (unsigned)(threads < WARP_LANES ? WARP_LANES : threads > most ? most : threads);
}

/* ---- RMS norm ---- */

template <int VEC>
__global__ void rms_forward(struct tensor y, struct tensor scale, struct tensor x,
                            struct tensor gain, int64_t heads, float epsilon) {
    int64_t unit = blockIdx.x, width = gain.columns;
    cells from = unit_at(x, unit, heads, width), to = unit_at(y, unit, heads, width);
    float sum = 0;
    for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
        pack<VEC> value = load<VEC>(from + c);
        for (int i = 0; i < VEC; i++)
            sum += value.at[i] * value.at[i];
    }
    float r = 1.0f / sqrtf(block_sum(sum) / static_cast<float>(width) + epsilon);
    if (threadIdx.x == 0)
        *scale_at(scale, unit, heads) = r;
    for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
        pack<VEC> value = load<VEC>(from + c);
        for (int i = 0; i < VEC; i++)
            value.at[i] = value.at[i] * r * value_at(gain, 0, c + i);
        store<VEC>(to + c, value);
    }
}

static void forward_rms(struct device *device, const char *operation, struct tensor y,
                        struct tensor scale, struct tensor x, struct tensor gain, int64_t heads,
                        float epsilon) {
    unsigned units = (unsigned)(x.rows * heads);
    int vec = gain.columns % 4 == 0 ? cuda_width(y, x) : 1;
    unsigned threads = threads_for(gain.columns, vec, NORM_THREADS);
    if (vec == 4)
        LAUNCH(rms_forward<4>, units, threads, 0, cuda_of(device)->stream, y, scale, x, gain, heads,
               epsilon);
    else
        LAUNCH(rms_forward<1>, units, threads, 0, cuda_of(device)->stream, y, scale, x, gain, heads,
               epsilon);
    cuda_launched(device, operation, y);
}

/* What the backward passes share: operands, and where a block's sums go. */
struct norm_gradient {
    struct tensor dx, dy, x, gain, mean, scale;
    int64_t heads, units;
    int64_t each; /* units of a chunk */
    int64_t stride;
    float *gain_sums, *bias_sums; /* [chunks, stride]; bias_sums NULL: none */
    bool accumulate, in_shared;
};

/* Where the block keeps its sums, set to 0: shared memory, or at once where they go in the end. */
static __device__ float *sums_here(const struct norm_gradient &g, float *shared, int set) {
    float *to = set == 0 ? g.gain_sums : g.bias_sums;
    float *sums = g.in_shared ? shared + set * g.stride : to + blockIdx.x * g.stride;
    for (int64_t c = threadIdx.x; c < g.gain.columns; c += blockDim.x)
        sums[c] = 0;
    __syncthreads();
    return sums;
}

static __device__ void keep_sums(const struct norm_gradient &g, const float *sums, int set) {
    float *to = (set == 0 ? g.gain_sums : g.bias_sums) + blockIdx.x * g.stride;
    __syncthreads();
    for (int64_t c = threadIdx.x; g.in_shared && c < g.gain.columns; c += blockDim.x)
        to[c] = sums[c];
}

/* dx = r·gain·dy − x·r³·mean(dy·gain·x); a thread reads what it overwrites (dx may be dy). */
template <int VEC>
__global__ void __launch_bounds__(BACKWARD_THREADS, BACKWARD_BLOCKS)
    rms_backward(struct norm_gradient g) {
    SHARED_DYNAMIC(float, shared);
    int64_t width = g.gain.columns, first = blockIdx.x * g.each;
    float *sums = sums_here(g, shared, 0);
    for (int64_t unit = first; unit < smaller(first + g.each, g.units); unit++) {
        cells dy = unit_at(g.dy, unit, g.heads, width), x = unit_at(g.x, unit, g.heads, width);
        cells dx = unit_at(g.dx, unit, g.heads, width);
        float r = *scale_at(g.scale, unit, g.heads), total = 0;
        for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
            pack<VEC> d = load<VEC>(dy + c), value = load<VEC>(x + c);
            for (int i = 0; i < VEC; i++) {
                float product = d.at[i] * value.at[i];
                total += product * value_at(g.gain, 0, c + i);
                sums[c + i] += product * r;
            }
        }
        float back = block_sum(total) / static_cast<float>(width) * r * r * r;
        for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
            pack<VEC> d = load<VEC>(dy + c), value = load<VEC>(x + c), old = {};
            if (g.accumulate)
                old = load<VEC>(dx + c);
            for (int i = 0; i < VEC; i++)
                old.at[i] += r * value_at(g.gain, 0, c + i) * d.at[i] - value.at[i] * back;
            store<VEC>(dx + c, old);
        }
    }
    keep_sums(g, sums, 0);
}

/* Cuts the units into chunks with room for `sets` sums of each; false: the device failed. */
static bool prepare_gradient(struct device *device, struct norm_gradient *g,
                             struct row_chunks *chunks, int sets) {
    *chunks = chunks_of(g->units, g->gain.columns, LEAST_ROWS);
    g->each = chunks->each;
    g->stride = chunks->stride;
    g->in_shared = sets * chunks->stride <= SHARED_FLOATS;
    g->gain_sums = chunk_sums(device, chunks, sets);
    if (sets > 1)
        g->bias_sums = g->gain_sums + chunks->count * chunks->stride;
    return g->gain_sums != nullptr;
}

static void backward_rms(struct device *device, const char *operation, struct norm_gradient g,
                         struct tensor dgain) {
    struct row_chunks chunks;
    if (!prepare_gradient(device, &g, &chunks, 1))
        return;
    int64_t width = g.gain.columns;
    int vec = width % 4 == 0 ? cuda_width(g.dx, g.dy, g.x) : 1;
    unsigned threads = threads_for(width, vec, BACKWARD_THREADS);
    size_t shared = g.in_shared ? (size_t)chunks.stride * sizeof(float) : 64;
    if (vec == 4)
        LAUNCH(rms_backward<4>, (unsigned)chunks.count, threads, shared, cuda_of(device)->stream,
               g);
    else
        LAUNCH(rms_backward<1>, (unsigned)chunks.count, threads, shared, cuda_of(device)->stream,
               g);
    merge_chunks(device, dgain, g.gain_sums, &chunks);
    cuda_launched(device, operation, g.dx);
}

/* [1,T] as [T,1]. */
static struct tensor upright(struct tensor scale) {
    scale.rows = scale.columns;
    scale.columns = scale.stride = 1;
    return scale;
}

void cuda_rms_norm_forward(struct device *device, struct tensor y, struct tensor scale,
                           struct tensor x, struct tensor gain, float epsilon) {
    forward_rms(device, "rms_norm_forward", y, upright(scale), x, gain, 1, epsilon);
}

void cuda_rms_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                            struct tensor dy, struct tensor x, struct tensor gain,
                            struct tensor scale, bool accumulate) {
    struct norm_gradient g = {};
    g.dx = dx, g.dy = dy, g.x = x, g.gain = gain, g.scale = upright(scale);
    g.heads = 1;
    g.units = x.rows;
    g.accumulate = accumulate;
    backward_rms(device, "rms_norm_backward", g, dgain);
}

void cuda_head_norm_forward(struct device *device, struct tensor y, struct tensor scale,
                            struct tensor x, struct tensor gain, int64_t heads, float epsilon) {
    forward_rms(device, "head_norm_forward", y, scale, x, gain, heads, epsilon);
}

void cuda_head_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                             struct tensor dy, struct tensor x, struct tensor gain,
                             struct tensor scale, int64_t heads) {
    struct norm_gradient g = {};
    g.dx = dx, g.dy = dy, g.x = x, g.gain = gain, g.scale = scale;
    g.heads = heads;
    g.units = x.rows * heads;
    backward_rms(device, "head_norm_backward", g, dgain);
}

/* ---- layer norm ---- */

template <int VEC>
__global__ void layer_forward(struct tensor y, struct tensor mean, struct tensor scale,
                              struct tensor x, struct tensor gain, struct tensor bias,
                              float epsilon) {
    int64_t t = blockIdx.x, width = x.columns;
    cells from = cells_at(x, t, 0), to = cells_at(y, t, 0);
    float sum = 0, squares = 0;
    for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
        pack<VEC> value = load<VEC>(from + c);
        for (int i = 0; i < VEC; i++)
            sum += value.at[i];
    }
    float m = block_sum(sum) / static_cast<float>(width);
    for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
        pack<VEC> value = load<VEC>(from + c);
        for (int i = 0; i < VEC; i++)
            squares += (value.at[i] - m) * (value.at[i] - m);
    }
    float r = 1.0f / sqrtf(block_sum(squares) / static_cast<float>(width) + epsilon);
    if (threadIdx.x == 0) {
        *f32_at(mean, 0, t) = m;
        *f32_at(scale, 0, t) = r;
    }
    for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
        pack<VEC> value = load<VEC>(from + c);
        for (int i = 0; i < VEC; i++)
            value.at[i] = (value.at[i] - m) * r * value_at(gain, 0, c + i) +
                          (bias.data != nullptr ? value_at(bias, 0, c + i) : 0);
        store<VEC>(to + c, value);
    }
}

void cuda_layer_norm_forward(struct device *device, struct tensor y, struct tensor mean,
                             struct tensor scale, struct tensor x, struct tensor gain,
                             struct tensor bias, float epsilon) {
    int vec = cuda_width(y, x);
    unsigned threads = threads_for(x.columns, vec, NORM_THREADS);
    if (vec == 4)
        LAUNCH(layer_forward<4>, (unsigned)x.rows, threads, 0, cuda_of(device)->stream, y, mean,
               scale, x, gain, bias, epsilon);
    else
        LAUNCH(layer_forward<1>, (unsigned)x.rows, threads, 0, cuda_of(device)->stream, y, mean,
               scale, x, gain, bias, epsilon);
    cuda_launched(device, "layer_norm_forward", y);
}

/* With n = (x − m)·r and g = gain·dy: dx = r·(g − mean(g) − n·mean(g·n)). */
template <int VEC>
__global__ void __launch_bounds__(BACKWARD_THREADS, BACKWARD_BLOCKS)
    layer_backward(struct norm_gradient g) {
    SHARED_DYNAMIC(float, shared);
    int64_t width = g.gain.columns, first = blockIdx.x * g.each;
    float *sums = sums_here(g, shared, 0), *biases = g.bias_sums;
    if (biases != nullptr)
        biases = sums_here(g, shared, 1);
    for (int64_t t = first; t < smaller(first + g.each, g.units); t++) {
        cells dy = cells_at(g.dy, t, 0), x = cells_at(g.x, t, 0), dx = cells_at(g.dx, t, 0);
        float total = 0, weighted = 0;
        float m = *f32_at(g.mean, 0, t), r = *f32_at(g.scale, 0, t);
        for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
            pack<VEC> d = load<VEC>(dy + c), value = load<VEC>(x + c);
            for (int i = 0; i < VEC; i++) {
                float n = (value.at[i] - m) * r, part = d.at[i] * value_at(g.gain, 0, c + i);
                total += part;
                weighted += part * n;
                sums[c + i] += d.at[i] * n;
                if (biases != nullptr)
                    biases[c + i] += d.at[i];
            }
        }
        total = block_sum(total) / static_cast<float>(width);
        weighted = block_sum(weighted) / static_cast<float>(width);
        for (int64_t c = threadIdx.x * VEC; c < width; c += blockDim.x * VEC) {
            pack<VEC> d = load<VEC>(dy + c), value = load<VEC>(x + c), old = {};
            if (g.accumulate)
                old = load<VEC>(dx + c);
            for (int i = 0; i < VEC; i++)
                old.at[i] += r * (value_at(g.gain, 0, c + i) * d.at[i] - total -
                                  (value.at[i] - m) * r * weighted);
            store<VEC>(dx + c, old);
        }
    }
    keep_sums(g, sums, 0);
    if (biases != nullptr)
        keep_sums(g, biases, 1);
}

void cuda_layer_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                              struct tensor dbias, struct tensor dy, struct tensor x,
                              struct tensor gain, struct tensor mean, struct tensor scale,
                              bool accumulate) {
    struct norm_gradient g = {};
    g.dx = dx, g.dy = dy, g.x = x, g.gain = gain, g.mean = mean, g.scale = scale;
    g.heads = 1;
    g.units = x.rows;
    g.accumulate = accumulate;
    struct row_chunks chunks;
    int sets = dbias.data != nullptr ? 2 : 1;
    if (!prepare_gradient(device, &g, &chunks, sets))
        return;
    int vec = cuda_width(dx, dy, x);
    unsigned threads = threads_for(x.columns, vec, BACKWARD_THREADS);
    size_t shared = g.in_shared ? (size_t)(sets * chunks.stride) * sizeof(float) : 64;
    if (vec == 4)
        LAUNCH(layer_backward<4>, (unsigned)chunks.count, threads, shared, cuda_of(device)->stream,
               g);
    else
        LAUNCH(layer_backward<1>, (unsigned)chunks.count, threads, shared, cuda_of(device)->stream,
               g);
    merge_chunks(device, dgain, g.gain_sums, &chunks);
    if (dbias.data != nullptr)
        merge_chunks(device, dbias, g.bias_sums, &chunks);
    cuda_launched(device, "layer_norm_backward", dx);
}
