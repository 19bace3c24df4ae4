/* Fields that come out of an answer. */
#include "remote/answer_fields.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "record/json.h"

/* ---- the list ---- */

static bool parse_form(const char *word, size_t size, enum answer_form *form) {
    static const char *const words[] = {"text", "code", "json"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == size && memcmp(word, words[i], size) == 0) {
            *form = (enum answer_form)i;
            return true;
        }
    return false;
}

/* One item, "FIELD[=TAG][:FORM]". */
static bool parse_field(const char *item, size_t size, struct answer_field *field,
                        struct error *error) {
    const char *colon = memchr(item, ':', size);
    size_t head = colon != NULL ? (size_t)(colon - item) : size;
    const char *sign = memchr(item, '=', head);
    size_t name = sign != NULL ? (size_t)(sign - item) : head;

    *field = (struct answer_field){.form = FORM_TEXT};
    if (name == 0 || (sign != NULL && name + 1 == head) ||
        (colon != NULL && !parse_form(colon + 1, size - head - 1, &field->form)))
        return error_set(error,
                         "--into: '%.*s' is no field; FIELD, FIELD=TAG, each with :text, :code or "
                         ":json behind it, would be right",
                         (int)size, item);
    field->name = format_text("%.*s", (int)name, item);
    if (sign != NULL)
        field->tag = format_text("%.*s", (int)(head - name - 1), sign + 1);
    return true;
}

bool answer_fields_parse(const char *list, struct answer_fields *fields, struct error *error) {
    *fields = (struct answer_fields){0};
    for (const char *item = list; item != NULL;) {
        size_t size = strcspn(item, ",");
        struct answer_field field;
        if (!parse_field(item, size, &field, error)) {
            answer_fields_free(fields);
            return false;
        }
        fields->items = reallocate(fields->items, fields->count + 1, sizeof *fields->items);
        fields->items[fields->count++] = field;
        item = item[size] != '\0' ? item + size + 1 : NULL;
    }
    for (size_t i = 0; fields->count > 1 && i < fields->count; i++)
        if (fields->items[i].tag == NULL)
            fields->items[i].tag = copy_text(fields->items[i].name);
    return true;
}

void answer_fields_free(struct answer_fields *fields) {
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->items[i].name);
        free(fields->items[i].tag);
    }
    free(fields->items);
    *fields = (struct answer_fields){0};
}

/* ---- parts of an answer ---- */

static struct text trimmed(struct text text) {
    while (text.size > 0 && isspace((unsigned char)text.bytes[0]))
        text = (struct text){text.bytes + 1, text.size - 1};
    while (text.size > 0 && isspace((unsigned char)text.bytes[text.size - 1]))
        text.size--;
    return text;
}

/* What stands behind the first `needle`; false where there is none. */
static bool behind(struct text text, const char *needle, struct text *rest) {
    const char *found =
        text.size > 0 ? memmem(text.bytes, text.size, needle, strlen(needle)) : NULL;

    if (found == NULL)
        return false;
    rest->bytes = found + strlen(needle);
    rest->size = text.size - (size_t)(rest->bytes - text.bytes);
    return true;
}

/* What stands before it. */
static bool before(struct text text, const char *needle, struct text *start) {
    struct text rest;

    if (!behind(text, needle, &rest))
        return false;
    *start = (struct text){text.bytes, text.size - rest.size - strlen(needle)};
    return true;
}

/* The contents of the first fence; the text itself where it has none that ends. */
static struct text without_fence(struct text text) {
    struct text rest, inside;

    if (!behind(text, "```", &rest) || !behind(rest, "\n", &rest) || !before(rest, "```", &inside))
        return trimmed(text);
    if (inside.size > 0 && inside.bytes[inside.size - 1] == '\n')
        inside.size--;
    return inside;
}

static bool find_part(const char *tag, struct text answer, struct text *part, struct error *error) {
    char *opening = format_text("<%s>", tag), *closing = format_text("</%s>", tag);
    bool fine = behind(answer, opening, part) && before(*part, closing, part);

    free(opening);
    free(closing);
    return fine || error_set(error, "the answer has no part <%s>…</%s>", tag, tag);
}

/* Appends the field's value, packed. */
static bool pack_part(const struct answer_field *field, struct text answer, struct buffer *packed,
                      struct error *error) {
    struct text part = answer;

    if (field->tag != NULL && !find_part(field->tag, answer, &part, error))
        return false;
    if (field->form == FORM_JSON)
        return json_read_value(without_fence(part), packed, error) ||
               error_place(error, "the answer's part for '%s'", field->name);
    part = field->form == FORM_CODE ? without_fence(part) : trimmed(part);
    if (part.size == 0)
        return error_set(error, "the answer's part for '%s' is empty", field->name);
    pack_text(packed, part);
    return true;
}

/* ---- into the record ---- */

static void remove_what_follows(struct record *record, const char *field) {
    static const char *const of_problem[] = {"task",  "prompt",  "reference", "choices",
                                             "tests", "program", "solution"};

    for (size_t i = 0; i < sizeof of_problem / sizeof of_problem[0]; i++)
        if (strcmp(field, of_problem[i]) == 0)
            record_begin_group(record, GROUP_COMPLETION);
    if (strcmp(field, "completion") == 0) {
        record_begin_group(record, GROUP_LOCK_EXAMPLE);
        record_begin_group(record, GROUP_EMBEDDING);
    }
}

bool answer_fields_take(const struct answer_fields *fields, struct text answer,
                        struct record *record, struct error *error) {
    struct buffer packed = {0};
    size_t *ends = allocate(fields->count, sizeof *ends);
    bool fine = true;

    for (size_t i = 0; fine && i < fields->count; i++) {
        fine = pack_part(&fields->items[i], answer, &packed, error);
        ends[i] = packed.size;
    }
    for (size_t i = 0; fine && i < fields->count; i++)
        remove_what_follows(record, fields->items[i].name);
    for (size_t i = 0; fine && i < fields->count; i++) {
        size_t start = i > 0 ? ends[i - 1] : 0;
        record_set_value(record, fields->items[i].name,
                         (struct value){packed.data + start, ends[i] - start});
    }
    buffer_free(&packed);
    free(ends);
    return fine;
}
