/*
 * Attention of one head over one sequence, in blocks of queries by keys that stay in the first
 * caches: scores, running maximum and sum, and the weighted values (Dao et al. 2022,
 * "FlashAttention", algorithm 1); backward with the probabilities computed again (their algorithm
 * 4). A short sequence is a single block. Keys are transposed into scratch, padded to whole vectors
 * with zeros, so that scores are an ordinary product. Blocks on the diagonal are computed as far as
 * a few rows together see. Compiled per instruction set.
 */
#include <math.h>

#include "kernel/cpu/isa.h"
#include "kernel/cpu/product.h"

enum {
    BLOCK = 64, /* queries, and keys, at a time; a multiple of every LANES */
    FEW = 24,   /* rows of a block that are not worth cutting */
};

static int64_t padded(int64_t n) {
    return (n + LANES - 1) / LANES * LANES;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static size_t scratch_size(int64_t head_size, int64_t longest) {
    size_t transposed = (size_t)head_size * BLOCK; /* keys, values; or keys and both gathered */
    size_t block = (size_t)BLOCK * BLOCK;          /* scores, gradients of scores */
    return 3 * transposed + 2 * block + 2 * BLOCK + (size_t)longest;
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

/* The first block of keys that rows from `row` on see any of. */
static int64_t first_block(const struct attention_head *head, int64_t row) {
    int64_t first = head->before + row + 1 - head->window;
    return head->window == 0 || first < 0 ? 0 : first / BLOCK * BLOCK;
}

/*
 * How many of `keys` keys from `first_key` row `row` sees; scores of those that the window leaves
 * behind become −∞.
 */
static int64_t visible(const struct attention_head *head, int64_t row, int64_t first_key,
                       int64_t keys, float *scores) {
    if (!head->causal)
        return keys;
    int64_t seen = head->before + row + 1 - first_key;
    int64_t hidden = head->window > 0 ? seen - head->window : 0;
    seen = smaller(seen, keys);
    if (seen <= 0 || hidden >= seen)
        return 0;
    for (int64_t i = 0; i < hidden; i++)
        scores[i] = -INFINITY;
    return seen;
}

/* How many of `keys` keys from `first_key` any row up to `row` sees, the window left aside. */
static int64_t reached(const struct attention_head *head, int64_t row, int64_t first_key,
                       int64_t keys) {
    int64_t seen = head->causal ? head->before + row + 1 - first_key : keys;
    return seen < 0 ? 0 : smaller(seen, keys);
}

/* Of so many rows on the diagonal how many go together, as far as the last of them sees. */
static int64_t together(int64_t rows) {
    return rows > FEW ? TILE_ROWS : rows;
}

/* scores[i] of queries from `row` on against transposed keys, as far as they see. */
static void score_rows(float *scores, const struct attention_head *head, const float *queries,
                       int64_t stride, const float *transposed, int64_t row, int64_t rows,
                       int64_t key, int64_t keys) {
    int64_t width = padded(keys), step = together(rows);
    for (int64_t i = 0; i < rows; i += step) {
        int64_t count = smaller(step, rows - i);
        product(scores + i * width, width, queries + i * stride, stride, 1, transposed, width,
                count, padded(reached(head, row + i + count - 1, key, keys)), head->head_size,
                false);
    }
}

/* to[i] (+)= Σ_j weights[i][j]·of[j] for the same rows, over the keys that they see. */
static void weigh_rows(float *to, int64_t stride, const struct attention_head *head,
                       const float *weights, const float *of, int64_t of_stride, int64_t row,
                       int64_t rows, int64_t key, int64_t keys, bool accumulate) {
    int64_t width = padded(keys), step = together(rows);
    for (int64_t i = 0; i < rows; i += step) {
        int64_t count = smaller(step, rows - i);
        product(to + i * stride, stride, weights + i * width, width, 1, of, of_stride, count,
                head->head_size, reached(head, row + i + count - 1, key, keys), accumulate);
    }
}

/* to[j] (+)= Σ_i weights[i][j]·of[i] for the keys, over the rows that see them. */
static void weigh_keys(float *to, int64_t stride, const struct attention_head *head,
                       const float *weights, const float *of, int64_t of_stride, int64_t row,
                       int64_t rows, int64_t key, int64_t keys, bool accumulate) {
    int64_t width = padded(keys), step = together(keys);
    for (int64_t j = 0; j < keys; j += step) {
        int64_t unseeing = head->causal ? key + j - row : 0; /* rows before the first key */
        unseeing = unseeing < 0 ? 0 : smaller(unseeing, rows);
        product(to + j * stride, stride, weights + unseeing * width + j, 1, width,
                of + unseeing * of_stride, of_stride, smaller(step, keys - j), head->head_size,
                rows - unseeing, accumulate);
    }
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
        most = larger(blend(first_lanes(seen - i), load(s + i), most), most);
    return largest_lane(most);
}

/* Where forward keeps what it needs for one block of queries. */
struct forward_scratch {
    float *transposed;      /* keys [C, width] */
    float *keys, *values;   /* gathered from pages [BLOCK, C] */
    float *scores;          /* [BLOCK, width] */
    float *maxima, *totals; /* [BLOCK] */
};

/* A block of keys or values: where they lie, or gathered from their pages into `room`. */
static const float *block_rows(const struct attention_head *head, const float *from, int64_t stride,
                               int64_t first, int64_t count, float *room, int64_t *room_stride) {
    *room_stride = stride;
    if (head->pages == NULL)
        return from + first * stride;
    int64_t size = head->page_size;
    *room_stride = head->head_size;
    for (int64_t i = first; i < first + count; i++, room += head->head_size)
        memcpy(room, from + (head->pages[i / size] * size + i % size) * stride,
               (size_t)head->head_size * sizeof *room);
    return room - count * head->head_size;
}

/* One block of keys against one block of queries: updates maxima, sums and the output rows. */
static void forward_block(const struct attention_head *head, int64_t row, int64_t rows, int64_t key,
                          int64_t keys, bool first, const struct forward_scratch *scratch) {
    int64_t width = padded(keys), columns = head->head_size, k_stride, v_stride;
    const float *k = block_rows(head, head->k, head->k_stride, key, keys, scratch->keys, &k_stride);
    const float *v =
        block_rows(head, head->v, head->v_stride, key, keys, scratch->values, &v_stride);
    float *maxima = scratch->maxima, *totals = scratch->totals;
    transpose(scratch->transposed, k, k_stride, keys, width, columns, head->scale);
    score_rows(scratch->scores, head, head->q + row * head->q_stride, head->q_stride,
               scratch->transposed, row, rows, key, keys);
    float *out = head->out + row * head->out_stride;
    for (int64_t i = 0; i < rows; i++) {
        float *s = scratch->scores + i * width;
        int64_t seen = visible(head, row + i, key, keys, s);
        float most = largest(s, seen);
        most = most > maxima[i] ? most : maxima[i];
        if (!first && most > maxima[i]) {
            float shrink = expf(maxima[i] - most);
            totals[i] *= shrink;
            for (int64_t c = 0; c < columns; c++)
                out[i * head->out_stride + c] *= shrink;
        }
        maxima[i] = most;
        totals[i] += softmax_row(s, seen, width, most);
    }
    weigh_rows(out, head->out_stride, head, scratch->scores, v, v_stride, row, rows, key, keys,
               !first);
}

static void forward_rows(const struct attention_head *head, int64_t row, int64_t rows,
                         float *memory) {
    struct forward_scratch scratch = {.transposed = memory};
    scratch.keys = scratch.transposed + head->head_size * BLOCK;
    scratch.values = scratch.keys + head->head_size * BLOCK;
    scratch.scores = scratch.values + head->head_size * BLOCK;
    scratch.maxima = scratch.scores + BLOCK * BLOCK;
    scratch.totals = scratch.maxima + BLOCK;
    for (int64_t i = 0; i < rows; i++) {
        scratch.maxima[i] = -INFINITY;
        scratch.totals[i] = 0;
    }
    int64_t keys = head->causal ? head->before + row + rows : head->rows;
    int64_t first = first_block(head, row);
    for (int64_t key = first; key < keys; key += BLOCK)
        forward_block(head, row, rows, key, smaller(BLOCK, keys - key), key == first, &scratch);
    for (int64_t i = 0; i < rows; i++) {
        float *out = head->out + (row + i) * head->out_stride;
        float share = 1.0f / scratch.totals[i];
        for (int64_t c = 0; c < head->head_size; c++)
            out[c] *= share;
        if (head->log_sum != NULL)
            head->log_sum[(row + i) * head->log_sum_stride] =
                scratch.maxima[i] + logf(scratch.totals[i]);
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
    int64_t width = padded(keys);
    score_rows(scratch->p, head, head->q + row * head->q_stride, head->q_stride, scratch->keys, row,
               rows, key, keys);
    score_rows(scratch->ds, head, dout + row * dout_stride, dout_stride, scratch->values, row, rows,
               key, keys);
    for (int64_t i = 0; i < rows; i++) {
        float *p = scratch->p + i * width, *ds = scratch->ds + i * width;
        int64_t seen = visible(head, row + i, key, keys, p);
        softmax_row(p, seen, width, head->log_sum[(row + i) * head->log_sum_stride]);
        float delta = scratch->delta[row + i];
        int64_t j = 0;
        for (; j < seen; j += LANES)
            store(ds + j, load(p + j) * (load(ds + j) - delta) * head->scale);
        for (; j < width; j += LANES)
            store(ds + j, splat(0));
    }
}

/* All query blocks of one query head against one block of keys. */
static void backward_keys(const struct attention_gradient *gradient,
                          const struct attention_head *head, int64_t member, int64_t key,
                          int64_t keys, const struct backward_scratch *scratch) {
    int64_t columns = head->head_size;
    const float *dout = gradient->dout + member * columns;
    float *dq = gradient->dq + member * columns;
    float *dk = gradient->dk + key * gradient->dk_stride;
    float *dv = gradient->dv + key * gradient->dv_stride;
    int64_t start = head->causal ? key : 0, end = head->rows;
    if (head->window > 0)
        end = smaller(end, key + keys + head->window - 1);
    for (int64_t row = start; row < end; row += BLOCK) {
        int64_t rows = smaller(BLOCK, head->rows - row);
        bool first = member == 0 && row == start;
        score_gradients(head, dout, gradient->dout_stride, row, rows, key, keys, scratch);
        weigh_keys(dv, gradient->dv_stride, head, scratch->p, dout + row * gradient->dout_stride,
                   gradient->dout_stride, row, rows, key, keys, !first);
        weigh_keys(dk, gradient->dk_stride, head, scratch->ds, head->q + row * head->q_stride,
                   head->q_stride, row, rows, key, keys, !first);
        weigh_rows(dq + row * gradient->dq_stride, gradient->dq_stride, head, scratch->ds,
                   head->k + key * head->k_stride, head->k_stride, row, rows, key, keys,
                   key > first_block(head, row));
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

enum {
#if defined(__AVX512F__)
    SCORED = 4, /* query heads at a time: 16 sums, 4 of q and one of k */
#else
    SCORED = 2,
#endif
    AHEAD = 2, /* runs that are fetched before they are needed */
};

/* result[h][i] = scale · q_h·k_i for four keys of which `some` count; heads is a constant. */
INLINE void score_tile(float *result, int64_t result_stride, const float *q, const float *k,
                       int64_t k_stride, int64_t some, int64_t head_size, float scale,
                       const int heads) {
    const float *key[4] = {k, k, k, k};
    vector s[SCORED][4];
#pragma GCC unroll 4
    for (int j = 1; j < 4; j++)
        key[j] = j < some ? k + j * k_stride : k;
#pragma GCC unroll 4
    for (int h = 0; h < heads; h++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            s[h][j] = splat(0);
    int64_t c = 0;
    for (; c + LANES <= head_size; c += LANES)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            vector x = load(key[j] + c);
#pragma GCC unroll 4
            for (int h = 0; h < heads; h++)
                s[h][j] += load(q + h * head_size + c) * x;
        }
    if (c < head_size)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            vector x = load_part(key[j] + c, head_size - c, 0);
#pragma GCC unroll 4
            for (int h = 0; h < heads; h++)
                s[h][j] += load_part(q + h * head_size + c, head_size - c, 0) * x;
        }
#pragma GCC unroll 4
    for (int h = 0; h < heads; h++) {
        quad four = sums(s[h][0], s[h][1], s[h][2], s[h][3]) * scale;
        if (some >= 4)
            memcpy(result + h * result_stride, &four, sizeof four);
        else
            for (int64_t j = 0; j < some; j++)
                result[h * result_stride + j] = four[j];
    }
}

/* Scores of as many query heads, at q, against `count` keys. */
INLINE void score_heads(float *result, int64_t width, const struct attention_head *head,
                        const float *q, const float *k, int64_t count, const int heads) {
    for (int64_t i = 0; i < count; i += 4)
        score_tile(result + i, width, q, k + i * head->k_stride, head->k_stride, count - i,
                   head->head_size, head->scale, heads);
}

static void scores(float *result, int64_t width, const struct attention_head *head, int64_t rows,
                   const float *k, int64_t count) {
    int64_t size = head->head_size, h = 0;
    for (; SCORED > 2 && h + SCORED <= rows; h += SCORED)
        score_heads(result + h * width, width, head, head->q + h * size, k, count, SCORED);
    for (; h + 2 <= rows; h += 2)
        score_heads(result + h * width, width, head, head->q + h * size, k, count, 2);
    if (h < rows)
        score_heads(result + h * width, width, head, head->q + h * size, k, count, 1);
}

/* Where place `at` lies, in rows of the cache, and how many places follow without a gap. */
static int64_t cache_row(const struct attention_head *head, int64_t at, int64_t end,
                         int64_t *count) {
    int64_t size = head->page_size;
    *count = smaller(end - at, size - at % size);
    return head->pages[at / size] * size + at % size;
}

/* The rows of a head lie far apart: no processor guesses where the next are. */
static void fetch(const struct attention_head *head, const float *from, int64_t stride, int64_t at,
                  int64_t end) {
    int64_t count;
    if (at >= end)
        return;
    from += cache_row(head, at, end, &count) * stride;
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < head->head_size; c += 16)
            __builtin_prefetch(from + i * stride + c, 0, 3);
}

static void decode(const struct attention_head *head, int64_t rows, int64_t first, int64_t count,
                   float *out, float *maxima, float *totals, float *memory) {
    int64_t width = padded(count), size = head->head_size, end = first + count, run;
    int64_t ahead = AHEAD * head->page_size;
    for (int64_t at = first; at < end; at += run) {
        const float *k = head->k + cache_row(head, at, end, &run) * head->k_stride;
        fetch(head, head->k, head->k_stride, at + ahead, end);
        scores(memory + at - first, width, head, rows, k, run);
    }
    for (int64_t at = first; at < first + ahead; at += run) {
        run = head->page_size - at % head->page_size;
        fetch(head, head->v, head->v_stride, at, end);
    }
    for (int64_t i = 0; i < rows; i++) {
        maxima[i] = largest(memory + i * width, count);
        totals[i] = softmax_row(memory + i * width, count, width, maxima[i]);
    }
    for (int64_t at = first; at < end; at += run) {
        const float *v = head->v + cache_row(head, at, end, &run) * head->v_stride;
        fetch(head, head->v, head->v_stride, at + ahead, end);
        product(out, size, memory + at - first, width, 1, v, head->v_stride, rows, size, run,
                at > first);
    }
}

extern const struct attention_kernels ISA_NAME(attention_kernels);
const struct attention_kernels ISA_NAME(attention_kernels) = {
    .scratch = scratch_size,
    .forward = forward,
    .backward = backward,
    .decode = decode,
};
