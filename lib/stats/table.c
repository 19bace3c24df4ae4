/* Tables as text, TSV, Markdown and HTML: see table.h. */
#include "stats/table.h"

#include <stdlib.h>
#include <string.h>

#include "stats/markup.h"

static void append_cell(struct table *table, struct text content) {
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? 2 * table->capacity : 64;
        table->cells = reallocate(table->cells, table->capacity, sizeof *table->cells);
    }
    char *copy = allocate(content.size + 1, 1);
    if (content.size > 0)
        memcpy(copy, content.bytes, content.size);
    /* A zero byte would cut the cell short. */
    for (size_t i = 0; i < content.size; i++)
        if (copy[i] == '\0')
            copy[i] = ' ';
    table->cells[table->count++] = copy;
}

void table_column(struct table *table, const char *title, enum table_side side) {
    table->sides = reallocate(table->sides, table->columns + 1, sizeof *table->sides);
    table->sides[table->columns++] = side;
    append_cell(table, text_of(title));
}

void table_cell(struct table *table, struct text content) {
    append_cell(table, content);
}

void table_free(struct table *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table->sides);
    *table = (struct table){0};
}

static void write_escaped(const char *cell, enum table_format format, struct buffer *out) {
    static const char *const special[] = {
        [TABLE_TEXT] = "", [TABLE_TSV] = "\\", [TABLE_MARKDOWN] = "\\|<"};
    for (const char *c = cell; *c; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte == '\t')
            buffer_append_text(out, "\\t");
        else if (byte == '\n')
            buffer_append_text(out, "\\n");
        else if (byte == '\r')
            buffer_append_text(out, "\\r");
        else if (byte < 0x20 || byte == 0x7f)
            buffer_format(out, "\\x%02x", byte);
        else if (strchr(special[format], byte))
            buffer_format(out, "\\%c", byte);
        else
            buffer_append(out, c, 1);
    }
}

/* Columns on a terminal: every code point counts one. */
static size_t display_width(const uint8_t *bytes, size_t size) {
    size_t width = 0;
    for (size_t i = 0; i < size; i++)
        width += (bytes[i] & 0xc0) != 0x80;
    return width;
}

static size_t cell_width(const char *cell, enum table_format format) {
    struct buffer escaped = {0};
    write_escaped(cell, format, &escaped);
    const size_t width = display_width(escaped.data, escaped.size);
    buffer_free(&escaped);
    return width;
}

static size_t *column_widths(const struct table *table, enum table_format format) {
    size_t *widths = allocate(table->columns, sizeof *widths);
    for (size_t i = 0; i < table->count; i++) {
        const size_t width = cell_width(table->cells[i], format);
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    return widths;
}

static void write_padded(const char *cell, enum table_format format, enum table_side side,
                         size_t width, struct buffer *out) {
    const size_t used = cell_width(cell, format);
    const int padding = (int)(width > used ? width - used : 0);
    if (side == TABLE_RIGHT)
        buffer_format(out, "%*s", padding, "");
    write_escaped(cell, format, out);
    if (side == TABLE_LEFT)
        buffer_format(out, "%*s", padding, "");
}

static void write_rule(const struct table *table, const size_t *widths, struct buffer *out) {
    buffer_append_text(out, "|");
    for (size_t c = 0; c < table->columns; c++) {
        const bool right = table->sides[c] == TABLE_RIGHT;
        buffer_append_text(out, " ");
        for (size_t i = right; i < widths[c] || i < 3; i++)
            buffer_append_text(out, "-");
        buffer_append_text(out, right ? ": |" : " |");
    }
    buffer_append_text(out, "\n");
}

static void trim_right(struct buffer *out) {
    while (out->size > 0 && out->data[out->size - 1] == ' ')
        out->size--;
}

static void write_row(const struct table *table, size_t row, enum table_format format,
                      const size_t *widths, struct buffer *out) {
    static const char *const opening[] = {"", "", "| "};
    static const char *const between[] = {"  ", "\t", " | "};
    static const char *const closing[] = {"\n", "\n", " |\n"};
    buffer_append_text(out, opening[format]);
    for (size_t c = 0; c < table->columns; c++) {
        const size_t at = row * table->columns + c;
        const char *cell = at < table->count ? table->cells[at] : "";
        if (c > 0)
            buffer_append_text(out, between[format]);
        if (format == TABLE_TSV)
            write_escaped(cell, format, out);
        else
            write_padded(cell, format, table->sides[c], widths[c], out);
    }
    if (format == TABLE_TEXT)
        trim_right(out);
    buffer_append_text(out, closing[format]);
}

static void write_html_row(const struct table *table, size_t row, struct buffer *out) {
    const char *element = row == 0 ? "th" : "td";
    buffer_append_text(out, "<tr>");
    for (size_t c = 0; c < table->columns; c++) {
        const size_t at = row * table->columns + c;
        buffer_format(out, "<%s%s%s>", element, row == 0 ? " scope=\"col\"" : "",
                      table->sides[c] == TABLE_RIGHT ? " class=\"right\"" : "");
        markup_escape(text_of(at < table->count ? table->cells[at] : ""), out);
        buffer_format(out, "</%s>", element);
    }
    buffer_append_text(out, "</tr>\n");
}

static void write_html(const struct table *table, size_t rows, struct buffer *out) {
    buffer_append_text(out, "<table>\n<thead>\n");
    write_html_row(table, 0, out);
    buffer_append_text(out, "</thead>\n<tbody>\n");
    for (size_t row = 1; row < rows; row++)
        write_html_row(table, row, out);
    buffer_append_text(out, "</tbody>\n</table>\n");
}

void table_write(const struct table *table, enum table_format format, struct buffer *out) {
    if (table->columns == 0)
        return;
    const size_t rows = (table->count + table->columns - 1) / table->columns;
    if (format == TABLE_HTML) {
        write_html(table, rows, out);
        return;
    }
    size_t *widths = column_widths(table, format);
    if (format == TABLE_MARKDOWN)
        for (size_t c = 0; c < table->columns; c++)
            widths[c] = widths[c] < 3 ? 3 : widths[c];
    for (size_t row = 0; row < rows; row++) {
        write_row(table, row, format, widths, out);
        if (row == 0 && format == TABLE_MARKDOWN)
            write_rule(table, widths, out);
    }
    free(widths);
}
