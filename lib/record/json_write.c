/* From msgpack to JSON text. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/base64.h"
#include "record/json.h"

size_t utf8_length(const uint8_t *bytes, size_t size) {
    if (size == 0)
        return 0;
    uint8_t first = bytes[0];
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length == 0 || first > 0xf4 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    /* overlong forms, surrogates, beyond U+10FFFF */
    if ((first == 0xe0 && bytes[1] < 0xa0) || (first == 0xed && bytes[1] > 0x9f) ||
        (first == 0xf0 && bytes[1] < 0x90) || (first == 0xf4 && bytes[1] > 0x8f))
        return 0;
    return length;
}

static bool is_utf8(struct text text) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    for (size_t i = 0, length; i < text.size; i += length)
        if ((length = utf8_length(bytes + i, text.size - i)) == 0)
            return false;
    return true;
}

/* Bytes that stand for themselves between the quotes; 0xc2 may begin a C1 control character. */
static bool is_plain(uint8_t byte) {
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f && byte != 0xc2;
}

void json_write_text(struct text text, struct buffer *out) {
    const uint8_t *at = (const uint8_t *)text.bytes, *end = at + text.size;
    buffer_append(out, "\"", 1);
    while (at < end) {
        const uint8_t *start = at;
        while (at < end && is_plain(*at))
            at++;
        buffer_append(out, start, (size_t)(at - start));
        if (at == end)
            break;
        static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
        const char *named = *at != 0 ? strchr(from, *at) : NULL;
        if (named != NULL) {
            buffer_append(out, (char[]){'\\', to[named - from]}, 2);
        } else if (*at != 0xc2) {
            buffer_format(out, "\\u%04x", *at);
        } else {
            at++;
            if (*at < 0xa0)
                buffer_format(out, "\\u%04x", *at);
            else
                buffer_append(out, at - 1, 2);
        }
        at++;
    }
    buffer_append(out, "\"", 1);
}

/* {"$marker":"BASE64"} */
static void write_coded(const char *marker, struct text bytes, struct buffer *out) {
    buffer_format(out, "{\"%s\":\"", marker);
    base64_encode(bytes, out);
    buffer_append_text(out, "\"}");
}

/*
 * 15 digits are the shortest form whenever any form of at most 15 reads back the same, except for
 * numbers so small that they have fewer digits themselves.
 */
static void write_finite(double number, struct buffer *out) {
    char text[40];
    int digits = fabs(number) < DBL_MIN ? 1 : 15;
    do
        snprintf(text, sizeof text, "%.*g", digits, number);
    while (digits++ < 17 && strtod(text, NULL) != number);
    buffer_append_text(out, text);
    if (strpbrk(text, ".e") == NULL)
        buffer_append_text(out, ".0");
}

static void write_real(struct value value, struct buffer *out) {
    double number;
    uint64_t bits;
    value_real(value, &number);
    memcpy(&bits, &number, sizeof bits);
    if (isfinite(number))
        write_finite(number, out);
    else if (isinf(number))
        buffer_format(out, "{\"$real\":\"%s\"}", number > 0 ? "inf" : "-inf");
    else if (bits == 0x7ff8000000000000)
        buffer_append_text(out, "{\"$real\":\"nan\"}");
    else
        buffer_format(out, "{\"$real\":\"%016llx\"}", (unsigned long long)bits);
}

static void write_integer(struct value value, struct buffer *out) {
    int64_t number;
    uint64_t large = 0;
    if (value_integer(value, &number))
        buffer_format(out, "%lld", (long long)number);
    else if (value_unsigned(value, &large))
        buffer_format(out, "%llu", (unsigned long long)large);
}

static void write_extension(struct value value, struct buffer *out) {
    uint8_t first = value.bytes[0];
    size_t head = first >= 0xd4 && first <= 0xd8 ? 1 : 1 + ((size_t)1 << (first - 0xc7));
    buffer_format(out, "{\"$extension\":[%d,\"", (int8_t)value.bytes[head]);
    base64_encode((struct text){(const char *)value.bytes + head + 1, value.size - head - 1}, out);
    buffer_append_text(out, "\"]}");
}

/* Whether a map can be an object: all keys text in UTF-8, the first without "$". */
static bool is_object(struct value map) {
    struct value_walk walk;
    struct text key;
    struct value element;
    bool first = true;
    for (value_map(map, &walk, NULL); value_next_pair(&walk, &key, &element); first = false)
        if (key.bytes == NULL || !is_utf8(key) || (first && key.size > 0 && key.bytes[0] == '$'))
            return false;
    return true;
}

static void write_object(struct value map, struct buffer *out) {
    struct value_walk walk;
    struct text key;
    struct value element;
    const char *lead = "{";
    for (value_map(map, &walk, NULL); value_next_pair(&walk, &key, &element); lead = ",") {
        buffer_append_text(out, lead);
        json_write_text(key, out);
        buffer_append(out, ":", 1);
        json_write_value(element, out);
    }
    buffer_append_text(out, *lead == '{' ? "{}" : "}");
}

static void write_pairs(struct value map, struct buffer *out) {
    struct value_walk walk;
    uint64_t pairs;
    buffer_append_text(out, "{\"$map\":[");
    value_map(map, &walk, &pairs);
    walk.left = 2 * pairs; /* keys are values too */
    struct value element;
    for (uint64_t i = 0; value_next(&walk, &element); i++) {
        buffer_append_text(out, i % 2 ? "," : i > 0 ? ",[" : "[");
        json_write_value(element, out);
        if (i % 2)
            buffer_append(out, "]", 1);
    }
    buffer_append_text(out, "]}");
}

static void write_array(struct value array, struct buffer *out) {
    struct value_walk walk;
    struct value element;
    const char *lead = "[";
    for (value_array(array, &walk, NULL); value_next(&walk, &element); lead = ",") {
        buffer_append_text(out, lead);
        json_write_value(element, out);
    }
    buffer_append_text(out, *lead == '[' ? "[]" : "]");
}

void json_write_value(struct value value, struct buffer *out) {
    struct text text = {NULL, 0};
    switch (value_type(value)) {
    case VALUE_NIL:
        buffer_append_text(out, "null");
        break;
    case VALUE_BOOLEAN:
        buffer_append_text(out, value.bytes[0] == 0xc3 ? "true" : "false");
        break;
    case VALUE_INTEGER:
        write_integer(value, out);
        break;
    case VALUE_REAL:
        write_real(value, out);
        break;
    case VALUE_TEXT:
        value_text(value, &text);
        if (is_utf8(text))
            json_write_text(text, out);
        else
            write_coded("$text", text, out);
        break;
    case VALUE_BINARY:
        value_binary(value, &text);
        write_coded("$binary", text, out);
        break;
    case VALUE_ARRAY:
        write_array(value, out);
        break;
    case VALUE_MAP:
        if (is_object(value))
            write_object(value, out);
        else
            write_pairs(value, out);
        break;
    case VALUE_EXTENSION:
        write_extension(value, out);
        break;
    }
}

void json_write_record(const struct record *record, struct buffer *out) {
    struct value whole = record->whole;
    struct buffer packed = {0};
    if (whole.size == 0) {
        record_pack(record, &packed);
        whole = (struct value){packed.data, packed.size};
    }
    json_write_value(whole, out);
    buffer_free(&packed);
}
