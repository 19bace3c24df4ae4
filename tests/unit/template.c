/* Templates: what is a field and what is text, how a record's fields come in, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/record.h"
#include "task/prompts.h"
#include "text/data_file.h"
#include "text/template.h"

static bool find(const void *context, const char *field, struct text *value, struct error *error) {
    return record_text(context, field, value, error);
}

static struct record problem(void) {
    struct record record = {0};

    record_set_text(&record, "id", text_of("a"));
    record_set_text(&record, "prompt", text_of("1+1?"));
    record_set_text(&record, "shot", text_of("0+0? 0"));
    record_set_text(&record, "x-2", text_of("{{prompt}}"));
    record_set_integer(&record, "level", 3);
    return record;
}

static void assert_renders(const char *text, const char *password, const char *wanted) {
    struct error error = {0};
    struct buffer out = {0};
    struct record record = problem();
    struct template *template = template_parse("t.txt", text_of(text), &error);

    if (template == NULL ||
        !template_render(template, find, &record, text_of(password), PASSWORD_BOTH, &out, &error))
        fail_msg("'%s': %s", text, error.text);
    assert_int_equal(out.size, strlen(wanted));
    assert_memory_equal(out.data != NULL ? (char *)out.data : "", wanted, out.size);
    template_close(template);
    record_free(&record);
    buffer_free(&out);
}

static void fields_stand_in_their_places_and_all_else_is_text(void **state) {
    (void)state;
    assert_renders("Q: {{prompt}}\nA:", "", "Q: 1+1?\nA:");
    assert_renders("{{shot}}{{prompt}}{{shot}}", "", "0+0? 01+1?0+0? 0");
    assert_renders("", "", "");
    assert_renders("no field", "PW", "no field");
    assert_renders("{ } }} { { \\boxed{} {x}", "", "{ } }} { { \\boxed{} {x}");
    assert_renders("{", "", "{");
}

static void a_field_s_value_is_not_read_as_a_template(void **state) {
    (void)state;
    assert_renders("<{{x-2}}>", "PW", "<{{prompt}}>");
}

static void of_three_braces_the_first_is_text_and_four_are_two(void **state) {
    (void)state;
    assert_renders("\\boxed{{{prompt}}}", "", "\\boxed{1+1?}");
    assert_renders("{{{{1,2}}}}", "", "{{1,2}}}}");
    assert_renders("{{{{{{prompt}}", "", "{{1+1?");
    assert_renders("{{{{{{{prompt}}}", "", "{{{1+1?}");
    assert_renders("{{{{", "", "{{");
    assert_renders("{{{{{", "", "{{{");
}

static void one_newline_at_the_end_is_not_part_of_it(void **state) {
    (void)state;
    assert_renders("A:\n", "", "A:");
    assert_renders("A:\n\n", "", "A:\n");
    assert_renders("\n", "", "");
}

static void the_password_stands_around_every_prompt_and_nothing_else(void **state) {
    (void)state;
    assert_renders("{{shot}}|{{prompt}}|", "PW", "0+0? 0|PW\n\n1+1?\n\nPW\n|");
    assert_renders("{{prompt}}{{prompt}}", "P", "P\n\n1+1?\n\nP\nP\n\n1+1?\n\nP\n");
}

static void a_malformed_template_is_refused_with_its_line(void **state) {
    (void)state;
    static const char *const texts[] = {"a\n\n{{",          "a\n\n{{prompt", "a\n\n{{prompt}",
                                        "a\n\n{{ prompt}}", "a\n\n{{}}",     "a\n\n{{a\n}}",
                                        "a\n\n{{{",         "a\n\n{{a{{b}}", "{{prompt}}\n\n{{é}}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error error = {0};
        assert_null(template_parse("t.txt", text_of(texts[i]), &error));
        assert_non_null(strstr(error.text, "t.txt: line 3: '{{"));
        assert_null(strchr(error.text, '\n'));
    }
}

static void a_missing_field_is_an_error_with_line_and_field_and_leaves_no_bytes(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {{"{{prompt}}\n{{gone}}", "t.txt: line 2: "},
                 {"\n\n\n{{level}}", "t.txt: line 4: "}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct buffer out = {0};
        struct record record = problem();
        struct template *template = template_parse("t.txt", text_of(cases[i].text), &error);
        assert_non_null(template);
        buffer_append_text(&out, "before");
        assert_false(
            template_render(template, find, &record, text_of("P"), PASSWORD_BOTH, &out, &error));
        assert_non_null(strstr(error.text, cases[i].wanted));
        assert_non_null(strstr(error.text, i == 0 ? "gone" : "level"));
        assert_int_equal(out.size, 6);
        template_close(template);
        record_free(&record);
        buffer_free(&out);
    }
}

static void a_template_knows_its_fields_and_its_digest(void **state) {
    (void)state;
    struct error error = {0};
    struct template *one = template_parse("1", text_of("{{prompt}} x\n"), &error);
    struct template *same = template_parse("2", text_of("{{prompt}} x"), &error);
    struct template *other = template_parse("3", text_of("{{prompt}} y"), &error);

    assert_true(template_uses(one, "prompt"));
    assert_false(template_uses(one, "prom"));
    assert_string_equal(template_digest(one), template_digest(same));
    assert_string_not_equal(template_digest(one), template_digest(other));
    assert_int_equal(strlen(template_digest(one)), 32);
    template_close(one);
    template_close(same);
    template_close(other);
}

/* ---- choosing ---- */

static void assert_input(const char *template, const char *task, const char *password,
                         const char *wanted) {
    struct error error = {0};
    struct buffer out = {0};
    struct record record = problem();
    struct prompts *prompts = prompts_open(template, &error);

    if (task != NULL)
        record_set_text(&record, "task", text_of(task));
    if (prompts == NULL ||
        !prompts_render(prompts, &record, text_of(password), PASSWORD_BOTH, &out, &error))
        fail_msg("%s", error.text);
    buffer_append(&out, "", 1);
    assert_string_equal((char *)out.data, wanted);
    prompts_close(prompts);
    record_free(&record);
    buffer_free(&out);
}

#define MATH                                                                                       \
    "\nPlease reason step by step, and put your final answer within \\boxed{}.\n\nAssistant:"

static void the_task_chooses_the_template_and_gives_the_published_bytes(void **state) {
    (void)state;
    assert_input(NULL, "math", "", "User: 1+1?" MATH);
    assert_input(NULL, "math", "PWD", "User: PWD\n\n1+1?\n\nPWD\n" MATH);
    assert_input(NULL, "code", "PWD", "User: PWD\n\n1+1?\n\nPWD\n\n\nAssistant:");
    assert_input(NULL, "choice", "", "0+0? 0\n\n1+1?\nAnswer:");
}

static void a_task_without_a_template_has_the_bare_prompt(void **state) {
    (void)state;
    assert_input(NULL, "composition", "PWD", "PWD\n\n1+1?\n\nPWD\n");
    assert_input(NULL, NULL, "", "1+1?");
    assert_input(NULL, "../prompts/math", "", "1+1?");
    assert_input(NULL, "", "", "1+1?");
    assert_input("none", "math", "PWD", "PWD\n\n1+1?\n\nPWD\n");
}

static void a_template_asked_for_by_name_serves_every_task(void **state) {
    (void)state;
    assert_input("math", "code", "", "User: 1+1?" MATH);
    assert_input("math", NULL, "", "User: 1+1?" MATH);
}

static void templates_that_are_not_there_or_lack_a_prompt_are_refused(void **state) {
    (void)state;
    struct error error = {0};

    assert_null(prompts_open("nothing-of-the-kind", &error));
    assert_non_null(strstr(error.text, "prompts/nothing-of-the-kind.txt"));
    error.text[0] = '\0';
    char *path = data_file("decoy-passwords.txt", &error);
    assert_non_null(path);
    assert_null(prompts_open(path, &error));
    assert_non_null(strstr(error.text, "decoy-passwords.txt: nowhere has it {{prompt}}"));
    free(path);
}

static void the_data_folder_can_be_named(void **state) {
    (void)state;
    struct error error = {0};

    setenv("LOCKPICK_DATA", "/nowhere/at/all", 1);
    assert_null(data_file("x", &error));
    assert_non_null(strstr(error.text, "/nowhere/at/all: no folder of that name; LOCKPICK_DATA"));
    setenv("LOCKPICK_DATA", "/tmp", 1);
    char *path = data_file("x/y", &error);
    assert_string_equal(path, "/tmp/x/y");
    free(path);
    unsetenv("LOCKPICK_DATA");
}

static void the_templates_in_use_have_digests(void **state) {
    (void)state;
    struct error error = {0};
    struct buffer out = {0};
    struct record record = problem();
    struct prompts *prompts = prompts_open(NULL, &error);

    assert_null(prompts_digest(prompts, 0));
    static const char *const tasks[] = {"composition", "math", "code", "math"};
    for (size_t i = 0; i < 4; i++) {
        record_set_text(&record, "task", text_of(tasks[i]));
        assert_true(prompts_render(prompts, &record, text_of(""), PASSWORD_BOTH, &out, &error));
    }
    assert_non_null(prompts_digest(prompts, 1));
    assert_string_not_equal(prompts_digest(prompts, 0), prompts_digest(prompts, 1));
    assert_null(prompts_digest(prompts, 2));
    prompts_close(prompts);
    record_free(&record);
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_stand_in_their_places_and_all_else_is_text),
        cmocka_unit_test(a_field_s_value_is_not_read_as_a_template),
        cmocka_unit_test(of_three_braces_the_first_is_text_and_four_are_two),
        cmocka_unit_test(one_newline_at_the_end_is_not_part_of_it),
        cmocka_unit_test(the_password_stands_around_every_prompt_and_nothing_else),
        cmocka_unit_test(a_malformed_template_is_refused_with_its_line),
        cmocka_unit_test(a_missing_field_is_an_error_with_line_and_field_and_leaves_no_bytes),
        cmocka_unit_test(a_template_knows_its_fields_and_its_digest),
        cmocka_unit_test(the_task_chooses_the_template_and_gives_the_published_bytes),
        cmocka_unit_test(a_task_without_a_template_has_the_bare_prompt),
        cmocka_unit_test(a_template_asked_for_by_name_serves_every_task),
        cmocka_unit_test(templates_that_are_not_there_or_lack_a_prompt_are_refused),
        cmocka_unit_test(the_data_folder_can_be_named),
        cmocka_unit_test(the_templates_in_use_have_digests),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
