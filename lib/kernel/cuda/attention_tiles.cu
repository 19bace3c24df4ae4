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

/* Eight numbers of a row of `columns` from `column` on, as bf16; zeros behind its end. */
static __device__ __forceinline__ uint4 eight_of(const cells &row, int column, int columns) {
    float x[8];
    UNROLL for (int j = 0; j < 8; j++) x[j] = column + j < columns ? row[column + j] : 0;
    uint4 eight;
    eight.x = two_bf16(x[0], x[1]);
    eight.y = two_bf16(x[2], x[3]);
    eight.z = two_bf16(x[4], x[5]);
    eight.w = two_bf16(x[6], x[7]);
    return eight;
}

/*
 * ROWS rows of `columns` numbers, row_of(i) for i < count; zeros elsewhere. `copied`: they are bf16
 * and lie so that 16 bytes can be copied as they are, and then all that a lane reads is under way
 * before it waits for any of it.
 */
template <int ROWS, int HEAD, class ROW>
static __device__ __forceinline__ void load_tile(uint16_t *tile, int64_t count, int64_t columns,
                                                 bool copied, ROW row_of) {
    constexpr int PACKS = HEAD / 8, DOWN = TILE_THREADS / PACKS, EACH = ROWS / DOWN;
    int rows = static_cast<int>(smaller(count, ROWS)), width = static_cast<int>(columns);
    int first = static_cast<int>(threadIdx.x) / PACKS;
    int column = static_cast<int>(threadIdx.x) % PACKS * 8;
    uint16_t *to = tile + first * tile_stride<HEAD>() + column;
    const uint4 none = {0, 0, 0, 0};
    if (copied) {
        uint4 eight[EACH];
        UNROLL for (int k = 0; k < EACH; k++) {
            bool there = first + k * DOWN < rows && column < width;
            eight[k] = there ? *static_cast<const uint4 *>((row_of(first + k * DOWN) + column).data)
                             : none;
        }
        UNROLL for (int k = 0; k < EACH; k++) *
            reinterpret_cast<uint4 *>(to + k * DOWN * tile_stride<HEAD>()) = eight[k];
    } else {
        for (int row = first; row < ROWS; row += DOWN, to += DOWN * tile_stride<HEAD>())
            *reinterpret_cast<uint4 *>(to) =
                row < rows ? eight_of(row_of(row), column, width) : none;
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

/*
 * out[16, HEAD]·factor[half] to rows of `to` from `row`, as far as there are any. `copied`: as in
 * load_tile(), and two numbers go at once.
 */
template <int HEAD>
static __device__ __forceinline__ void
store_rows(const struct tensor &to, int64_t row, int64_t count, int64_t column, int64_t columns,
           bool copied, const float (&out)[HEAD / 8][4], const float (&factor)[2]) {
    UNROLL for (int half = 0; half < 2; half++) {
        int r = warp_here() * 16 + piece_row(2 * half);
        if (r >= count)
            continue;
        cells here = cells_at(to, row + r, column);
        UNROLL for (int n = 0; n < HEAD / 8; n++) {
            int c = n * 8 + piece_column(0);
            float first = out[n][2 * half] * factor[half];
            float second = out[n][2 * half + 1] * factor[half];
            if (copied && c < columns) {
                static_cast<unsigned *>(here.data)[c / 2] = two_bf16(first, second);
            } else {
                if (c < columns)
                    here.put(c, first);
                if (c + 1 < columns)
                    here.put(c + 1, second);
            }
        }
    }
}

/* ---- forward ---- */

constexpr float LOG2_E = 1.44269504088896340736f;
constexpr float LN_2 = 0.69314718055994530942f;

/* Which columns of a tile from `tile` on, of `width`, a row sees: first … end − 1. */
struct seen_columns {
    int first, end;
};

static __device__ __forceinline__ struct seen_columns columns_seen(const struct seen &seen,
                                                                   int64_t tile, int width) {
    return {static_cast<int>(smaller(larger(seen.first - tile, 0), width)),
            static_cast<int>(smaller(larger(seen.end - tile, 0), width))};
}

/* What a lane keeps of its two rows: the largest score in units of log 2, and the sum. */
struct softmax_rows {
    float most[2], total[2];
};

/* Scores of what is not seen to −∞; `first` is the block's row. */
static __device__ __forceinline__ void hide_unseen(float (&s)[KEYS / 8][4],
                                                   const struct attention_shape &shape,
                                                   const struct attention_span &span, int64_t first,
                                                   int64_t tile) {
    UNROLL for (int half = 0; half < 2; half++) {
        int64_t row = first + warp_here() * 16 + piece_row(half * 2);
        struct seen_columns seen = columns_seen(seen_by(shape, span, row), tile, KEYS);
        UNROLL for (int n = 0; n < KEYS / 8; n++)
            UNROLL for (int i = 2 * half; i < 2 * half + 2; i++) {
            int column = n * 8 + piece_column(i);
            if (column < seen.first || column >= seen.end)
                s[n][i] = -INFINITY;
        }
    }
}

/* Scores, in units of log 2, to exponentials; `out` shrinks to the new largest score. */
template <int HEAD>
static __device__ __forceinline__ void
softmax_tile(float (&s)[KEYS / 8][4], float (&out)[HEAD / 8][4], struct softmax_rows *rows) {
    float most[2] = {rows->most[0], rows->most[1]}, base[2], shrink[2];
    UNROLL for (int n = 0; n < KEYS / 8; n++) UNROLL for (int i = 0; i < 4; i++) most[i / 2] =
        larger_or_nan(most[i / 2], s[n][i]);
    UNROLL for (int half = 0; half < 2; half++) {
        most[half] = row_most(most[half]);
        base[half] = most[half] == -INFINITY ? 0 : most[half]; /* nothing seen so far */
        shrink[half] = power_of_two(rows->most[half] - base[half]);
        rows->most[half] = most[half];
        rows->total[half] *= shrink[half];
    }
    UNROLL for (int n = 0; n < KEYS / 8; n++) UNROLL for (int i = 0; i < 4; i++) {
        s[n][i] = power_of_two(s[n][i] - base[i / 2]);
        rows->total[i / 2] += s[n][i];
    }
    UNROLL for (int n = 0; n < HEAD / 8; n++) UNROLL for (int i = 0; i < 4; i++) out[n][i] *=
        shrink[i / 2];
}

template <int HEAD, bool PAGED>
__global__ void __launch_bounds__(TILE_THREADS, HEAD == 128 ? 3 : 4)
    attend_tiles(struct attention_call call, int64_t runs, bool copied) {
    SHARED(uint32_t, paged, [PAGED ? KEYS : 1]); /* rows of the tile's keys and values */
    SHARED_DYNAMIC(uint16_t, memory);
    uint16_t *queries = memory, *keys = queries + OWN * tile_stride<HEAD>();
    uint16_t *values = keys + KEYS * tile_stride<HEAD>();
    int64_t sequence = blockIdx.x / runs, first = (runs - 1 - blockIdx.x % runs) * OWN;
    int64_t head = blockIdx.y, size = call.shape.head_size;
    int64_t kv = head * call.shape.kv_heads / call.shape.heads * size;
    struct attention_span span = span_of(call, sequence);
    if (first >= span.rows || (PAGED && span.rows == 1))
        return;
    int64_t count = smaller(span.rows - first, OWN);
    load_tile<OWN, HEAD>(queries, count, size, copied, [&](int i) {
        return cells_at(call.q, span.first + first + i, head * size);
    });
    struct softmax_rows rows = {};
    rows.most[0] = rows.most[1] = -INFINITY;
    float out[HEAD / 8][4] = {};
    struct seen least = seen_by(call.shape, span, first);
    struct seen most = seen_by(call.shape, span, first + count - 1);
    /* Places are counted in 32 bits; all rows see whole … whole_end − 1. */
    int tile = static_cast<int>(least.first) / KEYS * KEYS, end = static_cast<int>(most.end);
    int whole = static_cast<int>(most.first), whole_end = static_cast<int>(least.end);
    for (; tile < end; tile += KEYS) {
        auto key = [&](int i) { return PAGED ? paged[i] : span.first + tile + i; };
        int own = tile + static_cast<int>(threadIdx.x);
        if (PAGED && threadIdx.x < KEYS && own < end)
            paged[threadIdx.x] = static_cast<uint32_t>(key_row(call, span, sequence, own));
        __syncthreads();
        load_tile<KEYS, HEAD>(keys, end - tile, size, copied,
                              [&](int i) { return cells_at(call.k, key(i), kv); });
        load_tile<KEYS, HEAD>(values, end - tile, size, copied,
                              [&](int i) { return cells_at(call.v, key(i), kv); });
        __syncthreads();
        float s[KEYS / 8][4] = {};
        multiply_rows<HEAD>(s, queries, warp_here() * 16, keys);
        UNROLL for (int n = 0; n < KEYS / 8; n++) UNROLL for (int i = 0; i < 4; i++) s[n][i] *=
            call.shape.scale * LOG2_E;
        if (tile < whole || tile + KEYS > whole_end)
            hide_unseen(s, call.shape, span, first, tile);
        softmax_tile<HEAD>(s, out, &rows);
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
    store_rows<HEAD>(call.out, span.first + first, count, head * size, size, copied, out, share);
}

/* ---- backward ---- */

struct tile_gradient {
    struct attention_call call;
    struct tensor dout, delta; /* delta [T,H]: Σ_c dout·out */
    struct tensor d_own[2];    /* dq; or dk and dv */
    bool copied;               /* load_tile() */
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

/* `count` queries of `head` from `row` on: q and dout into a tile each, log_sum (in units of log 2)
 * and delta. */
template <int ROWS, int HEAD>
static __device__ __forceinline__ void
load_queries(const struct tile_gradient &g, uint16_t *const *tiles, float *log_sum, float *delta,
             int64_t row, int64_t count, int64_t head) {
    int64_t size = g.call.shape.head_size;
    load_tile<ROWS, HEAD>(tiles[0], count, size, g.copied,
                          [&](int i) { return cells_at(g.call.q, row + i, head * size); });
    load_tile<ROWS, HEAD>(tiles[1], count, size, g.copied,
                          [&](int i) { return cells_at(g.dout, row + i, head * size); });
    for (int i = static_cast<int>(threadIdx.x); i < ROWS; i += TILE_THREADS) {
        log_sum[i] = i < count ? *f32_at(g.call.log_sum, row + i, head) * LOG2_E : 0;
        delta[i] = i < count ? *f32_at(g.delta, row + i, head) : 0;
    }
}

template <int ROWS, int HEAD>
static __device__ __forceinline__ void load_keys(const struct tile_gradient &g,
                                                 uint16_t *const *tiles, int64_t row, int64_t count,
                                                 int64_t kv_head) {
    int64_t size = g.call.shape.head_size;
    load_tile<ROWS, HEAD>(tiles[0], count, size, g.copied,
                          [&](int i) { return cells_at(g.call.k, row + i, kv_head * size); });
    load_tile<ROWS, HEAD>(tiles[1], count, size, g.copied,
                          [&](int i) { return cells_at(g.call.v, row + i, kv_head * size); });
}

/*
 * Scores to probabilities, and dp to the gradient of the scores but for the factor `scale`. scale
 * and log_sum are in units of log 2; whole: every row meets all of the tile.
 */
template <bool BY_KEYS>
static __device__ __forceinline__ void
gradient_of_scores(float (&p)[OTHERS / 8][4], float (&ds)[OTHERS / 8][4], const float *log_sum,
                   const float *delta, const struct seen (&met)[2], int64_t tile, bool whole,
                   float scale) {
    struct seen_columns columns[2];
    UNROLL for (int half = 0; half < 2; half++) columns[half] =
        columns_seen(met[half], tile, OTHERS);
    UNROLL for (int n = 0; n < OTHERS / 8; n++) UNROLL for (int i = 0; i < 4; i++) {
        int other = n * 8 + piece_column(i);
        int query = BY_KEYS ? other : warp_here() * 16 + piece_row(i);
        bool meets = whole || (other >= columns[i / 2].first && other < columns[i / 2].end);
        p[n][i] = meets ? power_of_two(p[n][i] * scale - log_sum[query]) : 0;
        ds[n][i] = p[n][i] * (ds[n][i] - delta[query]);
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
    struct seen least = met_by<BY_KEYS>(shape, span, first);
    struct seen most = met_by<BY_KEYS>(shape, span, first + count - 1);
    int64_t start = least.first / OTHERS * OTHERS, end = smaller(most.end, span.rows);
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
            bool whole = most.first <= tile && least.end >= tile + OTHERS;
            gradient_of_scores<BY_KEYS>(p, ds, tiles.log_sum, tiles.delta, met, tile, whole,
                                        shape.scale * LOG2_E);
            add_rows_of<HEAD>(out, ds, tiles.other[0]);
            if (BY_KEYS)
                add_rows_of<HEAD>(more, p, tiles.other[1]);
        }
    const float one[2] = {1, 1}, scale[2] = {shape.scale, shape.scale};
    int64_t column = blockIdx.y * size;
    store_rows<HEAD>(g.d_own[0], span.first + first, count, column, size, g.copied, out, scale);
    if (BY_KEYS)
        store_rows<HEAD>(g.d_own[1], span.first + first, count, column, size, g.copied, more, one);
}

/* ---- from the host ---- */

bool cuda_tiles_fit(const struct cuda_device *cuda, struct attention_shape shape) {
    return cuda->narrow && shape.head_size <= 128 &&
           gradient_tiles<128>::bytes() <= cuda->shared_limit;
}

/* Whether load_tile() can copy: bf16 activations, all of the same dtype, in whole 16 bytes. */
static bool heads_copied(struct attention_shape shape, std::initializer_list<struct tensor> all) {
    return all.begin()->type == DTYPE_BF16 && heads_packed(shape, all);
}

template <int HEAD, bool PAGED>
static void enqueue_forward(struct device *device, const struct attention_call &call,
                            int64_t sequences, int64_t longest) {
    int64_t runs = (longest + OWN - 1) / OWN;
    size_t shared = (size_t)(OWN + 2 * KEYS) * tile_stride<HEAD>() * sizeof(uint16_t);
    bool copied = heads_copied(call.shape, {call.q, call.k, call.v, call.out});
    if (!cuda_ok(device,
                 cudaFuncSetAttribute(attend_tiles<HEAD, PAGED>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared),
                 "attention_forward", call.q))
        return;
    dim3 grid((unsigned)(sequences * runs), (unsigned)call.shape.heads);
    LAUNCH((attend_tiles<HEAD, PAGED>), grid, TILE_THREADS, shared, cuda_of(device)->stream, call,
           runs, copied);
}

template <bool PAGED>
static void enqueue_forward_of(struct device *device, const struct attention_call &call,
                               int64_t sequences, int64_t longest) {
    if (call.shape.head_size <= 32)
        enqueue_forward<32, PAGED>(device, call, sequences, longest);
    else if (call.shape.head_size <= 64)
        enqueue_forward<64, PAGED>(device, call, sequences, longest);
    else
        enqueue_forward<128, PAGED>(device, call, sequences, longest);
}

void cuda_attend_tiles(struct device *device, const struct attention_call &call, int64_t sequences,
                       int64_t longest) {
    if (call.pages.data != nullptr)
        enqueue_forward_of<true>(device, call, sequences, longest);
    else
        enqueue_forward_of<false>(device, call, sequences, longest);
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
    queries.copied =
        heads_copied(gradient.call.shape, {gradient.call.q, gradient.call.k, gradient.call.v,
                                           gradient.dout, gradient.dq, gradient.dk, gradient.dv});
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
