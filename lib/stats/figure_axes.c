/* Ranges and ticks: all panels share both axes, so that they can be compared. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "stats/figure_parts.h"

enum { POWER_TICK_WIDTH = 38, NUMBER_TICK_WIDTH = 50, POWER_TICKS_LIMIT = 1024 };

/* ---- ranges ---- */

static void stretch(struct range *range, double value) {
    if (isnan(value))
        return;
    range->least = fmin(range->least, value);
    range->most = fmax(range->most, value);
}

static struct range x_data(const struct figure *figure) {
    struct range range = {DBL_MAX, -DBL_MAX};
    for (size_t p = 0; p < figure->panel_count; p++)
        for (size_t i = 0; i < figure->panels[p].line_count; i++)
            for (size_t k = 0; k < figure->panels[p].lines[i].count; k++)
                stretch(&range, figure->panels[p].lines[i].points[k].x);
    return range;
}

static struct range y_data(const struct figure *figure) {
    struct range range = {DBL_MAX, -DBL_MAX};
    for (size_t p = 0; p < figure->panel_count; p++) {
        const struct figure_panel *panel = &figure->panels[p];
        for (size_t i = 0; i < panel->line_count; i++)
            for (size_t k = 0; k < panel->lines[i].count; k++) {
                const struct figure_point *point = &panel->lines[i].points[k];
                stretch(&range, point->y);
                if (!figure->log_y || point->low > 0)
                    stretch(&range, point->low);
                stretch(&range, point->high);
            }
        for (size_t i = 0; i < panel->level_count; i++)
            stretch(&range, panel->levels[i].y);
    }
    return range;
}

static bool is_power_of_two(double x) {
    int exponent;
    return x >= 1 && x < 1e15 && frexp(x, &exponent) == 0.5;
}

static bool all_powers_of_two(const struct figure *figure) {
    for (size_t p = 0; p < figure->panel_count; p++)
        for (size_t i = 0; i < figure->panels[p].line_count; i++)
            for (size_t k = 0; k < figure->panels[p].lines[i].count; k++)
                if (!is_power_of_two(figure->panels[p].lines[i].points[k].x))
                    return false;
    return true;
}

/* Some room at both ends, so that markers stand clear of the axes; what goes on from near zero
 * starts at zero. */
static struct range widen(struct range range, bool logarithmic) {
    if (logarithmic) {
        const double room = fmax(pow(range.most / range.least, 0.03), 1.1);
        return (struct range){range.least / room, range.most * room};
    }
    if (range.least > 0 && range.least < range.most / 2)
        range.least = 0;
    const double room = range.most > range.least ? 0.02 * (range.most - range.least)
                                                 : fmax(fabs(range.most) * 0.05, 0.5);
    return (struct range){range.least - room, range.most + room};
}

/* The smallest of 1, 2, 5 · 10^n that is not below `rough`. */
static double step_above(double rough) {
    const double power = pow(10, floor(log10(rough))), digit = rough / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

/* Several panels cannot each leave the range to gnuplot, or they would differ. */
static struct range shared_y(const struct figure *figure) {
    struct range range = y_data(figure);
    if (figure->panel_count < 2 || !(range.least < range.most))
        return (struct range){0, 0};
    if (figure->log_y)
        return (struct range){range.least / 1.2, range.most * 1.2};
    const double step = step_above((range.most - range.least) / 6);
    range.least = step * floor(range.least / step);
    range.most = step * ceil(range.most / step);
    return range;
}

struct axes axes_find(const struct figure *figure) {
    struct axes axes = {.powers_of_two = figure->log_x && all_powers_of_two(figure)};
    axes.x = widen(x_data(figure), figure->log_x);
    axes.y = figure->y_minimum < figure->y_maximum
                 ? (struct range){figure->y_minimum, figure->y_maximum}
                 : shared_y(figure);
    /* Markers and levels on the bounds are whole only with a little room beyond. */
    const double room = figure->log_y ? 0 : 0.02 * (axes.y.most - axes.y.least);
    axes.y.least -= room;
    axes.y.most += room;
    return axes;
}

/* ---- ticks ---- */

static void add_tick(struct buffer *program, const char *text, double x) {
    const bool first = program->data[program->size - 1] == '(';
    buffer_format(program, "%s'%s' %.17g", first ? "" : ", ", text, x);
}

/* Whether any line has a point there. */
static bool is_drawn(const struct figure *figure, double x) {
    for (size_t p = 0; p < figure->panel_count; p++)
        for (size_t i = 0; i < figure->panels[p].line_count; i++)
            for (size_t k = 0; k < figure->panels[p].lines[i].count; k++)
                if (figure->panels[p].lines[i].points[k].x == x)
                    return true;
    return false;
}

/* The powers of two where points are, thinned out to what the width has room for. */
static void power_ticks(const struct figure *figure, const struct axes *axes, double width,
                        struct buffer *program) {
    const int first = (int)ceil(log2(axes->x.least)), last = (int)floor(log2(axes->x.most));
    const double octave = width / log2(axes->x.most / axes->x.least);
    int drawn = 0, seen = 0;
    for (int exponent = first; exponent <= last; exponent++)
        drawn += is_drawn(figure, ldexp(1, exponent)) && ldexp(1, exponent) != figure->all_x;
    const int room = (int)fmax(width / POWER_TICK_WIDTH, 1);
    const int step = (drawn + room - 1) / room;
    for (int exponent = first; exponent <= last; exponent++) {
        const double x = ldexp(1, exponent);
        if (x == figure->all_x || !is_drawn(figure, x) || seen++ % step != 0)
            continue;
        if (figure->all_x > 0 && log2(figure->all_x / x) * octave < POWER_TICK_WIDTH)
            continue;
        char text[32];
        snprintf(text, sizeof text, "%.0f", x);
        add_tick(program, text, x);
    }
}

/* 2500 as 2500, 25000 as 25k, 1500000 as 1.5M. */
static void write_number(double x, double most, char text[32]) {
    if (most >= 2e6)
        snprintf(text, 32, x == 0 ? "0" : "%gM", x / 1e6);
    else if (most >= 1e4)
        snprintf(text, 32, x == 0 ? "0" : "%gk", x / 1e3);
    else
        snprintf(text, 32, "%g", x);
}

/* False where gnuplot's own choice is better: fractions, and numbers too large to write out. */
static bool number_ticks(const struct axes *axes, double width, struct buffer *program) {
    const double span = axes->x.most - axes->x.least;
    const double largest = fmax(fabs(axes->x.least), fabs(axes->x.most));
    if (largest >= 1e9 || span < 2)
        return false;
    const double step = fmax(step_above(span * NUMBER_TICK_WIDTH / width), 1);
    buffer_append_text(program, "set xtics (");
    const int first = (int)ceil(axes->x.least / step), last = (int)floor(axes->x.most / step);
    for (int at = first; at <= last; at++) {
        char text[32];
        const double x = at * step + 0.0; /* no -0 */
        write_number(x, largest, text);
        add_tick(program, text, x);
    }
    buffer_append_text(program, ")\n");
    return true;
}

/* Their names are written among the texts around the panels, where they can be broken or turned. */
static void write_category_axis(const struct figure_panel *panel, struct buffer *program) {
    buffer_append_text(program, "unset logscale x\nset xtics (");
    for (size_t i = 0; i < panel->categories.count; i++)
        add_tick(program, "", (double)i);
    buffer_format(program, ")\nset xrange [-0.6:%.17g]\n", (double)panel->categories.count - 0.4);
}

static void write_x_axis(const struct figure *figure, const struct axes *axes, double width,
                         struct buffer *program) {
    if (axes->powers_of_two) {
        buffer_append_text(program, "set logscale x 2\nset xtics (");
        power_ticks(figure, axes, width, program);
        if (figure->all_x > 0)
            add_tick(program, "all", figure->all_x);
        buffer_append_text(program, ")\n");
    } else if (figure->log_x) {
        buffer_append_text(program, "set logscale x 10\nset xtics autofreq\n");
        if (figure->all_x > 0)
            buffer_format(program, "set xtics add ('all' %.17g)\n", figure->all_x);
    } else if (!number_ticks(axes, width, program)) {
        buffer_append_text(program, "set xtics autofreq\n");
    }
    buffer_format(program, "set xrange [%.17g:%.17g]\n", axes->x.least, axes->x.most);
}

void axes_write(const struct figure *figure, const struct axes *axes, const struct layout *layout,
                size_t panel, struct buffer *program) {
    const struct box *box = &layout->panels[panel];
    const double small = font_size(figure, TICK_SIZE);
    buffer_format(program,
                  "set lmargin at screen %.6f\nset rmargin at screen %.6f\n"
                  "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
                  box->left / layout->width, (box->left + box->width) / layout->width,
                  1 - box->top / layout->height, 1 - (box->top + box->height) / layout->height);
    if (figure->over_categories)
        write_category_axis(&figure->panels[panel], program);
    else
        write_x_axis(figure, axes, box->width, program);
    if (figure->log_y)
        buffer_append_text(program, "set logscale y 10\n");
    if (axes->y.least < axes->y.most)
        buffer_format(program, "set yrange [%.17g:%.17g]\n", axes->y.least, axes->y.most);
    buffer_format(program, "set xtics nomirror out scale 0.5 offset 0,0.3 font ',%g'\n", small);
    buffer_format(program, "set ytics nomirror out scale 0.5 font ',%g'\nset format y '%s'\n",
                  small, panel % layout->columns == 0 ? "%h" : "");
    buffer_append_text(program, "set border 3 lc rgb '#606060'\n"
                                "set grid ytics lt 1 lc rgb '#e4e4e4' lw 1\n");
}
