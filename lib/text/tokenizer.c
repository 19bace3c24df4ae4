/*
 * Tokenizers: reading tokenizer.json, choosing the class that its model asks for, and what all
 * classes share. A new kind is one file with a struct tokenizer_class and a line in `classes`.
 */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "text/tokenizer_class.h"

/* The largest published tokenizer.json files are near 40 MB. */
#define FILE_LIMIT ((size_t)256 << 20)
#define QUOTE_LIMIT 40

static const struct tokenizer_class *const classes[] = {&wordlevel_class};

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

/* Bytes of the well-formed UTF-8 character at `at`, 0 where there is none. */
static size_t character_size(const uint8_t *at, size_t left) {
    static const struct {
        uint8_t first, last, low, high; /* lead bytes; bounds of the second byte */
        size_t size;
    } forms[] = {
        {0x20, 0x7E, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (at[0] < forms[i].first || at[0] > forms[i].last)
            continue;
        if (forms[i].size > left)
            return 0;
        for (size_t k = 1; k < forms[i].size; k++) {
            uint8_t low = k == 1 ? forms[i].low : 0x80, high = k == 1 ? forms[i].high : 0xBF;
            if (at[k] < low || at[k] > high)
                return 0;
        }
        return forms[i].size;
    }
    return 0;
}

void quote_for_message(struct text text, struct buffer *out) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    buffer_append_text(out, "\"");
    size_t i = 0;
    while (i < text.size && i < QUOTE_LIMIT) {
        size_t size = character_size(bytes + i, text.size - i);
        if (size == 0 || (size == 2 && bytes[i] == 0xC2 && bytes[i + 1] < 0xA0)) {
            buffer_format(out, "\\x%02x", (unsigned)bytes[i]);
            size = 1;
        } else {
            buffer_append(out, bytes + i, size);
        }
        i += size;
    }
    buffer_append_text(out, i < text.size ? "…\"" : "\"");
}

/* ---- opening ---- */

static const struct tokenizer_class *class_of(const char *type) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i]->type, type) == 0)
            return classes[i];
    return NULL;
}

static struct tokenizer *tokenizer_from_json(const json_t *root, struct error *error) {
    const json_t *model = json_object_get(root, "model");
    if (!json_is_object(model)) {
        error_set(error, "there is no object \"model\"; a tokenizer.json of Hugging Face has one");
        return NULL;
    }
    const char *type;
    if (!json_get_text(model, "type", true, NULL, &type, error)) {
        error_place(error, "model");
        return NULL;
    }
    const struct tokenizer_class *class = class_of(type);
    if (class == NULL) {
        struct buffer quoted = {0};
        quote_for_message(text_of(type), &quoted);
        error_set(error, "a tokenizer model of type %.*s is not supported; WordLevel is",
                  (int)quoted.size, (const char *)quoted.data);
        buffer_free(&quoted);
        return NULL;
    }
    void *state = class->open(root, error);
    if (state == NULL)
        return NULL;
    struct tokenizer *tokenizer = allocate(1, sizeof *tokenizer);
    tokenizer->class = class;
    tokenizer->state = state;
    return tokenizer;
}

struct tokenizer *tokenizer_parse(const void *bytes, size_t size, struct error *error) {
    json_t *root = json_parse(bytes, size, error);
    if (root == NULL)
        return NULL;
    struct tokenizer *tokenizer = tokenizer_from_json(root, error);
    json_decref(root);
    return tokenizer;
}

struct tokenizer *tokenizer_open(const char *path, struct error *error) {
    struct stat status;
    bool directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    char *file = directory ? path_join(path, "tokenizer.json") : copy_text(path);
    struct buffer content = {0};
    struct tokenizer *tokenizer = NULL;
    if (file_read(file, FILE_LIMIT, &content, error)) {
        tokenizer = tokenizer_parse(content.data, content.size, error);
        if (tokenizer == NULL)
            error_place(error, "%s", file);
    }
    buffer_free(&content);
    free(file);
    return tokenizer;
}

void tokenizer_close(struct tokenizer *tokenizer) {
    if (tokenizer == NULL)
        return;
    tokenizer->class->close(tokenizer->state);
    free(tokenizer);
}

/* ---- using ---- */

int64_t tokenizer_size(const struct tokenizer *tokenizer) {
    return tokenizer->class->size(tokenizer->state);
}

bool tokenizer_encode(const struct tokenizer *tokenizer, struct text text, struct token_list *out,
                      struct error *error) {
    return tokenizer->class->encode(tokenizer->state, text, out, error);
}

bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                      struct buffer *out, struct error *error) {
    int64_t size = tokenizer_size(tokenizer);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= size)
            return error_set(error, "there is no token %d; ids go from 0 to %lld", (int)ids[i],
                             (long long)size - 1);
    tokenizer->class->decode(tokenizer->state, ids, count, out);
    return true;
}

int32_t tokenizer_id(const struct tokenizer *tokenizer, struct text token) {
    return tokenizer->class->id(tokenizer->state, token);
}

const char *tokenizer_separator(const struct tokenizer *tokenizer) {
    return tokenizer->class->separator;
}
