/*
 * What the attention kernels share: one call with its operands, where rows of keys and values lie
 * (behind one another, or in pages of a cache), and which of them a query sees.
 */
#ifndef LOCKPICK_KERNEL_CUDA_ATTENTION_H
#define LOCKPICK_KERNEL_CUDA_ATTENTION_H

#include <initializer_list>

#include "kernel/cuda/lanes.h"

struct attention_call {
    struct tensor q, k, v, out, log_sum; /* log_sum: no data where it is not wanted */
    struct offset_check check;
    struct attention_shape shape;
    struct tensor pages, lengths; /* of a cache; no data: none */
    struct id_check page_check;
    int64_t page_size;
};

/* One sequence of the call. */
struct attention_span {
    int64_t first, rows; /* its queries */
    int64_t before;      /* places before the first query: in a cache */
    int64_t places;      /* keys and values */
};

/* rows 0 where there is nothing to do: no rows, or something wrong that was reported. */
static __device__ inline struct attention_span span_of(const struct attention_call &call,
                                                       int64_t sequence) {
    struct sequence_rows rows = sequence_at(call.check, sequence);
    if (call.pages.data == nullptr)
        return {rows.first, rows.count, 0, rows.count};
    int64_t length = i32_at(call.lengths, 0, sequence);
    int64_t room = call.pages.columns * call.page_size;
    if (rows.count < 1 || length < rows.count || length > room) {
        report(call.check.fault, FAULT_LENGTH, call.check.operation, nullptr, sequence, rows.count,
               length, room);
        return {0, 0, 0, 0};
    }
    return {rows.first, rows.count, length - rows.count, length};
}

/* The row of k and v where place `at` of a sequence lies; behind a wrong page's id some row. */
static __device__ __forceinline__ int64_t key_row(const struct attention_call &call,
                                                  const struct attention_span &span,
                                                  int64_t sequence, int64_t at) {
    if (call.pages.data == nullptr)
        return span.first + at;
    /* Lengths and pages are counted in 32 bits, and dividing those is so much cheaper. */
    uint32_t place = static_cast<uint32_t>(at), size = static_cast<uint32_t>(call.page_size);
    int32_t page = i32_at(call.pages, sequence, place / size);
    if (!id_holds(call.page_check, page, place / size))
        page = 0;
    return page * call.page_size + place % size;
}

/* The places that query `row` of a sequence sees: first … end − 1. */
struct seen {
    int64_t first, end;
};

static __device__ __forceinline__ struct seen
seen_by(const struct attention_shape &shape, const struct attention_span &span, int64_t row) {
    if (!shape.causal)
        return {0, span.places};
    int64_t end = span.before + row + 1;
    return {shape.window > 0 ? larger(end - shape.window, 0) : 0, end};
}

/* Σ_c a[c]·b[c] */
static __device__ __forceinline__ float dot(const cells &a, const cells &b, int64_t count) {
    float sums[4] = {};
    int64_t c = 0;
    for (; c + 4 <= count; c += 4)
        for (int i = 0; i < 4; i++)
            sums[i] += a[c + i] * b[c + i];
    for (; c < count; c++)
        sums[0] += a[c] * b[c];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

struct gradient_call {
    struct attention_call call; /* k, v, out as forward had them */
    struct tensor dq, dk, dv, dout;
    struct tensor delta; /* [T,H]: Σ_c dout·out */
};

/* Whether the rows of every head in these can be moved 16 bytes at a time. */
static inline bool heads_packed(struct attention_shape shape,
                                std::initializer_list<struct tensor> all) {
    for (const struct tensor &t : all) {
        int64_t pack = 16 / (int64_t)dtype_size(t.type);
        if ((uintptr_t)t.data % 16 != 0 || shape.head_size % pack != 0 ||
            (t.rows > 1 && t.stride % pack != 0))
            return false;
    }
    return true;
}

/* attention.cu: sequences of several queries, the way that suits precision and shape. */
void cuda_attend(struct device *device, const struct attention_call &call, int64_t sequences,
                 int64_t longest);

/* attention_tiles.cu: on tensor cores, where they fit: bf16 weights, heads of up to 128 columns. */
bool cuda_tiles_fit(const struct cuda_device *cuda, struct attention_shape shape);
void cuda_attend_tiles(struct device *device, const struct attention_call &call, int64_t sequences,
                       int64_t longest);
void cuda_attend_tiles_backward(struct device *device, const struct gradient_call &gradient,
                                int64_t sequences, int64_t longest);

#endif
