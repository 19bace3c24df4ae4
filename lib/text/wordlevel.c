/*
 * Word-level tokenizers: text is split at white space, and every word is one token, found in a
 * vocabulary. That is `WordLevel` behind the pre-tokenizer `WhitespaceSplit` of the tokenizers
 * library; ids back to text joins the words with one space each.
 *
 * The vocabulary is an open-addressed hash table (XXH3, linear probing, at most half full) of ids;
 * words lie one behind the other in one run of bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/hash.h"
#include "text/tokenizer_class.h"

#define MOST_WORDS (1 << 24)

struct wordlevel {
    struct buffer bytes; /* all words, in the order of their ids */
    size_t *starts;      /* [count + 1] into bytes */
    size_t count;
    int32_t *table; /* [mask + 1]: an id, or −1 */
    size_t mask;
    uint64_t seed;   /* of the table */
    int32_t unknown; /* id of the unknown word; −1: there is none */
};

static struct text word_of(const struct wordlevel *state, size_t id) {
    return (struct text){(const char *)state->bytes.data + state->starts[id],
                         state->starts[id + 1] - state->starts[id]};
}

/* Where the word stands in the table, or the free place where it would. */
static size_t place_of(const struct wordlevel *state, struct text word) {
    size_t place = XXH3_64bits_withSeed(word.bytes, word.size, state->seed) & state->mask;
    while (state->table[place] >= 0 &&
           !text_equal(word_of(state, (size_t)state->table[place]), word))
        place = (place + 1) & state->mask;
    return place;
}

static int32_t wordlevel_id(const void *opaque, struct text token) {
    const struct wordlevel *state = opaque;
    return state->table[place_of(state, token)];
}

static int64_t wordlevel_size(const void *opaque) {
    const struct wordlevel *state = opaque;
    return (int64_t)state->count;
}

static void wordlevel_close(void *opaque) {
    struct wordlevel *state = opaque;
    buffer_free(&state->bytes);
    free(state->starts);
    free(state->table);
    free(state);
}

/* ---- opening ---- */

/* A template that is the text alone: transformers writes one when it saves a tokenizer anew. */
static bool adds_nothing(const json_t *processor) {
    const char *type = json_string_value(json_object_get(processor, "type"));
    const json_t *single = json_object_get(processor, "single");
    const json_t *sequence = json_object_get(json_array_get(single, 0), "Sequence");
    const char *id = json_string_value(json_object_get(sequence, "id"));
    return type != NULL && strcmp(type, "TemplateProcessing") == 0 &&
           json_array_size(single) == 1 && id != NULL && strcmp(id, "A") == 0;
}

/* The parts of tokenizer.json that would change ids and that this class does not do. (Truncation
 * and padding do not count: transformers sets both anew with every call.) */
static bool check_parts(const json_t *root, struct error *error) {
    static const char *const absent[] = {"normalizer", "post_processor", "decoder"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        const json_t *part = json_object_get(root, absent[i]);
        if (part != NULL && !json_is_null(part) && !(i == 1 && adds_nothing(part)))
            return error_set(error, "%s is set; a WordLevel tokenizer is supported without one",
                             absent[i]);
    }
    const json_t *added = json_object_get(root, "added_tokens");
    if (added != NULL && !json_is_null(added) &&
        (!json_is_array(added) || json_array_size(added) > 0))
        return error_set(error, "added_tokens is not an empty list; a WordLevel tokenizer is "
                                "supported with all its words in the vocabulary");
    const json_t *splitter = json_object_get(root, "pre_tokenizer");
    const char *type = json_string_value(json_object_get(splitter, "type"));
    if (type == NULL || strcmp(type, "WhitespaceSplit") != 0) {
        struct buffer quoted = {0};
        quote_for_message(text_of(type ? type : "none"), &quoted);
        error_set(error,
                  "pre_tokenizer is %.*s; a WordLevel tokenizer is supported with "
                  "\"WhitespaceSplit\"",
                  (int)quoted.size, (const char *)quoted.data);
        buffer_free(&quoted);
        return false;
    }
    return true;
}

static bool wrong_id(struct error *error, const char *word, const char *what) {
    struct buffer quoted = {0};
    quote_for_message(text_of(word), &quoted);
    error_set(error, "model.vocab: the id of %.*s %s", (int)quoted.size, (const char *)quoted.data,
              what);
    buffer_free(&quoted);
    return false;
}

/* words[id] = word for the whole vocabulary; the ids must be 0 … count − 1, each once. */
static bool order_words(json_t *vocabulary, const char **words, struct error *error) {
    size_t count = json_object_size(vocabulary);
    const char *word;
    json_t *value;
    json_object_foreach(vocabulary, word, value) {
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return wrong_id(error, word, "is not a whole number from 0 up");
        if ((uint64_t)json_integer_value(value) >= count)
            return wrong_id(error, word,
                            "is beyond the number of words; ids must follow one another from 0");
        size_t id = (size_t)json_integer_value(value);
        if (words[id] != NULL)
            return wrong_id(error, word, "is another word's too; each word needs its own");
        words[id] = word;
    }
    return true; /* `count` distinct numbers below `count`: no holes */
}

static void build(struct wordlevel *state, const char *const *words) {
    state->starts = allocate(state->count + 1, sizeof *state->starts);
    for (size_t i = 0; i < state->count; i++) {
        state->starts[i] = state->bytes.size;
        buffer_append_text(&state->bytes, words[i]);
    }
    state->starts[state->count] = state->bytes.size;
    size_t places = 16;
    while (places < 2 * state->count)
        places *= 2;
    state->mask = places - 1;
    state->seed = hash_seed();
    state->table = allocate(places, sizeof *state->table);
    for (size_t i = 0; i < places; i++)
        state->table[i] = -1;
    for (size_t i = 0; i < state->count; i++)
        state->table[place_of(state, word_of(state, i))] = (int32_t)i;
}

static void *wordlevel_open(const json_t *root, struct error *error) {
    const json_t *model = json_object_get(root, "model");
    json_t *vocabulary = json_object_get(model, "vocab");
    const char *unknown;
    if (!check_parts(root, error) ||
        !json_get_text(model, "unk_token", false, NULL, &unknown, error))
        return NULL;
    if (!json_is_object(vocabulary) || json_object_size(vocabulary) == 0 ||
        json_object_size(vocabulary) > MOST_WORDS) {
        error_set(error, "model.vocab must be an object of 1 to %d words with their ids",
                  MOST_WORDS);
        return NULL;
    }
    struct wordlevel *state = allocate(1, sizeof *state);
    state->count = json_object_size(vocabulary);
    const char **words = allocate(state->count, sizeof *words);
    bool ordered = order_words(vocabulary, words, error);
    if (ordered) {
        build(state, words);
        state->unknown = unknown ? wordlevel_id(state, text_of(unknown)) : -1;
    }
    free(words);
    if (!ordered) {
        wordlevel_close(state);
        return NULL;
    }
    return state;
}

/* ---- text to ids and back ---- */

/*
 * Bytes of the white-space character at `at`, 0 where there is another one: Unicode's White_Space,
 * as the reference splits. The lead byte alone tells, so text that is not UTF-8 is split safely.
 */
static size_t space_size(const uint8_t *at, size_t left) {
    if (at[0] == ' ' || (at[0] >= '\t' && at[0] <= '\r'))
        return 1;
    if (at[0] < 0xC2 || left < 2)
        return 0;
    if (at[0] == 0xC2) /* U+0085, U+00A0 */
        return at[1] == 0x85 || at[1] == 0xA0 ? 2 : 0;
    if (left < 3)
        return 0;
    bool space = false;
    if (at[0] == 0xE1) /* U+1680 */
        space = at[1] == 0x9A && at[2] == 0x80;
    else if (at[0] == 0xE2 && at[1] == 0x80) /* U+2000 to 200A, 2028, 2029, 202F */
        space = (at[2] >= 0x80 && at[2] <= 0x8A) || at[2] == 0xA8 || at[2] == 0xA9 || at[2] == 0xAF;
    else if (at[0] == 0xE2) /* U+205F */
        space = at[1] == 0x81 && at[2] == 0x9F;
    else if (at[0] == 0xE3) /* U+3000 */
        space = at[1] == 0x80 && at[2] == 0x80;
    return space ? 3 : 0;
}

static bool add_word(const struct wordlevel *state, struct text word, struct token_list *out,
                     struct error *error) {
    int32_t id = wordlevel_id(state, word);
    if (id < 0)
        id = state->unknown;
    if (id >= 0) {
        token_list_add(out, id);
        return true;
    }
    struct buffer quoted = {0};
    quote_for_message(word, &quoted);
    error_set(error, "the word %.*s is not among the %zu of the tokenizer's vocabulary",
              (int)quoted.size, (const char *)quoted.data, state->count);
    buffer_free(&quoted);
    return false;
}

static bool wordlevel_encode(const void *opaque, void *scratch, struct text text, unsigned flags,
                             struct token_list *out, struct error *error) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    size_t start = 0, i = 0;
    (void)scratch;
    (void)flags; /* there are no special tokens */
    while (i <= text.size) {
        size_t space = i < text.size ? space_size(bytes + i, text.size - i) : 1;
        if (space == 0) {
            i++;
            continue;
        }
        if (i > start &&
            !add_word(opaque, (struct text){text.bytes + start, i - start}, out, error))
            return false;
        i += space;
        start = i;
    }
    return true;
}

static void *no_scratch(const void *opaque, bool lasting) {
    (void)opaque;
    (void)lasting;
    return NULL;
}

static void close_nothing(void *scratch) {
    (void)scratch;
}

struct wordlevel_decoding {
    const struct wordlevel *state;
    bool started;
};

static void *open_decoding(const void *opaque) {
    struct wordlevel_decoding *decoding = allocate(1, sizeof *decoding);
    decoding->state = opaque;
    return decoding;
}

static void wordlevel_decode(void *opaque, int32_t id, struct buffer *out) {
    struct wordlevel_decoding *decoding = opaque;
    struct text word = word_of(decoding->state, (size_t)id);
    if (decoding->started)
        buffer_append_text(out, " ");
    decoding->started = true;
    buffer_append(out, word.bytes, word.size);
}

static void end_decoding(void *opaque, struct buffer *out) {
    (void)out;
    ((struct wordlevel_decoding *)opaque)->started = false;
}

/* ---- special tokens: none ---- */

static struct text wordlevel_token(const void *opaque, int32_t id) {
    return word_of(opaque, (size_t)id);
}

static bool never_special(const void *opaque, int32_t id) {
    (void)opaque;
    (void)id;
    return false;
}

static int32_t no_token(const void *opaque) {
    (void)opaque;
    return -1;
}

const struct tokenizer_class wordlevel_class = {
    .separator = " ",
    .open = wordlevel_open,
    .close = wordlevel_close,
    .size = wordlevel_size,
    .id = wordlevel_id,
    .token = wordlevel_token,
    .is_special = never_special,
    .bos = no_token,
    .eos = no_token,
    .open_scratch = no_scratch,
    .close_scratch = close_nothing,
    .encode = wordlevel_encode,
    .open_decoding = open_decoding,
    .decode = wordlevel_decode,
    .end_decoding = end_decoding,
    .close_decoding = free,
};
