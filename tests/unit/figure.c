/* lib/stats/figure and gnuplot: the program that is written, and the picture that comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stats/figure_parts.h"
#include "stats/gnuplot.h"
#include "stats/svg.h"

/* ---- helpers ---- */

static void add_line(struct figure_panel *panel, size_t color, size_t style, size_t count,
                     double base) {
    panel->lines = reallocate(panel->lines, panel->line_count + 1, sizeof *panel->lines);
    struct figure_line *line = &panel->lines[panel->line_count++];
    *line = (struct figure_line){.color = color, .style = style, .count = count};
    line->points = allocate(count, sizeof *line->points);
    double x = 1;
    for (size_t i = 0; i < count; i++, x *= base)
        line->points[i] = (struct figure_point){base > 1 ? x : (double)i, 0.1, i == 1 ? 0.05 : NAN,
                                                i == 1 ? 0.25 : NAN};
}

static void add_level(struct figure_panel *panel, size_t kind, size_t color, double y) {
    panel->levels = reallocate(panel->levels, panel->level_count + 1, sizeof *panel->levels);
    panel->levels[panel->level_count++] = (struct figure_level){kind, color, y, NAN};
}

static struct figure_panel *add_panel(struct figure *figure, const char *title) {
    figure->panels = reallocate(figure->panels, figure->panel_count + 1, sizeof *figure->panels);
    struct figure_panel *panel = &figure->panels[figure->panel_count++];
    *panel = (struct figure_panel){.title = copy_text(title)};
    return panel;
}

/* One panel, no names. */
static struct figure bare_figure(void) {
    struct figure figure = {.width = 400, .height = 300};
    figure_names_add(&figure.colors, "");
    figure_names_add(&figure.styles, "");
    add_panel(&figure, "");
    return figure;
}

/* One model, one method, one level, from 1 to 2048. */
static struct figure small_figure(void) {
    struct figure figure = {.width = 400, .height = 300, .log_x = true, .y_maximum = 1};
    figure_names_add(&figure.colors, "scratch");
    figure_names_add(&figure.styles, "sft");
    figure_names_add(&figure.level_names, "right password");
    figure_names_add(&figure.level_names, "no password");
    struct figure_panel *panel = add_panel(&figure, "");
    add_line(panel, 0, 0, 12, 2);
    add_level(panel, 0, 0, 0.9);
    return figure;
}

static char *program_of(const struct figure *figure) {
    struct buffer program = {0};
    struct error error = {0};
    if (!figure_program(figure, &program, &error))
        fail_msg("%s", error.text);
    buffer_append(&program, "", 1);
    return (char *)program.data;
}

static void assert_has(const char *text, const char *part, bool wanted) {
    if ((strstr(text, part) != NULL) != wanted)
        fail_msg("'%s' %s in:\n%.3000s", part, wanted ? "is not" : "is", text);
}

static void assert_quoted(const char *bytes, size_t size, size_t limit, const char *wanted) {
    struct buffer out = {0};
    gnuplot_quote((struct text){bytes, size}, limit, &out);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, wanted);
    buffer_free(&out);
}

/* False where there is no gnuplot on this machine: then the picture is not looked at. */
static bool have_gnuplot(void) {
    return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

/* The picture, with a final zero that its size does not count. */
static struct buffer draw(const struct figure *figure) {
    struct buffer program = {0}, picture = {0};
    struct error error = {0};
    if (!figure_program(figure, &program, &error) || !gnuplot_run(&program, &picture, &error))
        fail_msg("%s", error.text);
    buffer_append(&picture, "", 1);
    picture.size--;
    buffer_free(&program);
    return picture;
}

/* ---- strings ---- */

static void a_quoted_text_holds_no_command_and_no_control(void **state) {
    (void)state;
    assert_quoted("it's", 4, 99, "'it’s'");
    assert_quoted("'''", 3, 99, "'’’’'");
    assert_quoted("a\nb\0c\x1b", 6, 99, "'a b c '");
    assert_quoted("`x` @y $z \\", 11, 99, "'`x` @y $z \\'");
    assert_quoted("größe", 7, 99, "'größe'");
    assert_quoted("größe", 7, 3, "'grö…'");
    assert_quoted("", 0, 99, "''");
}

static void what_is_no_utf8_becomes_the_replacement_character(void **state) {
    (void)state;
    assert_quoted("\xff", 1, 99, "'\xef\xbf\xbd'");
    assert_quoted("a\xc3", 2, 99, "'a\xef\xbf\xbd'");
    assert_quoted("\xc0\xaf", 2, 99, "'\xef\xbf\xbd\xef\xbf\xbd'");                 /* too long */
    assert_quoted("\xed\xa0\x80", 3, 99, "'\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd'"); /* surrogate */
    assert_quoted("\xef\xbf\xbf", 3, 99, "'\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd'"); /* U+FFFF */
    assert_quoted("\xf0\x9f\x98\x80", 4, 99, "'\xf0\x9f\x98\x80'");
}

/* ---- programs ---- */

static void powers_of_two_get_a_tick_where_a_point_is(void **state) {
    (void)state;
    struct figure figure = small_figure();
    figure.width = 900;
    char *program = program_of(&figure);
    assert_has(program, "set logscale x 2\n", true);
    assert_has(program,
               "set xtics ('1' 1, '2' 2, '4' 4, '8' 8, '16' 16, '32' 32, '64' 64, '128' 128, "
               "'256' 256, '512' 512, '1024' 1024, '2048' 2048)\n",
               true);
    free(program);
    figure.panels[0].lines[0].points[3].x = 9;
    program = program_of(&figure);
    assert_has(program, "set logscale x 10\n", true);
    free(program);
    figure.log_x = false;
    program = program_of(&figure);
    assert_has(program, "\nset logscale", false);
    free(program);
    figure_free(&figure);
}

static void ticks_are_thinned_where_they_would_touch_but_all_stays(void **state) {
    (void)state;
    struct figure figure = small_figure();
    figure.panels[0].lines[0].points[11].x = figure.all_x = 4096;
    char *program = program_of(&figure);
    assert_has(program,
               "set xtics ('1' 1, '4' 4, '16' 16, '64' 64, '256' 256, "
               "'1024' 1024, 'all' 4096)\n",
               true);
    free(program);
    figure.width = 200;
    program = program_of(&figure);
    assert_has(program, "set xtics ('1' 1, '16' 16, '256' 256, 'all' 4096)\n", true);
    free(program);
    figure_free(&figure);
}

static void a_line_over_counts_starts_at_zero_with_round_ticks(void **state) {
    (void)state;
    struct figure figure = bare_figure();
    add_line(&figure.panels[0], 0, 0, 3, 1);
    struct figure_point *points = figure.panels[0].lines[0].points;
    points[0].x = 640, points[1].x = 12000, points[2].x = 32000;
    char *program = program_of(&figure);
    assert_has(program, "set xtics ('0' 0, '10k' 10000, '20k' 20000, '30k' 30000)\n", true);
    assert_has(program, "set xrange [-640:32640]\n", true);
    free(program);
    points[0].x = 31000, points[1].x = 31500; /* far from zero */
    program = program_of(&figure);
    assert_has(program, "set xrange [30980:32020]\n", true);
    free(program);
    figure_free(&figure);
}

static void only_points_with_an_error_have_bars(void **state) {
    (void)state;
    struct figure figure = small_figure();
    char *program = program_of(&figure);
    assert_has(program, "$bars0_0 << END\n2 0.10000000000000001 0.050000000000000003 0.25\nEND",
               true);
    assert_has(program, "with vectors", true);
    free(program);
    figure.panels[0].lines[0].points[1].low = NAN;
    program = program_of(&figure);
    assert_has(program, "with vectors", false);
    free(program);
    figure_free(&figure);
}

static void the_legend_names_colours_styles_and_levels_that_are_there(void **state) {
    (void)state;
    struct figure figure = small_figure();
    char *program = program_of(&figure);
    assert_has(program, "set label 'scratch'", true);
    assert_has(program, "set label 'sft'", false); /* the only style needs no explaining */
    assert_has(program, "set label 'right password'", true);
    assert_has(program, "set label 'no password'", false);
    free(program);
    figure_names_add(&figure.styles, "sft-weak");
    add_line(&figure.panels[0], 0, 1, 3, 2);
    program = program_of(&figure);
    assert_has(program, "set label 'sft'", true);
    assert_has(program, "set label 'sft-weak'", true);
    free(program);
    figure_free(&figure);
}

static void long_lines_have_no_markers_and_a_band_for_errors(void **state) {
    (void)state;
    struct figure figure = bare_figure();
    add_line(&figure.panels[0], 0, 0, 1000, 1);
    char *program = program_of(&figure);
    assert_has(program, "with points", false);
    assert_has(program, "with filledcurves", true);
    assert_has(program, "set label", false);
    free(program);
    figure_free(&figure);
}

static void panels_share_axes_and_one_legend_and_have_their_own_levels(void **state) {
    (void)state;
    struct figure figure = small_figure();
    figure.panels[0].title[0] = '\0';
    struct figure_panel *second = add_panel(&figure, "math");
    add_line(second, 0, 0, 3, 2);
    add_level(second, 1, FIGURE_NEUTRAL, 0.25);
    figure.columns = 2;
    figure.height = 0;
    char *program = program_of(&figure);
    const char *other = strstr(program, "$line1_0");
    assert_non_null(other);
    assert_has(program, "set label 'math'", true);
    assert_has(other, "$level1_0 << END\n", true);
    assert_has(other, "lc rgb '#404040'", true); /* a level that belongs to no line */
    const char *legend = strstr(program, "set label 'scratch'");
    assert_non_null(legend);
    assert_has(legend + 1, "set label 'scratch'", false);
    /* The second panel stands beside the first and has the same range and no numbers of its own. */
    assert_has(program, "set format y '%h'", true);
    assert_has(other - 600, "set format y ''", true);
    free(program);
    figure_free(&figure);
}

static void without_a_range_panels_get_the_same_one_that_holds_all_of_them(void **state) {
    (void)state;
    struct figure figure = bare_figure();
    add_line(&figure.panels[0], 0, 0, 3, 1);
    add_line(add_panel(&figure, "b"), 0, 0, 2, 1);
    figure.panels[1].lines[0].points[0].y = -3.7;
    figure.panels[1].lines[0].points[1].y = 5.2;
    figure.panels[1].lines[0].points[1].low = figure.panels[1].lines[0].points[1].high = NAN;
    figure.height = 0;
    char *program = program_of(&figure);
    const char *first = strstr(program, "set yrange [-4.2"), *second = first;
    assert_non_null(first);
    second = strstr(first + 1, "set yrange [-4.2");
    assert_non_null(second);
    assert_memory_equal(first, second, strcspn(first, "\n"));
    free(program);
    figure_free(&figure);
}

/* Two lines over two names. */
static struct figure named_figure(const char *first, const char *second) {
    struct figure figure = {.width = 400, .over_categories = true, .y_maximum = 1};
    figure_names_add(&figure.colors, "own domain");
    figure_names_add(&figure.colors, "other domains");
    figure_names_add(&figure.styles, "");
    figure_names_add(&figure.level_names, "ceiling");
    struct figure_panel *panel = add_panel(&figure, "math");
    figure_names_add(&panel->categories, first);
    figure_names_add(&panel->categories, second);
    add_line(panel, 0, 0, 2, 1);
    add_line(panel, 1, 0, 2, 1);
    return figure;
}

static void over_categories_markers_stand_side_by_side_without_lines(void **state) {
    (void)state;
    struct figure figure = named_figure("Algebra", "Geometry");
    char *program = program_of(&figure);
    assert_has(program, "$line0_0 << END\n-0.10000000000000001 ", true);
    assert_has(program, "$line0_1 << END\n0.10000000000000001 ", true);
    assert_has(program, "with lines", false);
    assert_has(program, "set label 'Algebra'", true);
    assert_has(program, "rotate by 40", false);
    free(program);
    figure_free(&figure);
}

static void names_too_long_for_their_place_are_broken_or_turned(void **state) {
    (void)state;
    struct figure figure = named_figure("Counting & Probability", "Numbers");
    figure.width = 300;
    char *program = program_of(&figure);
    assert_has(program, "set label 'Counting &'", true);
    assert_has(program, "set label 'Probability'", true);
    free(program);
    figure_free(&figure);
    figure = named_figure("Counting-and-Probability", "Numbers");
    figure.width = 300;
    program = program_of(&figure);
    assert_has(program, "right rotate by 40", true);
    free(program);
    figure_free(&figure);
}

static void a_level_of_one_category_is_drawn_beside_it_alone(void **state) {
    (void)state;
    struct figure figure = named_figure("a", "b");
    add_level(&figure.panels[0], 0, FIGURE_NEUTRAL, 0.5);
    add_level(&figure.panels[0], 0, FIGURE_NEUTRAL, 0.75);
    figure.panels[0].levels[0].category = 1;
    char *program = program_of(&figure);
    assert_has(program, "$level0_0 << END\n0.55000000000000004 0.5\n1.45 0.5\nEND", true);
    assert_has(program, "$level0_1 << END\n-0.59999999999999998 0.75\n1.6000000000000001 0.75\n",
               true);
    free(program);
    figure_free(&figure);
}

static void a_size_without_room_for_the_panels_is_refused_with_one_that_has_it(void **state) {
    (void)state;
    struct figure figure = small_figure();
    figure.height = 110;
    struct buffer program = {0};
    struct error error = {0};
    assert_false(figure_program(&figure, &program, &error));
    assert_has(error.text, "400x110 is too small", true);
    assert_int_equal(program.size, 0);
    int height = 0;
    assert_int_equal(sscanf(strstr(error.text, "; 400x"), "; 400x%d", &height), 1);
    figure.height = height;
    assert_true(figure_program(&figure, &program, &error));
    buffer_free(&program);
    figure_free(&figure);
}

static void all_texts_and_panels_lie_within_the_picture(void **state) {
    (void)state;
    static const char *const words = "a rather long name of something that has many words in it ";
    struct figure figure = small_figure();
    char *text = format_text("%s%s%s%s", words, words, words, words);
    figure.title = figure.x_label = figure.y_label = text;
    figure.height = 0;
    for (int i = 0; i < 5; i++) {
        figure_names_add(&figure.colors, text);
        add_line(add_panel(&figure, text), (size_t)i + 1, 0, 3, 2);
    }
    for (figure.width = 200; figure.width <= 1400; figure.width += 150) {
        struct layout layout;
        struct error error = {0};
        figure.columns = figure.width < 500 ? 1 : 3;
        if (!layout_figure(&figure, &layout, &error))
            fail_msg("%s", error.text);
        double bottom = 0;
        for (size_t i = 0; i < layout.panel_count; i++) {
            const struct box *box = &layout.panels[i];
            assert_true(box->left >= 0 && box->left + box->width <= layout.width);
            bottom = fmax(bottom, box->top + box->height);
        }
        assert_true(bottom < layout.x_label_top);
        for (size_t i = 0; i < layout.entry_count; i++) {
            const struct legend_entry *entry = &layout.entries[i];
            assert_true(entry->left >= 0 && entry->top > layout.x_label_top);
            assert_true(entry->top + (double)entry->name.count * LINE_HEIGHT <= layout.height);
            for (size_t k = 0; k < entry->name.count; k++) {
                const double limit = 0.6 * TEXT_SIZE * (double)entry->name.limit;
                const double width = fmin(text_width(entry->name.items[k], TEXT_SIZE), limit);
                assert_true(entry->left + SAMPLE_WIDTH + SAMPLE_GAP + width <= layout.width);
            }
        }
        layout_free(&layout);
    }
    free(text);
    figure_free(&figure);
}

/* ---- pictures ---- */

static void a_figure_is_drawn_and_repeats_to_the_byte(void **state) {
    (void)state;
    if (!have_gnuplot())
        skip();
    struct figure figure = small_figure();
    for (figure.format = FIGURE_SVG; figure.format <= FIGURE_PNG; figure.format++) {
        struct buffer first = draw(&figure), again = draw(&figure);
        const char *start = figure.format == FIGURE_SVG ? "<?xml" : "\x89PNG";
        assert_memory_equal(first.data, start, 4);
        assert_int_equal(first.size, again.size);
        assert_memory_equal(first.data, again.data, first.size);
        if (figure.format == FIGURE_PNG) { /* width of the header, twice 400 */
            const uint8_t width[] = {0, 0, 800 / 256, 800 % 256};
            assert_memory_equal(first.data + 16, width, 4);
        }
        buffer_free(&first);
        buffer_free(&again);
    }
    figure_free(&figure);
}

static void hostile_names_are_shown_and_not_obeyed(void **state) {
    (void)state;
    if (!have_gnuplot())
        skip();
    char folder[] = "/tmp/lockpick-figure-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *command = format_text("touch %s/was-here", folder);
    char *names[] = {
        format_text("'; system \"%s\"; '", command),
        format_text("`%s`", command),
        format_text("' ! %s\n! %s\n", command, command),
        format_text("\"; system('%s') #", command),
        format_text("$(%s) @v %%s %%n {/Bold x} <b> & _^ \\", command),
    };
    struct figure figure = small_figure();
    figure.width = 1400;
    figure.height = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        figure_names_add(&figure.colors, names[i]);
        figure_names_add(&figure.styles, names[i]);
        figure_names_add(&figure.level_names, names[i]);
        add_line(add_panel(&figure, names[i]), i + 1, i + 1, 3, 2);
        add_level(&figure.panels[i], i + 2, 0, 0.5);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        figure.title = figure.x_label = figure.y_label = names[i];
        struct buffer picture = draw(&figure);
        assert_has((const char *)picture.data, "</svg>", true);
        assert_has((const char *)picture.data, "<b>", false);
        if (i == 4)
            assert_has((const char *)picture.data, "{/Bold x} &lt;b> &amp; _^ \\", true);
        buffer_free(&picture);
    }
    char *trace = format_text("%s/was-here", folder);
    assert_int_not_equal(access(trace, F_OK), 0);
    assert_int_equal(rmdir(folder), 0);
    free(trace);
    free(command);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        free(names[i]);
    figure_free(&figure);
}

static void odd_data_are_drawn_all_the_same(void **state) {
    (void)state;
    if (!have_gnuplot())
        skip();
    struct figure figure = bare_figure();
    add_line(&figure.panels[0], 0, 0, 1, 1); /* a single point */
    struct buffer picture = draw(&figure);
    assert_has((const char *)picture.data, "</svg>", true);
    buffer_free(&picture);
    static const struct figure_point odd[] = {{-1e300, 1e300, NAN, NAN}, {1e-300, 1e-300, 0, 1}};
    figure.height = 0;
    for (int more = 0; more < 2; more++) {
        figure.log_x = figure.log_y = false;
        figure.panels[0].lines[0].points[0] = odd[0];
        picture = draw(&figure);
        buffer_free(&picture);
        figure.panels[0].lines[0].points[0] = odd[1];
        figure.log_x = figure.log_y = true;
        picture = draw(&figure);
        buffer_free(&picture);
        if (more == 0)
            add_line(add_panel(&figure, "b"), 0, 0, 2, 2);
    }
    figure_free(&figure);
}

static void a_finished_svg_says_what_it_shows_and_shrinks_with_the_window(void **state) {
    (void)state;
    if (!have_gnuplot())
        skip();
    struct figure figure = small_figure();
    struct buffer picture = draw(&figure);
    struct error error = {0};
    assert_true(svg_finish(&picture, "Figure <6>", "A & \"B\"", &error));
    buffer_append(&picture, "", 1);
    const char *svg = (const char *)picture.data;
    assert_has(svg, "<title>Figure &lt;6&gt;</title>\n<desc>A &amp; &quot;B&quot;</desc>", true);
    assert_has(svg, "Gnuplot</title>", false);
    assert_has(svg, "viewBox=\"0 0 400 300\"", true);
    assert_has(svg, "<svg role=\"img\" style=\"max-width:100%;height:auto\"", true);
    buffer_free(&picture);
    buffer_append_text(&picture, "<svg><desc></desc>");
    assert_false(svg_finish(&picture, "a", "b", &error));
    buffer_free(&picture);
    figure_free(&figure);
}

static void what_gnuplot_complains_of_is_told(void **state) {
    (void)state;
    if (!have_gnuplot())
        skip();
    struct buffer program = {0}, picture = {0};
    struct error error = {0};
    buffer_append_text(&program, "set terminal svg\nset nonsense\n");
    assert_false(gnuplot_run(&program, &picture, &error));
    assert_has(error.text, "gnuplot: failed (status 1): ", true);
    assert_has(error.text, "nrecognized option", true);
    assert_has(error.text, "\n", false);
    buffer_free(&program);
    buffer_free(&picture);
}

static void a_missing_gnuplot_is_told_with_the_package(void **state) {
    (void)state;
    char *path = copy_text(getenv("PATH"));
    struct buffer program = {0}, picture = {0};
    struct error error = {0};
    buffer_append_text(&program, "plot 1\n");
    setenv("PATH", "/nowhere", 1);
    const bool drawn = gnuplot_run(&program, &picture, &error);
    setenv("PATH", path, 1);
    assert_false(drawn);
    assert_has(error.text, "gnuplot-nox", true);
    free(path);
    buffer_free(&program);
    buffer_free(&picture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quoted_text_holds_no_command_and_no_control),
        cmocka_unit_test(what_is_no_utf8_becomes_the_replacement_character),
        cmocka_unit_test(powers_of_two_get_a_tick_where_a_point_is),
        cmocka_unit_test(only_points_with_an_error_have_bars),
        cmocka_unit_test(the_legend_names_colours_styles_and_levels_that_are_there),
        cmocka_unit_test(ticks_are_thinned_where_they_would_touch_but_all_stays),
        cmocka_unit_test(a_line_over_counts_starts_at_zero_with_round_ticks),
        cmocka_unit_test(long_lines_have_no_markers_and_a_band_for_errors),
        cmocka_unit_test(panels_share_axes_and_one_legend_and_have_their_own_levels),
        cmocka_unit_test(without_a_range_panels_get_the_same_one_that_holds_all_of_them),
        cmocka_unit_test(over_categories_markers_stand_side_by_side_without_lines),
        cmocka_unit_test(names_too_long_for_their_place_are_broken_or_turned),
        cmocka_unit_test(a_level_of_one_category_is_drawn_beside_it_alone),
        cmocka_unit_test(a_size_without_room_for_the_panels_is_refused_with_one_that_has_it),
        cmocka_unit_test(all_texts_and_panels_lie_within_the_picture),
        cmocka_unit_test(a_figure_is_drawn_and_repeats_to_the_byte),
        cmocka_unit_test(hostile_names_are_shown_and_not_obeyed),
        cmocka_unit_test(odd_data_are_drawn_all_the_same),
        cmocka_unit_test(a_finished_svg_says_what_it_shows_and_shrinks_with_the_window),
        cmocka_unit_test(what_gnuplot_complains_of_is_told),
        cmocka_unit_test(a_missing_gnuplot_is_told_with_the_package),
    };
    return cmocka_run_group_tests_name("figure", tests, NULL, NULL);
}
