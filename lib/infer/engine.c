/* Prefill and decoding in batches over a paged cache. */
#include "infer/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/tool.h"

enum { PAGE_SIZE = 16 };

/* One running sequence. */
struct sequence {
    size_t request; /* which of the requests it answers */
    struct random random;
    int64_t first_page; /* its pages are consecutive, from here */
    int32_t length;     /* tokens in the cache */
    int32_t room;       /* tokens that it may hold */
    int32_t last;       /* token drawn last, not yet in the cache */
};

struct engine {
    struct model *model;
    struct engine_settings settings;
    struct transformer transformer;
    struct arena arena; /* pass, logits, inputs */
    struct pass pass;
    int64_t room; /* rows of the pass */
    struct tensor tokens, positions, offsets, rows, slots;
    struct tensor logits, chosen, log_probability, uniform;
    struct tensor lengths;
    int32_t *host; /* scratch for one upload of i32 */
    float *host_uniform, *host_log_probability;
    int32_t *host_chosen;

    struct arena cache_arena; /* keys, values, page table: as large as a batch has needed so far */
    struct cache cache;
    struct tensor page_table;
    int64_t cache_pages, table_columns;

    struct sequence *running;
    size_t running_count;
};

static void lay_out(struct engine *engine, struct arena *arena) {
    int64_t room = engine->room, batch = engine->settings.batch;
    const struct model_config *config = &engine->model->config;
    pass_open(&engine->pass, arena, config, room, room, false);
    engine->tokens = arena_tensor(arena, DTYPE_I32, 1, room);
    engine->positions = arena_tensor(arena, DTYPE_I32, 1, room);
    engine->offsets = arena_tensor(arena, DTYPE_I32, 1, room + 1);
    engine->rows = arena_tensor(arena, DTYPE_I32, 1, room);
    engine->slots = arena_tensor(arena, DTYPE_I32, 1, room);
    engine->logits = arena_tensor(arena, DTYPE_F32, batch, config->vocabulary);
    engine->chosen = arena_tensor(arena, DTYPE_I32, 1, batch);
    engine->log_probability = arena_tensor(arena, DTYPE_F32, 1, batch);
    engine->uniform = arena_tensor(arena, DTYPE_F32, 1, batch);
    engine->lengths = arena_tensor(arena, DTYPE_I32, 1, batch);
}

struct engine *engine_open(struct model *model, const struct engine_settings *settings,
                           struct error *error) {
    struct engine *engine = allocate(1, sizeof *engine);
    int64_t positions = model->config.positions;
    engine->model = model;
    engine->settings = *settings;
    engine->room = settings->room > positions ? settings->room : positions;
    if (engine->room < settings->batch)
        engine->room = settings->batch;
    struct arena measure = arena_measure();
    lay_out(engine, &measure);
    pass_close(&engine->pass);
    if (!transformer_open(&engine->transformer, model, error)) {
        free(engine);
        return NULL;
    }
    if (!arena_open(&engine->arena, model->device, measure.used, error)) {
        transformer_close(&engine->transformer);
        free(engine);
        return NULL;
    }
    lay_out(engine, &engine->arena);
    size_t batch = (size_t)settings->batch;
    engine->host = allocate((size_t)engine->room + 1, sizeof(int32_t));
    engine->host_uniform = allocate(batch, sizeof(float));
    engine->host_log_probability = allocate(batch, sizeof(float));
    engine->host_chosen = allocate(batch, sizeof(int32_t));
    engine->running = allocate(batch, sizeof *engine->running);
    size_t layers = (size_t)model->config.layers;
    engine->cache.keys = allocate(layers, sizeof(struct tensor));
    engine->cache.values = allocate(layers, sizeof(struct tensor));
    engine->cache.page_size = PAGE_SIZE;
    return engine;
}

void engine_close(struct engine *engine) {
    if (engine == NULL)
        return;
    transformer_close(&engine->transformer);
    pass_close(&engine->pass);
    arena_close(&engine->arena);
    if (engine->cache_pages > 0)
        arena_close(&engine->cache_arena);
    free(engine->host);
    free(engine->host_uniform);
    free(engine->host_log_probability);
    free(engine->host_chosen);
    free(engine->running);
    free(engine->cache.keys);
    free(engine->cache.values);
    free(engine);
}

/* ---- the cache ---- */

static void cut_cache(struct engine *engine, struct arena *arena, int64_t pages, int64_t columns) {
    const struct model_config *config = &engine->model->config;
    int64_t width = config->kv_heads * config->head_size;
    for (int64_t l = 0; l < config->layers; l++) {
        engine->cache.keys[l] = arena_tensor(arena, DTYPE_F32, pages * PAGE_SIZE, width);
        engine->cache.values[l] = arena_tensor(arena, DTYPE_F32, pages * PAGE_SIZE, width);
    }
    engine->page_table = arena_tensor(arena, DTYPE_I32, engine->settings.batch, columns);
}

/* Makes room for that many pages, and for sequences of up to `columns` pages. */
static bool reserve_cache(struct engine *engine, int64_t pages, int64_t columns,
                          struct error *error) {
    if (pages <= engine->cache_pages && columns <= engine->table_columns)
        return true;
    pages = pages > engine->cache_pages ? pages : engine->cache_pages;
    columns = columns > engine->table_columns ? columns : engine->table_columns;
    if (engine->cache_pages > 0)
        arena_close(&engine->cache_arena);
    engine->cache_pages = engine->table_columns = 0;
    struct arena measure = arena_measure();
    cut_cache(engine, &measure, pages, columns);
    if (!arena_open(&engine->cache_arena, engine->model->device, measure.used, error))
        return error_place(error, "the key/value cache; a smaller --batch needs less");
    cut_cache(engine, &engine->cache_arena, pages, columns);
    engine->cache_pages = pages;
    engine->table_columns = columns;
    return true;
}

static int32_t slot_of(const struct sequence *sequence, int32_t place) {
    return (int32_t)sequence->first_page * PAGE_SIZE + place;
}

static bool start_sequences(struct engine *engine, const struct request *requests, size_t count,
                            struct error *error) {
    int64_t pages = 0, columns = 1, positions = engine->model->config.positions;
    engine->running_count = count;
    for (size_t i = 0; i < count; i++) {
        struct sequence *sequence = &engine->running[i];
        int64_t room = requests[i].count + engine->settings.max_tokens;
        room = room < positions ? room : positions;
        int64_t own = (room + PAGE_SIZE - 1) / PAGE_SIZE;
        *sequence = (struct sequence){
            .request = i, .first_page = pages, .room = (int32_t)room, .length = 0};
        random_start(&sequence->random, &requests[i].random);
        pages += own;
        columns = own > columns ? own : columns;
    }
    if (pages * PAGE_SIZE > INT32_MAX)
        return error_set(error, "the key/value cache has too many places; a smaller --batch would "
                                "be right");
    return reserve_cache(engine, pages, columns, error);
}

/* ---- drawing ---- */

static bool is_stop(const struct engine *engine, int32_t token) {
    for (size_t i = 0; i < engine->settings.stop_token_count; i++)
        if (engine->settings.stop_tokens[i] == token)
            return true;
    return false;
}

/*
 * Draws the next token of running[first … first + count − 1] from pass.output rows 0 … count − 1.
 * Whoever has ended gets room = 0 and is dropped later.
 */
static bool draw(struct engine *engine, size_t first, size_t count, struct generation *out,
                 struct error *error) {
    struct device *device = engine->model->device;
    int64_t n = (int64_t)count;
    struct tensor logits = tensor_rows(engine->logits, 0, n);
    struct tensor chosen = tensor_columns(engine->chosen, 0, n);
    struct tensor log_probability = tensor_columns(engine->log_probability, 0, n);
    struct tensor uniform = tensor_columns(engine->uniform, 0, n);
    matmul_forward(device, logits, tensor_rows(engine->pass.output, 0, n),
                   model_output(engine->model)->value, (struct tensor){0}, (struct tensor){0});
    for (size_t i = 0; i < count; i++)
        /* 24 bits: a larger uniform would round to 1 as a float. */
        engine->host_uniform[i] =
            (float)(random_u32(&engine->running[first + i].random) >> 8) * 0x1p-24f;
    device_upload(device, uniform, engine->host_uniform);
    choose_tokens(device, chosen, log_probability, logits, uniform, engine->settings.sampling);
    device_download(device, engine->host_chosen, chosen);
    device_download(device, engine->host_log_probability, log_probability);
    if (!device_finish(device, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct sequence *sequence = &engine->running[first + i];
        struct generation *generation = &out[sequence->request];
        int32_t token = engine->host_chosen[i];
        generation->log_probability += (double)engine->host_log_probability[i];
        sequence->last = token;
        if (is_stop(engine, token)) {
            generation->finish = FINISH_STOP;
            sequence->room = 0;
            continue;
        }
        token_list_add(&generation->tokens, token);
        if ((int64_t)generation->tokens.count >= engine->settings.max_tokens ||
            sequence->length >= sequence->room) {
            generation->finish = FINISH_LENGTH;
            sequence->room = 0;
        }
    }
    return true;
}

static void drop_ended(struct engine *engine) {
    size_t kept = 0;
    for (size_t i = 0; i < engine->running_count; i++)
        if (engine->running[i].room > 0)
            engine->running[kept++] = engine->running[i];
    engine->running_count = kept;
}

/* ---- prefill ---- */

/* Uploads one list of i32 built by `host`. */
static struct tensor upload(struct engine *engine, struct tensor to, int64_t count) {
    struct tensor part = tensor_columns(to, 0, count);
    device_upload(engine->model->device, part, engine->host);
    return part;
}

/* Runs the prompts of running[first … first + count − 1], `rows` tokens, through the model. */
static bool prefill_some(struct engine *engine, const struct request *requests, size_t first,
                         size_t count, int64_t rows, struct generation *out, struct error *error) {
    struct sequence *sequences = engine->running + first;
    struct batch batch = {.sequences = {.count = (int64_t)count}};
    int64_t at = 0;
    for (size_t i = 0; i < count; at += sequences[i++].length) {
        const struct request *request = &requests[sequences[i].request];
        sequences[i].length = request->count;
        memcpy(engine->host + at, request->tokens, (size_t)request->count * sizeof(int32_t));
        if (request->count > batch.sequences.longest)
            batch.sequences.longest = request->count;
    }
    batch.tokens = upload(engine, engine->tokens, rows);
    at = 0;
    for (size_t i = 0; i < count; i++)
        for (int32_t k = 0; k < sequences[i].length; k++)
            engine->host[at++] = k;
    batch.positions = upload(engine, engine->positions, rows);
    at = 0;
    for (size_t i = 0; i < count; i++)
        for (int32_t k = 0; k < sequences[i].length; k++)
            engine->host[at++] = slot_of(&sequences[i], k);
    engine->cache.slots = upload(engine, engine->slots, rows);
    engine->host[0] = 0;
    for (size_t i = 0; i < count; i++)
        engine->host[i + 1] = engine->host[i] + sequences[i].length;
    batch.sequences.offsets = upload(engine, engine->offsets, (int64_t)count + 1);
    at = -1;
    for (size_t i = 0; i < count; i++)
        engine->host[i] = (int32_t)(at += sequences[i].length);
    batch.rows = upload(engine, engine->rows, (int64_t)count);
    engine->cache.decoding = false;
    transformer_forward(&engine->transformer, &engine->pass, &batch, &engine->cache);
    return draw(engine, first, count, out, error);
}

static bool prefill(struct engine *engine, const struct request *requests, struct generation *out,
                    struct error *error) {
    for (size_t first = 0; first < engine->running_count;) {
        size_t count = 0;
        int64_t rows = 0;
        while (first + count < engine->running_count) {
            int64_t more = requests[engine->running[first + count].request].count;
            if (rows + more > engine->room)
                break;
            rows += more;
            count++;
        }
        if (!prefill_some(engine, requests, first, count, rows, out, error))
            return false;
        first += count;
    }
    return true;
}

/* ---- decoding ---- */

static bool decode_step(struct engine *engine, struct generation *out, struct error *error) {
    size_t count = engine->running_count;
    int64_t n = (int64_t)count;
    struct sequence *sequences = engine->running;
    struct batch batch = {.sequences = {.count = n, .longest = 1}};
    for (size_t i = 0; i < count; i++)
        engine->host[i] = sequences[i].last;
    batch.tokens = upload(engine, engine->tokens, n);
    for (size_t i = 0; i < count; i++)
        engine->host[i] = sequences[i].length;
    batch.positions = upload(engine, engine->positions, n);
    for (size_t i = 0; i <= count; i++)
        engine->host[i] = (int32_t)i;
    batch.sequences.offsets = upload(engine, engine->offsets, n + 1);
    for (size_t i = 0; i < count; i++)
        engine->host[i] = slot_of(&sequences[i], sequences[i].length);
    engine->cache.slots = upload(engine, engine->slots, n);
    for (size_t i = 0; i < count; i++)
        engine->host[i] = ++sequences[i].length;
    engine->cache.lengths = upload(engine, engine->lengths, n);
    engine->cache.pages = tensor_rows(engine->page_table, 0, n);
    engine->cache.decoding = true;
    transformer_forward(&engine->transformer, &engine->pass, &batch, &engine->cache);
    return draw(engine, 0, count, out, error);
}

/* Row i of the page table lists the pages of running[i]; places past its last page repeat that one.
 */
static void write_page_table(struct engine *engine) {
    size_t rows = engine->running_count, columns = (size_t)engine->table_columns;
    int32_t *table = allocate(rows * columns, sizeof *table);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < columns; k++) {
            const struct sequence *sequence = &engine->running[i];
            int64_t own = (sequence->room + PAGE_SIZE - 1) / PAGE_SIZE;
            int64_t page = (int64_t)k < own ? (int64_t)k : own - 1;
            table[i * columns + k] = (int32_t)(sequence->first_page + page);
        }
    device_upload(engine->model->device, tensor_rows(engine->page_table, 0, (int64_t)rows), table);
    free(table);
}

bool engine_generate(struct engine *engine, const struct request *requests, size_t count,
                     struct generation *out, struct error *error) {
    if (count == 0)
        return true;
    if (!start_sequences(engine, requests, count, error) || !prefill(engine, requests, out, error))
        return false;
    size_t listed = 0;
    for (;;) {
        if (stop_requested())
            return error_set(error, "stopped by a signal");
        drop_ended(engine);
        if (engine->running_count == 0)
            return true;
        if (engine->running_count != listed) {
            write_page_table(engine);
            listed = engine->running_count;
        }
        if (!decode_step(engine, out, error))
            return false;
    }
}
