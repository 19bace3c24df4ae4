/*
 * Names to small numbers, in the order of their coming: a hash table of open addresses over runs of
 * bytes, which it keeps. For groups and problems of which there are many.
 */
#ifndef LOCKPICK_RESULT_NAMES_H
#define LOCKPICK_RESULT_NAMES_H

#include <stdint.h>

#include "base/memory.h"

struct name {
    uint64_t hash;
    size_t offset; /* in `bytes` */
    size_t size;
};

/* All zero is an empty one. */
struct names {
    struct name *items; /* by number */
    size_t count, capacity;
    struct buffer bytes;
    uint32_t *slots; /* number + 1, or 0 for a free one; a power of two of them */
    size_t slot_count;
};

enum { NAMES_LIMIT = 1 << 30 };

/* The number of a name, a new one where it has not come before: then that is the old `count`. */
size_t names_add(struct names *names, struct text name);
/* False where it has not come. */
bool names_find(const struct names *names, struct text name, size_t *number);
/* Borrowed until the next names_add(). */
struct text names_at(const struct names *names, size_t number);
void names_free(struct names *names);

#endif
