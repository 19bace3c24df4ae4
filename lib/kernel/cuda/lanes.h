/*
 * What kernels share: places in tensors, bf16, sums over a warp and a block, walking over elements,
 * and the fault that a kernel reports.
 */
#ifndef LOCKPICK_KERNEL_CUDA_LANES_H
#define LOCKPICK_KERNEL_CUDA_LANES_H

#include "kernel/cuda/device.h"

constexpr int WARP_LANES = 32;
#define WHOLE_WARP 0xffffffffu

/* ---- places ---- */

static __host__ __device__ __forceinline__ float *f32_at(const struct tensor &tensor, int64_t row,
                                                         int64_t column) {
    return static_cast<float *>(tensor.data) + row * tensor.stride + column;
}

static __host__ __device__ __forceinline__ int32_t i32_at(const struct tensor &tensor, int64_t row,
                                                          int64_t column) {
    return static_cast<const int32_t *>(tensor.data)[row * tensor.stride + column];
}

static __device__ __forceinline__ float widen_bf16(uint16_t half) {
    return __uint_as_float(static_cast<unsigned>(half) << 16);
}

/* Element of a weight or of activations: f32 or bf16. */
static __device__ __forceinline__ float value_at(const struct tensor &x, int64_t row,
                                                 int64_t column) {
    int64_t at = row * x.stride + column;
    return x.type == DTYPE_F32 ? static_cast<const float *>(x.data)[at]
                               : widen_bf16(static_cast<const uint16_t *>(x.data)[at]);
}

/* Activations from some element of a row on. All threads of a launch take the same branch. */
struct cells {
    void *data;
    bool narrow; /* bf16 */

    __device__ __forceinline__ cells operator+(int64_t count) const {
        return {static_cast<uint8_t *>(data) + count * (narrow ? 2 : 4), narrow};
    }
    __device__ __forceinline__ float operator[](int64_t i) const {
        return narrow ? widen_bf16(static_cast<const uint16_t *>(data)[i])
                      : static_cast<const float *>(data)[i];
    }
    __device__ __forceinline__ void put(int64_t i, float x) const {
        if (narrow)
            static_cast<uint16_t *>(data)[i] = narrow_bf16(x);
        else
            static_cast<float *>(data)[i] = x;
    }
};

static __device__ __forceinline__ cells cells_at(const struct tensor &x, int64_t row,
                                                 int64_t column) {
    return cells{x.data, x.type == DTYPE_BF16} + (row * x.stride + column);
}

/* VEC numbers that lie together, moved at once, 16 bytes at most. */
template <int VEC> struct __align__(VEC < 4 ? VEC * 4 : 16) pack {
    float at[VEC];
};

template <int VEC> static __device__ __forceinline__ pack<VEC> load(const float *from) {
    return *reinterpret_cast<const pack<VEC> *>(from);
}

template <int VEC> static __device__ __forceinline__ void store(float *to, const pack<VEC> &x) {
    *reinterpret_cast<pack<VEC> *>(to) = x;
}

static __device__ __forceinline__ void widen_two(float *to, unsigned halves) {
    to[0] = __uint_as_float(halves << 16);
    to[1] = __uint_as_float(halves & 0xffff0000u);
}

template <int VEC> static __device__ __forceinline__ pack<VEC> load(const cells &from) {
    if (!from.narrow)
        return load<VEC>(static_cast<const float *>(from.data));
    pack<VEC> x;
    if constexpr (VEC == 8) {
        uint4 halves = *static_cast<const uint4 *>(from.data);
        widen_two(x.at, halves.x);
        widen_two(x.at + 2, halves.y);
        widen_two(x.at + 4, halves.z);
        widen_two(x.at + 6, halves.w);
    } else if constexpr (VEC == 4) {
        uint2 halves = *static_cast<const uint2 *>(from.data);
        widen_two(x.at, halves.x);
        widen_two(x.at + 2, halves.y);
    } else {
        for (int i = 0; i < VEC; i++)
            x.at[i] = from[i];
    }
    return x;
}

template <int VEC>
static __device__ __forceinline__ void store(const cells &to, const pack<VEC> &x) {
    if (!to.narrow) {
        store<VEC>(static_cast<float *>(to.data), x);
    } else if constexpr (VEC == 4) {
        uint2 halves;
        halves.x = two_bf16(x.at[0], x.at[1]);
        halves.y = two_bf16(x.at[2], x.at[3]);
        *static_cast<uint2 *>(to.data) = halves;
    } else {
        for (int i = 0; i < VEC; i++)
            to.put(i, x.at[i]);
    }
}

static __device__ __forceinline__ int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static __device__ __forceinline__ int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static __device__ __forceinline__ bool finite(float x) {
    return (__float_as_uint(x) & 0x7f800000u) != 0x7f800000u;
}

/* ---- warps and blocks ---- */

static __device__ __forceinline__ int lane_here() {
    return static_cast<int>(threadIdx.x % WARP_LANES);
}

static __device__ __forceinline__ int warp_here() {
    return static_cast<int>(threadIdx.x / WARP_LANES);
}

template <class T> static __device__ __forceinline__ T warp_sum(T value) {
    for (int lanes = WARP_LANES / 2; lanes > 0; lanes /= 2)
        value += __shfl_xor_sync(WHOLE_WARP, value, lanes);
    return value;
}

static __device__ __forceinline__ float warp_most(float value) {
    for (int lanes = WARP_LANES / 2; lanes > 0; lanes /= 2)
        value = larger_or_nan(value, __shfl_xor_sync(WHOLE_WARP, value, lanes));
    return value;
}

/* The block's sum, in all threads, always added in the same order. Blocks are one-dimensional. */
template <class T> static __device__ T block_sum(T value) {
    SHARED(T, partial, [WARP_LANES]);
    value = warp_sum(value);
    if (lane_here() == 0)
        partial[warp_here()] = value;
    __syncthreads();
    T total = 0;
    for (unsigned i = 0; i < blockDim.x / WARP_LANES; i++)
        total += partial[i];
    __syncthreads();
    return total;
}

static __device__ inline float block_most(float value) {
    SHARED(float, partial, [WARP_LANES]);
    value = warp_most(value);
    if (lane_here() == 0)
        partial[warp_here()] = value;
    __syncthreads();
    float most = partial[0];
    for (unsigned i = 1; i < blockDim.x / WARP_LANES; i++)
        most = larger_or_nan(most, partial[i]);
    __syncthreads();
    return most;
}

/* ---- elements ---- */

/* body(row, column) for every VEC-th column of a matrix; blocks of 256 threads. */
template <int VEC, class BODY>
__global__ void for_elements(int64_t rows, int64_t columns, unsigned across, BODY body) {
    unsigned down = blockDim.x / across;
    int64_t column = (blockIdx.x * static_cast<int64_t>(across) + threadIdx.x % across) * VEC;
    if (column >= columns)
        return;
    for (int64_t row = blockIdx.y * static_cast<int64_t>(down) + threadIdx.x / across; row < rows;
         row += static_cast<int64_t>(gridDim.y) * down)
        body(row, column);
}

template <int VEC, class BODY>
static void launch_elements(struct device *device, int64_t rows, int64_t columns, BODY body) {
    unsigned across = 1;
    while (across < 256 && across < columns / VEC)
        across *= 2;
    unsigned down = blocks_of(rows, 256 / across);
    dim3 grid(blocks_of(columns / VEC, across), down < 65535 ? down : 65535);
    LAUNCH((for_elements<VEC, BODY>), grid, 256, 0, cuda_of(device)->stream, rows, columns, across,
           body);
}

/* ---- faults ----
 *
 * What a thread checks depends on the operands alone, so that a block whose threads check the same
 * agrees about it; whether something was reported already changes while it runs.
 */

static __device__ inline void report(struct fault *fault, enum fault_kind kind,
                                     const char *operation, const char *name, int64_t a, int64_t b,
                                     int64_t c, int64_t d) {
    if (atomicCAS(&fault->taken, static_cast<int>(FAULT_NONE), static_cast<int>(kind)) !=
        static_cast<int>(FAULT_NONE))
        return;
    fault->operation = operation;
    fault->name = name;
    fault->numbers[0] = a;
    fault->numbers[1] = b;
    fault->numbers[2] = c;
    fault->numbers[3] = d;
}

/* Whose ids a kernel follows, and what they may be. */
struct id_check {
    struct fault *fault;
    const char *operation, *name;
    int64_t limit;
};

/* Whether the id at `place` lies in [0, limit); else it is reported. */
static __device__ __forceinline__ bool id_holds(const struct id_check &check, int32_t id,
                                                int64_t place) {
    if (id >= 0 && id < check.limit)
        return true;
    report(check.fault, FAULT_ID, check.operation, check.name, id, place, check.limit, 0);
    return false;
}

/* Where a packed sequence lies; count 0 where its offsets are wrong, which is then reported. */
struct sequence_rows {
    int64_t first, count;
};

struct offset_check {
    struct fault *fault;
    const char *operation;
    const int32_t *offsets;
    int64_t sequences, longest, rows;
};

static __device__ inline struct sequence_rows sequence_at(const struct offset_check &check,
                                                          int64_t sequence) {
    int64_t first = check.offsets[sequence], end = check.offsets[sequence + 1];
    bool right = first >= 0 && first <= end && end <= check.rows && end - first <= check.longest &&
                 (sequence > 0 || first == 0) &&
                 (sequence + 1 < check.sequences || end == check.rows);
    if (!right) {
        report(check.fault, FAULT_OFFSETS, check.operation, nullptr, check.rows, check.longest, 0,
               0);
        return {0, 0};
    }
    return {first, end - first};
}

static inline struct id_check ids_below(struct device *device, const char *operation,
                                        const char *name, int64_t limit) {
    return {cuda_of(device)->fault, operation, name, limit};
}

static inline struct offset_check offsets_of(struct device *device, const char *operation,
                                             struct sequences sequences, int64_t rows) {
    return {cuda_of(device)->fault,
            operation,
            static_cast<const int32_t *>(sequences.offsets.data),
            sequences.count,
            sequences.longest,
            rows};
}

#endif
