/*
 * Many sequences through one model at once: continuous batching over a paged key/value cache.
 *
 * Requests wait in a queue; a step runs one packed batch through the model: one row for every
 * sequence that is drawing tokens, and as many rows of waiting prompts, cut into chunks, as there
 * is room for. A sequence that ends makes place for the next one at once. Whole pages of equal
 * beginnings of prompts are computed once and shared (pages.h). When the cache is full, the
 * youngest sequence gives its pages back and is taken up again later where it was.
 *
 * On a device that records, a step in which every sequence draws is filled up to one of a few sizes
 * and, from the second of a size on, is one recording.
 *
 * The batches follow from the order and the contents of the requests alone, never from time. What
 * is drawn depends on the request (seed, id, sample, round), not on its neighbours.
 */
#ifndef LOCKPICK_INFER_ENGINE_H
#define LOCKPICK_INFER_ENGINE_H

#include "base/random.h"
#include "model/transformer.h"
#include "text/tokenizer.h"

/* Told of every token drawn for the request that carries `user`, in order, stop tokens excepted;
 * true ends the completion with it. */
typedef bool (*engine_listener)(void *context, void *user, int32_t token);

struct engine_settings {
    struct sampling sampling;
    int64_t max_tokens;   /* new tokens a sequence, at most */
    int64_t batch;        /* sequences at once, at most; 0: engine_batch() */
    int64_t room;         /* rows of one batch, at most; raised to `batch` where it is less */
    int64_t cache_memory; /* bytes for keys and values, at most; 0: engine_cache_memory() */
    bool no_graphs;       /* no step is recorded and replayed; the results have the same bits */
    const int32_t *stop_tokens;
    size_t stop_token_count;
    engine_listener listener; /* may be NULL */
    void *listener_context;
};

/*
 * Without targets: a completion is drawn. With targets nothing is drawn, but log-probabilities are
 * told: of each target as the next token behind the prompt (`alternatives`), or of the targets one
 * after another behind it.
 */
struct request {
    const int32_t *tokens; /* the prompt */
    int32_t count;         /* at least 1, less than the model's positions */
    const int32_t *targets;
    int32_t target_count;
    bool alternatives;
    struct random_name random; /* of drawing */
    void *user;                /* for the listener */
};

enum finish_reason { FINISH_STOP, FINISH_LENGTH };

/* Owned by the caller, who calls generation_free(). */
struct generation {
    struct token_list tokens; /* drawn; the stop token is not among them */
    double log_probability;   /* sum over the drawn tokens, the stop token included; or targets */
    float *target_log_probabilities; /* [target_count], NULL without targets */
    int32_t target_count;
    enum finish_reason finish;
};

void generation_free(struct generation *generation);

/* What went through the model so far. */
struct engine_tally {
    int64_t steps;
    int64_t prompt_rows; /* computed */
    int64_t shared_rows; /* of prompts, not computed because others had the same beginning */
    int64_t drawn;       /* tokens */
    int64_t taken_back;  /* times a sequence gave its pages back */
    int64_t recorded;    /* steps that were recorded, once for each size but where memory moved */
    int64_t replayed;    /* steps run by a recording */
    int64_t largest;     /* sequences at once */
};

struct engine;

/*
 * How many sequences an engine has at once that is told 0. Of a model whose weights fit into a
 * processor's caches, a step on the CPU waits for keys and values; so many sequences as have theirs
 * there too, about 8 MB, are faster than more. Otherwise 256, since weights are read once for all.
 */
int64_t engine_batch(const struct model *model, const struct engine_settings *settings);
/*
 * Bytes that keys and values may take in an engine that is told 0. On the CPU always the same, for
 * which sequences wait decides on the batches, and those on the last digits; on a GPU, where memory
 * is scarce, what is free beside the operations' scratch, less a sixteenth for the parts of long
 * sequences and for recordings. To be asked when all else is open.
 */
int64_t engine_cache_memory(const struct model *model, const struct engine_settings *settings);

/* `model` must outlive the engine. */
struct engine *engine_open(struct model *model, const struct engine_settings *settings,
                           struct error *error);
void engine_close(struct engine *engine);

/* Puts a request behind all others; copies what it points to, `user` excepted. Fails for tokens
 * outside the vocabulary or more of them than the model has positions. */
bool engine_submit(struct engine *engine, const struct request *request, struct error *error);

/* Runs one batch; without anything to do it does nothing. Fails on a stop signal, too. */
bool engine_step(struct engine *engine, struct error *error);

/* Moves the result of the oldest request whose result was not yet taken to `out`; false while that
 * one is not finished, or there is none. */
bool engine_take(struct engine *engine, struct generation *out);

/* Requests that were submitted and whose results were not taken. */
size_t engine_pending(const struct engine *engine);

struct engine_tally engine_tally(const struct engine *engine);

/* All of it at once: fills out[0 … count − 1] (all zero before). The engine must have nothing
 * pending. */
bool engine_generate(struct engine *engine, const struct request *requests, size_t count,
                     struct generation *out, struct error *error);

#endif
