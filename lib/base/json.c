/* JSON files through jansson. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

static json_t *parse(const void *bytes, size_t size, size_t flags, struct error *error) {
    json_error_t trouble;
    json_t *value =
        json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | flags, &trouble);
    if (value == NULL) {
        error_set(error, "line %d, column %d: no JSON: %s", trouble.line, trouble.column,
                  trouble.text);
        return NULL;
    }
    if (!json_is_object(value)) {
        error_set(error, "is no JSON object");
        json_decref(value);
        return NULL;
    }
    return value;
}

json_t *json_parse(const void *bytes, size_t size, struct error *error) {
    return parse(bytes, size, 0, error);
}

json_t *json_parse_as_reals(const void *bytes, size_t size, struct error *error) {
    return parse(bytes, size, JSON_DECODE_INT_AS_REAL, error);
}

json_t *json_file(const char *path, size_t limit, struct error *error) {
    struct buffer bytes = {0};
    json_t *value = NULL;
    if (file_read(path, limit, &bytes, error)) {
        value = json_parse(bytes.data, bytes.size, error);
        if (value == NULL)
            error_place(error, "%s", path);
    }
    buffer_free(&bytes);
    return value;
}

/* The member, or NULL with *missing where there is none; JSON's null counts as none. */
static const json_t *member(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return value == NULL || json_is_null(value) ? NULL : value;
}

static bool missing(const char *key, struct error *error) {
    return error_set(error, "'%s' is missing", key);
}

bool json_get_integer(const json_t *object, const char *key, bool required, int64_t fallback,
                      int64_t minimum, int64_t maximum, int64_t *value, struct error *error) {
    const json_t *found = member(object, key);
    *value = fallback;
    if (found == NULL)
        return !required || missing(key, error);
    if (!json_is_integer(found))
        return error_set(error, "'%s' is no whole number", key);
    *value = json_integer_value(found);
    if (*value < minimum || *value > maximum)
        return error_set(error, "'%s' is %lld; %lld to %lld would be right", key, (long long)*value,
                         (long long)minimum, (long long)maximum);
    return true;
}

bool json_get_real(const json_t *object, const char *key, bool required, double fallback,
                   double *value, struct error *error) {
    const json_t *found = member(object, key);
    *value = fallback;
    if (found == NULL)
        return !required || missing(key, error);
    if (!json_is_number(found))
        return error_set(error, "'%s' is no number", key);
    *value = json_number_value(found);
    return true;
}

bool json_get_boolean(const json_t *object, const char *key, bool required, bool fallback,
                      bool *value, struct error *error) {
    const json_t *found = member(object, key);
    *value = fallback;
    if (found == NULL)
        return !required || missing(key, error);
    if (!json_is_boolean(found))
        return error_set(error, "'%s' is neither true nor false", key);
    *value = json_is_true(found);
    return true;
}

bool json_get_text(const json_t *object, const char *key, bool required, const char *fallback,
                   const char **value, struct error *error) {
    const json_t *found = member(object, key);
    *value = fallback;
    if (found == NULL)
        return !required || missing(key, error);
    if (!json_is_string(found))
        return error_set(error, "'%s' is no text", key);
    if (strlen(json_string_value(found)) != json_string_length(found))
        return error_set(error, "'%s' has a zero character in it", key);
    *value = json_string_value(found);
    return true;
}

static int append(const char *bytes, size_t size, void *buffer) {
    buffer_append(buffer, bytes, size);
    return 0;
}

/* With 17 digits every double reads back the same, but 0.1 looks odd: with the fewest that do. */
void json_write(const json_t *value, struct buffer *buffer) {
    size_t before = buffer->size;
    for (size_t digits = 15; digits <= 17; digits++) {
        buffer->size = before;
        json_dump_callback(value, append, buffer, JSON_INDENT(2) | JSON_REAL_PRECISION(digits));
        json_t *again = json_loadb((const char *)buffer->data + before, buffer->size - before,
                                   JSON_ALLOW_NUL, NULL);
        bool same = json_equal(value, again);
        json_decref(again);
        if (same)
            break;
    }
    buffer_append_text(buffer, "\n");
}
