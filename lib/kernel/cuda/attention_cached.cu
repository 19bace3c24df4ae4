/*
 * Attention over the paged cache. A sequence with one row (decoding) is cut along its places into
 * parts of PART, each done by one block for all query heads of a key/value head together, so that
 * the cache is read once; the parts are merged in order. A sequence with more rows (a chunk of a
 * prompt) goes through attention.cu. How a sequence is computed depends on itself alone.
 */
#include "kernel/cuda/attention.h"

constexpr int PART = 256; /* places */
constexpr int DECODE_THREADS = 128;
constexpr int MOST_HEADS = 8;   /* query heads that a block works on at a time */
constexpr int MOST_SIZE = 1024; /* columns of heads of which a block works on several */
constexpr int PLACE_LANES = 4;  /* that read a key together, VEC columns each */
constexpr int TOGETHER = 4;     /* reads of the cache that a lane has under way */

struct decode_call {
    struct attention_call call;
    int64_t parts;  /* at most, of a sequence */
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

/* Cells of the cache, read VEC at a time: 16 bytes, which 8 of bf16 fill and 4 of f32; or 1. */
template <int VEC>
static __device__ __forceinline__ cells cached_at(const struct tensor &x, uint32_t row,
                                                  int64_t column) {
    bool narrow = VEC == 8 || (VEC == 1 && x.type == DTYPE_BF16);
    uint64_t start = static_cast<uint64_t>(row) * static_cast<uint32_t>(x.stride);
    return cells{x.data, narrow} + (static_cast<int64_t>(start) + column);
}

/* VEC cells as they lie. Those that are read together are widened when all of them are under way:
 * widening waits. */
template <int VEC> static __device__ __forceinline__ uint4 raw_cells(const cells &from) {
    if constexpr (VEC == 1)
        return {__float_as_uint(from[0]), 0, 0, 0};
    else
        return *static_cast<const uint4 *>(from.data);
}

template <int VEC> static __device__ __forceinline__ pack<VEC> widened(const uint4 &raw) {
    const unsigned words[4] = {raw.x, raw.y, raw.z, raw.w};
    pack<VEC> x;
    if constexpr (VEC == 8)
        UNROLL for (int i = 0; i < 4; i++) widen_two(x.at + 2 * i, words[i]);
    else
        UNROLL for (int i = 0; i < VEC; i++) x.at[i] = __uint_as_float(words[i]);
    return x;
}

/* The queries of `heads` heads to q[HEADS, size]; zeros for those that are not there. */
template <int HEADS>
static __device__ __forceinline__ void stage_queries(float *q, const cells &from, int64_t size,
                                                     int64_t heads) {
    for (int64_t i = threadIdx.x; i < HEADS * size; i += DECODE_THREADS)
        q[i] = i < heads * size ? from[i] : 0;
    __syncthreads();
}

/* acc[h] += query h · key from column c on, COUNT of the lane's steps at a time; where it stopped.
 */
template <int COUNT, int HEADS, int VEC>
static __device__ __forceinline__ int score_columns(float (&acc)[HEADS], const float *q, int size,
                                                    const cells &key, int c, int end) {
    constexpr int STEP = PLACE_LANES * VEC;
    NO_UNROLL for (; c + (COUNT - 1) * STEP < end; c += COUNT * STEP) {
        uint4 raw[COUNT];
        UNROLL for (int t = 0; t < COUNT; t++) raw[t] = raw_cells<VEC>(key + (c + t * STEP));
        UNROLL for (int t = 0; t < COUNT; t++) {
            pack<VEC> k = widened<VEC>(raw[t]);
            UNROLL for (int h = 0; h < HEADS; h++) {
                pack<VEC> query = load<VEC>(q + h * size + c + t * STEP);
                UNROLL for (int j = 0; j < VEC; j++) acc[h] += query.at[j] * k.at[j];
            }
        }
    }
    return c;
}

/* scores[h][i] of the heads against the part's places: PLACE_LANES lanes for a place. */
template <int HEADS, int VEC>
static __device__ __forceinline__ void score_places(const struct decode_call &d, const float *q,
                                                    int64_t kv, const uint32_t *rows, int count,
                                                    float (*scores)[PART]) {
    int size = static_cast<int>(d.call.shape.head_size);
    for (int base = 0; base < count; base += DECODE_THREADS / PLACE_LANES) {
        int i = base + static_cast<int>(threadIdx.x) / PLACE_LANES;
        int end = i < count ? size : 0;
        cells k = cached_at<VEC>(d.call.k, rows[i < count ? i : 0], kv);
        float acc[HEADS] = {};
        int c = static_cast<int>(threadIdx.x) % PLACE_LANES * VEC;
        c = score_columns<TOGETHER, HEADS, VEC>(acc, q, size, k, c, end);
        c = score_columns<TOGETHER / 2, HEADS, VEC>(acc, q, size, k, c, end);
        score_columns<1, HEADS, VEC>(acc, q, size, k, c, end);
        UNROLL for (int h = 0; h < HEADS; h++) {
            for (int lanes = PLACE_LANES / 2; lanes > 0; lanes /= 2)
                acc[h] += __shfl_xor_sync(WHOLE_WARP, acc[h], lanes);
            if (i < count && threadIdx.x % PLACE_LANES == 0)
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

/* acc[h] += scores[h][i]·values at `column` of place i, for every `step`-th place from i on, COUNT
 * of them at a time; where it stopped. */
template <int COUNT, int HEADS, int VEC>
static __device__ __forceinline__ int
weigh_places(float (&acc)[HEADS][VEC], const struct tensor &values, int64_t column,
             const uint32_t *rows, int i, int step, int count, const float (*scores)[PART]) {
    NO_UNROLL for (; i + (COUNT - 1) * step < count; i += COUNT * step) {
        uint4 raw[COUNT];
        UNROLL for (int t = 0; t < COUNT; t++) raw[t] =
            raw_cells<VEC>(cached_at<VEC>(values, rows[i + t * step], column));
        UNROLL for (int t = 0; t < COUNT; t++) {
            pack<VEC> value = widened<VEC>(raw[t]);
            UNROLL for (int h = 0; h < HEADS; h++) UNROLL for (int j = 0; j < VEC; j++) acc[h][j] +=
                scores[h][i + t * step] * value.at[j];
        }
    }
    return i;
}

/*
 * Values weighted by what softmax_part() left, to sums[HEADS, size]: a lane for VEC columns, the
 * places dealt to as many groups of lanes as there are, which add what they found in turn.
 */
template <int HEADS, int VEC>
static __device__ __forceinline__ void weigh_values(float *sums, const struct tensor &values,
                                                    int64_t kv, int size, const uint32_t *rows,
                                                    int count, const float (*scores)[PART]) {
    int across = 1;
    while (across < DECODE_THREADS && across * VEC < size)
        across *= 2;
    int groups = DECODE_THREADS / across, group = static_cast<int>(threadIdx.x) / across;
    for (int base = 0; base < size; base += across * VEC) {
        int column = base + static_cast<int>(threadIdx.x) % across * VEC;
        float acc[HEADS][VEC] = {};
        if (column < size) {
            int i = weigh_places<TOGETHER, HEADS, VEC>(acc, values, kv + column, rows, group,
                                                       groups, count, scores);
            weigh_places<1, HEADS, VEC>(acc, values, kv + column, rows, i, groups, count, scores);
        }
        for (int turn = 0; turn < groups; turn++) {
            if (turn == group && column < size)
                UNROLL for (int h = 0; h < HEADS; h++) UNROLL for (int j = 0; j < VEC; j++)
                    sums[h * size + column + j] =
                        acc[h][j] + (turn > 0 ? sums[h * size + column + j] : 0);
            __syncthreads();
        }
    }
}

/* That a multiprocessor shall hold at once, as registers allow: what they read keeps memory busy.
 */
template <int HEADS> constexpr int BLOCKS = HEADS == 1 ? 8 : HEADS == MOST_HEADS ? 4 : 5;

template <int HEADS, int VEC>
__global__ void __launch_bounds__(DECODE_THREADS, BLOCKS<HEADS>) decode_part(struct decode_call d) {
    SHARED(float, scores, [HEADS][PART]);
    SHARED(uint32_t, rows, [PART]);
    SHARED_DYNAMIC(float, heads_rows); /* [HEADS, C]: queries, then weighted values */
    int64_t sequence = blockIdx.z, kv_head = blockIdx.y, size = d.call.shape.head_size;
    struct attention_span span = span_of(d.call, sequence);
    if (span.rows != 1)
        return;
    struct seen seen = seen_by(d.call.shape, span, 0);
    if (blockIdx.x >= parts_of(seen))
        return;
    int64_t start = (seen.first / PART + blockIdx.x) * PART;
    int64_t first = larger(start, seen.first);
    int count = static_cast<int>(smaller(start + PART, seen.end) - first);
    for (int i = static_cast<int>(threadIdx.x); i < count; i += DECODE_THREADS)
        rows[i] = static_cast<uint32_t>(key_row(d.call, span, sequence, first + i));
    int64_t group = d.call.shape.heads / d.call.shape.kv_heads, kv = kv_head * size;
    for (int64_t done = 0; done < group; done += HEADS) {
        int64_t head = kv_head * group + done, heads = smaller(group - done, HEADS);
        stage_queries<HEADS>(heads_rows, cells_at(d.call.q, span.first, head * size), size, heads);
        score_places<HEADS, VEC>(d, heads_rows, kv, rows, count, scores);
        softmax_part(d, sequence, head, heads, count, scores);
        weigh_values<HEADS, VEC>(heads_rows, d.call.v, kv, static_cast<int>(size), rows, count,
                                 scores);
        for (int64_t h = 0; h < heads; h++)
            for (int64_t c = threadIdx.x; c < size; c += DECODE_THREADS)
                partial_at(d, sequence, head + h, blockIdx.x)[c] = heads_rows[h * size + c];
        __syncthreads();
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

/* A warp for a sequence: its lengths and all of its pages. */
__global__ void check_cached(struct attention_call call) {
    struct attention_span span = span_of(call, blockIdx.x);
    for (int64_t i = threadIdx.x; i * call.page_size < span.places; i += blockDim.x)
        id_holds(call.page_check, i32_at(call.pages, blockIdx.x, i), i);
}

template <int VEC>
static void enqueue_parts(struct device *device, const struct decode_call &d, int64_t sequences) {
    cudaStream_t stream = cuda_of(device)->stream;
    const struct attention_shape &shape = d.call.shape;
    dim3 grid((unsigned)d.parts, (unsigned)shape.kv_heads, (unsigned)sequences);
    int64_t group = shape.heads / shape.kv_heads;
    size_t shared = (size_t)shape.head_size * sizeof(float);
    if (group == 1 || shape.head_size > MOST_SIZE)
        LAUNCH((decode_part<1, VEC>), grid, DECODE_THREADS, shared, stream, d);
    else if (group <= MOST_HEADS / 2)
        LAUNCH((decode_part<MOST_HEADS / 2, VEC>), grid, DECODE_THREADS, shared * MOST_HEADS / 2,
               stream, d);
    else
        LAUNCH((decode_part<MOST_HEADS, VEC>), grid, DECODE_THREADS, shared * MOST_HEADS, stream,
               d);
}

/* Sequences of one row; others are left alone. */
static void decode_all(struct device *device, const struct attention_call &call,
                       int64_t sequences) {
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
    if (!heads_packed(call.shape, {call.k, call.v}))
        enqueue_parts<1>(device, d, sequences);
    else if (call.k.type == DTYPE_BF16)
        enqueue_parts<8>(device, d, sequences);
    else
        enqueue_parts<4>(device, d, sequences);
    dim3 merges((unsigned)heads, (unsigned)sequences);
    LAUNCH(merge_parts, merges, DECODE_THREADS, 0, cuda_of(device)->stream, d);
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
    if (sequences.count > 0)
        LAUNCH(check_cached, (unsigned)sequences.count, WARP_LANES, 0, cuda_of(device)->stream,
               call);
    if (keys.rows > 0) /* else no page is right */
        decode_all(device, call, sequences.count);
    if (keys.rows > 0 && sequences.longest > 1)
        cuda_attend(device, call, sequences.count, sequences.longest);
    cuda_launched(device, "attention_cached", q);
}
