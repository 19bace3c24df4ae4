/*
 * What the files of the engine share: engine.c (requests in, results out), batch.c (which rows run
 * next), step.c (one batch through the model). Private to lib/infer.
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

struct engine {
    struct model *model;
    struct engine_settings settings;
    struct transformer transformer;
    struct engine_tally tally;

    struct arena arena; /* pass, inputs, logits */
    struct pass pass;
    struct tensor tokens, positions, slots;         /* i32 [1, room] */
    struct tensor offsets, lengths;                 /* i32 [1, batch + 1], [1, batch] */
    struct tensor table;                            /* i32 [1, batch · most pages of a sequence] */
    struct tensor rows, targets, scores;            /* [1, room] */
    struct tensor logits;                           /* f32 [batch, V] */
    struct tensor chosen, log_probability, uniform; /* [1, batch] */
    struct arena cache_arena;
    struct cache cache;
    struct pages *pages;
    int64_t page_total;
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
    int32_t *host; /* what is uploaded or came back */
    float *host_real;
};

static inline int32_t known_tokens(const struct sequence *sequence) {
    return (int32_t)sequence->tokens.count;
}

/* Decides what runs next: fills parts, draws, asked. Nothing to do: no parts. */
void batch_build(struct engine *engine);

/* Gives back all pages of a sequence. */
void sequence_release(struct engine *engine, struct sequence *sequence);

/* Runs what batch_build() chose; lists what was drawn and asked in the sequences' outcomes. */
bool batch_run(struct engine *engine, struct error *error);

void sequence_free(struct sequence *sequence);

struct generation *generation_of(struct engine *engine, const struct sequence *sequence);

#endif
