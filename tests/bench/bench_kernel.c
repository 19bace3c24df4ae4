/*
 * How fast the CPU device computes, against two ceilings measured in the same run: the BLAS
 * library's rate on one large product, and reading memory. The products of real models in prefill
 * and decoding, those of the composition models, then the other operations of a step. Calls that
 * are compared take turns, so that a busy neighbour slows all of them.
 *
 *     build/release/bench/bench_kernel [THREADS]
 */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/kernel.h"

enum { ROUNDS = 6, MOST_CALLS = 4 };
static const size_t arena_bytes = (size_t)1280 << 20;

struct bench {
    struct device *device;
    struct arena arena;
    double ceiling;   /* sgemm, operations a second */
    double bandwidth; /* reading, bytes a second */
};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static _Noreturn void fail(const char *text) {
    fprintf(stderr, "bench_kernel: %s\n", text);
    exit(1);
}

/* A tensor of small numbers. */
static struct tensor numbers(struct bench *bench, int64_t rows, int64_t columns) {
    struct tensor tensor = arena_tensor(&bench->arena, DTYPE_F32, rows, columns);
    if (tensor.data == NULL)
        fail("the arena is too small for this shape");
    for (int64_t i = 0; i < rows * columns; i++)
        ((float *)tensor.data)[i] = (float)(i * 7919 % 1009) / 1009.0f - 0.5f;
    return tensor;
}

static struct tensor integers(struct bench *bench, int64_t count, int64_t modulus, int64_t step) {
    struct tensor tensor = arena_tensor(&bench->arena, DTYPE_I32, 1, count);
    for (int64_t i = 0; i < count; i++)
        ((int32_t *)tensor.data)[i] = (int32_t)(i * step % modulus);
    return tensor;
}

/* One operation with all its operands. */
struct work {
    struct bench *bench;
    struct tensor a, b, c, d, e, f, g, h;
    struct sequences sequences;
    struct attention_shape shape;
    struct sampling sampling;
    int64_t page_size;
    double read; /* so that reading is not left out */
};

typedef void operation(struct work *work);

/* A round: how long one of at least 10 ms of calls takes. */
static double one_round(operation *call, struct work *work) {
    double start = seconds(), spent = 0;
    int64_t calls = 0;
    while (spent < 0.01) {
        call(work);
        calls++;
        spent = seconds() - start;
    }
    return spent / (double)calls;
}

/* The shortest times of some calls that take turns. */
static void shortest_of(operation *const *calls, int count, struct work *work, double *best) {
    for (int i = 0; i < count; i++) {
        calls[i](work);
        best[i] = 1e9;
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < count; i++) {
            double time = one_round(calls[i], work);
            best[i] = time < best[i] ? time : best[i];
        }
    struct error error;
    if (!device_finish(work->bench->device, &error))
        fail(error.text);
}

static double shortest(operation *call, struct work *work) {
    double best;
    shortest_of(&call, 1, work, &best);
    return best;
}

/* ---- products ---- */

static void call_ceiling(struct work *w) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, 1024, 1024, 1024, 1, w->a.data, 1024,
                w->b.data, 1024, 0, w->c.data, 1024);
}

static void call_forward(struct work *w) {
    matmul_forward(w->bench->device, w->c, w->a, w->b, (struct tensor){0}, (struct tensor){0});
}

/* The same weights as bf16, in f. */
static void call_forward_bf16(struct work *w) {
    matmul_forward(w->bench->device, w->c, w->a, w->f, (struct tensor){0}, (struct tensor){0});
}

static void call_backward_input(struct work *w) {
    matmul_backward_input(w->bench->device, w->d, w->c, w->b, false);
}

static void call_backward_weight(struct work *w) {
    matmul_backward_weight(w->bench->device, w->e, w->c, w->a, true);
}

/* The forward product as the library does it by itself, with its own threads. */
static void call_plain(struct work *w) {
    openblas_set_num_threads(device_threads(w->bench->device));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)w->c.rows, (int)w->c.columns,
                (int)w->a.columns, 1, w->a.data, (int)w->a.stride, w->b.data, (int)w->b.stride, 0,
                w->c.data, (int)w->c.stride);
    openblas_set_num_threads(1);
}

/* Eight sums over each thread's part, as wide as the compiler makes them. */
static void call_read(struct work *w) {
    const float *x = w->b.data;
    int64_t count = w->b.rows * w->b.columns;
    double total = 0;
#pragma omp parallel for num_threads(device_threads(w->bench->device)) reduction(+ : total)
    for (int64_t run = 0; run < count / 4096; run++) {
        float sums[128] = {0};
        for (int64_t i = run * 4096; i < (run + 1) * 4096; i += 128)
            for (int k = 0; k < 128; k++)
                sums[k] += x[i + k];
        total += (double)sums[0];
    }
    w->read = total;
}

static void bench_product(struct bench *bench, int64_t T, int64_t N, int64_t K) {
    bench->arena.used = 0;
    struct work work = {.bench = bench};
    work.a = numbers(bench, T, K);
    work.b = numbers(bench, N, K);
    work.c = numbers(bench, T, N);
    work.d = numbers(bench, T, K);
    work.e = numbers(bench, N, K);
    operation *const calls[4] = {call_forward, call_backward_input, call_backward_weight,
                                 call_plain};
    double times[4];
    shortest_of(calls, 4, &work, times);
    printf("product   T %5lld  N %4lld  K %4lld ", (long long)T, (long long)N, (long long)K);
    for (int i = 0; i < 4; i++) {
        double rate = 2.0 * (double)(T * N * K) / times[i];
        printf("  %6.1f (%.2f)", rate * 1e-9, rate / bench->ceiling);
    }
    printf("\n");
}

/* One weight of a real model: rows of x from one to a prompt's. */
static void bench_weight(struct bench *bench, int64_t N, int64_t K) {
    static const int64_t rows[] = {1, 4, 16, 32, 64, 256};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t T = rows[i];
        bench->arena.used = 0;
        struct work work = {.bench = bench};
        work.a = numbers(bench, T, K);
        work.b = numbers(bench, N, K);
        work.c = numbers(bench, T, N);
        work.f = arena_tensor(&bench->arena, DTYPE_BF16, N, K);
        for (int64_t k = 0; k < N * K; k++)
            ((uint16_t *)work.f.data)[k] = (uint16_t)(0x3d00 + k * 7919 % 509);
        operation *const calls[3] = {call_forward, call_forward_bf16, call_plain};
        double times[3], work_done = 2.0 * (double)(T * N * K), weights = (double)(N * K);
        shortest_of(calls, 3, &work, times);
        printf("weight [%5lld,%4lld] rows %3lld ", (long long)N, (long long)K, (long long)T);
        for (int k = 0; k < 2; k++)
            printf("  %s %6.1f GFLOP/s (%.2f of sgemm, %.2f of reading)", k ? "bf16" : "f32",
                   work_done / times[k] * 1e-9, times[2] / times[k],
                   (k ? 2 : 4) * weights / times[k] / bench->bandwidth);
        printf("  sgemm %6.1f\n", work_done / times[2] * 1e-9);
    }
}

static void bench_weights(struct bench *bench) {
    bench_weight(bench, 3072, 768);
    bench_weight(bench, 2048, 2048);
    bench_weight(bench, 5632, 2048);
    bench_weight(bench, 50257, 768);
    bench_weight(bench, 32000, 2048);
}

static void bench_products(struct bench *bench) {
    printf("matrix products, GFLOP/s and share of the ceiling: forward, to the input, to the "
           "weight; forward by plain sgemm with its own threads\n");
    static const int64_t rows[] = {4608, 600, 256, 150, 32, 18, 8, 4, 2, 1};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bench_product(bench, rows[i], 384, 128);
        bench_product(bench, rows[i], 128, 128);
        bench_product(bench, rows[i], 688, 128);
        bench_product(bench, rows[i], 128, 344);
        bench_product(bench, rows[i], 53, 128);
    }
    bench_product(bench, 4608, 1536, 512);
    bench_product(bench, 4608, 2752, 512);
    bench_product(bench, 4608, 512, 1376);
}

/* ---- the rest of a step ---- */

static void call_attention_forward(struct work *w) {
    attention_forward(w->bench->device, w->b, w->c, tensor_columns(w->a, 0, w->b.columns),
                      tensor_columns(w->a, w->b.columns, w->b.columns),
                      tensor_columns(w->a, 2 * w->b.columns, w->b.columns), w->sequences, w->shape);
}

static void call_attention_backward(struct work *w) {
    int64_t D = w->b.columns;
    attention_backward(w->bench->device, tensor_columns(w->d, 0, D), tensor_columns(w->d, D, D),
                       tensor_columns(w->d, 2 * D, D), w->e, w->b, w->c, tensor_columns(w->a, 0, D),
                       tensor_columns(w->a, D, D), tensor_columns(w->a, 2 * D, D), w->sequences,
                       w->shape);
}

static void report(const char *name, double time, double operations, double bytes,
                   const struct bench *bench) {
    printf("%-28s %9.1f us", name, time * 1e6);
    if (operations > 0)
        printf("  %6.1f GFLOP/s (%.2f)", operations / time * 1e-9,
               operations / time / bench->ceiling);
    if (bytes > 0)
        printf("  %6.1f GB/s", bytes / time * 1e-9);
    printf("\n");
}

static void bench_attention(struct bench *bench, int64_t sequences, int64_t length, int64_t heads,
                            int64_t head_size) {
    bench->arena.used = 0;
    int64_t T = sequences * length, D = heads * head_size;
    struct work work = {.bench = bench, .shape = {heads, heads, head_size, 0.2f, true, 0}};
    work.a = numbers(bench, T, 3 * D);
    work.b = numbers(bench, T, D);
    work.c = numbers(bench, T, heads);
    work.d = numbers(bench, T, 3 * D);
    work.e = numbers(bench, T, D);
    work.sequences =
        (struct sequences){integers(bench, sequences + 1, T + 1, length), sequences, length};
    /* Half of the scores are seen. */
    double operations = 2.0 * (double)(T * (length + 1) * D);
    printf("attention of %lld sequences of %lld, %lld heads of %lld\n", (long long)sequences,
           (long long)length, (long long)heads, (long long)head_size);
    report("  forward", shortest(call_attention_forward, &work), operations, 0, bench);
    report("  backward", shortest(call_attention_backward, &work), 2.5 * operations, 0, bench);
}

static void call_cached(struct work *w) {
    attention_cached(w->bench->device, w->b, w->a, w->c, w->d, w->e, w->f, w->sequences,
                     w->page_size, w->shape);
}

/* Sequences of `length` places in pages of 16, `rows` of each asking. */
static void bench_cached(struct bench *bench, int64_t sequences, int64_t length, int64_t rows,
                         struct attention_shape shape) {
    bench->arena.used = 0;
    int64_t width = shape.heads * shape.head_size, kv = shape.kv_heads * shape.head_size;
    int64_t pages = (length + 15) / 16, columns = sequences * pages;
    struct work work = {.bench = bench, .shape = shape, .page_size = 16};
    work.a = numbers(bench, sequences * rows, width);
    work.b = numbers(bench, sequences * rows, width);
    work.c = numbers(bench, columns * 16, kv);
    work.d = numbers(bench, columns * 16, kv);
    work.e = integers(bench, columns, columns, 7);
    work.e = (struct tensor){work.e.data, DTYPE_I32, sequences, pages, pages};
    work.f = integers(bench, sequences, 1, 0);
    for (int64_t s = 0; s < sequences; s++)
        ((int32_t *)work.f.data)[s] = (int32_t)length;
    work.sequences = (struct sequences){integers(bench, sequences + 1, sequences * rows + 1, rows),
                                        sequences, rows};
    int64_t seen = shape.window > 0 && shape.window < length ? shape.window : length;
    double cells = (double)(sequences * seen * rows);
    double bytes = 8.0 * (double)(sequences * seen * kv), time = shortest(call_cached, &work);
    printf("cached %3lld x %4lld places, %3lld rows each, %2lld/%lld heads of %3lld, window %4lld:"
           " %9.1f us  %6.1f GFLOP/s  %5.1f GB/s (%.2f of reading)\n",
           (long long)sequences, (long long)length, (long long)rows, (long long)shape.heads,
           (long long)shape.kv_heads, (long long)shape.head_size, (long long)shape.window,
           time * 1e6, 4.0 * cells * (double)width / time * 1e-9, bytes / time * 1e-9,
           bytes / time / bench->bandwidth);
}

static void bench_caches(struct bench *bench) {
    static const struct attention_shape gqa = {32, 4, 64, 0.125f, true, 0};
    static const struct attention_shape mha = {12, 12, 64, 0.125f, true, 0};
    static const struct attention_shape wide = {16, 8, 128, 0.09f, true, 0};
    static const struct attention_shape window = {16, 8, 128, 0.09f, true, 1024};
    bench_cached(bench, 1, 4096, 1, gqa);
    bench_cached(bench, 64, 300, 1, gqa);
    bench_cached(bench, 64, 300, 1, mha);
    bench_cached(bench, 1, 4096, 1, wide);
    bench_cached(bench, 1, 4096, 1, window);
    bench_cached(bench, 16, 1000, 1, wide);
    bench_cached(bench, 1, 2048, 512, gqa);
    bench_cached(bench, 8, 512, 64, wide);
}

static void call_choose(struct work *w) {
    choose_tokens(w->bench->device, w->b, w->c, w->a, w->d, w->sampling);
}

static void bench_choosing(struct bench *bench, int64_t B, int64_t V) {
    static const struct sampling kinds[] = {{0, 0, 1}, {1, 0, 1}, {0.8f, 50, 1}, {0.7f, 0, 0.95f}};
    for (int i = 0; i < 4; i++) {
        bench->arena.used = 0;
        struct work work = {.bench = bench, .sampling = kinds[i]};
        work.a = numbers(bench, B, V);
        for (int64_t k = 0; k < B * V; k++)
            ((float *)work.a.data)[k] = -1.5f * logf(((float *)work.a.data)[k] + 0.5005f);
        work.b = integers(bench, B, 1, 0);
        work.c = numbers(bench, 1, B);
        work.d = numbers(bench, 1, B);
        for (int64_t b = 0; b < B; b++)
            ((float *)work.d.data)[b] = ((float)b + 0.5f) / (float)B;
        double time = shortest(call_choose, &work), bytes = 4.0 * (double)(B * V);
        printf("choose_tokens %3lld x %6lld, temperature %.1f, top-k %2lld, top-p %.2f: %9.1f us, "
               "%5.1f times as long as reading the logits\n",
               (long long)B, (long long)V, (double)kinds[i].temperature, (long long)kinds[i].top_k,
               (double)kinds[i].top_p, time * 1e6, time * bench->bandwidth / bytes);
    }
}

static void call_norm_forward(struct work *w) {
    rms_norm_forward(w->bench->device, w->b, w->c, w->a, w->d, 1e-5f);
}

static void call_norm_backward(struct work *w) {
    rms_norm_backward(w->bench->device, w->b, w->e, w->f, w->a, w->d, w->c, true);
}

static void call_swiglu_forward(struct work *w) {
    swiglu_forward(w->bench->device, w->g, w->h);
}

static void call_swiglu_backward(struct work *w) {
    swiglu_backward(w->bench->device, w->h, w->g, w->h);
}

static void call_embedding_backward(struct work *w) {
    embedding_backward(
        w->bench->device, tensor_rows(w->f, 0, 53), w->a,
        (struct tensor){w->sequences.offsets.data, DTYPE_I32, 1, w->a.rows, w->a.rows});
}

static void bench_rows(struct bench *bench, int64_t T, int64_t D, int64_t F) {
    bench->arena.used = 0;
    struct work w = {.bench = bench};
    w.a = numbers(bench, T, D);
    w.b = numbers(bench, T, D);
    w.c = numbers(bench, 1, T);
    w.d = numbers(bench, 1, D);
    w.e = numbers(bench, 1, D);
    w.f = numbers(bench, T, D);
    w.g = numbers(bench, T, F);
    w.h = numbers(bench, T, 2 * F);
    w.sequences.offsets = integers(bench, T, 53, 7);
    double bytes = 4.0 * (double)(T * D), wide = 4.0 * (double)(T * F);
    printf("rows of %lld tokens, width %lld, mlp %lld\n", (long long)T, (long long)D, (long long)F);
    report("  rms_norm_forward", shortest(call_norm_forward, &w), 0, 2 * bytes, bench);
    report("  rms_norm_backward", shortest(call_norm_backward, &w), 0, 4 * bytes, bench);
    report("  swiglu_forward", shortest(call_swiglu_forward, &w), 0, 3 * wide, bench);
    report("  swiglu_backward", shortest(call_swiglu_backward, &w), 0, 5 * wide, bench);
    if (T >= 53)
        report("  embedding_backward", shortest(call_embedding_backward, &w), 0, 3 * bytes, bench);
}

static void call_cross_entropy(struct work *w) {
    cross_entropy(w->bench->device, w->c, w->b, w->e, w->a, w->d, w->sequences.offsets, w->f);
}

static void bench_loss(struct bench *bench, int64_t n, int64_t V, int64_t D) {
    bench->arena.used = 0;
    struct work w = {.bench = bench};
    w.a = numbers(bench, n, D);
    w.b = numbers(bench, n, D);
    w.c = numbers(bench, 1, n);
    w.d = numbers(bench, V, D);
    w.e = numbers(bench, V, D);
    w.f = numbers(bench, 1, n);
    w.sequences.offsets = integers(bench, n, V, 31);
    char name[64];
    snprintf(name, sizeof name, "cross_entropy %lldx%lldx%lld", (long long)n, (long long)V,
             (long long)D);
    report(name, shortest(call_cross_entropy, &w), 6.0 * (double)(n * V * D), 0, bench);
}

static void call_adamw(struct work *w) {
    static const struct optimizer_step step = {1e-3f, 0.9f, 0.99f, 1e-8f, 0.01f, 10};
    adamw_update(w->bench->device, (struct learning_weight){.value = w->a}, w->b, w->c, w->d,
                 (struct tensor){0}, step);
}

static void call_norm_of_gradient(struct work *w) {
    sum_of_squares(w->bench->device, w->e, w->b, false);
}

static void bench_optimizer(struct bench *bench, int64_t parameters) {
    bench->arena.used = 0;
    struct work w = {.bench = bench};
    w.a = numbers(bench, 1, parameters);
    w.b = numbers(bench, 1, parameters);
    w.c = numbers(bench, 1, parameters);
    w.d = numbers(bench, 1, parameters);
    w.e = numbers(bench, 1, 1);
    device_zero(bench->device, w.d);
    printf("%lld parameters\n", (long long)parameters);
    report("  adamw", shortest(call_adamw, &w), 0, 28.0 * (double)parameters, bench);
    report("  sum_of_squares", shortest(call_norm_of_gradient, &w), 0, 4.0 * (double)parameters,
           bench);
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : omp_get_num_procs();
    struct error error;
    struct bench bench = {.device = device_open("cpu", threads, &error)};
    if (bench.device == NULL || !arena_open(&bench.arena, bench.device, arena_bytes, &error))
        fail(error.text);
    struct work work = {.bench = &bench};
    work.a = numbers(&bench, 1024, 1024);
    work.b = numbers(&bench, 1024, 1024);
    work.c = numbers(&bench, 1024, 1024);
    openblas_set_num_threads(threads);
    bench.ceiling = 2.0 * 1024 * 1024 * 1024 / shortest(call_ceiling, &work);
    openblas_set_num_threads(1);
    work.b = numbers(&bench, 4096, 16384);
    bench.bandwidth = 4.0 * 4096 * 16384 / shortest(call_read, &work);
    printf("%s\nceilings: sgemm 1024^3 with its own threads %.1f GFLOP/s, reading 256 MiB %.1f "
           "GB/s\n",
           device_description(bench.device), bench.ceiling * 1e-9, bench.bandwidth * 1e-9);
    bench_weights(&bench);
    bench_caches(&bench);
    bench_choosing(&bench, 1, 50257);
    bench_choosing(&bench, 32, 50257);
    bench_choosing(&bench, 1, 151936);
    bench_products(&bench);
    bench_attention(&bench, 256, 18, 4, 32);
    bench_attention(&bench, 1, 18, 4, 32);
    bench_attention(&bench, 2, 2048, 8, 64);
    bench_rows(&bench, 4608, 128, 344);
    bench_rows(&bench, 18, 128, 344);
    bench_loss(&bench, 2304, 53, 128);
    bench_loss(&bench, 9, 53, 128);
    bench_loss(&bench, 512, 32000, 512);
    bench_optimizer(&bench, 800000);
    bench_optimizer(&bench, 18000000);
    arena_close(&bench.arena);
    device_close(bench.device);
    return 0;
}
