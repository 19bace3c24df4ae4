/* Which part of a completion is its answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grade/math_answer.h"

static void assert_found(const char *completion, const char *wanted) {
    struct text answer = {0};

    if (!math_answer_extract(text_of(completion), &answer))
        fail_msg("no answer in: %s", completion);
    if (!text_is(answer, wanted))
        fail_msg("found %.*s in: %s", (int)answer.size, answer.bytes, completion);
}

static void assert_nothing(const char *completion) {
    struct text answer = {0};

    if (math_answer_extract(text_of(completion), &answer))
        fail_msg("found %.*s in: %s", (int)answer.size, answer.bytes, completion);
}

static void the_last_box_whose_braces_close_is_the_answer(void **state) {
    (void)state;
    assert_found("So $x=\\boxed{5}$.", "5");
    assert_found("\\boxed{1}, no: \\boxed{2}", "2");
    assert_found("\\boxed{\\frac{1}{\\sqrt{2}}} is it", "\\frac{1}{\\sqrt{2}}");
    assert_found("\\boxed{ 7 } and \\boxed{8", "7");
    assert_found("\\fbox{3}", "3");
    assert_found("\\boxed{1} \\fbox{3}", "3");
    assert_found("thus $\\boxed 9$.", "9");
    assert_found("\\boxed {4}", "4");
    assert_found("\\boxed{\\{1,2\\}}", "\\{1,2\\}");
    assert_found("the answer is 3, or \\boxed{4}. The answer is 5.", "4");
}

static void a_phrase_announces_the_answer_where_there_is_no_box(void **state) {
    (void)state;
    assert_found("We add.\nThe final answer is $\\frac{1}{2}$. I hope it is correct.",
                 "\\frac{1}{2}");
    assert_found("The answer is 3.5.", "3.5");
    assert_found("THE ANSWER IS: 12\nmore text follows", "12");
    assert_found("the answer is 1. No, the answer is 2.", "2");
    assert_found("Answer: **x = 4**", "x = 4");
    assert_found("so 6*7\n#### 42", "42");
    assert_found("La respuesta final es 1/2. Listo", "1/2");
    assert_found("La respuesta es: `sqrt(2)`", "sqrt(2)");
    assert_found("The answer is \\( x^2 \\) indeed", "x^2");
}

static void an_answer_of_several_formulas_is_all_of_them(void **state) {
    (void)state;
    assert_found("The answer is $1$ or $2$.", "$1$ or $2$");
    assert_found("The answer is either $1$ or maybe $2$.", "$1$ or maybe $2$");
    assert_found("The answer is $1$, $2$, and $3$ as shown.", "$1$, $2$, and $3$");
    assert_found("The answer is $1$, but it could be $2$.", "$1$, but it could be $2$");
    assert_found("The answer is \\(1\\) or $2$.", "\\(1\\) or $2$");
    assert_found("La respuesta es `1` o `2`.", "`1` o `2`");
    assert_found("$1$ and $2$", "$1$ and $2$");
    assert_found("The answer is $5$, since $x=5$ and $y=3$.", "5");
    assert_found("The answer is $x=5$, where $x$ counts apples.", "x=5");
    assert_found("The answer is $\\$18.90$.", "\\$18.90");
    assert_found("The answer is \\$5 for each $x$.", "\\$5 for each $x$");
    assert_found("The answer is $5", "$5");
}

static void a_short_line_alone_is_an_answer_and_a_text_without_one_has_none(void **state) {
    (void)state;
    assert_found("1/2", "1/2");
    assert_found(" $x^2$ \n", "x^2");
    assert_nothing("");
    assert_nothing("  \n ");
    assert_nothing("First we add.\nThen we multiply.");
    assert_nothing("\\boxed{}");
    assert_nothing("The answer is");
    assert_nothing("\\boxed{5 and then the text was cut off\nfor it was too long");
}

static void many_open_formulas_are_passed_over_in_bounded_time(void **state) {
    enum { COUNT = 1000000 };
    static const char start[] = "answer is";
    char *text = malloc(sizeof start + (size_t)2 * COUNT);
    struct text answer;

    (void)state;
    assert_non_null(text);
    memcpy(text, start, sizeof start);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + sizeof start - 1 + i * 2, i % 2 ? "\\(" : "\\[", 2);
    assert_true(math_answer_extract((struct text){text, sizeof start - 1 + 2 * COUNT}, &answer));
    assert_int_equal(answer.size, 2 * COUNT);
    free(text);
}

static void many_open_boxes_are_passed_over_in_bounded_time(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    char *text = malloc(COUNT * 7 + 1);

    assert_non_null(text);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + i * 7, "\\boxed{", 7);
    text[COUNT * 7] = 0;
    assert_nothing(text);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_box_whose_braces_close_is_the_answer),
        cmocka_unit_test(a_phrase_announces_the_answer_where_there_is_no_box),
        cmocka_unit_test(an_answer_of_several_formulas_is_all_of_them),
        cmocka_unit_test(a_short_line_alone_is_an_answer_and_a_text_without_one_has_none),
        cmocka_unit_test(many_open_formulas_are_passed_over_in_bounded_time),
        cmocka_unit_test(many_open_boxes_are_passed_over_in_bounded_time),
    };
    return cmocka_run_group_tests_name("math_extract", tests, NULL, NULL);
}
