/* Result rows and their tables: see rows.h. */
#include "result/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result/key.h"

enum { COLUMNS_LIMIT = 256, ROWS_LIMIT = 1 << 20 };

struct record *rows_add(struct rows *rows) {
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? 2 * rows->capacity : 16;
        rows->items = reallocate(rows->items, rows->capacity, sizeof *rows->items);
    }
    rows->items[rows->count] = (struct record){0};
    return &rows->items[rows->count++];
}

void rows_free(struct rows *rows) {
    for (size_t i = 0; i < rows->count; i++)
        record_free(&rows->items[i]);
    free(rows->items);
    *rows = (struct rows){0};
}

void row_set_number(struct record *row, const char *field, double number) {
    const uint8_t nil = 0xc0;
    if (isnan(number))
        record_set_value(row, field, (struct value){&nil, 1});
    else
        record_set_real(row, field, number);
}

bool rows_add_copy(struct rows *rows, const struct record *row, struct error *error) {
    struct key key;
    for (size_t i = 0; i < row->count; i++) {
        char *field = format_text("%.*s", (int)row->fields[i].key.size, row->fields[i].key.bytes);
        const bool fine = key_find(row, field, &key, error);
        free(field);
        if (!fine)
            return false;
    }
    if (rows->count == ROWS_LIMIT)
        return error_set(error, "more than %d rows; a table is for fewer", ROWS_LIMIT);
    record_copy(rows_add(rows), row);
    return true;
}

/* ---- columns ---- */

struct column {
    char *field;
    const char *relation; /* the field written in front ("<= 4.0"), or NULL */
    int decimals;         /* of real numbers; negative: as many as it takes */
};

struct columns {
    struct column *items;
    size_t count;
};

/* How the fields of results are shown; others as they are. */
static const struct {
    const char *field;
    int decimals;
} looks[] = {
    {"correctness", 3}, {"score", 3},    {"sem", 3},        {"floor", 3},
    {"ceiling", 3},     {"low", 3},      {"high", 3},       {"gap", 3},
    {"gap_low", 3},     {"gap_high", 3}, {"difference", 3}, {"first_mean", 3},
    {"second_mean", 3}, {"p", 4},        {"k", 1},          {"ratio", 2},
};
enum { LOOK_COUNT = sizeof looks / sizeof looks[0] };

/* Each is a relation of the field behind it, which is shown with so many decimals. */
static const struct {
    const char *field;
    int decimals;
} relations[] = {
    {"relation", 1},       {"low_relation", 1},       {"high_relation", 1},
    {"ratio_relation", 2}, {"ratio_low_relation", 2}, {"ratio_high_relation", 2},
};
enum { RELATION_COUNT = sizeof relations / sizeof relations[0] };

static void columns_free(struct columns *columns) {
    for (size_t i = 0; i < columns->count; i++)
        free(columns->items[i].field);
    free(columns->items);
}

static size_t find_column(const struct columns *columns, struct text field) {
    size_t at = 0;
    while (at < columns->count && !text_is(field, columns->items[at].field))
        at++;
    return at;
}

static struct column column_of(struct text field, bool exact) {
    struct column column = {format_text("%.*s", (int)field.size, field.bytes), NULL, -1};
    for (size_t i = 0; !exact && i < LOOK_COUNT; i++)
        if (strcmp(looks[i].field, column.field) == 0)
            column.decimals = looks[i].decimals;
    return column;
}

/* The number of a relation; RELATION_COUNT for other fields. */
static size_t find_relation(struct text field) {
    size_t i = 0;
    while (i < RELATION_COUNT && !text_is(field, relations[i].field))
        i++;
    return i;
}

static void insert_column(struct columns *columns, size_t at, struct column column) {
    columns->items = reallocate(columns->items, columns->count + 1, sizeof *columns->items);
    memmove(columns->items + at + 1, columns->items + at,
            (columns->count - at) * sizeof *columns->items);
    columns->items[at] = column;
    columns->count++;
}

/* A field that is new stands behind the one that it follows in its row. */
static bool add_fields(struct columns *columns, const struct record *row, bool exact,
                       struct error *error) {
    size_t behind = 0; /* where a new field goes */
    size_t relation = RELATION_COUNT;
    for (size_t i = 0; i < row->count; i++) {
        const struct text field = row->fields[i].key;
        const size_t at = find_column(columns, field);
        if (!exact && find_relation(field) < RELATION_COUNT) {
            relation = find_relation(field);
            continue;
        }
        if (at == columns->count && columns->count == COLUMNS_LIMIT)
            return error_set(error, "the rows have more than %d fields", COLUMNS_LIMIT);
        if (at == columns->count)
            insert_column(columns, behind, column_of(field, exact));
        else
            behind = at;
        if (relation < RELATION_COUNT) {
            columns->items[behind].relation = relations[relation].field;
            columns->items[behind].decimals = relations[relation].decimals;
            relation = RELATION_COUNT;
        }
        behind++;
    }
    return true;
}

/* A column of numbers (and gaps) stands on the right. */
static enum table_side column_side(const struct rows *rows, const char *field) {
    struct error ignored = {0};
    for (size_t i = 0; i < rows->count; i++) {
        struct key key;
        if (key_find(&rows->items[i], field, &key, &ignored) &&
            (key.kind == KEY_TEXT || key.kind == KEY_BOOLEAN))
            return TABLE_LEFT;
    }
    return TABLE_RIGHT;
}

/* ---- cells ---- */

static bool print_cell(const struct record *row, const struct column *column, struct buffer *out,
                       struct error *error) {
    struct key key, relation = {.kind = KEY_MISSING};
    if (!key_find(row, column->field, &key, error))
        return false;
    if (column->relation && !key_find(row, column->relation, &relation, error))
        return false;
    if (relation.kind != KEY_MISSING && !key_is(&relation, "=")) {
        key_print(&relation, out);
        buffer_append_text(out, " ");
    }
    const struct value *value = record_find(row, column->field);
    double number = 0;
    if (column->decimals >= 0 && value && value_type(*value) == VALUE_REAL &&
        value_real(*value, &number))
        buffer_format(out, "%.*f", column->decimals, number);
    else
        key_print(&key, out);
    if (out->size == 0)
        buffer_append_text(out, "-");
    return true;
}

bool rows_write(const struct rows *rows, enum table_format format, struct buffer *out,
                struct error *error) {
    struct columns columns = {0};
    struct table table = {0};
    struct buffer cell = {0};
    bool fine = true;
    for (size_t i = 0; fine && i < rows->count; i++)
        fine = add_fields(&columns, &rows->items[i], format == TABLE_TSV, error);
    for (size_t c = 0; c < columns.count; c++)
        table_column(&table, columns.items[c].field, column_side(rows, columns.items[c].field));
    for (size_t i = 0; fine && i < rows->count; i++)
        for (size_t c = 0; fine && c < columns.count; c++) {
            cell.size = 0;
            fine = print_cell(&rows->items[i], &columns.items[c], &cell, error);
            table_cell(&table, (struct text){(const char *)cell.data, cell.size});
        }
    if (fine)
        table_write(&table, format, out);
    buffer_free(&cell);
    table_free(&table);
    columns_free(&columns);
    return fine;
}
