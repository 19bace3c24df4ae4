/*
 * Times of day, which are written as ratios are, and are none: 2:20 is not 1:10.
 *
 * 3:10 may be either. Whoever takes it for a time calls 6:20, the same ratio, wrong; whoever takes
 * it for a ratio calls 6:20 a right answer for ten past three. Ratios are answered in lowest terms,
 * so that the first hardly ever happens, and two that could both be times are compared as times.
 * Against anything else (3/10, 0.3:1) such a reference is a ratio, unless it is not in lowest terms
 * or has a leading zero: then it can be nothing but a time.
 */
#include <ctype.h>

#include "grade/math_compare.h"
#include "grade/math_small.h"

struct time_of_day {
    int64_t hour, minute;
    bool zero; /* in front of one of them, or instead */
};

/* One or two digits, a colon, and two digits below 60. */
static bool is_time(const struct math_tree *tree, int node, struct time_of_day *time) {
    const struct math_node *hour, *minute;

    if (tree->nodes[node].kind != MATH_RATIO || tree->nodes[node].count != 2)
        return false;
    hour = &tree->nodes[tree->nodes[node].child];
    minute = &tree->nodes[hour->next];
    if (hour->kind != MATH_NUMBER || minute->kind != MATH_NUMBER || hour->text.size > 2 ||
        minute->text.size != 2)
        return false;
    time->zero = *hour->text.bytes == '0' || *minute->text.bytes == '0';
    return math_small_integer(tree, tree->nodes[node].child, 0, 99, &time->hour) &&
           math_small_integer(tree, hour->next, 0, 59, &time->minute);
}

static bool in_lowest_terms(struct time_of_day time) {
    int64_t a = time.hour, b = time.minute;

    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a == 1;
}

bool math_time_differs(const struct math_tree *tree, int reference, int answer) {
    struct time_of_day wanted, given;

    if (!is_time(tree, reference, &wanted))
        return false;
    if (is_time(tree, answer, &given))
        return wanted.hour != given.hour || wanted.minute != given.minute;
    return wanted.zero || !in_lowest_terms(wanted);
}

/* ---- halves of the day ---- */

static bool is_letter(char c) {
    return isalpha((unsigned char)c) != 0;
}

/* 'a' or 'p' where "a.m." or "PM" stands behind a digit; 0 where neither does. */
static char half_of_day(struct text text) {
    bool digits = false;

    for (size_t i = 0; i + 1 < text.size; i++) {
        char half = (char)tolower((unsigned char)text.bytes[i]);
        size_t m = i + 1 + (text.bytes[i + 1] == '.');
        digits |= isdigit((unsigned char)text.bytes[i]) != 0;
        if (digits && (half == 'a' || half == 'p') && !is_letter(text.bytes[i - 1]) &&
            text.bytes[i - 1] != '\\' && m < text.size &&
            tolower((unsigned char)text.bytes[m]) == 'm' &&
            (m + 1 == text.size || !is_letter(text.bytes[m + 1])))
            return half;
    }
    return 0;
}

bool math_halves_differ(struct text reference, struct text answer) {
    char wanted = half_of_day(reference), given = half_of_day(answer);
    return wanted != 0 && given != 0 && wanted != given;
}
