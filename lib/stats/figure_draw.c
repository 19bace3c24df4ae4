/* A panel's levels, lines, error bars and markers. */
#include <math.h>
#include <stdio.h>

#include "stats/figure_parts.h"

enum {
    MARKER_ROOM = 12, /* pixels of the x axis that a marker needs for itself */
    CAP_WIDTH = 9,    /* of an error bar's ends */
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

/* Ceiling, floor, and those that the user names. */
static const char *const level_dashes[FIGURE_LEVEL_KINDS] = {
    "(14,7)", "(12,4,2,4)", "(4,4)", "(22,5)", "(2,4)", "(12,4,2,4,2,4)"};

const char *color_of(size_t color) {
    return color == FIGURE_NEUTRAL ? FIGURE_GREY : palette[color % PALETTE_SIZE];
}

const char *level_dash(size_t kind) {
    return level_dashes[kind % FIGURE_LEVEL_KINDS];
}

void write_line_look(size_t style, bool dense, struct buffer *program) {
    buffer_format(program, "lw %.1f dt %s",
                  dense        ? 1.4
                  : style == 0 ? 2.2
                               : 1.3,
                  dashes[style % DASH_COUNT]);
}

bool is_dense(const struct figure_line *line, double width) {
    return (double)line->count * MARKER_ROOM > width;
}

bool any_markers(const struct figure *figure, const struct layout *layout) {
    for (size_t p = 0; p < figure->panel_count; p++)
        for (size_t i = 0; i < figure->panels[p].line_count; i++)
            if (figure->over_categories ||
                !is_dense(&figure->panels[p].lines[i], layout->panels[p].width))
                return true;
    return false;
}

void next_element(struct buffer *program) {
    const bool first = program->data[program->size - 1] == ' ';
    buffer_append_text(program, first ? "\\\n  " : ", \\\n  ");
}

/* ---- data ---- */

/* Categories: lines stand side by side. */
static double aside(const struct figure_panel *panel, size_t line) {
    const double step = fmin(0.2, 0.75 / (double)panel->line_count);
    return ((double)line - ((double)panel->line_count - 1) / 2) * step;
}

static bool has_bars(const struct figure_line *line) {
    for (size_t k = 0; k < line->count; k++)
        if (line->points[k].high > line->points[k].low)
            return true;
    return false;
}

/* The points of a line, and apart from them those that have an error bar. */
static void write_points(const struct figure_line *line, double shift, size_t panel, size_t index,
                         struct buffer *program) {
    buffer_format(program, "$line%zu_%zu << END\n", panel, index);
    for (size_t k = 0; k < line->count; k++)
        buffer_format(program, "%.17g %.17g\n", line->points[k].x + shift, line->points[k].y);
    buffer_append_text(program, "END\n");
    if (!has_bars(line))
        return;
    buffer_format(program, "$bars%zu_%zu << END\n", panel, index);
    for (size_t k = 0; k < line->count; k++)
        if (line->points[k].high > line->points[k].low)
            buffer_format(program, "%.17g %.17g %.17g %.17g\n", line->points[k].x + shift,
                          line->points[k].y, line->points[k].low, line->points[k].high);
    buffer_append_text(program, "END\n");
}

static struct range level_reach(const struct figure *figure, const struct axes *axes, size_t panel,
                                const struct figure_level *level) {
    if (!figure->over_categories)
        return axes->x;
    if (!isnan(level->category))
        return (struct range){level->category - 0.45, level->category + 0.45};
    return (struct range){-0.6, (double)figure->panels[panel].categories.count - 0.4};
}

static void write_data(const struct figure *figure, const struct axes *axes, size_t at,
                       struct buffer *program) {
    const struct figure_panel *panel = &figure->panels[at];
    for (size_t i = 0; i < panel->line_count; i++)
        write_points(&panel->lines[i], figure->over_categories ? aside(panel, i) : 0, at, i,
                     program);
    for (size_t i = 0; i < panel->level_count; i++) {
        const struct range reach = level_reach(figure, axes, at, &panel->levels[i]);
        buffer_format(program, "$level%zu_%zu << END\n%.17g %.17g\n%.17g %.17g\nEND\n", at, i,
                      reach.least, panel->levels[i].y, reach.most, panel->levels[i].y);
    }
}

/* ---- drawing ---- */

static void draw_levels(const struct figure_panel *panel, size_t at, struct buffer *program) {
    for (size_t i = 0; i < panel->level_count; i++) {
        const struct figure_level *level = &panel->levels[i];
        next_element(program);
        buffer_format(program, "$level%zu_%zu with lines lw 1.5 dt %s lc rgb '%s' notitle", at, i,
                      level_dash(level->kind), color_of(level->color));
    }
}

void draw_markers(const struct figure *figure, const char *data, size_t color, size_t style,
                  struct buffer *program) {
    /* The two terminals do not agree on how large a marker is. */
    const char *size = figure->format == FIGURE_SVG ? "0.65" : "0.9";
    /* Open markers are filled with white first, or lines would run through them. */
    next_element(program);
    buffer_format(program, "%s with points pt %d ps %s lc rgb '%s' notitle", data,
                  filled_markers[color % PALETTE_SIZE], size,
                  style == 0 ? color_of(color) : "#ffffff");
    if (style == 0)
        return;
    next_element(program);
    buffer_format(program, "%s with points pt %d ps %s lw 1.3 lc rgb '%s' notitle", data,
                  open_markers[color % PALETTE_SIZE], size, color_of(color));
}

/* Where bars would hide each other, they are a band. */
static void draw_errors(const struct figure_line *line, const struct layout *layout, size_t at,
                        size_t index, bool dense, struct buffer *program) {
    if (!has_bars(line))
        return;
    next_element(program);
    buffer_format(program, "$bars%zu_%zu ", at, index);
    if (dense)
        buffer_format(program,
                      "using 1:3:4 with filledcurves fs transparent solid 0.15 noborder "
                      "lc rgb '%s' notitle",
                      color_of(line->color));
    else
        /* Not `with yerrorbars`: in SVG they lay a white disk on what is below each point. */
        buffer_format(program,
                      "using 1:3:(0):($4-$3) with vectors heads size screen %.6f,90 lw 1.3 "
                      "lc rgb '%s' notitle",
                      CAP_WIDTH / 2.0 / layout->width, color_of(line->color));
}

static void draw_line(const struct figure *figure, const struct layout *layout, size_t at,
                      size_t index, struct buffer *program) {
    const struct figure_line *line = &figure->panels[at].lines[index];
    const bool dense = !figure->over_categories && is_dense(line, layout->panels[at].width);
    char data[64];
    snprintf(data, sizeof data, "$line%zu_%zu", at, index);
    draw_errors(line, layout, at, index, dense, program);
    if (!figure->over_categories) {
        next_element(program);
        buffer_format(program, "%s with lines ", data);
        write_line_look(line->style, dense, program);
        buffer_format(program, " lc rgb '%s' notitle", color_of(line->color));
    }
    if (!dense)
        draw_markers(figure, data, line->color, line->style, program);
}

void panel_draw(const struct figure *figure, const struct axes *axes, const struct layout *layout,
                size_t panel, struct buffer *program) {
    write_data(figure, axes, panel, program);
    buffer_append_text(program, "plot ");
    draw_levels(&figure->panels[panel], panel, program);
    /* Lower styles on top: the first is what the figure is about. */
    for (size_t style = figure->styles.count; style-- > 0;)
        for (size_t i = 0; i < figure->panels[panel].line_count; i++)
            if (figure->panels[panel].lines[i].style == style)
                draw_line(figure, layout, panel, i, program);
    buffer_append_text(program, "\n");
}
