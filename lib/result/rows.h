/*
 * Result rows held in memory, and how they are shown: as a table with one column a field. Results
 * are few; the records that they come from are not, and are never held.
 */
#ifndef LOCKPICK_RESULT_ROWS_H
#define LOCKPICK_RESULT_ROWS_H

#include "record/record.h"
#include "stats/table.h"

/* All zero is an empty list. */
struct rows {
    struct record *items;
    size_t count;
    size_t capacity;
};

/* Appends an empty row; the pointer holds until the next is added. */
struct record *rows_add(struct rows *rows);
void rows_free(struct rows *rows);

/* Sets a field of a row to a number; to nil where it is NAN: measured, but undefined. */
void row_set_number(struct record *row, const char *field, double number);

/* Appends a copy of a row; refuses fields that a table has no cell for (lists, maps, binary). */
bool rows_add_copy(struct rows *rows, const struct record *row, struct error *error);

/*
 * Appends the rows as a table, a column for each field of any row, in the rows' order. Numbers
 * stand on the right; missing and nil fields, and empty texts, are "-". Measured numbers are
 * rounded to a few decimals, and relations stand in their number's cell ("<= 4.0"); for TABLE_TSV
 * numbers are exact and relations have columns of their own. Fails with more than 256 fields.
 */
bool rows_write(const struct rows *rows, enum table_format format, struct buffer *out,
                struct error *error);

#endif
