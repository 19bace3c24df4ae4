/*
 * Attention, the plain version, for every shape and in f32: a warp for each query row of a head, or
 * for each key row where keys' gradients are summed, so that nothing is added by two at a time.
 * Lanes take the rows of the other side, 32 at a time from a multiple of 32; what they found goes
 * through shared memory, and then lanes take columns.
 */
#include "kernel/cuda/attention.h"

constexpr int WARPS = 4;  /* of a block */
constexpr int GROUPS = 4; /* of 32 columns that a warp sums up at a time; more go to other blocks */
constexpr int COLUMNS = GROUPS * WARP_LANES;

/* Which row a warp has. */
struct attention_place {
    int64_t sequence, row, head, column; /* column: the first that it sums up */
};

static __device__ __forceinline__ struct attention_place place_here(int64_t runs) {
    return {blockIdx.x / runs, blockIdx.x % runs * WARPS + warp_here(), blockIdx.y,
            blockIdx.z * static_cast<int64_t>(COLUMNS)};
}

/* Sums of weight[i]·row_i over the lanes' rows: acc[g] is column 32·g + lane. */
static __device__ __forceinline__ void add_weighted(float acc[GROUPS], const float *weights,
                                                    const cells &row, int64_t count, int at,
                                                    int64_t columns) {
    for (int g = 0; g < GROUPS; g++) {
        int64_t c = g * WARP_LANES + lane_here();
        if (c < columns && at < count)
            acc[g] += weights[at] * row[c];
    }
}

/* ---- forward ---- */

__global__ void attend(struct attention_call call, int64_t runs) {
    SHARED(float, weights, [WARPS][WARP_LANES]);
    SHARED(int64_t, rows, [WARPS][WARP_LANES]);
    struct attention_place place = place_here(runs);
    struct attention_span span = span_of(call, place.sequence);
    if (place.row >= span.rows || (call.pages.data != nullptr && span.rows == 1))
        return;
    int64_t size = call.shape.head_size;
    int64_t kv = place.head * call.shape.kv_heads / call.shape.heads * size;
    int64_t columns = smaller(size - place.column, COLUMNS);
    cells q = cells_at(call.q, span.first + place.row, place.head * size);
    struct seen seen = seen_by(call.shape, span, place.row);
    float acc[GROUPS] = {}, most = -INFINITY, total = 0;
    float *weight = weights[warp_here()];
    int64_t *row = rows[warp_here()];
    for (int64_t tile = seen.first / WARP_LANES * WARP_LANES; tile < seen.end; tile += WARP_LANES) {
        int64_t at = tile + lane_here(), count = smaller(seen.end - tile, WARP_LANES);
        bool visible = at >= seen.first && at < seen.end;
        row[lane_here()] = visible ? key_row(call, span, place.sequence, at) : -1;
        float score = -INFINITY;
        if (visible)
            score = call.shape.scale * dot(q, cells_at(call.k, row[lane_here()], kv), size);
        float highest = larger_or_nan(most, warp_most(score));
        float shrink = expf(most - highest);
        weight[lane_here()] = visible ? expf(score - highest) : 0;
        total = total * shrink + weight[lane_here()];
        most = highest;
        __syncwarp();
        for (int g = 0; g < GROUPS; g++)
            acc[g] *= shrink;
        for (int i = static_cast<int>(larger(seen.first - tile, 0)); i < count; i++)
            add_weighted(acc, weight, cells_at(call.v, row[i], kv + place.column), count, i,
                         columns);
        __syncwarp();
    }
    total = warp_sum(total);
    cells out = cells_at(call.out, span.first + place.row, place.head * size + place.column);
    for (int g = 0; g < GROUPS; g++)
        if (g * WARP_LANES + lane_here() < columns)
            out.put(g * WARP_LANES + lane_here(), acc[g] * (1.0f / total));
    if (call.log_sum.data != nullptr && place.column == 0 && lane_here() == 0)
        *f32_at(call.log_sum, span.first + place.row, place.head) = most + logf(total);
}

void cuda_attend(struct device *device, const struct attention_call &call, int64_t sequences,
                 int64_t longest) {
    if (cuda_tiles_fit(cuda_of(device), call.shape)) {
        cuda_attend_tiles(device, call, sequences, longest);
        return;
    }
    int64_t runs = (longest + WARPS - 1) / WARPS;
    dim3 grid((unsigned)(sequences * runs), (unsigned)call.shape.heads,
              blocks_of(call.shape.head_size, COLUMNS));
    LAUNCH(attend, grid, WARPS * WARP_LANES, 0, cuda_of(device)->stream, call, runs);
}

/* Reports offsets that are wrong where no sequence has a row to compute. */
__global__ void check_offsets(struct offset_check check) {
    for (int64_t s = threadIdx.x; s < check.sequences; s += blockDim.x)
        sequence_at(check, s);
}

static struct attention_call call_of(struct device *device, const char *operation, struct tensor q,
                                     struct tensor k, struct tensor v, struct tensor out,
                                     struct tensor log_sum, struct sequences sequences,
                                     struct attention_shape shape) {
    struct attention_call call = {};
    call.q = q, call.k = k, call.v = v, call.out = out, call.log_sum = log_sum;
    call.check = offsets_of(device, operation, sequences, q.rows);
    call.shape = shape;
    return call;
}

void cuda_attention_forward(struct device *device, struct tensor out, struct tensor log_sum,
                            struct tensor q, struct tensor k, struct tensor v,
                            struct sequences sequences, struct attention_shape shape) {
    struct attention_call call =
        call_of(device, "attention_forward", q, k, v, out, log_sum, sequences, shape);
    LAUNCH(check_offsets, 1, 256, 0, cuda_of(device)->stream, call.check);
    if (sequences.count > 0 && sequences.longest > 0)
        cuda_attend(device, call, sequences.count, sequences.longest);
    cuda_launched(device, "attention_forward", q);
}

/* ---- backward ---- */

__global__ void backward_deltas(struct gradient_call g, int64_t runs) {
    struct attention_place place = place_here(runs);
    struct attention_span span = span_of(g.call, place.sequence);
    if (place.row >= span.rows)
        return;
    int64_t row = span.first + place.row, size = g.call.shape.head_size;
    cells a = cells_at(g.dout, row, place.head * size);
    cells b = cells_at(g.call.out, row, place.head * size);
    float sum = 0;
    for (int64_t c = lane_here(); c < size; c += WARP_LANES)
        sum += a[c] * b[c];
    sum = warp_sum(sum);
    if (lane_here() == 0)
        *f32_at(g.delta, row, place.head) = sum;
}

/* One pair of a query row and a key row: its probability, and the gradient of its score. */
struct pair_gradient {
    float p, ds;
};

static __device__ __forceinline__ struct pair_gradient
pair_at(const struct gradient_call &g, int64_t q_row, int64_t k_row, int64_t head, int64_t kv) {
    int64_t size = g.call.shape.head_size, column = head * size;
    float score = g.call.shape.scale *
                  dot(cells_at(g.call.q, q_row, column), cells_at(g.call.k, k_row, kv), size);
    float p = expf(score - *f32_at(g.call.log_sum, q_row, head));
    float dp = dot(cells_at(g.dout, q_row, column), cells_at(g.call.v, k_row, kv), size);
    return {p, p * (dp - *f32_at(g.delta, q_row, head)) * g.call.shape.scale};
}

/* A warp for a query row: dq = Σ_j ds_j·k_j. */
__global__ void backward_queries(struct gradient_call g, int64_t runs) {
    SHARED(float, weights, [WARPS][WARP_LANES]);
    struct attention_place place = place_here(runs);
    struct attention_span span = span_of(g.call, place.sequence);
    if (place.row >= span.rows)
        return;
    int64_t size = g.call.shape.head_size, columns = smaller(size - place.column, COLUMNS);
    int64_t kv = place.head * g.call.shape.kv_heads / g.call.shape.heads * size;
    int64_t row = span.first + place.row;
    struct seen seen = seen_by(g.call.shape, span, place.row);
    float acc[GROUPS] = {}, *weight = weights[warp_here()];
    for (int64_t tile = seen.first; tile < seen.end; tile += WARP_LANES) {
        int64_t at = tile + lane_here(), count = smaller(seen.end - tile, WARP_LANES);
        weight[lane_here()] =
            at < seen.end ? pair_at(g, row, span.first + at, place.head, kv).ds : 0;
        __syncwarp();
        for (int i = 0; i < count; i++)
            add_weighted(acc, weight, cells_at(g.call.k, span.first + tile + i, kv + place.column),
                         count, i, columns);
        __syncwarp();
    }
    cells dq = cells_at(g.dq, row, place.head * size + place.column);
    for (int i = 0; i < GROUPS; i++)
        if (i * WARP_LANES + lane_here() < columns)
            dq.put(i * WARP_LANES + lane_here(), acc[i]);
}

/* The queries that see key row `row` of a sequence: first … end − 1. */
static __device__ __forceinline__ struct seen
seeing(const struct attention_shape &shape, const struct attention_span &span, int64_t row) {
    if (!shape.causal)
        return {0, span.rows};
    return {row, shape.window > 0 ? smaller(row + shape.window, span.rows) : span.rows};
}

/* A warp for a key row and all query heads that read it: dk = Σ_i ds_i·q_i, dv = Σ_i p_i·dout_i. */
__global__ void backward_keys(struct gradient_call g, int64_t runs) {
    SHARED(float, weights, [2][WARPS][WARP_LANES]);
    struct attention_place place = place_here(runs);
    struct attention_span span = span_of(g.call, place.sequence);
    if (place.row >= span.rows)
        return;
    int64_t size = g.call.shape.head_size, columns = smaller(size - place.column, COLUMNS);
    int64_t group = g.call.shape.heads / g.call.shape.kv_heads, kv = place.head * size;
    int64_t row = span.first + place.row;
    struct seen seen = seeing(g.call.shape, span, place.row);
    float dk[GROUPS] = {}, dv[GROUPS] = {};
    float *ds = weights[0][warp_here()], *p = weights[1][warp_here()];
    for (int64_t head = place.head * group; head < (place.head + 1) * group; head++)
        for (int64_t tile = seen.first; tile < seen.end; tile += WARP_LANES) {
            int64_t at = tile + lane_here(), count = smaller(seen.end - tile, WARP_LANES);
            struct pair_gradient pair = {0, 0};
            if (at < seen.end)
                pair = pair_at(g, span.first + at, row, head, kv);
            ds[lane_here()] = pair.ds;
            p[lane_here()] = pair.p;
            __syncwarp();
            for (int i = 0; i < count; i++) {
                int64_t query = span.first + tile + i, column = head * size + place.column;
                add_weighted(dk, ds, cells_at(g.call.q, query, column), count, i, columns);
                add_weighted(dv, p, cells_at(g.dout, query, column), count, i, columns);
            }
            __syncwarp();
        }
    for (int i = 0; i < GROUPS; i++)
        if (i * WARP_LANES + lane_here() < columns) {
            int64_t column = kv + place.column + i * WARP_LANES + lane_here();
            cells_at(g.dk, row, column).put(0, dk[i]);
            cells_at(g.dv, row, column).put(0, dv[i]);
        }
}

void cuda_attention_backward(struct device *device, struct tensor dq, struct tensor dk,
                             struct tensor dv, struct tensor dout, struct tensor out,
                             struct tensor log_sum, struct tensor q, struct tensor k,
                             struct tensor v, struct sequences sequences,
                             struct attention_shape shape) {
    cudaStream_t stream = cuda_of(device)->stream;
    struct gradient_call g = {};
    g.call = call_of(device, "attention_backward", q, k, v, out, log_sum, sequences, shape);
    g.dq = dq, g.dk = dk, g.dv = dv, g.dout = dout;
    g.delta = {cuda_scratch(device, SCRATCH_WORK, (size_t)(q.rows * shape.heads) * sizeof(float)),
               DTYPE_F32, q.rows, shape.heads, shape.heads};
    if (g.delta.data == nullptr)
        return;
    LAUNCH(check_offsets, 1, 256, 0, stream, g.call.check);
    int64_t runs = (sequences.longest + WARPS - 1) / WARPS;
    unsigned blocks = (unsigned)(sequences.count * runs),
             parts = blocks_of(shape.head_size, COLUMNS);
    if (blocks > 0) {
        dim3 rows(blocks, (unsigned)shape.heads), queries(blocks, (unsigned)shape.heads, parts);
        dim3 keys(blocks, (unsigned)shape.kv_heads, parts);
        LAUNCH(backward_deltas, rows, WARPS * WARP_LANES, 0, stream, g, runs);
        if (cuda_tiles_fit(cuda_of(device), shape)) {
            cuda_attend_tiles_backward(device, g, sequences.count, sequences.longest);
        } else {
            LAUNCH(backward_queries, queries, WARPS * WARP_LANES, 0, stream, g, runs);
            LAUNCH(backward_keys, keys, WARPS * WARP_LANES, 0, stream, g, runs);
        }
    }
    cuda_launched(device, "attention_backward", q);
}
