/*
 * As much of OpenBLAS as the kernel library uses, for a machine that has no packages: right, and
 * slow. There the CPU device is only something to compare with.
 */
#ifndef TESTS_BARE_CBLAS_H
#define TESTS_BARE_CBLAS_H

enum CBLAS_ORDER { CblasRowMajor = 101, CblasColMajor = 102 };
enum CBLAS_TRANSPOSE { CblasNoTrans = 111, CblasTrans = 112 };

static inline __attribute__((unused)) const char *openblas_get_config(void) {
    return "OpenBLAS none";
}

static inline __attribute__((unused)) const char *openblas_get_corename(void) {
    return "C";
}

static inline __attribute__((unused)) void openblas_set_num_threads(int threads) {
    (void)threads;
}

/* c[m,n] = alpha·op(a)·op(b) + beta·c, row-major. */
static inline __attribute__((unused)) void
cblas_sgemm(enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE left, enum CBLAS_TRANSPOSE right, int m,
            int n, int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta,
            float *c, int ldc) {
    (void)order;
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++) {
            float sum = 0;
            for (long p = 0; p < k; p++)
                sum += a[left == CblasNoTrans ? i * lda + p : p * lda + i] *
                       b[right == CblasNoTrans ? p * ldb + j : j * ldb + p];
            c[i * ldc + j] = alpha * sum + (beta != 0 ? beta * c[i * ldc + j] : 0);
        }
}

#endif
