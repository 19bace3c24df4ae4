/*
 * Ids to small numbers, in the order of their coming: a hash table over 128-bit keys of the ids
 * (about 30 bytes an id, however long the ids are).
 */
#ifndef LOCKPICK_TASK_ID_INDEX_H
#define LOCKPICK_TASK_ID_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

/* A number uniform over 128 bits that stands for an id; unequal ids have unequal ones. */
struct id_key {
    uint64_t high;
    uint64_t low;
};

/* The key depends on the seed and on what it is for, so that it can serve as a random draw too. */
struct id_key id_key(uint64_t seed, const char *purpose, struct text id);

/* All zero is an empty one. */
struct id_index {
    struct id_key *keys; /* by number */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* number + 1, or 0 for a free one */
    size_t slot_count;
};

/*
 * The number of `key`, a new one where it has not been seen (`*known` says). Fails beyond 2³² − 2
 * ids.
 */
bool id_index_add(struct id_index *index, struct id_key key, size_t *number, bool *known,
                  struct error *error);
bool id_index_find(const struct id_index *index, struct id_key key, size_t *number);
void id_index_free(struct id_index *index);

#endif
