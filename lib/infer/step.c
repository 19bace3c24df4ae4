/* One batch through the model: inputs up, the pass, tokens drawn and log-probabilities told. */
#include <string.h>

#include "base/tool.h"
#include "infer/engine_state.h"

struct generation *generation_of(struct engine *engine, const struct sequence *sequence) {
    return &engine->outcomes[sequence->ticket % engine->outcome_room].generation;
}

/* ---- inputs ---- */

/* Uploads one list of i32 from engine->host. */
static struct tensor upload(struct engine *engine, struct tensor to, int64_t count) {
    struct tensor part = tensor_columns(to, 0, count);
    device_upload(engine->model->device, part, engine->host);
    return part;
}

static struct tensor upload_tokens(struct engine *engine) {
    int32_t *to = engine->host;
    for (size_t i = 0; i < engine->part_count; to += engine->parts[i++].rows) {
        const struct sequence *sequence = engine->parts[i].sequence;
        memcpy(to, sequence->tokens.ids + sequence->cached,
               (size_t)engine->parts[i].rows * sizeof *to);
    }
    return upload(engine, engine->tokens, engine->row_count);
}

static struct tensor upload_positions(struct engine *engine) {
    int32_t *to = engine->host;
    for (size_t i = 0; i < engine->part_count; i++)
        for (int32_t k = 0; k < engine->parts[i].rows; k++)
            *to++ = engine->parts[i].sequence->cached + k;
    return upload(engine, engine->positions, engine->row_count);
}

static struct tensor upload_slots(struct engine *engine) {
    int32_t *to = engine->host;
    for (size_t i = 0; i < engine->part_count; i++)
        for (int32_t k = 0; k < engine->parts[i].rows; k++) {
            int32_t place = engine->parts[i].sequence->cached + k;
            *to++ =
                engine->parts[i].sequence->pages[place / PAGE_SIZE] * PAGE_SIZE + place % PAGE_SIZE;
        }
    return upload(engine, engine->slots, engine->row_count);
}

/* Offsets of the parts; also says how many rows the longest has. */
static struct sequences upload_offsets(struct engine *engine) {
    struct sequences sequences = {.count = (int64_t)engine->part_count};
    engine->host[0] = 0;
    for (size_t i = 0; i < engine->part_count; i++) {
        int32_t rows = engine->parts[i].rows;
        engine->host[i + 1] = engine->host[i] + rows;
        sequences.longest = rows > sequences.longest ? rows : sequences.longest;
    }
    sequences.offsets = upload(engine, engine->offsets, sequences.count + 1);
    return sequences;
}

static struct tensor upload_lengths(struct engine *engine) {
    for (size_t i = 0; i < engine->part_count; i++)
        engine->host[i] = engine->parts[i].sequence->cached + engine->parts[i].rows;
    return upload(engine, engine->lengths, (int64_t)engine->part_count);
}

/* A row for each part lists its pages; places past its last one repeat that. */
static struct tensor upload_table(struct engine *engine) {
    int32_t columns = 0;
    for (size_t i = 0; i < engine->part_count; i++)
        if (engine->parts[i].sequence->page_count > columns)
            columns = engine->parts[i].sequence->page_count;
    int32_t *to = engine->host;
    for (size_t i = 0; i < engine->part_count; i++) {
        const struct sequence *sequence = engine->parts[i].sequence;
        for (int32_t k = 0; k < columns; k++)
            *to++ = sequence->pages[k < sequence->page_count ? k : sequence->page_count - 1];
    }
    struct tensor table = tensor_columns(engine->table, 0, (int64_t)engine->part_count * columns);
    table.rows = (int64_t)engine->part_count;
    table.columns = table.stride = columns;
    device_upload(engine->model->device, table, engine->host);
    return table;
}

/* The rows to see: those of tokens to draw, then those asked about. */
static struct tensor upload_rows(struct engine *engine) {
    int32_t *to = engine->host;
    for (size_t i = 0; i < engine->draw_count; i++)
        *to++ = engine->draws[i].row;
    for (size_t i = 0; i < engine->asked_count; i++)
        *to++ = engine->asked[i].row;
    return upload(engine, engine->rows, (int64_t)(engine->draw_count + engine->asked_count));
}

/* ---- outputs ---- */

static void enqueue_draws(struct engine *engine) {
    struct device *device = engine->model->device;
    int64_t n = (int64_t)engine->draw_count;
    if (n == 0)
        return;
    struct tensor logits = tensor_rows(engine->logits, 0, n), none = {0};
    struct tensor uniform = tensor_columns(engine->uniform, 0, n);
    matmul_forward(device, logits, tensor_rows(engine->pass.output, 0, n),
                   model_output(engine->model)->value, none, none);
    for (size_t i = 0; i < engine->draw_count; i++)
        /* 24 bits: a larger uniform would round to 1 as a float. */
        engine->host_real[i] =
            (float)(random_u32(&engine->draws[i].sequence->random) >> 8) * 0x1p-24f;
    device_upload(device, uniform, engine->host_real);
    choose_tokens(device, tensor_columns(engine->chosen, 0, n),
                  tensor_columns(engine->log_probability, 0, n), logits, uniform,
                  engine->settings.sampling);
}

static void enqueue_asked(struct engine *engine) {
    struct device *device = engine->model->device;
    int64_t n = (int64_t)engine->asked_count;
    if (n == 0)
        return;
    struct tensor none = {0};
    for (size_t i = 0; i < engine->asked_count; i++)
        engine->host[i] = engine->asked[i].sequence->targets[engine->asked[i].target];
    struct tensor targets = upload(engine, engine->targets, n);
    cross_entropy(device, tensor_columns(engine->scores, 0, n), none, none,
                  tensor_rows(engine->pass.output, (int64_t)engine->draw_count, n),
                  model_output(engine->model)->value, targets, none);
}

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

static bool take_draws(struct engine *engine, struct error *error) {
    struct device *device = engine->model->device;
    int64_t n = (int64_t)engine->draw_count;
    if (n > 0) {
        device_download(device, engine->host, tensor_columns(engine->chosen, 0, n));
        device_download(device, engine->host_real, tensor_columns(engine->log_probability, 0, n));
    }
    if (!device_finish(device, error))
        return false;
    for (size_t i = 0; i < engine->draw_count; i++)
        if (take_token(engine, engine->draws[i].sequence, engine->host[i], engine->host_real[i]))
            finish(engine, engine->draws[i].sequence);
    return true;
}

static bool take_asked(struct engine *engine, struct error *error) {
    int64_t n = (int64_t)engine->asked_count;
    if (n == 0)
        return true;
    device_download(engine->model->device, engine->host_real, tensor_columns(engine->scores, 0, n));
    if (!device_finish(engine->model->device, error))
        return false;
    for (size_t i = 0; i < engine->asked_count; i++) {
        struct wanted *asked = &engine->asked[i];
        struct generation *generation = generation_of(engine, asked->sequence);
        generation->target_log_probabilities[asked->target] = engine->host_real[i];
        generation->log_probability += (double)engine->host_real[i];
    }
    return true;
}

/* ---- the batch ---- */

bool batch_run(struct engine *engine, struct error *error) {
    struct batch batch = {.tokens = upload_tokens(engine),
                          .positions = upload_positions(engine),
                          .sequences = upload_offsets(engine)};
    engine->cache.slots = upload_slots(engine);
    engine->cache.lengths = upload_lengths(engine);
    engine->cache.pages = upload_table(engine);
    batch.rows = upload_rows(engine);
    transformer_forward(&engine->transformer, &engine->pass, &batch, &engine->cache);
    enqueue_draws(engine);
    enqueue_asked(engine);
    engine->tally.steps++;
    for (size_t i = 0; i < engine->part_count; i++)
        engine->parts[i].sequence->cached += engine->parts[i].rows;
    if (!take_asked(engine, error) || !take_draws(engine, error))
        return false;
    for (size_t i = 0; i < engine->part_count; i++) {
        struct sequence *sequence = engine->parts[i].sequence;
        if (engine->parts[i].asks && sequence->cached == known_tokens(sequence))
            finish(engine, sequence);
    }
    return true;
}
