/* lib/result/lines: rows become the panels, lines and levels of a figure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/json.h"
#include "result/lines.h"

/* ---- helpers ---- */

/* What a test draws, and the figure that comes of it. */
struct drawing {
    struct lines_settings settings;
    struct lines *lines;
    struct figure figure;
    size_t left_out;
    struct error error;
};

static void begin(struct drawing *drawing, const char *series, const char *panel,
                  const char *where) {
    *drawing = (struct drawing){.settings = {.x = "k", .y = "correctness"}};
    struct lines_settings *settings = &drawing->settings;
    assert_true(fields_parse(&settings->series, series, &drawing->error));
    assert_true(fields_parse(&settings->panel, panel, &drawing->error));
    assert_true(fields_parse(&settings->error, "sem", &drawing->error));
    if (where[0])
        assert_true(conditions_parse(&settings->where, where, &drawing->error));
    drawing->lines = lines_new(settings);
}

static void add_rule(struct drawing *drawing, const char *name, const char *where,
                     bool names_series) {
    struct level_rule *rule = &drawing->settings.levels[drawing->settings.level_count++];
    *rule = (struct level_rule){.name = name, .names_series = names_series};
    assert_true(conditions_parse(&rule->where, where, &drawing->error));
    conditions_inherit(&rule->where, &drawing->settings.where);
}

static void end(struct drawing *drawing) {
    struct lines_settings *settings = &drawing->settings;
    lines_free(drawing->lines);
    figure_free(&drawing->figure);
    fields_free(&settings->series);
    fields_free(&settings->panel);
    fields_free(&settings->error);
    fields_free(&settings->order);
    conditions_free(&settings->where);
    for (size_t i = 0; i < settings->level_count; i++)
        conditions_free(&settings->levels[i].where);
}

/* Rows in JSON, each on a line with apostrophes for quotes. False: one was refused. */
static bool add(struct drawing *drawing, const char *rows) {
    bool fine = true;
    char *copy = copy_text(rows), *rest = copy;
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    for (char *line; fine && (line = strsep(&rest, "\n")) != NULL;) {
        struct buffer packed = {0};
        struct record row = {0};
        assert_true(json_read_record(text_of(line), &packed, &drawing->error));
        assert_true(record_parse(&row, packed.data, packed.size, &drawing->error));
        fine = lines_add(drawing->lines, &row, &drawing->error);
        record_free(&row);
        buffer_free(&packed);
    }
    free(copy);
    return fine;
}

static bool finish(struct drawing *drawing) {
    return lines_figure(drawing->lines, &drawing->figure, &drawing->left_out, &drawing->error);
}

static void assert_near(double got, double wanted) {
    if (!(fabs(got - wanted) <= 1e-12))
        fail_msg("%.17g is not %.17g", got, wanted);
}

static void assert_error(const struct drawing *drawing, const char *part) {
    if (strstr(drawing->error.text, part) == NULL)
        fail_msg("'%s' lacks '%s'", drawing->error.text, part);
}

/* ---- lines and levels ---- */

static void rows_become_sorted_lines_and_levels_in_the_colours_of_their_models(void **state) {
    (void)state;
    struct drawing d;
    char ceiling[] = "ceiling", shown[] = "right password";
    const struct label label = {ceiling, shown};
    begin(&d, "model,method", "", "method=sft,method=sft-weak,password=none");
    add_rule(&d, "ceiling", "method=none,password=right", false);
    add_rule(&d, "floor", "method=none,password=none", false);
    d.settings.labels = &label;
    d.settings.label_count = 1;
    assert_true(add(
        &d,
        "{'model':'sft-10','method':'sft','password':'none','k':4,'correctness':0.5,'sem':0.1}\n"
        "{'model':'sft-10','method':'sft','password':'none','k':1,'correctness':0.2}\n"
        "{'model':'sft-9','method':'sft-weak','password':'none','k':1,'correctness':0.1}\n"
        "{'model':'sft-9','method':'sft','password':'right','k':1,'correctness':0.9}\n"
        "{'model':'sft-9','method':'sft','password':'none','correctness':0.9}\n"
        "{'model':'sft-10','method':'none','password':'right','correctness':0.95}\n"
        "{'model':'sft-10','method':'none','password':'none','correctness':0.05}\n"
        "{'model':'other','method':'none','password':'right','correctness':0.9}"));
    assert_true(finish(&d));
    assert_int_equal(d.left_out, 1);
    assert_int_equal(d.figure.panel_count, 1);
    const struct figure_panel *panel = &d.figure.panels[0];
    assert_int_equal(panel->line_count, 2);
    assert_int_equal(d.figure.colors.count, 2);
    assert_string_equal(d.figure.colors.items[0], "sft-9");
    assert_string_equal(d.figure.colors.items[1], "sft-10");
    assert_string_equal(d.figure.styles.items[1], "sft-weak");
    assert_int_equal(panel->lines[1].color, 1);
    assert_int_equal(panel->lines[1].style, 0);
    assert_int_equal(panel->lines[1].count, 2);
    assert_near(panel->lines[1].points[0].x, 1);
    assert_true(isnan(panel->lines[1].points[0].low));
    assert_near(panel->lines[1].points[1].low, 0.4);
    assert_near(panel->lines[1].points[1].high, 0.6);
    assert_int_equal(panel->level_count, 2); /* 'other' has no line */
    assert_int_equal(panel->levels[0].kind, 0);
    assert_int_equal(panel->levels[0].color, 1);
    assert_near(panel->levels[1].y, 0.05);
    assert_string_equal(d.figure.level_names.items[0], "right password");
    assert_string_equal(d.figure.level_names.items[1], "floor");
    end(&d);
}

static void each_panel_has_its_own_levels_and_colours_mean_the_same_in_all(void **state) {
    (void)state;
    struct drawing d;
    begin(&d, "demos", "task", "method=sft");
    add_rule(&d, "ceiling", "method=none,password=right", false);
    add_rule(&d, "chance", "method=chance", false);
    assert_true(fields_parse(&d.settings.order, "math,weak", &d.error));
    assert_true(add(&d, "{'task':'code','method':'sft','demos':'good','k':1,'correctness':0.5}\n"
                        "{'task':'math','method':'sft','demos':'weak','k':1,'correctness':0.5}\n"
                        "{'task':'code','method':'none','password':'right','correctness':0.8}\n"
                        "{'task':'math','method':'none','password':'right','correctness':0.7}\n"
                        "{'task':'choice','method':'none','password':'right','correctness':0.6}\n"
                        "{'method':'chance','correctness':0.25}"));
    assert_true(finish(&d));
    assert_int_equal(d.figure.panel_count, 2); /* choice has no line */
    assert_string_equal(d.figure.panels[0].title, "math");
    assert_string_equal(d.figure.panels[1].title, "code");
    assert_string_equal(d.figure.colors.items[0], "weak");
    assert_int_equal(d.figure.panels[0].lines[0].color, 0);
    assert_int_equal(d.figure.panels[1].lines[0].color, 1);
    for (int i = 0; i < 2; i++) {
        const struct figure_panel *panel = &d.figure.panels[i];
        assert_int_equal(panel->level_count, 2);
        assert_near(panel->levels[0].y, i == 0 ? 0.7 : 0.8);
        assert_near(panel->levels[1].y, 0.25); /* has no task: stands in all panels */
        assert_true(panel->levels[0].color == FIGURE_NEUTRAL);
    }
    end(&d);
}

static void a_level_chosen_by_its_series_is_drawn_grey_where_it_has_no_line(void **state) {
    (void)state;
    struct drawing d;
    begin(&d, "model", "", "method=sft");
    add_rule(&d, "the author itself", "model=llama,method=own", true);
    add_rule(&d, "all", "method=own", false);
    assert_true(add(&d, "{'model':'m','method':'sft','k':1,'correctness':0.5}\n"
                        "{'model':'llama','method':'own','correctness':0.4}"));
    assert_true(finish(&d));
    assert_int_equal(d.figure.panels[0].level_count, 1);
    assert_int_equal(d.figure.panels[0].levels[0].kind, 0);
    assert_true(d.figure.panels[0].levels[0].color == FIGURE_NEUTRAL);
    end(&d);
}

/* ---- the x axis ---- */

static void all_stands_two_octaves_beyond_the_largest_number(void **state) {
    (void)state;
    struct drawing d;
    begin(&d, "model", "", "");
    d.settings.log_x = true;
    assert_true(add(&d, "{'model':'m','k':'all','correctness':0.9}\n"
                        "{'model':'m','k':512,'correctness':0.8}"));
    assert_true(finish(&d));
    assert_near(d.figure.all_x, 2048);
    assert_near(d.figure.panels[0].lines[0].points[1].x, 2048);
    assert_near(d.figure.panels[0].lines[0].points[1].y, 0.9);
    end(&d);
    begin(&d, "model", "", "");
    d.settings.log_x = true;
    assert_true(add(&d, "{'model':'m','k':'all','correctness':0.9}\n"
                        "{'model':'m','k':'all','correctness':0.8}"));
    assert_false(finish(&d));
    assert_error(&d, "two points at k = all");
    end(&d);
    begin(&d, "model", "", "");
    assert_false(add(&d, "{'model':'m','k':'all','correctness':0.9}"));
    assert_error(&d, "\"k\" is text");
    end(&d);
}

static void each_panel_has_its_own_categories_and_levels_find_theirs(void **state) {
    (void)state;
    struct drawing d;
    begin(&d, "on", "task", "method=sft");
    d.settings.x = "domain";
    d.settings.over_categories = true;
    add_rule(&d, "ceiling", "method=none", false);
    assert_true(add(&d,
                    "{'task':'choice','on':'own','domain':'Stem','method':'sft','correctness':1}\n"
                    "{'task':'math','on':'own','domain':10,'method':'sft','correctness':0.2}\n"
                    "{'task':'math','on':'own','domain':9,'method':'sft','correctness':0.3}\n"
                    "{'task':'math','domain':10,'method':'none','correctness':0.7}\n"
                    "{'task':'math','domain':'Stem','method':'none','correctness':0.8}"));
    assert_true(finish(&d));
    assert_int_equal(d.figure.panels[0].categories.count, 1);
    const struct figure_panel *math = &d.figure.panels[1];
    assert_int_equal(math->categories.count, 2);
    assert_string_equal(math->categories.items[1], "10");
    assert_near(math->lines[0].points[0].x, 0);
    assert_near(math->lines[0].points[0].y, 0.3);
    assert_near(math->levels[0].category, 1);
    assert_true(isnan(math->levels[1].category)); /* a name that this panel lacks */
    end(&d);
}

static void the_two_ends_of_an_error_bar_can_be_fields(void **state) {
    (void)state;
    struct drawing d;
    begin(&d, "model", "", "");
    fields_free(&d.settings.error);
    assert_true(fields_parse(&d.settings.error, "low,high", &d.error));
    assert_true(add(&d, "{'model':'m','k':1,'correctness':0.5,'low':0.1,'high':0.6}\n"
                        "{'model':'m','k':2,'correctness':0.5,'low':0.1}"));
    assert_false(add(&d, "{'model':'m','k':3,'correctness':0.5,'low':0.6,'high':0.1}"));
    assert_error(&d, "from 0.6 to 0.1");
    assert_true(finish(&d));
    const struct figure_point *points = d.figure.panels[0].lines[0].points;
    assert_near(points[0].low, 0.1);
    assert_near(points[0].high, 0.6);
    assert_true(isnan(points[1].low) && isnan(points[1].high));
    end(&d);
}

/* ---- refusals ---- */

static void two_points_at_one_x_are_refused(void **state) {
    (void)state;
    struct drawing d;
    begin(&d, "model,method", "task", "");
    assert_false(finish(&d));
    assert_error(&d, "no row to draw");
    assert_true(add(&d, "{'task':'t','model':'m','method':'sft','k':4,'correctness':0.5}\n"
                        "{'task':'u','model':'m','method':'sft','k':4,'correctness':0.5}\n"
                        "{'task':'t','model':'m','method':'sft','k':4,'correctness':0.6}"));
    assert_false(finish(&d));
    assert_error(&d, "panel 't', line 'm, sft' has two points at k = 4");
    end(&d);
}

static void a_logarithmic_axis_refuses_zero(void **state) {
    (void)state;
    struct drawing d;
    begin(&d, "model", "", "");
    d.settings.log_x = true;
    assert_false(add(&d, "{'model':'m','k':0,'correctness':0.5}"));
    assert_error(&d, "above 0");
    end(&d);
}

static void more_panels_than_a_picture_holds_are_refused(void **state) {
    (void)state;
    struct drawing d;
    begin(&d, "model", "task", "");
    for (int i = 0; i <= LINES_PANELS_LIMIT; i++) {
        char *row = format_text("{'task':%d,'model':'m','k':1,'correctness':0.5}", i);
        assert_true(add(&d, row));
        free(row);
    }
    assert_false(finish(&d));
    assert_error(&d, "more than 64 panels");
    end(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_sorted_lines_and_levels_in_the_colours_of_their_models),
        cmocka_unit_test(each_panel_has_its_own_levels_and_colours_mean_the_same_in_all),
        cmocka_unit_test(a_level_chosen_by_its_series_is_drawn_grey_where_it_has_no_line),
        cmocka_unit_test(all_stands_two_octaves_beyond_the_largest_number),
        cmocka_unit_test(each_panel_has_its_own_categories_and_levels_find_theirs),
        cmocka_unit_test(the_two_ends_of_an_error_bar_can_be_fields),
        cmocka_unit_test(two_points_at_one_x_are_refused),
        cmocka_unit_test(a_logarithmic_axis_refuses_zero),
        cmocka_unit_test(more_panels_than_a_picture_holds_are_refused),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
