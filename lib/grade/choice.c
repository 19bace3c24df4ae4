/* Grading multiple choice. */
#include "grade/choice.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { CHOICES = 256 };

struct choices {
    struct text names[CHOICES]; /* without white space around them */
    double logits[CHOICES];
    size_t count;
    size_t right;
};

static struct text trimmed(struct text text) {
    while (text.size > 0 && isspace((unsigned char)*text.bytes)) {
        text.bytes++;
        text.size--;
    }
    while (text.size > 0 && isspace((unsigned char)text.bytes[text.size - 1]))
        text.size--;
    return text;
}

static bool find_choice(const struct choices *choices, struct text name, size_t *number) {
    for (*number = 0; *number < choices->count; ++*number)
        if (text_equal(choices->names[*number], trimmed(name)))
            return true;
    return false;
}

/* ---- what there is to choose ---- */

static bool add_choice(struct choices *choices, struct value value, struct error *error) {
    struct text name;
    size_t other;

    if (value_type(value) != VALUE_TEXT || !value_text(value, &name) || trimmed(name).size == 0)
        return error_set(error, "field \"choices\": choice %zu is blank or no text",
                         choices->count + 1);
    if (find_choice(choices, name, &other))
        return error_set(error, "field \"choices\" has '%.*s' twice",
                         name.size < 40 ? (int)name.size : 40, name.bytes);
    choices->names[choices->count] = trimmed(name);
    choices->logits[choices->count++] = NAN;
    return true;
}

static bool read_choices(const struct record *record, struct choices *choices,
                         struct error *error) {
    const struct value *list = record_find(record, "choices");
    struct text reference = {"", 0};
    struct value_walk walk;
    struct value value;
    uint64_t count;

    choices->count = 0;
    if (list == NULL || value_type(*list) != VALUE_ARRAY || !value_array(*list, &walk, &count) ||
        count < 2 || count > CHOICES)
        return error_set(error, "field \"choices\" should be an array of 2 to %d texts", CHOICES);
    while (value_next(&walk, &value))
        if (!add_choice(choices, value, error))
            return false;
    if (!record_text(record, "reference", &reference, error))
        return false;
    return find_choice(choices, reference, &choices->right) ||
           error_set(error, "field \"reference\", '%.*s', is none of the choices",
                     reference.size < 40 ? (int)reference.size : 40, reference.bytes);
}

/* ---- by logits ---- */

static bool read_map(struct value map, struct choices *choices, struct error *error) {
    struct value_walk walk;
    struct value value;
    struct text key;
    uint64_t count;
    size_t number;

    value_map(map, &walk, &count);
    while (value_next_pair(&walk, &key, &value)) {
        if (key.bytes == NULL || !find_choice(choices, key, &number))
            continue; /* of a token that is no choice */
        if (!value_real(value, &choices->logits[number]))
            return error_set(error, "field \"choice_logprobs\": '%.*s' has no number",
                             key.size < 40 ? (int)key.size : 40, key.bytes);
    }
    return true;
}

static bool read_list(struct value list, struct choices *choices, struct error *error) {
    struct value_walk walk;
    struct value value;
    uint64_t count;

    value_array(list, &walk, &count);
    if (count != choices->count)
        return error_set(error, "field \"choice_logprobs\" has %llu numbers for %zu choices",
                         (unsigned long long)count, choices->count);
    for (size_t i = 0; value_next(&walk, &value); i++)
        if (!value_real(value, &choices->logits[i]))
            return error_set(error, "field \"choice_logprobs\": element %zu is no number", i + 1);
    return true;
}

/* The reference's share of the choices' probability. */
static double share_of_right(const struct choices *choices, size_t best) {
    double total = 0;

    for (size_t i = 0; i < choices->count; i++)
        total += exp(choices->logits[i] - choices->logits[best]);
    return exp(choices->logits[choices->right] - choices->logits[best]) / total;
}

static bool by_logits(struct value logits, struct choices *choices, struct choice_grade *grade,
                      struct error *error) {
    bool fine;
    size_t best = 0;

    if (value_type(logits) == VALUE_MAP)
        fine = read_map(logits, choices, error);
    else if (value_type(logits) == VALUE_ARRAY)
        fine = read_list(logits, choices, error);
    else
        fine = error_set(error, "field \"choice_logprobs\" should be a map or an array");
    for (size_t i = 0; fine && i < choices->count; i++) {
        if (isnan(choices->logits[i]) || choices->logits[i] == INFINITY)
            return error_set(error, "field \"choice_logprobs\" has no finite number for '%.*s'",
                             choices->names[i].size < 40 ? (int)choices->names[i].size : 40,
                             choices->names[i].bytes);
        if (choices->logits[i] > choices->logits[best])
            best = i;
    }
    if (!fine)
        return false;
    if (choices->logits[best] == -INFINITY)
        return error_set(error, "field \"choice_logprobs\" gives every choice probability 0");
    grade->found = choices->names[best];
    grade->correct = best == choices->right;
    grade->score = share_of_right(choices, best);
    grade->verdict = grade->correct ? "match" : "different";
    return true;
}

/* ---- by the completion ---- */

/* Whether `text` begins with the choice as a word of its own. */
static bool begins_with(struct text text, struct text choice) {
    if (text.size < choice.size || memcmp(text.bytes, choice.bytes, choice.size) != 0)
        return false;
    unsigned char next = text.size > choice.size ? (unsigned char)text.bytes[choice.size] : ' ';
    return !isalnum(next) && next < 0x80 && next != '\'' && next != '_';
}

static bool by_completion(const struct record *record, const struct choices *choices,
                          struct choice_grade *grade, struct error *error) {
    struct text completion = {"", 0};
    size_t best = choices->count;

    if (!record_text(record, "completion", &completion, error))
        return false;
    while (completion.size > 0 &&
           (isspace((unsigned char)*completion.bytes) || strchr("([{*", *completion.bytes))) {
        completion.bytes++;
        completion.size--;
    }
    for (size_t i = 0; i < choices->count; i++) /* the longest, should one begin another */
        if (begins_with(completion, choices->names[i]) &&
            (best == choices->count || choices->names[i].size > choices->names[best].size))
            best = i;
    if (best < choices->count)
        grade->found = choices->names[best];
    grade->correct = best == choices->right;
    grade->score = grade->correct ? 1 : 0;
    grade->verdict = grade->correct ? "match" : best < choices->count ? "different" : "none";
    return true;
}

bool choice_compare(const struct record *record, struct choice_grade *grade, struct error *error) {
    const struct value *logits = record_find(record, "choice_logprobs");
    struct choices choices = {0};

    *grade = (struct choice_grade){.found = {"", 0}, .verdict = "none"};
    if (!read_choices(record, &choices, error))
        return false;
    return logits != NULL ? by_logits(*logits, &choices, grade, error)
                          : by_completion(record, &choices, grade, error);
}
