/*
 * A stream of completions held in memory, to be joined with another by id and sample: what stored
 * policies, lock sets and agreement need. Memory: the packed records, and about 80 bytes for each.
 */
#ifndef LOCKPICK_TASK_COMPLETIONS_H
#define LOCKPICK_TASK_COMPLETIONS_H

#include "record/record.h"

struct completions;

/*
 * Reads the stream `path` (NULL or "-": standard input) to its end. Every record needs an `id` and
 * a `completion`. Its number among those of its id is its `sample`, or its place among them where
 * it has none; the same one twice is an error that names both. `keep` lists the fields to hold (id,
 * completion and sample always are), up to a NULL; NULL itself: all.
 */
struct completions *completions_read(const char *path, const char *const *keep,
                                     struct error *error);
void completions_free(struct completions *completions); /* NULL is fine */

const char *completions_name(const struct completions *completions);   /* of the stream */
const char *completions_digest(const struct completions *completions); /* 32 hex digits */

/* Ids are numbered from 0 as they first came. */
size_t completions_ids(const struct completions *completions);
bool completions_find(const struct completions *completions, struct text id, size_t *number);
size_t completions_samples(const struct completions *completions, size_t number);

/*
 * The record of id `number` for sample `sample`: the only one where the id has but one, whatever
 * its sample, else the one of that sample; `record` borrows its bytes. The error says what is
 * there.
 */
bool completions_get(const struct completions *completions, size_t number, int64_t sample,
                     struct record *record, struct error *error);
/* The first record of the id. */
void completions_first(const struct completions *completions, size_t number, struct record *record);

#endif
