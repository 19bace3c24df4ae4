/*
 * Inside of lib/record: reading the head of a msgpack value, and checking values of which perhaps
 * not all bytes have arrived yet. value.c and record.c stand on it.
 */
#ifndef LOCKPICK_RECORD_SCAN_H
#define LOCKPICK_RECORD_SCAN_H

#include "record/value.h"

enum {
    MAP_KEYS_LIMIT = 1 << 20, /* keys of one map; bounds the memory of the search for duplicates */
    FEW_KEYS = 64,            /* so many keys are compared pairwise, more are sorted */
};

enum scan_result {
    SCAN_WHOLE,
    SCAN_SHORT, /* right so far, but the bytes end before the value does */
    SCAN_BAD,   /* `error` says why */
};

/* What the first bytes of a value say. */
struct head {
    enum value_type type;
    unsigned size;   /* bytes of the head itself */
    uint64_t length; /* bytes behind the head; elements of an array; pairs of a map */
};

/* The heads 0xc0 … 0xdf: type, width of the length that follows, and bytes besides that length. */
struct head_shape {
    uint8_t type;
    uint8_t width;
    uint8_t fixed;
};

extern const struct head_shape head_shapes[32];

/* Reads a head. SCAN_BAD only for the one byte that msgpack never uses, 0xc1. */
static inline enum scan_result head_read(const uint8_t *at, size_t left, struct head *head) {
    if (left == 0)
        return SCAN_SHORT;
    uint8_t first = at[0];
    head->size = 1;
    if (first < 0xc0 || first >= 0xe0) {
        bool number = first < 0x80 || first >= 0xe0;
        head->type = number         ? VALUE_INTEGER
                     : first < 0x90 ? VALUE_MAP
                     : first < 0xa0 ? VALUE_ARRAY
                                    : VALUE_TEXT;
        head->length = number ? 0 : first & (first < 0xa0 ? 0x0fu : 0x1fu);
        return SCAN_WHOLE;
    }
    if (first == 0xc1)
        return SCAN_BAD;
    const struct head_shape *shape = &head_shapes[first - 0xc0];
    if (left < (size_t)1 + shape->width)
        return SCAN_SHORT;
    uint64_t length = 0;
    for (unsigned i = 0; i < shape->width; i++)
        length = length << 8 | at[1 + i];
    head->type = (enum value_type)shape->type;
    head->size = 1u + shape->width;
    head->length = length + shape->fixed;
    return SCAN_WHOLE;
}

/* Sizes of the values whose first byte says all: numbers, nil, booleans, short text; 0: others. */
extern const uint8_t leaf_sizes[256];

/*
 * The size of the commonest values, those and text below 64 KiB, when all of their bytes are there;
 * 0 for all others, and then value_scan() knows more.
 */
static inline size_t leaf_size(const uint8_t *at, size_t left) {
    if (left == 0)
        return 0;
    size_t size = leaf_sizes[at[0]];
    if (at[0] == 0xd9 && left >= 2)
        size = 2 + (size_t)at[1];
    else if (at[0] == 0xda && left >= 3)
        size = 3 + ((size_t)at[1] << 8 | at[2]);
    return size <= left ? size : 0;
}

/*
 * Checks the value at the start of `bytes`, which stands inside `depth` containers, and stores its
 * size. The error of SCAN_BAD counts bytes from `bytes`.
 */
enum scan_result value_scan(const uint8_t *bytes, size_t size, unsigned depth, size_t *used,
                            struct error *error);

/* Two keys that differ in size, first or last byte (and size below 65536) differ in this. */
static inline uint32_t key_mix(struct text key) {
    if (key.size == 0)
        return 0;
    return (uint32_t)key.size << 16 | (uint32_t)(uint8_t)key.bytes[0] << 8 |
           (uint8_t)key.bytes[key.size - 1];
}

/* One bit of 64 for a mix: two with different bits differ. */
static inline uint64_t mix_bit(uint32_t mix) {
    return 1ull << (mix * 0x9e3779b1u >> 26);
}

static inline uint64_t key_bit(struct text key) {
    return mix_bit(key_mix(key));
}

/* Whether a key stands there twice; then *twice is it. Sorts the list. */
bool keys_repeat(struct text *keys, size_t count, struct text *twice);

/* How a key is shown in an error: bounded, "%.*s" of the two. */
static inline int key_shown(struct text key) {
    return key.size > 60 ? 60 : (int)key.size;
}

#endif
