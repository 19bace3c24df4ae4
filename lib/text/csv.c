/* Rows of tables in text. */
#include "text/csv.h"

#include <stdlib.h>
#include <string.h>

static void end_field(struct csv_row *row) {
    if (row->count == row->capacity) {
        row->capacity += row->capacity / 2 + 16;
        row->ends = reallocate(row->ends, row->capacity, sizeof *row->ends);
    }
    row->ends[row->count++] = row->text.size;
}

/*
 * Goes on inside of quotes; returns what is left behind the closing one. Where there is none, the
 * row stays open and nothing is left.
 */
static struct text take_quoted(struct csv_row *row, struct text line) {
    while (line.size > 0) {
        const char *quote = memchr(line.bytes, '"', line.size);
        size_t size = quote != NULL ? (size_t)(quote - line.bytes) : line.size;
        buffer_append(&row->text, line.bytes, size);
        if (quote == NULL)
            break;
        line.bytes += size + 1;
        line.size -= size + 1;
        if (line.size == 0 || *line.bytes != '"') {
            row->open = false;
            return line;
        }
        buffer_append(&row->text, "\"", 1);
        line.bytes++;
        line.size--;
    }
    buffer_append(&row->text, "\n", 1);
    return (struct text){line.bytes, 0};
}

/* A field without quotes, up to the separator or the end. */
static bool take_plain(struct csv_row *row, struct text *line, char separator,
                       struct error *error) {
    const char *end = memchr(line->bytes, separator, line->size);
    size_t size = end != NULL ? (size_t)(end - line->bytes) : line->size;

    if (separator == ',' && memchr(line->bytes, '"', size) != NULL)
        return error_set(error,
                         "field %zu has a quote in its middle; quotes around the whole field, and "
                         "those within written twice, would be right",
                         row->count + 1);
    buffer_append(&row->text, line->bytes, size);
    line->bytes += size;
    line->size -= size;
    return true;
}

bool csv_feed(struct csv_row *row, struct text line, char separator, struct error *error) {
    if (line.size > 0 && line.bytes[line.size - 1] == '\r')
        line.size--;
    bool quoted = row->open;
    for (;;) {
        if (!quoted && line.size > 0 && *line.bytes == '"') {
            quoted = row->open = true;
            line.bytes++;
            line.size--;
        }
        if (quoted) {
            line = take_quoted(row, line);
            if (row->open)
                return true;
            if (line.size > 0 && *line.bytes != separator)
                return error_set(error,
                                 "field %zu goes on behind its closing quote; quotes within a "
                                 "field written twice would be right",
                                 row->count + 1);
        } else if (!take_plain(row, &line, separator, error)) {
            return false;
        }
        end_field(row);
        if (line.size == 0)
            return true;
        line.bytes++; /* the separator */
        line.size--;
        quoted = false;
    }
}

void csv_clear(struct csv_row *row) {
    row->text.size = 0;
    row->count = 0;
    row->open = false;
}

void csv_free(struct csv_row *row) {
    buffer_free(&row->text);
    free(row->ends);
    *row = (struct csv_row){0};
}

struct text csv_field(const struct csv_row *row, size_t number) {
    size_t start = number > 0 ? row->ends[number - 1] : 0;
    const char *bytes = row->text.data != NULL ? (const char *)row->text.data + start : "";

    return (struct text){bytes, row->ends[number] - start};
}
