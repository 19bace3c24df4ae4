/*
 * A matrix product for matrices that fit into the first caches, on one thread and without packing:
 * tiles of ROWS rows by two vectors of columns are summed in registers over the whole inner
 * dimension. Used for attention's blocks and for products too small for BLAS. Only isa_*.c include
 * this file.
 */
#ifndef LOCKPICK_KERNEL_CPU_PRODUCT_H
#define LOCKPICK_KERNEL_CPU_PRODUCT_H

#include <stdbool.h>

#include "kernel/cpu/vector.h"

enum { TILE_ROWS = 6 }; /* 6 × 2 sums, 2 of b, 2 to spread a: within 16 registers */

/*
 * c[rows, vectors·LANES] (+)= a·b; with `part` above zero only that many columns of one vector.
 * rows, vectors and whether there is a part are constants wherever this is inlined.
 */
INLINE void product_tile(float *c, int64_t c_stride, const float *a, int64_t a_row, int64_t a_step,
                         const float *b, int64_t b_stride, int64_t k, bool accumulate,
                         const int rows, const int vectors, int64_t part) {
    vector s[TILE_ROWS][2];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++)
            s[i][j] = splat(0);
    for (int64_t p = 0; p < k; p++, a += a_step, b += b_stride) {
        vector b0 = part > 0 ? load_part(b, part, 0) : load(b);
        vector b1 = vectors > 1 ? load(b + LANES) : b0;
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            vector x = splat(a[i * a_row]);
            s[i][0] += x * b0;
            if (vectors > 1)
                s[i][1] += x * b1;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) {
            float *to = c + i * c_stride + j * LANES;
            if (part > 0)
                store_part(to, accumulate ? load_part(to, part, 0) + s[i][j] : s[i][j], part);
            else
                store(to, accumulate ? load(to) + s[i][j] : s[i][j]);
        }
}

/* One column of vectors, all rows. */
INLINE void product_column(float *c, int64_t c_stride, const float *a, int64_t a_row,
                           int64_t a_step, const float *b, int64_t b_stride, int64_t m, int64_t k,
                           bool accumulate, const int vectors, int64_t part) {
    int64_t i = 0;
    for (; i + 6 <= m; i += 6)
        product_tile(c + i * c_stride, c_stride, a + i * a_row, a_row, a_step, b, b_stride, k,
                     accumulate, 6, vectors, part);
    float *rest = c + i * c_stride;
    a += i * a_row;
    switch (m - i) {
    case 1:
        product_tile(rest, c_stride, a, a_row, a_step, b, b_stride, k, accumulate, 1, vectors,
                     part);
        break;
    case 2:
        product_tile(rest, c_stride, a, a_row, a_step, b, b_stride, k, accumulate, 2, vectors,
                     part);
        break;
    case 3:
        product_tile(rest, c_stride, a, a_row, a_step, b, b_stride, k, accumulate, 3, vectors,
                     part);
        break;
    case 4:
        product_tile(rest, c_stride, a, a_row, a_step, b, b_stride, k, accumulate, 4, vectors,
                     part);
        break;
    case 5:
        product_tile(rest, c_stride, a, a_row, a_step, b, b_stride, k, accumulate, 5, vectors,
                     part);
        break;
    }
}

/* c[m,n] (+)= a[m,k]·b[k,n]; element (i,p) of a lies at a[i·a_row + p·a_step]. */
static inline void product(float *c, int64_t c_stride, const float *a, int64_t a_row,
                           int64_t a_step, const float *b, int64_t b_stride, int64_t m, int64_t n,
                           int64_t k, bool accumulate) {
    int64_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES)
        product_column(c + j, c_stride, a, a_row, a_step, b + j, b_stride, m, k, accumulate, 2, 0);
    for (; j + LANES <= n; j += LANES)
        product_column(c + j, c_stride, a, a_row, a_step, b + j, b_stride, m, k, accumulate, 1, 0);
    if (j < n)
        product_column(c + j, c_stride, a, a_row, a_step, b + j, b_stride, m, k, accumulate, 1,
                       n - j);
}

#endif
