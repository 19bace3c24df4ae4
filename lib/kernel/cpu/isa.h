/*
 * The tables of functions that exist once per instruction set. Every isa_*.c is compiled with
 * -DISA=baseline, avx2 or avx512 and exports its table under a name that ends in it; device.c picks
 * one set when a device is opened. The functions work on one thread and know nothing of devices.
 */
#ifndef LOCKPICK_KERNEL_CPU_ISA_H
#define LOCKPICK_KERNEL_CPU_ISA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Work on one row, or on a run of elements. */
struct row_kernels {
    /* y = x·r·gain; returns r. */
    float (*rms_norm)(float *y, const float *x, const float *gain, int64_t n, float epsilon);
    /* dx (+)= …, dgain += dy·x·r for one row whose r is given. */
    void (*rms_norm_backward)(float *dx, float *dgain, const float *dy, const float *x,
                              const float *gain, float r, int64_t n, bool accumulate);
    void (*swiglu)(float *y, const float *gate, const float *up, int64_t n);
    void (*swiglu_backward)(float *dgate, float *dup, const float *dy, const float *gate,
                            const float *up, int64_t n);
    /* Turns the pairs (a_i, b_i) by angles with these cosines and sines. */
    void (*rotate)(float *a, float *b, const float *cosine, const float *sine, int64_t n);
    float (*maximum)(const float *x, int64_t n);
    /* y = exp(x − shift), which may be in place; returns the sum. */
    float (*exponential)(float *y, const float *x, float shift, int64_t n);
    void (*scale)(float *y, float factor, int64_t n);
    void (*add)(float *y, const float *x, int64_t n);
    double (*sum_of_squares)(const float *x, int64_t n);
    void (*widen)(float *y, const uint16_t *x, int64_t n); /* bf16 to f32 */
};

/* Products too small for a BLAS call to pay. */
struct product_kernels {
    /* y[T,N] = x[T,K]·wᵀ (+ addend); wide: w is f32, else bf16. addend NULL: none. */
    void (*narrow)(float *y, int64_t y_stride, const float *x, int64_t x_stride, const void *w,
                   int64_t w_stride, bool wide, const float *addend, int64_t addend_stride,
                   int64_t t, int64_t n, int64_t k);
    /* c[M,N] (+)= a[M,K]·b[K,N], element (i,p) of a at a[i·a_row + p·a_step]. */
    void (*multiply)(float *c, int64_t c_stride, const float *a, int64_t a_row, int64_t a_step,
                     const float *b, int64_t b_stride, int64_t m, int64_t n, int64_t k,
                     bool accumulate);
};

/* One query head of a run of rows: where its parts lie. Strides count elements. */
struct attention_head {
    const float *q, *k, *v; /* first row of the sequence, first column of the head */
    float *out;
    float *log_sum;
    int64_t q_stride, k_stride, v_stride, out_stride, log_sum_stride;
    int64_t rows; /* of the sequence */
    int64_t head_size;
    float scale;
    bool causal;
};

/* The backward pass of the `group` query heads that share one key/value head. */
struct attention_gradient {
    struct attention_head head; /* the first query head; the next is head_size columns on */
    const float *dout;
    float *dq, *dk, *dv;
    int64_t dout_stride, dq_stride, dk_stride, dv_stride;
    int64_t group;
};

struct attention_kernels {
    /* Floats of scratch that one call of forward or backward needs. */
    size_t (*scratch)(int64_t head_size, int64_t longest);
    void (*forward)(const struct attention_head *head, int64_t first_row, int64_t row_count,
                    float *scratch);
    void (*backward)(const struct attention_gradient *gradient, float *scratch);
    /* scores[i] = scale · q·k_i */
    void (*scores)(float *scores, const float *q, const float *k, int64_t k_stride, int64_t count,
                   int64_t head_size, float scale);
    /* out += Σ_i p_i·v_i */
    void (*weigh)(float *out, const float *p, const float *v, int64_t v_stride, int64_t count,
                  int64_t head_size);
};

/* What AdamW and Lion need of a step, worked out once. */
struct update {
    float rate, beta1, beta2, epsilon, decay;
    float correction1, correction2; /* 1/(1−β₁^step), 1/(1−β₂^step) */
    float factor;
};

/* A run of a weight. low NULL: value is f32, else bf16 with low its low half. */
struct update_run {
    void *value;
    int16_t *low;
    const float *gradient;
    void *first, *second; /* second NULL: Lion */
    bool wide_moments;    /* f32, else bf16 */
    int64_t count;
};

struct optimizer_kernels {
    void (*update)(const struct update_run *run, const struct update *update);
};

struct cpu_kernels {
    const char *name;
    const struct row_kernels *rows;
    const struct product_kernels *products;
    const struct attention_kernels *attention;
    const struct optimizer_kernels *optimizer;
};

#endif
