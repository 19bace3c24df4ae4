/*
 * Records as lists of fields. Parsing points into the bytes read; a field that is set is packed,
 * key and value, into a small buffer of the record's own, and packing a record is then a matter of
 * copying runs of bytes. A record in which nothing changed packs to the very bytes it was read
 * from.
 */
#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/scan.h"

/* ---- reading ---- */

static struct field *add_field(struct record *record) {
    if (record->count == record->capacity) {
        record->capacity = record->capacity ? record->capacity * 2 : 16;
        record->fields = reallocate(record->fields, record->capacity, sizeof *record->fields);
    }
    return &record->fields[record->count++];
}

static enum scan_result bad(struct error *error, const char *text) {
    error_set(error, "%s", text);
    return SCAN_BAD;
}

static enum scan_result twice(struct error *error, struct text key) {
    error_set(error, "the field \"%.*s\" comes twice; a record has each field once", key_shown(key),
              key.bytes);
    return SCAN_BAD;
}

/* The key of a field: `at` moves behind it. */
static inline enum scan_result parse_key(const uint8_t **at, const uint8_t *end, struct text *key,
                                         struct error *error) {
    size_t left = (size_t)(end - *at);
    if (left > 0 && **at >= 0xa0 && **at < 0xc0 && (**at & 0x1fu) < left) {
        *key = (struct text){(const char *)*at + 1, **at & 0x1fu};
        *at += 1 + key->size;
        return SCAN_WHOLE;
    }
    struct head head;
    enum scan_result result = head_read(*at, left, &head);
    if (result == SCAN_BAD || (result == SCAN_WHOLE && head.type != VALUE_TEXT))
        return bad(error, "a key that is no text; a record is a map from text to values");
    if (result == SCAN_SHORT || head.length > left - head.size)
        return SCAN_SHORT;
    *key = (struct text){(const char *)*at + head.size, head.length};
    *at += head.size + head.length;
    return SCAN_WHOLE;
}

/* The keys of a record so far, as far as comparing them needs: few of them. */
struct few_keys {
    uint64_t seen;
    uint32_t mixes[FEW_KEYS];
};

/* Whether the key stands among the fields so far. */
static inline bool key_repeats(const struct record *record, struct text key,
                               struct few_keys *keys) {
    uint32_t mix = key_mix(key);
    uint64_t bit = mix_bit(mix);
    bool found = false;
    if (keys->seen & bit)
        for (size_t i = 0; i < record->count && !found; i++)
            found = keys->mixes[i] == mix && text_equal(record->fields[i].key, key);
    keys->seen |= bit;
    keys->mixes[record->count] = mix;
    return found;
}

/* The same over all fields, for records with many. */
static bool some_key_repeats(const struct record *record, struct text *key) {
    struct text *keys = reallocate(NULL, record->count, sizeof *keys);
    for (size_t i = 0; i < record->count; i++)
        keys[i] = record->fields[i].key;
    bool found = keys_repeat(keys, record->count, key);
    free(keys);
    return found;
}

static enum scan_result parse_fields(struct record *record, const uint8_t **at, const uint8_t *end,
                                     uint64_t count, struct error *error) {
    struct few_keys few;
    few.seen = 0;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *start = *at;
        struct text key;
        enum scan_result result = parse_key(at, end, &key, error);
        if (result != SCAN_WHOLE)
            return result;
        const uint8_t *value = *at;
        size_t used = leaf_size(value, (size_t)(end - value));
        if (used == 0) {
            result = value_scan(value, (size_t)(end - value), 1, &used, error);
            if (result == SCAN_BAD)
                error_place(error, "field \"%.*s\"", key_shown(key), key.bytes);
            if (result != SCAN_WHOLE)
                return result;
        }
        if (count <= FEW_KEYS && key_repeats(record, key, &few))
            return twice(error, key);
        *at = value + used;
        *add_field(record) = (struct field){key, {value, used}, {start, (size_t)(*at - start)}};
    }
    struct text key;
    if (count > FEW_KEYS && some_key_repeats(record, &key))
        return twice(error, key);
    return SCAN_WHOLE;
}

size_t record_parse_front(struct record *record, const uint8_t *bytes, size_t size,
                          bool *incomplete, struct error *error) {
    record_clear(record);
    struct head head;
    const uint8_t *at = bytes;
    enum scan_result result = head_read(bytes, size, &head);
    if (result == SCAN_BAD || (result == SCAN_WHOLE && head.type != VALUE_MAP)) {
        error_set(error, "%s where a record should be; a record is a map",
                  result == SCAN_BAD ? "byte 0xc1" : value_type_name(head.type));
        result = SCAN_BAD;
    } else if (result == SCAN_WHOLE && head.length > MAP_KEYS_LIMIT) {
        error_set(error, "a record of %llu fields; at most %d are read",
                  (unsigned long long)head.length, MAP_KEYS_LIMIT);
        result = SCAN_BAD;
    } else if (result == SCAN_WHOLE) {
        at += head.size;
        result = parse_fields(record, &at, bytes + size, head.length, error);
    }
    *incomplete = result == SCAN_SHORT;
    if (result != SCAN_WHOLE) {
        record_clear(record);
        return 0;
    }
    record->whole = (struct value){bytes, (size_t)(at - bytes)};
    return record->whole.size;
}

bool record_parse(struct record *record, const uint8_t *bytes, size_t size, struct error *error) {
    bool incomplete;
    size_t used = record_parse_front(record, bytes, size, &incomplete, error);
    if (incomplete)
        return error_set(error, "the record does not end within its %zu bytes", size);
    if (used > 0 && used < size) {
        record_clear(record);
        return error_set(error, "%zu bytes are left over behind the record", size - used);
    }
    return used > 0;
}

void record_clear(struct record *record) {
    record->count = 0;
    record->owned_used = 0;
    record->whole = (struct value){0};
}

void record_free(struct record *record) {
    for (size_t i = 0; i < record->owned_count; i++) {
        buffer_free(record->owned[i]);
        free(record->owned[i]);
    }
    free(record->owned);
    free(record->fields);
    *record = (struct record){0};
}

const struct value *record_find(const struct record *record, const char *key) {
    size_t size = strlen(key);
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        if (field->key.size == size && memcmp(field->key.bytes, key, size) == 0)
            return &field->value;
    }
    return NULL;
}

/* ---- fields by type ---- */

static bool missing(const char *key, const char *wanted, struct error *error) {
    return error_set(error, "no field \"%s\"; it should be there, as %s", key, wanted);
}

static bool mistyped(const struct value *value, const char *key, const char *wanted,
                     struct error *error) {
    return error_set(error, "field \"%s\" is %s; it should be %s", key,
                     value_type_name(value_type(*value)), wanted);
}

bool record_text(const struct record *record, const char *key, struct text *out,
                 struct error *error) {
    const struct value *value = record_find(record, key);
    if (value == NULL)
        return missing(key, "text", error);
    return value_text(*value, out) || mistyped(value, key, "text", error);
}

bool record_integer(const struct record *record, const char *key, int64_t *out,
                    struct error *error) {
    const struct value *value = record_find(record, key);
    if (value == NULL)
        return missing(key, "an integer", error);
    if (value_integer(*value, out))
        return true;
    if (value_type(*value) == VALUE_INTEGER)
        return error_set(error, "field \"%s\" is too large; it should be below 2^63", key);
    return mistyped(value, key, "an integer", error);
}

bool record_real(const struct record *record, const char *key, double *out, struct error *error) {
    const struct value *value = record_find(record, key);
    if (value == NULL)
        return missing(key, "a number", error);
    return value_real(*value, out) || mistyped(value, key, "a number", error);
}

bool record_boolean(const struct record *record, const char *key, bool *out, struct error *error) {
    const struct value *value = record_find(record, key);
    if (value == NULL)
        return missing(key, "true or false", error);
    return value_boolean(*value, out) || mistyped(value, key, "true or false", error);
}

/* ---- changing ---- */

/* An empty buffer of the record's own; used again after record_clear(). */
static struct buffer *own(struct record *record) {
    if (record->owned_used == record->owned_count) {
        if (record->owned_count == record->owned_capacity) {
            record->owned_capacity = record->owned_capacity ? record->owned_capacity * 2 : 8;
            record->owned =
                reallocate(record->owned, record->owned_capacity, sizeof *record->owned);
        }
        record->owned[record->owned_count++] = allocate(1, sizeof **record->owned);
    }
    struct buffer *buffer = record->owned[record->owned_used++];
    buffer->size = 0;
    return buffer;
}

/* A buffer that already holds the packed key; the value is to be appended. */
static struct buffer *start_field(struct record *record, const char *key) {
    struct buffer *buffer = own(record);
    pack_text(buffer, text_of(key));
    return buffer;
}

/* Puts the field that `buffer` holds into its place. */
static void finish_field(struct record *record, const struct buffer *buffer) {
    struct head head = {0};
    head_read(buffer->data, buffer->size, &head);
    size_t behind_key = head.size + head.length;
    struct field field = {
        .key = {(const char *)buffer->data + head.size, head.length},
        .value = {buffer->data + behind_key, buffer->size - behind_key},
        .packed = {buffer->data, buffer->size},
    };
    record->whole = (struct value){0};
    for (size_t i = 0; i < record->count; i++)
        if (text_equal(record->fields[i].key, field.key)) {
            record->fields[i] = field;
            return;
        }
    *add_field(record) = field;
}

void record_copy(struct record *to, const struct record *from) {
    record_clear(to);
    struct buffer *buffer = own(to);
    size_t used = to->owned_used;
    record_pack(from, buffer);
    struct error error;
    if (!record_parse(to, buffer->data, buffer->size, &error))
        return; /* cannot be: what was parsed or set packs to a record */
    to->owned_used = used;
}

void record_set_text(struct record *record, const char *key, struct text value) {
    struct buffer *buffer = start_field(record, key);
    pack_text(buffer, value);
    finish_field(record, buffer);
}

void record_set_integer(struct record *record, const char *key, int64_t value) {
    struct buffer *buffer = start_field(record, key);
    pack_integer(buffer, value);
    finish_field(record, buffer);
}

void record_set_unsigned(struct record *record, const char *key, uint64_t value) {
    struct buffer *buffer = start_field(record, key);
    pack_unsigned(buffer, value);
    finish_field(record, buffer);
}

void record_set_real(struct record *record, const char *key, double value) {
    struct buffer *buffer = start_field(record, key);
    pack_real(buffer, value);
    finish_field(record, buffer);
}

void record_set_boolean(struct record *record, const char *key, bool value) {
    struct buffer *buffer = start_field(record, key);
    pack_boolean(buffer, value);
    finish_field(record, buffer);
}

void record_set_value(struct record *record, const char *key, struct value packed) {
    struct buffer *buffer = start_field(record, key);
    buffer_append(buffer, packed.bytes, packed.size);
    finish_field(record, buffer);
}

void record_remove(struct record *record, const char *key) {
    for (size_t i = 0; i < record->count; i++)
        if (text_is(record->fields[i].key, key)) {
            record->count--;
            memmove(&record->fields[i], &record->fields[i + 1],
                    (record->count - i) * sizeof *record->fields);
            record->whole = (struct value){0};
            return;
        }
}

/* ---- packing ---- */

void record_pack(const struct record *record, struct buffer *buffer) {
    if (record->whole.size > 0) {
        buffer_append(buffer, record->whole.bytes, record->whole.size);
        return;
    }
    pack_map(buffer, record->count);
    for (size_t i = 0; i < record->count; i++)
        buffer_append(buffer, record->fields[i].packed.bytes, record->fields[i].packed.size);
}

void record_describe(const struct record *record, uint64_t number, char text[96]) {
    const struct value *value = record_find(record, "id");
    struct text id;
    if (value != NULL && value_text(*value, &id) && id.size > 0)
        snprintf(text, 96, "id '%.*s'", key_shown(id), id.bytes);
    else
        snprintf(text, 96, "record %llu", (unsigned long long)number);
}
