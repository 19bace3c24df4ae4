/*
 * Products with few rows, where a BLAS call spends its time on packing: decoding, and training on
 * single short sequences. Compiled per instruction set.
 */
#include "kernel/cpu/isa.h"
#include "kernel/cpu/product.h"

enum {
#if defined(__AVX512F__)
    MOST_ROWS = 6, /* 24 sums, 6 of x, 1 of w: 32 registers */
#else
    MOST_ROWS = 3, /* 12 sums, 3 of x, 1 of w: 16 registers */
#endif
    MOST_COLUMNS = 4,
};

INLINE vector weight_lanes(const void *w, int64_t at, const bool wide) {
    return wide ? load((const float *)w + at) : load_bf16((const uint16_t *)w + at);
}

INLINE float weight(const void *w, int64_t at, const bool wide) {
    if (wide)
        return ((const float *)w)[at];
    uint32_t bits = (uint32_t)((const uint16_t *)w)[at] << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

INLINE void fetch_weights(const void *w, int64_t at, const bool wide) {
    __builtin_prefetch((const uint8_t *)w + at * (wide ? 4 : 2), 0, 2);
}

/* The operands of one call. */
struct narrow {
    float *y;
    const float *x, *bias, *addend;
    const void *w;
    int64_t y_stride, x_stride, w_stride, addend_stride;
    int64_t t, n, k;
};

/* Adds what lies behind whole vectors, bias and addend to sums of one row, and stores them. */
INLINE void narrow_finish(const struct narrow *o, int64_t row, int64_t column, const bool wide,
                          int64_t done, quad four, const int columns) {
    const float *x = o->x + row * o->x_stride;
    float result[MOST_COLUMNS] = {0}, more[MOST_COLUMNS] = {0};
    for (; done < o->k; done++)
        for (int j = 0; j < columns; j++)
            result[j] += x[done] * weight(o->w, (column + j) * o->w_stride + done, wide);
    quad rest;
    memcpy(&rest, result, sizeof rest);
    four += rest;
    if (o->bias != NULL) {
        memcpy(more, o->bias + column, (size_t)columns * sizeof *more);
        memcpy(&rest, more, sizeof rest);
        four += rest;
    }
    if (o->addend != NULL) {
        memcpy(more, o->addend + row * o->addend_stride + column, (size_t)columns * sizeof *more);
        memcpy(&rest, more, sizeof rest);
        four += rest;
    }
    memcpy(o->y + row * o->y_stride + column, &four, (size_t)columns * sizeof *more);
}

/*
 * Dot products of `rows` rows from `row` on with `columns` rows of w from `column` on; rows,
 * columns and wide are constants when inlined.
 */
INLINE void narrow_tile(const struct narrow *o, int64_t row, int64_t column, const bool wide,
                        const bool fetch, const int rows, const int columns) {
    const float *x = o->x + row * o->x_stride;
    int64_t first = column * o->w_stride, p = 0;
    vector s[MOST_ROWS][MOST_COLUMNS];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < MOST_COLUMNS; j++)
            s[i][j] = splat(0);
    for (; p + LANES <= o->k; p += LANES) {
        vector a[MOST_ROWS];
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++)
            a[i] = load(x + i * o->x_stride + p);
#pragma GCC unroll 4
        for (int j = 0; j < columns; j++) {
            int64_t at = first + j * o->w_stride + p;
            if (fetch)
                fetch_weights(o->w, at + MOST_COLUMNS * o->w_stride, wide);
            vector b = weight_lanes(o->w, at, wide);
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++)
                s[i][j] += a[i] * b;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
        narrow_finish(o, row + i, column, wide, p, sums(s[i][0], s[i][1], s[i][2], s[i][3]),
                      columns);
}

/* All rows of x with a few rows of w, which stay in the first caches meanwhile; the first rows of x
 * fetch the next rows of w. */
INLINE void narrow_columns(const struct narrow *o, int64_t column, const bool wide,
                           const int columns) {
    int64_t row = 0;
    if (o->t >= MOST_ROWS)
        narrow_tile(o, 0, column, wide, true, MOST_ROWS, columns), row = MOST_ROWS;
    for (; row + MOST_ROWS <= o->t; row += MOST_ROWS)
        narrow_tile(o, row, column, wide, false, MOST_ROWS, columns);
    for (; row + 3 <= o->t; row += 3)
        narrow_tile(o, row, column, wide, true, 3, columns);
    if (row + 2 == o->t)
        narrow_tile(o, row, column, wide, true, 2, columns);
    if (row + 1 == o->t)
        narrow_tile(o, row, column, wide, true, 1, columns);
}

INLINE void narrow_any(const struct narrow *o, const bool wide) {
    int64_t column = 0;
    for (; column + MOST_COLUMNS <= o->n; column += MOST_COLUMNS)
        narrow_columns(o, column, wide, MOST_COLUMNS);
    for (; column < o->n; column++)
        narrow_columns(o, column, wide, 1);
}

static void narrow(float *y, int64_t y_stride, const float *x, int64_t x_stride, const void *w,
                   int64_t w_stride, bool wide, const float *bias, const float *addend,
                   int64_t addend_stride, int64_t t, int64_t n, int64_t k) {
    struct narrow operands = {y,        x,        bias,          addend, w, y_stride,
                              x_stride, w_stride, addend_stride, t,      n, k};
    if (wide)
        narrow_any(&operands, true);
    else
        narrow_any(&operands, false);
}

/* The inner dimension goes in blocks: a panel of b stays in the cache for all rows, and sums of
 * many terms lose less than they would one after the other. */
static void multiply(float *c, int64_t c_stride, const float *a, int64_t a_row, int64_t a_step,
                     const float *b, int64_t b_stride, int64_t m, int64_t n, int64_t k,
                     bool accumulate) {
    enum { BLOCK = 256 };
    for (int64_t p = 0; p < k; p += BLOCK)
        product(c, c_stride, a + p * a_step, a_row, a_step, b + p * b_stride, b_stride, m, n,
                k - p < BLOCK ? k - p : BLOCK, accumulate || p > 0);
}

extern const struct product_kernels ISA_NAME(product_kernels);
const struct product_kernels ISA_NAME(product_kernels) = {.narrow = narrow, .multiply = multiply};
