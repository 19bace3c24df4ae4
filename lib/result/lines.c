/* From rows to the lines of a figure: see lines.h. */
#include "result/lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result/key.h"

/* Where a line or level belongs: its colour's and its style's name, as shown and as sorted. */
struct place {
    char *color, *style;
};

struct series {
    struct place place;
    struct figure_point *points;
    size_t count, capacity;
};

struct level {
    char *color;
    enum figure_level_kind kind;
    double y;
};

struct lines {
    const struct lines_settings *settings;
    struct series *series;
    size_t series_count;
    struct level *levels;
    size_t level_count;
    size_t points;
    size_t left_out;
    size_t last; /* the series of the last point: rows of a line mostly come together */
};

struct lines *lines_new(const struct lines_settings *settings) {
    struct lines *lines = allocate(1, sizeof *lines);
    lines->settings = settings;
    return lines;
}

void lines_free(struct lines *lines) {
    if (lines == NULL)
        return;
    for (size_t i = 0; i < lines->series_count; i++) {
        free(lines->series[i].place.color);
        free(lines->series[i].place.style);
        free(lines->series[i].points);
    }
    for (size_t i = 0; i < lines->level_count; i++)
        free(lines->levels[i].color);
    free(lines->series);
    free(lines->levels);
    free(lines);
}

/* ---- names ---- */

/* The values of series fields [from, to) with commas between, missing ones left out. */
static bool series_name(const struct lines *lines, const struct record *row, size_t from, size_t to,
                        char **name, struct error *error) {
    const struct fields *fields = &lines->settings->series;
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

static const char *label_of(const struct lines_settings *settings, const char *name) {
    for (size_t i = 0; i < settings->label_count; i++)
        if (strcmp(settings->labels[i].name, name) == 0)
            return settings->labels[i].shown;
    return name;
}

static int compare_names(const char *a, const char *b) {
    const struct key x = {.kind = KEY_TEXT, .text = text_of(a)};
    const struct key y = {.kind = KEY_TEXT, .text = text_of(b)};
    return key_compare(&x, &y);
}

/* ---- taking rows ---- */

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

/* Takes the place's strings, or frees them. */
static struct series *find_series(struct lines *lines, struct place place, struct error *error) {
    for (size_t i = 0; i < lines->series_count; i++) {
        struct series *series = &lines->series[(lines->last + i) % lines->series_count];
        if (strcmp(series->place.color, place.color) != 0 ||
            strcmp(series->place.style, place.style) != 0)
            continue;
        free(place.color);
        free(place.style);
        lines->last = (size_t)(series - lines->series);
        return series;
    }
    if (lines->series_count == LINES_LIMIT) {
        error_set(error, "more than %d lines; name fewer fields with --series", LINES_LIMIT);
        free(place.color);
        free(place.style);
        return NULL;
    }
    lines->series = reallocate(lines->series, lines->series_count + 1, sizeof *lines->series);
    lines->last = lines->series_count++;
    lines->series[lines->last] = (struct series){.place = place};
    return &lines->series[lines->last];
}

static bool add_point(struct lines *lines, const struct record *row, struct error *error) {
    const struct lines_settings *settings = lines->settings;
    struct figure_point point = {.error = NAN};
    const enum found x = find_number(row, settings->x, settings->log_x, &point.x, error);
    const enum found y =
        x == FOUND ? find_number(row, settings->y, settings->log_y, &point.y, error) : x;
    if (y == ABSENT)
        lines->left_out++;
    if (y != FOUND)
        return y == ABSENT;
    if (settings->error[0] != '\0' &&
        find_number(row, settings->error, false, &point.error, error) == WRONG)
        return false;
    if (lines->points == LINES_POINTS_LIMIT)
        return error_set(error, "more than %d points; draw every tenth, say (records select)",
                         LINES_POINTS_LIMIT);
    struct place place;
    if (!series_name(lines, row, 0, 1, &place.color, error))
        return false;
    if (!series_name(lines, row, 1, SIZE_MAX, &place.style, error)) {
        free(place.color);
        return false;
    }
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

static bool add_level(struct lines *lines, const struct record *row, enum figure_level_kind kind,
                      struct error *error) {
    struct level level = {.kind = kind};
    const enum found found =
        find_number(row, lines->settings->y, lines->settings->log_y, &level.y, error);
    if (found != FOUND)
        return found == ABSENT;
    if (lines->level_count == LINES_LIMIT)
        return error_set(error, "more than %d levels; narrow --ceiling and --floor", LINES_LIMIT);
    if (!series_name(lines, row, 0, 1, &level.color, error))
        return false;
    lines->levels = reallocate(lines->levels, lines->level_count + 1, sizeof *lines->levels);
    lines->levels[lines->level_count++] = level;
    return true;
}

bool lines_add(struct lines *lines, const struct record *row, struct error *error) {
    const struct lines_settings *settings = lines->settings;
    if (settings->ceiling.count > 0 && conditions_hold(&settings->ceiling, row) &&
        !add_level(lines, row, LEVEL_CEILING, error))
        return false;
    if (settings->floor.count > 0 && conditions_hold(&settings->floor, row) &&
        !add_level(lines, row, LEVEL_FLOOR, error))
        return false;
    return !conditions_hold(&settings->where, row) || add_point(lines, row, error);
}

/* ---- the figure ---- */

static int compare_points(const void *a, const void *b) {
    const struct figure_point *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

static bool sort_points(const struct lines *lines, struct series *series, struct error *error) {
    qsort(series->points, series->count, sizeof *series->points, compare_points);
    for (size_t i = 1; i < series->count; i++)
        if (series->points[i].x == series->points[i - 1].x)
            return error_set(error,
                             "line '%.200s%s%.200s' has two points at %s = %g; pick one with "
                             "--where, or tell them apart with --series",
                             series->place.color, series->place.style[0] ? ", " : "",
                             series->place.style, lines->settings->x, series->points[i].x);
    return true;
}

static int compare_series(const void *a, const void *b) {
    const struct series *x = a, *y = b;
    const int order = compare_names(x->place.color, y->place.color);
    return order ? order : compare_names(x->place.style, y->place.style);
}

static int compare_levels(const void *a, const void *b) {
    const struct level *x = a, *y = b;
    const int order = compare_names(x->color, y->color);
    if (order != 0 || x->kind != y->kind)
        return order ? order : (int)x->kind - (int)y->kind;
    return (x->y > y->y) - (x->y < y->y);
}

static int compare_pointers(const void *a, const void *b) {
    return compare_names(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the names, and keeps one of each. */
static void distinct(const char **names, size_t *count) {
    size_t kept = 0;
    if (*count > 0)
        qsort(names, *count, sizeof *names, compare_pointers);
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    *count = kept;
}

static size_t index_of(const char *const *names, size_t count, const char *name) {
    size_t at = 0;
    while (at + 1 < count && strcmp(names[at], name) != 0)
        at++;
    return at;
}

static void show_names(const struct lines_settings *settings, const char *const *names,
                       size_t count, struct figure_names *shown) {
    shown->items = allocate(count, sizeof *shown->items);
    shown->count = count;
    for (size_t i = 0; i < count; i++)
        shown->items[i] = copy_text(label_of(settings, names[i]));
}

/* The figure takes the points over. */
static void fill(struct lines *lines, struct figure *figure, const char **colors,
                 size_t color_count, const char **styles, size_t style_count) {
    figure->lines = allocate(lines->series_count, sizeof *figure->lines);
    for (size_t i = 0; i < lines->series_count; i++) {
        struct series *series = &lines->series[i];
        figure->lines[figure->line_count++] = (struct figure_line){
            .color = index_of(colors, color_count, series->place.color),
            .style = index_of(styles, style_count, series->place.style),
            .points = series->points,
            .count = series->count,
            .capacity = series->capacity,
        };
        series->points = NULL;
        series->count = 0;
    }
    figure->levels = allocate(lines->level_count, sizeof *figure->levels);
    for (size_t i = 0; i < lines->level_count; i++)
        figure->levels[figure->level_count++] = (struct figure_level){
            .kind = lines->levels[i].kind,
            .color = index_of(colors, color_count, lines->levels[i].color),
            .y = lines->levels[i].y,
        };
    show_names(lines->settings, colors, color_count, &figure->colors);
    show_names(lines->settings, styles, style_count, &figure->styles);
    figure->level_names[LEVEL_CEILING] = label_of(lines->settings, "ceiling");
    figure->level_names[LEVEL_FLOOR] = label_of(lines->settings, "floor");
}

/* Levels of what has no line would stand there unexplained. */
static void drop_stray_levels(struct lines *lines) {
    size_t kept = 0;
    for (size_t i = 0; i < lines->level_count; i++) {
        bool drawn = false;
        for (size_t k = 0; k < lines->series_count; k++)
            drawn |= strcmp(lines->series[k].place.color, lines->levels[i].color) == 0;
        if (drawn)
            lines->levels[kept++] = lines->levels[i];
        else
            free(lines->levels[i].color);
    }
    lines->level_count = kept;
}

bool lines_figure(struct lines *lines, struct figure *figure, size_t *left_out,
                  struct error *error) {
    *left_out = lines->left_out;
    if (lines->points == 0)
        return error_set(error,
                         "no row to draw: none meets the conditions of --where and has both '%s' "
                         "and '%s' (records show tells what there is)",
                         lines->settings->x, lines->settings->y);
    qsort(lines->series, lines->series_count, sizeof *lines->series, compare_series);
    for (size_t i = 0; i < lines->series_count; i++)
        if (!sort_points(lines, &lines->series[i], error))
            return false;
    drop_stray_levels(lines);
    if (lines->level_count > 0)
        qsort(lines->levels, lines->level_count, sizeof *lines->levels, compare_levels);
    size_t color_count = lines->series_count;
    size_t style_count = color_count;
    const char **colors = allocate(color_count, sizeof *colors);
    const char **styles = allocate(style_count, sizeof *styles);
    for (size_t i = 0; i < lines->series_count; i++) {
        colors[i] = lines->series[i].place.color;
        styles[i] = lines->series[i].place.style;
    }
    distinct(colors, &color_count);
    distinct(styles, &style_count);
    fill(lines, figure, colors, color_count, styles, style_count);
    free(colors);
    free(styles);
    return true;
}
