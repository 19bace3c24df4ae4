/*
 * What training may leave out of memory: activations that are computed again, and gradients that
 * are there for one group of weights at a time. Neither changes a bit of what is learned.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "train/trainer.h"

/* One of each: grouped heads, biases, head norms, layer norms, side by side, tied. */
static const char *const kinds[] = {"checkpoint/grouped", "families/mistral",
                                    "families/qwen2",     "families/qwen3",
                                    "families/neox",      "families/neox-sequential"};
enum { KINDS = sizeof kinds / sizeof *kinds, LAYERS = 4, EXAMPLES = 5, STEPS = 3 };

struct learner {
    struct device *device;
    struct model model;
    struct examples examples;
    struct trainer trainer;
};

static const struct optimizer_settings adamw = {OPTIMIZER_ADAMW, 0.9, 0.999, 1e-8, 0.01, 0, false};
static const struct optimizer_settings lion = {OPTIMIZER_LION, 0.9, 0.99, 1e-8, 0.01, 0, false};

/* A fresh model of that kind with more layers than the recorded one. */
static void initialize(struct learner *learner, const char *kind, enum dtype type) {
    struct error error = {0};
    char *path = format_text("tests/golden/%s/config.json", kind);
    struct model_config config;
    json_t *json = model_config_load(path, &error);
    if (json == NULL || !model_config_from_json(&config, json, &error))
        fail_msg("%s: %s", kind, error.text);
    json_decref(json);
    config.type = type;
    config.layers = LAYERS;
    learner->device = device_open("cpu", 1, &error);
    if (!learner->device || !model_initialize(&learner->model, &config, learner->device, 7, &error))
        fail_msg("%s: %s", kind, error.text);
    free(path);
}

static void draw_examples(struct learner *learner) {
    struct random random;
    random_start(&random, &(struct random_name){.purpose = "test"});
    struct examples *examples = &learner->examples;
    examples_open(examples, NULL, &learner->model.config, 100);
    examples->items = allocate(EXAMPLES, sizeof *examples->items);
    for (int i = 0; i < EXAMPLES; i++) {
        int32_t tokens = 4 + 3 * i;
        examples->items[i] = (struct example){examples->tokens.count, tokens, 1 + i};
        for (int32_t t = 0; t < tokens; t++)
            token_list_add(
                &examples->tokens,
                (int32_t)random_below(&random, (uint64_t)learner->model.config.vocabulary));
    }
    examples->count = EXAMPLES;
}

static void learner_open(struct learner *learner, const char *kind, enum dtype type,
                         const struct trainer_settings *settings) {
    struct error error = {0};
    *learner = (struct learner){0};
    initialize(learner, kind, type);
    draw_examples(learner);
    if (!trainer_open(&learner->trainer, &learner->model, settings, &error))
        fail_msg("%s: %s", kind, error.text);
}

static void learner_close(struct learner *learner) {
    trainer_close(&learner->trainer);
    examples_close(&learner->examples);
    model_close(&learner->model);
    device_close(learner->device);
}

static void take_steps(struct learner *learner) {
    struct error error = {0};
    struct step_result result;
    for (int step = 0; step < STEPS; step++)
        if (!trainer_step(&learner->trainer, &learner->examples, NULL, EXAMPLES, 1e-3, &result,
                          &error))
            fail_msg("%s", error.text);
}

/* The same, with all gradients made before the first update. */
static void take_steps_in_two(struct learner *learner) {
    struct error error = {0};
    struct step_result result;
    for (int step = 0; step < STEPS; step++) {
        if (!trainer_gradients(&learner->trainer, &learner->examples, NULL, EXAMPLES, &result,
                               &error))
            fail_msg("%s", error.text);
        optimizer_update(&learner->trainer.optimizer, 1e-3);
    }
    assert_true(device_finish(learner->device, &error));
}

static void assert_same_bytes(const struct tensor *a, const struct tensor *b, const char *what) {
    size_t size = (size_t)(a->rows * a->columns) * dtype_size(a->type);
    if (size > 0 && a->data != NULL && memcmp(a->data, b->data, size) != 0)
        fail_msg("%s differs", what);
}

/* Weights with their low halves, and moments. */
static void assert_same_state(const struct learner *a, const struct learner *b, const char *kind) {
    char name[64], what[160];
    assert_int_equal(a->trainer.optimizer.step, STEPS);
    assert_int_equal(b->trainer.optimizer.step, STEPS);
    for (size_t i = 0; i < a->model.weight_count; i++) {
        model_weight_name(&a->model, i, name);
        snprintf(what, sizeof what, "%s: %s", kind, name);
        assert_same_bytes(&a->model.weights[i].value, &b->model.weights[i].value, what);
        assert_same_bytes(&a->model.weights[i].low, &b->model.weights[i].low, what);
        assert_same_bytes(&a->trainer.optimizer.first[i], &b->trainer.optimizer.first[i], what);
        if (a->trainer.optimizer.second != NULL)
            assert_same_bytes(&a->trainer.optimizer.second[i], &b->trainer.optimizer.second[i],
                              what);
    }
}

static void recomputed_activations_teach_the_same_bits_and_take_less_memory(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        struct trainer_settings settings = {.optimizer = adamw, .room = 64, .use = PASS_TRAINING};
        struct learner whole;
        learner_open(&whole, kinds[k], DTYPE_F32, &settings);
        take_steps(&whole);
        size_t before = whole.trainer.arena.size;
        for (int use = PASS_RECOMPUTE_NORMS; use <= PASS_RECOMPUTE_LAYER; use++) {
            struct learner again;
            settings.use = (enum pass_use)use;
            learner_open(&again, kinds[k], DTYPE_F32, &settings);
            take_steps(&again);
            assert_same_state(&whole, &again, kinds[k]);
            assert_true(again.trainer.arena.size < before);
            before = again.trainer.arena.size;
            learner_close(&again);
        }
        learner_close(&whole);
    }
}

static void check_updates_during_the_backward_pass(const char *kind, enum dtype type,
                                                   const struct optimizer_settings *optimizer,
                                                   bool by_group) {
    struct trainer_settings settings = {.optimizer = *optimizer, .room = 64};
    struct learner two, one;
    learner_open(&two, kind, type, &settings);
    take_steps_in_two(&two);
    settings.optimizer.by_group = by_group;
    learner_open(&one, kind, type, &settings);
    take_steps(&one);
    assert_same_state(&two, &one, kind);
    if (by_group)
        assert_true(one.trainer.arena.size < two.trainer.arena.size);
    learner_close(&one);
    learner_close(&two);
}

static void updates_during_the_backward_pass_give_the_same_bits_as_behind_it(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        for (int by_group = 0; by_group <= 1; by_group++) {
            check_updates_during_the_backward_pass(kinds[k], DTYPE_F32, &adamw, by_group);
            check_updates_during_the_backward_pass(kinds[k], DTYPE_BF16, &lion, by_group);
        }
}

static void a_batch_of_several_micro_batches_needs_the_whole_gradient(void **state) {
    (void)state;
    struct error error = {0};
    struct step_result result;
    struct trainer_settings settings = {.optimizer = lion, .room = 40};
    settings.optimizer.by_group = true;
    struct learner learner;
    learner_open(&learner, kinds[0], DTYPE_BF16, &settings);
    assert_true(trainer_step(&learner.trainer, &learner.examples, NULL, 4, 1e-3, &result, &error));
    assert_false(trainer_step(&learner.trainer, &learner.examples, NULL, 5, 1e-3, &result, &error));
    assert_string_equal(error.text,
                        "45 tokens are more than a micro-batch of 40, and there is no memory for "
                        "the whole gradient; raise --micro-batch or lower --batch");
    learner_close(&learner);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recomputed_activations_teach_the_same_bits_and_take_less_memory),
        cmocka_unit_test(updates_during_the_backward_pass_give_the_same_bits_as_behind_it),
        cmocka_unit_test(a_batch_of_several_micro_batches_needs_the_whole_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
