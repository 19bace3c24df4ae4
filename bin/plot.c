/*
 * plot: rows to a figure. Any records with two numeric fields can be drawn: results over the number
 * of demonstrations, or the metrics of a training run over its steps; and numbers over names.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "record/filter.h"
#include "result/lines.h"
#include "stats/gnuplot.h"
#include "stats/svg.h"

static const char *output;
static const char *series_list = "model";
static const char *error_list = "sem", *panel_list = "", *order_list = "";
static struct text_list where_list, label_list, level_list;
static const char *ceiling_list, *floor_list;
static const char *size_text, *y_range_text, *description;
static int64_t panel_columns;
static int format = -1; /* enum figure_format; -1: by the name of the output */
static struct lines_settings settings = {.x = "k", .y = "correctness"};
static struct figure figure;
static struct label *labels;
static char **level_names;

static const struct option_entry options[] = {
    {OPTION_TEXT, 'x', "x", "FIELD", &settings.x, "the field along the x axis (default k)"},
    {OPTION_TEXT, 'y', "y", "FIELD", &settings.y,
     "the field along the y axis (default correctness)"},
    {OPTION_FLAG, 0, "x-categories", NULL, &settings.over_categories,
     "the x axis has names, not numbers: markers side by side above each"},
    {OPTION_TEXT, 0, "error", "FIELD[,FIELD]", &error_list,
     "half the length of the error bars, or the two ends (default sem; '' for none)"},
    {OPTION_TEXT, 0, "series", "FIELD,...", &series_list,
     "what tells lines apart: the first field by colour, the others by style (default model)"},
    {OPTION_TEXT, 'p', "panel", "FIELD,...", &panel_list,
     "a panel of its own for each combination of values"},
    {OPTION_INTEGER, 0, "panel-columns", "N", &panel_columns,
     "panels side by side (default: by their number)", .minimum = 1, .maximum = 64},
    {OPTION_TEXTS, 'w', "where", "FIELD=VALUE", &where_list,
     "draw only such rows; repeated for one field: any of the values"},
    {OPTION_TEXT, 0, "ceiling", "FIELD=VALUE,...", &ceiling_list,
     "rows that give each panel and colour a dashed level; --where holds for fields not named"},
    {OPTION_TEXT, 0, "floor", "FIELD=VALUE,...", &floor_list, "the same, with dashes and dots"},
    {OPTION_TEXTS, 0, "level", "NAME:FIELD=VALUE,...", &level_list,
     "the same for a level called NAME; up to four of them"},
    {OPTION_TEXTS, 0, "label", "NAME=TEXT", &label_list,
     "call NAME (a value or a level) TEXT in the figure"},
    {OPTION_TEXT, 0, "order", "NAME,...", &order_list,
     "names of panels, categories, colours and styles that come before all others"},
    {OPTION_FLAG, 0, "log-x", NULL, &settings.log_x,
     "logarithmic x axis: powers of two where all x are such; x may be 'all'"},
    {OPTION_FLAG, 0, "log-y", NULL, &settings.log_y, "logarithmic y axis"},
    {OPTION_TEXT, 0, "y-range", "MIN:MAX", &y_range_text,
     "ends of the y axis (default 0:1 for correctness and score, else by the data)"},
    {OPTION_TEXT, 't', "title", "TEXT", &figure.title, "title above the figure"},
    {OPTION_TEXT, 0, "description", "TEXT", &description,
     "what an SVG says to those who cannot see it (default: names of axes, panels, lines)"},
    {OPTION_TEXT, 0, "x-label", "TEXT", &figure.x_label, "text along the x axis (default: field)"},
    {OPTION_TEXT, 0, "y-label", "TEXT", &figure.y_label, "text along the y axis (default: field)"},
    {OPTION_TEXT, 0, "size", "WIDTHxHEIGHT", &size_text,
     "size in CSS pixels (default 900 wide); a PNG has twice as many each way"},
    {OPTION_CHOICE, 0, "format", "FORMAT", &format,
     "what to write (default: what the name of the output ends in, else svg)",
     .choices = "svg|png"},
    {OPTION_FILE, 'o', "output", "FILE", &output, "write to FILE instead of standard output"},
    {OPTION_END},
};

static const struct tool tool = {
    .name = "plot",
    .usage = "[options] [ROWS.rec ...]",
    .summary = "Draws rows of results, or any records with two numbers, as SVG or PNG.",
    .options = options,
};

/* ---- options ---- */

static bool ends_with(const char *text, const char *end) {
    const size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

static void read_format(const struct invocation *invocation) {
    const bool png = output && ends_with(output, ".png");
    figure.format = format >= 0 ? (enum figure_format)format : png ? FIGURE_PNG : FIGURE_SVG;
    if (figure.format == FIGURE_PNG && output == NULL && isatty(STDOUT_FILENO))
        tool_misused(invocation, "a PNG is not for a terminal; -o FILE would be right");
}

/* "900x560": the text before the mark goes to `first`, the one behind it is returned; or NULL. */
static const char *split(const char *text, char mark, char first[32]) {
    const char *at = strchr(text, mark);
    if (at == NULL || at - text >= 32)
        return NULL;
    memcpy(first, text, (size_t)(at - text));
    first[at - text] = '\0';
    return at + 1;
}

static void read_size(const struct invocation *invocation) {
    char width[32];
    figure.width = 900;
    if (size_text == NULL)
        return;
    const char *height = split(size_text, 'x', width);
    int64_t sides[2] = {0, 0};
    if (height == NULL || !parse_integer(width, &sides[0]) || !parse_integer(height, &sides[1]) ||
        sides[0] < 200 || sides[0] > 8000 || sides[1] < 150 || sides[1] > 8000)
        tool_misused(invocation,
                     "--size: '%s' is no size; 900x560, say, or anything from 200x150 "
                     "to 8000x8000 would be right",
                     size_text);
    figure.width = (int)sides[0];
    figure.height = (int)sides[1];
}

static void read_y_range(const struct invocation *invocation) {
    if (y_range_text == NULL)
        return;
    char least[32];
    const char *most = split(y_range_text, ':', least);
    if (most == NULL || !parse_real(least, &figure.y_minimum) ||
        !parse_real(most, &figure.y_maximum) || !(figure.y_minimum < figure.y_maximum) ||
        (settings.log_y && figure.y_minimum <= 0))
        tool_misused(invocation,
                     "--y-range: '%s' is no range; MIN:MAX with MIN < MAX%s would be "
                     "right",
                     y_range_text, settings.log_y ? " and above 0" : "");
}

static void read_labels(const struct invocation *invocation) {
    labels = allocate(label_list.count, sizeof *labels);
    for (size_t i = 0; i < label_list.count; i++) {
        if (strchr(label_list.items[i], '=') == NULL)
            tool_misused(invocation, "--label: '%s' is no label; NAME=TEXT would be right",
                         label_list.items[i]);
        char *name = copy_text(label_list.items[i]);
        char *shown = name + strcspn(name, "=");
        *shown++ = '\0';
        labels[i] = (struct label){name, shown};
    }
    settings.labels = labels;
    settings.label_count = label_list.count;
}

/* A kind of level from conditions; those of the points hold for it too. */
static void read_level(const struct invocation *invocation, const char *option, const char *name,
                       const char *conditions) {
    struct error error = {0};
    struct level_rule *rule = &settings.levels[settings.level_count++];
    rule->name = name;
    if (conditions == NULL)
        return;
    if (!conditions_parse(&rule->where, conditions, &error))
        tool_misused(invocation, "--%s: %s", option, error.text);
    for (size_t i = 0; i < rule->where.count && settings.series.count > 0; i++)
        rule->names_series |= strcmp(rule->where.items[i].field, settings.series.items[0]) == 0;
    conditions_inherit(&rule->where, &settings.where);
}

static void read_levels(const struct invocation *invocation) {
    read_level(invocation, "ceiling", "ceiling", ceiling_list);
    read_level(invocation, "floor", "floor", floor_list);
    level_names = allocate(level_list.count, sizeof *level_names);
    for (size_t i = 0; i < level_list.count; i++) {
        const char *text = level_list.items[i], *colon = strchr(text, ':');
        if (colon == NULL || colon == text)
            tool_misused(invocation,
                         "--level: '%s' is no level; NAME:FIELD=VALUE,... would be right", text);
        if (settings.level_count == FIGURE_LEVEL_KINDS)
            tool_misused(invocation, "--level: more than %d; dashes tell no more apart",
                         FIGURE_LEVEL_KINDS - 2);
        level_names[i] = format_text("%.*s", (int)(colon - text), text);
        read_level(invocation, "level", level_names[i], colon + 1);
    }
}

static void read_fields(const struct invocation *invocation, const char *option, const char *list,
                        struct fields *fields) {
    struct error error = {0};
    if (!fields_parse(fields, list, &error))
        tool_misused(invocation, "--%s: %s", option, error.text);
}

static void read_options(const struct invocation *invocation) {
    struct error error = {0};
    read_format(invocation);
    read_size(invocation);
    read_y_range(invocation);
    read_labels(invocation);
    read_fields(invocation, "series", series_list, &settings.series);
    read_fields(invocation, "panel", panel_list, &settings.panel);
    read_fields(invocation, "order", order_list, &settings.order);
    read_fields(invocation, "error", error_list, &settings.error);
    if (settings.error.count > 2)
        tool_misused(invocation, "--error: '%s' names %zu fields; one, or LOW,HIGH would be right",
                     error_list, settings.error.count);
    for (size_t i = 0; i < where_list.count; i++)
        if (!conditions_add(&settings.where, where_list.items[i], &error))
            tool_misused(invocation, "--where: %s", error.text);
    read_levels(invocation);
    if (settings.over_categories && settings.log_x)
        tool_misused(invocation, "--log-x is for numbers, and --x-categories says they are names");
    if (figure.x_label == NULL)
        figure.x_label = settings.x;
    if (figure.y_label == NULL)
        figure.y_label = settings.y;
    figure.columns = (size_t)panel_columns;
    figure.log_x = settings.log_x;
    figure.log_y = settings.log_y;
}

static void free_options(void) {
    for (size_t i = 0; i < label_list.count; i++)
        free(labels[i].name); /* TEXT is the end of the same string */
    free(labels);
    for (size_t i = 0; i < level_list.count; i++)
        free(level_names[i]);
    free(level_names);
    for (size_t i = 0; i < settings.level_count; i++)
        conditions_free(&settings.levels[i].where);
    fields_free(&settings.series);
    fields_free(&settings.panel);
    fields_free(&settings.order);
    fields_free(&settings.error);
    conditions_free(&settings.where);
    text_list_free(&where_list);
    text_list_free(&label_list);
    text_list_free(&level_list);
}

/* ---- work ---- */

/* Shares of one are seen best on an axis from 0 to 1, unless the data lie beyond. */
static void choose_y_range(void) {
    if (y_range_text || settings.log_y ||
        (strcmp(settings.y, "correctness") != 0 && strcmp(settings.y, "score") != 0))
        return;
    for (size_t p = 0; p < figure.panel_count; p++)
        for (size_t i = 0; i < figure.panels[p].line_count; i++)
            for (size_t k = 0; k < figure.panels[p].lines[i].count; k++) {
                const double y = figure.panels[p].lines[i].points[k].y;
                if (y < 0 || y > 1)
                    return;
            }
    figure.y_maximum = 1;
}

static void add_names(struct buffer *text, const char *what, const struct figure_names *names) {
    const char *between = what;
    for (size_t i = 0; i < names->count; i++) {
        if (names->items[i][0] == '\0')
            continue;
        buffer_append_text(text, between);
        buffer_append_text(text, names->items[i]);
        between = "; ";
    }
    if (between != what)
        buffer_append_text(text, ".");
}

/* What the picture shows, in words. */
static void describe(struct buffer *text) {
    if (description) {
        buffer_append_text(text, description);
    } else {
        struct figure_names panels = {0};
        panels.items = allocate(figure.panel_count, sizeof *panels.items);
        for (size_t i = 0; i < figure.panel_count; i++)
            panels.items[panels.count++] = figure.panels[i].title;
        buffer_format(text, "%s over %s.", figure.y_label, figure.x_label);
        add_names(text, " Panels: ", &panels);
        add_names(text, " Lines: ", &figure.colors);
        if (figure.styles.count > 1)
            add_names(text, " Line styles: ", &figure.styles);
        free(panels.items);
    }
    buffer_append(text, "", 1);
}

static bool draw(struct buffer *picture, struct error *error) {
    struct buffer program = {0}, text = {0};
    bool fine = figure_program(&figure, &program, error) && gnuplot_run(&program, picture, error);
    if (fine && figure.format == FIGURE_SVG) {
        describe(&text);
        fine = svg_finish(picture, figure.title ? figure.title : figure.y_label,
                          (const char *)text.data, error);
    }
    buffer_free(&program);
    buffer_free(&text);
    return fine;
}

static bool read_rows(const struct invocation *invocation, struct lines *lines,
                      struct error *error) {
    /* A figure is no record stream: the filter reads, and what it would write goes nowhere. */
    struct filter_settings reading = FILTER_DEFAULTS;
    reading.output = "/dev/null";
    struct filter *filter = filter_open(invocation, &reading, 0, NULL, error);
    if (filter == NULL)
        return false;
    struct record row = {0};
    while (filter_next(filter, &row, error))
        if (!lines_add(lines, &row, error) && !filter_reject(filter, &row, error))
            break;
    record_free(&row);
    return filter_close(filter, error);
}

static bool write_picture(const struct buffer *picture, struct error *error) {
    struct output_file file;
    if (!output_open(&file, output, error))
        return false;
    if (output_write(&file, picture->data, picture->size, error))
        return output_commit(&file, error);
    output_abandon(&file);
    return false;
}

static bool run(const struct invocation *invocation, struct lines *lines, struct error *error) {
    size_t left_out = 0;
    if (!read_rows(invocation, lines, error) || !lines_figure(lines, &figure, &left_out, error))
        return false;
    if (left_out > 0)
        tool_say(invocation, "%zu rows without '%s' or '%s' are left out", left_out, settings.x,
                 settings.y);
    choose_y_range();
    struct buffer picture = {0};
    const bool fine = draw(&picture, error) && write_picture(&picture, error);
    buffer_free(&picture);
    return fine;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    tool_start(&invocation, &tool, argc, argv);
    read_options(&invocation);
    struct lines *lines = lines_new(&settings);
    const bool fine = run(&invocation, lines, &error);
    lines_free(lines);
    figure_free(&figure);
    free_options();
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
