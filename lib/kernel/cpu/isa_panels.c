/*
 * Large matrix products: the second factor goes through the first caches in panels of PANEL_DEPTH
 * by two vectors of columns, copied there once (transposed, and widened from bf16, where it lies
 * so) and met by all rows of the first factor. Every element of the result is summed in an order
 * that depends on the inner dimension alone: within a block of PANEL_DEPTH one after the other,
 * then block by block. Compiled per instruction set.
 */
#include "kernel/cpu/isa.h"
#include "kernel/cpu/vector.h"

enum {
    WIDTH = 2 * LANES, /* of a panel */
#if defined(__AVX512F__)
    ROWS = 12, /* of a tile: 24 sums, 2 of b and one of a in 32 registers */
#else
    ROWS = 6, /* 12 sums, 2 of b and one of a in 16 registers */
#endif
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- panels ---- */

INLINE quad load_four(const void *from, int64_t at, const bool wide) {
    quad four;
    if (wide) {
        memcpy(&four, (const float *)from + at, sizeof four);
        return four;
    }
    typedef uint16_t half_quad __attribute__((vector_size(8)));
    typedef uint32_t word_quad __attribute__((vector_size(16)));
    half_quad halves_of_four;
    memcpy(&halves_of_four, (const uint16_t *)from + at, sizeof halves_of_four);
    return (quad)(__builtin_convertvector(halves_of_four, word_quad) << 16);
}

INLINE float load_one(const void *from, int64_t at, const bool wide) {
    if (wide)
        return ((const float *)from)[at];
    uint32_t bits = (uint32_t)((const uint16_t *)from)[at] << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* panel[p][j] = b[j][p] for four j and four p. */
INLINE void pack_square(float *panel, const void *b, int64_t at, int64_t b_stride,
                        const bool wide) {
    quad r0 = load_four(b, at, wide), r1 = load_four(b, at + b_stride, wide);
    quad r2 = load_four(b, at + 2 * b_stride, wide), r3 = load_four(b, at + 3 * b_stride, wide);
    quad low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
    quad high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
    quad low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
    quad high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    r0 = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    r1 = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    r2 = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    r3 = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
    memcpy(panel, &r0, sizeof r0);
    memcpy(panel + WIDTH, &r1, sizeof r1);
    memcpy(panel + 2 * WIDTH, &r2, sizeof r2);
    memcpy(panel + 3 * WIDTH, &r3, sizeof r3);
}

/* panel[p][j] = b[j][p] for j < n ≤ WIDTH, zeros behind, p < k. */
INLINE void pack_transposed(float *panel, const void *b, int64_t first, int64_t b_stride, int64_t n,
                            int64_t k, const bool wide) {
    int64_t squares = n / 4 * 4, deep = k / 4 * 4;
    for (int64_t j = 0; j < squares; j += 4)
        for (int64_t p = 0; p < deep; p += 4)
            pack_square(panel + p * WIDTH + j, b, first + j * b_stride + p, b_stride, wide);
    for (int64_t p = 0; p < k; p++)
        for (int64_t j = p < deep ? squares : 0; j < WIDTH; j++)
            panel[p * WIDTH + j] = j < n ? load_one(b, first + j * b_stride + p, wide) : 0;
}

/* panel[p][j] = b[p][j], likewise. */
INLINE void pack_straight(float *panel, const void *b, int64_t first, int64_t b_stride, int64_t n,
                          int64_t k, const bool wide) {
    for (int64_t p = 0; p < k; p++) {
        int64_t j = 0, row = first + p * b_stride;
        for (; j + LANES <= n; j += LANES)
            store(panel + p * WIDTH + j, wide ? load((const float *)b + row + j)
                                              : load_bf16((const uint16_t *)b + row + j));
        for (; j < WIDTH; j++)
            panel[p * WIDTH + j] = j < n ? load_one(b, row + j, wide) : 0;
    }
}

static void pack(float *panel, const struct panel_product *p, int64_t column, int64_t n,
                 int64_t depth, int64_t k) {
    if (p->transposed && p->wide)
        pack_transposed(panel, p->b, column * p->b_stride + depth, p->b_stride, n, k, true);
    else if (p->transposed)
        pack_transposed(panel, p->b, column * p->b_stride + depth, p->b_stride, n, k, false);
    else if (p->wide)
        pack_straight(panel, p->b, depth * p->b_stride + column, p->b_stride, n, k, true);
    else
        pack_straight(panel, p->b, depth * p->b_stride + column, p->b_stride, n, k, false);
}

/* ---- tiles ---- */

/* Where the next panel will come from: a line of 64 bytes is fetched for each step of a tile. */
struct ahead {
    const uint8_t *from;
    int64_t stride; /* bytes from one row of the source to the next */
    int64_t lines;  /* of a row */
    int64_t rows;
};

/* What a panel's product is added to: nothing, or the parts that are given. */
struct start {
    const float *bias;   /* of the panel's columns */
    const float *addend; /* the tile's first row */
    int64_t addend_stride;
};

INLINE void finish_part(float *c, vector s, const float *bias, const float *addend, int64_t n) {
    if (n >= LANES) {
        if (bias != NULL)
            s += load(bias);
        if (addend != NULL)
            s += load(addend);
        store(c, s);
        return;
    }
    if (bias != NULL)
        s += load_part(bias, n, 0);
    if (addend != NULL)
        s += load_part(addend, n, 0);
    store_part(c, s, n);
}

/* `rows` rows against a panel of which n columns count; rows is a constant when inlined. */
INLINE void tile(float *c, int64_t c_stride, const float *a, int64_t a_row, int64_t a_step,
                 const float *panel, struct start start, struct ahead ahead, int64_t n, int64_t k,
                 const int rows) {
    vector s[ROWS][2];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
        s[i][0] = s[i][1] = splat(0);
    int64_t line = 0;
    for (int64_t p = 0; p < k; p++, a += a_step, panel += WIDTH) {
        __builtin_prefetch(ahead.from + line * 64, 0, 2);
        if (++line == ahead.lines) {
            line = 0;
            ahead.from += ahead.stride;
        }
        vector b0 = load(panel), b1 = load(panel + LANES);
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
            vector x = splat(a[i * a_row]);
            s[i][0] += x * b0;
            s[i][1] += x * b1;
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        const float *addend = start.addend ? start.addend + i * start.addend_stride : NULL;
        finish_part(c + i * c_stride, s[i][0], start.bias, addend, n);
        if (n > LANES)
            finish_part(c + i * c_stride + LANES, s[i][1], start.bias ? start.bias + LANES : NULL,
                        addend ? addend + LANES : NULL, n - LANES);
    }
}

/* All rows against a panel. */
static void column(float *c, const struct panel_product *p, const float *a, const float *panel,
                   struct start start, struct ahead ahead, int64_t n, int64_t k) {
    const struct ahead nothing = {(const uint8_t *)panel, 0, 1, 0};
    for (int64_t left = p->m, rows; left > 0; left -= rows) {
        rows = left >= ROWS ? ROWS : left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        struct ahead part = ahead;
        int64_t fetched = k / ahead.lines;
        ahead.from += fetched * ahead.stride;
        ahead.rows -= fetched;
        if (ahead.rows < fetched)
            ahead = nothing;
        if (rows == ROWS)
            tile(c, p->c_stride, a, p->a_row, p->a_step, panel, start, part, n, k, ROWS);
        else if (rows == 8)
            tile(c, p->c_stride, a, p->a_row, p->a_step, panel, start, part, n, k,
                 ROWS < 8 ? ROWS : 8);
        else if (rows == 4)
            tile(c, p->c_stride, a, p->a_row, p->a_step, panel, start, part, n, k, 4);
        else if (rows == 2)
            tile(c, p->c_stride, a, p->a_row, p->a_step, panel, start, part, n, k, 2);
        else
            tile(c, p->c_stride, a, p->a_row, p->a_step, panel, start, part, n, k, 1);
        c += rows * p->c_stride;
        a += rows * p->a_row;
        if (start.addend != NULL)
            start.addend += rows * start.addend_stride;
    }
}

/* The source of the panel behind that of `column`, as far as it lies in lines of rows. */
static struct ahead next_panel(const struct panel_product *p, const float *panel, int64_t column,
                               int64_t depth, int64_t k) {
    int64_t next = column + WIDTH, size = p->wide ? 4 : 2;
    int64_t bytes = (p->transposed ? k : WIDTH) * size, rows = p->transposed ? WIDTH : k;
    if (next + WIDTH > p->n || bytes < 64 || k < 64)
        return (struct ahead){(const uint8_t *)panel, 0, 1, 0};
    int64_t at = p->transposed ? next * p->b_stride + depth : depth * p->b_stride + next;
    return (struct ahead){(const uint8_t *)p->b + at * size, p->b_stride * size, bytes / 64, rows};
}

/*
 * Rows a large power of two apart fall into the same few places of the first cache and drive each
 * other out: a block of such a factor is copied to rows that do not. Returns where it is then.
 */
static const float *spread(const struct panel_product *p, int64_t depth, int64_t k, float *room,
                           int64_t *a_row, int64_t *a_step) {
    enum { HARMFUL = 512 }; /* floats */
    const float *a = p->a + depth * p->a_step;
    bool rows = p->a_step == 1; /* runs along the inner dimension, else across */
    int64_t stride = rows ? p->a_row : p->a_step;
    *a_row = p->a_row;
    *a_step = p->a_step;
    if (stride % HARMFUL != 0 || p->n <= 2 * WIDTH || p->m < 4)
        return a;
    int64_t count = rows ? p->m : k, length = rows ? k : p->m;
    int64_t room_stride = rows ? PANEL_DEPTH + LANES : PANEL_ROWS + LANES;
    for (int64_t i = 0; i < count; i++)
        memcpy(room + i * room_stride, a + i * stride, (size_t)length * sizeof *room);
    *(rows ? a_row : a_step) = room_stride;
    return room;
}

static void panels(const struct panel_product *product, float *room) {
    struct panel_product p = *product;
    float *panel = room, *copy = room + PANEL_DEPTH * WIDTH;
    for (int64_t depth = 0; depth < p.k; depth += PANEL_DEPTH) {
        int64_t k = smaller(PANEL_DEPTH, p.k - depth);
        const float *a = spread(product, depth, k, copy, &p.a_row, &p.a_step);
        for (int64_t j = 0; j < p.n; j += WIDTH) {
            int64_t n = smaller(WIDTH, p.n - j);
            struct start start = {NULL, p.c + j, p.c_stride};
            if (depth == 0)
                start = (struct start){p.bias ? p.bias + j : NULL, p.addend ? p.addend + j : NULL,
                                       p.addend_stride};
            pack(panel, &p, j, n, depth, k);
            column(p.c + j, &p, a, panel, start, next_panel(&p, panel, j, depth, k), n, k);
        }
    }
}

extern const struct panel_kernels ISA_NAME(panel_kernels);
const struct panel_kernels ISA_NAME(panel_kernels) = {
    .width = WIDTH,
    .room = PANEL_DEPTH * WIDTH + (PANEL_ROWS + LANES) * (PANEL_DEPTH + LANES),
    .fast = LANES >= 8,
    .multiply = panels,
};
