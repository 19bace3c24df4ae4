/*
 * Training a byte-level BPE vocabulary, and the tokenizer.json of what was learned.
 */
#include "text/bpe_train.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/tool.h"
#include "text/bpe_pairs.h"
#include "text/pre_tokenizer.h"
#include "text/token_model.h"
#include "text/unicode.h"
#include "text/vocabulary.h"

enum { BYTES = 256 };

/* A word that came, as tokens: symbols[start … start + size). */
struct counted_word {
    size_t start, size;
    int64_t count;
};

struct bpe_trainer {
    const struct bpe_training *training;
    size_t reserved; /* tokens before the bytes */
    struct pre_tokenizer *pre_tokenizer;
    struct words words;     /* of the text in work */
    struct vocabulary seen; /* words; the id is the place in `counted` */
    struct counted_word *counted;
    size_t capacity;
    int32_t *symbols; /* of all words, each in room for its bytes */
    struct token_pairs pairs;
    struct vocabulary tokens; /* in the byte-level alphabet, by id */
    json_t *merges;
};

/* ---- sections of tokenizer.json ---- */

static json_t *pre_tokenizer_section(void) {
    return json_pack("{s:s, s:[{s:s, s:b}, {s:s, s:b, s:b, s:b}]}", "type", "Sequence",
                     "pretokenizers", "type", "Digits", "individual_digits", true, "type",
                     "ByteLevel", "add_prefix_space", false, "trim_offsets", true, "use_regex",
                     true);
}

/* The begin token before every text; null without one. */
static json_t *post_processor_section(const struct bpe_training *training) {
    const char *begin = training->begin;

    if (begin == NULL)
        return json_null();
    return json_pack("{s:s, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}], s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}, "
                     "{s:{s:s, s:i}}], s:{s:{s:s, s:[i], s:[s]}}}",
                     "type", "TemplateProcessing", "single", "SpecialToken", "id", begin, "type_id",
                     0, "Sequence", "id", "A", "type_id", 0, "pair", "SpecialToken", "id", begin,
                     "type_id", 0, "Sequence", "id", "A", "type_id", 0, "Sequence", "id", "B",
                     "type_id", 1, "special_tokens", begin, "id", begin, "ids", 1, "tokens", begin);
}

/* The tokens that training never makes, by their ids. */
static json_t *added_tokens_section(const struct bpe_trainer *trainer) {
    json_t *list = json_array();

    for (size_t i = 0; i < trainer->reserved; i++) {
        struct text token = vocabulary_token(&trainer->tokens, (int32_t)i);
        json_array_append_new(list, json_pack("{s:I, s:s%, s:b, s:b, s:b, s:b, s:b}", "id",
                                              (json_int_t)i, "content", token.bytes, token.size,
                                              "single_word", false, "lstrip", false, "rstrip",
                                              false, "normalized", false, "special", true));
    }
    return list;
}

static json_t *model_section(const struct bpe_trainer *trainer) {
    json_t *vocabulary = json_object();

    for (int32_t id = 0; id < trainer->tokens.size; id++) {
        struct text token = vocabulary_token(&trainer->tokens, id);
        char *key = format_text("%.*s", (int)token.size, token.bytes);
        json_object_set_new(vocabulary, key, json_integer(id));
        free(key);
    }
    return json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:O}", "type", "BPE", "dropout",
                     "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                     false, "byte_fallback", false, "ignore_merges", false, "vocab", vocabulary,
                     "merges", trainer->merges);
}

static void write_tokenizer(const struct bpe_trainer *trainer, struct buffer *out) {
    json_t *root =
        json_pack("{s:s, s:n, s:n, s:o, s:n, s:o, s:o, s:{s:s, s:b, s:b, s:b}, s:o}", "version",
                  "1.0", "truncation", "padding", "added_tokens", added_tokens_section(trainer),
                  "normalizer", "pre_tokenizer", pre_tokenizer_section(), "post_processor",
                  post_processor_section(trainer->training), "decoder", "type", "ByteLevel",
                  "add_prefix_space", true, "trim_offsets", true, "use_regex", true, "model",
                  model_section(trainer));

    json_write(root, out);
    json_decref(root);
}

/* ---- opening ---- */

static bool add_special(struct bpe_trainer *trainer, const char *token, struct error *error) {
    struct text text = token != NULL ? text_of(token) : (struct text){0};

    if (token == NULL)
        return true;
    if (!utf8_is_clean(text) || text.size < 2 || utf8_step((const uint8_t *)token) == text.size)
        return error_set(error, "special token '%.80s': two characters or more would be right",
                         token);
    if (vocabulary_id(&trainer->tokens, text) >= 0)
        return error_set(error, "special token '%.80s' is named twice", token);
    return vocabulary_add(&trainer->tokens, text, (int64_t)trainer->reserved++, error);
}

static bool add_bytes(struct bpe_trainer *trainer, struct error *error) {
    struct buffer name = {0};
    bool fine = true;

    for (unsigned i = 0; fine && i < BYTES; i++) {
        name.size = 0;
        utf8_append(&name, byte_level_character(i));
        fine = vocabulary_add(&trainer->tokens, (struct text){(char *)name.data, name.size},
                              (int64_t)(trainer->reserved + i), error);
    }
    buffer_free(&name);
    return fine;
}

static bool add_first_tokens(struct bpe_trainer *trainer, struct error *error) {
    const struct bpe_training *training = trainer->training;
    int64_t least = (int64_t)training->special_count + (training->begin != NULL) + 1 + BYTES;

    if (training->vocabulary < least || training->vocabulary > VOCABULARY_MOST)
        return error_set(error,
                         "a vocabulary of %lld tokens: %lld to %d hold the 256 bytes and the "
                         "special tokens",
                         (long long)training->vocabulary, (long long)least, VOCABULARY_MOST);
    if (!add_special(trainer, training->end, error) ||
        !add_special(trainer, training->begin, error))
        return false;
    for (size_t i = 0; i < training->special_count; i++)
        if (!add_special(trainer, training->specials[i], error))
            return false;
    return add_bytes(trainer, error);
}

struct bpe_trainer *bpe_trainer_open(const struct bpe_training *training, struct error *error) {
    struct bpe_trainer *trainer = allocate(1, sizeof *trainer);
    json_t *section = pre_tokenizer_section();

    trainer->training = training;
    trainer->merges = json_array();
    trainer->pre_tokenizer = pre_tokenizer_open(section, true, error);
    json_decref(section);
    if (trainer->pre_tokenizer != NULL && add_first_tokens(trainer, error))
        return trainer;
    bpe_trainer_close(trainer);
    return NULL;
}

void bpe_trainer_close(struct bpe_trainer *trainer) {
    if (trainer == NULL)
        return;
    pre_tokenizer_close(trainer->pre_tokenizer);
    words_free(&trainer->words);
    vocabulary_free(&trainer->seen);
    vocabulary_free(&trainer->tokens);
    token_pairs_free(&trainer->pairs);
    json_decref(trainer->merges);
    free(trainer->counted);
    free(trainer->symbols);
    free(trainer);
}

/* ---- counting words ---- */

static bool count_word(struct bpe_trainer *trainer, struct text word, struct error *error) {
    int32_t id = vocabulary_id(&trainer->seen, word);
    size_t number = trainer->seen.count;

    if (id >= 0) {
        trainer->counted[id].count++;
        return true;
    }
    if (!vocabulary_add(&trainer->seen, word, (int64_t)number, error))
        return error_place(error, "more different words than can be counted");
    if (number == trainer->capacity) {
        trainer->capacity = trainer->capacity > 0 ? 2 * trainer->capacity : 1024;
        trainer->counted =
            reallocate(trainer->counted, trainer->capacity, sizeof *trainer->counted);
    }
    trainer->counted[number] = (struct counted_word){.count = 1};
    return true;
}

bool bpe_trainer_add(struct bpe_trainer *trainer, struct text text, struct error *error) {
    struct words *words = &trainer->words;
    bool fine = true;

    if (!utf8_is_clean(text))
        return error_set(error, "text that is not UTF-8");
    if (text.size == 0)
        return true;
    if (!pre_tokenizer_run(trainer->pre_tokenizer, words, text, true, error))
        return false;
    for (size_t i = 0; fine && i < words->count; i++)
        fine = count_word(trainer,
                          (struct text){words->text.bytes + words->spans[i].start,
                                        words->spans[i].end - words->spans[i].start},
                          error);
    return fine;
}

/* ---- merging ---- */

/* Adds all pairs of a word, as often as the word came; or takes them away. */
static void count_pairs(struct bpe_trainer *trainer, const struct counted_word *word, int sign) {
    const int32_t *symbols = trainer->symbols + word->start;

    for (size_t i = 0; i + 1 < word->size; i++)
        token_pairs_add(&trainer->pairs, symbols[i], symbols[i + 1], sign * word->count);
}

/* Every word as its bytes, and all pairs of them. */
static void start_symbols(struct bpe_trainer *trainer) {
    size_t total = 0;

    trainer->symbols = reallocate(NULL, trainer->seen.bytes.size + 1, sizeof *trainer->symbols);
    for (size_t i = 0; i < trainer->seen.count; i++) {
        struct text word = vocabulary_token(&trainer->seen, (int32_t)i);
        trainer->counted[i].start = total;
        trainer->counted[i].size = word.size;
        for (size_t k = 0; k < word.size; k++)
            trainer->symbols[total++] = (int32_t)trainer->reserved + (uint8_t)word.bytes[k];
        count_pairs(trainer, &trainer->counted[i], 1);
    }
}

/* By the bytes that tokens stand for, which is not the order of their alphabet's characters. */
static int compare_tokens(const struct bpe_trainer *trainer, int32_t a, int32_t b) {
    struct text left = vocabulary_token(&trainer->tokens, a);
    struct text right = vocabulary_token(&trainer->tokens, b);
    const uint8_t *x = (const uint8_t *)left.bytes, *y = (const uint8_t *)right.bytes;
    size_t i = 0, k = 0, size;

    while (i < left.size && k < right.size) {
        int difference = byte_level_byte(utf8_code(x + i, &size));
        i += size;
        difference -= byte_level_byte(utf8_code(y + k, &size));
        k += size;
        if (difference != 0)
            return difference;
    }
    return (i < left.size) - (k < right.size);
}

static bool is_better(const struct bpe_trainer *trainer, const struct token_pair *pair,
                      const struct token_pair *best) {
    int order;

    if (best == NULL || pair->count != best->count)
        return best == NULL || pair->count > best->count;
    order = compare_tokens(trainer, pair->left, best->left);
    return order < 0 || (order == 0 && compare_tokens(trainer, pair->right, best->right) < 0);
}

/* NULL where no two tokens stand beside each other any more. */
static const struct token_pair *best_pair(const struct bpe_trainer *trainer) {
    const struct token_pair *best = NULL;

    for (size_t i = 0; i < trainer->pairs.slot_count; i++) {
        const struct token_pair *pair = &trainer->pairs.slots[i];
        if (pair->left >= 0 && pair->count > 0 && !pair->barred && is_better(trainer, pair, best))
            best = pair;
    }
    return best;
}

static bool has_pair(const struct bpe_trainer *trainer, const struct counted_word *word,
                     struct token_pair pair) {
    const int32_t *symbols = trainer->symbols + word->start;

    for (size_t i = 0; i + 1 < word->size; i++)
        if (symbols[i] == pair.left && symbols[i + 1] == pair.right)
            return true;
    return false;
}

static void merge_word(struct bpe_trainer *trainer, struct counted_word *word,
                       struct token_pair pair, int32_t token) {
    int32_t *symbols = trainer->symbols + word->start;
    size_t size = 0;

    for (size_t i = 0; i < word->size; i++)
        if (i + 1 < word->size && symbols[i] == pair.left && symbols[i + 1] == pair.right) {
            symbols[size++] = token;
            i++;
        } else {
            symbols[size++] = symbols[i];
        }
    word->size = size;
}

/* The token of a pair, in vocabulary and merges. (No two pairs have the same text: what stands
 * between two borders that no token crosses is merged in one way only.) */
static bool add_token(struct bpe_trainer *trainer, struct text whole, struct token_pair pair,
                      struct error *error) {
    struct text left = vocabulary_token(&trainer->tokens, pair.left);
    struct text right = vocabulary_token(&trainer->tokens, pair.right);
    char *merge =
        format_text("%.*s %.*s", (int)left.size, left.bytes, (int)right.size, right.bytes);

    json_array_append_new(trainer->merges, json_string(merge));
    free(merge);
    return vocabulary_add(&trainer->tokens, whole, trainer->tokens.size, error);
}

static void merge_everywhere(struct bpe_trainer *trainer, struct token_pair pair, int32_t token) {
    for (size_t i = 0; i < trainer->seen.count; i++) {
        struct counted_word *word = &trainer->counted[i];
        if (!has_pair(trainer, word, pair))
            continue;
        count_pairs(trainer, word, -1);
        merge_word(trainer, word, pair, token);
        count_pairs(trainer, word, 1);
    }
}

/* Makes the pair a token; bars it where it spells a special one, which no text may become. */
static bool merge(struct bpe_trainer *trainer, struct token_pair pair, struct error *error) {
    struct text left = vocabulary_token(&trainer->tokens, pair.left);
    struct text right = vocabulary_token(&trainer->tokens, pair.right);
    char *whole = format_text("%.*s%.*s", (int)left.size, left.bytes, (int)right.size, right.bytes);
    int32_t token = (int32_t)trainer->tokens.size;
    bool fine = true;

    if (vocabulary_id(&trainer->tokens, text_of(whole)) >= 0)
        token_pairs_bar(&trainer->pairs, pair.left, pair.right);
    else if ((fine = add_token(trainer, text_of(whole), pair, error)))
        merge_everywhere(trainer, pair, token);
    free(whole);
    return fine;
}

bool bpe_trainer_finish(struct bpe_trainer *trainer, struct buffer *out, int64_t *size,
                        struct error *error) {
    const struct token_pair *best;

    start_symbols(trainer);
    while (trainer->tokens.size < trainer->training->vocabulary &&
           (best = best_pair(trainer)) != NULL)
        if (!merge(trainer, *best, error) ||
            (stop_requested() && !error_set(error, "stopped by a signal")))
            return false;
    *size = trainer->tokens.size;
    write_tokenizer(trainer, out);
    return true;
}
