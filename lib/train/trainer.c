/* The training step. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

static void lay_out(struct trainer *trainer, struct arena *arena,
                    const struct trainer_settings *settings) {
    struct model *model = trainer->model;
    int64_t room = settings->room;
    enum pass_use use = settings->use == PASS_FORWARD ? PASS_TRAINING : settings->use;
    pass_open(&trainer->pass, arena, &model->config, room, room, use);
    packing_open(&trainer->packing, model->device, arena, room);
    optimizer_open(&trainer->optimizer, &settings->optimizer, model, arena);
    trainer->log_probability = arena_tensor(arena, DTYPE_F32, 1, room);
}

static void take_down(struct trainer *trainer) {
    pass_close(&trainer->pass);
    packing_close(&trainer->packing);
    optimizer_close(&trainer->optimizer);
}

size_t trainer_measure(struct model *model, const struct trainer_settings *settings) {
    struct trainer trainer = {.model = model};
    struct arena measure = arena_measure();
    lay_out(&trainer, &measure, settings);
    take_down(&trainer);
    return measure.used;
}

bool trainer_open(struct trainer *trainer, struct model *model,
                  const struct trainer_settings *settings, struct error *error) {
    *trainer = (struct trainer){.model = model};
    if (!transformer_open(&trainer->transformer, model, error))
        return false;
    if (!arena_open(&trainer->arena, model->device, trainer_measure(model, settings), error)) {
        transformer_close(&trainer->transformer);
        return error_place(error, "training with %lld tokens a micro-batch",
                           (long long)settings->room);
    }
    lay_out(trainer, &trainer->arena, settings);
    trainer->host_log_probability = allocate((size_t)settings->room, sizeof(float));
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
    const struct gradient_sink *sink = &trainer->optimizer.sink;
    int64_t n = trainer->packing.predicted;
    struct learning_weight *output = model_output(model);
    size_t index = (size_t)(output - model->weights);
    struct tensor log_probability = tensor_columns(trainer->log_probability, 0, n);
    transformer_forward(&trainer->transformer, &trainer->pass, &packed.batch, NULL);
    gradient_begin(sink, index, 1);
    cross_entropy(device, log_probability, tensor_rows(trainer->pass.doutput, 0, n),
                  sink->gradients[index], tensor_rows(trainer->pass.output, 0, n), output->value,
                  packed.targets, packed.weights);
    if (output != model_embedding(model))
        gradient_end(sink, index, 1);
    transformer_backward(&trainer->transformer, &trainer->pass, &packed.batch, sink);
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

/* Goes through the batch in as many micro-batches as it needs. */
static bool go_through(struct trainer *trainer, const struct examples *examples,
                       const size_t *order, size_t count, struct step_result *result,
                       struct error *error) {
    *result = (struct step_result){.predicted = count_predicted(examples, order, count)};
    float weight = 1.0f / (float)result->predicted;
    double sum = 0;
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

bool trainer_gradients(struct trainer *trainer, const struct examples *examples,
                       const size_t *order, size_t count, struct step_result *result,
                       struct error *error) {
    optimizer_zero_gradients(&trainer->optimizer);
    return go_through(trainer, examples, order, count, result, error);
}

/* Rows that the batch takes in the model. */
static int64_t count_rows(const struct examples *examples, const size_t *order, size_t count) {
    int64_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += examples->items[order ? order[i] : i].tokens - 1;
    return rows;
}

bool trainer_step(struct trainer *trainer, const struct examples *examples, const size_t *order,
                  size_t count, double rate, struct step_result *result, struct error *error) {
    const struct optimizer_settings *settings = &trainer->optimizer.settings;
    int64_t rows = count_rows(examples, order, count), room = trainer->packing.capacity;
    bool at_once = rows <= room && settings->clip <= 0;
    if (!at_once && settings->by_group)
        return error_set(error,
                         "%lld tokens are more than a micro-batch of %lld, and there is no memory "
                         "for the whole gradient; raise --micro-batch or lower --batch",
                         (long long)rows, (long long)room);
    if (at_once) {
        optimizer_at_once(&trainer->optimizer, rate);
        return go_through(trainer, examples, order, count, result, error) &&
               device_finish(trainer->model->device, error);
    }
    if (!trainer_gradients(trainer, examples, order, count, result, error))
        return false;
    optimizer_update(&trainer->optimizer, rate);
    return device_finish(trainer->model->device, error);
}
