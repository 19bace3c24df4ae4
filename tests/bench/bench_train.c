/*
 * How fast a model trains and decodes, as a share of what the BLAS reaches on one large product in
 * the same run. Usage: bench_train CONFIG THREADS BATCH TOKENS SECONDS. Prints one line of
 * name=value pairs for training and one for greedy decoding.
 *
 * Operations counted are those that are executed in matrix products, 6 a weight and row in training
 * (the last layer behind its attention and the output projection see only the rows that carry a
 * loss), 2 in decoding; norms, attention, optimizer and all else count as nothing, so that their
 * time shows.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/progress.h"
#include "base/random.h"
#include "infer/engine.h"
#include "train/trainer.h"

static double sgemm_rate(int threads) {
    enum { N = 1536 };
    float *a = allocate(N * N, sizeof *a), *b = allocate(N * N, sizeof *b),
          *c = allocate(N * N, sizeof *c);
    for (int i = 0; i < N * N; i++) {
        a[i] = (float)(i % 17) - 8;
        b[i] = (float)(i % 13) - 6;
    }
    openblas_set_num_threads(threads);
    double best = 0;
    for (int run = 0; run < 6; run++) {
        double start = monotonic_seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, N, N, N, 1, a, N, b, N, 0, c, N);
        double rate = 2.0 * N * N * N / (monotonic_seconds() - start);
        best = rate > best ? rate : best;
    }
    free(a);
    free(b);
    free(c);
    return best;
}

static _Noreturn void fail(const struct error *error) {
    fprintf(stderr, "bench_train: %s\n", error->text);
    exit(1);
}

static void fill_examples(struct examples *examples, const struct model_config *config,
                          int64_t count, int64_t tokens, int64_t predicted) {
    struct random random;
    random_start(&random, &(struct random_name){.purpose = "bench"});
    examples_open(examples, NULL, config, tokens);
    examples->items = allocate((size_t)count, sizeof *examples->items);
    for (int64_t i = 0; i < count; i++) {
        examples->items[i] =
            (struct example){examples->tokens.count, (int32_t)tokens + 1, (int32_t)predicted};
        for (int64_t t = 0; t <= tokens; t++)
            token_list_add(&examples->tokens,
                           (int32_t)random_below(&random, (uint64_t)config->vocabulary));
    }
    examples->count = (size_t)count;
}

/* Weights that rows of all tokens, and of wanted tokens alone, are multiplied with. */
static void count_weights(const struct model_config *c, double *all, double *wanted) {
    double qkv = (double)((c->heads + 2 * c->kv_heads) * c->head_size * c->width);
    double rest = (double)(c->heads * c->head_size * c->width + 3 * c->mlp_width * c->width);
    *all = (double)c->layers * qkv + (double)(c->layers - 1) * rest;
    *wanted = rest + (double)(c->vocabulary * c->width);
}

static void bench_training(struct model *model, double ceiling, int64_t batch, int64_t tokens,
                           double seconds) {
    struct error error = {0};
    int64_t predicted = (tokens + 1) / 2;
    int64_t room = batch * tokens < 4096 ? batch * tokens : 4096;
    struct trainer_settings settings = {
        .optimizer =
            {.kind = OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.01},
        .room = room > tokens ? room : tokens,
    };
    struct examples examples;
    struct trainer trainer;
    fill_examples(&examples, &model->config, batch, tokens, predicted);
    if (!trainer_open(&trainer, model, &settings, &error))
        fail(&error);
    double all, wanted;
    count_weights(&model->config, &all, &wanted);
    double flops = 6 * ((double)(batch * tokens) * all + (double)(batch * predicted) * wanted);
    int64_t steps = -2; /* two to warm up */
    double start = 0, elapsed = 0;
    while (elapsed < seconds) {
        struct step_result result;
        if (steps++ == 0)
            start = monotonic_seconds();
        if (!trainer_step(&trainer, &examples, NULL, (size_t)batch, 1e-4, &result, &error))
            fail(&error);
        elapsed = steps > 0 ? monotonic_seconds() - start : 0;
    }
    double rate = flops * (double)steps / elapsed;
    printf("train batch=%lld tokens=%lld tokens_per_s=%.0f gflops=%.1f sgemm_gflops=%.1f "
           "share=%.3f\n",
           (long long)batch, (long long)tokens, (double)(batch * tokens * steps) / elapsed,
           rate * 1e-9, ceiling * 1e-9, rate / ceiling);
    trainer_close(&trainer);
    examples_close(&examples);
}

static void bench_decoding(struct model *model, int64_t batch, double seconds) {
    struct error error = {0};
    int64_t prompt = 10, answer = 9;
    struct engine_settings settings = {
        .sampling = {.top_p = 1}, .max_tokens = answer, .batch = batch, .room = 4096};
    struct engine *engine = engine_open(model, &settings, &error);
    if (engine == NULL)
        fail(&error);
    struct examples examples;
    fill_examples(&examples, &model->config, batch, prompt, 1);
    struct request *requests = allocate((size_t)batch, sizeof *requests);
    struct generation *generations = allocate((size_t)batch, sizeof *generations);
    for (int64_t i = 0; i < batch; i++)
        requests[i] = (struct request){.tokens = examples.tokens.ids + examples.items[i].start,
                                       .count = (int32_t)prompt};
    int64_t rounds = -1;
    double start = 0, elapsed = 0;
    while (elapsed < seconds) {
        if (rounds++ == 0)
            start = monotonic_seconds();
        for (int64_t i = 0; i < batch; i++)
            generation_free(&generations[i]);
        if (!engine_generate(engine, requests, (size_t)batch, generations, &error))
            fail(&error);
        elapsed = rounds > 0 ? monotonic_seconds() - start : 0;
    }
    printf("decode batch=%lld prompt=%lld answer=%lld answers_per_s=%.0f\n", (long long)batch,
           (long long)prompt, (long long)answer, (double)(batch * rounds) / elapsed);
    for (int64_t i = 0; i < batch; i++)
        generation_free(&generations[i]);
    free(generations);
    free(requests);
    examples_close(&examples);
    engine_close(engine);
}

int main(int argc, char **argv) {
    struct error error = {0};
    if (argc != 6) {
        fprintf(stderr, "usage: bench_train CONFIG THREADS BATCH TOKENS SECONDS\n");
        return 2;
    }
    int threads = atoi(argv[2]);
    int64_t batch = atoll(argv[3]), tokens = atoll(argv[4]);
    double seconds = atof(argv[5]);
    double ceiling = sgemm_rate(threads);
    struct device *device = device_open("cpu", threads, &error);
    struct model_config config;
    struct model model;
    json_t *json = device == NULL ? NULL : model_config_load(argv[1], &error);
    if (json == NULL || !model_config_set(json, "vocab_size=53", &error) ||
        !model_config_from_json(&config, json, &error))
        fail(&error);
    json_decref(json);
    if (!model_initialize(&model, &config, device, 1, &error))
        fail(&error);
    printf("model parameters=%lld device=\"%s\"\n",
           (long long)model_config_parameters(&model.config), device_description(device));
    bench_training(&model, ceiling, batch, tokens, seconds);
    bench_decoding(&model, 256, seconds);
    model_close(&model);
    device_close(device);
    return 0;
}
