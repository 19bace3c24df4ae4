/*
 * Templates: cut into pieces once, each plain text or the name of a field, then rendered for every
 * record.
 */
#include "text/template.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/files.h"
#include "text/data_file.h"

struct piece {
    char *field;      /* NULL: plain text */
    struct text text; /* bytes of the template */
    size_t line;      /* from 1, where the field stands */
};

struct template {
    char *name;
    struct buffer text;
    struct piece *pieces;
    size_t count, capacity;
    char digest[33];
};

/* ---- parsing ---- */

/* What is left to be cut up. */
struct cursor {
    const char *at;
    const char *end;
    size_t line;
};

static bool in_name(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static void add_piece(struct template *template, struct piece piece) {
    if (piece.field == NULL && piece.text.size == 0)
        return;
    if (template->count == template->capacity) {
        template->capacity += template->capacity / 2 + 8;
        template->pieces =
            reallocate(template->pieces, template->capacity, sizeof *template->pieces);
    }
    template->pieces[template->count++] = piece;
}

/* Plain text up to the cursor, which began at `start`. */
static void add_text(struct template *template, const char *start, const struct cursor *cursor) {
    add_piece(template, (struct piece){.text = {start, (size_t)(cursor->at - start)}});
}

/* The name and the closing braces behind an opening pair. */
static bool add_field(struct template *template, struct cursor *cursor, struct error *error) {
    const char *start = cursor->at;

    while (cursor->at < cursor->end && in_name(*cursor->at))
        cursor->at++;
    size_t size = (size_t)(cursor->at - start);
    if (size == 0 || cursor->end - cursor->at < 2 || memcmp(cursor->at, "}}", 2) != 0) {
        error_set(error,
                  "'{{%.*s' is no field; {{name}} of letters, digits, '_' and '-', or {{{{ for two "
                  "braces, would be right",
                  size < 40 ? (int)size : 40, start);
        return error_place(error, "%s: line %zu", template->name, cursor->line);
    }
    cursor->at += 2;
    add_piece(template,
              (struct piece){.field = format_text("%.*s", (int)size, start), .line = cursor->line});
    return true;
}

/* Plain text up to the next field or pair of braces. */
static const char *skip_text(struct cursor *cursor) {
    const char *start = cursor->at;

    for (; cursor->at < cursor->end; cursor->at++) {
        if (*cursor->at == '\n')
            cursor->line++;
        if (cursor->end - cursor->at >= 2 && memcmp(cursor->at, "{{", 2) == 0)
            break;
    }
    return start;
}

static bool cut(struct template *template, struct error *error) {
    const char *bytes = (const char *)template->text.data;
    struct cursor cursor = {bytes, bytes + template->text.size, 1};

    while (cursor.at < cursor.end) {
        const char *start = skip_text(&cursor);
        size_t braces = 0;
        while (cursor.at + braces < cursor.end && cursor.at[braces] == '{' && braces < 4)
            braces++;
        if (braces == 3) /* the first is text */
            cursor.at++;
        if (braces == 4)
            cursor.at += 2;
        add_text(template, start, &cursor);
        if (braces < 2)
            break; /* the end */
        cursor.at += 2;
        if (braces < 4 && !add_field(template, &cursor, error))
            return false;
    }
    return true;
}

static void set_digest(struct template *template) {
    XXH128_hash_t hash = XXH3_128bits(template->text.data, template->text.size);

    snprintf(template->digest, sizeof template->digest, "%016llx%016llx",
             (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

struct template *template_parse(const char *name, struct text text, struct error *error) {
    struct template *template = allocate(1, sizeof *template);

    template->name = copy_text(name);
    buffer_reserve(&template->text, 1); /* so that there is an address to count from */
    buffer_append(&template->text, text.bytes, text.size);
    if (text.size > 0 && text.bytes[text.size - 1] == '\n')
        template->text.size--;
    set_digest(template);
    if (cut(template, error))
        return template;
    template_close(template);
    return NULL;
}

struct template *template_open(const char *path, struct error *error) {
    struct template *template = NULL;
    struct buffer text = {0};

    if (file_read(path, TEMPLATE_LIMIT, &text, error))
        template = template_parse(path, (struct text){(const char *)text.data, text.size}, error);
    buffer_free(&text);
    return template;
}

void template_close(struct template *template) {
    if (template == NULL)
        return;
    for (size_t i = 0; i < template->count; i++)
        free(template->pieces[i].field);
    free(template->pieces);
    buffer_free(&template->text);
    free(template->name);
    free(template);
}

/* ---- asking ---- */

char *template_path(const char *folder, const char *name, struct error *error) {
    const char *at = name;

    while (in_name(*at))
        at++;
    if (*at != '\0' || at == name)
        return copy_text(name);
    char *file = format_text("%s/%s.txt", folder, name);
    char *path = data_file(file, error);
    free(file);
    return path;
}

bool template_uses(const struct template *template, const char *field) {
    for (size_t i = 0; i < template->count; i++)
        if (template->pieces[i].field != NULL && strcmp(template->pieces[i].field, field) == 0)
            return true;
    return false;
}

const char *template_name(const struct template *template) {
    return template->name;
}

const char *template_digest(const struct template *template) {
    return template->digest;
}

/* ---- rendering ---- */

bool template_render(const struct template *template, template_lookup *lookup, const void *context,
                     struct text password, enum password_place place, struct buffer *out,
                     struct error *error) {
    size_t before = out->size;

    for (size_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        struct text value = piece->text;
        bool fine = piece->field == NULL || lookup(context, piece->field, &value, error);
        if (fine && piece->field != NULL && strcmp(piece->field, "prompt") == 0)
            fine = prompt_render(value, password, place, out, error);
        else if (fine)
            buffer_append(out, value.bytes, value.size);
        if (!fine) {
            out->size = before;
            return error_place(error, "%s: line %zu", template->name, piece->line);
        }
    }
    return true;
}
