/*
 * Operations that move and add rows: embedding, gathering and scattering, the cache, biases'
 * gradients, means of sequences, unit length.
 */
#include "kernel/cuda/lanes.h"
#include "kernel/cuda/sums.h"

constexpr int ROW_THREADS = 256;

/* ---- embedding ---- */

__global__ void embed(struct tensor y, struct tensor tokens, struct tensor w,
                      struct id_check check) {
    int64_t t = blockIdx.x;
    int32_t id = i32_at(tokens, 0, t);
    if (!id_holds(check, id, t))
        return;
    for (int64_t c = threadIdx.x; c < y.columns; c += blockDim.x)
        cells_at(y, t, c).put(0, value_at(w, id, c));
}

void cuda_embedding_forward(struct device *device, struct tensor y, struct tensor tokens,
                            struct tensor w) {
    LAUNCH(embed, (unsigned)y.rows, ROW_THREADS, 0, cuda_of(device)->stream, y, tokens, w,
           ids_below(device, "embedding_forward", "tokens", w.rows));
    cuda_launched(device, "embedding_forward", y);
}

/* dw[id,c] += the rows of dy named, one after another, for the columns that are this thread's. */
static __device__ __forceinline__ void add_rows_named(const struct tensor &dw, int32_t id,
                                                      const struct tensor &dy, const int64_t *rows,
                                                      int count) {
    for (int64_t c = threadIdx.x; c < dw.columns; c += ROW_THREADS) {
        float sum = *f32_at(dw, id, c);
        UNROLL_FOUR for (int i = 0; i < count; i++) sum += value_at(dy, rows[i], c);
        *f32_at(dw, id, c) = sum;
    }
}

/*
 * The block of row t adds up all rows with its token, in their order, if t is the first of them;
 * else it has nothing to do. Threads own columns, so that nothing is added twice at a time.
 */
__global__ void embed_backward(struct tensor dw, struct tensor dy, struct tensor tokens,
                               struct id_check check) {
    int64_t t = blockIdx.x, count = dy.rows;
    int32_t id = i32_at(tokens, 0, t);
    if (!id_holds(check, id, t))
        return;
    float earlier = 0;
    for (int64_t i = threadIdx.x; i < t; i += blockDim.x)
        earlier = i32_at(tokens, 0, i) == id ? 1.0f : earlier;
    if (block_most(earlier) > 0)
        return;
    SHARED(unsigned, alike, [ROW_THREADS / WARP_LANES]);
    SHARED(int64_t, rows, [ROW_THREADS]);
    for (int64_t first = t; first < count; first += ROW_THREADS) {
        int64_t own = first + threadIdx.x;
        unsigned votes = __ballot_sync(WHOLE_WARP, own < count && i32_at(tokens, 0, own) == id);
        if (lane_here() == 0)
            alike[warp_here()] = votes;
        __syncthreads();
        int before = 0, all = 0; /* rows that other warps found */
        for (int w = 0; w < ROW_THREADS / WARP_LANES; w++) {
            before += w < warp_here() ? __popc(alike[w]) : 0;
            all += __popc(alike[w]);
        }
        if (votes >> lane_here() & 1)
            rows[before + __popc(votes & ((1u << lane_here()) - 1))] = own;
        __syncthreads();
        add_rows_named(dw, id, dy, rows, all);
        __syncthreads();
    }
}

void cuda_embedding_backward(struct device *device, struct tensor dw, struct tensor dy,
                             struct tensor tokens) {
    LAUNCH(embed_backward, (unsigned)dy.rows, ROW_THREADS, 0, cuda_of(device)->stream, dw, dy,
           tokens, ids_below(device, "embedding_backward", "tokens", dw.rows));
    cuda_launched(device, "embedding_backward", dw);
}

/* ---- gathering ---- */

template <int VEC>
static __device__ void move_row(const struct tensor &to, int64_t to_row, const struct tensor &from,
                                int64_t from_row) {
    for (int64_t c = static_cast<int64_t>(threadIdx.x) * VEC; c < to.columns;
         c += static_cast<int64_t>(blockDim.x) * VEC)
        store<VEC>(cells_at(to, to_row, c), load<VEC>(cells_at(from, from_row, c)));
}

template <int VEC>
__global__ void gather(struct tensor y, struct tensor x, struct tensor rows,
                       struct id_check check) {
    int64_t i = blockIdx.x;
    int32_t row = i32_at(rows, 0, i);
    if (id_holds(check, row, i))
        move_row<VEC>(y, i, x, row);
}

template <int VEC>
__global__ void scatter(struct tensor y, struct tensor x, struct tensor rows,
                        struct id_check check) {
    int64_t i = blockIdx.x;
    int32_t row = i32_at(rows, 0, i);
    if (id_holds(check, row, i))
        move_row<VEC>(y, row, x, i);
}

void cuda_gather_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows) {
    struct id_check check = ids_below(device, "gather_rows", "rows", x.rows);
    if (cuda_width(y, x) == 4)
        LAUNCH(gather<4>, (unsigned)y.rows, ROW_THREADS, 0, cuda_of(device)->stream, y, x, rows,
               check);
    else
        LAUNCH(gather<1>, (unsigned)y.rows, ROW_THREADS, 0, cuda_of(device)->stream, y, x, rows,
               check);
    cuda_launched(device, "gather_rows", y);
}

void cuda_scatter_rows(struct device *device, struct tensor y, struct tensor x,
                       struct tensor rows) {
    struct id_check check = ids_below(device, "scatter_rows", "rows", y.rows);
    device->operations->zero(device, y);
    if (x.rows == 0)
        return;
    if (cuda_width(y, x) == 4)
        LAUNCH(scatter<4>, (unsigned)x.rows, ROW_THREADS, 0, cuda_of(device)->stream, y, x, rows,
               check);
    else
        LAUNCH(scatter<1>, (unsigned)x.rows, ROW_THREADS, 0, cuda_of(device)->stream, y, x, rows,
               check);
    cuda_launched(device, "scatter_rows", y);
}

template <int VEC>
__global__ void append(struct tensor keys, struct tensor values, struct tensor k, struct tensor v,
                       struct tensor slots, struct id_check check) {
    int64_t t = blockIdx.x;
    int32_t slot = i32_at(slots, 0, t);
    if (!id_holds(check, slot, t))
        return;
    move_row<VEC>(keys, slot, k, t);
    move_row<VEC>(values, slot, v, t);
}

void cuda_cache_append(struct device *device, struct tensor keys, struct tensor values,
                       struct tensor k, struct tensor v, struct tensor slots) {
    struct id_check check = ids_below(device, "cache_append", "slots", keys.rows);
    if (cuda_width(keys, values, k, v) == 4)
        LAUNCH(append<4>, (unsigned)k.rows, ROW_THREADS, 0, cuda_of(device)->stream, keys, values,
               k, v, slots, check);
    else
        LAUNCH(append<1>, (unsigned)k.rows, ROW_THREADS, 0, cuda_of(device)->stream, keys, values,
               k, v, slots, check);
    cuda_launched(device, "cache_append", k);
}

/* ---- sums ---- */

template <int VEC> struct add_to {
    struct tensor y, x;
    __device__ void operator()(int64_t row, int64_t column) const {
        pack<VEC> a = load<VEC>(cells_at(y, row, column)), b = load<VEC>(cells_at(x, row, column));
        for (int i = 0; i < VEC; i++)
            a.at[i] += b.at[i];
        store<VEC>(cells_at(y, row, column), a);
    }
};

void cuda_add_rows(struct device *device, struct tensor y, struct tensor x) {
    if (cuda_width(y, x) == 4)
        launch_elements<4>(device, y.rows, y.columns, add_to<4>{y, x});
    else
        launch_elements<1>(device, y.rows, y.columns, add_to<1>{y, x});
    cuda_launched(device, "add_rows", y);
}

/* One block for 32 columns of a chunk of rows; its warps take every eighth row. */
__global__ void sum_columns(float *partial, int64_t stride, struct tensor x, int64_t each) {
    SHARED(float, sums, [ROW_THREADS / WARP_LANES][WARP_LANES]);
    int64_t column = static_cast<int64_t>(blockIdx.x) * WARP_LANES + lane_here();
    int64_t first = blockIdx.y * each, end = smaller(first + each, x.rows);
    float sum = 0;
    for (int64_t row = first + warp_here(); column < x.columns && row < end;
         row += ROW_THREADS / WARP_LANES)
        sum += value_at(x, row, column);
    sums[warp_here()][lane_here()] = sum;
    __syncthreads();
    if (warp_here() != 0 || column >= x.columns)
        return;
    for (int i = 1; i < ROW_THREADS / WARP_LANES; i++)
        sum += sums[i][lane_here()];
    partial[blockIdx.y * stride + column] = sum;
}

void cuda_bias_backward(struct device *device, struct tensor dbias, struct tensor dy) {
    struct row_chunks chunks = chunks_of(dy.rows, dy.columns, 4 * ROW_THREADS / WARP_LANES);
    float *partial = chunk_sums(device, &chunks, 1);
    if (partial == nullptr)
        return;
    dim3 grid(blocks_of(dy.columns, WARP_LANES), (unsigned)chunks.count);
    LAUNCH(sum_columns, grid, ROW_THREADS, 0, cuda_of(device)->stream, partial, chunks.stride, dy,
           chunks.each);
    merge_chunks(device, dbias, partial, &chunks);
    cuda_launched(device, "bias_backward", dy);
}

/* ---- means ---- */

__global__ void mean_of_sequence(struct tensor y, struct tensor x, struct offset_check check) {
    int64_t s = blockIdx.x;
    struct sequence_rows rows = sequence_at(check, s);
    int64_t column = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
    if (column >= y.columns)
        return;
    float sum = 0;
    for (int64_t t = rows.first; t < rows.first + rows.count; t++)
        sum += value_at(x, t, column);
    float share = rows.count > 0 ? 1.0f / static_cast<float>(rows.count) : 0;
    cells_at(y, s, column).put(0, sum * share);
}

void cuda_mean_rows(struct device *device, struct tensor y, struct tensor x,
                    struct sequences sequences) {
    dim3 grid((unsigned)y.rows, blocks_of(y.columns, 64));
    LAUNCH(mean_of_sequence, grid, 64, 0, cuda_of(device)->stream, y, x,
           offsets_of(device, "mean_rows", sequences, x.rows));
    cuda_launched(device, "mean_rows", y);
}

__global__ void normalize(struct tensor x) {
    int64_t t = blockIdx.x;
    double sum = 0;
    for (int64_t c = threadIdx.x; c < x.columns; c += blockDim.x) {
        double value = static_cast<double>(value_at(x, t, c));
        sum += value * value;
    }
    double length = sqrt(block_sum(sum));
    float factor = static_cast<float>(1 / (length > 1e-12 ? length : 1e-12));
    for (int64_t c = threadIdx.x; c < x.columns; c += blockDim.x)
        cells_at(x, t, c).put(0, value_at(x, t, c) * factor);
}

void cuda_normalize_rows(struct device *device, struct tensor x) {
    LAUNCH(normalize, (unsigned)x.rows, ROW_THREADS, 0, cuda_of(device)->stream, x);
    cuda_launched(device, "normalize_rows", x);
}
