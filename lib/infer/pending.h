/*
 * One record on its way through the engine: what is asked of the engine for it, and how the result
 * becomes fields. Private to lib/infer.
 */
#ifndef LOCKPICK_INFER_PENDING_H
#define LOCKPICK_INFER_PENDING_H

#include "infer/completer.h"

/* What all answers share. */
struct answering {
    struct completer_settings settings;
    const struct tokenizer *tokenizer;
    const struct model_config *config;
    struct encoder *encoder;
    struct prompts *prompts;
    int32_t *stop_tokens;
    struct buffer input, packed; /* scratch */
    struct token_list tokens, targets, alternative;
    struct record rated; /* scratch: the record as a judge's template sees it */
    bool ends;           /* the targets have the end token behind them */
};

void answering_free(struct answering *answering);

struct pending {
    struct pending *next;
    struct record record; /* with `input` set */
    int64_t sample;
    bool ready;                  /* nothing is asked of the engine; the record can be written */
    bool chooses;                /* the problem has choices, or a rating is asked for */
    bool ends;                   /* the end token is among what is scored */
    struct random random;        /* of drawing among choices */
    struct token_stream *stream; /* with stop texts: what was drawn so far, */
    struct buffer text;          /* as text, */
    bool stopped;                /* and whether one of them came */
};

/* Submits what a record asks for; NULL and an error where the record is bad. */
struct pending *pending_start(struct answering *answering, struct engine *engine,
                              const struct record *problem, int64_t sample, struct error *error);
/* Puts the result into the record. */
bool pending_finish(struct answering *answering, struct pending *pending,
                    const struct generation *generation, struct error *error);
void pending_free(struct pending *pending);

/* The engine's listener: true when the text drawn for `user`, an pending, has come to a stop text.
 */
bool pending_hear(void *context, void *user, int32_t token);

#endif
