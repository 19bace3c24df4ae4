/* Rows of tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tool.h"
#include "record/lines.h"
#include "task/import_rows.h"
#include "text/csv.h"

enum { COLUMNS = 4096 };

struct table {
    struct line_reader *reader;
    const struct row_sink *sink;
    char separator;
    struct csv_row cells;
    char **columns;
    size_t count;
    uint64_t line; /* where the row began */
    struct row row;
    struct buffer text; /* of the row in work, as it stands in the file */
};

/* The next row that is not blank; false at the end or on failure, with `error` set. */
static bool next_cells(struct table *table, struct error *error) {
    struct text line;

    csv_clear(&table->cells);
    table->text.size = 0;
    while (line_reader_next(table->reader, &line, error)) {
        uint64_t number = line_reader_number(table->reader);
        line = row_past_mark(line, number);
        if (!table->cells.open && row_is_blank(line) && table->separator == ',')
            continue;
        if (!table->cells.open)
            table->line = number;
        buffer_append(&table->text, line.bytes, line.size);
        if (table->text.size > DOCUMENT_LIMIT)
            return error_set(error,
                             "%s: line %llu: the row is longer than %d MiB; is a quote "
                             "missing?",
                             line_reader_name(table->reader), (unsigned long long)table->line,
                             DOCUMENT_LIMIT >> 20);
        bool fine = csv_feed(&table->cells, line, table->separator, error);
        if (!fine || !table->cells.open)
            return true; /* with an error: a bad row */
    }
    if (error->text[0] == '\0' && table->cells.open) {
        error_set(error, "the file ends inside of quotes; is one missing?");
        return true;
    }
    return false;
}

static void add_column(struct table *table, struct text name) {
    table->columns = reallocate(table->columns, table->count + 1, sizeof *table->columns);
    table->columns[table->count++] = format_text("%.*s", (int)name.size, name.bytes);
}

static bool name_columns(struct table *table, const char *columns, struct error *error) {
    while (columns != NULL && *columns != '\0') {
        size_t size = strcspn(columns, ",");
        add_column(table, (struct text){columns, size});
        columns += size + (columns[size] == ',');
    }
    if (table->count > 0)
        return true;
    const char *name = line_reader_name(table->reader);
    if (!next_cells(table, error))
        return error->text[0] == '\0' ? error_set(error, "%s: nothing in it", name) : false;
    for (size_t i = 0; error->text[0] == '\0' && i < table->cells.count && i < COLUMNS; i++) {
        struct text cell = csv_field(&table->cells, i);
        if (cell.size > 200 || !row_check_text("a column's name", cell, error))
            error_set(error, "column %zu has no name of UTF-8 and at most 200 bytes", i + 1);
        for (size_t j = 0; j < table->count; j++)
            if (text_is(cell, table->columns[j]))
                error_set(error, "the column '%.*s' comes twice", (int)cell.size, cell.bytes);
        add_column(table, cell);
    }
    return error->text[0] == '\0' || error_place(error, "%s: line 1", name);
}

static bool fill_row(struct table *table, struct error *error) {
    if (error->text[0] != '\0')
        return false;
    if (table->cells.count != table->count)
        return error_set(error, "%zu fields; %zu, as there are columns, would be right",
                         table->cells.count, table->count);
    record_clear(&table->row.fields);
    for (size_t i = 0; i < table->count; i++) {
        struct text cell = csv_field(&table->cells, i);
        if (!row_check_text(table->columns[i], cell, error))
            return false;
        record_set_text(&table->row.fields, table->columns[i], cell);
    }
    return true;
}

static bool take_cells(struct table *table, struct error *error) {
    struct row *row = &table->row;
    const struct row_sink *sink = table->sink;

    snprintf(row->place, sizeof row->place, "%s: line %llu", line_reader_name(table->reader),
             (unsigned long long)table->line);
    if (fill_row(table, error))
        return sink->take(sink->context, row, error);
    struct text text = {(const char *)table->text.data, table->text.size};
    return row_refuse(sink, text, row->place, error);
}

bool rows_read_table(const char *path, char separator, const char *columns,
                     const struct row_sink *sink, struct error *error) {
    struct table table = {.sink = sink, .separator = separator, .row.path = path};

    table.reader = line_reader_open(path, error);
    if (table.reader == NULL)
        return false;
    bool fine = name_columns(&table, columns, error);
    while (fine && next_cells(&table, error)) {
        fine = take_cells(&table, error);
        if (fine && stop_requested())
            fine = error_set(error, "%s: stopped by a signal", line_reader_name(table.reader));
    }
    for (size_t i = 0; i < table.count; i++)
        free(table.columns[i]);
    free(table.columns);
    csv_free(&table.cells);
    buffer_free(&table.text);
    record_free(&table.row.fields);
    line_reader_close(table.reader);
    return fine && error->text[0] == '\0';
}
