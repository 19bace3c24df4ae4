/* The training step. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

static void lay_out(struct trainer *trainer, struct arena *arena,
                    const struct trainer_settings *settings) {
    struct model *model = trainer->model;
    int64_t room = settings->room;
    enum pass_use use = settings->use == PASS_FORWARD ? PASS_TRAINING : settings->use;
    pass_open(&trainer->pass, arena, model, room, room, use);
    packing_open(&trainer->packing, model->device, arena, room, model->config.vocabulary);
    optimizer_open(&trainer->optimizer, &settings->optimizer, model, arena);
    trainer->values = arena_tensor(arena, DTYPE_F32, 1, room);
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
    trainer->host_values = allocate((size_t)settings->room, sizeof(float));
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

/* ---- one micro-batch ---- */

/* The records of a batch: order[i], or i where there is no order. */
struct records {
    const struct examples *examples;
    const size_t *order;
    size_t count;
};

static size_t record_at(const struct records *records, size_t i) {
    return records->order ? records->order[i] : i;
}

static bool in_pairs(const struct examples *examples) {
    return examples->objective.kind == OBJECTIVE_DPO;
}

/* Fills the packing from record *next on, which is moved behind what fits: at least one. */
static bool pack(struct trainer *trainer, const struct records *records, size_t *next,
                 struct error *error) {
    struct packing *packing = &trainer->packing;
    size_t first = *next;
    packing_reset(packing);
    for (; *next < records->count; ++*next) {
        size_t record = record_at(records, *next);
        if (in_pairs(records->examples) ? !packing_add_pair(packing, records->examples, record)
                                        : !packing_add(packing, records->examples, record))
            break;
    }
    return *next > first ||
           error_set(error,
                     "an example does not fit a micro-batch of %lld tokens; a larger --micro-batch "
                     "would be right",
                     (long long)packing->capacity);
}

/* The values of the rows and, unless they are not wanted, their gradients: tokens first,
 * distributions behind them. */
static void losses(struct trainer *trainer, const struct packed *packed, bool gradients) {
    struct device *device = trainer->model->device;
    struct learning_weight *output = model_output(trainer->model);
    struct pass *pass = &trainer->pass;
    int64_t hard = trainer->packing.hard, soft = trainer->packing.predicted - hard;
    struct tensor dx = {0}, dw = {0};
    if (gradients) {
        dx = tensor_rows(pass->doutput, 0, hard + soft);
        dw = trainer->optimizer.sink.gradients[output - trainer->model->weights];
    }
    if (hard > 0)
        cross_entropy(device, tensor_columns(trainer->values, 0, hard),
                      gradients ? tensor_rows(dx, 0, hard) : dx, dw,
                      tensor_rows(pass->output, 0, hard), output->value, packed->targets,
                      tensor_columns(packed->weights, 0, hard));
    if (soft > 0)
        kl_divergence(device, tensor_columns(trainer->values, hard, soft),
                      gradients ? tensor_rows(dx, hard, soft) : dx, dw,
                      tensor_rows(pass->output, hard, soft), output->value, packed->distributions,
                      packed->which, tensor_columns(packed->weights, hard, soft));
}

static bool fetch_values(struct trainer *trainer, struct error *error) {
    struct device *device = trainer->model->device;
    device_download(device, trainer->host_values,
                    tensor_columns(trainer->values, 0, trainer->packing.predicted));
    return device_finish(device, error);
}

/* What the model gives the completion of a packed sequence. */
static double log_probability(const struct trainer *trainer, int64_t sequence) {
    const int32_t *first = trainer->packing.first_predicted + sequence;
    double sum = 0;
    for (int32_t i = first[0]; i < first[1]; i++)
        sum += (double)trainer->host_values[i];
    return sum;
}

static void set_weights(struct packing *packing, int64_t sequence, double weight) {
    const int32_t *first = packing->first_predicted + sequence;
    for (int32_t i = first[0]; i < first[1]; i++)
        packing->weights[i] = (float)weight;
}

/* The losses of the packed pairs, which begin at record `first`, and the weights that make their
 * gradient of cross-entropy's. */
static bool weigh_pairs(struct trainer *trainer, const struct records *records, size_t first,
                        const struct packed *packed, struct step_result *result,
                        struct error *error) {
    struct packing *packing = &trainer->packing;
    losses(trainer, packed, false);
    if (!fetch_values(trainer, error))
        return false;
    for (int64_t s = 0; s < packing->sequences; s += 2) {
        const struct pair *pair =
            &records->examples->pairs[record_at(records, first + (size_t)s / 2)];
        struct preference preference =
            preference_of(pair, records->examples->objective.beta, log_probability(trainer, s),
                          log_probability(trainer, s + 1));
        double weight = -preference.slope / (double)result->terms;
        set_weights(packing, s, weight);
        set_weights(packing, s + 1, -weight);
        result->loss += preference.loss;
        result->margin += preference.margin;
        result->ahead += preference.margin > 0;
    }
    packing_upload_weights(packing, packed);
    return true;
}

static void backward(struct trainer *trainer, const struct packed *packed) {
    const struct model *model = trainer->model;
    const struct gradient_sink *sink = &trainer->optimizer.sink;
    const struct learning_weight *output = model_output(model);
    size_t index = (size_t)(output - model->weights);
    gradient_begin(sink, index, 1);
    losses(trainer, packed, true);
    if (output != model_embedding(model))
        gradient_end(sink, index, 1);
    transformer_backward(&trainer->transformer, &trainer->pass, &packed->batch, sink);
}

/* Forward, loss and backward of what is packed from record `first` on; adds its losses to
 * result->loss. */
static bool micro_batch(struct trainer *trainer, const struct records *records, size_t first,
                        struct step_result *result, struct error *error) {
    struct packed packed = packing_upload(&trainer->packing, 1.0f / (float)result->terms);
    bool pairs = in_pairs(records->examples);
    transformer_forward(&trainer->transformer, &trainer->pass, &packed.batch, NULL);
    if (pairs && !weigh_pairs(trainer, records, first, &packed, result, error))
        return false;
    backward(trainer, &packed);
    if (!fetch_values(trainer, error))
        return false;
    for (int64_t i = 0; !pairs && i < trainer->packing.predicted; i++)
        result->loss += (double)(i < trainer->packing.hard ? -trainer->host_values[i]
                                                           : trainer->host_values[i]);
    result->tokens += trainer->packing.rows;
    return true;
}

/* ---- one batch ---- */

static int64_t count_terms(const struct records *records) {
    int64_t terms = 0;
    if (in_pairs(records->examples))
        return (int64_t)records->count;
    for (size_t i = 0; i < records->count; i++)
        terms += records->examples->items[record_at(records, i)].predicted;
    return terms;
}

/* Puts the examples that want distributions behind the others, where there are any. */
static void hard_first(struct trainer *trainer, struct records *records) {
    const struct example *items = records->examples->items;
    size_t hard = 0;
    for (size_t i = 0; i < records->count; i++)
        hard += items[record_at(records, i)].wanted.kind == TARGETS_OWN;
    if (hard == records->count)
        return;
    trainer->order = reallocate(trainer->order, records->count, sizeof *trainer->order);
    for (size_t i = 0, soft = hard, next = 0; i < records->count; i++) {
        size_t record = record_at(records, i);
        trainer->order[items[record].wanted.kind == TARGETS_OWN ? next++ : soft++] = record;
    }
    records->order = trainer->order;
}

static struct records records_of(struct trainer *trainer, const struct examples *examples,
                                 const size_t *order, size_t count, struct step_result *result) {
    struct records records = {examples, order, count};
    *result = (struct step_result){.terms = count_terms(&records)};
    if (!in_pairs(examples))
        hard_first(trainer, &records);
    return records;
}

/* Goes through what is packed already, the first `next` records, and through the others in as many
 * micro-batches as they need. */
static bool go_through(struct trainer *trainer, const struct records *records, size_t next,
                       struct step_result *result, struct error *error) {
    if (!micro_batch(trainer, records, 0, result, error))
        return false;
    while (next < records->count) {
        size_t first = next;
        optimizer_more_gradients(&trainer->optimizer);
        if (!pack(trainer, records, &next, error) ||
            !micro_batch(trainer, records, first, result, error))
            return false;
    }
    result->loss /= (double)result->terms;
    result->margin /= (double)result->terms;
    if (!isfinite(result->loss))
        return error_set(error, "the loss is no finite number any more; a smaller learning rate or "
                                "--clip would help");
    return true;
}

bool trainer_gradients(struct trainer *trainer, const struct examples *examples,
                       const size_t *order, size_t count, struct step_result *result,
                       struct error *error) {
    struct records records = records_of(trainer, examples, order, count, result);
    size_t next = 0;
    optimizer_start_gradients(&trainer->optimizer);
    return pack(trainer, &records, &next, error) &&
           go_through(trainer, &records, next, result, error);
}

bool trainer_step(struct trainer *trainer, const struct examples *examples, const size_t *order,
                  size_t count, double rate, struct step_result *result, struct error *error) {
    struct optimizer *optimizer = &trainer->optimizer;
    struct records records = records_of(trainer, examples, order, count, result);
    size_t next = 0;
    if (!pack(trainer, &records, &next, error))
        return false;
    bool at_once = next == count && optimizer->settings.clip <= 0;
    if (!at_once && optimizer->settings.by_group)
        return error_set(error,
                         "the batch takes several micro-batches of %lld tokens, and there is no "
                         "memory for the whole gradient; raise --micro-batch or lower --batch",
                         (long long)trainer->packing.capacity);
    if (at_once)
        optimizer_at_once(optimizer, rate);
    else
        optimizer_start_gradients(optimizer);
    if (!go_through(trainer, &records, next, result, error))
        return false;
    if (!at_once)
        optimizer_update(optimizer, rate);
    return device_finish(trainer->model->device, error);
}

bool trainer_score_pairs(struct trainer *trainer, struct examples *examples, size_t *next,
                         struct error *error) {
    struct records records = {examples, NULL, examples->count};
    size_t first = *next;
    if (!pack(trainer, &records, next, error))
        return false;
    struct packed packed = packing_upload(&trainer->packing, 0);
    transformer_forward(&trainer->transformer, &trainer->pass, &packed.batch, NULL);
    losses(trainer, &packed, false);
    if (!fetch_values(trainer, error))
        return false;
    for (size_t i = first; i < *next; i++) {
        examples->pairs[i].chosen = log_probability(trainer, (int64_t)(2 * (i - first)));
        examples->pairs[i].rejected = log_probability(trainer, (int64_t)(2 * (i - first) + 1));
    }
    return true;
}
