/* The gnuplot program of a figure: see figure.h. */
#include "stats/figure.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "stats/gnuplot.h"

enum {
    MANY_POINTS = 64, /* a line with more of them is drawn without markers */
    TITLE_LIMIT = 120,
    NAME_LIMIT = 40,
};

/* Okabe and Ito (2008) without their yellow, which is too pale for lines on white. */
static const char *const palette[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000"};
enum { PALETTE_SIZE = sizeof palette / sizeof palette[0] };

/* Markers by colour, so that colours are not needed to tell lines apart: gnuplot's numbers. */
static const int filled_markers[] = {7, 5, 9, 11, 13, 15, 7};
static const int open_markers[] = {6, 4, 8, 10, 12, 14, 6};

/* Line styles: the first solid, the others thin and broken, with open markers. */
static const char *const dashes[] = {"solid", "'.'", "'-.'", "'-..'"};
enum { DASH_COUNT = sizeof dashes / sizeof dashes[0] };

static const char *const level_dashes[] = {
    [LEVEL_CEILING] = "(14,7)", [LEVEL_FLOOR] = "(12,4,2,4)"};

void figure_free(struct figure *figure) {
    for (size_t i = 0; i < figure->colors.count; i++)
        free(figure->colors.items[i]);
    for (size_t i = 0; i < figure->styles.count; i++)
        free(figure->styles.items[i]);
    for (size_t i = 0; i < figure->line_count; i++)
        free(figure->lines[i].points);
    free(figure->colors.items);
    free(figure->styles.items);
    free(figure->lines);
    free(figure->levels);
    *figure = (struct figure){0};
}

static const char *color_of(size_t color) {
    return palette[color % PALETTE_SIZE];
}

static const char *dash_of(size_t style) {
    return dashes[style % DASH_COUNT];
}

static double width_of(size_t style) {
    return style == 0 ? 2.2 : 1.3;
}

/* ---- axes ---- */

struct range {
    double least, most;
};

static struct range x_range(const struct figure *figure) {
    struct range range = {DBL_MAX, -DBL_MAX};
    for (size_t i = 0; i < figure->line_count; i++)
        for (size_t k = 0; k < figure->lines[i].count; k++) {
            range.least = fmin(range.least, figure->lines[i].points[k].x);
            range.most = fmax(range.most, figure->lines[i].points[k].x);
        }
    return range;
}

static bool is_power_of_two(double x) {
    int exponent;
    return x >= 1 && frexp(x, &exponent) == 0.5;
}

static bool all_powers_of_two(const struct figure *figure) {
    for (size_t i = 0; i < figure->line_count; i++)
        for (size_t k = 0; k < figure->lines[i].count; k++)
            if (!is_power_of_two(figure->lines[i].points[k].x))
                return false;
    return true;
}

/* Some room at both ends, so that markers stand clear of the axes. */
static struct range widen(struct range range, bool logarithmic) {
    if (logarithmic) {
        const double room = fmax(pow(range.most / range.least, 0.03), 1.1);
        return (struct range){range.least / room, range.most * room};
    }
    const double room = range.most > range.least ? 0.02 * (range.most - range.least)
                                                 : fmax(fabs(range.most) * 0.05, 0.5);
    return (struct range){range.least - room, range.most + room};
}

/* Whether any line has a point there. */
static bool is_drawn(const struct figure *figure, double x) {
    for (size_t i = 0; i < figure->line_count; i++)
        for (size_t k = 0; k < figure->lines[i].count; k++)
            if (figure->lines[i].points[k].x == x)
                return true;
    return false;
}

/* The powers of two where points are, at most twelve; more than that are thinned out. */
static void power_ticks(const struct figure *figure, struct range range, struct buffer *program) {
    const int first = (int)lround(log2(range.least)), last = (int)lround(log2(range.most));
    int drawn = 0, seen = 0;
    for (int exponent = first; exponent <= last; exponent++)
        drawn += is_drawn(figure, ldexp(1, exponent));
    const int step = (drawn + 11) / 12;
    const char *between = "";
    buffer_append_text(program, "set logscale x 2\nset xtics (");
    for (int exponent = first; exponent <= last; exponent++) {
        const double x = ldexp(1, exponent);
        if (!is_drawn(figure, x) || seen++ % step != 0)
            continue;
        buffer_format(program, "%s'%.0f' %.0f", between, x, x);
        between = ", ";
    }
    buffer_append_text(program, ")\n");
}

static void write_axes(const struct figure *figure, struct range data, struct buffer *program) {
    const struct range shown = widen(data, figure->log_x);
    if (figure->log_x && all_powers_of_two(figure) && data.most < 1e15)
        power_ticks(figure, data, program);
    else if (figure->log_x)
        buffer_append_text(program, "set logscale x 10\n");
    buffer_format(program, "set xrange [%.17g:%.17g]\n", shown.least, shown.most);
    if (figure->log_y)
        buffer_append_text(program, "set logscale y 10\n");
    /* Markers and levels on the bounds are whole only with a little room beyond. */
    const double room = figure->log_y ? 0 : 0.02 * (figure->y_maximum - figure->y_minimum);
    if (figure->y_minimum < figure->y_maximum)
        buffer_format(program, "set yrange [%.17g:%.17g]\n", figure->y_minimum - room,
                      figure->y_maximum + room);
    buffer_append_text(program, "set xtics nomirror out\nset ytics nomirror out\n"
                                "set border 3 lc rgb '#606060'\n"
                                "set grid ytics lt 1 lc rgb '#e4e4e4' lw 1\n");
}

static void write_text(const char *command, const char *text, const char *rest,
                       struct buffer *program) {
    if (text == NULL || text[0] == '\0')
        return;
    buffer_format(program, "%s ", command);
    gnuplot_quote(text_of(text), TITLE_LIMIT, program);
    buffer_format(program, "%s\n", rest);
}

static void write_head(const struct figure *figure, struct buffer *program) {
    if (figure->format == FIGURE_SVG)
        buffer_format(program, "set terminal svg size %d,%d noenhanced font 'sans-serif,15' ",
                      figure->width, figure->height);
    else
        buffer_format(program,
                      "set terminal pngcairo size %d,%d noenhanced font 'sans-serif,11' "
                      "fontscale 2 linewidth 2 pointscale 2 ",
                      2 * figure->width, 2 * figure->height);
    buffer_append_text(program, "background rgb '#ffffff'\nset encoding utf8\n"
                                "set key outside right center Left reverse spacing 1.3 samplen 2.5 "
                                "noenhanced\n");
    /* The two terminals do not agree on how large a marker is. */
    buffer_format(program, "set pointsize %s\n", figure->format == FIGURE_SVG ? "0.65" : "0.9");
    write_text("set title", figure->title, " noenhanced", program);
    write_text("set xlabel", figure->x_label, " noenhanced", program);
    write_text("set ylabel", figure->y_label, " noenhanced", program);
}

/* ---- data ---- */

static bool has_bars(const struct figure_line *line) {
    for (size_t k = 0; k < line->count; k++)
        if (line->points[k].error > 0)
            return true;
    return false;
}

/* The points of a line, and apart from them those that have an error bar. */
static void write_points(const struct figure_line *line, size_t index, struct buffer *program) {
    buffer_format(program, "$line%zu << END\n", index);
    for (size_t k = 0; k < line->count; k++)
        buffer_format(program, "%.17g %.17g\n", line->points[k].x, line->points[k].y);
    buffer_append_text(program, "END\n");
    if (!has_bars(line))
        return;
    buffer_format(program, "$bars%zu << END\n", index);
    for (size_t k = 0; k < line->count; k++)
        if (line->points[k].error > 0)
            buffer_format(program, "%.17g %.17g %.17g\n", line->points[k].x, line->points[k].y,
                          line->points[k].error);
    buffer_append_text(program, "END\n");
}

static void write_data(const struct figure *figure, struct range shown, struct buffer *program) {
    for (size_t i = 0; i < figure->line_count; i++)
        write_points(&figure->lines[i], i, program);
    for (size_t i = 0; i < figure->level_count; i++)
        buffer_format(program, "$level%zu << END\n%.17g %.17g\n%.17g %.17g\nEND\n", i, shown.least,
                      figure->levels[i].y, shown.most, figure->levels[i].y);
}

/* ---- drawing ---- */

/* The elements of the plot command, with a comma between any two. */
static void next_element(struct buffer *program) {
    const bool first = program->data[program->size - 1] == ' ';
    buffer_append_text(program, first ? "\\\n  " : ", \\\n  ");
}

static void draw_levels(const struct figure *figure, struct buffer *program) {
    for (size_t i = 0; i < figure->level_count; i++) {
        const struct figure_level *level = &figure->levels[i];
        next_element(program);
        buffer_format(program, "$level%zu with lines lw 1.5 dt %s lc rgb '%s' notitle", i,
                      level_dashes[level->kind], color_of(level->color));
    }
}

static void draw_line(const struct figure_line *line, size_t index, struct buffer *program) {
    const char *color = color_of(line->color);
    next_element(program);
    buffer_format(program, "$line%zu with lines lw %.1f dt %s lc rgb '%s' notitle", index,
                  line->count > MANY_POINTS ? 1.2 : width_of(line->style), dash_of(line->style),
                  color);
    if (has_bars(line)) {
        next_element(program);
        buffer_format(program, "$bars%zu with yerrorbars pt 0 lw 1.3 lc rgb '%s' notitle", index,
                      color);
    }
    if (line->count > MANY_POINTS)
        return;
    /* Open markers are filled with white first, or lines would run through them. */
    next_element(program);
    buffer_format(program, "$line%zu with points pt %d lc rgb '%s' notitle", index,
                  filled_markers[line->color % PALETTE_SIZE], line->style == 0 ? color : "#ffffff");
    if (line->style == 0)
        return;
    next_element(program);
    buffer_format(program, "$line%zu with points pt %d lw 1.3 lc rgb '%s' notitle", index,
                  open_markers[line->color % PALETTE_SIZE], color);
}

/* Markers stand in the legend unless all lines are too dense for them. */
static bool any_markers(const struct figure *figure) {
    for (size_t i = 0; i < figure->line_count; i++)
        if (figure->lines[i].count <= MANY_POINTS)
            return true;
    return false;
}

static void legend_entry(const char *name, const char *look, struct buffer *program) {
    if (name == NULL || name[0] == '\0')
        return;
    next_element(program);
    buffer_format(program, "NaN with %s title ", look);
    gnuplot_quote(text_of(name), NAME_LIMIT, program);
}

static void write_legend(const struct figure *figure, struct buffer *program) {
    const bool markers = any_markers(figure);
    char look[128];
    for (size_t i = 0; i < figure->colors.count; i++) {
        if (markers)
            snprintf(look, sizeof look, "linespoints lw 2.2 pt %d lc rgb '%s'",
                     filled_markers[i % PALETTE_SIZE], color_of(i));
        else
            snprintf(look, sizeof look, "lines lw 2.2 lc rgb '%s'", color_of(i));
        legend_entry(figure->colors.items[i], look, program);
    }
    for (size_t i = 0; figure->styles.count > 1 && i < figure->styles.count; i++) {
        if (markers)
            snprintf(look, sizeof look, "linespoints lw %.1f dt %s pt %d lc rgb '#404040'",
                     width_of(i), dash_of(i), i == 0 ? filled_markers[0] : open_markers[0]);
        else
            snprintf(look, sizeof look, "lines lw %.1f dt %s lc rgb '#404040'", width_of(i),
                     dash_of(i));
        legend_entry(figure->styles.items[i], look, program);
    }
    bool present[2] = {false, false};
    for (size_t i = 0; i < figure->level_count; i++)
        present[figure->levels[i].kind] = true;
    for (int kind = 0; kind < 2; kind++) {
        snprintf(look, sizeof look, "lines lw 1.5 dt %s lc rgb '#404040'", level_dashes[kind]);
        if (present[kind])
            legend_entry(figure->level_names[kind], look, program);
    }
}

void figure_program(const struct figure *figure, struct buffer *program) {
    const struct range data = x_range(figure);
    write_head(figure, program);
    write_axes(figure, data, program);
    write_data(figure, widen(data, figure->log_x), program);
    buffer_append_text(program, "plot ");
    draw_levels(figure, program);
    /* Lower styles on top: the first is what the figure is about. */
    for (size_t style = figure->styles.count; style-- > 0;)
        for (size_t i = 0; i < figure->line_count; i++)
            if (figure->lines[i].style == style)
                draw_line(&figure->lines[i], i, program);
    write_legend(figure, program);
    buffer_append_text(program, "\n");
}
