/*
 * Tokenizers of Hugging Face checkpoints: text to token ids and back.
 */
#ifndef LOCKPICK_TEXT_TOKENIZER_H
#define LOCKPICK_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

struct tokenizer;

/* Token ids; all zero is an empty list. */
struct token_list {
    int32_t *ids;
    size_t count;
    size_t capacity;
};

void token_list_add(struct token_list *list, int32_t id);
void token_list_free(struct token_list *list);

/* Reads `path`/tokenizer.json, or the file itself where `path` names a file. */
struct tokenizer *tokenizer_open(const char *path, struct error *error);
/* The same from the bytes of a tokenizer.json. */
struct tokenizer *tokenizer_parse(const void *bytes, size_t size, struct error *error);
void tokenizer_close(struct tokenizer *tokenizer);

int64_t tokenizer_size(const struct tokenizer *tokenizer); /* highest id + 1 */
/* Appends the ids of `text`; an unknown word is an error that quotes it, unless the vocabulary has
 * the tokenizer's unk_token. Nothing is appended on failure. Thread-safe. */
bool tokenizer_encode(const struct tokenizer *tokenizer, struct text text, struct token_list *out,
                      struct error *error);
/* Appends the text of the ids. An id out of range is an error. */
bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                      struct buffer *out, struct error *error);
/* −1 where there is no such token. */
int32_t tokenizer_id(const struct tokenizer *tokenizer, struct text token);
/* What has to stand between a prompt and its completion when they are joined as text: " " for
 * word-level tokenizers. */
const char *tokenizer_separator(const struct tokenizer *tokenizer);

#endif
