/*
 * How fast a checkpoint opens, reads prompts and decodes. Usage:
 *
 *     bench_generate DIR THREADS BATCH PROMPT NEW
 *
 * BATCH different random prompts of PROMPT tokens, NEW greedy tokens each, nothing shared. Prints
 * one line of name=value pairs for each of: opening and the first token; prefill alone, as a share
 * of what the BLAS reaches on one large product in the same run; the whole; memory.
 *
 * Operations counted are 2 a weight of the layers and row; attention counts as nothing.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/options.h"
#include "base/progress.h"
#include "base/random.h"
#include "infer/engine.h"

static _Noreturn void fail(const struct error *error) {
    fprintf(stderr, "bench_generate: %s\n", error->text);
    exit(1);
}

static double sgemm_rate(int threads) {
    enum { N = 2048 };
    float *a = allocate(N * N, sizeof *a), *b = allocate(N * N, sizeof *b),
          *c = allocate(N * N, sizeof *c);
    for (int i = 0; i < N * N; i++) {
        a[i] = (float)(i % 17) - 8;
        b[i] = (float)(i % 13) - 6;
    }
    openblas_set_num_threads(threads);
    double best = 0;
    for (int run = 0; run < 5; run++) {
        double start = monotonic_seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, N, N, N, 1, a, N, b, N, 0, c, N);
        double rate = 2.0 * N * N * N / (monotonic_seconds() - start);
        best = rate > best ? rate : best;
    }
    openblas_set_num_threads(1);
    free(a);
    free(b);
    free(c);
    return best;
}

/* `count` prompts that no others share a beginning with; `round` makes them new. */
static struct request *make_requests(const struct model_config *config, int64_t count,
                                     int64_t prompt, uint64_t round, int32_t **tokens) {
    struct random random;
    random_start(&random, &(struct random_name){.purpose = "bench", .round = round});
    struct request *requests = allocate((size_t)count, sizeof *requests);
    *tokens = allocate((size_t)(count * prompt), sizeof **tokens);
    for (int64_t i = 0; i < count * prompt; i++)
        (*tokens)[i] = (int32_t)random_below(&random, (uint64_t)config->vocabulary);
    for (int64_t i = 0; i < count; i++)
        requests[i] = (struct request){.tokens = *tokens + i * prompt, .count = (int32_t)prompt};
    return requests;
}

/* Seconds for `count` new prompts and `tokens` new tokens each; the best of `runs`. */
static double time_generation(struct model *model, int64_t count, int64_t prompt, int64_t tokens,
                              int64_t room, int runs) {
    struct error error = {0};
    struct engine_settings settings = {
        .sampling = {.top_p = 1}, .max_tokens = tokens, .batch = count, .room = room};
    double best = 1e30;
    for (int run = 0; run < runs; run++) {
        struct engine *engine = engine_open(model, &settings, &error);
        if (engine == NULL)
            fail(&error);
        int32_t *ids;
        struct request *requests =
            make_requests(&model->config, count, prompt, (uint64_t)run, &ids);
        struct generation *out = allocate((size_t)count, sizeof *out);
        double start = monotonic_seconds();
        if (!engine_generate(engine, requests, (size_t)count, out, &error))
            fail(&error);
        double elapsed = monotonic_seconds() - start;
        best = elapsed < best ? elapsed : best;
        for (int64_t i = 0; i < count; i++)
            generation_free(&out[i]);
        free(out);
        free(requests);
        free(ids);
        engine_close(engine);
    }
    return best;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: bench_generate DIR THREADS BATCH PROMPT NEW\n");
        return 2;
    }
    int64_t threads, batch, prompt, tokens;
    if (!parse_integer(argv[2], &threads) || !parse_integer(argv[3], &batch) ||
        !parse_integer(argv[4], &prompt) || !parse_integer(argv[5], &tokens))
        return 2;
    struct error error = {0};
    struct model model;
    struct model_opening opening = {MODEL_INFERENCE, MODEL_TYPE_STORED};

    double start = monotonic_seconds();
    struct device *device = device_open("cpu", (int)threads, &error);
    if (device == NULL || !model_open(&model, argv[1], device, opening, &error))
        fail(&error);
    double opened = monotonic_seconds();
    time_generation(&model, 1, 16, 1, 1024, 1);
    double first = monotonic_seconds();
    printf("start open_s=%.2f first_token_s=%.2f\n", opened - start, first - start);

    const struct model_config *config = &model.config;
    double head = (double)config->vocabulary * (double)config->width;
    double layers = (double)model_config_parameters(config) - (config->tied ? 1 : 2) * head;
    double ceiling = sgemm_rate((int)threads);
    int64_t reading = batch < 4 ? batch : 4;
    double prefill = time_generation(&model, reading, prompt, 1, 1024, 3);
    double rate = 2 * (layers * (double)prompt + head) * (double)reading / prefill;
    printf("prefill sequences=%lld tokens_per_s=%.0f gflops=%.1f sgemm_gflops=%.1f share=%.3f\n",
           (long long)reading, (double)(reading * prompt) / prefill, rate * 1e-9, ceiling * 1e-9,
           rate / ceiling);
    double whole = time_generation(&model, batch, prompt, tokens, 1024, 2);
    printf("generate batch=%lld prompt=%lld new=%lld seconds=%.3f tokens_per_s=%.1f\n",
           (long long)batch, (long long)prompt, (long long)tokens, whole,
           (double)(batch * tokens) / whole);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("memory peak_mib=%ld\n", usage.ru_maxrss / 1024);
    model_close(&model);
    device_close(device);
    return 0;
}
