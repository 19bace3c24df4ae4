/*
 * Equality of strings. The rules of the MATH data set, in its order:
 *
 *      1  line ends and "\!" go; "\\" becomes "\"
 *      2  \tfrac and \dfrac become \frac; \left and \right go
 *      3  ^\circ, ^{\circ} and \$ go
 *      4  a unit at the end goes: "\text{ " to the closing brace, and its square or cube
 *      5  \% and % go
 *      6  a number that begins with a point gets a zero in front
 *      7  "k = " goes: a name of at most two characters in front of the only equals sign
 *      8  \sqrt3 becomes \sqrt{3}; spaces go; \frac12 becomes \frac{1}{2}
 *      9  0.5 becomes \frac{1}{2}; a/b of two whole numbers becomes \frac{a}{b}
 *
 * and, for answers in words, a comparison without what only dresses them. Three rules are narrower
 * than the data set's own, which takes other answers for the right one by them: 4, 7, 8.
 */
#include <ctype.h>
#include <string.h>

#include "grade/math_answer.h"

static bool begins(const struct buffer *text, size_t at, const char *with) {
    size_t size;

    if (at >= text->size || text->data[at] != (uint8_t)*with)
        return false;
    size = strlen(with);
    return text->size - at >= size && memcmp(text->data + at, with, size) == 0;
}

static size_t find(const struct buffer *text, size_t from, const char *string) {
    for (size_t i = from; i < text->size; i++)
        if (begins(text, i, string))
            return i;
    return text->size;
}

/* Every `what` becomes `with`, which is no longer. */
static void replace_all(struct buffer *text, const char *what, const char *with) {
    size_t size = strlen(what), own = strlen(with), out = 0;

    for (size_t i = 0; i < text->size;)
        if (begins(text, i, what)) {
            memcpy(text->data + out, with, own);
            out += own;
            i += size;
        } else {
            text->data[out++] = text->data[i++];
        }
    text->size = out;
}

static void insert(struct buffer *text, size_t at, const char *string) {
    size_t size = strlen(string);

    buffer_reserve(text, size);
    memmove(text->data + at + size, text->data + at, text->size - at);
    memcpy(text->data + at, string, size);
    text->size += size;
}

/* ---- rules 4, 6, 7 ---- */

static size_t skip_blanks(const struct buffer *text, size_t at) {
    while (at < text->size && text->data[at] == ' ')
        at++;
    return at;
}

/* Whether the words between the two places may be a unit: they neither count nor join answers. */
static bool is_unit(const struct buffer *text, size_t from, size_t to) {
    for (size_t i = from; i < to; i = skip_blanks(text, i)) {
        struct text word = {(const char *)text->data + i, 0};
        for (; i < to && text->data[i] != ' '; i++, word.size++)
            if (isdigit(text->data[i]))
                return false;
        if (text_is(word, "and") || text_is(word, "or"))
            return false;
    }
    return true;
}

/* Whether nothing follows but a square or cube of the unit, and a full stop. */
static bool ends_unit(const struct buffer *text, size_t at) {
    static const char *const powers[] = {"^2", "^3", "^{2}", "^{3}"};

    at = skip_blanks(text, at);
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++)
        if (begins(text, at, powers[i])) {
            at = skip_blanks(text, at + strlen(powers[i]));
            break;
        }
    if (begins(text, at, "."))
        at = skip_blanks(text, at + 1);
    return at == text->size;
}

/*
 * Rule 4. (The data set's own code cuts at the first such text whatever it says and whatever
 * follows, so that it takes "12\text{ and }13" for 12.)
 */
static void drop_unit(struct buffer *text) {
    static const char opening[] = "\\text{ ";
    size_t start = find(text, 0, opening), end = find(text, start, "}");

    if (end < text->size && is_unit(text, start + strlen(opening), end) && ends_unit(text, end + 1))
        text->size = start;
}

/* Rule 6. */
static void lead_with_zero(struct buffer *text) {
    for (size_t i = 0; i + 1 < text->size; i++)
        if ((text->data[i] == ' ' || text->data[i] == '{') && text->data[i + 1] == '.')
            insert(text, i + 1, "0");
    if (text->size > 0 && text->data[0] == '.')
        insert(text, 0, "0");
}

/*
 * Rule 7. (The data set's own code takes any two characters for a name, so that it takes "x>=5",
 * "x!=5" and "2x=5" for 5.)
 */
static void drop_name(struct buffer *text) {
    size_t sign = find(text, 0, "=");

    if (sign == 0 || sign > 2 || sign == text->size || !isalpha(text->data[0]) ||
        (sign == 2 && text->data[1] != ' ' && !isalnum(text->data[1])) ||
        find(text, sign + 1, "=") != text->size)
        return;
    memmove(text->data, text->data + sign + 1, text->size - sign - 1);
    text->size -= sign + 1;
}

/* ---- rules 8, 9 ---- */

/* Braces around the one character at `at`. */
static void brace(struct buffer *text, size_t at) {
    insert(text, at + 1, "}");
    insert(text, at, "{");
}

/* How many digits stand at `at`. */
static size_t digits_at(const struct buffer *text, size_t at) {
    size_t end = at;

    while (end < text->size && isdigit(text->data[end]))
        end++;
    return end - at;
}

/* Size of the one number at `at` that is written in groups of three digits, "1 234 567"; else 0. */
static size_t grouped_size(const struct buffer *text, size_t at) {
    size_t first = digits_at(text, at), end = at + first;

    if (first == 0 || first > 3)
        return 0;
    while (begins(text, end, " ") && digits_at(text, end + 1) > 0) {
        if (digits_at(text, end + 1) != 3)
            return 0;
        end += 4;
    }
    return begins(text, end, "/") ? 0 : end - at; /* 1 234/567 is a mixed number */
}

/* Whether the blank at `at` keeps a digit apart from the last of the `kept` ones: not in \frac 1 2.
 */
static bool divides_numbers(const struct buffer *text, size_t kept, size_t at) {
    return kept > 0 && isdigit(text->data[kept - 1]) &&
           digits_at(text, skip_blanks(text, at)) > 0 &&
           !(kept > 5 && memcmp(text->data + kept - 6, "\\frac", 5) == 0);
}

/*
 * Blanks go, but those between two numbers, for "1 2" is not 12, nor "1 1/2" 11/2. (The data set's
 * own code drops all.)
 */
static void drop_blanks(struct buffer *text) {
    size_t out = 0, group_end = 0;

    for (size_t i = 0; i < text->size; i++) {
        uint8_t c = text->data[i];
        if (i >= group_end && isdigit(c) &&
            (out == 0 || (!isdigit(text->data[out - 1]) && text->data[out - 1] != '.')))
            group_end = i + grouped_size(text, i);
        if (c != ' ' || (i >= group_end && divides_numbers(text, out, i)))
            text->data[out++] = c;
    }
    text->size = out;
}

static void brace_roots(struct buffer *text) {
    for (size_t i = find(text, 0, "\\sqrt"); i + 5 < text->size; i = find(text, i + 5, "\\sqrt"))
        if (text->data[i + 5] != '{')
            brace(text, i + 5);
}

static void brace_fractions(struct buffer *text) {
    for (size_t i = find(text, 0, "\\frac"); i + 6 < text->size; i = find(text, i + 5, "\\frac"))
        if (text->data[i + 5] != '{') {
            brace(text, i + 5);
            if (text->data[i + 8] != '{')
                brace(text, i + 8);
        }
}

/* Rule 9: the whole text is a/b. */
static void fraction_of_stroke(struct buffer *text) {
    size_t stroke = find(text, 0, "/");

    if (stroke == 0 || stroke + 1 >= text->size)
        return;
    for (size_t i = 0; i < text->size; i++)
        if (i != stroke && !isdigit(text->data[i]) && !(text->data[i] == '-' && i == 0))
            return;
    insert(text, text->size, "}");
    text->data[stroke] = '{';
    insert(text, stroke, "}");
    insert(text, 0, "\\frac{");
}

void math_string_normalize(struct text answer, struct buffer *out) {
    buffer_reserve(out, 1);
    if (answer.size > 0)
        buffer_append(out, answer.bytes, answer.size);
    replace_all(out, "\n", "");
    replace_all(out, "\\!", "");
    replace_all(out, "\\\\", "\\");
    replace_all(out, "tfrac", "frac");
    replace_all(out, "dfrac", "frac");
    replace_all(out, "\\left", "");
    replace_all(out, "\\right", "");
    replace_all(out, "^{\\circ}", "");
    replace_all(out, "^\\circ", "");
    replace_all(out, "\\$", "");
    drop_unit(out);
    replace_all(out, "\\%", "");
    replace_all(out, "%", "");
    lead_with_zero(out);
    drop_name(out);
    brace_roots(out);
    drop_blanks(out);
    brace_fractions(out);
    if (out->size == 3 && begins(out, 0, "0.5")) {
        out->size = 0;
        buffer_append_text(out, "\\frac{1}{2}");
    }
    fraction_of_stroke(out);
}

/* ---- words ---- */

/* Size of a command at `at` that only dresses what stands in it or around it; 0 for others. */
static size_t dressing(struct text text, size_t at, bool *words) {
    static const struct {
        const char *command;
        bool words;
    } commands[] = {
        {"\\textbf", true}, {"\\textit", true}, {"\\textrm", true}, {"\\text", true},
        {"\\mathrm", true}, {"\\mbox", true},   {"\\left", false},  {"\\right", false},
        {"\\!", false},     {"\\,", false},     {"\\;", false},     {"\\:", false},
        {"\\ ", false},     {"\\$", false},
    };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        size_t size = strlen(commands[i].command);
        if (text.size - at >= size && memcmp(text.bytes + at, commands[i].command, size) == 0 &&
            !(isalpha((unsigned char)commands[i].command[size - 1]) && at + size < text.size &&
              isalpha((unsigned char)text.bytes[at + size]))) {
            *words |= commands[i].words;
            return size;
        }
    }
    return 0;
}

/* Whether the layout of that size at `at` sets a space, or may do. */
static bool is_space(struct text text, size_t at, size_t size) {
    char c = text.bytes[at];

    if (c == '\\')
        return size == 2 && strchr(",;: ", text.bytes[at + 1]) != NULL;
    return isspace((unsigned char)c) || c == '$' || c == '~';
}

/* A plain word is letters and digits, with a small letter behind another letter. */
static bool is_plain_word(const struct buffer *text) {
    bool found = false;

    for (size_t i = 0; i < text->size; i++) {
        if (!isalnum(text->data[i]))
            return false;
        found |= i > 1 && islower(text->data[i]) && isalpha(text->data[i - 1]) &&
                 isalpha(text->data[i - 2]);
    }
    return found;
}

/* Which of the open braces were passed over, the innermost in the lowest bit. */
struct braces {
    uint64_t dropped;
    unsigned depth;
    bool expected; /* a command for text stood in front */
};

/* The size of what is passed over at `at`: layout, and the braces of commands for text. */
static size_t layout_size(struct text text, size_t at, struct braces *braces, bool *words) {
    char c = text.bytes[at];
    bool before = *words;
    size_t size;

    if (c == '\\' && (*words = false, size = dressing(text, at, words)) > 0) {
        braces->expected = *words;
        *words |= before;
        return size;
    }
    *words = before;
    if (c == '{' && braces->depth < 63) {
        braces->dropped = braces->dropped << 1 | braces->expected;
        braces->depth++;
        size = braces->expected;
    } else if (c == '}' && braces->depth > 0) {
        size = braces->dropped & 1;
        braces->dropped >>= 1;
        braces->depth--;
    } else {
        return is_space(text, at, 1);
    }
    braces->expected = false;
    return size;
}

bool math_words_normalize(struct text answer, struct buffer *out) {
    struct braces braces = {0};
    bool words = false;

    buffer_reserve(out, answer.size + 1);
    for (size_t i = 0; i < answer.size;) {
        size_t size = layout_size(answer, i, &braces, &words);
        if (size == 0)
            out->data[out->size++] = (uint8_t)answer.bytes[i];
        else if (is_space(answer, i, size))
            out->data[out->size++] = ' ';
        i += size > 0 ? size : 1;
    }
    drop_blanks(out);
    while (out->size > 0 && out->data[out->size - 1] == '.')
        out->size--;
    if (out->size == 3 && out->data[0] == '(' && isupper(out->data[1]) && out->data[2] == ')') {
        out->data[0] = out->data[1];
        out->size = 1;
    }
    return (words && out->size > 1) || is_plain_word(out);
}
