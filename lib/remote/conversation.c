/* Prompt files: cutting them into parts, filling the parts in. */
#include "remote/conversation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/files.h"
#include "record/json.h"
#include "text/template.h"

struct part {
    const char *role;
    bool example;
    struct template *template;
};

struct conversation {
    struct part *parts;
    size_t count;
    char digest[33];
};

/* ---- reading ---- */

static const char mark[] = "=== ";

/* What may stand behind the mark. */
static const struct {
    const char *words;
    const char *role;
    bool example;
} headings[] = {
    {"system", "system", false},
    {"user", "user", false},
    {"assistant", "assistant", false},
    {"example user", "user", true},
    {"example assistant", "assistant", true},
};

static struct text first_line(struct text rest) {
    const char *newline = rest.size > 0 ? memchr(rest.bytes, '\n', rest.size) : NULL;

    return (struct text){rest.bytes, newline != NULL ? (size_t)(newline - rest.bytes) : rest.size};
}

/* What stands behind the first line and its newline. */
static struct text after_line(struct text rest, struct text line) {
    size_t skipped = line.size < rest.size ? line.size + 1 : line.size;

    return (struct text){rest.bytes + skipped, rest.size - skipped};
}

static bool is_heading(struct text line) {
    return line.size >= strlen(mark) && memcmp(line.bytes, mark, strlen(mark)) == 0;
}

static struct text without_newlines(struct text text) {
    while (text.size > 0 && (text.bytes[0] == '\n' || text.bytes[0] == '\r'))
        text = (struct text){text.bytes + 1, text.size - 1};
    while (text.size > 0 &&
           (text.bytes[text.size - 1] == '\n' || text.bytes[text.size - 1] == '\r'))
        text.size--;
    return text;
}

static bool add_part(struct conversation *conversation, const char *name, const char *words,
                     const char *role, bool example, struct text body, struct error *error) {
    char *place = format_text("%s: part '%s'", name, words);
    struct template *template = template_parse(place, without_newlines(body), error);

    free(place);
    if (template == NULL)
        return false;
    conversation->parts =
        reallocate(conversation->parts, conversation->count + 1, sizeof *conversation->parts);
    conversation->parts[conversation->count++] = (struct part){role, example, template};
    return true;
}

/* The part under a heading. */
static bool read_part(struct conversation *conversation, const char *name, struct text heading,
                      struct text body, size_t line, struct error *error) {
    struct text words = {heading.bytes + strlen(mark), heading.size - strlen(mark)};

    if (words.size > 0 && words.bytes[words.size - 1] == '\r')
        words.size--;
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        if (text_is(words, headings[i].words))
            return add_part(conversation, name, headings[i].words, headings[i].role,
                            headings[i].example, body, error);
    return error_set(error,
                     "%s: line %zu: there is no part '%.*s'; system, user, assistant, example "
                     "user or example assistant would be right",
                     name, line, (int)(words.size < 40 ? words.size : 40), words.bytes);
}

static bool read_parts(struct conversation *conversation, const char *name, struct text text,
                       struct error *error) {
    struct text rest = text, heading = {0}, body = {0};
    size_t number = 0, heading_number = 0;

    while (rest.size > 0) {
        struct text line = first_line(rest);
        number++;
        if (is_heading(line)) {
            body.size = (size_t)(line.bytes - body.bytes);
            if (heading.size > 0 &&
                !read_part(conversation, name, heading, body, heading_number, error))
                return false;
            heading = line;
            heading_number = number;
            body = after_line(rest, line);
        }
        rest = after_line(rest, line);
    }
    if (heading.size == 0)
        return add_part(conversation, name, "user", "user", false, text, error);
    body.size = (size_t)(rest.bytes - body.bytes);
    return read_part(conversation, name, heading, body, heading_number, error);
}

/* Endpoints take no conversation in which nobody asks. */
static bool check_parts(const struct conversation *conversation, const char *name,
                        struct error *error) {
    const struct part *last =
        conversation->count > 0 ? &conversation->parts[conversation->count - 1] : NULL;

    if (last == NULL || last->example || strcmp(last->role, "user") != 0)
        return error_set(error, "%s: does not end in a part '=== user'", name);
    return true;
}

struct conversation *conversation_parse(const char *name, struct text text, struct error *error) {
    struct conversation *conversation = allocate(1, sizeof *conversation);
    XXH128_hash_t hash = XXH3_128bits(text.bytes, text.size);

    snprintf(conversation->digest, sizeof conversation->digest, "%016llx%016llx",
             (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    if (read_parts(conversation, name, text, error) && check_parts(conversation, name, error))
        return conversation;
    conversation_close(conversation);
    return NULL;
}

struct conversation *conversation_open(const char *path, struct error *error) {
    struct conversation *conversation = NULL;
    struct buffer text = {0};

    if (file_read(path, TEMPLATE_LIMIT, &text, error)) {
        buffer_reserve(&text, 1); /* so that there is an address to count from */
        conversation =
            conversation_parse(path, (struct text){(const char *)text.data, text.size}, error);
    }
    buffer_free(&text);
    return conversation;
}

void conversation_close(struct conversation *conversation) {
    if (conversation == NULL)
        return;
    for (size_t i = 0; i < conversation->count; i++)
        template_close(conversation->parts[i].template);
    free(conversation->parts);
    free(conversation);
}

bool conversation_has_examples(const struct conversation *conversation) {
    for (size_t i = 0; i < conversation->count; i++)
        if (conversation->parts[i].example)
            return true;
    return false;
}

const char *conversation_digest(const struct conversation *conversation) {
    return conversation->digest;
}

/* ---- rendering ---- */

void message_list_free(struct message_list *list) {
    for (size_t i = 0; i < list->capacity; i++)
        buffer_free(&list->texts[i]);
    free(list->texts);
    free(list->items);
    *list = (struct message_list){0};
}

/* A record, and room for one of its fields as JSON. */
struct lookup_context {
    const struct record *record;
    struct buffer *json;
};

static bool look_up(const void *context, const char *field, struct text *value,
                    struct error *error) {
    const struct lookup_context *lookup = context;
    const struct value *found = record_find(lookup->record, field);

    if (found == NULL)
        return error_set(error, "field '%s' is missing", field);
    if (value_text(*found, value))
        return true;
    lookup->json->size = 0;
    json_write_value(*found, lookup->json);
    *value = (struct text){(const char *)lookup->json->data, lookup->json->size};
    return true;
}

static bool add_message(const struct part *part, const struct record *record, struct buffer *json,
                        struct message_list *list, struct error *error) {
    struct lookup_context lookup = {record, json};

    if (list->count == list->capacity) {
        list->items = reallocate(list->items, list->capacity + 1, sizeof *list->items);
        list->texts = reallocate(list->texts, list->capacity + 1, sizeof *list->texts);
        list->texts[list->capacity++] = (struct buffer){0};
    }
    struct buffer *text = &list->texts[list->count];
    text->size = 0;
    if (!template_render(part->template, look_up, &lookup, (struct text){"", 0}, PASSWORD_BOTH,
                         text, error))
        return false;
    list->items[list->count++] =
        (struct message){part->role, {(const char *)text->data, text->size}};
    return true;
}

/* The parts from `first` up to the next that is no example, for each example in turn. */
static bool add_examples(const struct conversation *conversation, size_t first, size_t end,
                         const struct record *const *examples, size_t example_count,
                         struct buffer *json, struct message_list *messages, struct error *error) {
    for (size_t i = 0; i < example_count; i++)
        for (size_t part = first; part < end; part++)
            if (!add_message(&conversation->parts[part], examples[i], json, messages, error))
                return error_place(error, "example %zu", i + 1);
    return true;
}

bool conversation_render(const struct conversation *conversation, const struct record *record,
                         const struct record *const *examples, size_t example_count,
                         struct message_list *messages, struct error *error) {
    struct buffer json = {0};
    bool fine = true;

    messages->count = 0;
    for (size_t i = 0; fine && i < conversation->count;) {
        size_t end = i;
        while (conversation->parts[end].example)
            end++;
        if (end > i) {
            fine =
                add_examples(conversation, i, end, examples, example_count, &json, messages, error);
            i = end;
        } else {
            fine = add_message(&conversation->parts[i++], record, &json, messages, error);
        }
    }
    buffer_free(&json);
    return fine;
}

void messages_as_text(const struct message_list *messages, struct buffer *out) {
    for (size_t i = 0; i < messages->count; i++) {
        const struct message *message = &messages->items[i];
        if (messages->count > 1)
            buffer_format(out, "%s[%s]\n", i > 0 ? "\n\n" : "", message->role);
        buffer_append(out, message->text.bytes, message->text.size);
    }
}
