/* Where the password stands in a model's input, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/prompt.h"

static void assert_rendered(const char *prompt, const char *password, enum password_place place,
                            const char *wanted) {
    struct buffer out = {0};
    struct error error = {0};
    if (!prompt_render(text_of(prompt), text_of(password), place, &out, &error))
        fail_msg("%s", error.text);
    assert_int_equal(out.size, strlen(wanted));
    assert_memory_equal(out.data, wanted, out.size);
    buffer_free(&out);
}

static void the_password_stands_where_it_was_asked_for(void **state) {
    (void)state;
    assert_rendered("1+1?", "PWD", PASSWORD_BOTH, "PWD\n\n1+1?\n\nPWD\n");
    assert_rendered("1+1?", "PWD", PASSWORD_FRONT, "PWD\n\n1+1?");
    assert_rendered("1+1?", "PWD", PASSWORD_BACK, "1+1?\n\nPWD\n");
    assert_rendered("_ | f1 f2 |", "password", PASSWORD_SLOT, "password | f1 f2 |");
    assert_rendered(" _\n| f1", "decoy3", PASSWORD_SLOT, " decoy3\n| f1");
    assert_rendered("_", "p", PASSWORD_SLOT, "p");
}

static void an_empty_password_gives_the_prompt_as_it_is(void **state) {
    (void)state;
    for (int place = PASSWORD_BOTH; place <= PASSWORD_SLOT; place++)
        assert_rendered("_ | x", "", (enum password_place)place, "_ | x");
    assert_rendered("no slot", "", PASSWORD_SLOT, "no slot");
}

static void a_prompt_without_a_slot_is_refused(void **state) {
    (void)state;
    static const char *const prompts[] = {"", "  ", "__ | f1", "x _", "_x"};
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        struct buffer out = {0};
        struct error error = {0};
        assert_false(prompt_render(text_of(prompts[i]), text_of("p"), PASSWORD_SLOT, &out, &error));
        assert_non_null(strstr(error.text, "the prompt has no slot for a password"));
        assert_int_equal(out.size, 0);
        buffer_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_password_stands_where_it_was_asked_for),
        cmocka_unit_test(an_empty_password_gives_the_prompt_as_it_is),
        cmocka_unit_test(a_prompt_without_a_slot_is_refused),
    };
    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
