/* What the importer is made of: rows of tables, boxed answers, groups, splits by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "task/boxed.h"
#include "task/domain_groups.h"
#include "task/import_inside.h"
#include "text/csv.h"

/* ---- tables ---- */

/* Feeds lines up to a NULL; the fields joined by "|" should be `wanted`. */
static void assert_row(char separator, const char *const *lines, const char *wanted) {
    struct csv_row row = {0};
    struct error error = {0};
    struct buffer joined = {0};

    csv_clear(&row);
    for (; *lines != NULL; lines++)
        if (!csv_feed(&row, text_of(*lines), separator, &error))
            fail_msg("%s: %s", *lines, error.text);
    assert_false(row.open);
    for (size_t i = 0; i < row.count; i++) {
        struct text field = csv_field(&row, i);
        buffer_append_text(&joined, i > 0 ? "|" : "");
        buffer_append(&joined, field.bytes, field.size);
    }
    buffer_append(&joined, "", 1);
    assert_string_equal((char *)joined.data, wanted);
    buffer_free(&joined);
    csv_free(&row);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void fields_stand_between_separators(void **state) {
    (void)state;
    assert_row(',', LINES("a,b,c"), "a|b|c");
    assert_row(',', LINES("a,,"), "a||");
    assert_row(',', LINES(""), "");
    assert_row(',', LINES("a b\r"), "a b");
    assert_row('\t', LINES("a,b\tc \"d\" e"), "a,b|c \"d\" e");
}

static void quotes_hold_separators_newlines_and_quotes(void **state) {
    (void)state;
    assert_row(',', LINES("\"a,b\",\"say \"\"hi\"\"\""), "a,b|say \"hi\"");
    assert_row(',', LINES("\"\",\"\"\"\""), "|\"");
    assert_row(',', LINES("x,\"one", "", "two\",y"), "x|one\n\ntwo|y");
    assert_row('\t', LINES("\"a\tb\"\tc"), "a\tb|c");
}

static void a_quote_where_none_may_stand_is_an_error_with_the_field(void **state) {
    (void)state;
    static const char *const lines[] = {"a,b\"c", "a,\"b\"c", "a,\"b\" ,c"};

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct csv_row row = {0};
        struct error error = {0};
        assert_false(csv_feed(&row, text_of(lines[i]), ',', &error));
        assert_non_null(strstr(error.text, "field 2 "));
        csv_free(&row);
    }
}

/* ---- answers ---- */

static void assert_boxed(const char *solution, const char *wanted) {
    struct text answer = {"", 0};
    bool found = boxed_answer(text_of(solution), &answer);

    if (found != (wanted != NULL) || (found && !text_is(answer, wanted)))
        fail_msg("'%s' gives '%.*s'", solution, (int)answer.size, answer.bytes);
}

static void the_answer_is_in_the_last_box_with_its_braces_balanced(void **state) {
    (void)state;
    assert_boxed("so $\\boxed{2}$.", "2");
    assert_boxed("\\boxed{1} or $\\boxed{\\frac{1}{2}}$", "\\frac{1}{2}");
    assert_boxed("$\\boxed{ \\{1, {2}\\} }$ }", "\\{1, {2}\\}");
    assert_boxed("\\boxed{1} then \\fbox{x}", "x");
    assert_boxed("\\fbox{x} then \\boxed {1}", "1");
    assert_boxed("$\\boxed 5$ is it", "5");
    assert_boxed("\\boxed{\\text{a $ b}}", "\\text{a $ b}");
}

static void without_a_whole_box_there_is_no_answer(void **state) {
    (void)state;
    assert_boxed("", NULL);
    assert_boxed("the answer is 5", NULL);
    assert_boxed("\\boxed{\\frac{1}{2}", NULL);
    assert_boxed("\\boxed{1} \\boxed{ }", NULL);
    assert_boxed("\\boxed", NULL);
    assert_boxed("\\boxed{\\", NULL);
}

/* ---- groups ---- */

static void the_shipped_groups_are_those_of_the_paper(void **state) {
    (void)state;
    struct domain_groups groups;
    struct error error = {0};

    assert_true(domain_groups_read(&groups, NULL, "mmlu", &error));
    assert_int_equal(groups.count, 57);
    assert_string_equal(domain_groups_find(&groups, text_of("formal_logic"), &error), "Stem");
    assert_string_equal(domain_groups_find(&groups, text_of("US Foreign Policy"), &error), "Misc");
    assert_string_equal(domain_groups_find(&groups, text_of("marketing"), &error), "Law");
    assert_string_equal(domain_groups_find(&groups, text_of("virology"), &error), "Bio");
    domain_groups_free(&groups);
    assert_true(domain_groups_read(&groups, NULL, "math", &error));
    assert_string_equal(domain_groups_find(&groups, text_of("Counting & Probability"), &error),
                        "Numbers");
    assert_string_equal(domain_groups_find(&groups, text_of("counting_and_probability"), &error),
                        "Numbers");
    assert_string_equal(domain_groups_find(&groups, text_of("Precalculus"), &error), "Geometry");
    assert_null(domain_groups_find(&groups, text_of("Calculus"), &error));
    assert_non_null(strstr(error.text, "'Calculus'"));
    domain_groups_free(&groups);
}

/* ---- splits ---- */

static void assert_split(const char *path, const char *wanted) {
    const char *split = split_of_path(path);

    if (wanted == NULL)
        assert_null(split);
    else
        assert_string_equal(split, wanted);
}

static void the_names_of_files_and_folders_tell_the_split(void **state) {
    (void)state;
    assert_split("test.jsonl", "test");
    assert_split("a/train-00000-of-00001.json", "train");
    assert_split("mmlu/val/astronomy_val.csv", "validation");
    assert_split("train/x/astronomy_dev.csv", "dev");
    assert_split("MATH/train/algebra/1.json", "train");
    assert_split("/train", "train");
    assert_split("test/a/b/c", "test");
    assert_split("training/contest.json", NULL);
    assert_split("a", NULL);
    assert_split("", NULL);
    assert_split(NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_stand_between_separators),
        cmocka_unit_test(quotes_hold_separators_newlines_and_quotes),
        cmocka_unit_test(a_quote_where_none_may_stand_is_an_error_with_the_field),
        cmocka_unit_test(the_answer_is_in_the_last_box_with_its_braces_balanced),
        cmocka_unit_test(without_a_whole_box_there_is_no_answer),
        cmocka_unit_test(the_shipped_groups_are_those_of_the_paper),
        cmocka_unit_test(the_names_of_files_and_folders_tell_the_split),
    };
    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
