/*
 * Problems to completions: renders prompts, gathers batches for the engine, and writes the
 * completion group of fields in the order of the input.
 */
#ifndef LOCKPICK_INFER_COMPLETER_H
#define LOCKPICK_INFER_COMPLETER_H

#include "infer/engine.h"
#include "record/filter.h"
#include "text/prompt.h"

struct completer_settings {
    struct engine_settings engine;
    struct text password; /* empty: none */
    enum password_place place;
    const char *policy; /* for the field of that name */
    int64_t samples;    /* completions a problem */
    uint64_t seed, round;
    bool write_round;  /* put `round` into the records */
    bool write_tokens; /* put `token_ids` into the records */
};

struct completer;

/* Borrows filter, model and tokenizer. */
struct completer *completer_open(struct filter *filter, struct model *model,
                                 const struct tokenizer *tokenizer,
                                 const struct completer_settings *settings, struct error *error);
void completer_close(struct completer *completer);

/*
 * Takes a problem (copied); generates and writes when a batch is full. A problem whose prompt
 * cannot be rendered, has unknown words, no token, or leaves no room in the model's positions is
 * rejected.
 */
bool completer_add(struct completer *completer, const struct record *problem, struct error *error);
/* Generates and writes what is still waiting. */
bool completer_flush(struct completer *completer, struct error *error);

#endif
