/* Words, and decimal numbers without a detour through binary ones. */
#include "grade/code_compare.h"

#include <string.h>

enum { DECIMALS = 3, LONGEST = 400, ROUNDED = 2 * LONGEST + DECIMALS + 2 };

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool next_word(struct text *rest, struct text *word) {
    size_t at = 0, start;

    while (at < rest->size && is_blank(rest->bytes[at]))
        at++;
    for (start = at; at < rest->size && !is_blank(rest->bytes[at]); at++)
        continue;
    *word = (struct text){rest->bytes + start, at - start};
    rest->bytes += at;
    rest->size -= at;
    return word->size > 0;
}

/* A decimal number: 0.digits × 10^point. */
struct decimal {
    bool negative, fractional; /* fractional: written with a point or an exponent */
    char digits[LONGEST];
    size_t count;
    int point;
};

static size_t read_digits(struct text word, size_t at, struct decimal *number) {
    while (at < word.size && is_digit(word.bytes[at]))
        number->digits[number->count++] = word.bytes[at++];
    return at;
}

/* The exponent at `at`; 0 where it is none, or too large to be one of a number that is printed. */
static size_t read_exponent(struct text word, size_t at, int *exponent) {
    size_t start;
    bool negative = false;

    if (++at < word.size && (word.bytes[at] == '+' || word.bytes[at] == '-'))
        negative = word.bytes[at++] == '-';
    for (start = at; at < word.size && is_digit(word.bytes[at]) && *exponent <= LONGEST; at++)
        *exponent = *exponent * 10 + (word.bytes[at] - '0');
    if (at == start || *exponent > LONGEST)
        return 0;
    if (negative)
        *exponent = -*exponent;
    return at;
}

static bool read_decimal(struct text word, struct decimal *number) {
    size_t at = 0;
    int exponent = 0;

    number->negative = number->fractional = false;
    number->count = 0;
    if (word.size == 0 || word.size > LONGEST)
        return false;
    if (word.bytes[0] == '+' || word.bytes[0] == '-')
        number->negative = word.bytes[at++] == '-';
    at = read_digits(word, at, number);
    number->point = (int)number->count;
    if (at < word.size && word.bytes[at] == '.') {
        number->fractional = true;
        at = read_digits(word, at + 1, number);
    }
    if (number->count > 0 && at < word.size && (word.bytes[at] == 'e' || word.bytes[at] == 'E')) {
        number->fractional = true;
        at = read_exponent(word, at, &exponent);
    }
    number->point += exponent;
    return number->count > 0 && at == word.size;
}

/* The number in thousandths, rounded, as digits without leading zeros; returns how many. */
static size_t round_decimal(const struct decimal *number, char rounded[ROUNDED]) {
    int kept = number->point + DECIMALS;
    size_t size = 0, start = 0;

    rounded[size++] = '0'; /* for the carry */
    for (int i = 0; i < kept; i++)
        rounded[size++] = (size_t)i < number->count ? number->digits[i] : '0';
    if (kept >= 0 && (size_t)kept < number->count && number->digits[kept] >= '5') {
        size_t at = size - 1;
        while (rounded[at] == '9')
            rounded[at--] = '0';
        rounded[at]++;
    }
    while (start < size && rounded[start] == '0')
        start++;
    memmove(rounded, rounded + start, size - start);
    return size - start;
}

static bool numbers_equal(struct text a, struct text b) {
    struct decimal left, right;
    char left_digits[ROUNDED], right_digits[ROUNDED];
    size_t size;

    if (!read_decimal(a, &left) || !read_decimal(b, &right) ||
        (!left.fractional && !right.fractional))
        return false;
    size = round_decimal(&left, left_digits);
    return size == round_decimal(&right, right_digits) &&
           memcmp(left_digits, right_digits, size) == 0 &&
           (size == 0 || left.negative == right.negative);
}

bool code_outputs_equal(struct text got, struct text right, struct output_difference *difference) {
    bool more, wanted;

    *difference = (struct output_difference){0};
    do {
        difference->word++;
        more = next_word(&got, &difference->got);
        wanted = next_word(&right, &difference->right);
        if (more != wanted || (more && !text_equal(difference->got, difference->right) &&
                               !numbers_equal(difference->got, difference->right)))
            return false;
    } while (more);
    return true;
}
