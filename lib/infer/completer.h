/*
 * Problems to completions: renders prompts, keeps the engine supplied, and writes the completion
 * group of fields in the order of the input, each as soon as its turn has come.
 *
 * A problem with `choices` is answered by one look at the next token's logits: `choice_logprobs`
 * holds the log-probability of each choice's first token behind the prompt, and the completion is
 * the likeliest choice (or, at a temperature, one drawn among them).
 *
 * With `rate` the model is a judge of completions made before: `rating_logprobs` holds the
 * log-probabilities of the digits 1 to 5 behind that template, and the completion stays.
 */
#ifndef LOCKPICK_INFER_COMPLETER_H
#define LOCKPICK_INFER_COMPLETER_H

#include "base/options.h"
#include "infer/engine.h"
#include "record/filter.h"
#include "task/prompts.h"

enum overflow {
    OVERFLOW_ERROR,   /* a prompt too long for the model is a bad record */
    OVERFLOW_VERDICT, /* it gets an empty completion with finish `overflow` */
};

struct completer_settings {
    struct engine_settings engine; /* listener and stop tokens are the completer's own business */
    const char *template;          /* see prompts_open() */
    struct text password;          /* empty: none */
    enum password_place place;
    struct text_list stop_words; /* tokens of the vocabulary that end a completion */
    struct text_list stop_texts; /* texts that end a completion, and are cut off it */
    const char *policy;          /* for the field of that name */
    int64_t samples;             /* completions a problem */
    uint64_t seed, round;
    enum overflow overflow;
    bool write_round;  /* put `round` into the records */
    bool write_tokens; /* put `token_ids` into the records */
    bool free_form;    /* problems with choices are answered in words like all others */
    bool soft;         /* choices only: their distribution as `targets` too, for others to learn */
    bool score;        /* log-probabilities of the completions already there, nothing drawn */
    bool rerender;     /* scoring: make `input` anew even where a record has one */
    const char *rate;  /* template (as above): what is asked of a judge about the completions that
                          are already there; NULL: nothing is */
    bool write_token_logprobs; /* scoring: put `token_logprobs` into the records */
};

struct completer;

/* Borrows filter, model and tokenizer; copies the settings, not what they point to. */
struct completer *completer_open(struct filter *filter, struct model *model,
                                 const struct tokenizer *tokenizer,
                                 const struct completer_settings *settings, struct error *error);
void completer_close(struct completer *completer);

/*
 * Takes a problem (copied); runs the engine and writes while more wait than it needs to keep busy.
 * A problem whose prompt cannot be rendered, has unknown words or no token is rejected, as is one
 * that leaves no room in the model's positions (but see `overflow`).
 */
bool completer_add(struct completer *completer, const struct record *problem, struct error *error);
/* Runs and writes what is still waiting. */
bool completer_flush(struct completer *completer, struct error *error);

#endif
