/*
 * mini-math: worded arithmetic in three domains and five levels, made of the kinds in
 * mini_math_kinds.c.
 *
 *     prompt     Ana buys 3 apples at 4 dollars each and a bag at 5 dollars. What is the cost?
 *     solution    cost 3*4=12 12+5=17 \boxed{17}
 *     in Spanish  costo 3*4=12 12+5=17 respuesta: 17
 *     mistaken    cost 3*4=12 \boxed{12}
 *
 * The usual mistake is to leave out the last step, and to answer with what was known before it.
 */
#include "task/mini_math.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS = 26, LARGEST = 999, ATTEMPTS = 100000 };

/* What one problem drew. */
struct drawn {
    int64_t numbers[LETTERS];
    const char *name, *unknown;
    size_t things[2];
};

/* ---- numbers ---- */

/* A letter's number, or a constant; moves behind it. */
static int64_t operand(const struct drawn *drawn, const char **at) {
    int64_t constant = 0;

    if (islower((unsigned char)**at))
        return drawn->numbers[*(*at)++ - 'a'];
    for (; isdigit((unsigned char)**at); (*at)++)
        constant = constant * 10 + (**at - '0');
    return constant;
}

static int64_t common_factor(int64_t a, int64_t b) {
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* "a+b"; 0, which no number may be, for a division that leaves a rest. */
static int64_t made(int64_t a, char operation, int64_t b) {
    switch (operation) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    default:
        return b != 0 && a % b == 0 ? a / b : 0;
    }
}

/* One word of a kind's numbers; false where what is drawn cannot be used. */
static bool draw_word(struct drawn *drawn, const char *word, struct random *random) {
    int64_t *number = &drawn->numbers[word[0] - 'a'];
    const char *at = word + 2;
    int64_t left = operand(drawn, &at);

    if (word[1] == '<')
        return *number < left;
    if (word[1] == '!')
        return common_factor(*number, left) == 1;
    if (at[0] == '.') {
        at += 2;
        *number = left + (int64_t)random_below(random, (uint64_t)(operand(drawn, &at) - left + 1));
    } else {
        char operation = *at++;
        *number = made(left, operation, operand(drawn, &at));
    }
    return *number >= 1 && *number <= LARGEST;
}

static bool draw_numbers(struct drawn *drawn, const char *words, struct random *random) {
    bool fine = true;

    while (fine && *words != 0) {
        fine = draw_word(drawn, words, random);
        words += strcspn(words, " ");
        words += strspn(words, " ");
    }
    return fine;
}

/* ---- texts ---- */

static void append_slot(const struct drawn *drawn, char slot, int language, struct buffer *out) {
    switch (slot) {
    case 'N':
        buffer_append_text(out, drawn->name);
        break;
    case 'T':
    case 'U':
        buffer_append_text(out, mini_math_things[drawn->things[slot - 'T']][language]);
        break;
    case 'V':
        buffer_append_text(out, drawn->unknown);
        break;
    default:
        buffer_format(out, "%lld", (long long)drawn->numbers[slot - 'a']);
    }
}

static void append_filled(const struct drawn *drawn, struct text text, int language,
                          struct buffer *out) {
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] == '{') {
            append_slot(drawn, text.bytes[i + 1], language, out);
            i += 2;
        } else {
            buffer_append(out, &text.bytes[i], 1);
        }
}

/* What a step begins with: the result of the step before, or a number of the problem. */
static long long first_operand(const struct drawn *drawn, const char *step) {
    return step[0] == '{' ? drawn->numbers[step[1] - 'a'] : strtoll(step, NULL, 10);
}

static void append_solution(const struct mini_math_kind *kind, const struct drawn *drawn,
                            int language, bool mistaken, struct buffer *out) {
    struct text steps =
        text_of(kind->steps[kind->steps[language] == NULL ? MINI_ENGLISH : language]);
    long long answer = drawn->numbers[kind->answer - 'a'];

    if (mistaken) {
        const char *last = strrchr(steps.bytes, ' ');
        steps.size = (size_t)(last - steps.bytes);
        answer = first_operand(drawn, last + 1);
    }
    buffer_append_text(out, " ");
    append_filled(drawn, steps, language, out);
    buffer_format(out, language == MINI_ENGLISH ? " \\boxed{%lld}" : " respuesta: %lld", answer);
}

static void fill_record(const struct mini_math_kind *kind, const struct drawn *drawn, int language,
                        bool mistaken, struct record *record) {
    long long answer = drawn->numbers[kind->answer - 'a'];
    struct buffer text = {0};

    append_filled(drawn, text_of(kind->prompt[language]), language, &text);
    mini_set_text(record, "prompt", &text);
    text.size = 0;
    buffer_format(&text, "%lld", answer);
    mini_set_text(record, "reference", &text);
    text.size = 0;
    append_solution(kind, drawn, language, mistaken, &text);
    mini_set_text(record, "solution", &text);
    record_set_text(record, "domain", text_of(kind->domain));
    record_set_integer(record, "level", kind->level);
    buffer_free(&text);
}

/* ---- kinds ---- */

/* One of the kinds of a domain and level, both drawn first: all are equally frequent. */
static const struct mini_math_kind *draw_kind(struct random *random) {
    static const char *const domains[] = {"Algebra", "Geometry", "Numbers"};
    const char *domain = domains[random_below(random, 3)];
    int level = 1 + (int)random_below(random, 5);
    const struct mini_math_kind *chosen = NULL;
    uint64_t fitting = 0;

    for (size_t i = 0; i < mini_math_kind_count; i++)
        if (mini_math_kinds[i].level == level && strcmp(mini_math_kinds[i].domain, domain) == 0 &&
            random_below(random, ++fitting) == 0)
            chosen = &mini_math_kinds[i];
    return chosen;
}

bool mini_math_make(const struct mini_settings *settings, struct random *random,
                    struct record *record, struct error *error) {
    const struct mini_math_kind *kind = draw_kind(random);
    struct drawn drawn = {
        .name = mini_math_names[random_below(random, MINI_MATH_NAMES)],
        .unknown = mini_math_unknowns[random_below(random, MINI_MATH_UNKNOWNS)],
        .things = {random_below(random, MINI_MATH_THINGS)},
    };

    drawn.things[1] =
        (drawn.things[0] + 1 + random_below(random, MINI_MATH_THINGS - 1)) % MINI_MATH_THINGS;
    for (int tried = 0; tried < ATTEMPTS; tried++)
        if (draw_numbers(&drawn, kind->numbers, random)) {
            fill_record(kind, &drawn, settings->language, mini_mistaken(settings, random), record);
            return true;
        }
    return error_set(error, "mini-math: no numbers fit '%s'", kind->numbers);
}
