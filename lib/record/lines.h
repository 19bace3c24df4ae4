/* Inside of lib/record and for `records make`: text lines, bounded, from a file or standard input.
 */
#ifndef LOCKPICK_RECORD_LINES_H
#define LOCKPICK_RECORD_LINES_H

#include "base/error.h"
#include "base/memory.h"

struct line_reader;

/* `path` NULL or "-": standard input. */
struct line_reader *line_reader_open(const char *path, struct error *error);
/*
 * The next line without its newline, borrowed until the next call; false at the end, or on failure
 * with `error` filled. The last line needs no newline.
 */
bool line_reader_next(struct line_reader *reader, struct text *line, struct error *error);
const char *line_reader_name(const struct line_reader *reader);
uint64_t line_reader_number(const struct line_reader *reader); /* of the last line, from 1 */
void line_reader_close(struct line_reader *reader);

#endif
