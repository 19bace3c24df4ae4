/*
 * A file without a name that holds records while a tool makes up its mind about them: filled once,
 * then read once, compressed. For tools that must see the whole stream before they write any of it.
 */
#ifndef LOCKPICK_TASK_SPOOL_H
#define LOCKPICK_TASK_SPOOL_H

#include "record/record.h"

struct spool;

/* In $TMPDIR, or /tmp. */
struct spool *spool_open(struct error *error);
bool spool_add(struct spool *spool, const struct record *record, struct error *error);
/* From filling to reading. */
bool spool_rewind(struct spool *spool, struct error *error);
/* The next record, borrowed until the next call. False at the end, or on failure: error is set. */
bool spool_next(struct spool *spool, struct record *record, struct error *error);
void spool_close(struct spool *spool); /* NULL is fine */

#endif
