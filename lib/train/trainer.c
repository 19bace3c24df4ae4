/* The training step. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

static void lay_out(struct trainer *trainer, struct arena *arena,
                    const struct optimizer_settings *settings, int64_t room) {
    struct model *model = trainer->model;
    pass_open(&trainer->pass, arena, &model->config, room, room, true);
    packing_open(&trainer->packing, model->device, arena, room, model->config.vocabulary);
    optimizer_open(&trainer->optimizer, settings, model, arena);
    trainer->values = arena_tensor(arena, DTYPE_F32, 1, room);
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
    trainer->host_values = allocate((size_t)room, sizeof(float));
    optimizer_reset(&trainer->optimizer);
    return true;
}

void trainer_close(struct trainer *trainer) {
    if (trainer->host_values == NULL)
        return;
    take_down(trainer);
    transformer_close(&trainer->transformer);
    arena_close(&trainer->arena);
    free(trainer->host_values);
    free(trainer->order);
    *trainer = (struct trainer){0};
}

/* The values of the rows and their gradients: tokens first, distributions behind them. */
static void losses(struct trainer *trainer, const struct packed *packed) {
    struct device *device = trainer->model->device;
    struct learning_weight *output = model_output(trainer->model);
    struct tensor dw = trainer->optimizer.gradients[output - trainer->model->weights];
    struct pass *pass = &trainer->pass;
    int64_t hard = trainer->packing.hard, soft = trainer->packing.predicted - hard;
    if (hard > 0)
        cross_entropy(device, tensor_columns(trainer->values, 0, hard),
                      tensor_rows(pass->doutput, 0, hard), dw, tensor_rows(pass->output, 0, hard),
                      output->value, packed->targets, tensor_columns(packed->weights, 0, hard));
    if (soft > 0)
        kl_divergence(device, tensor_columns(trainer->values, hard, soft),
                      tensor_rows(pass->doutput, hard, soft), dw,
                      tensor_rows(pass->output, hard, soft), output->value, packed->distributions,
                      packed->which, tensor_columns(packed->weights, hard, soft));
}

/* Forward, loss and backward of what is packed; adds the losses of its rows to *sum. */
static bool micro_batch(struct trainer *trainer, float weight, double *sum, struct error *error) {
    struct device *device = trainer->model->device;
    struct packed packed = packing_upload(&trainer->packing, weight);
    int64_t n = trainer->packing.predicted;
    transformer_forward(&trainer->transformer, &trainer->pass, &packed.batch, NULL);
    losses(trainer, &packed);
    transformer_backward(&trainer->transformer, &trainer->pass, &packed.batch,
                         trainer->optimizer.gradients);
    device_download(device, trainer->host_values, tensor_columns(trainer->values, 0, n));
    if (!device_finish(device, error))
        return false;
    for (int64_t i = 0; i < n; i++)
        *sum += (double)(i < trainer->packing.hard ? -trainer->host_values[i]
                                                   : trainer->host_values[i]);
    return true;
}

static int64_t count_predicted(const struct examples *examples, const size_t *order, size_t count) {
    int64_t predicted = 0;
    for (size_t i = 0; i < count; i++)
        predicted += examples->items[order ? order[i] : i].predicted;
    return predicted;
}

/* The batch with the examples that want distributions behind the others; `order` where it has
 * none. */
static const size_t *hard_first(struct trainer *trainer, const struct examples *examples,
                                const size_t *order, size_t count) {
    size_t hard = 0;
    for (size_t i = 0; i < count; i++)
        hard += examples->items[order ? order[i] : i].wanted.kind == TARGETS_OWN;
    if (hard == count)
        return order;
    trainer->order = reallocate(trainer->order, count, sizeof *trainer->order);
    for (size_t i = 0, soft = hard, next = 0; i < count; i++) {
        size_t index = order ? order[i] : i;
        bool own = examples->items[index].wanted.kind == TARGETS_OWN;
        trainer->order[own ? next++ : soft++] = index;
    }
    return trainer->order;
}

bool trainer_gradients(struct trainer *trainer, const struct examples *examples,
                       const size_t *order, size_t count, struct step_result *result,
                       struct error *error) {
    *result = (struct step_result){.predicted = count_predicted(examples, order, count)};
    float weight = 1.0f / (float)result->predicted;
    double sum = 0;
    order = hard_first(trainer, examples, order, count);
    optimizer_zero_gradients(&trainer->optimizer);
    for (size_t i = 0; i < count;) {
        packing_reset(&trainer->packing);
        size_t first = i;
        while (i < count && packing_add(&trainer->packing, examples, order ? order[i] : i))
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
    result->loss = sum / (double)result->predicted;
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
