/* lib/stats/figure and gnuplot: the program that is written, and the picture that comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stats/figure.h"
#include "stats/gnuplot.h"

/* ---- helpers ---- */

static void name(struct figure_names *names, const char *text) {
    names->items = reallocate(names->items, names->count + 1, sizeof *names->items);
    names->items[names->count++] = copy_text(text);
}

static void add_line(struct figure *figure, size_t color, size_t style, size_t count, double base) {
    figure->lines = reallocate(figure->lines, figure->line_count + 1, sizeof *figure->lines);
    struct figure_line *line = &figure->lines[figure->line_count++];
    *line = (struct figure_line){.color = color, .style = style, .count = count};
    line->points = allocate(count, sizeof *line->points);
    double x = 1;
    for (size_t i = 0; i < count; i++, x *= base)
        line->points[i] = (struct figure_point){base > 1 ? x : (double)i, 0.1, i == 1 ? 0.05 : NAN};
}

/* One model, one method, one level, from 1 to 2048. */
static struct figure small_figure(void) {
    struct figure figure = {.width = 400, .height = 300, .log_x = true, .y_maximum = 1};
    name(&figure.colors, "scratch");
    name(&figure.styles, "sft");
    add_line(&figure, 0, 0, 12, 2);
    figure.levels = allocate(1, sizeof *figure.levels);
    figure.levels[0] = (struct figure_level){LEVEL_CEILING, 0, 0.9};
    figure.level_count = 1;
    figure.level_names[LEVEL_CEILING] = "right password";
    figure.level_names[LEVEL_FLOOR] = "no password";
    return figure;
}

static char *program_of(const struct figure *figure) {
    struct buffer program = {0};
    figure_program(figure, &program);
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
    figure_program(figure, &program);
    if (!gnuplot_run(&program, &picture, &error))
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
    char *program = program_of(&figure);
    assert_has(program, "set logscale x 2\n", true);
    assert_has(program,
               "set xtics ('1' 1, '2' 2, '4' 4, '8' 8, '16' 16, '32' 32, '64' 64, '128' 128, "
               "'256' 256, '512' 512, '1024' 1024, '2048' 2048)\n",
               true);
    free(program);
    figure.lines[0].points[3].x = 9;
    program = program_of(&figure);
    assert_has(program, "set logscale x 10\n", true);
    free(program);
    figure.log_x = false;
    program = program_of(&figure);
    assert_has(program, "logscale", false);
    free(program);
    figure_free(&figure);
}

static void only_points_with_an_error_have_bars(void **state) {
    (void)state;
    struct figure figure = small_figure();
    char *program = program_of(&figure);
    assert_has(program, "$bars0 << END\n2 0.10000000000000001 0.05", true);
    assert_has(program, "yerrorbars", true);
    free(program);
    figure.lines[0].points[1].error = NAN;
    program = program_of(&figure);
    assert_has(program, "yerrorbars", false);
    free(program);
    figure_free(&figure);
}

static void the_legend_names_colours_styles_and_levels_that_are_there(void **state) {
    (void)state;
    struct figure figure = small_figure();
    char *program = program_of(&figure);
    assert_has(program, "title 'scratch'", true);
    assert_has(program, "title 'sft'", false); /* the only style needs no explaining */
    assert_has(program, "title 'right password'", true);
    assert_has(program, "title 'no password'", false);
    free(program);
    name(&figure.styles, "sft-weak");
    add_line(&figure, 0, 1, 3, 2);
    program = program_of(&figure);
    assert_has(program, "title 'sft'", true);
    assert_has(program, "title 'sft-weak'", true);
    free(program);
    figure_free(&figure);
}

static void long_lines_have_no_markers(void **state) {
    (void)state;
    struct figure figure = {.width = 400, .height = 300};
    name(&figure.colors, "");
    name(&figure.styles, "");
    add_line(&figure, 0, 0, 1000, 1);
    char *program = program_of(&figure);
    assert_has(program, "with points", false);
    assert_has(program, "yrange", false);
    assert_has(program, "title '", false);
    free(program);
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
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        name(&figure.colors, names[i]);
        name(&figure.styles, names[i]);
        add_line(&figure, i + 1, i + 1, 3, 2);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        figure.title = figure.x_label = figure.y_label = names[i];
        figure.level_names[LEVEL_CEILING] = names[i];
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
    struct figure figure = {.width = 400, .height = 300};
    name(&figure.colors, "");
    name(&figure.styles, "");
    add_line(&figure, 0, 0, 1, 1); /* a single point */
    struct buffer picture = draw(&figure);
    assert_has((const char *)picture.data, "</svg>", true);
    buffer_free(&picture);
    figure.lines[0].points[0] = (struct figure_point){-1e300, 1e300, NAN};
    picture = draw(&figure);
    buffer_free(&picture);
    figure.lines[0].points[0] = (struct figure_point){1e-300, 1e-300, 1};
    figure.log_x = figure.log_y = true;
    picture = draw(&figure);
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
        cmocka_unit_test(long_lines_have_no_markers),
        cmocka_unit_test(a_figure_is_drawn_and_repeats_to_the_byte),
        cmocka_unit_test(hostile_names_are_shown_and_not_obeyed),
        cmocka_unit_test(odd_data_are_drawn_all_the_same),
        cmocka_unit_test(what_gnuplot_complains_of_is_told),
        cmocka_unit_test(a_missing_gnuplot_is_told_with_the_package),
    };
    return cmocka_run_group_tests_name("figure", tests, NULL, NULL);
}
