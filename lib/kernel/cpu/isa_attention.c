/*
 * Attention of one head over one sequence, in blocks of queries by keys that stay in the first
 * caches: scores, running maximum and sum, and the weighted values (Dao et al. 2022,
 * "FlashAttention", algorithm 1); backward with the probabilities computed again (their algorithm
 * 4). A short sequence is a single block. Keys are transposed into scratch, padded to whole vectors
 * with zeros, so that scores are an ordinary product. Compiled per instruction set.
 */
#include <math.h>

#include "kernel/cpu/isa.h"
#include "kernel/cpu/product.h"

enum {
    BLOCK = 64, /* queries, and keys, at a time; a multiple of every LANES */
};

static int64_t padded(int64_t n) {
    return (n + LANES - 1) / LANES * LANES;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static size_t scratch_size(int64_t head_size, int64_t longest) {
    size_t transposed = (size_t)head_size * BLOCK; /* of keys, of values */
    size_t block = (size_t)BLOCK * BLOCK;          /* scores, gradients of scores */
    return 2 * transposed + 2 * block + 2 * BLOCK + (size_t)longest;
}

INLINE quad load_quad(const float *from) {
    quad q;
    memcpy(&q, from, sizeof q);
    return q;
}

/* Four columns of four rows, of which `rows` are there and the others count as zeros. */
INLINE void transpose_tile(float *to, int64_t width, const float *from, int64_t stride,
                           int64_t rows, float factor) {
    const quad zero = {0};
    quad a = load_quad(from) * factor;
    quad b = rows > 1 ? load_quad(from + stride) * factor : zero;
    quad c = rows > 2 ? load_quad(from + 2 * stride) * factor : zero;
    quad d = rows > 3 ? load_quad(from + 3 * stride) * factor : zero;
    quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    quad cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    a = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    b = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
    memcpy(to, &a, sizeof a);
    memcpy(to + width, &b, sizeof b);
    memcpy(to + 2 * width, &c, sizeof c);
    memcpy(to + 3 * width, &d, sizeof d);
}

/* to[c][i] = factor·from[i][c] for i < count, 0 in the padding. */
static void transpose(float *to, const float *from, int64_t stride, int64_t count, int64_t width,
                      int64_t columns, float factor) {
    int64_t tiled = columns / 4 * 4, i = 0;
    for (; i + 4 <= count; i += 4)
        for (int64_t c = 0; c < tiled; c += 4)
            transpose_tile(to + c * width + i, width, from + i * stride + c, stride, 4, factor);
    for (int64_t c = 0; i < count && c < tiled; c += 4)
        transpose_tile(to + c * width + i, width, from + i * stride + c, stride, count - i, factor);
    int64_t written = (count + 3) / 4 * 4;
    for (int64_t c = 0; c < tiled; c++)
        for (i = written; i < width; i += 4)
            memset(to + c * width + i, 0, 4 * sizeof *to);
    for (int64_t c = tiled; c < columns; c++)
        for (i = 0; i < width; i++)
            to[c * width + i] = i < count ? factor * from[i * stride + c] : 0;
}

/* How many of `keys` keys from `first_key` row `row` sees. */
static int64_t visible(const struct attention_head *head, int64_t row, int64_t first_key,
                       int64_t keys) {
    if (!head->causal)
        return keys;
    int64_t seen = row + 1 - first_key;
    return seen < 0 ? 0 : smaller(seen, keys);
}

/* s = exp(s − shift) over the first `seen` of `width` places, 0 behind; returns the sum. */
INLINE float softmax_row(float *s, int64_t seen, int64_t width, float shift) {
    vector total = splat(0);
    int64_t i = 0;
    for (; i + LANES <= seen; i += LANES) {
        vector e = exponential(load(s + i) - shift);
        store(s + i, e);
        total += e;
    }
    if (i < seen) {
        vector e = (vector)((integers)exponential(load(s + i) - shift) & first_lanes(seen - i));
        store(s + i, e);
        total += e;
        i += LANES;
    }
    for (; i < width; i += LANES)
        store(s + i, splat(0));
    return sum(total);
}

/* The largest of the first `seen` places of a row padded to whole vectors. */
INLINE float largest(const float *s, int64_t seen) {
    vector most = splat(-INFINITY);
    int64_t i = 0;
    for (; i + LANES <= seen; i += LANES)
        most = larger(load(s + i), most);
    if (i < seen)
        most = larger(select(first_lanes(seen - i), load(s + i), most), most);
    return largest_lane(most);
}

/* One block of keys against one block of queries: updates maxima, sums and the output rows. */
static void forward_block(const struct attention_head *head, int64_t row, int64_t rows, int64_t key,
                          int64_t keys, float *maxima, float *totals, float *transposed,
                          float *scores) {
    int64_t width = padded(keys), columns = head->head_size;
    transpose(transposed, head->k + key * head->k_stride, head->k_stride, keys, width, columns,
              head->scale);
    product(scores, width, head->q + row * head->q_stride, head->q_stride, 1, transposed, width,
            rows, width, columns, false);
    float *out = head->out + row * head->out_stride;
    for (int64_t i = 0; i < rows; i++) {
        int64_t seen = visible(head, row + i, key, keys);
        float *s = scores + i * width;
        float most = largest(s, seen);
        most = most > maxima[i] ? most : maxima[i];
        if (key > 0 && most > maxima[i]) {
            float shrink = expf(maxima[i] - most);
            totals[i] *= shrink;
            for (int64_t c = 0; c < columns; c++)
                out[i * head->out_stride + c] *= shrink;
        }
        maxima[i] = most;
        totals[i] += softmax_row(s, seen, width, most);
    }
    product(out, head->out_stride, scores, width, 1, head->v + key * head->v_stride, head->v_stride,
            rows, columns, keys, key > 0);
}

static void forward_rows(const struct attention_head *head, int64_t row, int64_t rows,
                         float *scratch) {
    float *transposed = scratch, *scores = transposed + head->head_size * BLOCK;
    float *maxima = scores + BLOCK * BLOCK, *totals = maxima + BLOCK;
    for (int64_t i = 0; i < rows; i++) {
        maxima[i] = -INFINITY;
        totals[i] = 0;
    }
    int64_t keys = head->causal ? row + rows : head->rows;
    for (int64_t key = 0; key < keys; key += BLOCK)
        forward_block(head, row, rows, key, smaller(BLOCK, keys - key), maxima, totals, transposed,
                      scores);
    for (int64_t i = 0; i < rows; i++) {
        float *out = head->out + (row + i) * head->out_stride;
        float share = 1.0f / totals[i];
        for (int64_t c = 0; c < head->head_size; c++)
            out[c] *= share;
        head->log_sum[(row + i) * head->log_sum_stride] = maxima[i] + logf(totals[i]);
    }
}

static void forward(const struct attention_head *head, int64_t first_row, int64_t row_count,
                    float *scratch) {
    for (int64_t row = first_row; row < first_row + row_count; row += BLOCK)
        forward_rows(head, row, smaller(BLOCK, first_row + row_count - row), scratch);
}

/* ---- backward ---- */

/* Where one call keeps what it needs. */
struct backward_scratch {
    float *keys, *values; /* transposed [C, width] */
    float *p, *ds;        /* probabilities, gradients of scores [rows, width] */
    float *delta;         /* [rows of the sequence]: Σ_c dout·out */
};

/* p and ds of one block; `head` is the query head's. */
static void score_gradients(const struct attention_head *head, const float *dout,
                            int64_t dout_stride, int64_t row, int64_t rows, int64_t key,
                            int64_t keys, const struct backward_scratch *scratch) {
    int64_t width = padded(keys), columns = head->head_size;
    product(scratch->p, width, head->q + row * head->q_stride, head->q_stride, 1, scratch->keys,
            width, rows, width, columns, false);
    product(scratch->ds, width, dout + row * dout_stride, dout_stride, 1, scratch->values, width,
            rows, width, columns, false);
    for (int64_t i = 0; i < rows; i++) {
        float *p = scratch->p + i * width, *ds = scratch->ds + i * width;
        int64_t seen = visible(head, row + i, key, keys);
        softmax_row(p, seen, width, head->log_sum[(row + i) * head->log_sum_stride]);
        float delta = scratch->delta[row + i];
        for (int64_t j = 0; j < width; j += LANES)
            store(ds + j, load(p + j) * (load(ds + j) - delta) * head->scale);
    }
}

/* All query blocks of one query head against one block of keys. */
static void backward_keys(const struct attention_gradient *gradient,
                          const struct attention_head *head, int64_t member, int64_t key,
                          int64_t keys, const struct backward_scratch *scratch) {
    int64_t columns = head->head_size, width = padded(keys);
    const float *dout = gradient->dout + member * columns;
    float *dq = gradient->dq + member * columns;
    float *dk = gradient->dk + key * gradient->dk_stride;
    float *dv = gradient->dv + key * gradient->dv_stride;
    for (int64_t row = head->causal ? key : 0; row < head->rows; row += BLOCK) {
        int64_t rows = smaller(BLOCK, head->rows - row);
        bool first = member == 0 && row == (head->causal ? key : 0);
        score_gradients(head, dout, gradient->dout_stride, row, rows, key, keys, scratch);
        product(dv, gradient->dv_stride, scratch->p, 1, width, dout + row * gradient->dout_stride,
                gradient->dout_stride, keys, columns, rows, !first);
        product(dk, gradient->dk_stride, scratch->ds, 1, width, head->q + row * head->q_stride,
                head->q_stride, keys, columns, rows, !first);
        product(dq + row * gradient->dq_stride, gradient->dq_stride, scratch->ds, width, 1,
                head->k + key * head->k_stride, head->k_stride, rows, columns, keys, key > 0);
    }
}

static void backward_deltas(float *delta, const struct attention_head *head, const float *dout,
                            int64_t dout_stride) {
    for (int64_t i = 0; i < head->rows; i++) {
        const float *a = dout + i * dout_stride, *b = head->out + i * head->out_stride;
        vector s = splat(0);
        int64_t c = 0;
        for (; c + LANES <= head->head_size; c += LANES)
            s += load(a + c) * load(b + c);
        if (c < head->head_size)
            s +=
                load_part(a + c, head->head_size - c, 0) * load_part(b + c, head->head_size - c, 0);
        delta[i] = sum(s);
    }
}

static void backward(const struct attention_gradient *gradient, float *memory) {
    struct attention_head head = gradient->head;
    int64_t columns = head.head_size;
    struct backward_scratch scratch = {.keys = memory};
    scratch.values = scratch.keys + columns * BLOCK;
    scratch.p = scratch.values + columns * BLOCK;
    scratch.ds = scratch.p + BLOCK * BLOCK;
    scratch.delta = scratch.ds + BLOCK * BLOCK;
    for (int64_t member = 0; member < gradient->group; member++) {
        backward_deltas(scratch.delta, &head, gradient->dout + member * columns,
                        gradient->dout_stride);
        for (int64_t key = 0; key < head.rows; key += BLOCK) {
            int64_t keys = smaller(BLOCK, head.rows - key);
            transpose(scratch.keys, head.k + key * head.k_stride, head.k_stride, keys, padded(keys),
                      columns, head.scale);
            transpose(scratch.values, head.v + key * head.v_stride, head.v_stride, keys,
                      padded(keys), columns, 1);
            backward_keys(gradient, &head, member, key, keys, &scratch);
        }
        head.q += columns;
        head.out += columns;
        head.log_sum += 1;
    }
}

/* ---- decoding ---- */

static void scores(float *result, const float *q, const float *k, int64_t k_stride, int64_t count,
                   int64_t head_size, float scale) {
    int64_t i = 0;
    for (; i < count; i++) {
        const float *key = k + i * k_stride;
        vector s = splat(0);
        int64_t c = 0;
        for (; c + LANES <= head_size; c += LANES)
            s += load(q + c) * load(key + c);
        if (c < head_size)
            s += load_part(q + c, head_size - c, 0) * load_part(key + c, head_size - c, 0);
        result[i] = scale * sum(s);
    }
}

static void weigh(float *out, const float *p, const float *v, int64_t v_stride, int64_t count,
                  int64_t head_size) {
    product(out, head_size, p, count, 1, v, v_stride, 1, head_size, count, true);
}

extern const struct attention_kernels ISA_NAME(attention_kernels);
const struct attention_kernels ISA_NAME(attention_kernels) = {
    .scratch = scratch_size,
    .forward = forward,
    .backward = backward,
    .scores = scores,
    .weigh = weigh,
};
