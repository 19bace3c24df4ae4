/* UTF-8 and character classes. */
#include "text/unicode.h"

#include <utf8proc.h>

/* Lead bytes, bounds of the second byte, and the size. */
struct form {
    uint8_t first, last, low, high, size;
};

static const struct form *form_of(uint8_t lead) {
    static const struct form forms[] = {
        {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (lead >= forms[i].first && lead <= forms[i].last)
            return &forms[i];
    return NULL;
}

/* How many bytes at `at` are a start of a character of this form. */
static size_t matching(const struct form *form, const uint8_t *at, size_t left) {
    size_t i = 1;
    while (i < form->size && i < left && at[i] >= (i == 1 ? form->low : 0x80) &&
           at[i] <= (i == 1 ? form->high : 0xBF))
        i++;
    return i;
}

size_t utf8_size(const uint8_t *at, size_t left) {
    const struct form *form = left > 0 ? form_of(at[0]) : NULL;
    return form != NULL && matching(form, at, left) == form->size ? form->size : 0;
}

size_t utf8_broken_size(const uint8_t *at, size_t left) {
    const struct form *form = left > 0 ? form_of(at[0]) : NULL;
    return form != NULL ? matching(form, at, left) : 1;
}

bool utf8_incomplete(const uint8_t *at, size_t left) {
    const struct form *form = left > 0 ? form_of(at[0]) : NULL;
    return form != NULL && left < form->size && matching(form, at, left) == left;
}

/* Bytes of well-formed text that `text` begins with. */
static size_t clean_prefix(struct text text) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    size_t i = 0, size;
    while (i < text.size) {
        if (bytes[i] < 0x80)
            i++;
        else if ((size = utf8_size(bytes + i, text.size - i)) > 0)
            i += size;
        else
            break;
    }
    return i;
}

bool utf8_is_clean(struct text text) {
    return clean_prefix(text) == text.size;
}

void utf8_clean(struct text text, struct buffer *out) {
    while (text.size > 0) {
        size_t good = clean_prefix(text);
        buffer_append(out, text.bytes, good);
        text.bytes += good;
        text.size -= good;
        if (text.size == 0)
            break;
        size_t broken = utf8_broken_size((const uint8_t *)text.bytes, text.size);
        buffer_append(out, "\xEF\xBF\xBD", 3);
        text.bytes += broken;
        text.size -= broken;
    }
}

void utf8_append(struct buffer *out, int32_t code) {
    out->size += (size_t)utf8proc_encode_char(code, buffer_reserve(out, 4));
}

/* ---- classes ---- */

#define BIT(category) (1u << UTF8PROC_CATEGORY_##category)
#define LETTERS (BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO))
#define NUMBERS (BIT(ND) | BIT(NL) | BIT(NO))
#define MARKS (BIT(MN) | BIT(MC) | BIT(ME))
#define PUNCTUATION (BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO))
#define OTHERS (BIT(CC) | BIT(CF) | BIT(CS) | BIT(CO))

static bool has_category(int32_t code, unsigned categories) {
    return (1u << utf8proc_category(code)) & categories;
}

bool character_is_space(int32_t code) {
    return code == ' ' || (code >= '\t' && code <= '\r') || code == 0x85 || code == 0xA0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool character_is_letter(int32_t code) {
    return has_category(code, LETTERS);
}

bool character_is_number(int32_t code) {
    return has_category(code, NUMBERS);
}

bool character_is_punctuation(int32_t code) {
    if (code < 0x80)
        return (code >= '!' && code <= '/') || (code >= ':' && code <= '@') ||
               (code >= '[' && code <= '`') || (code >= '{' && code <= '~');
    return has_category(code, PUNCTUATION);
}

bool character_is_mark(int32_t code) {
    return has_category(code, MARKS);
}

bool character_is_nonspacing(int32_t code) {
    return has_category(code, BIT(MN));
}

bool character_is_other(int32_t code) {
    return has_category(code, OTHERS);
}

/* UTS 18's definition; of the characters that are alphabetic by exception only the circled and
 * squared letters are neither letters nor marks. */
bool character_is_word(int32_t code) {
    return has_category(code, LETTERS | MARKS | BIT(ND) | BIT(NL) | BIT(PC)) || code == 0x200C ||
           code == 0x200D || (code >= 0x24B6 && code <= 0x24E9) ||
           (code >= 0x1F130 && code <= 0x1F149) || (code >= 0x1F150 && code <= 0x1F169) ||
           (code >= 0x1F170 && code <= 0x1F189);
}

enum character_class character_class(int32_t code) {
    if (code < 0x80) {
        if ((code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z'))
            return CHARACTER_LETTER;
        if (code >= '0' && code <= '9')
            return CHARACTER_NUMBER;
    } else {
        unsigned category = 1u << utf8proc_category(code);
        if (category & LETTERS)
            return CHARACTER_LETTER;
        if (category & NUMBERS)
            return CHARACTER_NUMBER;
    }
    return character_is_space(code) ? CHARACTER_SPACE : CHARACTER_OTHER;
}

void character_lower(int32_t code, struct buffer *out) {
    if (code == 0x130)
        buffer_append_text(out, "i\xCC\x87");
    else
        utf8_append(out, utf8proc_tolower(code));
}

static bool letter_at(struct text text, size_t at) {
    size_t size;
    return at < text.size &&
           character_is_letter(utf8_code((const uint8_t *)text.bytes + at, &size));
}

void utf8_lower(struct text text, struct buffer *out) {
    enum { CAPITAL_SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2 };
    struct buffer clean = {0};
    utf8_clean(text, &clean);
    struct text whole = {(const char *)clean.data, clean.size};
    bool in_word = false;
    for (size_t i = 0, size; i < clean.size; i += size) {
        int32_t code = utf8_code(clean.data + i, &size);
        if (code == CAPITAL_SIGMA && in_word && !letter_at(whole, i + size))
            utf8_append(out, FINAL_SIGMA);
        else
            character_lower(code, out);
        in_word = character_is_letter(code);
    }
    buffer_free(&clean);
}
