/*
 * A cursor over msgpack bytes. It copies nothing and reserves nothing: a length that the input
 * claims is believed only as far as bytes are there.
 */
#ifndef LOCKPICK_RECORD_VALUE_H
#define LOCKPICK_RECORD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

enum { VALUE_DEPTH = 64 }; /* deeper nesting is refused */

enum value_type {
    VALUE_NIL,
    VALUE_BOOLEAN,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_BINARY,
    VALUE_ARRAY,
    VALUE_MAP,
    VALUE_EXTENSION,
};

/* Exactly one value whose bytes were checked to the end; borrowed. */
struct value {
    const uint8_t *bytes;
    size_t size;
};

/*
 * Checks one value at the start of `bytes` (lengths, nesting, UTF-8 of strings is not required,
 * map keys inside may be anything but duplicates of string keys are refused) and returns its size
 * in bytes, or 0 and an error.
 */
size_t value_check(const uint8_t *bytes, size_t size, struct error *error);

enum value_type value_type(struct value value);
const char *value_type_name(enum value_type type); /* "text", "integer", … */

/* False where the type does not fit (or the number does not: value_integer of 2^63). */
bool value_boolean(struct value value, bool *out);
bool value_integer(struct value value, int64_t *out);
bool value_unsigned(struct value value, uint64_t *out);
bool value_real(struct value value, double *out); /* integers too */
bool value_text(struct value value, struct text *out);
bool value_binary(struct value value, struct text *out);

/* Walks the elements of an array, or keys and values of a map in turn. */
struct value_walk {
    const uint8_t *next;
    const uint8_t *end;
    uint64_t left; /* elements, or pairs */
};

bool value_array(struct value value, struct value_walk *walk, uint64_t *count);
bool value_map(struct value value, struct value_walk *walk, uint64_t *count);
/* False at the end. A key that is no text comes as {NULL, 0}. */
bool value_next(struct value_walk *walk, struct value *element);
bool value_next_pair(struct value_walk *walk, struct text *key, struct value *element);

/* Appends one packed value (msgpack-c does the packing). */
void pack_nil(struct buffer *buffer);
void pack_boolean(struct buffer *buffer, bool value);
void pack_integer(struct buffer *buffer, int64_t value);
void pack_unsigned(struct buffer *buffer, uint64_t value);
void pack_real(struct buffer *buffer, double value);
void pack_text(struct buffer *buffer, struct text value);
void pack_binary(struct buffer *buffer, struct text value);
void pack_extension(struct buffer *buffer, int8_t type, struct text value);
void pack_array(struct buffer *buffer, size_t count); /* the elements follow */
void pack_map(struct buffer *buffer, size_t count);

#endif
