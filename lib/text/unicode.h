/*
 * UTF-8 and the character classes that tokenizers split by. Text inside the tokenizers is always
 * well formed: utf8_clean() makes it so at the door, and everything behind it decodes without
 * checks. Classes are those of utf8proc's Unicode version. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_UNICODE_H
#define LOCKPICK_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* Bytes of the well-formed character at `at`, 0 where there is none. */
size_t utf8_size(const uint8_t *at, size_t left);
/* Bytes that one U+FFFD stands for where utf8_size() is 0: the longest start of a character that is
 * there (Unicode 15, section 3.9, "maximal subparts"; Python's and Rust's replacement too). */
size_t utf8_broken_size(const uint8_t *at, size_t left);
/* Whether more bytes could still complete the character that starts at `at`. */
bool utf8_incomplete(const uint8_t *at, size_t left);
bool utf8_is_clean(struct text text);
/* Appends `text` with what is not UTF-8 replaced by U+FFFD. */
void utf8_clean(struct text text, struct buffer *out);
void utf8_append(struct buffer *out, int32_t code);

/* The character at `at` of well-formed text, and its bytes. */
static inline int32_t utf8_code(const uint8_t *at, size_t *size) {
    if (at[0] < 0x80) {
        *size = 1;
        return at[0];
    }
    if (at[0] < 0xE0) {
        *size = 2;
        return (at[0] & 0x1F) << 6 | (at[1] & 0x3F);
    }
    if (at[0] < 0xF0) {
        *size = 3;
        return (at[0] & 0x0F) << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F);
    }
    *size = 4;
    return (at[0] & 0x07) << 18 | (at[1] & 0x3F) << 12 | (at[2] & 0x3F) << 6 | (at[3] & 0x3F);
}

/* Bytes of the character at `at` of well-formed text. */
static inline size_t utf8_step(const uint8_t *at) {
    return at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
}

/* Start of the character that ends before `at` (at > 0). */
static inline size_t utf8_back(const uint8_t *bytes, size_t at) {
    do
        at--;
    while (at > 0 && (bytes[at] & 0xC0) == 0x80);
    return at;
}

enum character_class { CHARACTER_LETTER, CHARACTER_NUMBER, CHARACTER_SPACE, CHARACTER_OTHER };

/* \p{L}, \p{N}, White_Space, or what is none of them. */
enum character_class character_class(int32_t code);
bool character_is_space(int32_t code);
bool character_is_letter(int32_t code);
bool character_is_number(int32_t code);      /* N */
bool character_is_punctuation(int32_t code); /* P, or an ASCII sign */
bool character_is_mark(int32_t code);        /* M */
bool character_is_nonspacing(int32_t code);  /* Mn */
bool character_is_other(int32_t code);       /* C, but not what no character has yet */
bool character_is_word(int32_t code);        /* \w: alphabetic, marks, digits, connectors */

/* Appends the lower case of a character: two characters for U+0130. */
void character_lower(int32_t code, struct buffer *out);
/* Appends the lower case of any bytes as text, a capital sigma's by whether it ends a word (letters
 * alone make a word here; Python passes over marks and apostrophes too). */
void utf8_lower(struct text text, struct buffer *out);

#endif
