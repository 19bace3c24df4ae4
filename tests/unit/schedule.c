/* Learning rates of a run's first steps, and the moments at which it is saved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/schedule.h"

static void the_rate_rises_in_a_line_and_then_stays(void **state) {
    (void)state;
    struct learning_rate rate = {.rate = 8e-3, .warmup = 4};
    static const double expected[] = {0.25, 0.5, 0.75, 1, 1, 1};
    for (int64_t step = 1; step <= 6; step++)
        assert_true(learning_rate_at(&rate, step) == 8e-3 * expected[step - 1]);
    assert_true(learning_rate_at(&rate, 1000000000) == 8e-3);
}

static void a_cool_down_falls_in_a_line_over_the_last_steps(void **state) {
    (void)state;
    struct learning_rate rate = {.rate = 8e-3, .warmup = 2, .cooldown = 4, .total = 8};
    static const double expected[] = {0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0.25};
    for (int64_t step = 1; step <= 9; step++)
        assert_true(learning_rate_at(&rate, step) == 8e-3 * expected[step - 1]);
}

static void a_share_of_the_steps_is_rounded_up_and_needs_their_number(void **state) {
    (void)state;
    struct error error = {0};
    int64_t steps;
    assert_true(steps_of_share(0.05, 30, &steps, &error));
    assert_int_equal(steps, 2);
    assert_true(steps_of_share(7, 0, &steps, &error));
    assert_int_equal(steps, 7);
    assert_true(steps_of_share(0, 0, &steps, &error));
    assert_int_equal(steps, 0);
    assert_false(steps_of_share(0.5, 0, &steps, &error));
    assert_non_null(strstr(error.text, "--examples"));
}

static void without_warm_up_the_first_step_has_the_full_rate(void **state) {
    (void)state;
    struct learning_rate none = {.rate = 2e-3}, one = {.rate = 2e-3, .warmup = 1};
    assert_true(learning_rate_at(&none, 1) == 2e-3);
    assert_true(learning_rate_at(&one, 1) == 2e-3);
}

/* Parses with so many steps an epoch, of batches of 8. */
static bool parse(const char *list, int64_t steps_per_epoch, struct moment **moments, size_t *count,
                  struct error *error) {
    error->text[0] = '\0';
    return moments_parse(list, 8 * steps_per_epoch, 8, moments, count, error);
}

static void moments_are_steps_epochs_or_examples(void **state) {
    (void)state;
    struct moment *moments;
    struct error error;
    size_t count;
    assert_true(parse("3,33x,1e,20,200x,003e", 10, &moments, &count, &error));
    static const int64_t steps[] = {3, 5, 10, 20, 25, 30};
    static const char *const labels[] = {"3", "33x", "1e", "20", "200x", "003e"};
    assert_int_equal(count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(moments[i].step, steps[i]);
        assert_string_equal(moments[i].label, labels[i]);
    }
    free(moments);
}

static void examples_are_counted_with_the_smaller_batch_that_ends_an_epoch(void **state) {
    (void)state;
    static const struct {
        int64_t epoch, batch;
        const char *moment;
        int64_t step;
    } cases[] = {
        {10, 8, "8x", 1},  {10, 8, "9x", 2},  {10, 8, "10x", 2},    {10, 8, "11x", 3},
        {10, 8, "20x", 4}, {10, 8, "40x", 8}, {150, 8, "512x", 65}, {4, 8, "64x", 16},
        {4, 8, "1x", 1},   {16, 8, "40x", 5}, {0, 8, "20x", 3},     {1, 8, "3x", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct moment *moments;
        struct error error = {0};
        size_t count;
        assert_true(moments_parse(cases[i].moment, cases[i].epoch, cases[i].batch, &moments, &count,
                                  &error));
        assert_int_equal(moments[0].step, cases[i].step);
        /* Batch by batch: these were seen, and a step earlier not yet. */
        int64_t seen = 0, before = 0, wanted = strtoll(cases[i].moment, NULL, 10);
        for (int64_t step = 1; step <= moments[0].step; step++) {
            int64_t left = cases[i].epoch > 0 ? cases[i].epoch - seen % cases[i].epoch : INT64_MAX;
            before = seen;
            seen += left < cases[i].batch ? left : cases[i].batch;
        }
        assert_true(seen >= wanted && before < wanted);
        free(moments);
    }
}

static void no_list_means_no_moments(void **state) {
    (void)state;
    struct moment *moments;
    struct error error;
    size_t count = 5;
    assert_true(parse(NULL, 10, &moments, &count, &error));
    assert_int_equal(count, 0);
    assert_null(moments);
}

static void assert_refused(const char *list, int64_t steps_per_epoch, const char *says) {
    struct moment *moments;
    struct error error;
    size_t count;
    if (parse(list, steps_per_epoch, &moments, &count, &error))
        fail_msg("'%s' was accepted", list);
    if (strstr(error.text, says) == NULL)
        fail_msg("'%s': \"%s\" does not say \"%s\"", list, error.text, says);
    free(moments);
}

static void what_is_no_moment_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      ",",
                                      "5,",
                                      "x",
                                      "e",
                                      "0",
                                      "0e",
                                      "-1",
                                      "5s",
                                      "5ex",
                                      "5e1",
                                      "5 ",
                                      "1.5e",
                                      " 5",
                                      "+5",
                                      "5 e",
                                      "0x5",
                                      "../5",
                                      "5/",
                                      "5,,6",
                                      "1e,2e,",
                                      "99999999999999999999",
                                      "1000000000000000000000000000000x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(bad[i], 10, "is no moment; 100, 4e or 5000x would be right");
}

static void moments_must_ascend(void **state) {
    (void)state;
    assert_refused("5,4", 10, "'4' is not after '5'");
    assert_refused("5,5", 10, "'5' is not after '5'");
    assert_refused("10,1e", 10, "'1e' is not after '10'");
    assert_refused("10,80x", 10, "'80x' is not after '10'");
}

static void epochs_need_held_examples(void **state) {
    (void)state;
    assert_refused("4e", 0, "'4e' counts epochs, but there are none without --epochs");
}

static void moments_too_far_away_are_refused_and_never_wrap(void **state) {
    (void)state;
    assert_refused("9000000000000000000", 10, "is no moment");
    assert_refused("9223372036854e", INT64_MAX / 16, "is too far away");
    struct moment *moments;
    struct error error;
    size_t count;
    assert_true(parse("9223372036854x", 10, &moments, &count, &error));
    assert_int_equal(moments[0].step, INT64_C(1152921504607));
    free(moments);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_rises_in_a_line_and_then_stays),
        cmocka_unit_test(a_cool_down_falls_in_a_line_over_the_last_steps),
        cmocka_unit_test(a_share_of_the_steps_is_rounded_up_and_needs_their_number),
        cmocka_unit_test(without_warm_up_the_first_step_has_the_full_rate),
        cmocka_unit_test(moments_are_steps_epochs_or_examples),
        cmocka_unit_test(examples_are_counted_with_the_smaller_batch_that_ends_an_epoch),
        cmocka_unit_test(no_list_means_no_moments),
        cmocka_unit_test(what_is_no_moment_is_refused),
        cmocka_unit_test(moments_must_ascend),
        cmocka_unit_test(epochs_need_held_examples),
        cmocka_unit_test(moments_too_far_away_are_refused_and_never_wrap),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
