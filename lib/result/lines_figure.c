/* What was gathered from rows becomes a figure: see lines.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "result/key.h"
#include "result/lines_parts.h"

/* ---- order ---- */

static size_t rank(const struct fields *order, const char *name) {
    size_t at = 0;
    while (at < order->count && strcmp(order->items[at], name) != 0)
        at++;
    return at;
}

/* Those that --order names first, the others by themselves. */
static int compare_names(const struct fields *order, const char *a, const char *b) {
    const size_t first = rank(order, a), second = rank(order, b);
    if (first != second)
        return first < second ? -1 : 1;
    const struct key x = {.kind = KEY_TEXT, .text = text_of(a)};
    const struct key y = {.kind = KEY_TEXT, .text = text_of(b)};
    return key_compare(&x, &y);
}

/* What qsort_r() hands on, which takes no pointer to constants. */
struct ordering {
    const struct fields *first;
};

static int compare_pointers(const void *a, const void *b, void *context) {
    const struct fields *order = ((const struct ordering *)context)->first;
    return compare_names(order, *(const char *const *)a, *(const char *const *)b);
}

static int compare_series(const void *a, const void *b, void *context) {
    const struct fields *order = ((const struct ordering *)context)->first;
    const struct place *x = &((const struct series *)a)->place;
    const struct place *y = &((const struct series *)b)->place;
    int compared = compare_names(order, x->panel, y->panel);
    if (compared == 0)
        compared = compare_names(order, x->color, y->color);
    return compared ? compared : compare_names(order, x->style, y->style);
}

static int compare_points(const void *a, const void *b) {
    const struct figure_point *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

static int compare_levels(const void *a, const void *b) {
    const struct figure_level *x = a, *y = b;
    if (x->color != y->color)
        return x->color > y->color ? 1 : -1;
    if (x->kind != y->kind)
        return x->kind > y->kind ? 1 : -1;
    return (x->y > y->y) - (x->y < y->y);
}

/* Distinct names in order, borrowed. */
struct names {
    const char **items;
    size_t count;
};

static void names_sort(struct names *names, const struct fields *order) {
    struct ordering ordering = {order};
    size_t kept = 0;
    if (names->count > 0)
        qsort_r(names->items, names->count, sizeof *names->items, compare_pointers, &ordering);
    for (size_t i = 0; i < names->count; i++)
        if (kept == 0 || strcmp(names->items[kept - 1], names->items[i]) != 0)
            names->items[kept++] = names->items[i];
    names->count = kept;
}

/* SIZE_MAX where it is not there. */
static size_t names_find(const struct names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return i;
    return SIZE_MAX;
}

static const char *find_label(const struct lines_settings *settings, struct text name) {
    for (size_t i = 0; i < settings->label_count; i++)
        if (text_is(name, settings->labels[i].name))
            return settings->labels[i].shown;
    return NULL;
}

/* What stands for a name, the caller's: its label, or those of the values that it is made of. */
static char *shown_name(const struct lines_settings *settings, const char *name) {
    const char *whole = find_label(settings, text_of(name));
    if (whole)
        return copy_text(whole);
    struct buffer shown = {0};
    while (name) {
        const char *comma = strstr(name, ", ");
        const struct text part = {name, comma ? (size_t)(comma - name) : strlen(name)};
        const char *label = find_label(settings, part);
        const struct text own = label ? text_of(label) : part;
        if (shown.size > 0 && own.size > 0)
            buffer_append_text(&shown, ", ");
        buffer_append(&shown, own.bytes, own.size);
        name = comma ? comma + 2 : NULL;
    }
    buffer_append(&shown, "", 1);
    return (char *)shown.data;
}

static void show_name(const struct lines_settings *settings, const char *name,
                      struct figure_names *shown) {
    char *text = shown_name(settings, name);
    figure_names_add(shown, text);
    free(text);
}

static void show_names(const struct lines_settings *settings, const struct names *names,
                       struct figure_names *shown) {
    for (size_t i = 0; i < names->count; i++)
        show_name(settings, names->items[i], shown);
}

/* ---- points ---- */

static bool sort_points(const struct lines *lines, struct series *series, struct error *error) {
    qsort(series->points, series->count, sizeof *series->points, compare_points);
    for (size_t i = 1; i < series->count; i++) {
        const double x = series->points[i].x;
        if (x != series->points[i - 1].x)
            continue;
        const struct place *place = &series->place;
        char number[32];
        snprintf(number, sizeof number, "%g", x);
        return error_set(error,
                         "%s%.100s%sline '%.200s%s%.200s' has two points at %s = %.100s; pick one "
                         "with --where, or tell them apart with --series",
                         place->panel[0] ? "panel '" : "", place->panel,
                         place->panel[0] ? "', " : "", place->color, place->style[0] ? ", " : "",
                         place->style, lines->settings->x,
                         lines->settings->over_categories ? lines->categories.items[(size_t)x]
                         : isinf(x)                       ? "all"
                                                          : number);
    }
    return true;
}

/* "all" stands two octaves beyond the largest number, so that it is seen not to be one. */
static double place_all(struct lines *lines) {
    double most = 0;
    bool any = false;
    for (size_t i = 0; i < lines->series_count; i++)
        for (size_t k = 0; k < lines->series[i].count; k++) {
            const double x = lines->series[i].points[k].x;
            any |= isinf(x);
            most = isinf(x) ? most : fmax(most, x);
        }
    if (!any || lines->settings->over_categories)
        return 0;
    const double all = most > 0 ? 4 * most : 1;
    for (size_t i = 0; i < lines->series_count; i++)
        for (size_t k = 0; k < lines->series[i].count; k++)
            if (isinf(lines->series[i].points[k].x))
                lines->series[i].points[k].x = all;
    return all;
}

/* ---- panels ---- */

static bool has_category(const struct series *series, size_t count, size_t category) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < series[i].count; k++)
            if (series[i].points[k].x == (double)category)
                return true;
    return false;
}

/* The names that a panel's lines have along x. */
static struct names find_categories(const struct lines *lines, const struct series *series,
                                    size_t count) {
    struct names names = {allocate(lines->categories.count, sizeof *names.items), 0};
    for (size_t i = 0; i < lines->categories.count; i++)
        if (has_category(series, count, i))
            names.items[names.count++] = lines->categories.items[i];
    names_sort(&names, &lines->settings->order);
    return names;
}

/* The panel takes the points over. */
static void add_line(const struct lines *lines, struct series *series, const struct names *colors,
                     const struct names *styles, const struct names *categories,
                     struct figure_panel *panel) {
    for (size_t k = 0; k < series->count && lines->settings->over_categories; k++) {
        const char *name = lines->categories.items[(size_t)series->points[k].x];
        series->points[k].x = (double)names_find(categories, name);
    }
    if (lines->settings->over_categories)
        qsort(series->points, series->count, sizeof *series->points, compare_points);
    panel->lines[panel->line_count++] = (struct figure_line){
        .color = names_find(colors, series->place.color),
        .style = names_find(styles, series->place.style),
        .points = series->points,
        .count = series->count,
        .capacity = series->capacity,
    };
    series->points = NULL;
    series->count = 0;
}

static bool has_line(const struct figure_panel *panel, size_t color) {
    for (size_t i = 0; i < panel->line_count; i++)
        if (panel->lines[i].color == color)
            return true;
    return false;
}

static bool stands_in(const struct level *level, const char *panel_name) {
    return level->panel[0] == '\0' || strcmp(level->panel, panel_name) == 0;
}

/* Whether levels of this kind belong to lines of the panel: then one that does not, of a model that
 * is not drawn, say, would stand there unexplained. */
static bool follows_lines(const struct lines *lines, size_t kind, const char *panel_name,
                          const struct names *colors, const struct figure_panel *panel) {
    for (size_t i = 0; i < lines->level_count; i++)
        if (lines->levels[i].kind == kind && stands_in(&lines->levels[i], panel_name) &&
            has_line(panel, names_find(colors, lines->levels[i].color)))
            return true;
    return false;
}

static void add_levels(const struct lines *lines, const char *panel_name,
                       const struct names *colors, const struct names *categories,
                       struct figure_panel *panel) {
    panel->levels = allocate(lines->level_count, sizeof *panel->levels);
    for (size_t i = 0; i < lines->level_count; i++) {
        const struct level *level = &lines->levels[i];
        const size_t color = names_find(colors, level->color);
        const bool drawn = has_line(panel, color);
        if (!stands_in(level, panel_name) ||
            (!drawn && level->color[0] != '\0' &&
             !lines->settings->levels[level->kind].names_series &&
             follows_lines(lines, level->kind, panel_name, colors, panel)))
            continue;
        const size_t category =
            level->category == SIZE_MAX
                ? SIZE_MAX
                : names_find(categories, lines->categories.items[level->category]);
        panel->levels[panel->level_count++] = (struct figure_level){
            .kind = level->kind,
            .color = drawn ? color : FIGURE_NEUTRAL,
            .y = level->y,
            .category = category == SIZE_MAX ? NAN : (double)category,
        };
    }
    if (panel->level_count > 0)
        qsort(panel->levels, panel->level_count, sizeof *panel->levels, compare_levels);
}

/* The panel of `count` series that stand behind one another. */
static void add_panel(struct lines *lines, struct series *series, size_t count,
                      const struct names *colors, const struct names *styles,
                      struct figure *figure) {
    struct figure_panel *panel = &figure->panels[figure->panel_count++];
    struct names categories = find_categories(lines, series, count);
    const char *name = series->place.panel;
    panel->title = shown_name(lines->settings, name);
    panel->lines = allocate(count, sizeof *panel->lines);
    for (size_t i = 0; i < count; i++)
        add_line(lines, &series[i], colors, styles, &categories, panel);
    add_levels(lines, name, colors, &categories, panel);
    show_names(lines->settings, &categories, &panel->categories);
    free(categories.items);
}

static bool fill_panels(struct lines *lines, const struct names *colors, const struct names *styles,
                        struct figure *figure, struct error *error) {
    figure->panels = allocate(lines->series_count, sizeof *figure->panels);
    for (size_t i = 0; i < lines->series_count;) {
        size_t end = i + 1;
        while (end < lines->series_count &&
               strcmp(lines->series[i].place.panel, lines->series[end].place.panel) == 0)
            end++;
        if (figure->panel_count == LINES_PANELS_LIMIT)
            return error_set(error, "more than %d panels; narrow --where", LINES_PANELS_LIMIT);
        add_panel(lines, lines->series + i, end - i, colors, styles, figure);
        i = end;
    }
    return true;
}

bool lines_figure(struct lines *lines, struct figure *figure, size_t *left_out,
                  struct error *error) {
    const struct lines_settings *settings = lines->settings;
    struct ordering ordering = {&settings->order};
    *left_out = lines->left_out;
    if (lines->points == 0)
        return error_set(error,
                         "no row to draw: none meets the conditions of --where and has both '%s' "
                         "and '%s' (records show tells what there is)",
                         settings->x, settings->y);
    qsort_r(lines->series, lines->series_count, sizeof *lines->series, compare_series, &ordering);
    for (size_t i = 0; i < lines->series_count; i++)
        if (!sort_points(lines, &lines->series[i], error))
            return false;
    figure->all_x = place_all(lines);
    figure->over_categories = settings->over_categories;
    struct names colors = {allocate(lines->series_count, sizeof *colors.items), 0};
    struct names styles = {allocate(lines->series_count, sizeof *styles.items), 0};
    for (size_t i = 0; i < lines->series_count; i++) {
        colors.items[colors.count++] = lines->series[i].place.color;
        styles.items[styles.count++] = lines->series[i].place.style;
    }
    names_sort(&colors, &settings->order);
    names_sort(&styles, &settings->order);
    show_names(settings, &colors, &figure->colors);
    show_names(settings, &styles, &figure->styles);
    for (size_t i = 0; i < settings->level_count; i++)
        show_name(settings, settings->levels[i].name, &figure->level_names);
    const bool fine = fill_panels(lines, &colors, &styles, figure, error);
    free(colors.items);
    free(styles.items);
    return fine;
}
