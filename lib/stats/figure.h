/*
 * Figures: lines with error bars over a number, dashed levels to compare them with, and the gnuplot
 * program that draws them. What a line is, is told by two things: its colour (the model, say) and
 * its style (the method, say); the legend explains the two apart, so it stays short. The palette is
 * that of Okabe and Ito, which all kinds of colour vision tell apart.
 */
#ifndef LOCKPICK_STATS_FIGURE_H
#define LOCKPICK_STATS_FIGURE_H

#include "base/memory.h"

enum figure_format { FIGURE_SVG, FIGURE_PNG };

struct figure_point {
    double x, y;
    double error; /* half the length of the bar; NAN: none */
};

struct figure_line {
    size_t color; /* index into `colors` */
    size_t style; /* index into `styles` */
    struct figure_point *points;
    size_t count, capacity;
};

enum figure_level_kind { LEVEL_CEILING, LEVEL_FLOOR };

struct figure_level {
    enum figure_level_kind kind;
    size_t color;
    double y;
};

struct figure_names {
    char **items;
    size_t count;
};

/* All zero is an empty figure; figure_free() frees all but the borrowed texts. */
struct figure {
    enum figure_format format;
    int width, height; /* CSS pixels; a PNG has twice as many of its own, for sharp screens */
    const char *title, *x_label, *y_label; /* borrowed; NULL: none */
    const char *level_names[2];            /* borrowed; by enum figure_level_kind */
    bool log_x, log_y;
    double y_minimum, y_maximum;        /* equal: chosen by the data */
    struct figure_names colors, styles; /* as the legend calls them, "" for no entry */
    struct figure_line *lines;
    size_t line_count;
    struct figure_level *levels;
    size_t level_count;
};

/* Appends the program. Lines' points ascend in x, finite; above 0 on a logarithmic axis. */
void figure_program(const struct figure *figure, struct buffer *program);

void figure_free(struct figure *figure);

#endif
