/*
 * Ids to numbers: open addressing with linear probing, at most half full.
 */
#include "task/id_index.h"

#include <stdlib.h>

#include "base/random.h"

struct id_key id_key(uint64_t seed, const char *purpose, struct text id) {
    struct random random;
    struct id_key key;

    random_start(&random, &(struct random_name){.seed = seed, .purpose = purpose, .id = id});
    key.high = random_u64(&random);
    key.low = random_u64(&random);
    return key;
}

/* The slot of `key`, or the free one where it would go. */
static size_t slot_of(const struct id_index *index, struct id_key key) {
    size_t slot = (size_t)key.low & (index->slot_count - 1);

    while (index->slots[slot] != 0) {
        const struct id_key *there = &index->keys[index->slots[slot] - 1];
        if (there->high == key.high && there->low == key.low)
            break;
        slot = (slot + 1) & (index->slot_count - 1);
    }
    return slot;
}

static void grow(struct id_index *index) {
    index->slot_count = index->slot_count > 0 ? 2 * index->slot_count : 64;
    free(index->slots);
    index->slots = allocate(index->slot_count, sizeof *index->slots);
    for (size_t i = 0; i < index->count; i++)
        index->slots[slot_of(index, index->keys[i])] = (uint32_t)(i + 1);
}

bool id_index_add(struct id_index *index, struct id_key key, size_t *number, bool *known,
                  struct error *error) {
    size_t slot;

    if (2 * index->count >= index->slot_count)
        grow(index);
    slot = slot_of(index, key);
    *known = index->slots[slot] != 0;
    if (*known) {
        *number = index->slots[slot] - 1;
        return true;
    }
    if (index->count >= UINT32_MAX - 1)
        return error_set(error, "more than %zu different ids: split the input", index->count);
    if (index->count == index->capacity) {
        index->capacity += index->capacity / 2 + 64;
        index->keys = reallocate(index->keys, index->capacity, sizeof *index->keys);
    }
    *number = index->count;
    index->keys[index->count++] = key;
    index->slots[slot] = (uint32_t)index->count;
    return true;
}

bool id_index_find(const struct id_index *index, struct id_key key, size_t *number) {
    size_t slot;

    if (index->count == 0)
        return false;
    slot = slot_of(index, key);
    if (index->slots[slot] == 0)
        return false;
    *number = index->slots[slot] - 1;
    return true;
}

void id_index_free(struct id_index *index) {
    free(index->keys);
    free(index->slots);
    *index = (struct id_index){0};
}
