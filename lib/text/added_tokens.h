/*
 * Added tokens: texts that are one token wherever they stand, found before the rest of the text is
 * tokenized. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_ADDED_TOKENS_H
#define LOCKPICK_TEXT_ADDED_TOKENS_H

#include "text/normalizer.h"
#include "text/pattern.h"
#include "text/vocabulary.h"

struct added_token {
    int32_t id;
    size_t start, size; /* in `shown`: what decoding shows, the normalized text where that counts */
    bool single_word;   /* only where no word character stands beside it */
    bool left_strip, right_strip; /* takes the white space beside it along */
    bool normalized;              /* looked for in normalized text */
    bool special;
};

/* A trie over bytes. */
struct token_trie {
    struct trie_node {
        uint32_t child, sibling; /* 0: none */
        int32_t token;           /* place in `tokens`, −1: none */
        uint8_t byte;
    } * nodes;
    size_t count, capacity;
    uint32_t roots[256];
};

/* All zero is an empty list. */
struct added_tokens {
    struct vocabulary vocabulary;
    struct added_token *tokens;
    size_t count;
    struct buffer shown;
    struct token_trie raw, normalized;
};

/* `section` is "added_tokens" of tokenizer.json, or NULL. `normalizer` is what texts to be found in
 * normalized text go through. */
bool added_tokens_open(struct added_tokens *added, const json_t *section,
                       const struct normalizer *normalizer, struct error *error);
/* "added_tokens_decoder" of tokenizer_config.json: ids as text with what the section has. All are
 * looked for in raw text. */
bool added_tokens_read_decoder(struct added_tokens *added, const json_t *section,
                               struct error *error);
/* What a "…_token" of a configuration is: a text itself, or "content" of an object; else NULL or no
 * text. Borrowed. */
const json_t *token_content(const json_t *value);
/* added_tokens.json: texts with ids; special where `config`, tokenizer_config.json or NULL, has
 * them for a token of its own. */
bool added_tokens_read_ids(struct added_tokens *added, json_t *ids, const json_t *config,
                           struct error *error);
bool added_tokens_add(struct added_tokens *added, struct text content, struct added_token token,
                      const struct normalizer *normalizer, struct error *error);
void added_tokens_close(struct added_tokens *added);

/* NULL where the id is not an added token's. */
const struct added_token *added_tokens_find(const struct added_tokens *added, int32_t id);

/* The text that decoding shows for it, borrowed. */
struct text added_tokens_text(const struct added_tokens *added, const struct added_token *token);

/* Size of the longest token to be found in normalized text that `text` begins with; 0: none. */
size_t added_tokens_prefix(const struct added_tokens *added, struct text text);

/*
 * The next token in `text` from *at on, in `normalized` text or raw; where it stands with the space
 * that it takes along. *at moves behind the bare token; `floor` is where the last one ended.
 */
const struct added_token *added_tokens_next(const struct added_tokens *added, bool normalized,
                                            bool literal, struct text text, size_t *at,
                                            size_t floor, struct span *place);

#endif
