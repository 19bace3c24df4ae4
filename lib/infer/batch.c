/*
 * Which rows run next. First one row of every sequence that draws; then what is left of prompts
 * being read, oldest first; then new sequences from the queue. A prompt is cut where the batch or
 * the cache is full.
 *
 * Pages of a prompt are published when the rows that fill them are in the batch being built: within
 * one batch every layer stores all keys and values before any row looks at them.
 */
#include "infer/engine_state.h"

static int32_t pages_for(int32_t tokens) {
    return (tokens + PAGE_SIZE - 1) / PAGE_SIZE;
}

void sequence_release(struct engine *engine, struct sequence *sequence) {
    for (int32_t i = 0; i < sequence->page_count; i++)
        pages_release(engine->pages, sequence->pages[i]);
    sequence->page_count = 0;
    sequence->cached = 0;
}

/* The youngest sequence goes back to the head of the queue. */
static void take_back_youngest(struct engine *engine) {
    struct sequence *sequence = engine->running[--engine->running_count];
    sequence_release(engine, sequence);
    if (engine->queue == NULL)
        engine->queue_end = &sequence->next;
    sequence->next = engine->queue;
    engine->queue = sequence;
    engine->tally.taken_back++;
}

/* Takes pages for `rows` more tokens; returns for how many of them there was place. */
static int32_t take_pages(struct engine *engine, struct sequence *sequence, int32_t rows) {
    int32_t needed = pages_for(sequence->cached + rows);
    while (sequence->page_count < needed) {
        int32_t page = pages_take(engine->pages);
        if (page < 0)
            break;
        sequence->pages[sequence->page_count++] = page;
    }
    int32_t place = sequence->page_count * PAGE_SIZE - sequence->cached;
    return rows < place ? rows : place;
}

/* ---- adding rows ---- */

static void publish(struct engine *engine, const struct sequence *sequence, int32_t rows) {
    int32_t last = sequence->cached + rows;
    last = last < sequence->prompt ? last : sequence->prompt;
    for (int32_t i = sequence->cached / PAGE_SIZE; i < last / PAGE_SIZE; i++)
        pages_publish(engine->pages, sequence->pages[i], i > 0 ? sequence->pages[i - 1] : -1,
                      sequence->tokens.ids + (size_t)i * PAGE_SIZE);
}

/* Rows that tell the log-probabilities of targets: `first` is where the part starts. */
static void ask(struct engine *engine, struct sequence *sequence, int32_t first, int32_t rows) {
    int32_t base = sequence->prompt - 1, end = sequence->cached + rows;
    for (int32_t k = 0; k < sequence->target_count; k++) {
        int32_t place = sequence->alternatives ? base : base + k;
        if (place >= sequence->cached && place < end)
            engine->asked[engine->asked_count++] =
                (struct wanted){sequence, first + place - sequence->cached, k};
    }
}

static void add_part(struct engine *engine, struct sequence *sequence, int32_t rows) {
    int32_t first = engine->row_count, outputs = rows;
    bool complete = sequence->cached + rows == known_tokens(sequence);
    publish(engine, sequence, rows);
    engine->parts[engine->part_count++] =
        (struct batch_part){sequence, rows, sequence->target_count > 0};
    engine->row_count += rows;
    if (sequence->target_count > 0)
        ask(engine, sequence, first, rows);
    else if (complete)
        engine->draws[engine->draw_count++] = (struct wanted){sequence, first + rows - 1, 0};
    if (complete && sequence->alternatives && sequence->target_count > rows)
        outputs = sequence->target_count;
    engine->taken += outputs;
    if (sequence->cached < sequence->prompt) {
        int32_t prompt = sequence->prompt - sequence->cached;
        engine->tally.prompt_rows += rows < prompt ? rows : prompt;
    }
}

static bool is_drawing(const struct sequence *sequence) {
    return sequence->target_count == 0 && known_tokens(sequence) - sequence->cached == 1 &&
           sequence->cached >= sequence->prompt;
}

static void add_drawing(struct engine *engine) {
    for (size_t i = 0; i < engine->running_count; i++) {
        struct sequence *sequence = engine->running[i];
        if (!is_drawing(sequence))
            continue;
        while (i < engine->running_count && take_pages(engine, sequence, 1) < 1)
            take_back_youngest(engine);
        if (i < engine->running_count)
            add_part(engine, sequence, 1);
    }
}

/*
 * How many rows of a prompt fit the batch. Alternatives are outputs of one row, and there may be
 * more of them than the part has rows; elsewhere a row has one output at most.
 */
static int32_t rows_that_fit(const struct engine *engine, const struct sequence *sequence) {
    int32_t left = (int32_t)engine->settings.room - engine->taken;
    int32_t rows = known_tokens(sequence) - sequence->cached;
    if (sequence->alternatives && rows <= left && sequence->target_count > left)
        return 0;
    return rows < left ? rows : left;
}

/* False where nothing more fits. */
static bool add_prompt(struct engine *engine, struct sequence *sequence) {
    int32_t rows = rows_that_fit(engine, sequence);
    if (rows > 0)
        rows = take_pages(engine, sequence, rows);
    if (rows > 0)
        add_part(engine, sequence, rows);
    return rows > 0 && sequence->cached + rows == known_tokens(sequence);
}

static bool add_prompts(struct engine *engine) {
    for (size_t i = 0; i < engine->running_count; i++) {
        struct sequence *sequence = engine->running[i];
        if (is_drawing(sequence))
            continue;
        while (!add_prompt(engine, sequence)) {
            bool stuck = engine->row_count == 0 && i + 1 < engine->running_count;
            if (!stuck)
                return false;
            take_back_youngest(engine);
        }
    }
    return true;
}

/* ---- new sequences ---- */

/* Takes what is known of the prompt's beginning; at least its last token is left to compute. */
static void find_shared(struct engine *engine, struct sequence *sequence) {
    int32_t parent = -1;
    for (int32_t i = 0; (i + 1) * PAGE_SIZE < sequence->prompt; i++) {
        parent = pages_find(engine->pages, parent, sequence->tokens.ids + (size_t)i * PAGE_SIZE);
        if (parent < 0)
            break;
        sequence->pages[sequence->page_count++] = parent;
    }
    sequence->cached = sequence->page_count * PAGE_SIZE;
    engine->tally.shared_rows += sequence->cached;
}

/* Room for all that is known of it, and for one more page of each that runs. */
static bool is_place_for(const struct engine *engine, const struct sequence *sequence) {
    return engine->running_count == 0 ||
           pages_available(engine->pages) >=
               pages_for(known_tokens(sequence) + 1) + (int64_t)engine->running_count;
}

static void add_new(struct engine *engine) {
    while (engine->queue != NULL && engine->running_count < (size_t)engine->settings.batch &&
           engine->taken < (int32_t)engine->settings.room && is_place_for(engine, engine->queue)) {
        struct sequence *sequence = engine->queue;
        engine->queue = sequence->next;
        if (engine->queue == NULL)
            engine->queue_end = &engine->queue;
        engine->running[engine->running_count++] = sequence;
        find_shared(engine, sequence);
        if (!add_prompt(engine, sequence))
            break;
    }
    if ((int64_t)engine->running_count > engine->tally.largest)
        engine->tally.largest = (int64_t)engine->running_count;
}

void batch_build(struct engine *engine) {
    engine->part_count = engine->draw_count = engine->asked_count = 0;
    engine->row_count = engine->taken = 0;
    add_drawing(engine);
    if (add_prompts(engine))
        add_new(engine);
}
