/*
 * WordPiece (Schuster and Nakajima, "Japanese and Korean voice search", ICASSP 2012; the greedy
 * form of BERT): the longest token that the word begins with, then the longest continuing token,
 * and so on; a word that does not come out is unknown as a whole.
 */
#include <stdlib.h>

#include "text/token_model.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

#define MOST_CHARACTERS 1000

struct wordpiece {
    struct token_model model;
    struct buffer prefix; /* of tokens that continue a word: "##" */
    size_t most_characters;
    int32_t unknown;
};

static void wordpiece_close(struct token_model *model) {
    struct wordpiece *wordpiece = (struct wordpiece *)model;
    buffer_free(&wordpiece->prefix);
    free(wordpiece);
}

/* The longest token at `start`, −1 for none; *end is where it ends. */
static int32_t longest(const struct wordpiece *wordpiece, struct buffer *name, struct text word,
                       size_t start, size_t *end) {
    const uint8_t *bytes = (const uint8_t *)word.bytes;
    name->size = 0;
    if (start > 0)
        buffer_append(name, wordpiece->prefix.data, wordpiece->prefix.size);
    size_t prefix = name->size;
    buffer_append(name, word.bytes + start, word.size - start);
    for (*end = word.size; *end > start; *end = utf8_back(bytes, *end)) {
        struct text token = {(const char *)name->data, prefix + *end - start};
        int32_t id = vocabulary_id(wordpiece->model.vocabulary, token);
        if (id >= 0)
            return id;
    }
    return -1;
}

static bool wordpiece_encode(const struct token_model *model, struct model_scratch *scratch,
                             struct text word, struct token_list *out, struct error *error) {
    const struct wordpiece *wordpiece = (const struct wordpiece *)model;
    size_t before = out->count, characters = 0;
    (void)error; /* every word has tokens */
    for (size_t i = 0; i < word.size; i += utf8_step((const uint8_t *)word.bytes + i))
        characters++;
    bool known = characters <= wordpiece->most_characters;
    for (size_t start = 0, end = 0; known && start < word.size; start = end) {
        int32_t id = longest(wordpiece, &scratch->text, word, start, &end);
        known = id >= 0;
        if (known)
            token_list_add(out, id);
    }
    if (!known) {
        out->count = before;
        token_list_add(out, wordpiece->unknown);
    }
    return true;
}

struct token_model *wordpiece_open(const json_t *section, const struct vocabulary *vocabulary,
                                   struct error *error) {
    const char *unknown, *prefix;
    int64_t most;
    if (!json_get_text(section, "unk_token", false, "[UNK]", &unknown, error) ||
        !json_get_text(section, "continuing_subword_prefix", false, "##", &prefix, error) ||
        !json_get_integer(section, "max_input_chars_per_word", false, 100, 0, MOST_CHARACTERS,
                          &most, error))
        return NULL;
    int32_t id = vocabulary_id(vocabulary, text_of(unknown));
    if (id < 0) {
        error_set(error, "unk_token is not in the vocabulary");
        return NULL;
    }
    struct wordpiece *wordpiece = allocate(1, sizeof *wordpiece);
    wordpiece->model.close = wordpiece_close;
    wordpiece->model.encode = wordpiece_encode;
    wordpiece->model.vocabulary = vocabulary;
    buffer_append_text(&wordpiece->prefix, prefix);
    wordpiece->most_characters = (size_t)most;
    wordpiece->unknown = id;
    return &wordpiece->model;
}
