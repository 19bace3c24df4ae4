/*
 * Normalization with utf8proc's tables. utf8proc_map() sorts combining marks by exchanging
 * neighbours, which takes forever on a text of marks; here runs are sorted by counting, and plain
 * characters are copied in between.
 */
#include "text/normal_form.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/unicode.h"

/* Lead bytes from here on can begin a character that the form changes: U+0300 is the first mark
 * and the first that composes with what stands before; Latin-1 has decompositions. */
static uint8_t first_lead(enum normal_form form) {
    return form == FORM_NFC ? 0xCC : 0x80;
}

/* Bytes of plain text that `text` begins with. */
static size_t plain_size(enum normal_form form, struct text text) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    uint8_t lead = first_lead(form);
    size_t i = 0;
    /* Bytes that go on a character (80–BF) stay below CC; with the other forms any counts. */
    while (i < text.size && bytes[i] < lead)
        i++;
    return i;
}

bool normal_form_is_plain(enum normal_form form, struct text text) {
    return plain_size(form, text) == text.size;
}

/* Sorts marks by their class, keeping the order of equals. */
static void sort_marks(int32_t *marks, size_t count, struct buffer *scratch) {
    size_t places[256] = {0};
    size_t total = 0;
    scratch->size = 0;
    int32_t *copy = (int32_t *)buffer_reserve(scratch, count * sizeof *copy);
    memcpy(copy, marks, count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        places[utf8proc_get_property(copy[i])->combining_class & 0xFF]++;
    for (size_t class = 0; class < 256; class ++) {
        size_t here = places[class];
        places[class] = total;
        total += here;
    }
    for (size_t i = 0; i < count; i++)
        marks[places[utf8proc_get_property(copy[i])->combining_class & 0xFF]++] = copy[i];
}

static void order_marks(int32_t *codes, size_t count, struct buffer *scratch) {
    for (size_t i = 0; i < count; i++) {
        size_t start = i;
        while (i < count && utf8proc_get_property(codes[i])->combining_class != 0)
            i++;
        if (i - start > 1)
            sort_marks(codes + start, i - start, scratch);
    }
}

static void decompose(struct text text, utf8proc_option_t options, struct buffer *codes) {
    enum { MOST = 32 }; /* the longest decomposition, of U+FDFA, has 18 characters */
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    for (size_t i = 0, size; i < text.size; i += size) {
        int32_t *place = (int32_t *)buffer_reserve(codes, MOST * sizeof *place);
        int boundary = 0;
        int32_t code = utf8_code(bytes + i, &size);
        utf8proc_ssize_t count = utf8proc_decompose_char(code, place, MOST, options, &boundary);
        if (count <= 0 || count > MOST) {
            place[0] = code;
            count = 1;
        }
        codes->size += (size_t)count * sizeof *place;
    }
}

static void normalize_part(enum normal_form form, struct text part, struct buffer *out) {
    struct buffer codes = {0}, scratch = {0};
    bool compose = form == FORM_NFC || form == FORM_NFKC;
    bool compatible = form == FORM_NFKC || form == FORM_NFKD;
    int options = UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                  (compatible ? UTF8PROC_COMPAT : 0);
    decompose(part, (utf8proc_option_t)options, &codes);
    size_t count = codes.size / sizeof(int32_t);
    order_marks((int32_t *)codes.data, count, &scratch);
    if (compose && count > 0)
        count = (size_t)utf8proc_normalize_utf32((int32_t *)codes.data, (utf8proc_ssize_t)count,
                                                 (utf8proc_option_t)options);
    for (size_t i = 0; i < count; i++)
        utf8_append(out, ((const int32_t *)codes.data)[i]);
    buffer_free(&codes);
    buffer_free(&scratch);
}

void normal_form_append(enum normal_form form, struct text text, struct buffer *out) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    while (text.size > 0) {
        size_t plain = plain_size(form, text);
        if (plain == text.size) {
            buffer_append(out, text.bytes, plain);
            return;
        }
        /* The character before may take part; behind the part stands one that cannot. */
        size_t start = plain > 0 ? utf8_back(bytes, plain) : 0, end = plain;
        while (end < text.size && bytes[end] >= first_lead(form))
            end += utf8_step(bytes + end);
        buffer_append(out, bytes, start);
        normalize_part(form, (struct text){text.bytes + start, end - start}, out);
        bytes += end;
        text = (struct text){text.bytes + end, text.size - end};
    }
}
