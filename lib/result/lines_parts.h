/* What lines.c gathers from rows and lines_figure.c makes a figure of. */
#ifndef LOCKPICK_RESULT_LINES_PARTS_H
#define LOCKPICK_RESULT_LINES_PARTS_H

#include "result/lines.h"

/* Where a line stands: its panel's, colour's and style's names as the rows have them. */
struct place {
    char *panel, *color, *style;
};

/* Over categories, x is an index into `lines->categories`; where x is "all", infinity. */
struct series {
    struct place place;
    struct figure_point *points;
    size_t count, capacity;
};

struct level {
    char *panel, *color;
    size_t kind;
    double y;
    size_t category; /* SIZE_MAX: none */
};

struct lines {
    const struct lines_settings *settings;
    struct series *series;
    size_t series_count;
    struct level *levels;
    size_t level_count;
    struct figure_names categories; /* as they came */
    size_t points;
    size_t left_out;
    size_t last; /* the series of the last point: rows of a line mostly come together */
};

#endif
