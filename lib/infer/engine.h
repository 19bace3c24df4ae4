/*
 * Completions of many prompts at once: prefill of packed prompts into a paged key/value cache, then
 * one token a step for all sequences still running. What is drawn depends on the request alone
 * (seed, id, sample, round), never on its neighbours in the batch.
 */
#ifndef LOCKPICK_INFER_ENGINE_H
#define LOCKPICK_INFER_ENGINE_H

#include "base/random.h"
#include "model/transformer.h"
#include "text/tokenizer.h"

struct engine_settings {
    struct sampling sampling;
    int64_t max_tokens; /* new tokens a sequence, at most */
    int64_t batch;      /* sequences at once, at most */
    int64_t room;       /* prompt tokens in one prefill, at most */
    const int32_t *stop_tokens;
    size_t stop_token_count;
};

struct request {
    const int32_t *tokens; /* the prompt; borrowed */
    int32_t count;         /* at least 1, less than the model's positions */
    struct random_name random;
};

enum finish_reason { FINISH_STOP, FINISH_LENGTH };

/* Owned by the caller: token_list_free(&tokens). The stop token is not among them. */
struct generation {
    struct token_list tokens;
    double log_probability; /* sum over the drawn tokens, the stop token included */
    enum finish_reason finish;
};

struct engine;

/* `model` must outlive the engine. */
struct engine *engine_open(struct model *model, const struct engine_settings *settings,
                           struct error *error);
void engine_close(struct engine *engine);

/* Fills out[0 … count − 1] (all zero before); at most settings.batch requests. */
bool engine_generate(struct engine *engine, const struct request *requests, size_t count,
                     struct generation *out, struct error *error);

#endif
