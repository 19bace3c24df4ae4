/*
 * A small model that learns and answers on the CUDA device as it does on the CPU: the same losses
 * step by step, and then the same greedy tokens, over the cache. Needs no checkpoint and no package
 * beside the kernel library, so that it also runs on a bare machine with a GPU (`make gpu-test`);
 * elsewhere under the execution shim.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "include/shim.h"
#include "model/storage.h"
#include "model/transformer.h"

enum { V = 61, T = 50, S = 3, WANTED = 20, STEPS = 8, PAGE = 4, ANSWER = 12, PROMPT = 5 };
static const int32_t offsets[S + 1] = {0, 17, 18, T};

/* Grouped heads, RMS norms and SwiGLU; layer norms, biases, GELU, side by side, tied. */
static const struct model_config kinds[] = {
    {
        .vocabulary = V,
        .width = 48,
        .layers = 3,
        .heads = 6,
        .kv_heads = 2,
        .head_size = 8,
        .mlp_width = 72,
        .positions = 64,
        .norm_epsilon = 1e-5,
        .causal = true,
        .rotary = {.size = 8, .base = 1e4},
    },
    {
        .vocabulary = V,
        .width = 32,
        .layers = 2,
        .heads = 2,
        .kv_heads = 2,
        .head_size = 16,
        .mlp_width = 64,
        .positions = 64,
        .norm = NORM_LAYER,
        .norm_epsilon = 1e-5,
        .activation = ACTIVATION_GELU,
        .qkv_bias = true,
        .attention_out_bias = true,
        .mlp_bias = true,
        .parallel = true,
        .causal = true,
        .tied = true,
        .rotary = {.size = 4, .base = 1e4},
    },
};

/* One of the two devices with everything on it. */
struct side {
    struct device *device;
    struct model model;
    struct transformer transformer;
    struct arena arena;
    struct pass pass;
    struct batch batch;
    struct tensor targets, weights, log_probability, logits, chosen;
    struct tensor *gradients, *moments;
};

static double random_real(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (double)(*random >> 11) / 4503599627370496.0 - 1;
}

/* The same weights on any device: gains near 1, the rest near 0. */
static void draw_weight(struct side *side, struct learning_weight weight, uint64_t *random) {
    size_t count = (size_t)(weight.value.rows * weight.value.columns);
    float *wide = allocate(count, sizeof *wide);
    uint16_t *value = allocate(count, sizeof *value);
    int16_t *low = allocate(count, sizeof *low);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        wide[i] = (float)((weight.value.rows == 1 ? 1 : 0) + 0.2 * random_real(random));
        memcpy(&bits, &wide[i], sizeof bits);
        value[i] = master_value(bits);
        low[i] = master_low(bits);
    }
    bool narrow = weight.value.type == DTYPE_BF16;
    device_upload(side->device, weight.value, narrow ? (const void *)value : wide);
    if (narrow)
        device_upload(side->device, weight.low, low);
    free(wide);
    free(value);
    free(low);
}

static struct tensor upload_ids(struct side *side, int64_t count, const int32_t *ids) {
    struct tensor tensor = arena_tensor(&side->arena, DTYPE_I32, 1, count);
    device_upload(side->device, tensor, ids);
    return tensor;
}

static void make_batch(struct side *side) {
    int32_t tokens[T], positions[T], rows[WANTED], targets[WANTED];
    float weights[WANTED];
    for (int s = 0; s < S; s++)
        for (int32_t t = offsets[s]; t < offsets[s + 1]; t++) {
            positions[t] = t - offsets[s];
            tokens[t] = t * t * 7 % V;
        }
    for (int i = 0; i < WANTED; i++) {
        rows[i] = 2 * i + 9;
        targets[i] = (rows[i] + 1) * 5 % V;
        weights[i] = 1.0f / WANTED;
    }
    side->batch = (struct batch){.tokens = upload_ids(side, T, tokens),
                                 .positions = upload_ids(side, T, positions),
                                 .sequences = {upload_ids(side, S + 1, offsets), S, T},
                                 .rows = upload_ids(side, WANTED, rows)};
    side->targets = upload_ids(side, WANTED, targets);
    side->weights = arena_tensor(&side->arena, DTYPE_F32, 1, WANTED);
    device_upload(side->device, side->weights, weights);
}

static void must(bool fine, const struct error *error) {
    if (!fine)
        fail_msg("%s", error->text);
}

static void side_open(struct side *side, const char *device, const struct model_config *config,
                      enum dtype type) {
    struct error error = {0};
    *side = (struct side){.device = device_open(device, 2, &error)};
    must(side->device != NULL, &error);
    side->model = (struct model){.config = *config, .device = side->device};
    side->model.config.type = type;
    must(model_reserve(&side->model, true, &error), &error);
    must(arena_open(&side->arena, side->device, 8 << 20, &error), &error);
    size_t count = side->model.weight_count;
    side->gradients = allocate(count, sizeof(struct tensor));
    side->moments = allocate(count, sizeof(struct tensor));
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < count; i++) {
        struct tensor value = side->model.weights[i].value;
        draw_weight(side, side->model.weights[i], &random);
        side->gradients[i] = arena_tensor(&side->arena, DTYPE_F32, value.rows, value.columns);
        side->moments[i] = arena_tensor(&side->arena, DTYPE_F32, value.rows, value.columns);
        device_zero(side->device, side->moments[i]);
    }
    must(transformer_open(&side->transformer, &side->model, &error), &error);
    pass_open(&side->pass, &side->arena, &side->model, T, T, PASS_RECOMPUTE_NORMS);
    make_batch(side);
    side->log_probability = arena_tensor(&side->arena, DTYPE_F32, 1, WANTED);
    side->logits = arena_tensor(&side->arena, DTYPE_F32, 1, V);
    side->chosen = arena_tensor(&side->arena, DTYPE_I32, 1, 1);
}

static void side_close(struct side *side) {
    free(side->gradients);
    free(side->moments);
    pass_close(&side->pass);
    arena_close(&side->arena);
    transformer_close(&side->transformer);
    model_close(&side->model);
    device_close(side->device);
}

/* One step of Lion; the loss before it. */
static double learn(struct side *side, int64_t step) {
    struct error error = {0};
    struct learning_weight *output = model_output(&side->model);
    const struct gradient_sink sink = {.gradients = side->gradients};
    const struct optimizer_step lion = {1e-3f, 0.9f, 0.99f, 0, 0.01f, step};
    float log_probability[WANTED];
    double loss = 0;
    for (size_t i = 0; i < side->model.weight_count; i++)
        device_zero(side->device, side->gradients[i]);
    transformer_forward(&side->transformer, &side->pass, &side->batch, NULL);
    cross_entropy(side->device, side->log_probability, tensor_rows(side->pass.doutput, 0, WANTED),
                  side->gradients[output - side->model.weights],
                  tensor_rows(side->pass.output, 0, WANTED), output->value, side->targets,
                  side->weights);
    transformer_backward(&side->transformer, &side->pass, &side->batch, &sink);
    for (size_t i = 0; i < side->model.weight_count; i++)
        lion_update(side->device, side->model.weights[i], side->gradients[i], side->moments[i],
                    (struct tensor){0}, lion);
    device_download(side->device, log_probability, side->log_probability);
    must(device_finish(side->device, &error), &error);
    for (int i = 0; i < WANTED; i++)
        loss -= (double)log_probability[i] / WANTED;
    return loss;
}

/* Greedy tokens after a prompt of PROMPT tokens: once all of the prompt, then one token at a time
 * behind what the cache holds, in pages out of order. */
static void answer(struct side *side, int32_t *tokens) {
    enum { PAGES = 8 };
    static const int32_t table[PAGES] = {3, 0, 6, 1, 7, 2, 5, 4};
    const struct model_config *config = &side->model.config;
    struct error error = {0};
    struct tensor keys[4], values[4], none = {0};
    enum dtype type = device_activations(side->device, config->type);
    int64_t width = config->kv_heads * config->head_size;
    for (int64_t l = 0; l < config->layers; l++) {
        keys[l] = arena_tensor(&side->arena, type, PAGES * PAGE, width);
        values[l] = arena_tensor(&side->arena, type, PAGES * PAGE, width);
    }
    struct cache cache = {keys, values, PAGE, none, none, none};
    cache.pages = upload_ids(side, PAGES, table);
    for (int32_t i = 0; i < PROMPT; i++)
        tokens[i] = 11 * i % V;
    for (int32_t cached = 0, known = PROMPT; known < PROMPT + ANSWER; cached = known++) {
        int32_t places[PROMPT], slots[PROMPT], count = known - cached, last = count - 1;
        for (int32_t i = 0; i < count; i++) {
            places[i] = cached + i;
            slots[i] = table[places[i] / PAGE] * PAGE + places[i] % PAGE;
        }
        cache.slots = upload_ids(side, count, slots);
        cache.lengths = upload_ids(side, 1, &known);
        struct batch batch = {
            .tokens = upload_ids(side, count, tokens + cached),
            .positions = upload_ids(side, count, places),
            .sequences = {upload_ids(side, 2, (int32_t[]){0, count}), 1, count},
            .rows = upload_ids(side, 1, &last),
        };
        transformer_forward(&side->transformer, &side->pass, &batch, &cache);
        matmul_forward(side->device, side->logits, tensor_rows(side->pass.output, 0, 1),
                       model_output(&side->model)->value, none, none);
        choose_tokens(side->device, side->chosen, tensor_columns(side->log_probability, 0, 1),
                      side->logits, none, (struct sampling){.top_p = 1});
        device_download(side->device, tokens + known, side->chosen);
        must(device_finish(side->device, &error), &error);
    }
}

static const char *other_device(void) {
    const char *only = getenv("LOCKPICK_TEST_DEVICE");
    if (only != NULL && *only != 0)
        return only;
    return shim_here() ? "cuda" : NULL;
}

static void check_learning(enum dtype type, double tolerance) {
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct side cpu, gpu;
        double first = 0, loss = 0;
        side_open(&cpu, "cpu", &kinds[k], type);
        side_open(&gpu, other_device(), &kinds[k], type);
        for (int step = 1; step <= STEPS; step++) {
            double other = learn(&gpu, step);
            loss = learn(&cpu, step);
            first = step == 1 ? loss : first;
            if (!(fabs(loss - other) <= tolerance * first))
                fail_msg("model %zu, step %d: the losses are %.7g and %.7g", k, step, loss, other);
        }
        assert_true(loss < 0.8 * first);
        side_close(&cpu);
        side_close(&gpu);
    }
}

static void a_model_learns_as_on_the_cpu(void **state) {
    (void)state;
    if (other_device() == NULL)
        skip();
    check_learning(DTYPE_F32, 1e-4);
}

static void a_bf16_model_learns_as_on_the_cpu_but_for_rounding(void **state) {
    (void)state;
    if (other_device() == NULL)
        skip();
    check_learning(DTYPE_BF16, 2e-2);
}

static void a_model_answers_what_it_answers_on_the_cpu(void **state) {
    (void)state;
    if (other_device() == NULL)
        skip();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct side cpu, gpu;
        int32_t tokens[PROMPT + ANSWER], others[PROMPT + ANSWER];
        side_open(&cpu, "cpu", &kinds[k], DTYPE_F32);
        side_open(&gpu, other_device(), &kinds[k], DTYPE_F32);
        answer(&cpu, tokens);
        answer(&gpu, others);
        assert_memory_equal(tokens, others, sizeof tokens);
        side_close(&cpu);
        side_close(&gpu);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_learns_as_on_the_cpu),
        cmocka_unit_test(a_bf16_model_learns_as_on_the_cpu_but_for_rounding),
        cmocka_unit_test(a_model_answers_what_it_answers_on_the_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
