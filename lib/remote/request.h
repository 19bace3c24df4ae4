/*
 * What is asked: the JSON bodies of chat, completion and embedding calls as OpenAI-compatible
 * endpoints take them. A body is canonical, its keys sorted, so that the same question is the same
 * bytes and finds its answer in the cache.
 */
#ifndef LOCKPICK_REMOTE_REQUEST_H
#define LOCKPICK_REMOTE_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

enum call_kind { CALL_CHAT, CALL_COMPLETION, CALL_EMBEDDING };

/* "chat"; "/chat/completions". */
const char *call_name(enum call_kind kind);
const char *call_path(enum call_kind kind);

struct message {
    const char *role; /* "system", "user", "assistant" */
    struct text text;
};

struct request_settings {
    const char *model;
    double temperature, top_p; /* top_p 1: not sent */
    int64_t max_tokens;        /* 0: not sent */
    int64_t seed;              /* of sample 0; below 0: not sent */
    int64_t top_logprobs;      /* below 0: no log-probabilities; 0: of the tokens taken alone */
    const char *const *stop;   /* [stop_count] */
    size_t stop_count;
    int64_t dimensions; /* of embeddings; 0: the model's own */
    json_t *extra;      /* members to add or, where null, to leave out; NULL: none */
};

/*
 * Reads "NAME=VALUE", VALUE being JSON where it parses as JSON and text otherwise, into *extra
 * (made where NULL). Refused: what the call itself is made of (model, messages, prompt, input, n,
 * stream).
 */
bool request_add_extra(json_t **extra, const char *assignment, struct error *error);

/*
 * Appends the body; text that is no UTF-8 is refused. A completion call has one message, whose role
 * is not told. Sample `sample` is asked for with seed + sample.
 */
bool request_text(enum call_kind kind, const struct request_settings *settings,
                  const struct message *messages, size_t count, uint64_t sample,
                  struct buffer *body, struct error *error);
bool request_embedding(const struct request_settings *settings, const struct text *texts,
                       size_t count, struct buffer *body, struct error *error);

#endif
