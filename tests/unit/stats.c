/* lib/stats without figures: means, curves and tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "stats/bootstrap.h"
#include "stats/curve.h"
#include "stats/mean.h"
#include "stats/sign_flip.h"
#include "stats/table.h"

static void assert_near(double got, double wanted) {
    if (!(fabs(got - wanted) <= 1e-12 * fmax(1, fabs(wanted))))
        fail_msg("%.17g is not %.17g", got, wanted);
}

/* ---- means ---- */

static void the_standard_error_is_the_sample_deviation_over_the_root_of_the_count(void **state) {
    (void)state;
    const double values[] = {0.1, 0.4, 0.7, 0.8};
    assert_near(mean(values, 4), 0.5);
    /* Squares 0.16 + 0.01 + 0.04 + 0.09 = 0.3; / 3 = 0.1; / 4 = 0.025. */
    assert_near(standard_error(values, 4), sqrt(0.025));
}

static void one_value_has_no_standard_error(void **state) {
    (void)state;
    const double value = 0.25;
    assert_true(isnan(standard_error(&value, 1)));
    assert_near(mean(&value, 1), 0.25);
    assert_true(isnan(mean(&value, 0)));
}

static void a_sum_has_the_same_bits_in_any_order(void **state) {
    (void)state;
    const double values[] = {1e8, 0.1, -1e8, 1e-9, 0.3, 1.0 / 3};
    struct sum forward = {0}, backward = {0};
    for (size_t i = 0; i < 6; i++) {
        assert_true(sum_add(&forward, values[i]));
        assert_true(sum_add(&backward, values[5 - i]));
    }
    const double a = sum_mean(&forward), b = sum_mean(&backward);
    assert_memory_equal(&a, &b, sizeof a);
    assert_near(a, (0.4 + 1e-9 + 1.0 / 3) / 6);
}

static void a_share_of_correct_answers_is_the_nearest_double(void **state) {
    (void)state;
    struct sum sum = {0};
    for (int i = 0; i < 49; i++)
        assert_true(sum_add(&sum, i < 20));
    assert_true(sum_mean(&sum) == 20.0 / 49.0);
}

static void a_sum_refuses_what_it_cannot_hold(void **state) {
    (void)state;
    struct sum sum = {0};
    assert_false(sum_add(&sum, NAN));
    assert_false(sum_add(&sum, INFINITY));
    assert_false(sum_add(&sum, 2e9));
    assert_int_equal(sum.count, 0);
    assert_true(isnan(sum_mean(&sum)));
}

/* ---- curves ---- */

static const struct curve_point rising[] = {{1, 0.1}, {4, 0.3}, {16, 0.7}, {64, 0.9}};

static void assert_bound(struct bound bound, enum relation relation, double value) {
    assert_string_equal(relation_sign(bound.relation), relation_sign(relation));
    assert_near(bound.value, value);
}

static void a_level_is_interpolated_on_the_logarithm_of_x(void **state) {
    (void)state;
    /* Half way up from 0.3 to 0.7: half way from 4 to 16 on the logarithm is 8. */
    assert_bound(curve_reaches(rising, 4, 0.5), RELATION_EQUAL, 8);
    assert_bound(curve_reaches(rising, 4, 0.2), RELATION_EQUAL, 2);
    assert_bound(curve_reaches(rising, 4, 0.7), RELATION_EQUAL, 16);
}

static void a_curve_that_starts_above_gives_an_upper_bound(void **state) {
    (void)state;
    assert_bound(curve_reaches(rising, 4, 0.1), RELATION_AT_MOST, 1);
    assert_bound(curve_reaches(rising, 4, 0.05), RELATION_AT_MOST, 1);
}

static void a_curve_that_never_arrives_gives_a_lower_bound(void **state) {
    (void)state;
    assert_bound(curve_reaches(rising, 4, 0.95), RELATION_ABOVE, 64);
    assert_bound(curve_reaches(rising, 1, 0.95), RELATION_ABOVE, 1);
    assert_bound(curve_reaches(rising, 0, 0.95), RELATION_NONE, 0);
}

static void the_first_crossing_counts_where_a_curve_falls_again(void **state) {
    (void)state;
    const struct curve_point wavy[] = {{1, 0.0}, {2, 0.6}, {4, 0.2}, {8, 0.9}};
    assert_bound(curve_reaches(wavy, 4, 0.3), RELATION_EQUAL, sqrt(2));
}

static void a_share_of_the_gap_is_measured_from_the_floor(void **state) {
    (void)state;
    /* 0.1 + 0.5 * (0.9 - 0.1) = 0.5 */
    assert_bound(curve_recovers(rising, 4, 0.1, 0.9, 0.5), RELATION_EQUAL, 8);
}

static void without_a_gap_nothing_is_recovered(void **state) {
    (void)state;
    assert_bound(curve_recovers(rising, 4, 0.9, 0.94, 0.8), RELATION_NONE, 0);
    assert_bound(curve_recovers(rising, 4, 0.9, 0.1, 0.8), RELATION_NONE, 0);
    assert_bound(curve_recovers(rising, 4, NAN, 0.9, 0.8), RELATION_NONE, 0);
    assert_bound(curve_recovers(rising, 4, 0.1, NAN, 0.8), RELATION_NONE, 0);
}

static void a_quotient_of_bounds_is_a_bound_or_nothing(void **state) {
    (void)state;
    const struct bound equal = {RELATION_EQUAL, 8}, above = {RELATION_ABOVE, 64},
                       most = {RELATION_AT_MOST, 2}, none = {RELATION_NONE, 0};
    assert_bound(bound_quotient(equal, equal), RELATION_EQUAL, 1);
    assert_bound(bound_quotient(above, equal), RELATION_ABOVE, 8);
    assert_bound(bound_quotient(equal, above), RELATION_BELOW, 0.125);
    assert_bound(bound_quotient(most, equal), RELATION_AT_MOST, 0.25);
    assert_bound(bound_quotient(equal, most), RELATION_AT_LEAST, 4);
    assert_bound(bound_quotient(above, most), RELATION_ABOVE, 32);
    assert_bound(bound_quotient(most, above), RELATION_BELOW, 2.0 / 64);
    assert_bound(bound_quotient(above, above), RELATION_NONE, 0);
    assert_bound(bound_quotient(most, most), RELATION_NONE, 0);
    assert_bound(bound_quotient(none, equal), RELATION_NONE, 0);
    assert_bound(bound_quotient(equal, none), RELATION_NONE, 0);
}

static void what_is_unknown_widens_an_interval_of_bounds(void **state) {
    (void)state;
    struct bound low, high;
    struct bound known[] = {{RELATION_EQUAL, 5}, {RELATION_EQUAL, 3}, {RELATION_EQUAL, 9}};
    bounds_interval(known, 3, 0.9, &low, &high);
    assert_bound(low, RELATION_EQUAL, 3);
    assert_bound(high, RELATION_EQUAL, 9);
    struct bound bounded[] = {
        {RELATION_ABOVE, 4}, {RELATION_EQUAL, 6}, {RELATION_AT_MOST, 7}, {RELATION_EQUAL, 5}};
    bounds_interval(bounded, 4, 0.9, &low, &high);
    assert_bound(low, RELATION_AT_MOST, 7); /* may lie anywhere below */
    assert_bound(high, RELATION_ABOVE, 4);
    struct bound undefined[] = {{RELATION_EQUAL, 5}, {RELATION_NONE, 0}};
    bounds_interval(undefined, 2, 0.9, &low, &high);
    assert_bound(low, RELATION_NONE, 0);
    assert_bound(high, RELATION_NONE, 0);
    bounds_interval(undefined, 0, 0.9, &low, &high);
    assert_bound(low, RELATION_NONE, 0);
}

/* ---- resampling ---- */

static void a_quantile_is_linear_between_neighbours(void **state) {
    (void)state;
    /* numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.975, 1]) */
    const double values[] = {1, 2, 4, 8};
    assert_near(quantile(values, 4, 0), 1);
    assert_near(quantile(values, 4, 0.1), 1.3);
    assert_near(quantile(values, 4, 0.5), 3);
    assert_near(quantile(values, 4, 0.975), 7.7);
    assert_near(quantile(values, 4, 1), 8);
    assert_near(quantile(values, 1, 0.3), 1);
    assert_true(isnan(quantile(values, 0, 0.5)));
}

static void an_interval_leaves_out_what_is_undefined(void **state) {
    (void)state;
    double values[] = {8, NAN, 1, 4, NAN, 2};
    const struct interval interval = percentile_interval(values, 6, 0.8);
    assert_near(interval.low, 1.3);
    assert_near(interval.high, 6.8);
    double nothing[] = {NAN};
    assert_true(isnan(percentile_interval(nothing, 1, 0.8).low));
}

static void a_resample_draws_as_many_as_there_are_and_each_as_often(void **state) {
    (void)state;
    uint32_t times[10], again[10];
    double total[10] = {0};
    for (uint64_t number = 0; number < 4000; number++) {
        uint32_t count = 0;
        bootstrap_draw(7, text_of("p"), number, 10, times);
        for (size_t i = 0; i < 10; i++) {
            count += times[i];
            total[i] += times[i];
        }
        assert_int_equal(count, 10);
    }
    /* 4,000 are expected, with a standard deviation of 60. */
    for (size_t i = 0; i < 10; i++)
        assert_true(fabs(total[i] - 4000) < 240);
    bootstrap_draw(7, text_of("p"), 3999, 10, again);
    assert_memory_equal(times, again, sizeof times);
    bootstrap_draw(8, text_of("p"), 3999, 10, again);
    assert_memory_not_equal(times, again, sizeof times);
    bootstrap_draw(7, text_of("q"), 3999, 10, again);
    assert_memory_not_equal(times, again, sizeof times);
}

/* ---- tests of significance ---- */

static void a_fair_coin_test_is_the_exact_binomial(void **state) {
    (void)state;
    /* scipy.stats.binomtest(a, a + b).pvalue */
    assert_near(fair_coin_test(0, 0), 1);
    assert_near(fair_coin_test(5, 5), 1);
    assert_near(fair_coin_test(0, 5), 0.0625);
    assert_near(fair_coin_test(2, 10), 0.03857421875);
    assert_near(fair_coin_test(10, 2), 0.03857421875);
    assert_near(fair_coin_test(4, 5), 1);
    const double far = fair_coin_test(400, 600);
    assert_true(fabs(far / 2.728464156065947e-10 - 1) < 1e-10);
}

static void differences_of_one_magnitude_are_tested_exactly(void **state) {
    (void)state;
    const double differences[] = {-0.5, 0.5, 0, -0.5, -0.5, 0, -0.5, -0.5};
    assert_near(sign_flip_test(differences, 8, 1, text_of("")), fair_coin_test(1, 5));
    const double none[] = {0, 0};
    assert_near(sign_flip_test(none, 2, 1, text_of("")), 1);
    assert_near(sign_flip_test(none, 0, 1, text_of("")), 1);
}

static void random_signs_come_near_the_exact_share(void **state) {
    (void)state;
    const double differences[] = {1, -1 - 1e-3, 3, 4 + 1e-3};
    size_t hits = 0;
    double sum = 1 - 1 - 1e-3 + 3 + 4 + 1e-3;
    for (unsigned signs = 0; signs < 16; signs++) {
        double flipped = 0;
        for (int i = 0; i < 4; i++)
            flipped += signs >> i & 1 ? differences[i] : -differences[i];
        hits += fabs(flipped) >= sum - 1e-9;
    }
    const double share = (double)hits / 16;
    const double p = sign_flip_test(differences, 4, 1, text_of(""));
    assert_true(fabs(p - share) < 4 * sqrt(share * (1 - share) / SIGN_FLIPS));
    assert_true(p == sign_flip_test(differences, 4, 1, text_of("")));
    assert_true(p != sign_flip_test(differences, 4, 2, text_of("")));
}

/* ---- tables ---- */

static void assert_table(const struct table *table, enum table_format format, const char *wanted) {
    struct buffer out = {0};
    table_write(table, format, &out);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, wanted);
    buffer_free(&out);
}

static void a_table_is_aligned_by_characters_not_bytes(void **state) {
    (void)state;
    struct table table = {0};
    table_column(&table, "model", TABLE_LEFT);
    table_column(&table, "k", TABLE_RIGHT);
    table_cell(&table, text_of("größer"));
    table_cell(&table, text_of("4"));
    table_cell(&table, text_of("b"));
    table_cell(&table, text_of("1024"));
    assert_table(&table, TABLE_TEXT, "model      k\ngrößer     4\nb       1024\n");
    assert_table(&table, TABLE_TSV, "model\tk\ngrößer\t4\nb\t1024\n");
    assert_table(&table, TABLE_MARKDOWN,
                 "| model  |    k |\n| ------ | ---: |\n| größer |    4 |\n| b      | 1024 |\n");
    table_free(&table);
}

static void what_would_break_a_table_is_escaped(void **state) {
    (void)state;
    struct table table = {0};
    table_column(&table, "a", TABLE_LEFT);
    table_column(&table, "b", TABLE_LEFT);
    table_cell(&table, text_of("x\ty\\|"));
    table_cell(&table, (struct text){"\x1b[31m\n\0z", 8});
    assert_table(&table, TABLE_TSV, "a\tb\nx\\ty\\\\|\t\\x1b[31m\\n z\n");
    assert_table(&table, TABLE_TEXT, "a       b\nx\\ty\\|  \\x1b[31m\\n z\n");
    assert_table(&table, TABLE_MARKDOWN,
                 "| a        | b            |\n| -------- | ------------ |\n"
                 "| x\\ty\\\\\\| | \\x1b[31m\\n z |\n");
    table_free(&table);
}

static void a_table_of_html_escapes_its_cells_and_fills_a_short_row(void **state) {
    (void)state;
    struct table table = {0};
    table_column(&table, "<a>", TABLE_LEFT);
    table_column(&table, "b", TABLE_RIGHT);
    table_cell(&table, text_of("x & \"y\""));
    table_cell(&table, text_of("1"));
    table_cell(&table, text_of("z"));
    assert_table(
        &table, TABLE_HTML,
        "<table>\n<thead>\n"
        "<tr><th scope=\"col\">&lt;a&gt;</th><th scope=\"col\" class=\"right\">b</th></tr>\n"
        "</thead>\n<tbody>\n"
        "<tr><td>x &amp; &quot;y&quot;</td><td class=\"right\">1</td></tr>\n"
        "<tr><td>z</td><td class=\"right\"></td></tr>\n</tbody>\n</table>\n");
    table_free(&table);
}

static void a_table_without_rows_is_its_titles(void **state) {
    (void)state;
    struct table table = {0};
    assert_table(&table, TABLE_TEXT, "");
    table_column(&table, "a", TABLE_LEFT);
    assert_table(&table, TABLE_TEXT, "a\n");
    assert_table(&table, TABLE_MARKDOWN, "| a   |\n| --- |\n");
    table_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_error_is_the_sample_deviation_over_the_root_of_the_count),
        cmocka_unit_test(one_value_has_no_standard_error),
        cmocka_unit_test(a_sum_has_the_same_bits_in_any_order),
        cmocka_unit_test(a_share_of_correct_answers_is_the_nearest_double),
        cmocka_unit_test(a_sum_refuses_what_it_cannot_hold),
        cmocka_unit_test(a_level_is_interpolated_on_the_logarithm_of_x),
        cmocka_unit_test(a_curve_that_starts_above_gives_an_upper_bound),
        cmocka_unit_test(a_curve_that_never_arrives_gives_a_lower_bound),
        cmocka_unit_test(the_first_crossing_counts_where_a_curve_falls_again),
        cmocka_unit_test(a_share_of_the_gap_is_measured_from_the_floor),
        cmocka_unit_test(without_a_gap_nothing_is_recovered),
        cmocka_unit_test(a_quotient_of_bounds_is_a_bound_or_nothing),
        cmocka_unit_test(what_is_unknown_widens_an_interval_of_bounds),
        cmocka_unit_test(a_quantile_is_linear_between_neighbours),
        cmocka_unit_test(an_interval_leaves_out_what_is_undefined),
        cmocka_unit_test(a_resample_draws_as_many_as_there_are_and_each_as_often),
        cmocka_unit_test(a_fair_coin_test_is_the_exact_binomial),
        cmocka_unit_test(differences_of_one_magnitude_are_tested_exactly),
        cmocka_unit_test(random_signs_come_near_the_exact_share),
        cmocka_unit_test(a_table_is_aligned_by_characters_not_bytes),
        cmocka_unit_test(what_would_break_a_table_is_escaped),
        cmocka_unit_test(a_table_of_html_escapes_its_cells_and_fills_a_short_row),
        cmocka_unit_test(a_table_without_rows_is_its_titles),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
