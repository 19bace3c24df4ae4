/*
 * What stands around the panels: title, texts along the axes, panel titles, names of categories and
 * the legend. All of it is one plot over the whole picture whose coordinates are pixels, for
 * gnuplot's own legend knows nothing of panels and cuts what is too long.
 */
#include <math.h>
#include <stdio.h>

#include "stats/figure_parts.h"
#include "stats/gnuplot.h"

enum { BASELINE = 10 }; /* from the top of a line of text to its middle */

/* A text at a pixel; `look` says how it stands ("center", "right rotate by 40"). */
static void write_label(const struct figure *figure, const struct layout *layout, struct text text,
                        size_t limit, double x, double y, int size, const char *look,
                        struct buffer *program) {
    buffer_append_text(program, "set label ");
    gnuplot_quote(text, limit, program);
    buffer_format(program, " at first %.2f,%.2f %s font ',%g' noenhanced\n", x, layout->height - y,
                  look, font_size(figure, size));
}

static void write_lines(const struct figure *figure, const struct layout *layout,
                        const struct text_lines *lines, double x, double top, int size, int height,
                        struct buffer *program) {
    for (size_t i = 0; i < lines->count; i++)
        write_label(figure, layout, lines->items[i], lines->limit, x,
                    top + BASELINE + (double)i * height, size, "center", program);
}

/* The middle of all panels. */
static struct box whole(const struct layout *layout) {
    struct box box = layout->panels[0];
    for (size_t i = 1; i < layout->panel_count; i++) {
        const struct box *panel = &layout->panels[i];
        box.width = fmax(box.width, panel->left + panel->width - box.left);
        box.height = fmax(box.height, panel->top + panel->height - box.top);
    }
    return box;
}

static void write_texts(const struct figure *figure, const struct layout *layout,
                        struct buffer *program) {
    const struct box area = whole(layout);
    write_lines(figure, layout, &layout->title, layout->width / 2, layout->title_top, TEXT_SIZE,
                LINE_HEIGHT, program);
    write_lines(figure, layout, &layout->x_label, area.left + area.width / 2, layout->x_label_top,
                TEXT_SIZE, LINE_HEIGHT, program);
    for (size_t i = 0; i < layout->y_label.count; i++)
        write_label(figure, layout, layout->y_label.items[i], layout->y_label.limit,
                    8 + BASELINE + (double)i * LINE_HEIGHT, area.top + area.height / 2, TEXT_SIZE,
                    "center rotate by 90", program);
    for (size_t i = 0; i < figure->panel_count; i++) {
        const struct text_lines *lines = &layout->panel_titles[i];
        const struct box *box = &layout->panels[i];
        write_lines(figure, layout, lines, box->left + box->width / 2,
                    box->top - 4 - (double)lines->count * LINE_HEIGHT, TEXT_SIZE, LINE_HEIGHT,
                    program);
    }
}

static void write_categories(const struct figure *figure, const struct layout *layout, size_t at,
                             struct buffer *program) {
    const struct box *box = &layout->panels[at];
    const struct figure_names *names = &figure->panels[at].categories;
    const double slot = box->width / ((double)names->count + 0.2);
    for (size_t i = 0; i < names->count; i++) {
        const double x = box->left + ((double)i + 0.6) * slot;
        const double top = box->top + box->height + TICK_LENGTH - 4;
        if (layout->turned > 0) {
            char look[64];
            snprintf(look, sizeof look, "right rotate by %.0f", layout->turned);
            write_label(figure, layout, text_of(names->items[i]), layout->turned_limit, x + 4,
                        top + 6, TICK_SIZE, look, program);
            continue;
        }
        struct text_lines lines = text_break(names->items[i], slot - 6, TICK_SIZE);
        write_lines(figure, layout, &lines, x, top - 2, TICK_SIZE, TICK_LINE, program);
        text_lines_free(&lines);
    }
}

/* ---- legend ---- */

/* Where all levels of a kind have one colour, the legend shows it. */
static size_t color_of_kind(const struct figure *figure, size_t kind) {
    size_t color = FIGURE_NEUTRAL;
    bool found = false;
    for (size_t p = 0; p < figure->panel_count; p++)
        for (size_t i = 0; i < figure->panels[p].level_count; i++) {
            const struct figure_level *level = &figure->panels[p].levels[i];
            if (level->kind != kind)
                continue;
            if (found && level->color != color)
                return FIGURE_NEUTRAL;
            color = level->color;
            found = true;
        }
    return color;
}

/* The sample's data: the ends of its line, and its middle for the marker. */
static void write_samples(const struct layout *layout, struct buffer *program) {
    for (size_t i = 0; i < layout->entry_count; i++) {
        const struct legend_entry *entry = &layout->entries[i];
        const double y = layout->height - entry->top - LINE_HEIGHT / 2.0;
        buffer_format(program, "$sample%zu << END\n%.2f %.2f\n%.2f %.2f\nEND\n", i, entry->left, y,
                      entry->left + SAMPLE_WIDTH, y);
        buffer_format(program, "$marker%zu << END\n%.2f %.2f\nEND\n", i,
                      entry->left + SAMPLE_WIDTH / 2.0, y);
    }
}

static void draw_sample(const struct figure *figure, const struct layout *layout, size_t at,
                        struct buffer *program) {
    const struct legend_entry *entry = &layout->entries[at];
    const size_t style = entry->kind == ENTRY_STYLE ? entry->index : 0;
    const size_t color = entry->kind == ENTRY_COLOR   ? entry->index
                         : entry->kind == ENTRY_LEVEL ? color_of_kind(figure, entry->index)
                                                      : FIGURE_NEUTRAL;
    if (entry->kind == ENTRY_LEVEL || !figure->over_categories) {
        next_element(program);
        buffer_format(program, "$sample%zu with lines ", at);
        if (entry->kind == ENTRY_LEVEL)
            buffer_format(program, "lw 1.5 dt %s", level_dash(entry->index));
        else
            write_line_look(style, false, program);
        buffer_format(program, " lc rgb '%s' notitle", color_of(color));
    }
    if (entry->kind == ENTRY_LEVEL || !any_markers(figure, layout))
        return;
    char data[64];
    snprintf(data, sizeof data, "$marker%zu", at);
    draw_markers(figure, data, color, style, program);
}

static void write_names(const struct figure *figure, const struct layout *layout,
                        struct buffer *program) {
    for (size_t i = 0; i < layout->entry_count; i++) {
        const struct legend_entry *entry = &layout->entries[i];
        const double left = entry->left + SAMPLE_WIDTH + SAMPLE_GAP;
        for (size_t k = 0; k < entry->name.count; k++)
            write_label(figure, layout, entry->name.items[k], entry->name.limit, left,
                        entry->top + LINE_HEIGHT / 2.0 + (double)k * LINE_HEIGHT, TEXT_SIZE, "left",
                        program);
    }
}

void surroundings_draw(const struct figure *figure, const struct layout *layout,
                       struct buffer *program) {
    buffer_format(program,
                  "set lmargin at screen 0\nset rmargin at screen 1\n"
                  "set tmargin at screen 1\nset bmargin at screen 0\n"
                  "unset logscale\nunset border\nunset xtics\nunset ytics\nunset grid\n"
                  "set xrange [0:%.0f]\nset yrange [0:%.0f]\n",
                  layout->width, layout->height);
    write_texts(figure, layout, program);
    for (size_t i = 0; i < figure->panel_count && figure->over_categories; i++)
        write_categories(figure, layout, i, program);
    write_names(figure, layout, program);
    write_samples(layout, program);
    buffer_append_text(program, "plot ");
    for (size_t i = 0; i < layout->entry_count; i++)
        draw_sample(figure, layout, i, program);
    if (layout->entry_count == 0)
        buffer_append_text(program, "NaN notitle");
    buffer_append_text(program, "\n");
}
