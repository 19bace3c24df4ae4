/*
 * Token models: how one word becomes tokens. A word is what pre-tokenization leaves; a model sees
 * one at a time, so that words can be cached. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_TOKEN_MODEL_H
#define LOCKPICK_TEXT_TOKEN_MODEL_H

#include "text/tokenizer.h"
#include "text/vocabulary.h"

/* Scratch memory of one thread, for all models. All zero is an empty one. */
struct model_scratch {
    struct buffer symbols, pairs, text;
};

void model_scratch_free(struct model_scratch *scratch);

/*
 * Where text may be cut because no token of the vocabulary reaches across: between the characters x
 * and y when no token holds x followed by y. Long words, such as whole texts where a tokenizer does
 * not pre-tokenize, fall apart into words that can be cached. Classes of characters: the ASCII
 * ones each, U+2581, and all others together.
 */
struct word_cuts {
    bool joined[130][130];
};

/* Notes that a token of this text exists. */
void word_cuts_join(struct word_cuts *cuts, struct text token);
/* Size of the first word of well-formed text that is not empty. */
size_t word_cuts_next(const struct word_cuts *cuts, struct text text);

struct token_model {
    void (*close)(struct token_model *model);
    /* Appends the tokens of a word that is not empty, well-formed UTF-8 (any bytes with a
     * byte-level model). Thread-safe with a scratch for each thread. */
    bool (*encode)(const struct token_model *model, struct model_scratch *scratch, struct text word,
                   struct token_list *out, struct error *error);
    const struct vocabulary *vocabulary; /* belongs to the caller */
    const struct word_cuts *cuts;        /* NULL: words stay whole */
};

/* `section` is "model" of tokenizer.json. `byte_level`: words come as bytes that stand for the
 * characters of the byte-level alphabet. */
struct token_model *bpe_open(const json_t *section, const struct vocabulary *vocabulary,
                             bool byte_level, struct error *error);
struct token_model *wordpiece_open(const json_t *section, const struct vocabulary *vocabulary,
                                   struct error *error);
struct token_model *unigram_open(const json_t *section, const struct vocabulary *vocabulary,
                                 struct error *error);

/* A piece of a SentencePiece model. */
struct scored_piece {
    struct text text;
    double score;
    int32_t id;
    bool user_defined; /* does not count when the worst score is looked for */
};

/*
 * Byte-pair encoding as SentencePiece does it: of all pairs whose text is a piece, the one with the
 * highest score is joined, the leftmost of equals. `bytes`: ids of the 256 byte tokens, or NULL.
 */
struct token_model *bpe_open_scored(const struct scored_piece *pieces, size_t count,
                                    const struct vocabulary *vocabulary, const int32_t *bytes,
                                    int32_t unknown, struct error *error);
/* A unigram model of pieces; see unigram.c for what `single_precision` is about. */
struct token_model *unigram_open_scored(const struct scored_piece *pieces, size_t count,
                                        const struct vocabulary *vocabulary, const int32_t *bytes,
                                        int32_t unknown, bool single_precision,
                                        struct error *error);

/* The id of "<0xNN>", −1 where there is none. */
int32_t byte_token_id(const struct vocabulary *vocabulary, unsigned byte);

/*
 * The byte-level alphabet of GPT-2: each byte as one character, printable ASCII and most of Latin-1
 * as itself, the others from U+0100 up.
 */
int32_t byte_level_character(unsigned byte);
int byte_level_byte(int32_t code); /* −1: not of the alphabet */

#endif
