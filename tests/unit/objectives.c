/*
 * The training objectives and Lion against what PyTorch computes in float64
 * (tests/golden/objectives.py says how), through the trainer, on every device, with the batch in
 * one piece and in several; and the arithmetic of one preference.
 */
#include "include/kernel_fixture.h"

#include <math.h>

#include "model/safetensors.h"
#include "train/trainer.h"

enum { ROOM = 128 };

static struct safetensors expected;

static const struct safetensors_entry *expect(const char *name) {
    const struct safetensors_entry *entry = safetensors_find(&expected, name);
    if (entry == NULL)
        fail_msg("expected.safetensors has no %s", name);
    return entry;
}

/* Aligned copy of a tensor, to be freed. */
static void *copy_of(const char *name) {
    const struct safetensors_entry *entry = expect(name);
    return memcpy(allocate(entry->size, 1), entry->data, entry->size);
}

static int open_expected(void **state) {
    (void)state;
    struct error error = {0};
    return safetensors_open(&expected, "tests/golden/objectives/expected.safetensors", &error) ? 0
                                                                                               : -1;
}

static int close_expected(void **state) {
    (void)state;
    safetensors_close(&expected);
    return 0;
}

/* ---- through the trainer ---- */

struct run {
    struct model model;
    struct trainer trainer;
    struct examples examples;
};

/* Examples of the recorded sequences; what belongs to the objective is added by the caller. */
static void take_sequences(struct examples *examples, const char *prefix) {
    char name[64];
    snprintf(name, sizeof name, "%s.offsets", prefix);
    int32_t *offsets = copy_of(name);
    size_t count = (size_t)expect(name)->shape[0] - 1;
    snprintf(name, sizeof name, "%s.tokens", prefix);
    int32_t *tokens = copy_of(name);
    snprintf(name, sizeof name, "%s.predicted", prefix);
    int32_t *predicted = copy_of(name);
    examples->items = allocate(count, sizeof *examples->items);
    examples->count = count;
    for (size_t i = 0; i < count; i++)
        examples->items[i] = (struct example){
            .start = (size_t)offsets[i],
            .tokens = offsets[i + 1] - offsets[i],
            .predicted = predicted[i],
        };
    for (int32_t i = 0; i < offsets[count]; i++)
        token_list_add(&examples->tokens, tokens[i]);
    free(offsets), free(tokens), free(predicted);
}

static void run_open(struct run *run, struct fixture *fixture, const char *prefix, int64_t room) {
    static const struct optimizer_settings lion = {OPTIMIZER_LION, 0.9, 0.99, 0, 0.01, 0};
    struct error error = {0};
    if (!model_open(&run->model, "tests/golden/checkpoint/tied", fixture->device,
                    (struct model_opening){.use = MODEL_LEARNING}, &error) ||
        !trainer_open(&run->trainer, &run->model,
                      &(struct trainer_settings){.optimizer = lion, .room = room}, &error))
        fail_msg("%s", error.text);
    examples_open(&run->examples, NULL, &run->model.config, 100);
    take_sequences(&run->examples, prefix);
}

static void run_close(struct run *run) {
    examples_close(&run->examples);
    trainer_close(&run->trainer);
    model_close(&run->model);
}

static void expect_gradient(const struct run *run, struct fixture *fixture, const char *prefix,
                            const struct stored_tensor *stored) {
    char name[160];
    snprintf(name, sizeof name, "%s.gradient.%s", prefix, stored->name);
    const struct tensor *gradient = &run->trainer.optimizer.gradients[stored->index];
    float *all = fetch(fixture, *gradient), *wanted = copy_of(name);
    double apart = 0, norm = 0;
    for (int64_t i = 0, run_length; i < stored->rows * stored->columns; i++) {
        double difference = (double)all[stored_place(stored, i, &run_length)] - (double)wanted[i];
        apart += difference * difference;
        norm += (double)wanted[i] * (double)wanted[i];
    }
    if (!(sqrt(apart) <= 1e-5 * sqrt(norm)))
        fail_msg("%s, %d threads: %s is %g of its norm away", fixture->isa, fixture->threads, name,
                 sqrt(apart / norm));
    free(all), free(wanted);
}

static struct step_result expect_loss_and_gradients(struct run *run, struct fixture *fixture,
                                                    const char *prefix) {
    struct error error = {0};
    struct step_result result;
    char name[64];
    if (!trainer_gradients(&run->trainer, &run->examples, NULL, run->examples.count, &result,
                           &error))
        fail_msg("%s", error.text);
    snprintf(name, sizeof name, "%s.loss", prefix);
    double *loss = copy_of(name);
    if (!(fabs(result.loss - *loss) <= 1e-6 * *loss))
        fail_msg("%s: %s is %.9g, wanted %.9g", fixture->isa, name, result.loss, *loss);
    size_t count;
    struct stored_tensor *stored = model_stored_tensors(&run->model.config, &count);
    for (size_t i = 0; i < count; i++)
        expect_gradient(run, fixture, prefix, &stored[i]);
    free(stored);
    free(loss);
    return result;
}

/* ---- DPO ---- */

static void take_pairs(struct examples *examples) {
    double *weights = copy_of("dpo.weights"), *reference = copy_of("dpo.reference");
    double *beta = copy_of("dpo.beta");
    examples->objective = (struct objective){.kind = OBJECTIVE_DPO, .beta = *beta};
    examples->count /= 2;
    examples->pairs = allocate(examples->count, sizeof *examples->pairs);
    for (size_t i = 0; i < examples->count; i++)
        examples->pairs[i] = (struct pair){weights[i], reference[2 * i], reference[2 * i + 1]};
    free(weights), free(reference), free(beta);
}

static void dpo(struct fixture *fixture) {
    double *margins = copy_of("dpo.margins"), sum = 0;
    int64_t ahead = 0;
    size_t count = (size_t)expect("dpo.margins")->shape[0];
    for (size_t i = 0; i < count; i++) {
        sum += margins[i];
        ahead += margins[i] > 0;
    }
    /* The longest pair takes 17 rows. */
    for (int64_t room = ROOM; room > 0; room = room == ROOM ? 20 : 0) {
        struct run run;
        run_open(&run, fixture, "dpo", room);
        take_pairs(&run.examples);
        struct step_result result = expect_loss_and_gradients(&run, fixture, "dpo");
        assert_int_equal(result.terms, count);
        assert_int_equal(result.ahead, ahead);
        assert_true(fabs(result.margin - sum / (double)count) < 1e-6);
        run_close(&run);
    }
    free(margins);
}

static void dpo_and_its_gradients_equal_those_of_pytorch(void **state) {
    (void)state;
    on_every_device(dpo);
}

/* With the model itself as reference, no pair is ahead of another and the loss is the mean weight
 * times log 2. */
static void a_model_is_its_own_reference(void **state) {
    (void)state;
    struct fixture fixture;
    struct error error = {0};
    struct run run;
    struct step_result result;
    fixture_open(&fixture, NULL, 1);
    run_open(&run, &fixture, "dpo", 20);
    take_pairs(&run.examples);
    double weight = 0;
    for (size_t next = 0, before = 0; next < run.examples.count; before = next) {
        if (!trainer_score_pairs(&run.trainer, &run.examples, &next, &error))
            fail_msg("%s", error.text);
        assert_true(next > before && next - before < run.examples.count);
    }
    for (size_t i = 0; i < run.examples.count; i++)
        weight += run.examples.pairs[i].weight / (double)run.examples.count;
    assert_true(
        trainer_gradients(&run.trainer, &run.examples, NULL, run.examples.count, &result, &error));
    assert_true(fabs(result.margin) < 1e-5);
    assert_true(fabs(result.loss - weight * log(2)) < 1e-5);
    run_close(&run);
    fixture_close(&fixture);
}

static void a_preference_has_its_slope_and_never_overflows(void **state) {
    (void)state;
    const struct pair pair = {1.5, -3, -4};
    for (double chosen = -40; chosen < 40; chosen += 0.37) {
        struct preference at = preference_of(&pair, 0.2, chosen, 1);
        double step = 1e-5;
        double above = preference_of(&pair, 0.2, chosen + step, 1).loss;
        double below = preference_of(&pair, 0.2, chosen - step, 1).loss;
        assert_true(fabs((above - below) / (2 * step) - at.slope) < 1e-8);
        above = preference_of(&pair, 0.2, chosen, 1 + step).loss;
        below = preference_of(&pair, 0.2, chosen, 1 - step).loss;
        assert_true(fabs((above - below) / (2 * step) + at.slope) < 1e-8);
        assert_true(fabs(at.margin - 0.2 * (chosen - 1 - 1)) < 1e-12);
        assert_true(fabs(at.loss - 1.5 * log(1 + exp(-at.margin))) < 1e-12);
    }
    struct preference won = preference_of(&pair, 1, 1e5, 0),
                      lost = preference_of(&pair, 1, -1e5, 0);
    assert_true(won.loss == 0 && won.slope == 0);
    assert_true(lost.loss == 1.5 * (1e5 + 1) && lost.slope == -1.5);
}

/* ---- soft targets ---- */

static void take_targets(struct examples *examples) {
    const struct safetensors_entry *entry = expect("soft.distributions");
    int64_t V = entry->shape[1];
    float *q = copy_of("soft.distributions");
    int32_t *which = copy_of("soft.which");
    struct targets *targets = &examples->targets;
    targets->told_count = targets->told_capacity = (size_t)(entry->shape[0] * V);
    targets->told = allocate(targets->told_count, sizeof *targets->told);
    for (size_t i = 0; i < targets->told_count; i++)
        targets->told[i] = (struct told_probability){(int32_t)((int64_t)i % V), q[i]};
    for (size_t i = 0; i < examples->count; i++)
        if (which[i] >= 0)
            examples->items[i].wanted =
                (struct wanted){TARGETS_TOLD, (int32_t)V, (size_t)(which[i] * V)};
    free(q), free(which);
}

static void soft(struct fixture *fixture) {
    /* The longest sequence takes 10 rows. */
    for (int64_t room = ROOM; room > 0; room = room == ROOM ? 14 : 0) {
        struct run run;
        run_open(&run, fixture, "soft", room);
        take_targets(&run.examples);
        struct step_result result = expect_loss_and_gradients(&run, fixture, "soft");
        assert_int_equal(result.terms, 22);
        run_close(&run);
    }
}

static void hard_and_soft_targets_in_one_batch_equal_those_of_pytorch(void **state) {
    (void)state;
    on_every_device(soft);
}

static void uniform(struct fixture *fixture) {
    /* The longest sequence takes 8 rows. */
    for (int64_t room = ROOM; room > 0; room = room == ROOM ? 9 : 0) {
        struct run run;
        run_open(&run, fixture, "uniform", room);
        for (size_t i = 0; i < run.examples.count; i++)
            run.examples.items[i].wanted = (struct wanted){.kind = TARGETS_UNIFORM};
        struct step_result result = expect_loss_and_gradients(&run, fixture, "uniform");
        assert_int_equal(result.terms, 11);
        run_close(&run);
    }
}

static void uniform_targets_equal_those_of_pytorch(void **state) {
    (void)state;
    on_every_device(uniform);
}

/* ---- Lion ---- */

static void lion(struct fixture *fixture) {
    clear(fixture);
    const struct safetensors_entry *entry = expect("lion.weight");
    int64_t rows = entry->shape[0], columns = entry->shape[1];
    float *weight = copy_of("lion.weight"), *gradients = copy_of("lion.gradients");
    double *after = copy_of("lion.after"), *momentum = copy_of("lion.momentum");
    struct tensor w = room(fixture, rows, columns), m = room(fixture, rows, columns);
    struct tensor g = room(fixture, rows, columns);
    struct optimizer_step step = {1e-3f, 0.9f, 0.99f, 0, 0.01f, 0};
    device_upload(fixture->device, w, weight);
    device_zero(fixture->device, m);
    for (step.step = 1; step.step <= 5; step.step++) {
        device_upload(fixture->device, g, gradients + (step.step - 1) * rows * columns);
        lion_update(fixture->device, (struct learning_weight){w, none}, g, m, none, step);
    }
    expect_success(fixture);
    expect_near(fixture, "the weight", w, after, 1e-7);
    expect_near(fixture, "the momentum", m, momentum, 1e-6);
    free(weight), free(gradients), free(after), free(momentum);
}

static void lion_makes_the_steps_of_the_published_pseudo_code(void **state) {
    (void)state;
    on_every_device(lion);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dpo_and_its_gradients_equal_those_of_pytorch),
        cmocka_unit_test(a_model_is_its_own_reference),
        cmocka_unit_test(a_preference_has_its_slope_and_never_overflows),
        cmocka_unit_test(hard_and_soft_targets_in_one_batch_equal_those_of_pytorch),
        cmocka_unit_test(uniform_targets_equal_those_of_pytorch),
        cmocka_unit_test(lion_makes_the_steps_of_the_published_pseudo_code),
    };
    return cmocka_run_group_tests_name("objectives", tests, open_expected, close_expected);
}
