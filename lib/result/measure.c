/* Numbers from result rows: see measure.h. */
#include "result/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "result/key.h"

enum { DEPTH_LIMIT = 16, MEAN_LIMIT = 256 };

static bool take(const struct measuring *measuring, const json_t *json, int depth,
                 struct measure *measure, struct error *error);

/* ---- descriptions ---- */

bool json_known_keys(const json_t *object, const char *const *keys, struct error *error) {
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        const char *const *known = keys;
        while (*known && strcmp(*known, key) != 0)
            known++;
        if (*known)
            continue;
        struct buffer list = {0};
        for (known = keys; *known; known++)
            buffer_format(&list, "%s%s", known == keys ? "" : ", ", *known);
        buffer_append(&list, "", 1);
        error_set(error, "'%.100s' is no key here; of %s one would be right", key,
                  (const char *)list.data);
        buffer_free(&list);
        return false;
    }
    return true;
}

static bool add_condition(struct conditions *conditions, const char *field, const json_t *value,
                          struct error *error) {
    struct buffer text = {0};
    buffer_format(&text, "%s=", field);
    if (json_is_string(value))
        buffer_append_text(&text, json_string_value(value));
    else if (json_is_integer(value))
        buffer_format(&text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        buffer_format(&text, "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        buffer_append_text(&text, json_is_true(value) ? "true" : "false");
    const bool fine = json_is_string(value) || json_is_number(value) || json_is_boolean(value) ||
                      json_is_null(value);
    buffer_append(&text, "", 1);
    if (fine && strchr(field, '=') == NULL && field[0])
        conditions_add(conditions, (const char *)text.data, error);
    else
        error_set(error,
                  "the condition on '%.100s' is neither text, a number, true, false, null "
                  "nor a list of them",
                  field);
    buffer_free(&text);
    return error->text[0] == '\0';
}

bool conditions_from_json(struct conditions *conditions, const json_t *json, struct error *error) {
    const char *field;
    const json_t *value, *item;
    size_t index;
    if (!json_is_object(json))
        return error_set(error, "'where' is no object of fields and values");
    json_object_foreach((json_t *)(uintptr_t)json, field, value) {
        if (!json_is_array(value)) {
            if (!add_condition(conditions, field, value, error))
                return false;
            continue;
        }
        if (json_array_size(value) == 0)
            return error_set(error, "the condition on '%.100s' is an empty list", field);
        json_array_foreach(value, index, item) {
            if (!add_condition(conditions, field, item, error))
                return false;
        }
    }
    return true;
}

/* ---- rows ---- */

/* "task = mini-math, k = 64": what was looked for. */
static void print_conditions(const struct conditions *conditions, struct buffer *out) {
    for (size_t i = 0; i < conditions->count; i++) {
        const struct condition *condition = &conditions->items[i];
        bool alternative = false;
        for (size_t k = 0; k < i; k++)
            alternative |= strcmp(conditions->items[k].field, condition->field) == 0;
        if (alternative)
            buffer_format(out, " or %s", condition->value);
        else if (condition->value[0] == '\0')
            buffer_format(out, "%sno %s", i ? ", " : "", condition->field);
        else
            buffer_format(out, "%s%s = %s", i ? ", " : "", condition->field, condition->value);
    }
}

static void set_why(struct measure *measure, const char *before, const struct conditions *where,
                    const char *behind) {
    struct buffer text = {0};
    print_conditions(where, &text);
    buffer_append(&text, "", 1);
    measure->relation = RELATION_NONE;
    snprintf(measure->why, sizeof measure->why, "%s%.300s%s", before, (const char *)text.data,
             behind);
    buffer_free(&text);
}

/* The rows that meet the conditions, borrowed. */
struct selection {
    const struct record **rows;
    size_t count;
    struct conditions where;
};

static bool select_rows(const struct measuring *measuring, const json_t *where,
                        struct selection *selection, struct error *error) {
    *selection = (struct selection){0};
    if (!conditions_from_json(&selection->where, where, error)) {
        conditions_free(&selection->where);
        return false;
    }
    conditions_inherit(&selection->where, measuring->where);
    selection->rows = allocate(measuring->rows->count, sizeof *selection->rows);
    for (size_t i = 0; i < measuring->rows->count; i++)
        if (conditions_hold(&selection->where, &measuring->rows->items[i]))
            selection->rows[selection->count++] = &measuring->rows->items[i];
    return true;
}

static void selection_free(struct selection *selection) {
    free(selection->rows);
    conditions_free(&selection->where);
}

static double number_in(const struct record *row, const char *field) {
    const struct value *value = record_find(row, field);
    double number = NAN;
    return value && value_real(*value, &number) && isfinite(number) ? number : NAN;
}

/* The same where rows are put in order; "all" stands behind every number. */
static double place_of(const struct record *row, const char *field) {
    const struct value *value = record_find(row, field);
    struct text text;
    return value && value_text(*value, &text) && text_is(text, "all") ? INFINITY
                                                                      : number_in(row, field);
}

static bool is_share(const char *field) {
    return strcmp(field, "correctness") == 0 || strcmp(field, "score") == 0;
}

static double error_of(const struct record *row, const char *field, const char *error_field) {
    if (error_field)
        return number_in(row, error_field);
    if (!is_share(field))
        return NAN;
    const double sem = number_in(row, "sem"), n = number_in(row, "n");
    const double value = number_in(row, field);
    if (!isnan(sem) || !(n > 0) || !(value >= 0 && value <= 1))
        return sem;
    const double share = (value * n + 1) / (n + 2);
    return sqrt(share * (1 - share) / (n + 2));
}

enum choice { TAKE_ONLY, TAKE_MEAN, TAKE_LEAST, TAKE_MOST, TAKE_FIRST, TAKE_LAST };

static bool read_choice(const json_t *json, enum choice *choice, const char **along,
                        struct error *error) {
    static const char *const names[] = {"only", "mean", "least", "most", "first", "last"};
    const char *name;
    if (!json_get_text(json, "take", false, "only", &name, error) ||
        !json_get_text(json, "along", false, NULL, along, error))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *choice = (enum choice)i;
            if ((i >= TAKE_FIRST) == (*along != NULL))
                return true;
            return error_set(error, "'along' goes with \"take\": \"first\" or \"last\", and they "
                                    "with it");
        }
    return error_set(error,
                     "'take' is '%.100s'; mean, least, most, first, last or only would be "
                     "right",
                     name);
}

/* Whether a row with the number `next` is to be preferred over one with `best`. */
static bool preferred(enum choice choice, double next, double best) {
    return choice == TAKE_LEAST || choice == TAKE_FIRST ? next < best : next > best;
}

static void mean_of_rows(const struct selection *selection, const char *field,
                         const char *error_field, struct measure *measure) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < selection->count; i++) {
        sum += number_in(selection->rows[i], field);
        squares += pow(error_of(selection->rows[i], field, error_field), 2);
    }
    measure->relation = RELATION_EQUAL;
    measure->value = sum / (double)selection->count;
    measure->error = sqrt(squares) / (double)selection->count;
}

static bool take_rows(const struct measuring *measuring, const json_t *json,
                      struct measure *measure, struct error *error) {
    static const char *const keys[] = {"where", "field", "error", "take", "along", NULL};
    const char *field, *error_field, *along;
    enum choice choice = TAKE_ONLY;
    struct selection selection;
    if (!json_known_keys(json, keys, error) ||
        !json_get_text(json, "field", false, "correctness", &field, error) ||
        !json_get_text(json, "error", false, NULL, &error_field, error) ||
        !read_choice(json, &choice, &along, error) ||
        !select_rows(measuring, json_object_get(json, "where"), &selection, error))
        return false;
    bool fine = true;
    const struct record *best = NULL;
    const char *order = choice >= TAKE_FIRST ? along : field;
    bool lacking = false;
    for (size_t i = 0; i < selection.count; i++) {
        const struct record *row = selection.rows[i];
        lacking |= isnan(number_in(row, field)) || isnan(place_of(row, order));
        if (best == NULL || preferred(choice, place_of(row, order), place_of(best, order)))
            best = row;
    }
    if (selection.count == 0) {
        set_why(measure, "no row has ", &selection.where, "");
    } else if (lacking) {
        set_why(measure, "a row with ", &selection.where, " lacks a number");
    } else if (choice == TAKE_ONLY && selection.count > 1) {
        struct buffer text = {0};
        print_conditions(&selection.where, &text);
        fine = error_set(error, "%zu rows have %.*s; narrow 'where', or 'take' one of them",
                         selection.count, (int)(text.size < 400 ? text.size : 400),
                         text.size ? (const char *)text.data : "");
        buffer_free(&text);
    } else if (choice == TAKE_MEAN) {
        mean_of_rows(&selection, field, error_field, measure);
    } else {
        measure->relation = RELATION_EQUAL;
        measure->value = number_in(best, field);
        measure->error = error_of(best, field, error_field);
    }
    selection_free(&selection);
    return fine;
}

/* ---- combinations ---- */

/* The first of them that does not exist passes its reason on. */
static bool all_exist(const struct measure *parts, size_t count, struct measure *measure) {
    for (size_t i = 0; i < count; i++)
        if (parts[i].relation == RELATION_NONE) {
            *measure = parts[i];
            return false;
        }
    return true;
}

/* Only a quotient is known of what is no more than a bound. */
static bool all_equal(const struct measure *parts, size_t count, struct measure *measure) {
    if (!all_exist(parts, count, measure))
        return false;
    for (size_t i = 0; i < count; i++)
        if (parts[i].relation != RELATION_EQUAL) {
            measure->relation = RELATION_NONE;
            snprintf(measure->why, sizeof measure->why, "only a bound is known of it");
            return false;
        }
    return true;
}

static bool take_pair(const struct measuring *measuring, const json_t *pair, const char *key,
                      int depth, struct measure parts[2], struct error *error) {
    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return error_set(error, "'%s' is no list of two numbers", key);
    return take(measuring, json_array_get(pair, 0), depth, &parts[0], error) &&
           take(measuring, json_array_get(pair, 1), depth, &parts[1], error);
}

static bool take_difference(const struct measuring *measuring, const json_t *json, int depth,
                            struct measure *measure, struct error *error) {
    static const char *const keys[] = {"difference", NULL};
    struct measure parts[2] = {0};
    if (!json_known_keys(json, keys, error) ||
        !take_pair(measuring, json_object_get(json, "difference"), "difference", depth, parts,
                   error))
        return false;
    if (!all_equal(parts, 2, measure))
        return true;
    measure->relation = RELATION_EQUAL;
    measure->value = parts[0].value - parts[1].value;
    measure->error = hypot(parts[0].error, parts[1].error);
    return true;
}

static bool take_ratio(const struct measuring *measuring, const json_t *json, int depth,
                       struct measure *measure, struct error *error) {
    static const char *const keys[] = {"ratio", NULL};
    struct measure parts[2] = {0};
    if (!json_known_keys(json, keys, error) ||
        !take_pair(measuring, json_object_get(json, "ratio"), "ratio", depth, parts, error))
        return false;
    if (!all_exist(parts, 2, measure))
        return true;
    const struct bound quotient = bound_quotient((struct bound){parts[0].relation, parts[0].value},
                                                 (struct bound){parts[1].relation, parts[1].value});
    measure->relation = quotient.relation;
    measure->value = quotient.value;
    measure->error = fabs(quotient.value) *
                     hypot(parts[0].error / parts[0].value, parts[1].error / parts[1].value);
    if (quotient.relation != RELATION_EQUAL)
        measure->error = NAN;
    if (quotient.relation == RELATION_NONE)
        snprintf(measure->why, sizeof measure->why,
                 "a ratio to 0, or of two bounds that say nothing of it");
    return true;
}

static bool take_mean(const struct measuring *measuring, const json_t *json, int depth,
                      struct measure *measure, struct error *error) {
    static const char *const keys[] = {"mean", NULL};
    const json_t *list = json_object_get(json, "mean");
    const size_t count = json_array_size(list);
    if (!json_known_keys(json, keys, error))
        return false;
    if (count == 0 || count > MEAN_LIMIT)
        return error_set(error, "'mean' is no list of 1 to %d numbers", MEAN_LIMIT);
    struct measure *parts = allocate(count, sizeof *parts);
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++)
        fine = take(measuring, json_array_get(list, i), depth, &parts[i], error);
    if (fine && all_equal(parts, count, measure)) {
        *measure = (struct measure){.relation = RELATION_EQUAL};
        for (size_t i = 0; i < count; i++) {
            measure->value += parts[i].value / (double)count;
            measure->error = hypot(measure->error, parts[i].error / (double)count);
        }
    }
    free(parts);
    return fine;
}

static int compare_downward(const void *a, const void *b) {
    const double x = ((const struct measure *)a)->value, y = ((const struct measure *)b)->value;
    return (x < y) - (x > y);
}

/* The N-th largest of several: above a border where N of them are. */
static bool take_largest(const struct measuring *measuring, const json_t *json, int depth,
                         struct measure *measure, struct error *error) {
    static const char *const keys[] = {"largest", "of", NULL};
    const json_t *list = json_object_get(json, "of"), *number = json_object_get(json, "largest");
    const size_t count = json_array_size(list);
    if (!json_known_keys(json, keys, error))
        return false;
    if (count == 0 || count > MEAN_LIMIT)
        return error_set(error, "'of' is no list of 1 to %d numbers", MEAN_LIMIT);
    const json_int_t place = json_integer_value(number);
    if (!json_is_integer(number) || place < 1 || place > (json_int_t)count)
        return error_set(error, "'largest' is no whole number from 1 to %zu, how many 'of' has",
                         count);
    struct measure *parts = allocate(count, sizeof *parts);
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++)
        fine = take(measuring, json_array_get(list, i), depth, &parts[i], error);
    if (fine && all_equal(parts, count, measure)) {
        qsort(parts, count, sizeof *parts, compare_downward);
        *measure = parts[place - 1];
    }
    free(parts);
    return fine;
}

/* ---- gaps ---- */

/* Floor and ceiling. */
static bool take_ends(const struct measuring *measuring, const json_t *json, int depth,
                      struct measure ends[2], struct error *error) {
    static const char *const names[] = {"floor", "ceiling"};
    for (int i = 0; i < 2; i++) {
        json_t *name = json_string(names[i]);
        const json_t *own = json_object_get(json, names[i]);
        const bool fine = take(measuring, own ? own : name, depth, &ends[i], error);
        json_decref(name);
        if (!fine)
            return false;
    }
    return true;
}

static bool wide_enough(const struct measure ends[2], struct measure *measure) {
    const double gap = ends[1].value - ends[0].value;
    if (gap >= SMALLEST_GAP)
        return true;
    measure->relation = RELATION_NONE;
    snprintf(measure->why, sizeof measure->why,
             "the gap between floor and ceiling is %.3f; of one below %g no share is taken", gap,
             SMALLEST_GAP);
    return false;
}

static bool take_gap(const struct measuring *measuring, const json_t *json, int depth,
                     struct measure *measure, struct error *error) {
    static const char *const keys[] = {"gap", "floor", "ceiling", NULL};
    struct measure parts[3] = {0};
    if (!json_known_keys(json, keys, error) || !take_ends(measuring, json, depth, parts, error) ||
        !take(measuring, json_object_get(json, "gap"), depth, &parts[2], error))
        return false;
    if (!all_equal(parts, 3, measure) || !wide_enough(parts, measure))
        return true;
    const double gap = parts[1].value - parts[0].value;
    measure->relation = RELATION_EQUAL;
    measure->value = (parts[2].value - parts[0].value) / gap;
    measure->error = hypot(hypot(parts[2].error, parts[0].error * (1 - measure->value)),
                           parts[1].error * measure->value) /
                     gap;
    return true;
}

static int compare_points(const void *a, const void *b) {
    const struct curve_point *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

static bool take_reach(const struct measuring *measuring, const json_t *json, int depth,
                       struct measure *measure, struct error *error) {
    static const char *const keys[] = {"reaches", "along",   "where", "field",
                                       "floor",   "ceiling", NULL};
    struct measure ends[2] = {0};
    struct selection selection;
    const char *along, *field;
    double share;
    if (!json_known_keys(json, keys, error) ||
        !json_get_real(json, "reaches", true, 0, &share, error) ||
        !json_get_text(json, "along", false, "k", &along, error) ||
        !json_get_text(json, "field", false, "correctness", &field, error) ||
        !take_ends(measuring, json, depth, ends, error) ||
        !select_rows(measuring, json_object_get(json, "where"), &selection, error))
        return false;
    struct curve_point *points = allocate(selection.count, sizeof *points);
    size_t count = 0;
    for (size_t i = 0; i < selection.count; i++) {
        const struct curve_point point = {number_in(selection.rows[i], along),
                                          number_in(selection.rows[i], field)};
        if (point.x > 0 && !isnan(point.y))
            points[count++] = point;
    }
    qsort(points, count, sizeof *points, compare_points);
    bool fine = true;
    for (size_t i = 1; fine && i < count; i++)
        if (points[i].x == points[i - 1].x)
            fine =
                error_set(error, "two rows have %.100s = %g; narrow 'where'", along, points[i].x);
    if (count == 0) {
        set_why(measure, "no row has ", &selection.where, "");
    } else if (fine && all_equal(ends, 2, measure) && wide_enough(ends, measure)) {
        const struct bound bound =
            curve_recovers(points, count, ends[0].value, ends[1].value, share);
        *measure = (struct measure){.relation = bound.relation, .value = bound.value, .error = NAN};
    }
    free(points);
    selection_free(&selection);
    return fine;
}

/* ---- all kinds ---- */

static bool take_named(const struct measuring *measuring, const char *name, int depth,
                       struct measure *measure, struct error *error) {
    const json_t *value = json_object_get(measuring->values, name);
    if (value == NULL)
        return error_set(error, "'%.100s' is no name of 'values'", name);
    return take(measuring, value, depth, measure, error);
}

static bool take(const struct measuring *measuring, const json_t *json, int depth,
                 struct measure *measure, struct error *error) {
    static const struct {
        const char *key;
        bool (*take)(const struct measuring *, const json_t *, int, struct measure *,
                     struct error *);
    } kinds[] = {
        {"gap", take_gap},   {"difference", take_difference}, {"ratio", take_ratio},
        {"mean", take_mean}, {"reaches", take_reach},         {"largest", take_largest},
    };
    *measure = (struct measure){.error = NAN};
    if (depth == DEPTH_LIMIT)
        return error_set(error, "numbers stand more than %d deep within each other", DEPTH_LIMIT);
    if (json_is_number(json)) {
        *measure = (struct measure){RELATION_EQUAL, json_number_value(json), 0, ""};
        return true;
    }
    if (json_is_string(json))
        return take_named(measuring, json_string_value(json), depth + 1, measure, error);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (json_object_get(json, kinds[i].key))
            return kinds[i].take(measuring, json, depth + 1, measure, error);
    if (json_object_get(json, "where"))
        return take_rows(measuring, json, measure, error);
    return error_set(error, "a number, the name of one, or an object with 'where', 'gap', "
                            "'difference', 'ratio', 'mean', 'largest' or 'reaches' would be right");
}

bool measure_take(const struct measuring *measuring, const json_t *json, struct measure *measure,
                  struct error *error) {
    return take(measuring, json, 0, measure, error);
}

/* ---- text ---- */

void measure_print_number(double value, struct buffer *out) {
    const double size = fabs(value);
    if (value == trunc(value) && size < 1e15)
        buffer_format(out, "%.0f", value);
    else
        buffer_format(out, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.3f", value);
}

void measure_print(const struct measure *measure, struct buffer *out) {
    static const char *const signs[] = {[RELATION_EQUAL] = "",
                                        [RELATION_AT_MOST] = "≤ ",
                                        [RELATION_AT_LEAST] = "≥ ",
                                        [RELATION_BELOW] = "< ",
                                        [RELATION_ABOVE] = "> "};
    if (measure->relation == RELATION_NONE) {
        buffer_append_text(out, measure->why);
        return;
    }
    buffer_append_text(out, signs[measure->relation]);
    measure_print_number(measure->value, out);
    if (measure->error > 0) {
        buffer_append_text(out, " ± ");
        measure_print_number(measure->error, out);
    }
}
