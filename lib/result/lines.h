/*
 * From rows to the panels and lines of a figure: which rows are points, which are levels, and what
 * each is called. Only numbers are kept of a row. Panels, categories, colours and styles stand in
 * the order of their names, so the picture does not depend on the order of the rows.
 */
#ifndef LOCKPICK_RESULT_LINES_H
#define LOCKPICK_RESULT_LINES_H

#include "result/fields.h"
#include "stats/figure.h"

enum { LINES_POINTS_LIMIT = 1000000, LINES_LIMIT = 1000, LINES_PANELS_LIMIT = 64 };

struct label {
    char *name, *shown; /* of whoever reads the options */
};

/* Rows that meet the conditions are levels of one kind. */
struct level_rule {
    const char *name;        /* as --label and the legend call it */
    struct conditions where; /* those of the points inherited; empty: there are none */
    bool names_series;       /* its own conditions say which value of the first series field */
};

struct lines_settings {
    const char *x, *y;       /* fields */
    struct fields error;     /* none; half the length of the bars; or their two ends */
    struct fields series;    /* the first is told by colour, the others by style */
    struct fields panel;     /* a panel for each combination of their values; none: one panel */
    struct conditions where; /* of the points */
    struct level_rule levels[FIGURE_LEVEL_KINDS];
    size_t level_count;
    struct fields order;        /* names that come before all others, in this order */
    const struct label *labels; /* what names are replaced with in the figure */
    size_t label_count;
    bool log_x, log_y;
    bool over_categories; /* x is text */
};

struct lines;

/* The settings are borrowed until lines_free(). */
struct lines *lines_new(const struct lines_settings *settings);

/*
 * Takes one row: a point where it meets `where` and has both x and y, a level where it meets the
 * conditions of one. Others are passed over.
 */
bool lines_add(struct lines *lines, const struct record *row, struct error *error);

/*
 * Fills the figure's panels, colours, styles and level names, and sets all_x. A level has the
 * colour of the lines of its panel whose first series field it shares; where it has no such field,
 * or was chosen by it, it is neutral, else it is left out. A level without the panels' fields
 * stands in all of them. `left_out` counts the rows that met `where` but lack x or y. Fails where
 * there is no point, or two points of a line share an x.
 */
bool lines_figure(struct lines *lines, struct figure *figure, size_t *left_out,
                  struct error *error);

void lines_free(struct lines *lines);

#endif
