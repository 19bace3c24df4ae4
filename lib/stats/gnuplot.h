/*
 * Running gnuplot: a program in, a picture out. No file is made: both go through anonymous memory.
 */
#ifndef LOCKPICK_STATS_GNUPLOT_H
#define LOCKPICK_STATS_GNUPLOT_H

#include "base/memory.h"

/*
 * Runs the program without the user's start-up files and appends what it writes to standard output.
 * False where gnuplot is missing, fails (with what it said), draws nothing, or was stopped by a
 * signal to us.
 */
bool gnuplot_run(const struct buffer *program, struct buffer *picture, struct error *error);

/*
 * Appends a text as a gnuplot string that is shown as it is: in single quotes, in which neither
 * commands nor escapes nor macros exist. An apostrophe becomes ’, control characters spaces, what
 * is no UTF-8 the replacement character; the string ends with "…" after `limit` characters.
 */
void gnuplot_quote(struct text text, size_t limit, struct buffer *out);

#endif
