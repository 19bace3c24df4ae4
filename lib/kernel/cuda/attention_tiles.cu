/*
 * Attention on tensor cores, for heads of up to 128 columns: rows are rounded to bf16 as they come
 * into shared memory, sums are f32. A block owns 64 rows, 16 for each warp, and goes through the
 * rows of the other side tile by tile: queries through keys (Dao 2023), and backward once queries
 * through keys for dq, once keys through queries for dk and dv, so that nothing is added by two
 * blocks. Tiles begin at multiples of their size: what a row gets does not depend on its
 * neighbours.
 */
#include "kernel/cuda/attention.h"

constexpr int TILE_WARPS = 4;
constexpr int TILE_THREADS = TILE_WARPS * WARP_LANES;
constexpr int OWN = TILE_WARPS * 16; /* rows of a block */
constexpr int KEYS = 64;             /* of a tile, forward */
constexpr int OTHERS = 32;           /* rows of the other side of a tile, backward */

/* Elements from one row of a tile to the next: 16 bytes more, so that eight rows meet all banks. */
template <int HEAD> static __host__ __device__ constexpr int tile_stride() {
    return HEAD + 8;
}

/* ---- tiles ---- */

/* ROWS rows of `columns` numbers, row_of(i) for i < count; zeros elsewhere. */
template <int ROWS, int HEAD, class ROW>
static __device__ __forceinline__ void load_tile(uint16_t *tile, int64_t count, int64_t columns,
                                                 bool aligned, ROW row_of) {
    constexpr int PACKS = HEAD / 4;
    for (int i = static_cast<int>(threadIdx.x); i < ROWS * PACKS; i += TILE_THREADS) {
        int row = i / PACKS, column = i % PACKS * 4;
        pack<4> x = {};
        if (row < count && aligned && column < columns) {
            x = load<4>(row_of(row) + column); /* of bf16: widened and narrowed to itself */
        } else if (row < count) {
            for (int j = 0; j < 4; j++)
                if (column + j < columns)
                    x.at[j] = row_of(row)[column + j];
        }
        uint2 halves;
        halves.x = two_bf16(x.at[0], x.at[1]);
        halves.y = two_bf16(x.at[2], x.at[3]);
        *reinterpret_cast<uint2 *>(tile + row * tile_stride<HEAD>() + column) = halves;
    }
}

/* Where this lane's row of four 8×8 matrices begins: down first (rows +8), or across first. */
template <int HEAD, bool DOWN>
static __device__ __forceinline__ const uint16_t *matrix_row(const uint16_t *tile, int row,
                                                             int column) {
    int matrix = lane_here() / 8, first = matrix & 1, second = matrix >> 1;
    row += lane_here() % 8 + 8 * (DOWN ? first : second);
    return tile + row * tile_stride<HEAD>() + column + 8 * (DOWN ? second : first);
}

/* acc[16, 8·TILES] += own rows from `row` · (rows of the other tile)ᵀ, over HEAD columns. */
template <int HEAD, int TILES>
static __device__ __forceinline__ void multiply_rows(float (&acc)[TILES][4], const uint16_t *own,
                                                     int row, const uint16_t *other) {
    UNROLL for (int k = 0; k < HEAD; k += 16) {
        unsigned a[4];
        load_matrices<false>(a, matrix_row<HEAD, true>(own, row, k));
        UNROLL for (int n = 0; n < TILES; n += 2) {
            unsigned b[4];
            load_matrices<false>(b, matrix_row<HEAD, false>(other, n * 8, k));
            mma_bf16(acc[n], a, b);
            mma_bf16(acc[n + 1], a, b + 2);
        }
    }
}

/* out[16, HEAD] += p[16, 8·TILES] · the other tile's rows. */
template <int HEAD, int TILES>
static __device__ __forceinline__ void
add_rows_of(float (&out)[HEAD / 8][4], const float (&p)[TILES][4], const uint16_t *other) {
    UNROLL for (int k = 0; k < TILES; k += 2) {
        unsigned a[4] = {two_bf16(p[k][0], p[k][1]), two_bf16(p[k][2], p[k][3]),
                         two_bf16(p[k + 1][0], p[k + 1][1]), two_bf16(p[k + 1][2], p[k + 1][3])};
        UNROLL for (int n = 0; n < HEAD / 8; n += 2) {
            unsigned b[4];
            load_matrices<true>(b, matrix_row<HEAD, true>(other, k * 8, n * 8));
            mma_bf16(out[n], a, b);
            mma_bf16(out[n + 1], a, b + 2);
        }
    }
}

/* Lane l has, of every 16×8 piece, rows l/4 (numbers 0, 1) and l/4 + 8 (2, 3), and the columns
 * 2·(l%4) (0, 2) and one more (1, 3). */
static __device__ __forceinline__ int piece_row(int number) {
    return lane_here() / 4 + number / 2 * 8;
}

static __device__ __forceinline__ int piece_column(int number) {
    return lane_here() % 4 * 2 + number % 2;
}

/* Over the four lanes that share a row. */
static __device__ __forceinline__ float row_sum(float x) {
    x += __shfl_xor_sync(WHOLE_WARP, x, 1);
    return x + __shfl_xor_sync(WHOLE_WARP, x, 2);
}

static __device__ __forceinline__ float row_most(float x) {
    x = larger_or_nan(x, __shfl_xor_sync(WHOLE_WARP, x, 1));
    return larger_or_nan(x, __shfl_xor_sync(WHOLE_WARP, x, 2));
}

/* out[16, HEAD]·factor[half] to rows of `to` from `row`, as far as there are any. */
template <int HEAD>
static __device__ __forceinline__ void
store_rows(const struct tensor &to, int64_t row, int64_t count, int64_t column, int64_t columns,
           const float (&out)[HEAD / 8][4], const float (&factor)[2]) {
    UNROLL for (int n = 0; n < HEAD / 8; n++) UNROLL for (int i = 0; i < 4; i++) {
        int r = warp_here() * 16 + piece_row(i), c = n * 8 + piece_column(i);
        if (r < count && c < columns)
            cells_at(to, row + r, column + c).put(0, out[n][i] * factor[i / 2]);
    }
}

/* ---- forward ---- */

constexpr float LOG2_E = 1.44269504088896340736f;
constexpr float LN_2 = 0.69314718055994530942f;

/* What a lane keeps of its two rows: the largest score in units of log 2, and the sum. */
struct softmax_rows {
    float most[2], total[2];
    struct seen seen[2];
};

/* Scores to exponentials; `out` shrinks to the new largest score. */
template <int HEAD>
static __device__ __forceinline__ void
softmax_tile(float (&s)[KEYS / 8][4], float (&out)[HEAD / 8][4], struct softmax_rows *rows,
             int64_t tile, float scale) {
    float most[2] = {rows->most[0], rows->most[1]}, base[2], shrink[2];
    UNROLL for (int n = 0; n < KEYS / 8; n++) UNROLL for (int i = 0; i < 4; i++) {
        int64_t key = tile + n * 8 + piece_column(i);
        const struct seen &seen = rows->seen[i / 2];
        s[n][i] = key >= seen.first && key < seen.end ? s[n][i] * scale : -INFINITY;
        most[i / 2] = larger_or_nan(most[i / 2], s[n][i]);
    }
    UNROLL for (int half = 0; half < 2; half++) {
        most[half] = row_most(most[half]);
        base[half] = most[half] == -INFINITY ? 0 : most[half]; /* nothing seen so far */
        shrink[half] = exp2f(rows->most[half] - base[half]);
        rows->most[half] = most[half];
        rows->total[half] *= shrink[half];
    }
    UNROLL for (int n = 0; n < KEYS / 8; n++) UNROLL for (int i = 0; i < 4; i++) {
        s[n][i] = exp2f(s[n][i] - base[i / 2]);
        rows->total[i / 2] += s[n][i];
    }
    UNROLL for (int n = 0; n < HEAD / 8; n++) UNROLL for (int i = 0; i < 4; i++) out[n][i] *=
        shrink[i / 2];
}

template <int HEAD>
__global__ void __launch_bounds__(TILE_THREADS)
    attend_tiles(struct attention_call call, int64_t runs, bool aligned) {
    SHARED_DYNAMIC(uint16_t, memory);
    uint16_t *queries = memory, *keys = queries + OWN * tile_stride<HEAD>();
    uint16_t *values = keys + KEYS * tile_stride<HEAD>();
    int64_t sequence = blockIdx.x / runs, first = (runs - 1 - blockIdx.x % runs) * OWN;
    int64_t head = blockIdx.y, size = call.shape.head_size;
    int64_t kv = head * call.shape.kv_heads / call.shape.heads * size;
    struct attention_span span = span_of(call, sequence);
    if (first >= span.rows || (call.pages.data != nullptr && span.rows == 1))
        return;
    int64_t count = smaller(span.rows - first, OWN);
    load_tile<OWN, HEAD>(queries, count, size, aligned, [&](int i) {
        return cells_at(call.q, span.first + first + i, head * size);
    });
    struct softmax_rows rows = {};
    for (int half = 0; half < 2; half++) {
        rows.most[half] = -INFINITY;
        rows.seen[half] = seen_by(call.shape, span, first + warp_here() * 16 + piece_row(half * 2));
    }
    float out[HEAD / 8][4] = {};
    int64_t start = seen_by(call.shape, span, first).first / KEYS * KEYS;
    int64_t end = seen_by(call.shape, span, first + count - 1).end;
    for (int64_t tile = start; tile < end; tile += KEYS) {
        auto key = [&](int i) { return key_row(call, span, sequence, tile + i); };
        __syncthreads();
        load_tile<KEYS, HEAD>(keys, end - tile, size, aligned,
                              [&](int i) { return cells_at(call.k, key(i), kv); });
        load_tile<KEYS, HEAD>(values, end - tile, size, aligned,
                              [&](int i) { return cells_at(call.v, key(i), kv); });
        __syncthreads();
        float s[KEYS / 8][4] = {};
        multiply_rows<HEAD>(s, queries, warp_here() * 16, keys);
        softmax_tile<HEAD>(s, out, &rows, tile, call.shape.scale * LOG2_E);
        add_rows_of<HEAD>(out, s, values);
    }
    float share[2];
    for (int half = 0; half < 2; half++) {
        float total = row_sum(rows.total[half]);
        int row = warp_here() * 16 + piece_row(half * 2);
        share[half] = 1.0f / total;
        if (call.log_sum.data != nullptr && lane_here() % 4 == 0 && row < count)
            *f32_at(call.log_sum, span.first + first + row, head) =
                rows.most[half] * LN_2 + logf(total);
    }
    store_rows<HEAD>(call.out, span.first + first, count, head * size, size, out, share);
}

/* ---- backward ---- */

struct tile_gradient {
    struct attention_call call;
    struct tensor dout, delta; /* delta [T,H]: Σ_c dout·out */
    struct tensor d_own[2];    /* dq; or dk and dv */
    bool aligned;
};

/* The rows of the other side that a row of this side meets. */
template <bool BY_KEYS>
static __device__ __forceinline__ struct seen
met_by(const struct attention_shape &shape, const struct attention_span &span, int64_t row) {
    if (!BY_KEYS)
        return seen_by(shape, span, row);
    if (!shape.causal)
        return {0, span.rows};
    return {row, shape.window > 0 ? smaller(row + shape.window, span.rows) : span.rows};
}

/* Shared memory of a block. */
template <int HEAD> struct gradient_tiles {
    uint16_t *own[2];       /* [OWN]: q and dout; or k and v */
    uint16_t *other[2];     /* [OTHERS]: k and v; or q and dout */
    float *log_sum, *delta; /* of the queries: [OWN] or [OTHERS] */

    static __device__ gradient_tiles at(uint16_t *memory) {
        gradient_tiles t;
        constexpr int STRIDE = tile_stride<HEAD>();
        t.own[0] = memory;
        t.own[1] = t.own[0] + OWN * STRIDE;
        t.other[0] = t.own[1] + OWN * STRIDE;
        t.other[1] = t.other[0] + OTHERS * STRIDE;
        t.log_sum = reinterpret_cast<float *>(t.other[1] + OTHERS * STRIDE);
        t.delta = t.log_sum + OWN;
        return t;
    }

    static constexpr size_t bytes() {
        return (2 * OWN + 2 * OTHERS) * tile_stride<HEAD>() * sizeof(uint16_t) +
               2 * OWN * sizeof(float);
    }
};

/* `count` queries of `head` from `row` on: q and dout into a tile each, log_sum and delta. */
template <int ROWS, int HEAD>
static __device__ __forceinline__ void
load_queries(const struct tile_gradient &g, uint16_t *const *tiles, float *log_sum, float *delta,
             int64_t row, int64_t count, int64_t head) {
    int64_t size = g.call.shape.head_size;
    load_tile<ROWS, HEAD>(tiles[0], count, size, g.aligned,
                          [&](int i) { return cells_at(g.call.q, row + i, head * size); });
    load_tile<ROWS, HEAD>(tiles[1], count, size, g.aligned,
                          [&](int i) { return cells_at(g.dout, row + i, head * size); });
    for (int i = static_cast<int>(threadIdx.x); i < ROWS; i += TILE_THREADS) {
        log_sum[i] = i < count ? *f32_at(g.call.log_sum, row + i, head) : 0;
        delta[i] = i < count ? *f32_at(g.delta, row + i, head) : 0;
    }
}

template <int ROWS, int HEAD>
static __device__ __forceinline__ void load_keys(const struct tile_gradient &g,
                                                 uint16_t *const *tiles, int64_t row, int64_t count,
                                                 int64_t kv_head) {
    int64_t size = g.call.shape.head_size;
    load_tile<ROWS, HEAD>(tiles[0], count, size, g.aligned,
                          [&](int i) { return cells_at(g.call.k, row + i, kv_head * size); });
    load_tile<ROWS, HEAD>(tiles[1], count, size, g.aligned,
                          [&](int i) { return cells_at(g.call.v, row + i, kv_head * size); });
}

/* Scores to probabilities, and dp to the gradient of the scores. */
template <bool BY_KEYS>
static __device__ __forceinline__ void
gradient_of_scores(float (&p)[OTHERS / 8][4], float (&ds)[OTHERS / 8][4], const float *log_sum,
                   const float *delta, const struct seen (&met)[2], int64_t tile, float scale) {
    UNROLL for (int n = 0; n < OTHERS / 8; n++) UNROLL for (int i = 0; i < 4; i++) {
        int other = n * 8 + piece_column(i);
        int query = BY_KEYS ? other : warp_here() * 16 + piece_row(i);
        int64_t at = tile + other;
        bool meets = at >= met[i / 2].first && at < met[i / 2].end;
        p[n][i] = meets ? exp2f((p[n][i] * scale - log_sum[query]) * LOG2_E) : 0;
        ds[n][i] = p[n][i] * (ds[n][i] - delta[query]) * scale;
    }
}

/* BY_KEYS: a block owns keys and their heads' gradients; else queries and theirs. */
template <int HEAD, bool BY_KEYS>
__global__ void __launch_bounds__(TILE_THREADS)
    backward_tiles(struct tile_gradient g, int64_t runs) {
    SHARED_DYNAMIC(uint16_t, memory);
    gradient_tiles<HEAD> tiles = gradient_tiles<HEAD>::at(memory);
    const struct attention_shape &shape = g.call.shape;
    int64_t sequence = blockIdx.x / runs, first = blockIdx.x % runs * OWN, size = shape.head_size;
    struct attention_span span = span_of(g.call, sequence);
    if (first >= span.rows)
        return;
    int64_t count = smaller(span.rows - first, OWN), group = shape.heads / shape.kv_heads;
    int64_t head = BY_KEYS ? blockIdx.y * group : blockIdx.y, heads = BY_KEYS ? group : 1;
    if (BY_KEYS)
        load_keys<OWN, HEAD>(g, tiles.own, span.first + first, count, blockIdx.y);
    else
        load_queries<OWN, HEAD>(g, tiles.own, tiles.log_sum, tiles.delta, span.first + first, count,
                                head);
    struct seen met[2];
    for (int half = 0; half < 2; half++)
        met[half] = met_by<BY_KEYS>(shape, span, first + warp_here() * 16 + piece_row(half * 2));
    float out[HEAD / 8][4] = {}, more[HEAD / 8][4] = {}; /* dq; or dk and dv */
    int64_t start = met_by<BY_KEYS>(shape, span, first).first / OTHERS * OTHERS;
    int64_t end = smaller(met_by<BY_KEYS>(shape, span, first + count - 1).end, span.rows);
    for (int64_t member = head; member < head + heads; member++)
        for (int64_t tile = start; tile < end; tile += OTHERS) {
            __syncthreads();
            if (BY_KEYS)
                load_queries<OTHERS, HEAD>(g, tiles.other, tiles.log_sum, tiles.delta,
                                           span.first + tile, end - tile, member);
            else
                load_keys<OTHERS, HEAD>(g, tiles.other, span.first + tile, end - tile,
                                        member / group);
            __syncthreads();
            float p[OTHERS / 8][4] = {}, ds[OTHERS / 8][4] = {};
            multiply_rows<HEAD>(p, tiles.own[0], warp_here() * 16, tiles.other[0]);
            multiply_rows<HEAD>(ds, tiles.own[1], warp_here() * 16, tiles.other[1]);
            gradient_of_scores<BY_KEYS>(p, ds, tiles.log_sum, tiles.delta, met, tile, shape.scale);
            add_rows_of<HEAD>(out, ds, tiles.other[0]);
            if (BY_KEYS)
                add_rows_of<HEAD>(more, p, tiles.other[1]);
        }
    const float one[2] = {1, 1};
    int64_t column = blockIdx.y * size;
    store_rows<HEAD>(g.d_own[0], span.first + first, count, column, size, out, one);
    if (BY_KEYS)
        store_rows<HEAD>(g.d_own[1], span.first + first, count, column, size, more, one);
}

/* ---- from the host ---- */

bool cuda_tiles_fit(const struct cuda_device *cuda, struct attention_shape shape) {
    return cuda->narrow && shape.head_size <= 128 &&
           gradient_tiles<128>::bytes() <= cuda->shared_limit;
}

/* Whether rows of heads can be read four columns at a time. */
static bool heads_aligned(struct attention_shape shape, struct tensor a, struct tensor b,
                          struct tensor c, struct tensor d) {
    return shape.head_size % 4 == 0 && cuda_width(a, b, c, d) == 4;
}

template <int HEAD>
static void enqueue_forward(struct device *device, const struct attention_call &call,
                            int64_t sequences, int64_t longest) {
    int64_t runs = (longest + OWN - 1) / OWN;
    size_t shared = (size_t)(OWN + 2 * KEYS) * tile_stride<HEAD>() * sizeof(uint16_t);
    bool aligned = heads_aligned(call.shape, call.q, call.k, call.v, {});
    if (!cuda_ok(device,
                 cudaFuncSetAttribute(attend_tiles<HEAD>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared),
                 "attention_forward", call.q))
        return;
    dim3 grid((unsigned)(sequences * runs), (unsigned)call.shape.heads);
    LAUNCH(attend_tiles<HEAD>, grid, TILE_THREADS, shared, cuda_of(device)->stream, call, runs,
           aligned);
}

void cuda_attend_tiles(struct device *device, const struct attention_call &call, int64_t sequences,
                       int64_t longest) {
    if (call.shape.head_size <= 32)
        enqueue_forward<32>(device, call, sequences, longest);
    else if (call.shape.head_size <= 64)
        enqueue_forward<64>(device, call, sequences, longest);
    else
        enqueue_forward<128>(device, call, sequences, longest);
}

template <int HEAD, bool BY_KEYS>
static void enqueue_backward(struct device *device, const struct tile_gradient &g,
                             int64_t sequences, int64_t longest) {
    int64_t runs = (longest + OWN - 1) / OWN;
    size_t shared = gradient_tiles<HEAD>::bytes();
    if (!cuda_ok(device,
                 cudaFuncSetAttribute(backward_tiles<HEAD, BY_KEYS>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared),
                 "attention_backward", g.call.q))
        return;
    dim3 grid((unsigned)(sequences * runs),
              (unsigned)(BY_KEYS ? g.call.shape.kv_heads : g.call.shape.heads));
    LAUNCH((backward_tiles<HEAD, BY_KEYS>), grid, TILE_THREADS, shared, cuda_of(device)->stream, g,
           runs);
}

void cuda_attend_tiles_backward(struct device *device, const struct gradient_call &gradient,
                                int64_t sequences, int64_t longest) {
    struct tile_gradient queries = {}, keys = {};
    queries.call = gradient.call;
    queries.dout = gradient.dout;
    queries.delta = gradient.delta;
    queries.aligned = heads_aligned(gradient.call.shape, gradient.call.q, gradient.call.k,
                                    gradient.call.v, gradient.dout);
    keys = queries;
    queries.d_own[0] = gradient.dq;
    keys.d_own[0] = gradient.dk;
    keys.d_own[1] = gradient.dv;
    int64_t size = gradient.call.shape.head_size;
    if (size <= 32) {
        enqueue_backward<32, false>(device, queries, sequences, longest);
        enqueue_backward<32, true>(device, keys, sequences, longest);
    } else if (size <= 64) {
        enqueue_backward<64, false>(device, queries, sequences, longest);
        enqueue_backward<64, true>(device, keys, sequences, longest);
    } else {
        enqueue_backward<128, false>(device, queries, sequences, longest);
        enqueue_backward<128, true>(device, keys, sequences, longest);
    }
}
