/*
 * Examples that are shown before a question: a small stream of records, of which every question
 * gets its own few, drawn from the seed and the id of its record.
 */
#ifndef LOCKPICK_REMOTE_SHOTS_H
#define LOCKPICK_REMOTE_SHOTS_H

#include "record/record.h"

enum { SHOT_LIMIT = 100000 }; /* records in such a stream, at most */

struct shots;

struct shots *shots_open(const char *path, int64_t count, uint64_t seed, struct error *error);
void shots_close(struct shots *shots); /* NULL is fine */
/* Of the stream, 32 hex digits. */
const char *shots_digest(const struct shots *shots);

/*
 * Draws them, without the record's own id: *drawn has `count` places and stays valid until the next
 * call. The record needs an id.
 */
bool shots_draw(struct shots *shots, const struct record *record,
                const struct record *const **drawn, struct error *error);

#endif
