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
    /* Turns the pairs (a_i, b_i) by angles with these cosines and sines. */
    void (*rotate)(float *a, float *b, const float *cosine, const float *sine, int64_t n);
    float (*maximum)(const float *x, int64_t n);
    /* y = exp(x − shift), which may be in place; returns the sum. */
    float (*exponential)(float *y, const float *x, float shift, int64_t n);
    /* y = exp((x − shift)·factor), y NULL: not wanted; the sum. n is some thousand at most. */
    double (*shares)(float *y, const float *x, float shift, float factor, int64_t n);
    /* ids of all x ≥ limit, ascending; returns how many. Without NaN. */
    int64_t (*at_least)(int32_t *ids, const float *x, float limit, int64_t n);
    void (*scale)(float *y, float factor, int64_t n);
    void (*add)(float *y, const float *x, int64_t n);
    double (*sum_of_squares)(const float *x, int64_t n);
    void (*widen)(float *y, const uint16_t *x, int64_t n); /* bf16 to f32 */
};

/* One row each. */
struct norm_kernels {
    /* y = x·r·gain, where y may be x; returns r. */
    float (*rms)(float *y, const float *x, const float *gain, int64_t n, float epsilon);
    /* dx (+)= …, where dx may be dy; dgain += dy·x·r. */
    void (*rms_backward)(float *dx, float *dgain, const float *dy, const float *x,
                         const float *gain, float r, int64_t n, bool accumulate);
    /* y = (x − m)·r·gain + bias (NULL: none); returns r and sets m. */
    float (*layer)(float *y, float *m, const float *x, const float *gain, const float *bias,
                   int64_t n, float epsilon);
    /* dx (+)= …, dgain += dy·(x − m)·r, dbias (NULL: none) += dy. */
    void (*layer_backward)(float *dx, float *dgain, float *dbias, const float *dy, const float *x,
                           const float *gain, float m, float r, int64_t n, bool accumulate);
};

/* A run of elements; outputs may be inputs. */
struct activation_kernels {
    void (*swiglu)(float *y, const float *gate, const float *up, int64_t n);
    void (*swiglu_backward)(float *dgate, float *dup, const float *dy, const float *gate,
                            const float *up, int64_t n);
    void (*gelu)(float *y, const float *x, int64_t n); /* GELU_EXACT */
    void (*gelu_backward)(float *dx, const float *dy, const float *x, int64_t n);
    void (*gelu_tanh)(float *y, const float *x, int64_t n);
    void (*gelu_tanh_backward)(float *dx, const float *dy, const float *x, int64_t n);
};

/* Products too small for a BLAS call to pay. */
struct product_kernels {
    /* y[T,N] = x[T,K]·wᵀ (+ bias) (+ addend); wide: w is f32, else bf16. NULL: none. */
    void (*narrow)(float *y, int64_t y_stride, const float *x, int64_t x_stride, const void *w,
                   int64_t w_stride, bool wide, const float *bias, const float *addend,
                   int64_t addend_stride, int64_t t, int64_t n, int64_t k);
    /* c[M,N] (+)= a[M,K]·b[K,N], element (i,p) of a at a[i·a_row + p·a_step]. */
    void (*multiply)(float *c, int64_t c_stride, const float *a, int64_t a_row, int64_t a_step,
                     const float *b, int64_t b_stride, int64_t m, int64_t n, int64_t k,
                     bool accumulate);
};

enum {
    PANEL_DEPTH = 256, /* of the inner dimension at a time */
    PANEL_ROWS = 384,  /* M at most */
};

/*
 * c[M,N] = a[M,K]·b (+ bias[N]) (+ addend[M,N]), K ≥ 1: element (i,p) of a at a[i·a_row +
 * p·a_step]; b is [K,N], or [N,K] when transposed; f32 when wide, else bf16. NULL: none; addend may
 * be c.
 */
struct panel_product {
    float *c;
    const float *a;
    const void *b;
    const float *bias, *addend;
    int64_t c_stride, a_row, a_step, b_stride, addend_stride;
    int64_t m, n, k;
    bool transposed, wide;
};

/* Products large enough to copy one factor into the cache. */
struct panel_kernels {
    int64_t width; /* of a panel */
    bool fast;     /* faster than a BLAS library made for this instruction set */
    int64_t room;  /* floats of scratch */
    void (*multiply)(const struct panel_product *product, float *room);
};

/*
 * One query head of a run of rows: where its parts lie. Strides count elements. Keys and values lie
 * behind one another, or in pages of a cache.
 */
struct attention_head {
    const float *q, *k, *v; /* first row of the sequence (of the cache), first column of the head */
    float *out;
    float *log_sum;
    int64_t q_stride, k_stride, v_stride, out_stride, log_sum_stride;
    const int32_t *pages; /* NULL: none */
    int64_t page_size;
    int64_t rows;   /* of the sequence: queries */
    int64_t before; /* places before the first query: in a cache */
    int64_t window; /* places that a row sees at most, 0: all */
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
    /*
     * The first `rows` query heads (head_size columns apart) of one query row against places
     * first … first + count − 1: out[rows, head_size] is the sum of values weighted by
     * exp(score − maximum), not yet divided by their sum. scratch: rows × count floats, each row
     * padded to whole vectors.
     */
    void (*decode)(const struct attention_head *head, int64_t rows, int64_t first, int64_t count,
                   float *out, float *maxima, float *totals, float *scratch);
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
    const struct norm_kernels *norms;
    const struct activation_kernels *activations;
    const struct product_kernels *products;
    const struct panel_kernels *panels;
    const struct attention_kernels *attention;
    const struct optimizer_kernels *optimizer;
};

#endif
