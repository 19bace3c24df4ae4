/* Names to numbers: see names.h. */
#include "result/names.h"

#include <stdlib.h>
#include <xxhash.h>

struct text names_at(const struct names *names, size_t number) {
    const struct name *name = &names->items[number];
    return (struct text){(const char *)names->bytes.data + name->offset, name->size};
}

static void grow_slots(struct names *names) {
    names->slot_count = names->slot_count ? 2 * names->slot_count : 256;
    free(names->slots);
    names->slots = allocate(names->slot_count, sizeof *names->slots);
    for (size_t i = 0; i < names->count; i++) {
        size_t at = names->items[i].hash & (names->slot_count - 1);
        while (names->slots[at])
            at = (at + 1) & (names->slot_count - 1);
        names->slots[at] = (uint32_t)(i + 1);
    }
}

/* The slot of a name, or the free one where it would go. */
static size_t slot_of(const struct names *names, uint64_t hash, struct text name) {
    size_t at = hash & (names->slot_count - 1);
    for (; names->slots[at]; at = (at + 1) & (names->slot_count - 1)) {
        const size_t number = names->slots[at] - 1;
        if (names->items[number].hash == hash && text_equal(names_at(names, number), name))
            break;
    }
    return at;
}

bool names_find(const struct names *names, struct text name, size_t *number) {
    if (names->count == 0)
        return false;
    const size_t at = slot_of(names, XXH3_64bits(name.bytes, name.size), name);
    *number = names->slots[at] ? names->slots[at] - 1 : 0;
    return names->slots[at] != 0;
}

size_t names_add(struct names *names, struct text name) {
    if (2 * names->count >= names->slot_count)
        grow_slots(names);
    const uint64_t hash = XXH3_64bits(name.bytes, name.size);
    const size_t at = slot_of(names, hash, name);
    if (names->slots[at])
        return names->slots[at] - 1;
    if (names->count == names->capacity) {
        names->capacity = names->capacity ? 2 * names->capacity : 64;
        names->items = reallocate(names->items, names->capacity, sizeof *names->items);
    }
    names->items[names->count++] = (struct name){hash, names->bytes.size, name.size};
    buffer_append(&names->bytes, name.bytes, name.size);
    names->slots[at] = (uint32_t)names->count;
    return names->count - 1;
}

void names_free(struct names *names) {
    free(names->items);
    free(names->slots);
    buffer_free(&names->bytes);
    *names = (struct names){0};
}
