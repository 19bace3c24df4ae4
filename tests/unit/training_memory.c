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
#include "include/shim.h"
#include "train/plan.h"

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

static struct model_config config_of(const char *path, enum dtype type) {
    struct error error = {0};
    struct model_config config;
    json_t *json = model_config_load(path, &error);
    if (json == NULL || !model_config_from_json(&config, json, &error))
        fail_msg("%s: %s", path, error.text);
    json_decref(json);
    config.type = type;
    return config;
}

/* A fresh model of that kind with more layers than the recorded one. */
static void initialize(struct learner *learner, const char *device, const char *kind,
                       enum dtype type) {
    struct error error = {0};
    char *path = format_text("tests/golden/%s/config.json", kind);
    struct model_config config = config_of(path, type);
    config.layers = LAYERS;
    learner->device = device_open(device, 1, &error);
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
    initialize(learner, "cpu", kind, type);
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
                        "the batch takes several micro-batches of 40 tokens, and there is no "
                        "memory for the whole gradient; raise --micro-batch or lower --batch");
    learner_close(&learner);
}

/* ---- the plan ---- */

enum { GB = 1000 * 1000 * 1000 };

static size_t weights_of(const struct training_plan *plan) {
    return plan->weights + plan->low;
}

/* A Llama of seven billion parameters, its weights alone measured. */
static void measure_seven_billion(struct model *model, struct device *device) {
    struct model_config config = config_of("tests/bench/models/llama-7b.json", DTYPE_BF16);
    model_measure(model, &config, device);
}

static void check_seven_billion(const char *name) {
    struct error error = {0};
    struct device *device = device_open(name, 1, &error);
    struct model model;
    measure_seven_billion(&model, device);
    struct plan_request request = {.optimizer = lion, .room = 8192, .most_rows = 8192};
    struct training_plan plan;
    assert_true(plan_training(&plan, &model, &request, SIZE_MAX, &error));
    size_t weights = weights_of(&plan), memory = (size_t)80 * GB;
    assert_true(weights > (size_t)26 * GB && weights < (size_t)28 * GB);
    if (!plan_training(&plan, &model, &request, memory - weights, &error))
        fail_msg("%s", error.text);
    assert_true(plan_needs(&plan) + weights <= memory);
    assert_true(plan.settings.optimizer.by_group);
    bool narrow = device_activations(device, DTYPE_BF16) == DTYPE_BF16;
    assert_int_equal(plan.settings.use, narrow ? PASS_TRAINING : PASS_RECOMPUTE_ATTENTION);
    model_close(&model);
    device_close(device);
}

static void seven_billion_parameters_fit_80_gb_with_8192_tokens_at_once(void **state) {
    (void)state;
    check_seven_billion("cpu");
    if (shim_here())
        check_seven_billion("cuda");
}

static void less_memory_means_more_to_compute_again_and_a_layers_gradient(void **state) {
    (void)state;
    struct error error = {0};
    struct device *device = device_open("cpu", 1, &error);
    struct model model;
    measure_seven_billion(&model, device);
    struct plan_request request = {.optimizer = lion, .room = 4096, .most_rows = 1 << 20};
    struct training_plan plan;
    int before = -1, seen = 0;
    for (size_t available = (size_t)200 * GB;
         plan_training(&plan, &model, &request, available, &error);
         available = plan_needs(&plan) - 1) {
        int cost = plan.settings.use + (plan.settings.optimizer.by_group ? 16 : 0);
        assert_true(plan_needs(&plan) <= available && cost > before);
        before = cost;
        seen++;
    }
    /* Four ways with the whole gradient; keeping all activations and a layer's needs more again. */
    assert_int_equal(seen, 7);
    model_close(&model);
    device_close(device);
}

/* The N of "…--micro-batch N would fit". */
static int64_t suggested_room(const struct error *error) {
    const char *at = strstr(error->text, "; --micro-batch ");
    if (at == NULL || strstr(at, " would fit") == NULL)
        fail_msg("%s", error->text);
    return strtoll(at + 16, NULL, 10);
}

static void a_plan_that_does_not_fit_is_refused_with_what_would(void **state) {
    (void)state;
    struct error error = {0};
    struct device *device = device_open("cpu", 1, &error);
    struct model model;
    measure_seven_billion(&model, device);
    struct plan_request request = {.optimizer = lion, .room = 65536, .most_rows = 65536};
    struct training_plan plan;
    size_t available = (size_t)32 * GB;
    assert_false(plan_training(&plan, &model, &request, available, &error));
    assert_non_null(strstr(error.text, "a micro-batch of 65536 tokens needs "));
    request.room = suggested_room(&error);
    request.gradients = GRADIENTS_LAYER;
    assert_true(plan_training(&plan, &model, &request, available, &error));
    request.room = request.room * 9 / 8; /* what is suggested is no far cry from the most */
    assert_false(plan_training(&plan, &model, &request, available, &error));

    request = (struct plan_request){.optimizer = lion, .room = 2048, .most_rows = 2048};
    request.recompute = PASS_TRAINING;
    assert_false(plan_training(&plan, &model, &request, (size_t)25 * GB, &error));
    assert_non_null(strstr(error.text, "; --recompute auto would fit"));
    request.recompute = 0;
    request.optimizer.clip = 1;
    assert_false(plan_training(&plan, &model, &request, available, &error));
    assert_non_null(strstr(error.text, "; without --clip and with --gradients layer it would fit"));
    assert_false(plan_training(&plan, &model, &request, (size_t)10 * GB, &error));
    assert_non_null(strstr(error.text, "; a smaller model, "));
    model_close(&model);
    device_close(device);
}

/* The shim counts what is allocated, scratch too. */
static void a_step_takes_the_memory_that_was_planned(void **state) {
    (void)state;
    if (!shim_here())
        skip();
    struct error error = {0};
    for (int type = DTYPE_F32; type <= DTYPE_BF16; type++) {
        struct learner learner = {0};
        initialize(&learner, "cuda", kinds[0], (enum dtype)type);
        draw_examples(&learner);
        size_t available = device_memory(learner.device);
        struct plan_request request = {.optimizer = lion, .room = 45, .most_rows = 45};
        struct training_plan plan;
        assert_true(plan_training(&plan, &learner.model, &request, available, &error));
        assert_true(trainer_open(&learner.trainer, &learner.model, &plan.settings, &error));
        take_steps(&learner);
        size_t taken = available - device_memory(learner.device);
        size_t tables = learner.trainer.transformer.arena.size;
        if (taken > plan_needs(&plan) + tables || taken < plan_needs(&plan) / 2)
            fail_msg("%zu bytes planned, %zu taken", plan_needs(&plan), taken);
        learner_close(&learner);
    }
}

int main(void) {
    setenv("LOCKPICK_POISON", "1", 1); /* a gradient neither zeroed nor written is NaN */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recomputed_activations_teach_the_same_bits_and_take_less_memory),
        cmocka_unit_test(updates_during_the_backward_pass_give_the_same_bits_as_behind_it),
        cmocka_unit_test(a_batch_of_several_micro_batches_needs_the_whole_gradient),
        cmocka_unit_test(seven_billion_parameters_fit_80_gb_with_8192_tokens_at_once),
        cmocka_unit_test(less_memory_means_more_to_compute_again_and_a_layers_gradient),
        cmocka_unit_test(a_plan_that_does_not_fit_is_refused_with_what_would),
        cmocka_unit_test(a_step_takes_the_memory_that_was_planned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
