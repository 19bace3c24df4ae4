/* One batch through the model: the pass, tokens drawn and log-probabilities told. */
#include <string.h>

#include "base/tool.h"
#include "infer/engine_state.h"

struct generation *generation_of(struct engine *engine, const struct sequence *sequence) {
    return &engine->outcomes[sequence->ticket % engine->outcome_room].generation;
}

/* ---- operations ---- */

/* The f32 numbers behind the first `first` of the results. */
static struct tensor real_results(const struct engine *engine, int64_t first, int64_t count) {
    struct tensor part = tensor_columns(engine->results, first, count);
    part.type = DTYPE_F32;
    return part;
}

static void enqueue_draws(struct engine *engine, const struct inputs *inputs) {
    struct device *device = engine->model->device;
    int64_t n = inputs->draws;
    if (n == 0)
        return;
    struct tensor logits = tensor_rows(engine->logits, 0, n), none = {0};
    matmul_forward(device, logits, tensor_rows(engine->pass.output, 0, n),
                   model_output(engine->model)->value, none, none);
    choose_tokens(device, tensor_columns(engine->results, 0, n), real_results(engine, n, n), logits,
                  inputs->uniform, engine->settings.sampling);
}

static void enqueue_asked(struct engine *engine, const struct inputs *inputs) {
    int64_t n = (int64_t)engine->asked_count;
    if (n == 0)
        return;
    struct tensor none = {0};
    cross_entropy(engine->model->device, real_results(engine, 2 * inputs->draws, n), none, none,
                  tensor_rows(engine->pass.output, inputs->draws, n),
                  model_output(engine->model)->value, inputs->targets, none);
}

void step_enqueue(struct engine *engine, const struct inputs *inputs) {
    transformer_forward(&engine->transformer, &engine->pass, &inputs->batch, &engine->cache);
    enqueue_draws(engine, inputs);
    enqueue_asked(engine, inputs);
}

/* ---- outputs ---- */

static bool is_stop(const struct engine *engine, int32_t token) {
    for (size_t i = 0; i < engine->settings.stop_token_count; i++)
        if (engine->settings.stop_tokens[i] == token)
            return true;
    return false;
}

/* Takes up a drawn token; true where the completion ends with it. */
static bool take_token(struct engine *engine, struct sequence *sequence, int32_t token,
                       float log_probability) {
    const struct engine_settings *settings = &engine->settings;
    struct generation *generation = generation_of(engine, sequence);
    generation->log_probability += (double)log_probability;
    generation->finish = FINISH_STOP;
    engine->tally.drawn++;
    if (is_stop(engine, token))
        return true;
    token_list_add(&generation->tokens, token);
    token_list_add(&sequence->tokens, token);
    if (settings->listener && settings->listener(settings->listener_context, sequence->user, token))
        return true;
    generation->finish = FINISH_LENGTH;
    return (int64_t)generation->tokens.count >= settings->max_tokens ||
           sequence->cached >= sequence->limit;
}

static void finish(struct engine *engine, struct sequence *sequence) {
    size_t kept = 0;
    for (size_t i = 0; i < engine->running_count; i++)
        if (engine->running[i] != sequence)
            engine->running[kept++] = engine->running[i];
    engine->running_count = kept;
    engine->outcomes[sequence->ticket % engine->outcome_room].finished = true;
    sequence_release(engine, sequence);
    sequence_free(sequence);
}

/* Number `at` of the results that came back, as f32. */
static float real_at(const struct engine *engine, int64_t at) {
    float real;
    memcpy(&real, engine->host + at, sizeof real);
    return real;
}

/* All that was asked is taken up before a sequence that drew its last token goes. */
static void take_results(struct engine *engine, const struct inputs *inputs) {
    for (size_t i = 0; i < engine->asked_count; i++) {
        struct wanted *asked = &engine->asked[i];
        struct generation *generation = generation_of(engine, asked->sequence);
        float value = real_at(engine, 2 * inputs->draws + (int64_t)i);
        generation->target_log_probabilities[asked->target] = value;
        generation->log_probability += (double)value;
    }
    for (size_t i = 0; i < engine->draw_count; i++)
        if (take_token(engine, engine->draws[i].sequence, engine->host[i],
                       real_at(engine, inputs->draws + (int64_t)i)))
            finish(engine, engine->draws[i].sequence);
}

/* ---- the batch ---- */

bool batch_run(struct engine *engine, struct error *error) {
    struct device *device = engine->model->device;
    struct inputs inputs = inputs_upload(engine);
    if (!inputs.fits || engine->settings.no_graphs)
        step_enqueue(engine, &inputs);
    else if (!replay_run(engine, &inputs, error))
        return false;
    engine->tally.steps++;
    for (size_t i = 0; i < engine->part_count; i++)
        engine->parts[i].sequence->cached += engine->parts[i].rows;
    int64_t results = 2 * inputs.draws + (int64_t)engine->asked_count;
    device_download(device, engine->host, tensor_columns(engine->results, 0, results));
    if (!device_finish(device, error))
        return false;
    take_results(engine, &inputs);
    for (size_t i = 0; i < engine->part_count; i++) {
        struct sequence *sequence = engine->parts[i].sequence;
        if (engine->parts[i].asks && sequence->cached == known_tokens(sequence))
            finish(engine, sequence);
    }
    return true;
}
