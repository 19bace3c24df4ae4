/*
 * Tokenizers: reading the files, choosing the class that the model asks for, and what all classes
 * share.
 */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "text/pipeline.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

/* The largest published tokenizer.json files are near 40 MB. */
#define FILE_LIMIT ((size_t)256 << 20)
#define QUOTE_LIMIT 40

struct tokenizer {
    const struct tokenizer_class *class;
    void *state;
};

void token_list_add(struct token_list *list, int32_t id) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        list->ids = reallocate(list->ids, list->capacity, sizeof *list->ids);
    }
    list->ids[list->count++] = id;
}

void token_list_free(struct token_list *list) {
    free(list->ids);
    *list = (struct token_list){0};
}

/* ---- messages ---- */

void quote_for_message(struct text text, struct buffer *out) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    buffer_append_text(out, "\"");
    size_t i = 0;
    while (i < text.size && i < QUOTE_LIMIT) {
        size_t size = utf8_size(bytes + i, text.size - i);
        bool control = bytes[i] < 0x20 || bytes[i] == 0x7F ||
                       (size == 2 && bytes[i] == 0xC2 && bytes[i + 1] < 0xA0);
        if (size == 0 || control) {
            buffer_format(out, "\\x%02x", (unsigned)bytes[i]);
            size = 1;
        } else {
            buffer_append(out, bytes + i, size);
        }
        i += size;
    }
    buffer_append_text(out, i < text.size ? "…\"" : "\"");
}

bool refuse_quoted(struct error *error, const char *what, struct text text, const char *instead) {
    struct buffer quoted = {0};
    quote_for_message(text, &quoted);
    error_set(error, "%s %.*s %s", what, (int)quoted.size, (const char *)quoted.data, instead);
    buffer_free(&quoted);
    return false;
}

/* ---- opening ---- */

static struct tokenizer *tokenizer_with(const struct tokenizer_class *class, void *state) {
    if (state == NULL)
        return NULL;
    struct tokenizer *tokenizer = allocate(1, sizeof *tokenizer);
    tokenizer->class = class;
    tokenizer->state = state;
    return tokenizer;
}

/* `config` is tokenizer_config.json, or NULL. */
static struct tokenizer *tokenizer_from_json(const json_t *root, const json_t *config,
                                             struct error *error) {
    const json_t *model = json_object_get(root, "model");
    if (!json_is_object(model)) {
        error_set(error, "there is no object \"model\"; a tokenizer.json of Hugging Face has one");
        return NULL;
    }
    const char *type;
    /* Files of some age leave the type of BPE out. */
    bool told = json_object_get(model, "type") != NULL || json_object_get(model, "merges") == NULL;
    if (!json_get_text(model, "type", told, "BPE", &type, error)) {
        error_place(error, "model");
        return NULL;
    }
    const struct tokenizer_class *class =
        strcmp(type, "WordLevel") == 0 ? &wordlevel_class : &pipeline_class;
    struct tokenizer *tokenizer = tokenizer_with(class, class->open(root, error));
    if (tokenizer == NULL || config == NULL || class != &pipeline_class ||
        llama_config_apply(tokenizer->state, json_object_get(root, "post_processor"), config,
                           error))
        return tokenizer;
    tokenizer_close(tokenizer);
    error_place(error, "tokenizer_config.json");
    return NULL;
}

static struct tokenizer *parse_configured(const void *bytes, size_t size, struct text config_text,
                                          struct error *error) {
    json_t *root = json_parse(bytes, size, error), *config = NULL;
    struct tokenizer *tokenizer = NULL;
    if (root != NULL && config_text.size > 0 &&
        (config = json_parse_as_reals(config_text.bytes, config_text.size, error)) == NULL)
        error_place(error, "tokenizer_config.json");
    else if (root != NULL)
        tokenizer = tokenizer_from_json(root, config, error);
    json_decref(root);
    json_decref(config);
    return tokenizer;
}

struct tokenizer *tokenizer_parse(const void *bytes, size_t size, struct error *error) {
    return parse_configured(bytes, size, (struct text){NULL, 0}, error);
}

struct tokenizer *tokenizer_parse_model(const void *bytes, size_t size, struct text config,
                                        struct error *error) {
    return tokenizer_with(&pipeline_class,
                          sentencepiece_open(bytes, size, config, (struct text){NULL, 0}, error));
}

/* Whether the bytes can be JSON at all: a SentencePiece model begins with byte 10, a tag. */
static bool looks_like_json(const struct buffer *content) {
    size_t i = 0;
    while (i < content->size && memchr(" \t\r\n", content->data[i], 4) != NULL)
        i++;
    return i < content->size && content->data[i] == '{';
}

/* `directory` is where the file lies, if what lies beside it counts. */
static bool read_beside(const char *directory, const char *name, struct buffer *content,
                        struct error *error) {
    struct stat status;
    char *path = directory != NULL ? path_join(directory, name) : NULL;
    bool fine =
        path == NULL || stat(path, &status) != 0 || file_read(path, FILE_LIMIT, content, error);
    free(path);
    return fine;
}

static struct tokenizer *open_file(const char *file, const char *directory, struct error *error) {
    struct buffer content = {0}, config = {0}, added = {0};
    struct tokenizer *tokenizer = NULL;
    bool fine = file_read(file, FILE_LIMIT, &content, error);
    bool json = !fine || looks_like_json(&content) ||
                (strlen(file) > 5 && strcmp(file + strlen(file) - 5, ".json") == 0);
    fine = fine && read_beside(directory, "tokenizer_config.json", &config, error) &&
           (json || read_beside(directory, "added_tokens.json", &added, error));
    if (fine) {
        tokenizer =
            json ? parse_configured(content.data, content.size, buffer_text(&config), error)
                 : tokenizer_with(&pipeline_class, sentencepiece_open(content.data, content.size,
                                                                      buffer_text(&config),
                                                                      buffer_text(&added), error));
        if (tokenizer == NULL)
            error_place(error, "%s", file);
    }
    buffer_free(&content);
    buffer_free(&config);
    buffer_free(&added);
    return tokenizer;
}

struct tokenizer *tokenizer_open(const char *path, struct error *error) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return open_file(path, NULL, error);
    char *json = path_join(path, "tokenizer.json"), *model = path_join(path, "tokenizer.model");
    bool has_model = stat(json, &status) != 0 && stat(model, &status) == 0;
    struct tokenizer *tokenizer = open_file(has_model ? model : json, path, error);
    free(json);
    free(model);
    return tokenizer;
}

void tokenizer_close(struct tokenizer *tokenizer) {
    if (tokenizer == NULL)
        return;
    tokenizer->class->close(tokenizer->state);
    free(tokenizer);
}

/* ---- the vocabulary ---- */

static bool in_range(const struct tokenizer *tokenizer, int32_t id) {
    return id >= 0 && id < tokenizer_size(tokenizer);
}

int64_t tokenizer_size(const struct tokenizer *tokenizer) {
    return tokenizer->class->size(tokenizer->state);
}

int32_t tokenizer_id(const struct tokenizer *tokenizer, struct text token) {
    return tokenizer->class->id(tokenizer->state, token);
}

struct text tokenizer_token(const struct tokenizer *tokenizer, int32_t id) {
    return in_range(tokenizer, id) ? tokenizer->class->token(tokenizer->state, id)
                                   : (struct text){NULL, 0};
}

bool tokenizer_is_special(const struct tokenizer *tokenizer, int32_t id) {
    return in_range(tokenizer, id) && tokenizer->class->is_special(tokenizer->state, id);
}

int32_t tokenizer_bos(const struct tokenizer *tokenizer) {
    return tokenizer->class->bos(tokenizer->state);
}

int32_t tokenizer_eos(const struct tokenizer *tokenizer) {
    return tokenizer->class->eos(tokenizer->state);
}

const char *tokenizer_separator(const struct tokenizer *tokenizer) {
    return tokenizer->class->separator;
}

/* ---- text to ids ---- */

struct encoder {
    const struct tokenizer *tokenizer;
    void *scratch;
};

static bool encode_with(const struct tokenizer *tokenizer, void *scratch, struct text text,
                        unsigned flags, struct token_list *out, struct error *error) {
    size_t before = out->count;
    if (tokenizer->class->encode(tokenizer->state, scratch, text, flags, out, error))
        return true;
    out->count = before;
    return false;
}

bool tokenizer_encode(const struct tokenizer *tokenizer, struct text text, unsigned flags,
                      struct token_list *out, struct error *error) {
    void *scratch = tokenizer->class->open_scratch(tokenizer->state, false);
    bool fine = encode_with(tokenizer, scratch, text, flags, out, error);
    tokenizer->class->close_scratch(scratch);
    return fine;
}

struct encoder *encoder_open(const struct tokenizer *tokenizer) {
    struct encoder *encoder = allocate(1, sizeof *encoder);
    encoder->tokenizer = tokenizer;
    encoder->scratch = tokenizer->class->open_scratch(tokenizer->state, true);
    return encoder;
}

bool encoder_encode(struct encoder *encoder, struct text text, unsigned flags,
                    struct token_list *out, struct error *error) {
    return encode_with(encoder->tokenizer, encoder->scratch, text, flags, out, error);
}

void encoder_close(struct encoder *encoder) {
    if (encoder == NULL)
        return;
    encoder->tokenizer->class->close_scratch(encoder->scratch);
    free(encoder);
}

/* ---- ids to text ---- */

struct token_stream {
    const struct tokenizer *tokenizer;
    unsigned flags;
    void *decoding;
};

/*
 * Whatever decoders do to the beginning of a text, they do it to a letter that is put there and
 * thrown away. Word-level tokenizers join words and have nothing at the beginning to keep.
 */
static void pass_beginning(struct token_stream *stream) {
    const struct tokenizer *tokenizer = stream->tokenizer;
    int32_t letter = tokenizer_id(tokenizer, text_of("a"));
    struct buffer thrown = {0};
    if (letter >= 0 && *tokenizer_separator(tokenizer) == '\0')
        tokenizer->class->decode(stream->decoding, letter, &thrown);
    buffer_free(&thrown);
}

struct token_stream *token_stream_open(const struct tokenizer *tokenizer, unsigned flags) {
    struct token_stream *stream = allocate(1, sizeof *stream);
    stream->tokenizer = tokenizer;
    stream->flags = flags;
    stream->decoding = tokenizer->class->open_decoding(tokenizer->state);
    if (flags & DECODE_CONTINUES)
        pass_beginning(stream);
    return stream;
}

bool token_stream_add(struct token_stream *stream, int32_t id, struct buffer *out,
                      struct error *error) {
    const struct tokenizer *tokenizer = stream->tokenizer;
    if (!in_range(tokenizer, id))
        return (id >= 0 && stream->flags & DECODE_PADDED) ||
               error_set(error, "there is no token %d; ids go from 0 to %lld", (int)id,
                         (long long)tokenizer_size(tokenizer) - 1);
    if (!(stream->flags & DECODE_SKIP_SPECIAL) || !tokenizer_is_special(tokenizer, id))
        tokenizer->class->decode(stream->decoding, id, out);
    return true;
}

void token_stream_end(struct token_stream *stream, struct buffer *out) {
    stream->tokenizer->class->end_decoding(stream->decoding, out);
    if (stream->flags & DECODE_CONTINUES)
        pass_beginning(stream);
}

void token_stream_close(struct token_stream *stream) {
    if (stream == NULL)
        return;
    stream->tokenizer->class->close_decoding(stream->decoding);
    free(stream);
}

bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                      unsigned flags, struct buffer *out, struct error *error) {
    size_t before = out->size;
    bool fine = true;
    struct token_stream *stream = token_stream_open(tokenizer, flags);
    for (size_t i = 0; fine && i < count; i++)
        fine = token_stream_add(stream, ids[i], out, error);
    token_stream_end(stream, out);
    token_stream_close(stream);
    if (!fine)
        out->size = before;
    return fine;
}
