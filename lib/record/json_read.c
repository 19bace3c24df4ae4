/*
 * From JSON text to msgpack, in one pass and straight into the packed bytes: room for a container's
 * head is left in front of it and closed up when its elements are counted.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/base64.h"
#include "record/json.h"
#include "record/scan.h"

enum { HEAD_ROOM = 5 }; /* the longest head of an array or map */

struct reading {
    const char *start, *at, *end;
    struct buffer *out;
    struct buffer text; /* a string while its escapes are resolved */
    struct error *error;
};

static bool read_value(struct reading *reading, unsigned depth);

/* ---- small things ---- */

static bool wrong_at(struct reading *reading, const char *where, const char *what) {
    return error_set(reading->error, "column %zu: %s", (size_t)(where - reading->start) + 1, what);
}

static bool wrong(struct reading *reading, const char *what) {
    return reading->at < reading->end
               ? wrong_at(reading, reading->at, what)
               : error_set(reading->error, "column %zu: the text ends here; %s",
                           (size_t)(reading->at - reading->start) + 1, what);
}

/* Leaf markers may stand where no container may. */
static bool too_deep(struct reading *reading, const char *where, unsigned depth) {
    return depth >= VALUE_DEPTH &&
           !wrong_at(reading, where, "nested more than 64 deep; flatten it");
}

static void skip_space(struct reading *reading) {
    while (reading->at < reading->end && *reading->at != '\0' && strchr(" \t\r\n", *reading->at))
        reading->at++;
}

/* Takes the character `wanted`, with white space before it. */
static bool take(struct reading *reading, char wanted) {
    skip_space(reading);
    if (reading->at == reading->end || *reading->at != wanted)
        return false;
    reading->at++;
    return true;
}

static bool starts_with(struct reading *reading, const char *word) {
    size_t size = strlen(word);
    if ((size_t)(reading->end - reading->at) < size || memcmp(reading->at, word, size) != 0)
        return false;
    reading->at += size;
    return true;
}

/* Closes up the room left at `start` for the head of a container with `count` elements. */
static void close_container(struct reading *reading, size_t start, bool map, size_t count) {
    struct buffer *out = reading->out;
    size_t body = out->size - start - HEAD_ROOM;
    struct buffer head = {0};
    if (map)
        pack_map(&head, count);
    else
        pack_array(&head, count);
    memmove(out->data + start + head.size, out->data + start + HEAD_ROOM, body);
    memcpy(out->data + start, head.data, head.size);
    out->size = start + head.size + body;
    buffer_free(&head);
}

static size_t open_container(struct reading *reading) {
    size_t start = reading->out->size;
    buffer_reserve(reading->out, HEAD_ROOM);
    reading->out->size += HEAD_ROOM;
    return start;
}

/* ---- strings ---- */

static void append_utf8(struct buffer *text, uint32_t code) {
    uint8_t bytes[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        bytes[i] = (uint8_t)(0x80 | (code & 0x3f));
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (uint8_t)(lead[size] | code);
    buffer_append(text, bytes, size);
}

static bool read_hex4(struct reading *reading, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, reading->at++) {
        char c = reading->at < reading->end ? *reading->at : 0;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return wrong(reading, "\\u takes four hex digits");
        *code = *code << 4 | digit;
    }
    return true;
}

/* Behind a backslash. */
static bool read_escape(struct reading *reading) {
    const char *backslash = reading->at - 1;
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = reading->at < reading->end ? *reading->at : 0;
    const char *named = c != 0 ? strchr(from, c) : NULL;
    if (named != NULL) {
        reading->at++;
        buffer_append(&reading->text, &to[named - from], 1);
        return true;
    }
    if (c != 'u')
        return wrong(reading, "no such escape; \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX are");
    reading->at++;
    uint32_t code, low;
    if (!read_hex4(reading, &code))
        return false;
    if (code >= 0xd800 && code < 0xdc00) {
        if (!starts_with(reading, "\\u"))
            return wrong_at(reading, backslash, "a lone surrogate; \\uD8xx\\uDCxx come in pairs");
        if (!read_hex4(reading, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return wrong_at(reading, backslash, "a lone surrogate; \\uD8xx\\uDCxx come in pairs");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
        return wrong_at(reading, backslash, "a lone surrogate; \\uD8xx\\uDCxx come in pairs");
    }
    append_utf8(&reading->text, code);
    return true;
}

/*
 * A string into *text, borrowed from the line or from reading->text (until the next string). The
 * opening quote is next.
 */
static bool read_string(struct reading *reading, struct text *text) {
    const char *start = ++reading->at;
    bool escaped = false;
    reading->text.size = 0;
    while (reading->at < reading->end && *reading->at != '"') {
        uint8_t byte = (uint8_t)*reading->at;
        size_t length = 1;
        if (byte == '\\') {
            if (!escaped)
                buffer_append(&reading->text, start, (size_t)(reading->at - start));
            escaped = true;
            reading->at++;
            if (!read_escape(reading))
                return false;
            continue;
        }
        if (byte < 0x20)
            return wrong(reading, "a control character in a string; write it as \\uXXXX");
        if (byte >= 0x80)
            length =
                utf8_length((const uint8_t *)reading->at, (size_t)(reading->end - reading->at));
        if (length == 0)
            return wrong(reading, "no UTF-8; other bytes are written {\"$text\":\"BASE64\"}");
        if (escaped)
            buffer_append(&reading->text, reading->at, length);
        reading->at += length;
    }
    if (reading->at == reading->end)
        return wrong(reading, "the string lacks its closing quote");
    *text = (struct text){start, (size_t)(reading->at - start)};
    if (escaped)
        *text = (struct text){(const char *)reading->text.data, reading->text.size};
    reading->at++;
    return true;
}

/* ---- numbers ---- */

static bool is_digit(const struct reading *reading) {
    return reading->at < reading->end && *reading->at >= '0' && *reading->at <= '9';
}

static bool skip_digits(struct reading *reading) {
    if (!is_digit(reading))
        return wrong(reading, "a digit should stand here");
    while (is_digit(reading))
        reading->at++;
    return true;
}

static bool read_integer(struct reading *reading, const char *start) {
    bool negative = *start == '-';
    uint64_t number = 0;
    bool fits = true;
    for (const char *c = start + negative; c < reading->at; c++)
        fits = fits && !__builtin_mul_overflow(number, (uint64_t)10, &number) &&
               !__builtin_add_overflow(number, (uint64_t)(*c - '0'), &number);
    if (!fits || (negative && number > (uint64_t)1 << 63))
        return wrong_at(reading, start,
                        "the integer is outside -2^63 … 2^64-1; write it as text or as 1.0e20");
    if (negative)
        pack_integer(reading->out, (int64_t)(0 - number));
    else
        pack_unsigned(reading->out, number);
    return true;
}

static bool read_real(struct reading *reading, const char *start) {
    size_t size = (size_t)(reading->at - start);
    reading->text.size = 0;
    buffer_append(&reading->text, start, size);
    buffer_append(&reading->text, "", 1);
    double number = strtod((const char *)reading->text.data, NULL);
    if (!isfinite(number))
        return wrong_at(reading, start,
                        "the number is too large; infinity is written {\"$real\":\"inf\"}");
    pack_real(reading->out, number);
    return true;
}

static bool read_number(struct reading *reading) {
    const char *start = reading->at;
    bool real = false;
    if (*reading->at == '-')
        reading->at++;
    if (reading->at < reading->end && *reading->at == '0') {
        reading->at++;
        if (is_digit(reading))
            return wrong(reading, "a number does not start with 0");
    } else if (!skip_digits(reading)) {
        return false;
    }
    if (reading->at < reading->end && *reading->at == '.') {
        real = true;
        reading->at++;
        if (!skip_digits(reading))
            return false;
    }
    if (reading->at < reading->end && (*reading->at == 'e' || *reading->at == 'E')) {
        real = true;
        reading->at++;
        if (reading->at < reading->end && (*reading->at == '+' || *reading->at == '-'))
            reading->at++;
        if (!skip_digits(reading))
            return false;
    }
    return real ? read_real(reading, start) : read_integer(reading, start);
}

/* ---- markers ---- */

/* The string that a marker wants. */
static bool marker_string(struct reading *reading, struct text *text) {
    skip_space(reading);
    if (reading->at == reading->end || *reading->at != '"')
        return wrong(reading, "this marker takes a string");
    return read_string(reading, text);
}

static bool marker_bytes(struct reading *reading, struct buffer *bytes) {
    struct text coded = {NULL, 0};
    skip_space(reading);
    const char *start = reading->at;
    return marker_string(reading, &coded) &&
           (base64_decode(coded, bytes) || wrong_at(reading, start, "no base64 with padding"));
}

static bool read_text_marker(struct reading *reading, bool binary) {
    struct buffer bytes = {0};
    bool fine = marker_bytes(reading, &bytes);
    struct text content = {(const char *)bytes.data, bytes.size};
    if (fine && binary)
        pack_binary(reading->out, content);
    else if (fine)
        pack_text(reading->out, content);
    buffer_free(&bytes);
    return fine;
}

static bool read_real_marker(struct reading *reading) {
    struct text word = {NULL, 0};
    skip_space(reading);
    const char *start = reading->at;
    if (!marker_string(reading, &word))
        return false;
    char hex[17] = {0};
    if (word.size == 16)
        memcpy(hex, word.bytes, 16);
    uint64_t bits;
    if (text_is(word, "nan"))
        bits = 0x7ff8000000000000;
    else if (text_is(word, "inf"))
        bits = 0x7ff0000000000000;
    else if (text_is(word, "-inf"))
        bits = 0xfff0000000000000;
    else if (strspn(hex, "0123456789abcdef") == 16)
        bits = strtoull(hex, NULL, 16);
    else
        return wrong_at(reading, start, "\"nan\", \"inf\", \"-inf\" or 16 hex digits should be");
    double number;
    memcpy(&number, &bits, sizeof number);
    pack_real(reading->out, number);
    return true;
}

/* [TYPE,"BASE64"] */
static bool read_extension_marker(struct reading *reading) {
    struct buffer bytes = {0};
    if (!take(reading, '['))
        return wrong(reading, "$extension takes [TYPE,\"BASE64\"]");
    skip_space(reading);
    const char *start = reading->at;
    bool negative = starts_with(reading, "-");
    int type = 0;
    while (is_digit(reading) && type < 1000)
        type = type * 10 + (*reading->at++ - '0');
    if (reading->at == start + negative || type > 127 + negative)
        return wrong_at(reading, start, "an extension's type is a number from -128 to 127");
    bool fine = (take(reading, ',') || wrong(reading, "a comma should stand here")) &&
                marker_bytes(reading, &bytes) &&
                (take(reading, ']') || wrong(reading, "] should stand here"));
    if (fine)
        pack_extension(reading->out, (int8_t)(negative ? -type : type),
                       (struct text){(const char *)bytes.data, bytes.size});
    buffer_free(&bytes);
    return fine;
}

/* [[key,value],…] */
static bool read_map_marker(struct reading *reading, unsigned depth) {
    skip_space(reading);
    const char *begin = reading->at;
    size_t start = open_container(reading), count = 0;
    if (too_deep(reading, begin, depth))
        return false;
    if (!take(reading, '['))
        return wrong(reading, "$map takes [[key,value],...]");
    if (!take(reading, ']')) {
        do {
            if (!take(reading, '['))
                return wrong(reading, "[key,value] should stand here");
            if (!read_value(reading, depth + 1))
                return false;
            if (!take(reading, ','))
                return wrong(reading, "a comma and the key's value should stand here");
            if (!read_value(reading, depth + 1))
                return false;
            if (!take(reading, ']'))
                return wrong(reading, "] should stand here");
            count++;
        } while (take(reading, ','));
        if (!take(reading, ']'))
            return wrong(reading, ", or ] should stand here");
    }
    close_container(reading, start, true, count);
    size_t used;
    const uint8_t *map = reading->out->data + start;
    if (value_scan(map, reading->out->size - start, depth, &used, reading->error) == SCAN_WHOLE)
        return true;
    return error_place(reading->error, "column %zu", (size_t)(begin - reading->start) + 1);
}

/* ---- containers ---- */

/* Where the keys of an object lie in the packed bytes. */
struct key_list {
    struct {
        size_t at, size;
    } * items;
    size_t count, capacity;
    uint64_t seen;
};

static struct text key_at(const struct reading *reading, const struct key_list *keys, size_t i) {
    return (struct text){(const char *)reading->out->data + keys->items[i].at, keys->items[i].size};
}

static bool repeated(struct reading *reading, const char *where, struct text key) {
    return error_set(reading->error, "column %zu: the key \"%.*s\" comes twice in one object",
                     (size_t)(where - reading->start) + 1, key_shown(key), key.bytes);
}

/* Packs the key and compares it with the earlier ones, as long as they are few. */
static bool add_key(struct reading *reading, struct key_list *keys, struct text key,
                    const char *where) {
    if (keys->count == MAP_KEYS_LIMIT)
        return wrong_at(reading, where, "too many keys in one object; 1048576 are read");
    if (keys->count == keys->capacity) {
        keys->capacity = keys->capacity ? keys->capacity * 2 : 16;
        keys->items = reallocate(keys->items, keys->capacity, sizeof *keys->items);
    }
    uint64_t bit = key_bit(key);
    for (size_t i = 0; (keys->seen & bit) && i < keys->count && keys->count <= FEW_KEYS; i++)
        if (text_equal(key, key_at(reading, keys, i)))
            return repeated(reading, where, key);
    keys->seen |= bit;
    pack_text(reading->out, key);
    keys->items[keys->count].at = reading->out->size - key.size;
    keys->items[keys->count++].size = key.size;
    return true;
}

/* The comparison of many keys, once they are all there. */
static bool keys_differ(struct reading *reading, const struct key_list *keys, const char *where) {
    if (keys->count <= FEW_KEYS)
        return true;
    struct text *sorted = reallocate(NULL, keys->count, sizeof *sorted), twice;
    for (size_t i = 0; i < keys->count; i++)
        sorted[i] = key_at(reading, keys, i);
    bool fine = !keys_repeat(sorted, keys->count, &twice) || repeated(reading, where, twice);
    free(sorted);
    return fine;
}

/* Reads what a known marker stands for; *known says whether the key is one. */
static bool read_marker(struct reading *reading, struct text key, unsigned depth, bool *known) {
    bool fine = true;
    *known = true;
    if (text_is(key, "$text"))
        fine = read_text_marker(reading, false);
    else if (text_is(key, "$binary"))
        fine = read_text_marker(reading, true);
    else if (text_is(key, "$real"))
        fine = read_real_marker(reading);
    else if (text_is(key, "$extension"))
        fine = read_extension_marker(reading);
    else if (text_is(key, "$map"))
        fine = read_map_marker(reading, depth);
    else
        *known = false;
    return fine;
}

/* `"key" :` */
static bool read_key(struct reading *reading, struct text *key, const char **where) {
    skip_space(reading);
    *where = reading->at;
    if (reading->at == reading->end || *reading->at != '"')
        return wrong(reading, "a key in double quotes should stand here");
    return read_string(reading, key);
}

static bool take_colon(struct reading *reading) {
    return take(reading, ':') || wrong(reading, "a colon should stand here");
}

/* The members of an object, behind its brace; the first key may be a marker. */
static bool read_members(struct reading *reading, unsigned depth, size_t start,
                         struct key_list *keys, bool *marker) {
    do {
        struct text key = {NULL, 0};
        const char *where;
        if (!read_key(reading, &key, &where))
            return false;
        if (keys->count == 0 && key.size > 0 && key.bytes[0] == '$') {
            const char *behind_key = reading->at;
            reading->out->size = start;
            if (!take_colon(reading) || !read_marker(reading, key, depth, marker))
                return false;
            if (*marker)
                return true;
            reading->at = behind_key;
            reading->out->size = start + HEAD_ROOM;
        }
        if (too_deep(reading, where, depth) || !add_key(reading, keys, key, where) ||
            !take_colon(reading) || !read_value(reading, depth + 1))
            return false;
    } while (take(reading, ','));
    return true;
}

static bool read_object(struct reading *reading, unsigned depth) {
    const char *begin = reading->at++;
    size_t start = open_container(reading);
    struct key_list keys = {0};
    bool marker = false, fine = true;
    if (take(reading, '}')) {
        fine = !too_deep(reading, begin, depth);
    } else {
        fine = read_members(reading, depth, start, &keys, &marker);
        if (fine && !take(reading, '}'))
            fine = wrong(reading, marker ? "} should stand here: a marker is alone in its object"
                                         : ", or } should stand here");
        fine = fine && keys_differ(reading, &keys, begin);
    }
    if (fine && !marker)
        close_container(reading, start, true, keys.count);
    free(keys.items);
    return fine;
}

static bool read_array(struct reading *reading, unsigned depth) {
    if (too_deep(reading, reading->at++, depth))
        return false;
    size_t start = open_container(reading), count = 0;
    if (!take(reading, ']')) {
        do {
            if (!read_value(reading, depth + 1))
                return false;
            count++;
        } while (take(reading, ','));
        if (!take(reading, ']'))
            return wrong(reading, ", or ] should stand here");
    }
    close_container(reading, start, false, count);
    return true;
}

static bool read_value(struct reading *reading, unsigned depth) {
    skip_space(reading);
    char c = reading->at < reading->end ? *reading->at : 0;
    if (c == '{')
        return read_object(reading, depth);
    if (c == '[')
        return read_array(reading, depth);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(reading);
    struct text text = {NULL, 0};
    if (c == '"') {
        if (!read_string(reading, &text))
            return false;
        pack_text(reading->out, text);
    } else if (starts_with(reading, "null")) {
        pack_nil(reading->out);
    } else if (starts_with(reading, "true")) {
        pack_boolean(reading->out, true);
    } else if (starts_with(reading, "false")) {
        pack_boolean(reading->out, false);
    } else {
        return wrong(reading, "a JSON value should stand here");
    }
    return true;
}

/* ---- lines ---- */

static bool read_line(struct text line, bool record, struct buffer *packed, struct error *error) {
    struct reading reading = {.start = line.bytes,
                              .at = line.bytes,
                              .end = line.bytes + line.size,
                              .out = packed,
                              .error = error};
    size_t before = packed->size;
    skip_space(&reading);
    bool fine = true;
    if (record && (reading.at == reading.end || *reading.at != '{'))
        fine = wrong(&reading, "a record should stand here, a JSON object on one line");
    fine = fine && read_value(&reading, 0);
    skip_space(&reading);
    if (fine && reading.at < reading.end)
        fine = wrong(&reading, "nothing more should stand here; one value a line");
    if (fine && record) {
        struct record parsed = {0};
        fine = record_parse(&parsed, packed->data + before, packed->size - before, error);
        record_free(&parsed);
    }
    buffer_free(&reading.text);
    if (!fine)
        packed->size = before;
    return fine;
}

bool json_read_record(struct text line, struct buffer *packed, struct error *error) {
    return read_line(line, true, packed, error);
}

bool json_read_value(struct text line, struct buffer *packed, struct error *error) {
    return read_line(line, false, packed, error);
}
