/*
 * Products with few rows, where a BLAS call spends its time on packing: decoding, and training on
 * single short sequences. Compiled per instruction set.
 */
#include "kernel/cpu/isa.h"
#include "kernel/cpu/product.h"

enum { MOST_ROWS = 3, MOST_COLUMNS = 4 }; /* 12 sums, 3 of x, 1 of w: 16 registers */

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

/* rows × columns dot products of length k; rows, columns and wide are constants when inlined. */
INLINE void narrow_tile(float *y, int64_t y_stride, const float *x, int64_t x_stride, const void *w,
                        int64_t w_first, int64_t w_stride, const bool wide, const float *bias,
                        const float *addend, int64_t addend_stride, int64_t k, const int rows,
                        const int columns) {
    vector s[MOST_ROWS][MOST_COLUMNS];
#pragma GCC unroll 4
    for (int i = 0; i < MOST_ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < MOST_COLUMNS; j++)
            s[i][j] = splat(0);
    int64_t p = 0;
    for (; p + LANES <= k; p += LANES) {
        vector a[MOST_ROWS];
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++)
            a[i] = load(x + i * x_stride + p);
#pragma GCC unroll 4
        for (int j = 0; j < columns; j++) {
            vector b = weight_lanes(w, w_first + j * w_stride + p, wide);
#pragma GCC unroll 4
            for (int i = 0; i < rows; i++)
                s[i][j] += a[i] * b;
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
        float result[MOST_COLUMNS];
        quad four = sums(s[i][0], s[i][1], s[i][2], s[i][3]);
        memcpy(result, &four, sizeof four);
        for (int j = 0; j < columns; j++) {
            for (int64_t rest = p; rest < k; rest++)
                result[j] +=
                    x[i * x_stride + rest] * weight(w, w_first + j * w_stride + rest, wide);
            if (bias != NULL)
                result[j] += bias[j];
            if (addend != NULL)
                result[j] += addend[i * addend_stride + j];
            y[i * y_stride + j] = result[j];
        }
    }
}

/* All columns of w for a few rows of x. */
INLINE void narrow_rows(float *y, int64_t y_stride, const float *x, int64_t x_stride, const void *w,
                        int64_t w_stride, const bool wide, const float *bias, const float *addend,
                        int64_t addend_stride, int64_t n, int64_t k, const int rows) {
    int64_t j = 0;
    for (; j + MOST_COLUMNS <= n; j += MOST_COLUMNS)
        narrow_tile(y + j, y_stride, x, x_stride, w, j * w_stride, w_stride, wide,
                    bias ? bias + j : NULL, addend ? addend + j : NULL, addend_stride, k, rows,
                    MOST_COLUMNS);
    for (; j < n; j++)
        narrow_tile(y + j, y_stride, x, x_stride, w, j * w_stride, w_stride, wide,
                    bias ? bias + j : NULL, addend ? addend + j : NULL, addend_stride, k, rows, 1);
}

INLINE void narrow_any(float *y, int64_t y_stride, const float *x, int64_t x_stride, const void *w,
                       int64_t w_stride, const bool wide, const float *bias, const float *addend,
                       int64_t addend_stride, int64_t t, int64_t n, int64_t k) {
    int64_t i = 0;
    for (; i + 3 <= t; i += 3)
        narrow_rows(y + i * y_stride, y_stride, x + i * x_stride, x_stride, w, w_stride, wide, bias,
                    addend ? addend + i * addend_stride : NULL, addend_stride, n, k, 3);
    y += i * y_stride;
    x += i * x_stride;
    if (addend != NULL)
        addend += i * addend_stride;
    if (t - i == 2)
        narrow_rows(y, y_stride, x, x_stride, w, w_stride, wide, bias, addend, addend_stride, n, k,
                    2);
    if (t - i == 1)
        narrow_rows(y, y_stride, x, x_stride, w, w_stride, wide, bias, addend, addend_stride, n, k,
                    1);
}

static void narrow(float *y, int64_t y_stride, const float *x, int64_t x_stride, const void *w,
                   int64_t w_stride, bool wide, const float *bias, const float *addend,
                   int64_t addend_stride, int64_t t, int64_t n, int64_t k) {
    if (wide)
        narrow_any(y, y_stride, x, x_stride, w, w_stride, true, bias, addend, addend_stride, t, n,
                   k);
    else
        narrow_any(y, y_stride, x, x_stride, w, w_stride, false, bias, addend, addend_stride, t, n,
                   k);
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
