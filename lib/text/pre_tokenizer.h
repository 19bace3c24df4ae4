/*
 * Pre-tokenizers: how a normalized text falls apart into words before the model sees it. Private to
 * lib/text.
 */
#ifndef LOCKPICK_TEXT_PRE_TOKENIZER_H
#define LOCKPICK_TEXT_PRE_TOKENIZER_H

#include "base/error.h"
#include "base/json.h"
#include "text/pattern.h"

/* A text and the words it is cut into so far. All zero is an empty one; reuse it. */
struct words {
    struct text text; /* the caller's, or in one of the buffers */
    struct span *spans;
    size_t count, capacity;
    struct span *spare; /* the list that the next step makes */
    size_t spare_count, spare_capacity;
    struct buffer buffers[2];
    int next_buffer;
    bool at_start;  /* the first word stands at the beginning of all the text */
    bool continues; /* it goes on where another text ended: nothing is put in front of it */
};

void words_free(struct words *words);

struct pre_tokenizer;

/*
 * `section` is "pre_tokenizer" of tokenizer.json; null or NULL leaves the text whole. With
 * `defer_bytes`, a ByteLevel at the end does not write bytes as characters of its alphabet but
 * leaves that to the model: pre_tokenizer_gives_bytes() tells.
 */
struct pre_tokenizer *pre_tokenizer_open(const json_t *section, bool defer_bytes,
                                         struct error *error);
void pre_tokenizer_close(struct pre_tokenizer *pre_tokenizer);
bool pre_tokenizer_gives_bytes(const struct pre_tokenizer *pre_tokenizer);

/* Cuts a well-formed text; the words are in `words` until the next call. */
bool pre_tokenizer_run(const struct pre_tokenizer *pre_tokenizer, struct words *words,
                       struct text text, bool at_start, struct error *error);

#endif
