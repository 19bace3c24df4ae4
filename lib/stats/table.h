/*
 * Tables: rows of text cells, written as aligned text for a terminal, as TSV for other programs, or
 * as Markdown or HTML for a report. Cells may hold anything; what would break a line, a column, a
 * terminal or a page is escaped.
 */
#ifndef LOCKPICK_STATS_TABLE_H
#define LOCKPICK_STATS_TABLE_H

#include "base/memory.h"

enum table_format { TABLE_TEXT, TABLE_TSV, TABLE_MARKDOWN, TABLE_HTML };
enum table_side { TABLE_LEFT, TABLE_RIGHT };

/* All zero is an empty table. Columns first, then cells row by row. */
struct table {
    enum table_side *sides; /* of each column */
    size_t columns;
    char **cells; /* titles, then the rows */
    size_t count;
    size_t capacity;
};

void table_column(struct table *table, const char *title, enum table_side side);
/* Appends one cell, a copy. The last row may be left short. */
void table_cell(struct table *table, struct text content);
void table_write(const struct table *table, enum table_format format, struct buffer *out);
void table_free(struct table *table);

#endif
