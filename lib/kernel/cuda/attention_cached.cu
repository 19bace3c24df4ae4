/*
 * Attention over the paged cache. A sequence with one row (decoding) is cut along its places into
 * parts of PART, each done by one block for all query heads of a key/value head together, so that
 * the cache is read once; the parts are merged in order. A sequence with more rows (a chunk of a
 * prompt) goes through attention.cu. How a sequence is computed depends on itself alone.
 */
#include "kernel/cuda/attention.h"

constexpr int PART = 256; /* places */
constexpr int DECODE_THREADS = 128;
constexpr int MOST_HEADS = 8;  /* query heads that a block works on at a time */
constexpr int PLACE_LANES = 8; /* that read a key together, 16 bytes each */

struct decode_call {
    struct attention_call call;
    int64_t parts;  /* at most, of a sequence */
    bool aligned;   /* heads' rows can be read four columns at a time */
    float *partial; /* [sequences, H, parts, C + 2]: weighted values, maximum, total */
};

/* The parts of a sequence that decodes: places first … end − 1 seen, parts from first / PART. */
static __device__ __forceinline__ int64_t parts_of(const struct seen &seen) {
    return (seen.end - 1) / PART - seen.first / PART + 1;
}

static __device__ __forceinline__ float *partial_at(const struct decode_call &d, int64_t sequence,
                                                    int64_t head, int64_t part) {
    int64_t index = (sequence * d.call.shape.heads + head) * d.parts + part;
    return d.partial + index * (d.call.shape.head_size + 2);
}

/* Σ_c q·k over this lane's columns of one place, for HEADS query heads at a time. */
template <int HEADS, int VEC>
static __device__ __forceinline__ void partial_scores(float (&acc)[HEADS], const cells &q,
                                                      const cells &k, int64_t size, int64_t heads) {
    for (int64_t c = threadIdx.x % PLACE_LANES * VEC; c < size; c += PLACE_LANES * VEC) {
        pack<VEC> key = load<VEC>(k + c);
        UNROLL for (int h = 0; h < HEADS; h++) {
            if (h >= heads)
                break;
            pack<VEC> query = load<VEC>(q + h * size + c);
            UNROLL for (int i = 0; i < VEC; i++) acc[h] += query.at[i] * key.at[i];
        }
    }
}

/* scores[h][i] of the heads against the part's places. */
template <int HEADS>
static __device__ void score_places(const struct decode_call &d, const cells &q, int64_t kv,
                                    const int64_t *rows, int64_t count, int64_t heads,
                                    float (*scores)[PART]) {
    int64_t size = d.call.shape.head_size;
    for (int64_t base = 0; base < count; base += DECODE_THREADS / PLACE_LANES) {
        int64_t i = base + threadIdx.x / PLACE_LANES;
        float acc[HEADS] = {};
        if (i < count && d.aligned)
            partial_scores<HEADS, 4>(acc, q, cells_at(d.call.k, rows[i], kv), size, heads);
        else if (i < count)
            partial_scores<HEADS, 1>(acc, q, cells_at(d.call.k, rows[i], kv), size, heads);
        UNROLL for (int h = 0; h < HEADS; h++) {
            for (int lanes = PLACE_LANES / 2; lanes > 0; lanes /= 2)
                acc[h] += __shfl_xor_sync(WHOLE_WARP, acc[h], lanes);
            if (i < count && h < heads && threadIdx.x % PLACE_LANES == 0)
                scores[h][i] = acc[h] * d.call.shape.scale;
        }
    }
    __syncthreads();
}

/* Scores to exponentials; their maximum and sum go to the partial result. */
static __device__ void softmax_part(const struct decode_call &d, int64_t sequence, int64_t head,
                                    int64_t heads, int64_t count, float (*scores)[PART]) {
    int64_t size = d.call.shape.head_size;
    for (int64_t h = warp_here(); h < heads; h += DECODE_THREADS / WARP_LANES) {
        float most = -INFINITY, total = 0;
        for (int64_t i = lane_here(); i < count; i += WARP_LANES)
            most = larger_or_nan(most, scores[h][i]);
        most = warp_most(most);
        for (int64_t i = lane_here(); i < count; i += WARP_LANES) {
            scores[h][i] = expf(scores[h][i] - most);
            total += scores[h][i];
        }
        total = warp_sum(total);
        float *partial = partial_at(d, sequence, head + h, blockIdx.x);
        if (lane_here() == 0) {
            partial[size] = most;
            partial[size + 1] = total;
        }
    }
    __syncthreads();
}

/* Values weighted by what softmax_part() left, a thread for a column. */
template <int HEADS>
static __device__ void weigh_values(const struct decode_call &d, int64_t sequence, int64_t head,
                                    int64_t heads, int64_t kv, const int64_t *rows, int64_t count,
                                    const float (*scores)[PART]) {
    for (int64_t c = threadIdx.x; c < d.call.shape.head_size; c += DECODE_THREADS) {
        float acc[HEADS] = {};
        for (int64_t i = 0; i < count; i++) {
            float value = value_at(d.call.v, rows[i], kv + c);
            UNROLL for (int h = 0; h < HEADS; h++) acc[h] += h < heads ? scores[h][i] * value : 0;
        }
        for (int h = 0; h < HEADS; h++)
            if (h < heads)
                partial_at(d, sequence, head + h, blockIdx.x)[c] = acc[h];
    }
    __syncthreads();
}

template <int HEADS> __global__ void decode_part(struct decode_call d) {
    SHARED(float, scores, [HEADS][PART]);
    SHARED(int64_t, rows, [PART]);
    int64_t sequence = blockIdx.z, kv_head = blockIdx.y, size = d.call.shape.head_size;
    struct attention_span span = span_of(d.call, sequence);
    if (span.rows != 1)
        return;
    struct seen seen = seen_by(d.call.shape, span, 0);
    if (blockIdx.x >= parts_of(seen))
        return;
    int64_t start = (seen.first / PART + blockIdx.x) * PART;
    int64_t first = larger(start, seen.first), count = smaller(start + PART, seen.end) - first;
    for (int64_t i = threadIdx.x; i < count; i += DECODE_THREADS)
        rows[i] = key_row(d.call, span, sequence, first + i);
    __syncthreads();
    int64_t group = d.call.shape.heads / d.call.shape.kv_heads;
    for (int64_t done = 0; done < group; done += HEADS) {
        int64_t head = kv_head * group + done, heads = smaller(group - done, HEADS);
        cells q = cells_at(d.call.q, span.first, head * size);
        score_places<HEADS>(d, q, kv_head * size, rows, count, heads, scores);
        softmax_part(d, sequence, head, heads, count, scores);
        weigh_values<HEADS>(d, sequence, head, heads, kv_head * size, rows, count, scores);
    }
}

/* The parts of one query head, each scaled to the largest of their maxima, added in order. */
__global__ void merge_parts(struct decode_call d) {
    int64_t sequence = blockIdx.y, head = blockIdx.x, size = d.call.shape.head_size;
    struct attention_span span = span_of(d.call, sequence);
    if (span.rows != 1)
        return;
    int64_t parts = parts_of(seen_by(d.call.shape, span, 0));
    float most = -INFINITY, total = 0;
    for (int64_t part = 0; part < parts; part++)
        most = larger_or_nan(most, partial_at(d, sequence, head, part)[size]);
    for (int64_t part = 0; part < parts; part++) {
        const float *partial = partial_at(d, sequence, head, part);
        total += expf(partial[size] - most) * partial[size + 1];
    }
    for (int64_t c = threadIdx.x; c < size; c += blockDim.x) {
        float sum = 0;
        for (int64_t part = 0; part < parts; part++) {
            const float *partial = partial_at(d, sequence, head, part);
            sum += expf(partial[size] - most) * partial[c];
        }
        cells_at(d.call.out, span.first, head * size + c).put(0, sum * (1.0f / total));
    }
}

/* A thread for a sequence: its lengths and all of its pages. */
__global__ void check_cached(struct attention_call call) {
    for (int64_t s = threadIdx.x; s < call.check.sequences; s += blockDim.x) {
        struct attention_span span = span_of(call, s);
        for (int64_t i = 0; i * call.page_size < span.places && !faulty(call.check.fault); i++)
            id_holds(call.page_check, i32_at(call.pages, s, i), i);
    }
}

/* Sequences of one row; others are left alone. */
static void decode_all(struct device *device, const struct attention_call &call,
                       int64_t sequences) {
    cudaStream_t stream = cuda_of(device)->stream;
    int64_t heads = call.shape.heads;
    struct decode_call d = {};
    d.call = call;
    d.parts = (call.pages.columns * call.page_size + PART - 1) / PART;
    if (d.parts == 0)
        return;
    d.partial = static_cast<float *>(cuda_scratch(
        device, SCRATCH_WORK,
        (size_t)(sequences * heads * d.parts * (call.shape.head_size + 2)) * sizeof(float)));
    if (d.partial == nullptr)
        return;
    dim3 parts((unsigned)d.parts, (unsigned)call.shape.kv_heads, (unsigned)sequences);
    dim3 merges((unsigned)heads, (unsigned)sequences);
    d.aligned = call.shape.head_size % 4 == 0 && cuda_width(call.q, call.k) == 4;
    if (heads == call.shape.kv_heads)
        LAUNCH(decode_part<1>, parts, DECODE_THREADS, 0, stream, d);
    else
        LAUNCH(decode_part<MOST_HEADS>, parts, DECODE_THREADS, 0, stream, d);
    LAUNCH(merge_parts, merges, DECODE_THREADS, 0, stream, d);
}

void cuda_attention_cached(struct device *device, struct tensor out, struct tensor q,
                           struct tensor keys, struct tensor values, struct tensor pages,
                           struct tensor lengths, struct sequences sequences, int64_t page_size,
                           struct attention_shape shape) {
    if (sequences.count > 65535) {
        device_fail(device, "attention_cached: %lld sequences; a batch holds at most 65535",
                    (long long)sequences.count);
        return;
    }
    struct attention_call call = {};
    call.q = q, call.k = keys, call.v = values, call.out = out;
    call.check = offsets_of(device, "attention_cached", sequences, q.rows);
    call.shape = shape;
    call.pages = pages, call.lengths = lengths;
    call.page_check = ids_below(device, "attention_cached", "pages", keys.rows / page_size);
    call.page_size = page_size;
    LAUNCH(check_cached, 1, 256, 0, cuda_of(device)->stream, call);
    decode_all(device, call, sequences.count);
    if (sequences.longest > 1)
        cuda_attend(device, call, sequences.count, sequences.longest);
    cuda_launched(device, "attention_cached", q);
}
