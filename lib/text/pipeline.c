/*
 * The chain: reading it from tokenizer.json, and running it.
 *
 * Words repeat, so an encoder remembers the tokens of short ones: a table of 2^15 lines of 64 bytes
 * that a word's hash picks one of; a new word takes the old one's place. A model that knows where
 * text may be cut (token_model.h) gets its words cut further, which is what makes the table useful
 * where nothing splits at spaces.
 */
#include "text/pipeline.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "text/tokenizer_class.h"
#include "text/unicode.h"

#define CACHE_LINES (1 << 15)
#define CACHED_BYTES 30
#define CACHED_TOKENS 8

struct cache_line {
    uint8_t size, count; /* size 0: empty */
    char word[CACHED_BYTES];
    int32_t ids[CACHED_TOKENS];
};

struct scratch {
    struct buffer clean;
    struct normalizer_scratch normalizer;
    struct words words;
    struct model_scratch model;
    struct cache_line *cache; /* [CACHE_LINES], or NULL */
};

/* ---- opening ---- */

void pipeline_close(void *opaque) {
    struct pipeline *pipeline = opaque;
    if (pipeline->model != NULL)
        pipeline->model->close(pipeline->model);
    vocabulary_free(&pipeline->vocabulary);
    added_tokens_close(&pipeline->added);
    normalizer_close(pipeline->normalizer);
    pre_tokenizer_close(pipeline->pre_tokenizer);
    decoder_close(pipeline->decoder);
    token_list_free(&pipeline->before);
    token_list_free(&pipeline->after);
    free(pipeline);
}

/* Unigram's vocabulary: an array of pairs of piece and score; the place is the id. */
static bool read_piece_list(struct vocabulary *vocabulary, const json_t *list,
                            struct error *error) {
    if (!json_is_array(list) || json_array_size(list) == 0)
        return error_set(error, "must be an array of pairs of a piece and its score");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *piece = json_array_get(json_array_get(list, i), 0);
        struct text text = {json_string_value(piece), json_string_length(piece)};
        if (!json_is_string(piece) || !json_is_number(json_array_get(json_array_get(list, i), 1)))
            return error_set(error, "entry %zu is no pair of a piece and its score", i);
        if (!vocabulary_add(vocabulary, text, (int64_t)i, error))
            return false;
    }
    return true;
}

static bool read_model(struct pipeline *pipeline, const json_t *section, const char *type,
                       struct error *error) {
    struct vocabulary *vocabulary = &pipeline->vocabulary;
    json_t *list = json_object_get(section, "vocab");
    if (strcmp(type, "BPE") != 0 && strcmp(type, "WordPiece") != 0 && strcmp(type, "Unigram") != 0)
        return refuse_quoted(error, "type", text_of(type),
                             "is not supported; BPE, WordPiece, Unigram and WordLevel are");
    bool pieces = strcmp(type, "Unigram") == 0;
    if (!(pieces ? read_piece_list(vocabulary, list, error)
                 : vocabulary_add_json(vocabulary, list, error)))
        return error_place(error, "vocab");
    if (pieces)
        pipeline->model = unigram_open(section, vocabulary, error);
    else if (strcmp(type, "WordPiece") == 0)
        pipeline->model = wordpiece_open(section, vocabulary, error);
    else
        pipeline->model = bpe_open(section, vocabulary,
                                   pre_tokenizer_gives_bytes(pipeline->pre_tokenizer), error);
    return pipeline->model != NULL;
}

bool pipeline_check_added(const struct pipeline *pipeline, struct error *error) {
    const struct vocabulary *added = &pipeline->added.vocabulary;
    for (size_t i = 0; i < added->count; i++) {
        struct text text = vocabulary_token(added, added->words[i].id);
        int32_t id = added->words[i].id;
        struct text other = id < pipeline->vocabulary.size
                                ? vocabulary_token(&pipeline->vocabulary, id)
                                : (struct text){NULL, 0};
        int32_t known = vocabulary_id(&pipeline->vocabulary, text);
        if ((known >= 0 && known != id) || (other.bytes != NULL && !text_equal(other, text)))
            return refuse_quoted(error, "added_tokens: the id of", text,
                                 "is not what model.vocab says");
    }
    return true;
}

static bool check_around(const struct pipeline *pipeline, const struct token_list *list,
                         struct error *error) {
    for (size_t i = 0; i < list->count; i++)
        if (list->ids[i] >= pipeline->vocabulary.size &&
            added_tokens_find(&pipeline->added, list->ids[i]) == NULL)
            return error_set(error, "post_processor: there is no token %d", list->ids[i]);
    return true;
}

static bool pipeline_read(struct pipeline *pipeline, const json_t *root, struct error *error) {
    const json_t *model = json_object_get(root, "model");
    const char *type;
    if (!json_get_text(model, "type", false, "BPE", &type, error))
        return false;
    pipeline->normalizer = normalizer_open(json_object_get(root, "normalizer"), error);
    if (pipeline->normalizer == NULL)
        return false;
    pipeline->pre_tokenizer =
        pre_tokenizer_open(json_object_get(root, "pre_tokenizer"), strcmp(type, "BPE") == 0, error);
    if (pipeline->pre_tokenizer == NULL)
        return false;
    if (!read_model(pipeline, model, type, error))
        return error_place(error, "model");
    if (!added_tokens_open(&pipeline->added, json_object_get(root, "added_tokens"),
                           pipeline->normalizer, error) ||
        !pipeline_check_added(pipeline, error) ||
        !post_processor_read(json_object_get(root, "post_processor"), &pipeline->before,
                             &pipeline->after, error) ||
        !check_around(pipeline, &pipeline->before, error) ||
        !check_around(pipeline, &pipeline->after, error))
        return false;
    pipeline->decoder = decoder_open(json_object_get(root, "decoder"), error);
    return pipeline->decoder != NULL;
}

static void *pipeline_open(const json_t *root, struct error *error) {
    struct pipeline *pipeline = allocate(1, sizeof *pipeline);
    pipeline->bos = pipeline->eos = -1;
    if (pipeline_read(pipeline, root, error))
        return pipeline;
    pipeline_close(pipeline);
    return NULL;
}

/* ---- the vocabulary ---- */

static int64_t pipeline_size(const void *opaque) {
    const struct pipeline *pipeline = opaque;
    int64_t added = pipeline->added.vocabulary.size;
    return added > pipeline->vocabulary.size ? added : pipeline->vocabulary.size;
}

static int32_t pipeline_id(const void *opaque, struct text token) {
    const struct pipeline *pipeline = opaque;
    int32_t id = vocabulary_id(&pipeline->added.vocabulary, token);
    return id >= 0 ? id : vocabulary_id(&pipeline->vocabulary, token);
}

static struct text pipeline_token(const void *opaque, int32_t id) {
    const struct pipeline *pipeline = opaque;
    const struct added_token *added = added_tokens_find(&pipeline->added, id);
    if (added != NULL)
        return added_tokens_text(&pipeline->added, added);
    return id < pipeline->vocabulary.size ? vocabulary_token(&pipeline->vocabulary, id)
                                          : (struct text){NULL, 0};
}

static bool pipeline_is_special(const void *opaque, int32_t id) {
    const struct pipeline *pipeline = opaque;
    const struct added_token *token = added_tokens_find(&pipeline->added, id);
    return token != NULL && token->special;
}

/* tokenizer.json names neither: there they are what stands around a text. */
static int32_t pipeline_bos(const void *opaque) {
    const struct pipeline *pipeline = opaque;
    return pipeline->bos >= 0 || pipeline->before.count == 0 ? pipeline->bos
                                                             : pipeline->before.ids[0];
}

static int32_t pipeline_eos(const void *opaque) {
    const struct pipeline *pipeline = opaque;
    const struct token_list *after = &pipeline->after;
    return pipeline->eos >= 0 || after->count == 0 ? pipeline->eos : after->ids[after->count - 1];
}

/* ---- text to ids ---- */

static void *open_scratch(const void *opaque, bool lasting) {
    (void)opaque;
    struct scratch *scratch = allocate(1, sizeof *scratch);
    if (lasting)
        scratch->cache = allocate(CACHE_LINES, sizeof *scratch->cache);
    return scratch;
}

static void close_scratch(void *opaque) {
    struct scratch *scratch = opaque;
    buffer_free(&scratch->clean);
    normalizer_scratch_free(&scratch->normalizer);
    words_free(&scratch->words);
    model_scratch_free(&scratch->model);
    free(scratch->cache);
    free(scratch);
}

static void add_ids(struct token_list *out, const int32_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++)
        token_list_add(out, ids[i]);
}

static bool encode_word(const struct pipeline *pipeline, struct scratch *scratch, struct text word,
                        struct token_list *out, struct error *error) {
    const struct token_model *model = pipeline->model;
    if (scratch->cache == NULL || word.size > CACHED_BYTES)
        return model->encode(model, &scratch->model, word, out, error);
    struct cache_line *line =
        &scratch->cache[XXH3_64bits(word.bytes, word.size) & (CACHE_LINES - 1)];
    if (line->size == word.size && memcmp(line->word, word.bytes, word.size) == 0) {
        add_ids(out, line->ids, line->count);
        return true;
    }
    size_t before = out->count;
    if (!model->encode(model, &scratch->model, word, out, error))
        return false;
    if (out->count - before <= CACHED_TOKENS) {
        line->size = (uint8_t)word.size;
        line->count = (uint8_t)(out->count - before);
        memcpy(line->word, word.bytes, word.size);
        for (size_t i = 0; i < line->count; i++)
            line->ids[i] = out->ids[before + i];
    }
    return true;
}

/* A word of the pre-tokenizer, in the pieces that the model allows. */
static bool encode_pieces(const struct pipeline *pipeline, struct scratch *scratch,
                          struct text word, struct token_list *out, struct error *error) {
    const struct word_cuts *cuts = pipeline->model->cuts;
    while (word.size > 0) {
        size_t size = cuts != NULL ? word_cuts_next(cuts, word) : word.size;
        if (!encode_word(pipeline, scratch, (struct text){word.bytes, size}, out, error))
            return false;
        word = (struct text){word.bytes + size, word.size - size};
    }
    return true;
}

/* Normalized text between added tokens. */
static bool encode_between(const struct pipeline *pipeline, struct scratch *scratch,
                           struct text text, bool at_start, struct token_list *out,
                           struct error *error) {
    const struct words *words = &scratch->words;
    if (text.size == 0)
        return true;
    if (!pre_tokenizer_run(pipeline->pre_tokenizer, &scratch->words, text, at_start, error))
        return false;
    for (size_t i = 0; i < words->count; i++) {
        struct text word = {words->text.bytes + words->spans[i].start,
                            words->spans[i].end - words->spans[i].start};
        if (!encode_pieces(pipeline, scratch, word, out, error))
            return false;
    }
    return true;
}

/* One run over a text for added tokens: raw text first, then the normalized text between. */
struct pass {
    const struct pipeline *pipeline;
    struct scratch *scratch;
    bool normalized, literal;
    bool continues; /* the text goes on where another ended */
};

static bool encode_pass(const struct pass *pass, struct text text, bool at_start,
                        struct token_list *out, struct error *error);

static bool encode_gap(const struct pass *pass, struct text text, bool at_start,
                       struct token_list *out, struct error *error) {
    bool continues = at_start && pass->continues;
    pass->scratch->normalizer.continues = pass->scratch->words.continues = continues;
    at_start = at_start && !continues;
    if (pass->normalized)
        return encode_between(pass->pipeline, pass->scratch, text, at_start, out, error);
    struct pass next = *pass;
    next.normalized = true;
    return text.size == 0 || (normalizer_run(pass->pipeline->normalizer, &pass->scratch->normalizer,
                                             at_start, &text, error) &&
                              encode_pass(&next, text, at_start || continues, out, error));
}

static bool encode_pass(const struct pass *pass, struct text text, bool at_start,
                        struct token_list *out, struct error *error) {
    size_t at = 0, done = 0;
    struct span place;
    const struct added_token *token;
    while ((token = added_tokens_next(&pass->pipeline->added, pass->normalized, pass->literal, text,
                                      &at, done, &place)) != NULL) {
        if (place.start > done &&
            !encode_gap(pass, (struct text){text.bytes + done, place.start - done},
                        at_start && done == 0, out, error))
            return false;
        token_list_add(out, token->id);
        done = place.end;
    }
    return encode_gap(pass, (struct text){text.bytes + done, text.size - done},
                      at_start && done == 0, out, error);
}

static bool pipeline_encode(const void *opaque, void *opaque_scratch, struct text text,
                            unsigned flags, struct token_list *out, struct error *error) {
    const struct pipeline *pipeline = opaque;
    struct scratch *scratch = opaque_scratch;
    if (!utf8_is_clean(text)) {
        scratch->clean.size = 0;
        utf8_clean(text, &scratch->clean);
        text = (struct text){(const char *)scratch->clean.data, scratch->clean.size};
    }
    struct pass pass = {pipeline, scratch, false, flags & ENCODE_LITERAL, flags & ENCODE_CONTINUES};
    if (flags & ENCODE_ADD_SPECIAL)
        add_ids(out, pipeline->before.ids, pipeline->before.count);
    if (!encode_pass(&pass, text, true, out, error))
        return false;
    if (flags & ENCODE_ADD_SPECIAL)
        add_ids(out, pipeline->after.ids, pipeline->after.count);
    return true;
}

/* ---- ids to text ---- */

struct pipeline_decoding {
    const struct pipeline *pipeline;
    struct decoding *decoding;
};

static void *open_decoding(const void *opaque) {
    struct pipeline_decoding *decoding = allocate(1, sizeof *decoding);
    decoding->pipeline = opaque;
    decoding->decoding = decoding_open(decoding->pipeline->decoder);
    return decoding;
}

static void decode_token(void *opaque, int32_t id, struct buffer *out) {
    struct pipeline_decoding *decoding = opaque;
    struct text token = pipeline_token(decoding->pipeline, id);
    if (token.bytes != NULL)
        decoding_add(decoding->decoding, token, out);
}

static void end_decoding(void *opaque, struct buffer *out) {
    decoding_end(((struct pipeline_decoding *)opaque)->decoding, out);
}

static void close_decoding(void *opaque) {
    struct pipeline_decoding *decoding = opaque;
    decoding_close(decoding->decoding);
    free(decoding);
}

const struct tokenizer_class pipeline_class = {
    .separator = "",
    .open = pipeline_open,
    .close = pipeline_close,
    .size = pipeline_size,
    .id = pipeline_id,
    .token = pipeline_token,
    .is_special = pipeline_is_special,
    .bos = pipeline_bos,
    .eos = pipeline_eos,
    .open_scratch = open_scratch,
    .close_scratch = close_scratch,
    .encode = pipeline_encode,
    .open_decoding = open_decoding,
    .decode = decode_token,
    .end_decoding = end_decoding,
    .close_decoding = close_decoding,
};
