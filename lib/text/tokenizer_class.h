/*
 * What a kind of tokenizer provides to tokenizer.c: one table of functions a kind, each in a file
 * of its own. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_TOKENIZER_CLASS_H
#define LOCKPICK_TEXT_TOKENIZER_CLASS_H

#include "base/json.h"
#include "text/tokenizer.h"

struct tokenizer_class {
    const char *type;      /* "model"."type" of tokenizer.json */
    const char *separator; /* see tokenizer_separator() */
    /* The state, made from the whole file; the class checks every part of it that changes ids. */
    void *(*open)(const json_t *root, struct error *error);
    void (*close)(void *state);
    int64_t (*size)(const void *state);
    int32_t (*id)(const void *state, struct text token);
    /* Both only read the state, so that threads can share it. */
    bool (*encode)(const void *state, struct text text, struct token_list *out,
                   struct error *error);
    /* The ids were found to be within [0, size). */
    void (*decode)(const void *state, const int32_t *ids, size_t count, struct buffer *out);
};

/* Whole words by their place in a vocabulary: wordlevel.c. */
extern const struct tokenizer_class wordlevel_class;

/* Appends `text` between double quotes, cut to a length fit for a message, control characters and
 * what is not UTF-8 as \xNN. */
void quote_for_message(struct text text, struct buffer *out);

#endif
