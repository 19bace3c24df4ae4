/* Taking rows as points and levels: see lines.h. */
#include "result/lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result/key.h"
#include "result/lines_parts.h"

struct lines *lines_new(const struct lines_settings *settings) {
    struct lines *lines = allocate(1, sizeof *lines);
    lines->settings = settings;
    return lines;
}

static void place_free(struct place *place) {
    free(place->panel);
    free(place->color);
    free(place->style);
}

void lines_free(struct lines *lines) {
    if (lines == NULL)
        return;
    for (size_t i = 0; i < lines->series_count; i++) {
        place_free(&lines->series[i].place);
        free(lines->series[i].points);
    }
    for (size_t i = 0; i < lines->level_count; i++) {
        free(lines->levels[i].panel);
        free(lines->levels[i].color);
    }
    for (size_t i = 0; i < lines->categories.count; i++)
        free(lines->categories.items[i]);
    free(lines->categories.items);
    free(lines->series);
    free(lines->levels);
    free(lines);
}

/* ---- names ---- */

/* The values of fields [from, to) with commas between, missing ones left out. */
static bool find_name(const struct fields *fields, const struct record *row, size_t from, size_t to,
                      char **name, struct error *error) {
    struct buffer text = {0};
    for (size_t i = from; i < to && i < fields->count; i++) {
        struct key key;
        if (!key_find(row, fields->items[i], &key, error)) {
            buffer_free(&text);
            return false;
        }
        if (key.kind == KEY_MISSING)
            continue;
        if (text.size > 0)
            buffer_append_text(&text, ", ");
        key_print(&key, &text);
    }
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '\0')
            text.data[i] = ' ';
    buffer_append(&text, "", 1);
    *name = (char *)text.data;
    return true;
}

static bool find_place(const struct lines *lines, const struct record *row, struct place *place,
                       struct error *error) {
    const struct fields *series = &lines->settings->series;
    *place = (struct place){0};
    if (find_name(&lines->settings->panel, row, 0, SIZE_MAX, &place->panel, error) &&
        find_name(series, row, 0, 1, &place->color, error) &&
        find_name(series, row, 1, SIZE_MAX, &place->style, error))
        return true;
    place_free(place);
    return false;
}

/* ---- numbers ---- */

enum found { FOUND, ABSENT, WRONG };

static enum found find_number(const struct record *row, const char *field, bool positive,
                              double *number, struct error *error) {
    const struct value *value = record_find(row, field);
    if (value == NULL || value_type(*value) == VALUE_NIL)
        return ABSENT;
    if (!record_real(row, field, number, error))
        return WRONG;
    if (isfinite(*number) && (!positive || *number > 0))
        return FOUND;
    error_set(error, "field '%s' is %g; a %s would be right", field, *number,
              positive ? "number above 0, as for every logarithmic axis," : "finite number");
    return WRONG;
}

static enum found find_category(struct lines *lines, const struct record *row, size_t *index,
                                struct error *error) {
    const struct fields x = {.items = (const char *[]){lines->settings->x}, .count = 1};
    char *name;
    if (!find_name(&x, row, 0, 1, &name, error))
        return WRONG;
    if (name[0] == '\0') {
        free(name);
        return ABSENT;
    }
    struct figure_names *known = &lines->categories;
    for (*index = 0; *index < known->count; ++*index)
        if (strcmp(known->items[*index], name) == 0)
            break;
    if (*index == LINES_LIMIT)
        error_set(error, "more than %d categories along x; narrow --where", LINES_LIMIT);
    else if (*index == known->count)
        figure_names_add(known, name);
    free(name);
    return *index == LINES_LIMIT ? WRONG : FOUND;
}

static enum found find_x(struct lines *lines, const struct record *row, double *x,
                         struct error *error) {
    const struct lines_settings *settings = lines->settings;
    if (settings->over_categories) {
        size_t index = 0;
        const enum found found = find_category(lines, row, &index, error);
        *x = (double)index;
        return found;
    }
    const struct value *value = record_find(row, settings->x);
    struct text text;
    if (settings->log_x && value && value_text(*value, &text) && text_is(text, "all")) {
        *x = INFINITY;
        return FOUND;
    }
    return find_number(row, settings->x, settings->log_x, x, error);
}

/* The error bar around a point whose y is known. */
static bool find_bar(const struct lines *lines, const struct record *row,
                     struct figure_point *point, struct error *error) {
    const struct fields *fields = &lines->settings->error;
    double ends[2] = {NAN, NAN};
    for (size_t i = 0; i < fields->count; i++)
        if (find_number(row, fields->items[i], false, &ends[i], error) == WRONG)
            return false;
    if (fields->count == 1)
        ends[1] = ends[0];
    const bool known = !isnan(ends[0]) && !isnan(ends[1]);
    point->low = known ? fields->count == 1 ? point->y - ends[0] : ends[0] : NAN;
    point->high = known ? fields->count == 1 ? point->y + ends[1] : ends[1] : NAN;
    if (!known || point->low <= point->high)
        return true;
    return error_set(error, "an error bar from %g to %g; one that goes upward would be right",
                     point->low, point->high);
}

/* ---- rows ---- */

static bool same_place(const struct place *a, const struct place *b) {
    return strcmp(a->panel, b->panel) == 0 && strcmp(a->color, b->color) == 0 &&
           strcmp(a->style, b->style) == 0;
}

/* Takes the place's strings, or frees them. */
static struct series *find_series(struct lines *lines, struct place place, struct error *error) {
    for (size_t i = 0; i < lines->series_count; i++) {
        struct series *series = &lines->series[(lines->last + i) % lines->series_count];
        if (!same_place(&series->place, &place))
            continue;
        place_free(&place);
        lines->last = (size_t)(series - lines->series);
        return series;
    }
    if (lines->series_count == LINES_LIMIT) {
        error_set(error, "more than %d lines; name fewer fields with --series", LINES_LIMIT);
        place_free(&place);
        return NULL;
    }
    lines->series = reallocate(lines->series, lines->series_count + 1, sizeof *lines->series);
    lines->last = lines->series_count++;
    lines->series[lines->last] = (struct series){.place = place};
    return &lines->series[lines->last];
}

static bool add_point(struct lines *lines, const struct record *row, struct error *error) {
    const struct lines_settings *settings = lines->settings;
    struct figure_point point;
    struct place place;
    enum found found = find_x(lines, row, &point.x, error);
    if (found == FOUND)
        found = find_number(row, settings->y, settings->log_y, &point.y, error);
    if (found == ABSENT)
        lines->left_out++;
    if (found != FOUND)
        return found == ABSENT;
    if (lines->points == LINES_POINTS_LIMIT)
        return error_set(error, "more than %d points; draw every tenth, say (records select)",
                         LINES_POINTS_LIMIT);
    if (!find_bar(lines, row, &point, error) || !find_place(lines, row, &place, error))
        return false;
    struct series *series = find_series(lines, place, error);
    if (series == NULL)
        return false;
    if (series->count == series->capacity) {
        series->capacity = series->capacity ? 2 * series->capacity : 16;
        series->points = reallocate(series->points, series->capacity, sizeof *series->points);
    }
    series->points[series->count++] = point;
    lines->points++;
    return true;
}

static bool add_level(struct lines *lines, const struct record *row, size_t kind,
                      struct error *error) {
    struct level level = {.kind = kind, .category = SIZE_MAX};
    struct place place;
    enum found found =
        find_number(row, lines->settings->y, lines->settings->log_y, &level.y, error);
    if (found != FOUND)
        return found == ABSENT;
    if (lines->level_count == LINES_LIMIT)
        return error_set(error, "more than %d levels; narrow --ceiling, --floor and --level",
                         LINES_LIMIT);
    if (lines->settings->over_categories) {
        found = find_category(lines, row, &level.category, error);
        if (found == WRONG)
            return false;
        if (found == ABSENT)
            level.category = SIZE_MAX;
    }
    if (!find_place(lines, row, &place, error))
        return false;
    free(place.style);
    level.panel = place.panel;
    level.color = place.color;
    lines->levels = reallocate(lines->levels, lines->level_count + 1, sizeof *lines->levels);
    lines->levels[lines->level_count++] = level;
    return true;
}

bool lines_add(struct lines *lines, const struct record *row, struct error *error) {
    const struct lines_settings *settings = lines->settings;
    for (size_t i = 0; i < settings->level_count; i++) {
        const struct level_rule *rule = &settings->levels[i];
        if (rule->where.count > 0 && conditions_hold(&rule->where, row) &&
            !add_level(lines, row, i, error))
            return false;
    }
    return !conditions_hold(&settings->where, row) || add_point(lines, row, error);
}
