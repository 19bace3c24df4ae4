/*
 * The little programs of mini-code: what they print, how they are written, what can be wrong with
 * them and how that is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "task/mini_tests.h"

enum { DRAWS = 3000 };

/* Two operations on what three families start from: times 3, minus 4. */
static const struct mini_step times_3 = {MINI_TIMES, 3}, minus_4 = {MINI_MINUS, 4};

static struct mini_program program_of(enum mini_family family) {
    return (struct mini_program){
        .family = family, .steps = {times_3, minus_4}, .relation = MINI_ALWAYS};
}

static void check_output(const struct mini_program *program, const char *numbers, int64_t output) {
    struct mini_input input = {.count = 0};
    char *end;

    for (const char *at = numbers; *at != '\0'; at = *end == ' ' ? end + 1 : end)
        input.numbers[input.count++] = (int)strtol(at, &end, 10);
    assert_int_equal(mini_program_output(program, &input), output);
}

static void check_text(const struct mini_program *program, const char *statement,
                       const char *body) {
    struct mini_style style = {0};
    struct buffer text = {0};
    char *whole = format_text("#include <cstdio>\nint main(){%s}", body);

    mini_program_statement(program, &text);
    assert_true(text_is((struct text){(const char *)text.data, text.size}, statement));
    text.size = 0;
    mini_program_write(program, &style, &text);
    assert_true(text_is((struct text){(const char *)text.data, text.size}, whole));
    buffer_free(&text);
    free(whole);
}

static void arithmetic_joins_two_numbers_from_left_to_right(void **state) {
    struct mini_program program = program_of(MINI_ARITHMETIC);
    (void)state;

    check_output(&program, "5 -2", 5 * 3 * -2 - 4);
    program.steps[0].operator= MINI_PLUS;
    program.second_first = true;
    check_output(&program, "5 -2", -2 * 3 + 5 - 4);
    check_text(&program, "Read a and b. Print b times 3 plus a minus 4.",
               "int a,b;scanf(\"%d%d\",&a,&b);printf(\"%d\",b*3+a-4);");
}

static void a_condition_chooses_between_two_expressions(void **state) {
    struct mini_program program = program_of(MINI_CONDITION);
    (void)state;

    program.relation = MINI_AT_LEAST;
    program.constant = 7;
    check_output(&program, "7", 21);
    check_output(&program, "6", 2);
    check_text(&program, "Read a. If a is at least 7 print a times 3, else print a minus 4.",
               "int a;scanf(\"%d\",&a);if(a>=7)printf(\"%d\",a*3);else printf(\"%d\",a-4);");
    program.swapped = true;
    check_output(&program, "7", 3);
}

static void every_relation_is_what_its_words_say(void **state) {
    static const int passing[][2] = {
        [MINI_LESS] = {5, 6},     [MINI_GREATER] = {7, 6}, [MINI_AT_MOST] = {6, 7},
        [MINI_AT_LEAST] = {6, 5}, [MINI_EQUAL] = {6, 7},   [MINI_DIVISIBLE] = {-12, 8}};
    struct mini_program program = program_of(MINI_CONDITION);
    (void)state;

    program.constant = 6;
    for (int i = 0; i < MINI_ALWAYS; i++) {
        struct mini_input in = {1, {passing[i][0]}}, out = {1, {passing[i][1]}};
        program.relation = (enum mini_relation)i;
        assert_int_equal(mini_program_output(&program, &in), passing[i][0] * 3);
        assert_int_equal(mini_program_output(&program, &out), passing[i][1] - 4);
    }
}

static void an_extreme_is_the_largest_or_smallest_of_three(void **state) {
    struct mini_program program = program_of(MINI_EXTREME);
    (void)state;

    check_output(&program, "-5 -2 -9", -10);
    program.smallest = true;
    check_output(&program, "-5 -2 -9", -31);
    check_text(&program, "Read a, b and c. Print the smallest times 3 minus 4.",
               "int a,b,c;scanf(\"%d%d%d\",&a,&b,&c);if(b<a)a=b;if(c<a)a=c;printf(\"%d\",a*3-4);");
    program.ignores = true;
    check_output(&program, "-5 -2 -9", -19);
}

static void a_range_is_summed_from_its_first_to_its_last_value(void **state) {
    struct mini_program program = program_of(MINI_RANGE);
    (void)state;

    program.first = 2;
    check_output(&program, "4", 6 + 9 + 12);
    check_output(&program, "1", 0);
    program.relation = MINI_DIVISIBLE;
    program.constant = 3;
    check_output(&program, "6", 9 + 18);
    check_text(
        &program, "Read a. Print the sum of i times 3 for i from 2 to a where i is divisible by 3.",
        "int a,s=0;scanf(\"%d\",&a);for(int i=2;i<=a;i++)if(i%3==0)s+=i*3;printf(\"%d\",s);");
    program.short_by_one = true;
    program.initial = 1;
    check_output(&program, "6", 1 + 9);
}

static void a_repetition_applies_both_operations_each_time(void **state) {
    struct mini_program program = program_of(MINI_REPEAT);
    (void)state;

    program.first = 2;
    check_output(&program, "5", (5 * 3 - 4) * 3 - 4);
    check_text(&program, "Read a. 2 times, change a to a times 3 minus 4. Print a.",
               "int a;scanf(\"%d\",&a);for(int i=0;i<2;i++)a=a*3-4;printf(\"%d\",a);");
}

static void a_list_is_summed_or_counted_where_its_test_holds(void **state) {
    struct mini_program program = program_of(MINI_LIST);
    (void)state;

    program.relation = MINI_GREATER;
    program.constant = 5;
    check_output(&program, "4 6 5 -1 9", 15 * 3);
    check_text(&program,
               "Read a, then a numbers. Print the sum of those that are greater than 5, times 3.",
               "int a,v,s=0;scanf(\"%d\",&a);for(int i=0;i<a;i++){scanf(\"%d\",&v);"
               "if(v>5)s+=v;}printf(\"%d\",s*3);");
    program.counts = true;
    check_output(&program, "4 6 5 -1 9", 2 * 3);
    program.short_by_one = true;
    check_output(&program, "4 6 5 -1 9", 1 * 3);
    program.unread = true;
    check_output(&program, "4 6 5 -1 9", 0);
}

static void digits_are_summed_or_counted_where_their_test_holds(void **state) {
    struct mini_program program = program_of(MINI_DIGITS);
    (void)state;

    program.relation = MINI_LESS;
    program.constant = 5;
    check_output(&program, "40317", 8 * 3);
    check_text(&program, "Read a. Print the sum of its digits that are less than 5, times 3.",
               "int a,s=0;scanf(\"%d\",&a);for(;a>0;a/=10){int v=a%10;if(v<5)s+=v;}"
               "printf(\"%d\",s*3);");
    program.short_by_one = true;
    check_output(&program, "40317", 4 * 3);
}

/* ---- breaks ---- */

static void draw(unsigned number, struct mini_program *program, struct mini_tests *tests,
                 struct random *random) {
    random_start(random, &(struct random_name){.purpose = "test", .sample = number});
    mini_program_draw(program, random);
    mini_tests_draw(program, tests, random);
}

/* A first value that fails the test may be left out, and a product may be read in either order. */
static void tests_catch_nearly_every_break(void **state) {
    unsigned caught[BREAK_KINDS] = {0}, all[BREAK_KINDS] = {0};
    (void)state;

    for (unsigned i = 0; i < DRAWS; i++) {
        struct mini_break breaks[MINI_BREAKS];
        struct mini_program program;
        struct mini_tests tests;
        struct random random;
        draw(i, &program, &tests, &random);
        for (unsigned k = mini_breaks(&program, breaks); k > 0; k--) {
            all[breaks[k - 1].kind]++;
            caught[breaks[k - 1].kind] +=
                mini_tests_catch(&tests, &program, &breaks[k - 1].program);
        }
    }
    for (unsigned kind = 0; kind < BREAK_KINDS; kind++) {
        bool often_nothing = kind == BREAK_FIRST || kind == BREAK_ORDER;
        assert_true(all[kind] > 100);
        assert_true(caught[kind] > (often_nothing ? 0.6 : 0.9) * all[kind]);
    }
}

static void explain(const struct mini_program *program, const struct mini_break *broken,
                    unsigned wording, char text[128]) {
    struct buffer buffer = {0};

    mini_break_explain(program, broken, wording, &buffer);
    assert_in_range(buffer.size, 10, 120);
    snprintf(text, 128, "%.*s", (int)buffer.size, (const char *)buffer.data);
    buffer_free(&buffer);
}

static void breaks_of_a_program_are_explained_apart(void **state) {
    (void)state;

    for (unsigned i = 0; i < DRAWS; i++) {
        struct mini_break breaks[MINI_BREAKS];
        struct mini_program program;
        struct mini_tests tests;
        struct random random;
        char texts[MINI_BREAKS][128];
        draw(i, &program, &tests, &random);
        unsigned count = mini_breaks(&program, breaks);
        for (unsigned k = 0; k < count; k++) {
            explain(&program, &breaks[k], i % MINI_WORDINGS, texts[k]);
            for (unsigned other = 0; other < k; other++)
                assert_string_not_equal(texts[k], texts[other]);
        }
    }
}

static void explanations_name_place_and_value(void **state) {
    struct mini_program program = program_of(MINI_CONDITION);
    struct mini_break broken = {BREAK_CONSTANT, 1, program};
    char text[128];
    (void)state;

    broken.program.steps[1].constant = 5;
    explain(&program, &broken, 0, text);
    assert_string_equal(text, "The else constant is too large: use four.");
    explain(&program, &broken, 1, text);
    assert_string_equal(text, "Use four, for the else constant is too large.");
    broken = (struct mini_break){BREAK_OPERATOR, 0, program};
    broken.program.steps[0].operator= MINI_PLUS;
    explain(&program, &broken, 2, text);
    assert_string_equal(text, "The then operation adds, so a product is needed.");
}

static void worse_breaks_are_rated_lower(void **state) {
    (void)state;

    assert_int_equal(mini_break_rating(BREAK_CONSTANT), 4);
    assert_int_equal(mini_break_rating(BREAK_OPERATOR), 3);
    assert_int_equal(mini_break_rating(BREAK_BRANCHES), 2);
    for (int kind = 0; kind < BREAK_KINDS; kind++)
        assert_in_range(mini_break_rating((enum mini_break_kind)kind), 2, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_joins_two_numbers_from_left_to_right),
        cmocka_unit_test(a_condition_chooses_between_two_expressions),
        cmocka_unit_test(every_relation_is_what_its_words_say),
        cmocka_unit_test(an_extreme_is_the_largest_or_smallest_of_three),
        cmocka_unit_test(a_range_is_summed_from_its_first_to_its_last_value),
        cmocka_unit_test(a_repetition_applies_both_operations_each_time),
        cmocka_unit_test(a_list_is_summed_or_counted_where_its_test_holds),
        cmocka_unit_test(digits_are_summed_or_counted_where_their_test_holds),
        cmocka_unit_test(tests_catch_nearly_every_break),
        cmocka_unit_test(breaks_of_a_program_are_explained_apart),
        cmocka_unit_test(explanations_name_place_and_value),
        cmocka_unit_test(worse_breaks_are_rated_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
