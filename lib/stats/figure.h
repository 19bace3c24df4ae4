/*
 * Figures: small multiples of lines with error bars over a number, or of points over categories,
 * with dashed levels to compare them with, and the gnuplot program that draws them. What a line is,
 * is told by two things: its colour (the model, say) and its style (the method, say); one legend
 * below all panels explains the two apart, so it stays short. The palette is that of Okabe and Ito,
 * which all kinds of colour vision tell apart.
 */
#ifndef LOCKPICK_STATS_FIGURE_H
#define LOCKPICK_STATS_FIGURE_H

#include "base/memory.h"

enum figure_format { FIGURE_SVG, FIGURE_PNG };

enum { FIGURE_LEVEL_KINDS = 6 }; /* kinds of levels that dashes tell apart */

/* The colour of a level that belongs to no line. */
#define FIGURE_NEUTRAL SIZE_MAX

struct figure_point {
    double x, y;      /* x: over categories, the index of one */
    double low, high; /* the ends of the error bar; NAN: none */
};

struct figure_line {
    size_t color; /* index into `colors` */
    size_t style; /* index into `styles` */
    struct figure_point *points;
    size_t count, capacity;
};

struct figure_level {
    size_t kind;  /* index into `level_names` */
    size_t color; /* index into `colors`, or FIGURE_NEUTRAL */
    double y;
    double category; /* drawn beside this one only; NAN: all the way */
};

struct figure_names {
    char **items;
    size_t count;
};

struct figure_panel {
    char *title; /* "" for none */
    struct figure_line *lines;
    size_t line_count;
    struct figure_level *levels;
    size_t level_count;
    struct figure_names categories; /* along x, as they are shown */
};

/* All zero is an empty figure; figure_free() frees all but the borrowed texts. */
struct figure {
    enum figure_format format;
    /* CSS pixels; a PNG has twice as many of its own, for sharp screens. No height: one that
     * suits the number of panels. */
    int width, height;
    const char *title, *x_label, *y_label; /* borrowed; NULL: none */
    size_t columns;                        /* of panels; 0: chosen by their number */
    bool log_x, log_y, over_categories;
    double all_x;                /* where x is "all", beyond all numbers; 0: nowhere */
    double y_minimum, y_maximum; /* equal: chosen by the data */
    struct figure_names colors, styles, level_names; /* as the legend calls them, "" for no entry */
    struct figure_panel *panels;
    size_t panel_count;
};

/*
 * Appends the program. Lines' points ascend in x, finite; above 0 on a logarithmic axis. Fails
 * where the size leaves no room for the panels.
 */
bool figure_program(const struct figure *figure, struct buffer *program, struct error *error);

void figure_names_add(struct figure_names *names, const char *name);
void figure_free(struct figure *figure);

#endif
