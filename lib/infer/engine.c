/* The engine's requests and results, and its memory. */
#include "infer/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/tool.h"
#include "infer/engine_state.h"

/* ---- memory ---- */

static void lay_out(struct engine *engine, struct arena *arena) {
    int64_t room = engine->settings.room, batch = engine->settings.batch;
    const struct model_config *config = &engine->model->config;
    pass_open(&engine->pass, arena, engine->model, room, room, PASS_FORWARD);
    engine->inputs = arena_tensor(arena, DTYPE_I32, 1, inputs_room(engine));
    engine->logits = arena_tensor(arena, DTYPE_F32, batch, config->vocabulary);
    engine->results = arena_tensor(arena, DTYPE_I32, 1, 2 * batch + room);
}

static bool open_pass(struct engine *engine, struct error *error) {
    struct arena measure = arena_measure();
    lay_out(engine, &measure);
    pass_close(&engine->pass);
    if (!arena_open(&engine->arena, engine->model->device, measure.used, error))
        return error_place(error, "room for %lld rows at once; a smaller --batch needs less",
                           (long long)engine->settings.room);
    lay_out(engine, &engine->arena);
    return true;
}

static void cut_cache(struct engine *engine, struct arena *arena) {
    const struct model_config *config = &engine->model->config;
    int64_t width = config->kv_heads * config->head_size;
    int64_t pages = engine->page_total + device_records(engine->model->device);
    int64_t rows = pages * PAGE_SIZE;
    enum dtype type = device_activations(engine->model->device, config->type);
    for (int64_t l = 0; l < config->layers; l++) {
        engine->cache.keys[l] = arena_tensor(arena, type, rows, width);
        engine->cache.values[l] = arena_tensor(arena, type, rows, width);
    }
}

/* Bytes of the keys and values of one place. */
static int64_t place_size(const struct model *model) {
    const struct model_config *config = &model->config;
    return 2 * config->layers * config->kv_heads * config->head_size *
           (int64_t)dtype_size(device_activations(model->device, config->type));
}

static bool on_cpu(const struct model *model) {
    return strcmp(device_name(model->device), "cpu") == 0;
}

int64_t engine_cache_memory(const struct model *model, const struct engine_settings *settings) {
    if (settings->cache_memory > 0)
        return settings->cache_memory;
    if (on_cpu(model))
        return (int64_t)4 << 30;
    size_t available = device_memory(model->device);
    size_t scratch = transformer_scratch(model, settings->room);
    return available > scratch ? (int64_t)((available - scratch) / 16 * 15) : 0;
}

/* The default of the CPU is no promise that it is there; less would give other batches. */
static bool check_cache(const struct engine *engine, size_t needed, struct error *error) {
    size_t available = device_memory(engine->model->device);
    if (engine->settings.cache_memory > 0 || !on_cpu(engine->model) || needed <= available)
        return true;
    return error_set(error,
                     "%.1f GiB for keys and values, and %.1f are free; --cache-memory %lldM would "
                     "fit",
                     (double)needed / (1 << 30), (double)available / (1 << 30),
                     (long long)(available / 2000000));
}

/* As many pages as all sequences could ever need, or as the memory allows. */
static bool open_cache(struct engine *engine, struct error *error) {
    struct device *device = engine->model->device;
    size_t layers = (size_t)engine->model->config.layers;
    engine->cache.page_size = PAGE_SIZE;
    engine->cache.keys = allocate(layers, sizeof(struct tensor));
    engine->cache.values = allocate(layers, sizeof(struct tensor));
    int64_t page_size = PAGE_SIZE * place_size(engine->model);
    int64_t memory = engine_cache_memory(engine->model, &engine->settings);
    engine->page_total = engine->settings.batch * engine->most_pages;
    if (engine->page_total > memory / page_size)
        engine->page_total = memory / page_size;
    if (engine->page_total > INT32_MAX / PAGE_SIZE - 1)
        engine->page_total = INT32_MAX / PAGE_SIZE - 1;
    if (engine->page_total < 1)
        return error_set(error,
                         "%lld bytes for keys and values hold not even one page of %d tokens, "
                         "which needs %lld",
                         (long long)memory, PAGE_SIZE, (long long)page_size);
    struct arena measure = arena_measure();
    cut_cache(engine, &measure);
    if (!check_cache(engine, measure.used, error))
        return false;
    if (!arena_open(&engine->cache_arena, device, measure.used, error))
        return error_place(error, "keys and values of %lld tokens; less --cache-memory would do",
                           (long long)engine->page_total * PAGE_SIZE);
    cut_cache(engine, &engine->cache_arena);
    engine->pages = pages_open(engine->page_total);
    return true;
}

int64_t engine_batch(const struct model *model, const struct engine_settings *settings) {
    enum { MOST = 256, LEAST = 16, NEAR = 8 << 20, PROMPT = 64 };
    if (settings->batch > 0)
        return settings->batch;
    if (!on_cpu(model) || model_config_parameters(&model->config) > NEAR / (int64_t)sizeof(float))
        return MOST;
    int64_t batch = NEAR / (place_size(model) * (settings->max_tokens + PROMPT));
    return batch < LEAST ? LEAST : batch > MOST ? MOST : batch;
}

static void open_lists(struct engine *engine) {
    size_t batch = (size_t)engine->settings.batch, room = (size_t)engine->settings.room;
    engine->running = allocate(batch, sizeof *engine->running);
    engine->parts = allocate(batch, sizeof *engine->parts);
    engine->draws = allocate(batch, sizeof *engine->draws);
    engine->asked = allocate(room, sizeof *engine->asked);
    engine->host = allocate((size_t)inputs_room(engine), sizeof *engine->host);
    engine->outcome_room = 64;
    engine->outcomes = allocate(engine->outcome_room, sizeof *engine->outcomes);
    engine->queue_end = &engine->queue;
}

struct engine *engine_open(struct model *model, const struct engine_settings *settings,
                           struct error *error) {
    struct engine *engine = allocate(1, sizeof *engine);
    engine->model = model;
    engine->settings = *settings;
    engine->settings.batch = engine_batch(model, settings);
    if (engine->settings.room < engine->settings.batch)
        engine->settings.room = engine->settings.batch;
    engine->most_pages = (model->config.positions + PAGE_SIZE - 1) / PAGE_SIZE;
    open_lists(engine);
    if (transformer_open(&engine->transformer, model, error) && open_pass(engine, error) &&
        open_cache(engine, error))
        return engine;
    engine_close(engine);
    return NULL;
}

void sequence_free(struct sequence *sequence) {
    token_list_free(&sequence->tokens);
    free(sequence->targets);
    free(sequence->pages);
    free(sequence);
}

void generation_free(struct generation *generation) {
    token_list_free(&generation->tokens);
    free(generation->target_log_probabilities);
    *generation = (struct generation){0};
}

void engine_close(struct engine *engine) {
    if (engine == NULL)
        return;
    for (size_t i = 0; i < engine->running_count; i++)
        sequence_free(engine->running[i]);
    while (engine->queue != NULL) {
        struct sequence *sequence = engine->queue;
        engine->queue = sequence->next;
        sequence_free(sequence);
    }
    for (size_t i = engine->first_ticket; i < engine->next_ticket; i++)
        generation_free(&engine->outcomes[i % engine->outcome_room].generation);
    replays_close(engine);
    transformer_close(&engine->transformer);
    pass_close(&engine->pass);
    if (engine->arena.memory != NULL)
        arena_close(&engine->arena);
    if (engine->cache_arena.memory != NULL)
        arena_close(&engine->cache_arena);
    pages_close(engine->pages);
    free(engine->cache.keys);
    free(engine->cache.values);
    free(engine->running);
    free(engine->outcomes);
    free(engine->parts);
    free(engine->draws);
    free(engine->asked);
    free(engine->host);
    free(engine);
}

/* ---- requests ---- */

static bool check_tokens(const struct engine *engine, const int32_t *tokens, int32_t count,
                         struct error *error) {
    int64_t vocabulary = engine->model->config.vocabulary;
    for (int32_t i = 0; i < count; i++)
        if (tokens[i] < 0 || tokens[i] >= vocabulary)
            return error_set(error, "token id %d is beyond the model's vocabulary of %lld",
                             (int)tokens[i], (long long)vocabulary);
    return true;
}

/* Tokens that must be able to lie in the cache for this request. */
static int64_t tokens_needed(const struct engine *engine, const struct request *request) {
    int64_t positions = engine->model->config.positions;
    int64_t more = request->target_count > 0
                       ? (request->alternatives ? 0 : (int64_t)request->target_count - 1)
                       : engine->settings.max_tokens;
    int64_t needed = request->count + more;
    /* Drawing ends where the positions end; what is to be scored has to fit. */
    return request->target_count == 0 && needed > positions ? positions : needed;
}

static bool check_request(const struct engine *engine, const struct request *request,
                          struct error *error) {
    int64_t positions = engine->model->config.positions, needed = tokens_needed(engine, request);
    if (request->count < 1)
        return error_set(error, "the prompt has no tokens");
    if (request->target_count == 0 && request->count >= positions)
        return error_set(error,
                         "the prompt has %d tokens; the model has %lld positions and needs one "
                         "for the answer",
                         (int)request->count, (long long)positions);
    if (needed > positions)
        return error_set(error,
                         "prompt and completion have %lld tokens; the model has %lld positions",
                         (long long)needed, (long long)positions);
    if (needed > engine->page_total * PAGE_SIZE)
        return error_set(error,
                         "%lld tokens may be needed, but there is memory for keys and values of "
                         "%lld; more --cache-memory would do",
                         (long long)needed, (long long)engine->page_total * PAGE_SIZE);
    if (request->alternatives && request->target_count > engine->settings.room)
        return error_set(error, "%d alternatives; at most %lld fit a batch",
                         (int)request->target_count, (long long)engine->settings.room);
    return check_tokens(engine, request->tokens, request->count, error) &&
           check_tokens(engine, request->targets, request->target_count, error);
}

static struct sequence *sequence_of(const struct engine *engine, const struct request *request) {
    struct sequence *sequence = allocate(1, sizeof *sequence);
    *sequence = (struct sequence){.prompt = request->count,
                                  .limit = (int32_t)tokens_needed(engine, request),
                                  .target_count = request->target_count,
                                  .alternatives = request->alternatives,
                                  .user = request->user};
    for (int32_t i = 0; i < request->count; i++)
        token_list_add(&sequence->tokens, request->tokens[i]);
    if (request->target_count > 0) {
        size_t size = (size_t)request->target_count * sizeof *sequence->targets;
        sequence->targets = allocate((size_t)request->target_count, sizeof *sequence->targets);
        memcpy(sequence->targets, request->targets, size);
        for (int32_t i = 0; i + 1 < request->target_count && !request->alternatives; i++)
            token_list_add(&sequence->tokens, request->targets[i]);
    } else {
        random_start(&sequence->random, &request->random);
    }
    size_t pages = ((size_t)sequence->limit + PAGE_SIZE - 1) / PAGE_SIZE;
    sequence->pages = allocate(pages, sizeof *sequence->pages);
    return sequence;
}

/* The place of the next result; the ring grows when it is full. */
static size_t new_ticket(struct engine *engine) {
    if (engine->next_ticket - engine->first_ticket == engine->outcome_room) {
        size_t room = 2 * engine->outcome_room;
        struct outcome *outcomes = allocate(room, sizeof *outcomes);
        for (size_t i = engine->first_ticket; i < engine->next_ticket; i++)
            outcomes[i % room] = engine->outcomes[i % engine->outcome_room];
        free(engine->outcomes);
        engine->outcomes = outcomes;
        engine->outcome_room = room;
    }
    size_t ticket = engine->next_ticket++;
    engine->outcomes[ticket % engine->outcome_room] = (struct outcome){0};
    return ticket;
}

bool engine_submit(struct engine *engine, const struct request *request, struct error *error) {
    if (!check_request(engine, request, error))
        return false;
    struct sequence *sequence = sequence_of(engine, request);
    sequence->ticket = new_ticket(engine);
    if (request->target_count > 0) {
        struct generation *generation = generation_of(engine, sequence);
        generation->target_count = request->target_count;
        generation->target_log_probabilities =
            allocate((size_t)request->target_count, sizeof(float));
    }
    *engine->queue_end = sequence;
    engine->queue_end = &sequence->next;
    return true;
}

/* ---- running and results ---- */

bool engine_step(struct engine *engine, struct error *error) {
    if (stop_requested())
        return error_set(error, "stopped by a signal");
    batch_build(engine);
    return engine->part_count == 0 || batch_run(engine, error);
}

bool engine_take(struct engine *engine, struct generation *out) {
    struct outcome *outcome = &engine->outcomes[engine->first_ticket % engine->outcome_room];
    if (engine->first_ticket == engine->next_ticket || !outcome->finished)
        return false;
    *out = outcome->generation;
    *outcome = (struct outcome){0};
    engine->first_ticket++;
    return true;
}

size_t engine_pending(const struct engine *engine) {
    return engine->next_ticket - engine->first_ticket;
}

struct engine_tally engine_tally(const struct engine *engine) {
    return engine->tally;
}

bool engine_generate(struct engine *engine, const struct request *requests, size_t count,
                     struct generation *out, struct error *error) {
    for (size_t i = 0; i < count; i++)
        if (!engine_submit(engine, &requests[i], error))
            return false;
    for (size_t taken = 0; taken < count;) {
        if (engine_take(engine, &out[taken]))
            taken++;
        else if (!engine_step(engine, error))
            return false;
    }
    return true;
}
