/*
 * Streams of completions held in memory, to be joined with another by id and sample: what stored
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
/* The same from several streams, as if they were one behind the other. */
struct completions *completions_read_all(const char *const *paths, size_t count,
                                         const char *const *keep, struct error *error);
void completions_free(struct completions *completions); /* NULL is fine */

/* Of the stream; of several "a.rec, b.rec". */
const char *completions_name(const struct completions *completions);
/* Of stream number `stream`, 32 hex digits; NULL beyond. */
const char *completions_digest(const struct completions *completions, size_t stream);

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
/* Record `index` of those of the id, [0, completions_samples), in the order of their samples. */
void completions_at(const struct completions *completions, size_t number, size_t index,
                    struct record *record);

#endif
