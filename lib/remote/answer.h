/*
 * What is answered: the JSON that endpoints send, checked and taken apart. Nothing in it is
 * trusted: sizes were bounded by the exchange, UTF-8 and nesting are checked by the parser, numbers
 * and shapes here.
 */
#ifndef LOCKPICK_REMOTE_ANSWER_H
#define LOCKPICK_REMOTE_ANSWER_H

#include "remote/request.h"

enum { DIGIT_COUNT = 10, EMBEDDING_LIMIT = 65536 /* numbers in one embedding */ };

struct answer {
    struct buffer text;
    char finish[16];     /* "stop", "length", "content_filter" */
    bool has_logprob;    /* asked for and told: an empty text may be without */
    double logprob;      /* of all tokens of the text, nats */
    int64_t token_count; /* of the text; −1: not told */
    /* ln of the probability that the first token is that digit; −infinity: not among the listed */
    double digits[DIGIT_COUNT];
    float *embedding; /* [width], owned */
    size_t width;
};

void answer_free(struct answer *answer);

/* What the endpoint says it counted; 0 where it says nothing. */
struct token_usage {
    uint64_t prompt;
    uint64_t completion;
};

/* The text of a chat or completion call; `digits` only where `top_logprobs` were asked for. */
bool answer_text(enum call_kind kind, const struct request_settings *settings, struct text bytes,
                 struct answer *answer, struct token_usage *usage, struct error *error);

/*
 * The `count` embeddings of an embedding call, each handed to `take` as the JSON array of its
 * numbers, in the order of the texts asked; all must have the same width.
 */
bool answer_embeddings(struct text bytes, size_t count,
                       bool (*take)(void *context, size_t index, struct text numbers,
                                    struct error *error),
                       void *context, struct token_usage *usage, struct error *error);
/* One such array, as answer->embedding. */
bool answer_embedding(struct text numbers, struct answer *answer, struct error *error);

#endif
