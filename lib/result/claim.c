/* Checking claims: see claim.h. */
#include "result/claim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIMS_LIMIT = 1000 };

void claims_free(struct claims *claims) {
    for (size_t i = 0; i < claims->count; i++) {
        free(claims->items[i].say);
        free(claims->items[i].numbers);
        free(claims->items[i].paper);
    }
    free(claims->items);
    *claims = (struct claims){0};
}

/* ---- what was expected ---- */

/* The numbers that bear a claim out. */
struct expected {
    double low, high;   /* infinite: no such end */
    bool strict;        /* the end itself is not enough */
    double error;       /* of what the ends are made from */
    struct buffer text; /* "at least 0.500" */
};

static const char *const comparisons[] = {"at_least", "at_most", "above",
                                          "below",    "between", "about"};
enum { COMPARISON_COUNT = sizeof comparisons / sizeof comparisons[0] };

static const json_t *find_comparison(const json_t *json, const char **name, struct error *error) {
    const json_t *found = NULL;
    for (size_t i = 0; i < COMPARISON_COUNT; i++) {
        const json_t *value = json_object_get(json, comparisons[i]);
        if (value && found) {
            error_set(error, "'%s' and '%s' at once; one comparison would be right", *name,
                      comparisons[i]);
            return NULL;
        }
        if (value) {
            found = value;
            *name = comparisons[i];
        }
    }
    if (found == NULL)
        error_set(error, "no comparison; one of at_least, at_most, above, below, between and about "
                         "would be right");
    return found;
}

/* Two ends that are numbers of their own. */
static bool expect_between(const struct measuring *measuring, const json_t *json,
                           struct expected *expected, struct measure *missing,
                           struct error *error) {
    struct measure ends[2] = {0};
    if (!json_is_array(json) || json_array_size(json) != 2)
        return error_set(error, "'between' is no list of two numbers");
    for (size_t i = 0; i < 2; i++) {
        if (!measure_take(measuring, json_array_get(json, i), &ends[i], error))
            return false;
        if (ends[i].relation != RELATION_EQUAL)
            *missing = ends[i];
        buffer_append_text(&expected->text, i ? " to " : "");
        measure_print(&ends[i], &expected->text);
    }
    expected->low = ends[0].value;
    expected->high = ends[1].value;
    expected->error = hypot(ends[0].error, ends[1].error);
    return ends[0].value <= ends[1].value || missing->relation != RELATION_EQUAL ||
           error_set(error, "'between' goes downward");
}

static void say_expected(const char *comparison, const struct measure *operand, double by,
                         double within, struct expected *expected) {
    static const char *const words[] = {"at least ", "at most ", "above ", "below ", "", "about "};
    size_t at = 0;
    while (comparisons[at] != comparison)
        at++;
    buffer_append_text(&expected->text, words[at]);
    measure_print(operand, &expected->text);
    if (by > 0 || within > 0) {
        buffer_append_text(&expected->text, by > 0 ? " by " : " within ");
        measure_print_number(by > 0 ? by : within, &expected->text);
    }
}

/* One number, and the side of it that is meant. */
static bool expect_one(const struct measuring *measuring, const json_t *json,
                       const char *comparison, const json_t *operand_json,
                       struct expected *expected, struct measure *missing, struct error *error) {
    struct measure operand;
    double by = 0, within = 0;
    const bool about = strcmp(comparison, "about") == 0;
    expected->strict = strcmp(comparison, "above") == 0 || strcmp(comparison, "below") == 0;
    if (!measure_take(measuring, operand_json, &operand, error) ||
        !json_get_real(json, "by", false, 0, &by, error) ||
        !json_get_real(json, "within", about, 0, &within, error))
        return false;
    if (by < 0 || within < 0 || (by > 0 && !expected->strict) || (within > 0 && !about))
        return error_set(error, "'by' goes with above and below, 'within' with about, and neither "
                                "is negative");
    if (operand.relation != RELATION_EQUAL)
        *missing = operand;
    say_expected(comparison, &operand, by, within, expected);
    expected->error = operand.error;
    if (about)
        expected->low = operand.value - within;
    else if (strcmp(comparison, "at_least") == 0 || strcmp(comparison, "above") == 0)
        expected->low = operand.value + by;
    if (about)
        expected->high = operand.value + within;
    else if (strcmp(comparison, "at_most") == 0 || strcmp(comparison, "below") == 0)
        expected->high = operand.value - by;
    return true;
}

/* `missing` is set to what the ends lack, if anything. */
static bool expect(const struct measuring *measuring, const json_t *json, struct expected *expected,
                   struct measure *missing, struct error *error) {
    const char *comparison = NULL;
    const json_t *operand = find_comparison(json, &comparison, error);
    if (operand == NULL)
        return false;
    *expected = (struct expected){.low = -INFINITY, .high = INFINITY};
    *missing = (struct measure){.relation = RELATION_EQUAL};
    if (strcmp(comparison, "between") == 0)
        return expect_between(measuring, operand, expected, missing, error);
    return expect_one(measuring, json, comparison, operand, expected, missing, error);
}

/* ---- the verdict ---- */

static enum verdict judge(const struct measure *ours, const struct expected *expected) {
    const bool open_below = ours->relation == RELATION_AT_MOST || ours->relation == RELATION_BELOW;
    const bool open_above = ours->relation == RELATION_AT_LEAST || ours->relation == RELATION_ABOVE;
    const bool excluded = ours->relation == RELATION_BELOW || ours->relation == RELATION_ABOVE;
    /* The ends of what ours may be. */
    const double least = open_below ? -INFINITY : ours->value;
    const double most = open_above ? INFINITY : ours->value;
    const bool low_met = expected->strict && !(excluded && open_above) ? least > expected->low
                                                                       : least >= expected->low;
    const bool high_met = expected->strict && !(excluded && open_below) ? most < expected->high
                                                                        : most <= expected->high;
    if ((isinf(expected->low) || low_met) && (isinf(expected->high) || high_met))
        return VERDICT_HOLDS;
    const bool too_low =
        expected->strict || (excluded && open_below) ? most <= expected->low : most < expected->low;
    const bool too_high = expected->strict || (excluded && open_above) ? least >= expected->high
                                                                       : least > expected->high;
    const bool out = (!isinf(expected->low) && too_low) || (!isinf(expected->high) && too_high);
    return out ? VERDICT_FAILS : VERDICT_UNDECIDED;
}

/* By how much ours is on the right side of the nearer end; negative: on the wrong one. */
static double margin_of(const struct measure *ours, const struct expected *expected) {
    return fmin(ours->value - expected->low, expected->high - ours->value);
}

static void say_margin(const struct measure *ours, const struct expected *expected,
                       struct buffer *out) {
    const double margin = margin_of(ours, expected), error = hypot(ours->error, expected->error);
    const bool one_end = isinf(expected->low) != isinf(expected->high);
    if (margin == 0) {
        buffer_append_text(out, ": right at the border");
        return;
    }
    if (margin < 0 || one_end) {
        const bool below = ours->value < (isinf(expected->low) ? expected->high : expected->low);
        buffer_append_text(out, ": ");
        measure_print_number(fabs(margin), out);
        buffer_append_text(out, margin < 0 ? (below ? " too little" : " too much")
                                           : (below ? " below that" : " above that"));
    }
    if (error > 0 && fabs(margin) < 2 * error)
        buffer_append_text(out, ", less than two standard errors from the border");
}

/* What the claim's numbers say, in words, and the verdict. */
static void weigh(const struct measure *ours, const struct expected *expected,
                  const struct measure *missing, struct claim *claim) {
    struct buffer text = {0};
    const struct measure *absent = ours->relation == RELATION_NONE ? ours : missing;
    if (ours->relation == RELATION_NONE || missing->relation != RELATION_EQUAL) {
        claim->verdict = VERDICT_UNMEASURED;
        buffer_append_text(&text, absent->relation == RELATION_NONE
                                      ? absent->why
                                      : "of what it is compared with, only a bound is known");
    } else {
        claim->verdict = judge(ours, expected);
        buffer_append_text(&text, "ours ");
        measure_print(ours, &text);
        buffer_append_text(&text, "; expected ");
        buffer_append(&text, expected->text.data, expected->text.size);
        if (ours->relation == RELATION_EQUAL)
            say_margin(ours, expected, &text);
        else if (claim->verdict == VERDICT_UNDECIDED)
            buffer_append_text(&text, ": the bound leaves it open");
    }
    buffer_append(&text, "", 1);
    claim->numbers = (char *)text.data;
}

/* ---- sentences ---- */

/* One combination of `for_each`: the value at `at` of every field. */
struct combination {
    struct conditions where;
    const json_t *labels;
};

static const char *value_called(const struct combination *combination, const char *field,
                                size_t size) {
    for (size_t i = 0; i < combination->where.count; i++) {
        const struct condition *condition = &combination->where.items[i];
        if (strlen(condition->field) != size || strncmp(condition->field, field, size) != 0)
            continue;
        const char *label =
            json_string_value(json_object_get(combination->labels, condition->value));
        return label ? label : condition->value;
    }
    return NULL;
}

/* The sentence with values in place of {field}; other braces stand as they are. */
static char *fill_in(const char *say, const struct combination *combination) {
    struct buffer text = {0};
    while (*say) {
        const char *end = *say == '{' ? strchr(say, '}') : NULL;
        const char *value =
            end ? value_called(combination, say + 1, (size_t)(end - say - 1)) : NULL;
        if (value) {
            buffer_append_text(&text, value);
            say = end + 1;
        } else {
            buffer_append(&text, say++, 1);
        }
    }
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

static bool check_one(const json_t *json, const struct measuring *measuring,
                      const struct combination *combination, struct claims *claims,
                      struct error *error) {
    const char *say, *source, *paper;
    struct measure ours, missing;
    struct expected expected = {0};
    struct conditions where = {0};
    if (!json_get_text(json, "say", true, NULL, &say, error) ||
        !json_get_text(json, "source", false, "paper", &source, error) ||
        !json_get_text(json, "paper", false, NULL, &paper, error))
        return false;
    if (strcmp(source, "paper") != 0 && strcmp(source, "ours") != 0)
        return error_set(error, "'source' is '%.100s'; paper or ours would be right", source);
    if (claims->count == CLAIMS_LIMIT)
        return error_set(error, "more than %d claims", CLAIMS_LIMIT);
    conditions_inherit(&where, &combination->where);
    conditions_inherit(&where, measuring->where);
    const struct measuring within = {measuring->rows, measuring->values, &where};
    const bool fine = measure_take(&within, json_object_get(json, "value"), &ours, error) &&
                      expect(&within, json, &expected, &missing, error);
    if (fine) {
        claims->items = reallocate(claims->items, claims->count + 1, sizeof *claims->items);
        struct claim *claim = &claims->items[claims->count++];
        *claim = (struct claim){.say = fill_in(say, combination),
                                .paper = paper ? copy_text(paper) : NULL,
                                .of_paper = strcmp(source, "paper") == 0};
        weigh(&ours, &expected, &missing, claim);
        claims->counts[claim->verdict]++;
    }
    buffer_free(&expected.text);
    conditions_free(&where);
    return fine || error_place(error, "'%.100s'", say);
}

/* ---- combinations ---- */

/* The `number`-th combination of values; false behind the last. */
static bool combine(const json_t *for_each, size_t number, struct combination *combination,
                    bool *there, struct error *error) {
    const char *field;
    const json_t *list;
    json_object_foreach((json_t *)(uintptr_t)for_each, field, list) {
        const size_t size = json_array_size(list);
        if (size == 0)
            return error_set(error, "for_each: '%.100s' is no list of values", field);
        json_t *one = json_pack("{s:O}", field, json_array_get(list, number % size));
        const bool fine = conditions_from_json(&combination->where, one, error);
        json_decref(one);
        if (!fine)
            return false;
        number /= size;
    }
    *there = number == 0;
    return true;
}

static bool check_all(const json_t *json, const struct measuring *measuring, const json_t *labels,
                      struct claims *claims, struct error *error) {
    static const char *const keys[] = {"say",   "for_each", "source",   "paper",   "value",
                                       "by",    "within",   "at_least", "at_most", "above",
                                       "below", "between",  "about",    NULL};
    const json_t *for_each = json_object_get(json, "for_each");
    if (!json_is_object(json))
        return error_set(error, "a claim is no object");
    if (!json_known_keys(json, keys, error))
        return false;
    if (for_each && !json_is_object(for_each))
        return error_set(error, "'for_each' is no object of fields and lists of values");
    bool fine = true, there = true;
    for (size_t number = 0; fine && there; number++) {
        struct combination combination = {.labels = labels};
        fine = combine(for_each, number, &combination, &there, error);
        if (fine && there)
            fine = check_one(json, measuring, &combination, claims, error);
        conditions_free(&combination.where);
    }
    return fine;
}

bool claims_check(const json_t *list, const struct measuring *measuring, const json_t *labels,
                  struct claims *claims, struct error *error) {
    *claims = (struct claims){0};
    size_t index;
    const json_t *json;
    if (list && !json_is_array(list))
        return error_set(error, "'claims' is no list");
    json_array_foreach(list, index, json) {
        if (!check_all(json, measuring, labels, claims, error)) {
            claims_free(claims);
            return error_place(error, "claim %zu", index + 1);
        }
    }
    return true;
}
