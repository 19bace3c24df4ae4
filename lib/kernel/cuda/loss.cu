/*
 * Cross-entropy and divergence fused with the output projection: rows go through in chunks whose
 * logits fit a fixed amount of memory. With a bf16 weight the gradient of the logits is written as
 * bf16 at once, as both products that follow want it.
 */
#include "kernel/cuda/lanes.h"

constexpr int CHUNK_LOGITS = 64 << 20; /* floats: 256 MiB */
constexpr int CHUNK_ROWS = 8192;       /* at most */
constexpr int LOSS_THREADS = 512;

static int64_t chunk_rows(int64_t rows, int64_t vocabulary) {
    int64_t count = CHUNK_LOGITS / vocabulary;
    count = count < 128 ? 128 : count > CHUNK_ROWS ? CHUNK_ROWS : count;
    return count < rows ? count : rows;
}

size_t cuda_loss_scratch(int64_t rows, int64_t vocabulary, bool narrow) {
    size_t logits = (size_t)(chunk_rows(rows, vocabulary) * ((vocabulary + 7) / 8 * 8));
    return logits * (narrow ? sizeof(float) + sizeof(uint16_t) : sizeof(float));
}

struct loss_chunk {
    struct tensor z;  /* logits f32 [count, V] */
    struct tensor dz; /* their gradient: z itself, bf16, or none */
    struct tensor log_probability, targets, weights;
    int64_t first; /* row of the batch */
    struct id_check check;
};

/* One row: its log-probability, and ∂loss/∂logits = weight·(softmax − onehot(target)). */
__global__ void loss_row(struct loss_chunk chunk) {
    int64_t i = blockIdx.x, row = chunk.first + i, vocabulary = chunk.z.columns;
    int32_t target = i32_at(chunk.targets, 0, row);
    if (!id_holds(chunk.check, target, row))
        return;
    float *z = f32_at(chunk.z, i, 0);
    float most = z[0], total = 0, at_target = z[target];
    for (int64_t v = threadIdx.x; v < vocabulary; v += blockDim.x)
        most = larger_or_nan(most, z[v]);
    most = block_most(most);
    for (int64_t v = threadIdx.x; v < vocabulary; v += blockDim.x)
        total += expf(z[v] - most);
    total = block_sum(total);
    if (threadIdx.x == 0)
        *f32_at(chunk.log_probability, 0, row) = (at_target - most) - logf(total);
    if (chunk.dz.data == nullptr)
        return;
    float weight = *f32_at(chunk.weights, 0, row), factor = weight / total;
    for (int64_t v = threadIdx.x; v < vocabulary; v += blockDim.x) {
        float d = expf(z[v] - most) * factor - (v == target ? weight : 0);
        if (chunk.dz.type == DTYPE_F32)
            z[v] = d;
        else
            static_cast<uint16_t *>(chunk.dz.data)[i * chunk.dz.stride + v] = narrow_bf16(d);
    }
}

/* Room for a chunk's logits and, where it is apart, their gradient; false: the device failed. */
static bool reserve_chunk(struct device *device, struct loss_chunk *chunk, int64_t rows,
                          int64_t vocabulary, bool gradient, bool narrow) {
    int64_t stride = (vocabulary + 7) / 8 * 8;
    size_t elements = (size_t)(rows * stride);
    chunk->z = {cuda_scratch(device, SCRATCH_LOGITS, elements * sizeof(float)), DTYPE_F32, rows,
                vocabulary, stride};
    if (chunk->z.data == nullptr)
        return false;
    if (!gradient)
        return true;
    chunk->dz = chunk->z;
    if (!narrow)
        return true;
    chunk->dz.type = DTYPE_BF16;
    chunk->dz.data = cuda_scratch(device, SCRATCH_NARROW, elements * sizeof(uint16_t));
    return chunk->dz.data != nullptr;
}

void cuda_cross_entropy(struct device *device, struct tensor log_probability, struct tensor dx,
                        struct tensor dw, struct tensor x, struct tensor w, struct tensor targets,
                        struct tensor weights) {
    bool gradient = dx.data != nullptr || dw.data != nullptr, narrow = w.type == DTYPE_BF16;
    int64_t step = chunk_rows(x.rows, w.rows);
    struct loss_chunk chunk = {};
    chunk.log_probability = log_probability;
    chunk.targets = targets;
    chunk.weights = weights;
    chunk.check = ids_below(device, "cross_entropy", "targets", w.rows);
    cuda_of(device)->narrow = narrow;
    unsigned threads =
        blocks_of(w.rows < LOSS_THREADS ? w.rows : LOSS_THREADS, WARP_LANES) * WARP_LANES;
    if (!reserve_chunk(device, &chunk, step, w.rows, gradient, narrow))
        return;
    for (int64_t first = 0; first < x.rows && !device->failed; first += step) {
        int64_t count = x.rows - first < step ? x.rows - first : step;
        struct tensor part = tensor_rows(x, first, count);
        chunk.first = first;
        chunk.z.rows = chunk.dz.rows = count;
        cuda_product_forward(device, "cross_entropy", chunk.z, part, w, {}, {}, narrow);
        LAUNCH(loss_row, (unsigned)count, threads, 0, cuda_of(device)->stream, chunk);
        if (dx.data != nullptr)
            cuda_product_input(device, "cross_entropy", tensor_rows(dx, first, count), chunk.dz, w,
                               false, narrow);
        if (dw.data != nullptr)
            cuda_product_weight(device, "cross_entropy", dw, chunk.dz, part, true, narrow);
    }
    cuda_launched(device, "cross_entropy", x);
}

/* ---- divergence from wanted distributions ---- */

struct divergence_chunk {
    struct loss_chunk loss; /* its check is of `which`; log_probability and targets are not used */
    struct tensor divergence, distributions, which;
};

/* One row: KL(q ‖ softmax), and ∂loss/∂logits = weight·(Σq·softmax − q). */
__global__ void divergence_row(struct divergence_chunk chunk) {
    int64_t i = blockIdx.x, row = chunk.loss.first + i, vocabulary = chunk.loss.z.columns;
    int32_t which = i32_at(chunk.which, 0, row);
    if (!id_holds(chunk.loss.check, which, row))
        return;
    float *z = f32_at(chunk.loss.z, i, 0), most = z[0], total = 0;
    const float *q = f32_at(chunk.distributions, which, 0);
    double mass = 0, apart = 0;
    for (int64_t v = threadIdx.x; v < vocabulary; v += blockDim.x)
        most = larger_or_nan(most, z[v]);
    most = block_most(most);
    for (int64_t v = threadIdx.x; v < vocabulary; v += blockDim.x) {
        total += expf(z[v] - most);
        mass += static_cast<double>(q[v]);
        if (q[v] != 0)
            apart += static_cast<double>(q[v] * (logf(q[v]) - (z[v] - most)));
    }
    total = block_sum(total);
    mass = block_sum(mass);
    apart = block_sum(apart);
    if (threadIdx.x == 0)
        *f32_at(chunk.divergence, 0, row) =
            static_cast<float>(apart + mass * static_cast<double>(logf(total)));
    const struct tensor &dz = chunk.loss.dz;
    if (dz.data == nullptr)
        return;
    float weight = *f32_at(chunk.loss.weights, 0, row);
    float factor = weight * static_cast<float>(mass) / total;
    for (int64_t v = threadIdx.x; v < vocabulary; v += blockDim.x) {
        float d = expf(z[v] - most) * factor - weight * q[v];
        if (dz.type == DTYPE_F32)
            z[v] = d;
        else
            static_cast<uint16_t *>(dz.data)[i * dz.stride + v] = narrow_bf16(d);
    }
}

void cuda_kl_divergence(struct device *device, struct tensor divergence, struct tensor dx,
                        struct tensor dw, struct tensor x, struct tensor w,
                        struct tensor distributions, struct tensor which, struct tensor weights) {
    bool gradient = dx.data != nullptr || dw.data != nullptr, narrow = w.type == DTYPE_BF16;
    int64_t step = chunk_rows(x.rows, w.rows);
    struct divergence_chunk chunk = {{}, divergence, distributions, which};
    chunk.loss.weights = weights;
    chunk.loss.check = ids_below(device, "kl_divergence", "which", distributions.rows);
    cuda_of(device)->narrow = narrow;
    unsigned threads =
        blocks_of(w.rows < LOSS_THREADS ? w.rows : LOSS_THREADS, WARP_LANES) * WARP_LANES;
    if (!reserve_chunk(device, &chunk.loss, step, w.rows, gradient, narrow))
        return;
    for (int64_t first = 0; first < x.rows && !device->failed; first += step) {
        int64_t count = x.rows - first < step ? x.rows - first : step;
        struct tensor part = tensor_rows(x, first, count);
        chunk.loss.first = first;
        chunk.loss.z.rows = chunk.loss.dz.rows = count;
        cuda_product_forward(device, "kl_divergence", chunk.loss.z, part, w, {}, {}, narrow);
        LAUNCH(divergence_row, (unsigned)count, threads, 0, cuda_of(device)->stream, chunk);
        if (dx.data != nullptr)
            cuda_product_input(device, "kl_divergence", tensor_rows(dx, first, count),
                               chunk.loss.dz, w, false, narrow);
        if (dw.data != nullptr)
            cuda_product_weight(device, "kl_divergence", dw, chunk.loss.dz, part, true, narrow);
    }
    cuda_launched(device, "kl_divergence", x);
}
