/*
 * What the files that write a figure's program share: its layout in CSS pixels, and the looks of
 * lines. figure.c puts it together, figure_layout.c finds room, figure_axes.c writes ranges and
 * ticks, figure_draw.c a panel's lines, figure_legend.c the texts around the panels.
 */
#ifndef LOCKPICK_STATS_FIGURE_PARTS_H
#define LOCKPICK_STATS_FIGURE_PARTS_H

#include "stats/figure.h"

enum {
    TEXT_SIZE = 15, /* of titles, labels and legend; CSS pixels */
    TICK_SIZE = 13,
    LINE_HEIGHT = 20,  /* of a line of text */
    LEGEND_GAP = 4,    /* between two rows of the legend */
    SAMPLE_WIDTH = 34, /* of a line in the legend */
    SAMPLE_GAP = 8,    /* between it and its name */
    ENTRY_GAP = 24,    /* between two entries */
    TICK_LINE = 16,    /* the height of a tick's text */
    TICK_LENGTH = 12,  /* of a tick and the gap to its text */
    NAME_LIMIT = 60,   /* characters of a name in the legend */
};

#define FIGURE_GREY "#404040"

/* ---- layout ---- */

/* Texts in lines that fit a width. */
struct text_lines {
    struct text *items; /* borrowed from the text */
    size_t count;
    size_t limit; /* characters of a line that has room */
};

struct box {
    double left, top, width, height; /* pixels from the upper left corner of the figure */
};

enum entry_kind { ENTRY_COLOR, ENTRY_STYLE, ENTRY_LEVEL };

struct legend_entry {
    enum entry_kind kind;
    size_t index; /* of the colour, style or kind of level */
    struct text_lines name;
    double left, top; /* pixels */
};

struct layout {
    double width, height;
    size_t columns, rows, panel_count;
    double turned;       /* degrees by which the categories' names are turned */
    size_t turned_limit; /* characters of such a name */
    struct text_lines title, x_label, y_label;
    double title_top, x_label_top;
    struct box *panels; /* the areas within the axes */
    struct text_lines *panel_titles;
    struct legend_entry *entries;
    size_t entry_count;
};

/* False where the panels would get too little room. */
bool layout_figure(const struct figure *figure, struct layout *layout, struct error *error);
void layout_free(struct layout *layout);

/* Breaks a text at spaces into lines of at most `width`; the last takes all that is left, and
 * whoever draws it ends it with "…" where it is too long. */
struct text_lines text_break(const char *string, double width, int size);
void text_lines_free(struct text_lines *lines);
/* How wide a text is likely to be: fonts differ, so this is on the safe side. */
double text_width(struct text text, int size);
/* A size in pixels as the figure's terminal takes it. */
double font_size(const struct figure *figure, int pixels);

/* ---- axes ---- */

struct range {
    double least, most;
};

/* What all panels share; found once. */
struct axes {
    struct range x; /* shown */
    struct range y; /* shown; equal: gnuplot's choice */
    bool powers_of_two;
};

struct axes axes_find(const struct figure *figure);
void axes_write(const struct figure *figure, const struct axes *axes, const struct layout *layout,
                size_t panel, struct buffer *program);

/* ---- looks and lines ---- */

const char *color_of(size_t color);
/* gnuplot's line width and dash type, for `with lines`. */
void write_line_look(size_t style, bool dense, struct buffer *program);
/* A marker at each point of a data block: open ones on white for all styles but the first. */
void draw_markers(const struct figure *figure, const char *data, size_t color, size_t style,
                  struct buffer *program);
const char *level_dash(size_t kind);
/* So many points that markers would run into each other. */
bool is_dense(const struct figure_line *line, double width);
bool any_markers(const struct figure *figure, const struct layout *layout);

/* Starts the next element of a plot command; a comma stands between any two. */
void next_element(struct buffer *program);

void panel_draw(const struct figure *figure, const struct axes *axes, const struct layout *layout,
                size_t panel, struct buffer *program);

/* Legend, title, labels, panel titles: a plot of its own over the whole picture, in pixels. */
void surroundings_draw(const struct figure *figure, const struct layout *layout,
                       struct buffer *program);

#endif
