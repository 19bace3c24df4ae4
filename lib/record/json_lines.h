/* JSON lines in, a record stream out, with bad lines set aside: the work of `records make`. */
#ifndef LOCKPICK_RECORD_JSON_LINES_H
#define LOCKPICK_RECORD_JSON_LINES_H

#include "record/filter.h"

struct json_lines;

struct json_lines *json_lines_open(const struct filter_settings *settings,
                                   const struct provenance *provenance, bool quiet,
                                   struct error *error);
/*
 * Adds the lines of a file (NULL or "-": standard input); blank ones are passed over. A line that
 * is no record goes to the rejects as a record of `line` and `reject_reason`, or is a failure.
 */
bool json_lines_add(struct json_lines *lines, const char *path, struct error *error);
/*
 * Ends it; with an error already set the output does not appear, but rejects do. Frees it either
 * way.
 */
bool json_lines_close(struct json_lines *lines, struct error *error);

#endif
