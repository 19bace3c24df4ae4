/*
 * JSON files of others (config.json, tokenizer.json, headers), through jansson: duplicates refused,
 * size bounded, and getters that name the key and what it should have been. (JSON lines of records
 * have their own bridge in record/, since jansson cannot hold unsigned 64-bit integers.)
 */
#ifndef LOCKPICK_BASE_JSON_H
#define LOCKPICK_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

/* A new reference, or NULL. The root must be an object. */
json_t *json_parse(const void *bytes, size_t size, struct error *error);
/* The same with whole numbers as reals, where a file may have some that no integer holds. */
json_t *json_parse_as_reals(const void *bytes, size_t size, struct error *error);
json_t *json_file(const char *path, size_t limit, struct error *error);

/*
 * Getters of an object's member. A missing or null member gives `fallback` where `required` is
 * false. False: wrong type or outside [minimum, maximum].
 */
bool json_get_integer(const json_t *object, const char *key, bool required, int64_t fallback,
                      int64_t minimum, int64_t maximum, int64_t *value, struct error *error);
bool json_get_real(const json_t *object, const char *key, bool required, double fallback,
                   double *value, struct error *error);
bool json_get_boolean(const json_t *object, const char *key, bool required, bool fallback,
                      bool *value, struct error *error);
/* Borrowed from the object; `fallback` may be NULL. */
bool json_get_text(const json_t *object, const char *key, bool required, const char *fallback,
                   const char **value, struct error *error);

/* Appends pretty-printed JSON (two spaces, keys in the order of insertion) and a newline. */
void json_write(const json_t *value, struct buffer *buffer);

#endif
