/* Grouping values: see key.h. */
#include "result/key.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

static const double exact_limit = 9007199254740992.0; /* 2^53 */

static struct key key_of_real(double real) {
    if (fabs(real) <= exact_limit && real == trunc(real))
        return (struct key){.kind = KEY_INTEGER, .integer = (int64_t)real};
    return (struct key){.kind = KEY_REAL, .real = real};
}

bool key_find(const struct record *record, const char *field, struct key *key,
              struct error *error) {
    *key = (struct key){.kind = KEY_MISSING};
    const struct value *value = record_find(record, field);
    if (value == NULL)
        return true;
    double real = 0;
    switch (value_type(*value)) {
    case VALUE_NIL:
        return true;
    case VALUE_BOOLEAN:
        key->kind = KEY_BOOLEAN;
        return value_boolean(*value, &key->boolean);
    case VALUE_INTEGER:
        key->kind = KEY_INTEGER;
        if (value_integer(*value, &key->integer))
            return true;
        key->kind = KEY_UNSIGNED;
        return value_unsigned(*value, &key->whole);
    case VALUE_REAL:
        value_real(*value, &real);
        if (!isfinite(real))
            return error_set(error, "field '%s' is %g; a finite number can be grouped by", field,
                             real);
        *key = key_of_real(real);
        return true;
    case VALUE_TEXT:
        key->kind = KEY_TEXT;
        value_text(*value, &key->text);
        if (key->text.size > KEY_TEXT_LIMIT)
            return error_set(error, "field '%s' is a text of %zu bytes; up to %d can be grouped by",
                             field, key->text.size, KEY_TEXT_LIMIT);
        return true;
    default:
        return error_set(error, "field '%s' is %s; text, a number or a boolean can be grouped by",
                         field, value_type_name(value_type(*value)));
    }
}

void key_pack(const struct key *key, struct buffer *out) {
    switch (key->kind) {
    case KEY_MISSING:
        pack_nil(out);
        break;
    case KEY_BOOLEAN:
        pack_boolean(out, key->boolean);
        break;
    case KEY_INTEGER:
        pack_integer(out, key->integer);
        break;
    case KEY_UNSIGNED:
        pack_unsigned(out, key->whole);
        break;
    case KEY_REAL:
        pack_real(out, key->real);
        break;
    case KEY_TEXT:
        pack_text(out, key->text);
        break;
    }
}

struct key key_unpack(struct value packed) {
    struct key key = {.kind = KEY_MISSING};
    switch (value_type(packed)) {
    case VALUE_BOOLEAN:
        key.kind = KEY_BOOLEAN;
        value_boolean(packed, &key.boolean);
        break;
    case VALUE_INTEGER:
        key.kind = KEY_INTEGER;
        if (!value_integer(packed, &key.integer)) {
            key.kind = KEY_UNSIGNED;
            value_unsigned(packed, &key.whole);
        }
        break;
    case VALUE_REAL:
        key.kind = KEY_REAL;
        value_real(packed, &key.real);
        break;
    case VALUE_TEXT:
        key.kind = KEY_TEXT;
        value_text(packed, &key.text);
        break;
    default:
        break;
    }
    return key;
}

/* ---- order ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The run of digits at `*at` without its leading zeros; `*at` moves behind it. */
static struct text digits_at(struct text text, size_t *at) {
    size_t start = *at, end = *at;
    while (end < text.size && is_digit(text.bytes[end]))
        end++;
    while (start + 1 < end && text.bytes[start] == '0')
        start++;
    *at = end;
    return (struct text){text.bytes + start, end - start};
}

static int compare_bytes(struct text a, struct text b) {
    const size_t shorter = a.size < b.size ? a.size : b.size;
    const int order = shorter ? memcmp(a.bytes, b.bytes, shorter) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_natural(struct text a, struct text b) {
    size_t i = 0, j = 0;
    while (i < a.size && j < b.size) {
        if (is_digit(a.bytes[i]) && is_digit(b.bytes[j])) {
            const struct text x = digits_at(a, &i), y = digits_at(b, &j);
            const int order = x.size != y.size ? (x.size > y.size ? 1 : -1) : compare_bytes(x, y);
            if (order != 0)
                return order;
        } else if (a.bytes[i] != b.bytes[j]) {
            return (unsigned char)a.bytes[i] > (unsigned char)b.bytes[j] ? 1 : -1;
        } else {
            i++;
            j++;
        }
    }
    if (i < a.size || j < b.size)
        return i < a.size ? 1 : -1;
    return compare_bytes(a, b); /* equal but for leading zeros */
}

/* Missing 0, booleans 1, numbers 2, texts 3. */
static int rank(enum key_kind kind) {
    return kind == KEY_MISSING ? 0 : kind == KEY_BOOLEAN ? 1 : kind == KEY_TEXT ? 3 : 2;
}

/* Holds 64-bit integers exactly on x86-64 and arm64. */
static long double number(const struct key *key) {
    return key->kind == KEY_INTEGER    ? (long double)key->integer
           : key->kind == KEY_UNSIGNED ? (long double)key->whole
                                       : (long double)key->real;
}

int key_compare(const struct key *a, const struct key *b) {
    const int kind = rank(a->kind);
    if (kind != rank(b->kind))
        return kind > rank(b->kind) ? 1 : -1;
    switch (kind) {
    case 1:
        return (int)a->boolean - (int)b->boolean;
    case 2:
        if (number(a) != number(b))
            return number(a) > number(b) ? 1 : -1;
        return (int)a->kind - (int)b->kind;
    case 3:
        return compare_natural(a->text, b->text);
    default:
        return 0;
    }
}

/* ---- text ---- */

void key_print(const struct key *key, struct buffer *out) {
    char digits[32];
    switch (key->kind) {
    case KEY_MISSING:
        break;
    case KEY_BOOLEAN:
        buffer_append_text(out, key->boolean ? "true" : "false");
        break;
    case KEY_INTEGER:
        buffer_format(out, "%lld", (long long)key->integer);
        break;
    case KEY_UNSIGNED:
        buffer_format(out, "%llu", (unsigned long long)key->whole);
        break;
    case KEY_REAL:
        for (int precision = 15; precision <= 17; precision++) {
            snprintf(digits, sizeof digits, "%.*g", precision, key->real);
            if (strtod(digits, NULL) == key->real)
                break;
        }
        buffer_append_text(out, digits);
        break;
    case KEY_TEXT:
        buffer_append(out, key->text.bytes, key->text.size);
        break;
    }
}

bool key_is(const struct key *key, const char *text) {
    double real = 0;
    switch (key->kind) {
    case KEY_MISSING:
        return text[0] == '\0';
    case KEY_BOOLEAN:
        return strcmp(text, key->boolean ? "true" : "false") == 0;
    case KEY_TEXT:
        return text_is(key->text, text);
    default:
        break;
    }
    /* First digit for digit, for integers that no double holds. */
    struct buffer printed = {0};
    key_print(key, &printed);
    const bool same = text_is((struct text){(const char *)printed.data, printed.size}, text);
    buffer_free(&printed);
    return same || (parse_real(text, &real) && number(key) == (long double)real);
}

void key_set(const struct key *key, struct record *record, const char *field) {
    switch (key->kind) {
    case KEY_MISSING:
        break;
    case KEY_BOOLEAN:
        record_set_boolean(record, field, key->boolean);
        break;
    case KEY_INTEGER:
        record_set_integer(record, field, key->integer);
        break;
    case KEY_UNSIGNED:
        record_set_unsigned(record, field, key->whole);
        break;
    case KEY_REAL:
        record_set_real(record, field, key->real);
        break;
    case KEY_TEXT:
        record_set_text(record, field, key->text);
        break;
    }
}
