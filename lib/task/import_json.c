/* Rows of JSON: lines, documents, pages of a hub. */
#include <stdio.h>
#include <string.h>

#include "base/tool.h"
#include "record/json.h"
#include "record/lines.h"
#include "task/import_rows.h"

/* ---- encoding ---- */

/* The key that stands last before `at` in a line of JSON, where its text is too. */
static struct text key_before(struct text line, size_t at) {
    struct text string = {0}, key = {0};

    for (size_t i = 0; i < at; i++) {
        if (line.bytes[i] == ':' && string.bytes != NULL)
            key = string;
        if (line.bytes[i] != '"') {
            if (!strchr(" \t", line.bytes[i]))
                string = (struct text){0};
            continue;
        }
        size_t start = ++i;
        while (i < at && line.bytes[i] != '"')
            i += line.bytes[i] == '\\' ? 2 : 1;
        string = (struct text){line.bytes + start, (i < at ? i : at) - start};
    }
    return key;
}

static bool check_json_text(struct text line, struct error *error) {
    size_t at = row_utf8_prefix(line);

    if (at == line.size)
        return true;
    struct text key = key_before(line, at);
    if (key.size == 0)
        return error_set(error, "column %zu: no UTF-8; convert the file to UTF-8", at + 1);
    return error_set(error, "column %zu: field '%.*s' is no UTF-8 here; convert the file to UTF-8",
                     at + 1, key.size < 80 ? (int)key.size : 80, key.bytes);
}

/* ---- values ---- */

struct json_source {
    const char *path;
    const char *name;
    const struct row_sink *sink;
    struct row row;
};

static bool take_row(struct json_source *source, struct value value, const char *unit,
                     uint64_t number, struct error *error) {
    struct row *row = &source->row;

    snprintf(row->place, sizeof row->place, "%s: %s %llu", source->name, unit,
             (unsigned long long)number);
    if (!record_parse(&row->fields, value.bytes, value.size, error))
        return row_refuse(source->sink, (struct text){"", 0}, row->place, error);
    return source->sink->take(source->sink->context, row, error);
}

/* The member `key` of a map; false where it has none, or is none. */
static bool member(struct value map, const char *key, struct value *found) {
    struct value_walk walk;
    uint64_t count;
    struct text name;

    if (value_type(map) != VALUE_MAP || !value_map(map, &walk, &count))
        return false;
    while (value_next_pair(&walk, &name, found))
        if (text_is(name, key))
            return true;
    return false;
}

/* What a row of a hub's page holds; the page is of no use where it was cut short. */
static bool page_row(struct value *row, struct error *error) {
    struct value_walk walk;
    struct value cut;
    uint64_t count;

    if (member(*row, "truncated_cells", &cut) && value_type(cut) == VALUE_ARRAY &&
        value_array(cut, &walk, &count) && count > 0)
        return error_set(error,
                         "the hub cut %llu of its fields short (truncated_cells); the "
                         "dataset's files have them whole",
                         (unsigned long long)count);
    return member(*row, "row", row) ||
           error_set(error, "this row of a hub's page has no member 'row'");
}

static bool take_array(struct json_source *source, struct value array, bool page,
                       struct error *error) {
    struct value_walk walk;
    struct value row;
    uint64_t count, number = 0;
    char place[512];

    if (value_type(array) != VALUE_ARRAY || !value_array(array, &walk, &count))
        return error_set(error, "%s: 'rows' is no array", source->name);
    while (value_next(&walk, &row)) {
        number++;
        if (page && !page_row(&row, error)) {
            snprintf(place, sizeof place, "%s: row %llu", source->name, (unsigned long long)number);
            if (!row_refuse(source->sink, (struct text){"", 0}, place, error))
                return false;
        } else if (!take_row(source, row, "row", number, error)) {
            return false;
        }
    }
    return true;
}

/* One JSON value: a row, an array of rows, or a page of them. */
static bool take_value(struct json_source *source, struct value value, uint64_t line,
                       struct error *error) {
    struct value rows;

    if (value_type(value) == VALUE_ARRAY)
        return take_array(source, value, false, error);
    if (member(value, "rows", &rows) && value_type(rows) == VALUE_ARRAY)
        return take_array(source, rows, true, error);
    return take_row(source, value, "line", line, error);
}

/*
 * Python writes NaN and Infinity, which JSON has not, for what is missing; as null the rest of the
 * row can be read. Appends the line with them replaced; false where it has none.
 */
static bool replace_nan(struct text line, struct buffer *out) {
    static const char *const words[] = {"NaN", "-Infinity", "Infinity"};
    bool quoted = false, replaced = false;

    for (size_t i = 0; i < line.size; i++) {
        size_t skip = 0;
        for (size_t w = 0; !quoted && w < sizeof words / sizeof *words; w++)
            if (strlen(words[w]) <= line.size - i &&
                memcmp(line.bytes + i, words[w], strlen(words[w])) == 0)
                skip = strlen(words[w]);
        if (skip > 0) {
            buffer_append_text(out, "null");
            replaced = true;
            i += skip - 1;
            continue;
        }
        if (line.bytes[i] == '"')
            quoted = !quoted;
        size_t size = quoted && line.bytes[i] == '\\' && i + 1 < line.size ? 2 : 1;
        buffer_append(out, line.bytes + i, size);
        i += size - 1;
    }
    return replaced;
}

/* One value of JSON, with what Python adds to it. The error is that of the line as it stands. */
static bool read_value(struct text json, struct buffer *packed, struct error *error) {
    struct buffer mended = {0};
    struct error ignored = {0};

    packed->size = 0;
    if (!check_json_text(json, error))
        return false;
    bool fine = json_read_value(json, packed, error);
    if (!fine && replace_nan(json, &mended)) {
        packed->size = 0;
        fine = json_read_value((struct text){(const char *)mended.data, mended.size}, packed,
                               &ignored);
        if (fine)
            error->text[0] = '\0';
    }
    buffer_free(&mended);
    return fine;
}

/* A first line that is no JSON by itself may begin a document over many lines: all of it. */
static bool take_document(struct json_source *source, struct line_reader *reader, struct text first,
                          struct error *error) {
    struct buffer document = {0}, packed = {0};
    struct error reason = *error;
    struct text line;
    bool more = false, fine = true;

    buffer_append(&document, first.bytes, first.size);
    *error = (struct error){0};
    while (fine && line_reader_next(reader, &line, error)) {
        more = more || !row_is_blank(line);
        buffer_append_text(&document, "\n");
        buffer_append(&document, line.bytes, line.size);
        if (document.size > DOCUMENT_LIMIT)
            fine = error_set(error,
                             "%s: more than %d MiB in one JSON document; JSON lines would "
                             "be right",
                             source->name, DOCUMENT_LIMIT >> 20);
    }
    fine = fine && error->text[0] == '\0';
    struct text whole = {(const char *)document.data, document.size};
    if (fine && more && read_value(whole, &packed, error)) {
        fine = take_value(source, (struct value){packed.data, packed.size}, 1, error);
    } else if (fine) {
        *error = reason; /* of the first line, which is likelier to be meant */
        error_place(error, "line 1");
        fine = error_place(error, "%s", source->name);
    }
    buffer_free(&document);
    buffer_free(&packed);
    return fine;
}

static bool take_line(struct json_source *source, struct line_reader *reader, struct text line,
                      struct buffer *packed, struct error *error) {
    uint64_t number = line_reader_number(reader);
    char place[512];

    line = row_past_mark(line, number);
    if (row_is_blank(line))
        return true;
    if (read_value(line, packed, error))
        return take_value(source, (struct value){packed->data, packed->size}, number, error);
    if (number == 1 && strstr(error->text, "the text ends here") != NULL)
        return take_document(source, reader, line, error);
    snprintf(place, sizeof place, "%s: line %llu", source->name, (unsigned long long)number);
    return row_refuse(source->sink, line, place, error);
}

bool rows_read_json(const char *path, const struct row_sink *sink, struct error *error) {
    struct line_reader *reader = line_reader_open(path, error);
    struct json_source source = {.path = path, .sink = sink, .row.path = path};
    struct buffer packed = {0};
    struct text line;
    bool fine = reader != NULL;

    source.name = fine ? line_reader_name(reader) : "";
    while (fine && line_reader_next(reader, &line, error)) {
        fine = take_line(&source, reader, line, &packed, error);
        if (fine && stop_requested())
            fine = error_set(error, "%s: stopped by a signal", source.name);
    }
    line_reader_close(reader);
    record_free(&source.row.fields);
    buffer_free(&packed);
    return fine && error->text[0] == '\0';
}
