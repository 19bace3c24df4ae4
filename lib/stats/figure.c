/* The gnuplot program of a figure: see figure.h. */
#include "stats/figure.h"

#include <stdlib.h>

#include "stats/figure_parts.h"

void figure_names_add(struct figure_names *names, const char *name) {
    names->items = reallocate(names->items, names->count + 1, sizeof *names->items);
    names->items[names->count++] = copy_text(name);
}

static void names_free(struct figure_names *names) {
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static void panel_free(struct figure_panel *panel) {
    for (size_t i = 0; i < panel->line_count; i++)
        free(panel->lines[i].points);
    free(panel->lines);
    free(panel->levels);
    free(panel->title);
    names_free(&panel->categories);
}

void figure_free(struct figure *figure) {
    for (size_t i = 0; i < figure->panel_count; i++)
        panel_free(&figure->panels[i]);
    free(figure->panels);
    names_free(&figure->colors);
    names_free(&figure->styles);
    names_free(&figure->level_names);
    *figure = (struct figure){0};
}

static void write_head(const struct figure *figure, const struct layout *layout,
                       struct buffer *program) {
    if (figure->format == FIGURE_SVG)
        buffer_format(program, "set terminal svg size %.0f,%.0f noenhanced font 'sans-serif,%g' ",
                      layout->width, layout->height, font_size(figure, TEXT_SIZE));
    else
        buffer_format(program,
                      "set terminal pngcairo size %.0f,%.0f noenhanced font 'sans-serif,%g' "
                      "fontscale 2 linewidth 2 pointscale 2 ",
                      2 * layout->width, 2 * layout->height, font_size(figure, TEXT_SIZE));
    buffer_append_text(program, "background rgb '#ffffff'\nset encoding utf8\nunset key\n"
                                "set multiplot\n");
}

bool figure_program(const struct figure *figure, struct buffer *program, struct error *error) {
    struct layout layout;
    const bool fine = layout_figure(figure, &layout, error);
    if (fine) {
        const struct axes axes = axes_find(figure);
        write_head(figure, &layout, program);
        for (size_t i = 0; i < figure->panel_count; i++) {
            axes_write(figure, &axes, &layout, i, program);
            panel_draw(figure, &axes, &layout, i, program);
        }
        surroundings_draw(figure, &layout, program);
        buffer_append_text(program, "unset multiplot\n");
    }
    layout_free(&layout);
    return fine;
}
