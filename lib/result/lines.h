/*
 * From rows to the lines of a figure: which rows are points, which are levels, and what each is
 * called. Only numbers are kept of a row. Colours and styles are dealt out in the order of their
 * names, so the picture does not depend on the order of the rows.
 */
#ifndef LOCKPICK_RESULT_LINES_H
#define LOCKPICK_RESULT_LINES_H

#include "result/fields.h"
#include "stats/figure.h"

enum { LINES_POINTS_LIMIT = 1000000, LINES_LIMIT = 1000 };

struct label {
    char *name, *shown; /* of whoever reads the options */
};

struct lines_settings {
    const char *x, *y, *error; /* fields; `error` may be "" */
    struct fields series;      /* the first is told by colour, the others by style */
    struct conditions where;   /* of the points */
    struct conditions ceiling; /* of the levels, `where` inherited; empty: no levels */
    struct conditions floor;
    const struct label *labels; /* what names are replaced with in the legend */
    size_t label_count;
    bool log_x, log_y;
};

struct lines;

/* The settings are borrowed until lines_free(). */
struct lines *lines_new(const struct lines_settings *settings);

/*
 * Takes one row: a point where it meets `where` and has both x and y, a level where it meets those
 * conditions. Others are passed over.
 */
bool lines_add(struct lines *lines, const struct record *row, struct error *error);

/*
 * Fills the figure's lines, levels, colours, styles and level names. `left_out` counts the rows
 * that met `where` but lack x or y. Fails where there is no point, or two points of a line share an
 * x.
 */
bool lines_figure(struct lines *lines, struct figure *figure, size_t *left_out,
                  struct error *error);

void lines_free(struct lines *lines);

#endif
