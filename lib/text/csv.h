/*
 * Rows of tables in text: comma- or tab-separated, after RFC 4180. A field in double quotes may
 * hold the separator, newlines, and quotes written twice. Rows are fed line by line, so that a
 * caller reads as much as a row needs.
 */
#ifndef LOCKPICK_TEXT_CSV_H
#define LOCKPICK_TEXT_CSV_H

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

/* All zero is an empty one; reuse it for every row of a table. */
struct csv_row {
    struct buffer text; /* the fields one behind the other */
    size_t *ends;       /* [count] where each ends in it */
    size_t count, capacity;
    bool open; /* inside of quotes: the row goes on in the next line */
};

/*
 * Takes the next line (without its newline; a carriage return at its end goes too). While
 * `row->open` afterwards the row is not complete. A row begins with csv_clear(). False: a quote
 * stands where none may, and the error tells the field (from 1).
 */
bool csv_feed(struct csv_row *row, struct text line, char separator, struct error *error);
void csv_clear(struct csv_row *row);
void csv_free(struct csv_row *row);

/* Field `number` (from 0, below count), borrowed until the row changes. */
struct text csv_field(const struct csv_row *row, size_t number);

#endif
