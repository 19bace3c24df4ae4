/*
 * Sums over the rows of a batch, as gradients of gains and biases are: rows are cut into chunks
 * whose number depends on the shape alone, each chunk is summed by one block (or one column of
 * blocks), and the chunks' sums are added to the gradient in their order.
 */
#ifndef LOCKPICK_KERNEL_CUDA_SUMS_H
#define LOCKPICK_KERNEL_CUDA_SUMS_H

#include "kernel/cuda/lanes.h"

struct row_chunks {
    int64_t count, each; /* chunks, rows of each */
    int64_t columns;
    int64_t stride; /* floats from one chunk's sums to the next */
};

/* Of so many rows at least; no more chunks than the 132 multiprocessors of an H100 or H200 hold at
 * once, four each. */
static inline struct row_chunks chunks_of(int64_t rows, int64_t columns, int64_t least) {
    int64_t each = (rows + MOST_CHUNKS - 1) / MOST_CHUNKS;
    if (each < least)
        each = least;
    return {(rows + each - 1) / each, each, columns, (columns + 31) / 32 * 32};
}

/* Room for the sums of `sets` gradients, one set behind another; NULL: the device failed. */
static inline float *chunk_sums(struct device *device, const struct row_chunks *chunks,
                                int64_t sets) {
    return static_cast<float *>(cuda_scratch(
        device, SCRATCH_WORK, (size_t)(sets * chunks->count * chunks->stride) * sizeof(float)));
}

constexpr int RUNS = 16;

/* One block for 32 columns: each warp adds up a run of chunks, then the runs are added in order. */
static __global__ void merge_columns(float *to, const float *partial, int64_t stride, int64_t count,
                                     int64_t columns) {
    SHARED(float, sums, [RUNS][WARP_LANES]);
    int64_t column = static_cast<int64_t>(blockIdx.x) * WARP_LANES + lane_here();
    int64_t each = (count + RUNS - 1) / RUNS, first = warp_here() * each;
    float sum = 0;
    for (int64_t i = first; column < columns && i < smaller(first + each, count); i++)
        sum += partial[i * stride + column];
    sums[warp_here()][lane_here()] = sum;
    __syncthreads();
    if (warp_here() != 0 || column >= columns)
        return;
    for (int i = 1; i < RUNS; i++)
        sum += sums[i][lane_here()];
    to[column] += sum;
}

/* to[1,columns] += the chunks' sums. */
static inline void merge_chunks(struct device *device, struct tensor to, const float *partial,
                                const struct row_chunks *chunks) {
    LAUNCH(merge_columns, blocks_of(chunks->columns, WARP_LANES), RUNS * WARP_LANES, 0,
           cuda_of(device)->stream, static_cast<float *>(to.data), partial, chunks->stride,
           chunks->count, chunks->columns);
}

#endif
