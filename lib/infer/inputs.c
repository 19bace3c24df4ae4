/*
 * What one batch reads, laid out behind one another in one list and uploaded at once. A batch of
 * sequences that all draw is, on a device that records, filled up to one of a few sizes, so that
 * the steps of a size can be one recording (replay.c): with rows that nobody looks at, each a
 * sequence of one token in a page of the cache that is kept for them.
 */
#include <string.h>

#include "infer/engine_state.h"

enum { FEWEST_PAGES = 16 }; /* of a table that is filled up */

int64_t inputs_room(const struct engine *engine) {
    int64_t room = engine->settings.room, batch = engine->settings.batch;
    return 5 * room + 3 * batch + 1 + batch * engine->most_pages;
}

/* Room for `count` numbers: on the host, where they are to be written, and on the device. */
static int32_t *cut(struct engine *engine, int64_t count, struct tensor *part) {
    *part = tensor_columns(engine->inputs, engine->input_count, count);
    engine->input_count += count;
    return engine->host + engine->input_count - count;
}

/* ---- sizes ---- */

/* 1, 2, 4, 8, 12, 16, 24, 32, 48, …, or the most. */
static int64_t filled_rows(int64_t rows, int64_t most) {
    int64_t size = 1;
    while (size < rows)
        size *= 2;
    if (size >= 16 && rows <= size / 4 * 3)
        size = size / 4 * 3;
    return size < most ? size : most;
}

static int64_t filled_pages(int64_t pages, int64_t most) {
    int64_t size = FEWEST_PAGES;
    while (size < pages)
        size *= 2;
    return size < most ? size : most;
}

static void choose_sizes(const struct engine *engine, struct inputs *inputs) {
    int64_t parts = (int64_t)engine->part_count, draws = (int64_t)engine->draw_count;
    inputs->fits =
        device_records(engine->model->device) && engine->row_count == parts && draws == parts;
    for (size_t i = 0; i < engine->part_count; i++)
        if (engine->parts[i].sequence->page_count > inputs->pages)
            inputs->pages = engine->parts[i].sequence->page_count;
    inputs->filling = 0;
    if (inputs->fits) {
        inputs->filling = filled_rows(parts, engine->settings.batch) - parts;
        inputs->pages = filled_pages(inputs->pages, engine->most_pages);
    }
    inputs->rows = engine->row_count + inputs->filling;
    inputs->sequences = parts + inputs->filling;
    inputs->draws = draws + inputs->filling;
}

/* ---- the lists ---- */

static void put_tokens(struct engine *engine, struct inputs *inputs) {
    int32_t *to = cut(engine, inputs->rows, &inputs->batch.tokens);
    for (size_t i = 0; i < engine->part_count; to += engine->parts[i++].rows) {
        const struct sequence *sequence = engine->parts[i].sequence;
        memcpy(to, sequence->tokens.ids + sequence->cached,
               (size_t)engine->parts[i].rows * sizeof *to);
    }
    memset(to, 0, (size_t)inputs->filling * sizeof *to);
}

static void put_positions(struct engine *engine, struct inputs *inputs) {
    int32_t *to = cut(engine, inputs->rows, &inputs->batch.positions);
    for (size_t i = 0; i < engine->part_count; i++)
        for (int32_t k = 0; k < engine->parts[i].rows; k++)
            *to++ = engine->parts[i].sequence->cached + k;
    memset(to, 0, (size_t)inputs->filling * sizeof *to);
}

static void put_slots(struct engine *engine, struct inputs *inputs) {
    int32_t *to = cut(engine, inputs->rows, &engine->cache.slots);
    for (size_t i = 0; i < engine->part_count; i++)
        for (int32_t k = 0; k < engine->parts[i].rows; k++) {
            int32_t place = engine->parts[i].sequence->cached + k;
            *to++ =
                engine->parts[i].sequence->pages[place / PAGE_SIZE] * PAGE_SIZE + place % PAGE_SIZE;
        }
    for (int64_t i = 0; i < inputs->filling; i++)
        *to++ = (int32_t)engine->page_total * PAGE_SIZE;
}

/* Offsets of the parts; also says how many rows the longest has. */
static void put_offsets(struct engine *engine, struct inputs *inputs) {
    struct sequences *sequences = &inputs->batch.sequences;
    int32_t *to = cut(engine, inputs->sequences + 1, &sequences->offsets);
    sequences->count = inputs->sequences;
    to[0] = 0;
    for (int64_t i = 0; i < inputs->sequences; i++) {
        int32_t rows = i < (int64_t)engine->part_count ? engine->parts[i].rows : 1;
        to[i + 1] = to[i] + rows;
        sequences->longest = rows > sequences->longest ? rows : sequences->longest;
    }
}

static void put_lengths(struct engine *engine, struct inputs *inputs) {
    int32_t *to = cut(engine, inputs->sequences, &engine->cache.lengths);
    for (size_t i = 0; i < engine->part_count; i++)
        *to++ = engine->parts[i].sequence->cached + engine->parts[i].rows;
    for (int64_t i = 0; i < inputs->filling; i++)
        *to++ = 1;
}

/* A row for each part lists its pages; places past its last one repeat that. */
static void put_pages(struct engine *engine, struct inputs *inputs) {
    struct tensor *table = &engine->cache.pages;
    int32_t *to = cut(engine, inputs->sequences * inputs->pages, table);
    table->rows = inputs->sequences;
    table->columns = table->stride = inputs->pages;
    for (size_t i = 0; i < engine->part_count; i++) {
        const struct sequence *sequence = engine->parts[i].sequence;
        for (int32_t k = 0; k < inputs->pages; k++)
            *to++ = sequence->pages[k < sequence->page_count ? k : sequence->page_count - 1];
    }
    for (int64_t i = 0; i < inputs->filling * inputs->pages; i++)
        *to++ = (int32_t)engine->page_total;
}

/* The rows to see: those of tokens to draw, then those asked about. */
static void put_rows(struct engine *engine, struct inputs *inputs) {
    int64_t asked = (int64_t)engine->asked_count;
    int32_t *to = cut(engine, inputs->draws + asked, &inputs->batch.rows);
    for (size_t i = 0; i < engine->draw_count; i++)
        *to++ = engine->draws[i].row;
    for (int64_t i = 0; i < inputs->filling; i++)
        *to++ = (int32_t)(engine->row_count + i);
    for (size_t i = 0; i < engine->asked_count; i++)
        *to++ = engine->asked[i].row;
}

static void put_targets(struct engine *engine, struct inputs *inputs) {
    int32_t *to = cut(engine, (int64_t)engine->asked_count, &inputs->targets);
    for (size_t i = 0; i < engine->asked_count; i++)
        *to++ = engine->asked[i].sequence->targets[engine->asked[i].target];
}

static void put_uniform(struct engine *engine, struct inputs *inputs) {
    int32_t *to = cut(engine, inputs->draws, &inputs->uniform);
    inputs->uniform.type = DTYPE_F32;
    memset(to, 0, (size_t)inputs->draws * sizeof *to);
    for (size_t i = 0; i < engine->draw_count; i++) {
        /* 24 bits: a larger uniform would round to 1 as a float. */
        float uniform = (float)(random_u32(&engine->draws[i].sequence->random) >> 8) * 0x1p-24f;
        memcpy(to + i, &uniform, sizeof uniform);
    }
}

struct inputs inputs_upload(struct engine *engine) {
    struct inputs inputs = {0};
    choose_sizes(engine, &inputs);
    engine->input_count = 0;
    put_tokens(engine, &inputs);
    put_positions(engine, &inputs);
    put_slots(engine, &inputs);
    put_offsets(engine, &inputs);
    put_lengths(engine, &inputs);
    put_pages(engine, &inputs);
    put_rows(engine, &inputs);
    put_targets(engine, &inputs);
    put_uniform(engine, &inputs);
    device_upload(engine->model->device, tensor_columns(engine->inputs, 0, engine->input_count),
                  engine->host);
    return inputs;
}
