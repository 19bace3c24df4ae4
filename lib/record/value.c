/*
 * Checking msgpack values, reading them where they lie, and packing new ones. The check goes over
 * every byte once, never believes a length further than bytes are there, and nests at most
 * VALUE_DEPTH deep; whatever reads a value afterwards may rely on it.
 */
#include "record/value.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "record/scan.h"

const struct head_shape head_shapes[32] = {
    {VALUE_NIL, 0, 0},        {VALUE_NIL, 0, 0},       {VALUE_BOOLEAN, 0, 0},
    {VALUE_BOOLEAN, 0, 0},    {VALUE_BINARY, 1, 0},    {VALUE_BINARY, 2, 0},
    {VALUE_BINARY, 4, 0},     {VALUE_EXTENSION, 1, 1}, {VALUE_EXTENSION, 2, 1},
    {VALUE_EXTENSION, 4, 1},  {VALUE_REAL, 0, 4},      {VALUE_REAL, 0, 8},
    {VALUE_INTEGER, 0, 1},    {VALUE_INTEGER, 0, 2},   {VALUE_INTEGER, 0, 4},
    {VALUE_INTEGER, 0, 8},    {VALUE_INTEGER, 0, 1},   {VALUE_INTEGER, 0, 2},
    {VALUE_INTEGER, 0, 4},    {VALUE_INTEGER, 0, 8},   {VALUE_EXTENSION, 0, 2},
    {VALUE_EXTENSION, 0, 3},  {VALUE_EXTENSION, 0, 5}, {VALUE_EXTENSION, 0, 9},
    {VALUE_EXTENSION, 0, 17}, {VALUE_TEXT, 1, 0},      {VALUE_TEXT, 2, 0},
    {VALUE_TEXT, 4, 0},       {VALUE_ARRAY, 2, 0},     {VALUE_ARRAY, 4, 0},
    {VALUE_MAP, 2, 0},        {VALUE_MAP, 4, 0},
};

/* clang-format off */
const uint8_t leaf_sizes[256] = {
    [0x00 ... 0x7f] = 1,
    [0xa0] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    [0xb0] = 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    [0xc0] = 1, [0xc2] = 1, [0xc3] = 1,
    [0xca] = 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, /* reals, unsigned and signed integers */
    [0xe0 ... 0xff] = 1,
};
/* clang-format on */

/* ---- checking ---- */

struct scan {
    const uint8_t *start;
    const uint8_t *end;
    struct error *error;
};

static enum scan_result scan_value(const struct scan *scan, const uint8_t **at, unsigned depth);

static enum scan_result bad_key(const struct scan *scan, struct text key) {
    error_set(scan->error, "the key \"%.*s\" comes twice in one map; a map has each key once",
              key_shown(key), key.bytes);
    return SCAN_BAD;
}

/* A key of a map: any value; where it is text, `key` is it. */
static enum scan_result scan_key(const struct scan *scan, const uint8_t **at, unsigned depth,
                                 struct text *key) {
    struct head head;
    const uint8_t *start = *at;
    enum scan_result result = scan_value(scan, at, depth);
    *key = (struct text){NULL, 0};
    if (result == SCAN_WHOLE && head_read(start, (size_t)(*at - start), &head) == SCAN_WHOLE &&
        head.type == VALUE_TEXT)
        *key = (struct text){(const char *)start + head.size, head.length};
    return result;
}

/* A map of few pairs: each key is compared with the earlier ones that share its bit. */
static enum scan_result scan_small_map(const struct scan *scan, const uint8_t **at, unsigned depth,
                                       uint64_t pairs) {
    struct text keys[FEW_KEYS];
    uint64_t seen = 0;
    size_t count = 0;
    for (uint64_t i = 0; i < pairs; i++) {
        struct text key;
        enum scan_result result = scan_key(scan, at, depth, &key);
        if (result == SCAN_WHOLE && key.bytes != NULL) {
            uint64_t bit = key_bit(key);
            for (size_t j = 0; (seen & bit) && j < count; j++)
                if (text_equal(keys[j], key))
                    return bad_key(scan, key);
            seen |= bit;
            keys[count++] = key;
        }
        if (result == SCAN_WHOLE)
            result = scan_value(scan, at, depth);
        if (result != SCAN_WHOLE)
            return result;
    }
    return SCAN_WHOLE;
}

/* A map of many pairs: its keys are gathered as they arrive, then sorted. */
static enum scan_result scan_large_map(const struct scan *scan, const uint8_t **at, unsigned depth,
                                       uint64_t pairs) {
    struct text *keys = NULL, twice;
    size_t count = 0, capacity = 0;
    enum scan_result result = SCAN_WHOLE;
    for (uint64_t i = 0; i < pairs && result == SCAN_WHOLE; i++) {
        struct text key;
        result = scan_key(scan, at, depth, &key);
        if (result == SCAN_WHOLE && key.bytes != NULL) {
            if (count == capacity) {
                capacity = capacity ? capacity * 2 : FEW_KEYS * 2;
                keys = reallocate(keys, capacity, sizeof *keys);
            }
            keys[count++] = key;
        }
        if (result == SCAN_WHOLE)
            result = scan_value(scan, at, depth);
    }
    if (result == SCAN_WHOLE && keys_repeat(keys, count, &twice))
        result = bad_key(scan, twice);
    free(keys);
    return result;
}

static enum scan_result scan_container(const struct scan *scan, const uint8_t **at, unsigned depth,
                                       const struct head *head) {
    if (depth >= VALUE_DEPTH) {
        error_set(scan->error, "nested more than %d deep at byte %zu; flatten it", VALUE_DEPTH,
                  (size_t)(*at - scan->start));
        return SCAN_BAD;
    }
    if (head->type == VALUE_MAP) {
        if (head->length > MAP_KEYS_LIMIT) {
            error_set(scan->error, "a map of %llu keys at byte %zu; at most %d are read",
                      (unsigned long long)head->length, (size_t)(*at - scan->start),
                      MAP_KEYS_LIMIT);
            return SCAN_BAD;
        }
        return head->length <= FEW_KEYS ? scan_small_map(scan, at, depth + 1, head->length)
                                        : scan_large_map(scan, at, depth + 1, head->length);
    }
    for (uint64_t i = 0; i < head->length; i++) {
        enum scan_result result = scan_value(scan, at, depth + 1);
        if (result != SCAN_WHOLE)
            return result;
    }
    return SCAN_WHOLE;
}

static enum scan_result scan_value(const struct scan *scan, const uint8_t **at, unsigned depth) {
    struct head head;
    size_t size = leaf_size(*at, (size_t)(scan->end - *at));
    if (size > 0) {
        *at += size;
        return SCAN_WHOLE;
    }
    enum scan_result result = head_read(*at, (size_t)(scan->end - *at), &head);
    if (result != SCAN_WHOLE) {
        if (result == SCAN_BAD)
            error_set(scan->error, "byte 0xc1 at byte %zu; msgpack never uses it",
                      (size_t)(*at - scan->start));
        return result;
    }
    *at += head.size;
    if (head.type == VALUE_ARRAY || head.type == VALUE_MAP)
        return scan_container(scan, at, depth, &head);
    if (head.length > (uint64_t)(scan->end - *at))
        return SCAN_SHORT;
    *at += head.length;
    return SCAN_WHOLE;
}

enum scan_result value_scan(const uint8_t *bytes, size_t size, unsigned depth, size_t *used,
                            struct error *error) {
    *used = 0;
    if (size == 0)
        return SCAN_SHORT;
    struct scan scan = {bytes, bytes + size, error};
    const uint8_t *at = bytes;
    enum scan_result result = scan_value(&scan, &at, depth);
    *used = (size_t)(at - bytes);
    return result;
}

size_t value_check(const uint8_t *bytes, size_t size, struct error *error) {
    size_t used;
    enum scan_result result = value_scan(bytes, size, 0, &used, error);
    if (result == SCAN_SHORT)
        error_set(error, "the value does not end within its %zu bytes", size);
    return result == SCAN_WHOLE ? used : 0;
}

static int compare_keys(const void *first, const void *second) {
    const struct text *a = first, *b = second;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return memcmp(a->bytes, b->bytes, a->size);
}

bool keys_repeat(struct text *keys, size_t count, struct text *twice) {
    if (count < 2)
        return false;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (text_equal(keys[i - 1], keys[i])) {
            *twice = keys[i];
            return true;
        }
    return false;
}

/* ---- reading ---- */

/* The head of a checked value. */
static struct head head_of(struct value value) {
    struct head head;
    if (value.size == 0 || head_read(value.bytes, value.size, &head) != SCAN_WHOLE)
        return (struct head){VALUE_NIL, 1, 0};
    return head;
}

enum value_type value_type(struct value value) {
    return head_of(value).type;
}

const char *value_type_name(enum value_type type) {
    static const char *const names[] = {"nil",    "boolean", "integer", "real",     "text",
                                        "binary", "array",   "map",     "extension"};
    return names[type];
}

static uint64_t big_endian(const uint8_t *bytes, unsigned width) {
    uint64_t number = 0;
    for (unsigned i = 0; i < width; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* An integer as sign and magnitude in two's complement. */
static bool integer_bits(struct value value, bool *negative, uint64_t *bits) {
    if (value_type(value) != VALUE_INTEGER || value.size == 0)
        return false;
    uint8_t first = value.bytes[0];
    unsigned width = 1u << (first & 3);
    *negative = false;
    if (first < 0x80) {
        *bits = first;
    } else if (first >= 0xe0) {
        *negative = true;
        *bits = (uint64_t)(int64_t)(int8_t)first;
    } else {
        *bits = big_endian(value.bytes + 1, width);
        if (first >= 0xd0) {                  /* signed: extended from its width to 64 bits */
            unsigned unused = 64 - 8 * width; /* 0 … 56, as width is 1 … 8 */
            /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
            int64_t extended = (int64_t)(*bits << unused) >> unused;
            *bits = (uint64_t)extended;
            *negative = extended < 0;
        }
    }
    return true;
}

bool value_boolean(struct value value, bool *out) {
    if (value_type(value) != VALUE_BOOLEAN)
        return false;
    *out = value.bytes[0] == 0xc3;
    return true;
}

bool value_integer(struct value value, int64_t *out) {
    bool negative;
    uint64_t bits;
    if (!integer_bits(value, &negative, &bits) || (!negative && bits > INT64_MAX))
        return false;
    *out = (int64_t)bits;
    return true;
}

bool value_unsigned(struct value value, uint64_t *out) {
    bool negative;
    uint64_t bits;
    if (!integer_bits(value, &negative, &bits) || negative)
        return false;
    *out = bits;
    return true;
}

bool value_real(struct value value, double *out) {
    bool negative;
    uint64_t bits;
    if (integer_bits(value, &negative, &bits)) {
        *out = negative ? (double)(int64_t)bits : (double)bits;
        return true;
    }
    if (value_type(value) != VALUE_REAL)
        return false;
    if (value.bytes[0] == 0xca) {
        uint32_t narrow = (uint32_t)big_endian(value.bytes + 1, 4);
        float number;
        memcpy(&number, &narrow, sizeof number);
        *out = number;
    } else {
        bits = big_endian(value.bytes + 1, 8);
        memcpy(out, &bits, sizeof *out);
    }
    return true;
}

static bool bytes_of(struct value value, enum value_type type, struct text *out) {
    struct head head = head_of(value);
    if (head.type != type)
        return false;
    *out = (struct text){(const char *)value.bytes + head.size, head.length};
    return true;
}

bool value_text(struct value value, struct text *out) {
    return bytes_of(value, VALUE_TEXT, out);
}

bool value_binary(struct value value, struct text *out) {
    return bytes_of(value, VALUE_BINARY, out);
}

static bool walk_start(struct value value, enum value_type type, struct value_walk *walk,
                       uint64_t *count) {
    struct head head = head_of(value);
    if (head.type != type)
        return false;
    *walk = (struct value_walk){value.bytes + head.size, value.bytes + value.size, head.length};
    if (count != NULL)
        *count = head.length;
    return true;
}

bool value_array(struct value value, struct value_walk *walk, uint64_t *count) {
    return walk_start(value, VALUE_ARRAY, walk, count);
}

bool value_map(struct value value, struct value_walk *walk, uint64_t *count) {
    return walk_start(value, VALUE_MAP, walk, count);
}

/* Takes one value off a walk, with all that it contains. */
static bool walk_take(struct value_walk *walk, struct value *element) {
    const uint8_t *at = walk->next;
    struct head head;
    for (uint64_t left = 1; left > 0; left--) {
        if (head_read(at, (size_t)(walk->end - at), &head) != SCAN_WHOLE)
            return false;
        at += head.size;
        if (head.type == VALUE_ARRAY)
            left += head.length;
        else if (head.type == VALUE_MAP)
            left += 2 * head.length;
        else if (head.length <= (uint64_t)(walk->end - at))
            at += head.length;
        else
            return false;
    }
    *element = (struct value){walk->next, (size_t)(at - walk->next)};
    walk->next = at;
    return true;
}

bool value_next(struct value_walk *walk, struct value *element) {
    if (walk->left == 0)
        return false;
    walk->left--;
    return walk_take(walk, element);
}

bool value_next_pair(struct value_walk *walk, struct text *key, struct value *element) {
    struct value packed_key;
    if (walk->left == 0 || !walk_take(walk, &packed_key))
        return false;
    walk->left--;
    if (!value_text(packed_key, key))
        *key = (struct text){NULL, 0};
    return walk_take(walk, element);
}

/* ---- packing ---- */

static int append(void *buffer, const char *bytes, size_t size) {
    buffer_append(buffer, bytes, size);
    return 0;
}

static msgpack_packer packer_of(struct buffer *buffer) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, buffer, append);
    return packer;
}

void pack_nil(struct buffer *buffer) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_nil(&packer);
}

void pack_boolean(struct buffer *buffer, bool value) {
    msgpack_packer packer = packer_of(buffer);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void pack_integer(struct buffer *buffer, int64_t value) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_int64(&packer, value);
}

void pack_unsigned(struct buffer *buffer, uint64_t value) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_uint64(&packer, value);
}

void pack_real(struct buffer *buffer, double value) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_double(&packer, value);
}

void pack_text(struct buffer *buffer, struct text value) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_str(&packer, value.size);
    buffer_append(buffer, value.bytes, value.size);
}

void pack_binary(struct buffer *buffer, struct text value) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_bin(&packer, value.size);
    buffer_append(buffer, value.bytes, value.size);
}

void pack_extension(struct buffer *buffer, int8_t type, struct text value) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_ext(&packer, value.size, type);
    buffer_append(buffer, value.bytes, value.size);
}

void pack_array(struct buffer *buffer, size_t count) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_array(&packer, count);
}

void pack_map(struct buffer *buffer, size_t count) {
    msgpack_packer packer = packer_of(buffer);
    msgpack_pack_map(&packer, count);
}
