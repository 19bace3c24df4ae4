/*
 * What the files of the engine share: engine.c (requests in, results out), batch.c (which rows run
 * next), inputs.c (what they read), step.c (one batch through the model), replay.c (the same from a
 * recording). Private to lib/infer.
 */
#ifndef LOCKPICK_INFER_ENGINE_STATE_H
#define LOCKPICK_INFER_ENGINE_STATE_H

#include "infer/engine.h"
#include "infer/pages.h"

/* A request on its way. */
struct sequence {
    struct sequence *next;    /* behind it in the queue */
    size_t ticket;            /* number of the request */
    struct token_list tokens; /* the prompt; then what was drawn, or the targets but the last */
    int32_t prompt;           /* tokens of the prompt */
    int32_t cached;           /* tokens whose keys and values are in the cache */
    int32_t limit;            /* tokens it may have in the cache */
    int32_t *targets;
    int32_t target_count;
    bool alternatives;
    struct random random;
    void *user;
    int32_t *pages; /* [page_count] held; room for those of `limit` tokens */
    int32_t page_count;
};

struct outcome {
    struct generation generation;
    bool finished;
};

/* Rows of one sequence in a batch. */
struct batch_part {
    struct sequence *sequence;
    int32_t rows;
    bool asks; /* it has targets */
};

/* An output that somebody wants to see: of batch row `row`. */
struct wanted {
    struct sequence *sequence;
    int32_t row;
    int32_t target; /* which of the sequence's targets */
};

/* A batch on the device, cut from engine->inputs; the cache's slots, lengths and pages are too. */
struct inputs {
    struct batch batch;
    struct tensor targets; /* i32 [1, outputs asked about] */
    struct tensor uniform; /* f32 [1, draws] */
    int64_t rows, sequences, draws;
    int64_t filling; /* how many of each of these are there to fill it up */
    int64_t pages;   /* of a sequence, that the table has room for */
    bool fits;       /* every sequence draws: such a step can be recorded */
};

/* The decoding steps of one size. */
struct replay {
    int64_t rows, pages;
    bool met; /* there was one */
    struct recording *recording;
};

struct engine {
    struct model *model;
    struct engine_settings settings;
    struct transformer transformer;
    struct engine_tally tally;

    struct arena arena; /* pass, inputs, logits */
    struct pass pass;
    struct tensor inputs;  /* i32 [1, …]: all lists of a batch */
    struct tensor logits;  /* f32 [batch, V] */
    struct tensor results; /* i32 and f32 [1, 2·batch + room]: tokens drawn, their
                            * log-probabilities, those asked about */
    struct arena cache_arena;
    struct cache cache;
    struct pages *pages;
    int64_t page_total; /* on a device that records one more is there, for filling rows */
    int64_t most_pages; /* of one sequence */

    struct sequence *queue, **queue_end; /* waiting, in order */
    struct sequence **running;           /* [batch], in the order in which they were taken up */
    size_t running_count;
    struct outcome *outcomes; /* ring [outcome_room]: tickets first_ticket … next_ticket − 1 */
    size_t outcome_room, first_ticket, next_ticket;

    struct batch_part *parts; /* of the batch being built [batch] */
    size_t part_count;
    int32_t row_count;
    int32_t taken; /* of settings.room: rows, or outputs of a part where those are more */
    struct wanted *draws, *asked; /* [batch], [room] */
    size_t draw_count, asked_count;
    int32_t *host;       /* what is uploaded or came back */
    int64_t input_count; /* of the inputs, laid out so far */

    struct replay *replays;
    size_t replay_count;
};

static inline int32_t known_tokens(const struct sequence *sequence) {
    return (int32_t)sequence->tokens.count;
}

/* Decides what runs next: fills parts, draws, asked. Nothing to do: no parts. */
void batch_build(struct engine *engine);

/* Gives back all pages of a sequence. */
void sequence_release(struct engine *engine, struct sequence *sequence);

/* How many numbers the inputs of a batch are, at most. */
int64_t inputs_room(const struct engine *engine);
/* The inputs of what batch_build() chose; draws the random numbers of its draws. */
struct inputs inputs_upload(struct engine *engine);

/* Enqueues the pass and what comes behind it, up to the results. */
void step_enqueue(struct engine *engine, const struct inputs *inputs);
/* The same for inputs that fit, by a recording where this is the second of its size or later. */
bool replay_run(struct engine *engine, const struct inputs *inputs, struct error *error);
void replays_close(struct engine *engine);

/* Runs what batch_build() chose; lists what was drawn and asked in the sequences' outcomes. */
bool batch_run(struct engine *engine, struct error *error);

void sequence_free(struct sequence *sequence);

struct generation *generation_of(struct engine *engine, const struct sequence *sequence);

#endif
