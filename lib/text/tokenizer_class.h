/*
 * What a kind of tokenizer provides to tokenizer.c: one table of functions a kind, each in a file
 * of its own. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_TOKENIZER_CLASS_H
#define LOCKPICK_TEXT_TOKENIZER_CLASS_H

#include "base/json.h"
#include "text/tokenizer.h"

struct tokenizer_class {
    const char *separator; /* see tokenizer_separator() */
    /* The state, made from the whole file; the class checks every part of it that changes ids. */
    void *(*open)(const json_t *root, struct error *error);
    void (*close)(void *state);
    int64_t (*size)(const void *state);
    int32_t (*id)(const void *state, struct text token);
    struct text (*token)(const void *state, int32_t id); /* the id is within [0, size) */
    bool (*is_special)(const void *state, int32_t id);
    int32_t (*bos)(const void *state);
    int32_t (*eos)(const void *state);
    /* What one thread needs besides the state; `lasting` where many texts will follow. */
    void *(*open_scratch)(const void *state, bool lasting);
    void (*close_scratch)(void *scratch);
    /* Reads the state only, so that threads can share it. Failing, it may leave ids behind. */
    bool (*encode)(const void *state, void *scratch, struct text text, unsigned flags,
                   struct token_list *out, struct error *error);
    /* One text of many tokens; `decoding` keeps what is held back. Ids are within [0, size). */
    void *(*open_decoding)(const void *state);
    void (*decode)(void *decoding, int32_t id, struct buffer *out);
    void (*end_decoding)(void *decoding, struct buffer *out); /* as new then */
    void (*close_decoding)(void *decoding);
};

/* Whole words by their place in a vocabulary: wordlevel.c. */
extern const struct tokenizer_class wordlevel_class;
/* Everything else, as a chain of steps: pipeline.c. */
extern const struct tokenizer_class pipeline_class;

/* The state of pipeline_class from a SentencePiece model and what stands beside it, as text or
 * empty: tokenizer_config.json and added_tokens.json. sentencepiece.c. */
void *sentencepiece_open(const void *bytes, size_t size, struct text config, struct text added,
                         struct error *error);

/* Appends `text` between double quotes, cut to a length fit for a message, control characters and
 * what is not UTF-8 as \xNN. */
void quote_for_message(struct text text, struct buffer *out);
/* Fills the error with `what` and the quoted text behind it; returns false. */
bool refuse_quoted(struct error *error, const char *what, struct text text, const char *instead);

#endif
