/* The training step. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

static void lay_out(struct trainer *trainer, struct arena *arena,
                    const struct optimizer_settings *settings, int64_t room) {
    struct model *model = trainer->model;
    pass_open(&trainer->pass, arena, &model->config, room, room, true);
    packing_open(&trainer->packing, model->device, arena, room);
    optimizer_open(&trainer->optimizer, settings, model, arena);
    trainer->log_probability = arena_tensor(arena, DTYPE_F32, 1, room);
}

static void take_down(struct trainer *trainer) {
    pass_close(&trainer->pass);
    packing_close(&trainer->packing);
    optimizer_close(&trainer->optimizer);
}

bool trainer_open(struct trainer *trainer, struct model *model,
                  const struct optimizer_settings *settings, int64_t room, struct error *error) {
    *trainer = (struct trainer){.model = model};
    struct arena measure = arena_measure();
    lay_out(trainer, &measure, settings, room);
    take_down(trainer);
    if (!transformer_open(&trainer->transformer, model, error))
        return false;
    if (!arena_open(&trainer->arena, model->device, measure.used, error)) {
        transformer_close(&trainer->transformer);
        return error_place(error, "training with %lld tokens a micro-batch", (long long)room);
    }
    lay_out(trainer, &trainer->arena, settings, room);
    trainer->host_log_probability = allocate((size_t)room, sizeof(float));
    optimizer_reset(&trainer->optimizer);
    return true;
}

void trainer_close(struct trainer *trainer) {
    if (trainer->host_log_probability == NULL)
        return;
    take_down(trainer);
    transformer_close(&trainer->transformer);
    arena_close(&trainer->arena);
    free(trainer->host_log_probability);
    *trainer = (struct trainer){0};
}

/* Forward, loss and backward of what is packed; adds the log-probabilities to *sum. */
static bool micro_batch(struct trainer *trainer, float weight, double *sum, struct error *error) {
    struct model *model = trainer->model;
    struct device *device = model->device;
    struct packed packed = packing_upload(&trainer->packing, weight);
    struct tensor *gradients = trainer->optimizer.gradients;
    int64_t n = trainer->packing.predicted;
    struct learning_weight *output = model_output(model);
    struct tensor log_probability = tensor_columns(trainer->log_probability, 0, n);
    transformer_forward(&trainer->transformer, &trainer->pass, &packed.batch, NULL);
    cross_entropy(device, log_probability, tensor_rows(trainer->pass.doutput, 0, n),
                  gradients[output - model->weights], tensor_rows(trainer->pass.output, 0, n),
                  output->value, packed.targets, packed.weights);
    transformer_backward(&trainer->transformer, &trainer->pass, &packed.batch, gradients);
    device_download(device, trainer->host_log_probability, log_probability);
    if (!device_finish(device, error))
        return false;
    for (int64_t i = 0; i < n; i++)
        *sum += (double)trainer->host_log_probability[i];
    return true;
}

static int64_t count_predicted(const struct examples *examples, const size_t *order, size_t count) {
    int64_t predicted = 0;
    for (size_t i = 0; i < count; i++)
        predicted += examples->items[order ? order[i] : i].predicted;
    return predicted;
}

bool trainer_gradients(struct trainer *trainer, const struct examples *examples,
                       const size_t *order, size_t count, struct step_result *result,
                       struct error *error) {
    *result = (struct step_result){.predicted = count_predicted(examples, order, count)};
    float weight = 1.0f / (float)result->predicted;
    double sum = 0;
    optimizer_zero_gradients(&trainer->optimizer);
    for (size_t i = 0; i < count;) {
        packing_reset(&trainer->packing);
        size_t first = i;
        while (i < count &&
               packing_add(&trainer->packing, examples, &examples->items[order ? order[i] : i]))
            i++;
        if (i == first)
            return error_set(error,
                             "an example of %d tokens does not fit a micro-batch of %lld; "
                             "raise --micro-batch",
                             examples->items[order ? order[i] : i].tokens,
                             (long long)trainer->packing.capacity);
        result->tokens += trainer->packing.rows;
        if (!micro_batch(trainer, weight, &sum, error))
            return false;
    }
    result->loss = -sum / (double)result->predicted;
    if (!isfinite(result->loss))
        return error_set(error, "the loss is no finite number any more; a smaller learning rate or "
                                "--clip would help");
    return true;
}

bool trainer_step(struct trainer *trainer, const struct examples *examples, const size_t *order,
                  size_t count, double rate, struct step_result *result, struct error *error) {
    if (!trainer_gradients(trainer, examples, order, count, result, error))
        return false;
    optimizer_update(&trainer->optimizer, rate);
    return device_finish(trainer->model->device, error);
}
