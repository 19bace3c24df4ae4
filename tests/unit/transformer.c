/*
 * The whole model against recorded vectors of transformers and PyTorch (tests/golden/checkpoint.py
 * describes them): logits, loss, the gradient of every parameter, five steps of both optimizers,
 * and greedy decoding over the paged cache.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "include/shim.h"
#include "infer/engine.h"
#include "model/safetensors.h"
#include "train/optimizer.h"

static const char *const kinds[] = {
    "checkpoint/grouped", "checkpoint/tied",         "checkpoint/bf16", "families/llama-linear",
    "families/llama3",    "families/mistral",        "families/qwen2",  "families/qwen3",
    "families/neox",      "families/neox-sequential"};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* A recorded model, opened, with room for its batch. */
struct golden {
    struct device *device;
    struct model model;
    struct transformer transformer;
    struct safetensors expected;
    struct arena arena;
    struct pass pass;
    struct batch all_rows; /* the batch with every row wanted */
    struct batch batch;    /* the rows that carry a loss */
    struct tensor targets, weights, log_probability, logits;
    struct optimizer optimizer;
    int64_t T, n;
};

static const struct safetensors_entry *expect(const struct golden *golden, const char *name) {
    const struct safetensors_entry *entry = safetensors_find(&golden->expected, name);
    if (entry == NULL)
        fail_msg("expected.safetensors has no %s", name);
    return entry;
}

/* Aligned copy of an entry. */
static void *copy_of(const struct golden *golden, const char *name) {
    const struct safetensors_entry *entry = expect(golden, name);
    return memcpy(allocate(entry->size, 1), entry->data, entry->size);
}

static struct tensor on_device(struct golden *golden, enum dtype type, const char *name) {
    const struct safetensors_entry *entry = expect(golden, name);
    struct tensor tensor = arena_tensor(&golden->arena, type, 1, entry->shape[0]);
    void *copy = copy_of(golden, name);
    device_upload(golden->device, tensor, copy);
    free(copy);
    return tensor;
}

static void build_batch(struct golden *golden) {
    int32_t *offsets = copy_of(golden, "offsets");
    int64_t S = expect(golden, "offsets")->shape[0] - 1, longest = 0;
    int32_t *positions = allocate((size_t)golden->T, sizeof *positions);
    for (int64_t s = 0; s < S; s++) {
        for (int32_t t = offsets[s]; t < offsets[s + 1]; t++)
            positions[t] = t - offsets[s];
        if (offsets[s + 1] - offsets[s] > longest)
            longest = offsets[s + 1] - offsets[s];
    }
    golden->all_rows.tokens = on_device(golden, DTYPE_I32, "tokens");
    golden->all_rows.positions = arena_tensor(&golden->arena, DTYPE_I32, 1, golden->T);
    device_upload(golden->device, golden->all_rows.positions, positions);
    golden->all_rows.sequences =
        (struct sequences){on_device(golden, DTYPE_I32, "offsets"), S, longest};
    golden->batch = golden->all_rows;
    golden->batch.rows = on_device(golden, DTYPE_I32, "rows");
    golden->targets = on_device(golden, DTYPE_I32, "targets");
    golden->weights = on_device(golden, DTYPE_F32, "weights");
    free(offsets);
    free(positions);
}

static void golden_open_on(struct golden *golden, const char *device, const char *kind,
                           struct model_opening opening,
                           const struct optimizer_settings *settings) {
    struct error error = {0};
    *golden = (struct golden){0};
    char *directory = format_text("tests/golden/%s", kind);
    char *path = path_join(directory, "expected.safetensors");
    golden->device = device_open(device, 2, &error);
    if (!golden->device ||
        !model_open(&golden->model, directory, golden->device, opening, &error) ||
        !transformer_open(&golden->transformer, &golden->model, &error) ||
        !safetensors_open(&golden->expected, path, &error) ||
        !arena_open(&golden->arena, golden->device, 16 << 20, &error))
        fail_msg("%s", error.text);
    golden->T = expect(golden, "tokens")->shape[0];
    golden->n = expect(golden, "rows")->shape[0];
    build_batch(golden);
    int64_t V = golden->model.config.vocabulary;
    pass_open(&golden->pass, &golden->arena, &golden->model, golden->T, golden->T, PASS_TRAINING);
    golden->logits = arena_tensor(&golden->arena, DTYPE_F32, golden->T, V);
    golden->log_probability = arena_tensor(&golden->arena, DTYPE_F32, 1, golden->n);
    optimizer_open(&golden->optimizer, settings, &golden->model, &golden->arena);
    optimizer_reset(&golden->optimizer);
    free(directory);
    free(path);
}

static void golden_open_as(struct golden *golden, const char *kind, struct model_opening opening,
                           const struct optimizer_settings *settings) {
    golden_open_on(golden, "cpu", kind, opening, settings);
}

static void golden_open(struct golden *golden, const char *kind,
                        const struct optimizer_settings *settings) {
    golden_open_as(golden, kind, (struct model_opening){.use = MODEL_LEARNING}, settings);
}

static void golden_close(struct golden *golden) {
    optimizer_close(&golden->optimizer);
    pass_close(&golden->pass);
    arena_close(&golden->arena);
    safetensors_close(&golden->expected);
    transformer_close(&golden->transformer);
    model_close(&golden->model);
    device_close(golden->device);
}

static void finish(struct golden *golden) {
    struct error error = {0};
    if (!device_finish(golden->device, &error))
        fail_msg("%s", error.text);
}

/* Largest difference over the largest expected magnitude. */
static double relative_difference(const float *got, const float *wanted, size_t count) {
    double difference = 0, magnitude = 1e-30;
    for (size_t i = 0; i < count; i++) {
        difference = fmax(difference, fabs((double)got[i] - (double)wanted[i]));
        magnitude = fmax(magnitude, fabs((double)wanted[i]));
        if (!isfinite(got[i]))
            return INFINITY;
    }
    return difference / magnitude;
}

static double loss_and_gradients(struct golden *golden) {
    struct learning_weight *output = model_output(&golden->model);
    const struct gradient_sink *sink = &golden->optimizer.sink;
    int64_t n = golden->n;
    optimizer_start_gradients(&golden->optimizer);
    transformer_forward(&golden->transformer, &golden->pass, &golden->batch, NULL);
    cross_entropy(golden->device, golden->log_probability, tensor_rows(golden->pass.doutput, 0, n),
                  sink->gradients[output - golden->model.weights],
                  tensor_rows(golden->pass.output, 0, n), output->value, golden->targets,
                  golden->weights);
    transformer_backward(&golden->transformer, &golden->pass, &golden->batch, sink);
    float *log_probability = allocate((size_t)n, sizeof(float)),
          *weights = copy_of(golden, "weights");
    device_download(golden->device, log_probability, golden->log_probability);
    finish(golden);
    double loss = 0;
    for (int64_t i = 0; i < n; i++)
        loss -= (double)weights[i] * (double)log_probability[i];
    free(log_probability);
    free(weights);
    return loss;
}

/* The elements of a stored tensor in the order of the file. */
static void download_as_stored(struct golden *golden, const struct tensor *weight,
                               const struct stored_tensor *stored, float *to) {
    int64_t total = weight->rows * weight->columns, size = stored->rows * stored->columns;
    struct tensor flat = {weight->data, weight->type, 1, total, total};
    for (int64_t done = 0, run; done < size; done += run) {
        int64_t place = stored_place(stored, done, &run);
        run = run < size - done ? run : size - done;
        device_download(golden->device, to + done, tensor_columns(flat, place, run));
    }
}

static const struct optimizer_settings adamw = {OPTIMIZER_ADAMW, 0.9, 0.999, 1e-8, 0.01, 0};
static const struct optimizer_settings lion = {OPTIMIZER_LION, 0.9, 0.99, 1e-8, 0.01, 0};

static void logits_of_every_row_equal_those_of_transformers(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        struct golden golden;
        golden_open(&golden, kinds[k], &adamw);
        transformer_forward(&golden.transformer, &golden.pass, &golden.all_rows, NULL);
        matmul_forward(golden.device, golden.logits, golden.pass.output,
                       model_output(&golden.model)->value, (struct tensor){0}, (struct tensor){0});
        size_t count = (size_t)(golden.T * golden.model.config.vocabulary);
        float *logits = allocate(count, sizeof *logits), *wanted = copy_of(&golden, "logits");
        device_download(golden.device, logits, golden.logits);
        finish(&golden);
        double difference = relative_difference(logits, wanted, count);
        if (!(difference < 1e-5))
            fail_msg("%s: logits differ by %g", kinds[k], difference);
        free(logits);
        free(wanted);
        golden_close(&golden);
    }
}

/* transformers computes in bf16 throughout there, we on the CPU with bf16 weights alone: what is
 * left between is rounding, so the norms of all logits are compared. */
static void check_bf16_logits(const char *device) {
    for (size_t k = 3; k < KINDS; k++) {
        struct golden golden;
        golden_open_on(&golden, device, kinds[k], (struct model_opening){.type = MODEL_TYPE_BF16},
                       &lion);
        assert_int_equal(model_embedding(&golden.model)->value.type, DTYPE_BF16);
        transformer_forward(&golden.transformer, &golden.pass, &golden.all_rows, NULL);
        matmul_forward(golden.device, golden.logits, golden.pass.output,
                       model_output(&golden.model)->value, (struct tensor){0}, (struct tensor){0});
        size_t count = (size_t)(golden.T * golden.model.config.vocabulary);
        float *logits = allocate(count, sizeof *logits), *wanted = copy_of(&golden, "logits_bf16");
        device_download(golden.device, logits, golden.logits);
        finish(&golden);
        double apart = 0, norm = 0;
        for (size_t i = 0; i < count; i++) {
            double difference = (double)logits[i] - (double)wanted[i];
            apart += difference * difference;
            norm += (double)wanted[i] * (double)wanted[i];
        }
        if (!(sqrt(apart / norm) < 2e-2))
            fail_msg("%s: logits differ by %g", kinds[k], sqrt(apart / norm));
        free(logits);
        free(wanted);
        golden_close(&golden);
    }
}

static void logits_of_bf16_weights_are_near_those_of_transformers_in_bf16(void **state) {
    (void)state;
    check_bf16_logits("cpu");
    if (shim_here())
        check_bf16_logits("cuda");
}

static void loss_and_the_gradient_of_every_parameter_equal_those_of_pytorch(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        struct golden golden;
        golden_open(&golden, kinds[k], &adamw);
        float *wanted_loss = copy_of(&golden, "loss");
        assert_true(fabs(loss_and_gradients(&golden) - (double)*wanted_loss) < 1e-5);
        size_t count;
        struct stored_tensor *stored = model_stored_tensors(&golden.model.config, &count);
        for (size_t i = 0; i < count; i++) {
            char name[128];
            snprintf(name, sizeof name, "gradient.%s", stored[i].name);
            size_t size = (size_t)(stored[i].rows * stored[i].columns);
            float *got = allocate(size, sizeof *got), *wanted = copy_of(&golden, name);
            download_as_stored(&golden, &golden.optimizer.gradients[stored[i].index], &stored[i],
                               got);
            finish(&golden);
            double difference = relative_difference(got, wanted, size);
            if (!(difference < 2e-5))
                fail_msg("%s: %s differs by %g", kinds[k], name, difference);
            free(got);
            free(wanted);
        }
        free(stored);
        free(wanted_loss);
        golden_close(&golden);
    }
}

static void check_steps(const char *kind, const struct optimizer_settings *settings, double rate,
                        const char *name) {
    struct golden golden;
    golden_open(&golden, kind, settings);
    float *wanted = copy_of(&golden, name);
    for (int step = 0; step < 6; step++) {
        double loss = loss_and_gradients(&golden);
        if (!(fabs(loss - (double)wanted[step]) < 1e-4 * (double)wanted[0]))
            fail_msg("%s, %s: loss %g at step %d, wanted %g", kind, name, loss, step,
                     (double)wanted[step]);
        optimizer_update(&golden.optimizer, rate);
    }
    free(wanted);
    golden_close(&golden);
}

static void five_steps_of_adamw_and_lion_lose_what_pytorch_loses(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        check_steps(kinds[k], &adamw, 1e-3, "losses.adamw");
        check_steps(kinds[k], &lion, 1e-4, "losses.lion");
    }
}

static void greedy_decoding_over_the_cache_gives_what_generate_gives(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        struct error error = {0};
        struct golden golden;
        golden_open(&golden, kinds[k], &adamw);
        int32_t *offsets = copy_of(&golden, "greedy.offsets"),
                *ids = copy_of(&golden, "greedy.tokens");
        int32_t *wanted = copy_of(&golden, "greedy.generated");
        float *wanted_log = copy_of(&golden, "greedy.log_probability");
        size_t prompts = (size_t)expect(&golden, "greedy.offsets")->shape[0] - 1;
        struct engine_settings settings = {
            .sampling = {.top_p = 1}, .max_tokens = 12, .batch = 8, .room = 8};
        struct engine *engine = engine_open(&golden.model, &settings, &error);
        struct request requests[8] = {0};
        struct generation out[8] = {0};
        for (size_t p = 0; p < prompts; p++)
            requests[p] =
                (struct request){.tokens = ids + offsets[p], .count = offsets[p + 1] - offsets[p]};
        if (engine == NULL || !engine_generate(engine, requests, prompts, out, &error))
            fail_msg("%s", error.text);
        for (size_t p = 0; p < prompts; p++) {
            double log_probability = 0;
            assert_int_equal(out[p].tokens.count, 12);
            assert_memory_equal(out[p].tokens.ids, wanted + 12 * p, 12 * sizeof *wanted);
            for (size_t i = 0; i < 12; i++)
                log_probability += (double)wanted_log[12 * p + i];
            assert_true(fabs(out[p].log_probability - log_probability) < 1e-3);
            generation_free(&out[p]);
        }
        engine_close(engine);
        free(offsets);
        free(ids);
        free(wanted);
        free(wanted_log);
        golden_close(&golden);
    }
}

/* Reads "# ids …" and a line of logits for each; the caller frees both. */
static int64_t read_logits(const char *path, int32_t **ids, float **logits, int64_t vocabulary) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int64_t count = 0;
    *ids = allocate(64, sizeof **ids);
    assert_int_equal(fscanf(file, "# ids"), 0);
    for (char end = 0; end != '\n'; count++)
        assert_int_equal(fscanf(file, "%d%c", &(*ids)[count], &end), 2);
    *logits = allocate((size_t)(count * vocabulary), sizeof **logits);
    for (int64_t i = 0; i < count * vocabulary; i++)
        assert_int_equal(fscanf(file, "%f", &(*logits)[i]), 1);
    fclose(file);
    return count;
}

/* tests/golden/checkpoint.py says how these were trained by us and read by transformers. */
static void a_checkpoint_of_ours_has_the_logits_that_transformers_gives_it(void **state) {
    (void)state;
    static const char *const made[] = {"tests/golden/checkpoint/ours-f32",
                                       "tests/golden/checkpoint/ours-bf16"};
    for (size_t k = 0; k < 2; k++) {
        struct error error = {0};
        struct model model;
        struct engine_settings settings = {
            .sampling = {.top_p = 1}, .max_tokens = 1, .batch = 1, .room = 64};
        struct device *device = device_open("cpu", 1, &error);
        if (!device || !model_open(&model, made[k], device, (struct model_opening){0}, &error))
            fail_msg("%s", error.text);
        struct engine *engine = engine_open(&model, &settings, &error);
        char *path = path_join(made[k], "logits.txt");
        int32_t *ids;
        float *logits;
        int64_t V = model.config.vocabulary, count = read_logits(path, &ids, &logits, V);
        /* Greedy decoding after every beginning: the likeliest token and its log-probability. */
        for (int64_t t = 0; t < count; t++) {
            const float *row = logits + t * V;
            struct request request = {.tokens = ids, .count = (int32_t)t + 1};
            struct generation out = {0};
            int32_t best = 0;
            double sum = 0;
            for (int32_t v = 0; v < V; v++) {
                best = row[v] > row[best] ? v : best;
                sum += exp((double)row[v]);
            }
            assert_true(engine_generate(engine, &request, 1, &out, &error));
            assert_int_equal(out.tokens.ids[0], best);
            assert_true(fabs(out.log_probability - ((double)row[best] - log(sum))) < 1e-4);
            generation_free(&out);
        }
        free(ids);
        free(logits);
        free(path);
        engine_close(engine);
        model_close(&model);
        device_close(device);
    }
}

int main(void) {
    setenv("LOCKPICK_POISON", "1", 1); /* a gradient neither zeroed nor written is NaN */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_of_every_row_equal_those_of_transformers),
        cmocka_unit_test(logits_of_bf16_weights_are_near_those_of_transformers_in_bf16),
        cmocka_unit_test(loss_and_the_gradient_of_every_parameter_equal_those_of_pytorch),
        cmocka_unit_test(five_steps_of_adamw_and_lion_lose_what_pytorch_loses),
        cmocka_unit_test(greedy_decoding_over_the_cache_gives_what_generate_gives),
        cmocka_unit_test(a_checkpoint_of_ours_has_the_logits_that_transformers_gives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
