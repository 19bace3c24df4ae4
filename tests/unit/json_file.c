/* JSON files of others: what is refused, what the getters accept, and what is written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"
#include "base/json.h"

static json_t *parse(const char *text) {
    struct error error = {0};
    json_t *json = json_parse(text, strlen(text), &error);
    if (json == NULL)
        fail_msg("%s: %s", text, error.text);
    return json;
}

static void assert_refused(const char *text, size_t size, const char *says) {
    struct error error = {0};
    if (json_parse(text, size, &error) != NULL)
        fail_msg("accepted: %s", text);
    if (strstr(error.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
}

static void what_is_no_json_object_is_refused_with_its_place(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "{]",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "{\"a\":01}",
                                      "{}{}",
                                      "{\"a\":NaN}",
                                      "{\"a\":1e999}",
                                      "{} x",
                                      "{\"a\":\"\xff\"}",
                                      "{\"a\":\"\\ud800\"}",
                                      "{\"a\":99999999999999999999}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(bad[i], strlen(bad[i]), "no JSON: ");
    assert_refused("{\n  \"a\": x\n}", 12, "line 2, column 8: no JSON");
    assert_refused("[1]", 3, "is no JSON object");
    assert_refused("\"a\"", 3, "no JSON");
}

static void a_key_that_comes_twice_is_refused(void **state) {
    (void)state;
    assert_refused("{\"a\":1,\"a\":1}", 13, "duplicate");
    assert_refused("{\"x\":{\"a\":1,\"a\":2}}", 19, "duplicate");
}

static void nesting_without_end_is_refused(void **state) {
    (void)state;
    enum { DEPTH = 200000 };
    char *text = allocate(DEPTH + 8, 1);
    memcpy(text, "{\"a\":", 5);
    memset(text + 5, '[', DEPTH);
    assert_refused(text, DEPTH + 5, "no JSON");
    free(text);
}

static void integers_are_held_within_their_bounds(void **state) {
    (void)state;
    json_t *json = parse("{\"five\":5,\"real\":5.0,\"text\":\"5\",\"null\":null}");
    struct error error = {0};
    int64_t value;
    assert_true(json_get_integer(json, "five", true, 0, 5, 5, &value, &error) && value == 5);
    assert_false(json_get_integer(json, "five", true, 0, 6, 9, &value, &error));
    assert_string_equal(error.text, "'five' is 5; 6 to 9 would be right");
    assert_false(json_get_integer(json, "real", true, 0, 0, 9, &value, &error));
    assert_string_equal(error.text, "'real' is no whole number");
    assert_false(json_get_integer(json, "text", false, 0, 0, 9, &value, &error));
    assert_false(json_get_integer(json, "none", true, 0, 0, 9, &value, &error));
    assert_string_equal(error.text, "'none' is missing");
    assert_false(json_get_integer(json, "null", true, 0, 0, 9, &value, &error));
    /* A fallback need not be within the bounds: it is ours. */
    assert_true(json_get_integer(json, "null", false, -1, 0, 9, &value, &error) && value == -1);
    json_decref(json);
}

static void the_other_getters_know_their_type(void **state) {
    (void)state;
    json_t *json =
        parse("{\"one\":1,\"half\":0.5,\"yes\":true,\"word\":\"w\",\"zero\":\"a\\u0000b\"}");
    struct error error = {0};
    double real;
    assert_true(json_get_real(json, "one", true, 0, &real, &error) && real == 1);
    assert_true(json_get_real(json, "half", true, 0, &real, &error) && real == 0.5);
    assert_true(json_get_real(json, "none", false, 7, &real, &error) && real == 7);
    assert_false(json_get_real(json, "word", true, 0, &real, &error));
    assert_string_equal(error.text, "'word' is no number");
    bool yes;
    assert_true(json_get_boolean(json, "yes", true, false, &yes, &error) && yes);
    assert_true(json_get_boolean(json, "none", false, true, &yes, &error) && yes);
    assert_false(json_get_boolean(json, "one", true, false, &yes, &error));
    assert_string_equal(error.text, "'one' is neither true nor false");
    const char *word;
    assert_true(json_get_text(json, "word", true, NULL, &word, &error));
    assert_string_equal(word, "w");
    assert_true(json_get_text(json, "none", false, NULL, &word, &error));
    assert_null(word);
    assert_false(json_get_text(json, "yes", true, NULL, &word, &error));
    assert_string_equal(error.text, "'yes' is no text");
    assert_false(json_get_text(json, "zero", true, NULL, &word, &error));
    assert_string_equal(error.text, "'zero' has a zero character in it");
    json_decref(json);
}

static void assert_written(const char *text, const char *expected) {
    json_t *json = parse(text);
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "before|");
    json_write(json, &buffer);
    buffer_append(&buffer, "", 1);
    assert_int_equal(strncmp((char *)buffer.data, "before|", 7), 0);
    assert_string_equal((char *)buffer.data + 7, expected);
    buffer_free(&buffer);
    json_decref(json);
}

static void what_is_written_keeps_the_order_and_looks_as_it_was(void **state) {
    (void)state;
    assert_written("{}", "{}\n");
    assert_written(
        "{\"z\":1,\"a\":[true,null],\"u\":\"\xc3\xa9\\n\"}",
        "{\n  \"z\": 1,\n  \"a\": [\n    true,\n    null\n  ],\n  \"u\": \"\xc3\xa9\\n\"\n}\n");
    assert_written("{\"a\":0.1,\"b\":1e-6,\"c\":10000.0}",
                   "{\n  \"a\": 0.1,\n  \"b\": 1e-6,\n  \"c\": 10000.0\n}\n");
}

static void every_double_reads_back_the_same(void **state) {
    (void)state;
    static const double values[] = {0.1,  1.0 / 3,    5e-324, 1.7976931348623157e308,
                                    -0.0, M_PI * 1e10};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        json_t *json = json_pack("{s:f}", "x", values[i]);
        struct buffer buffer = {0};
        struct error error = {0};
        double value;
        json_write(json, &buffer);
        json_decref(json);
        json = json_parse(buffer.data, buffer.size, &error);
        assert_non_null(json);
        assert_true(json_get_real(json, "x", true, 0, &value, &error));
        assert_memory_equal(&value, &values[i], sizeof value);
        json_decref(json);
        buffer_free(&buffer);
    }
}

static void a_file_is_named_in_its_errors_and_bounded(void **state) {
    (void)state;
    char path[] = "/tmp/lockpick-json.XXXXXX";
    struct error error = {0};
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_true(file_write(path, "{\"a\": 1}", 8, &error));
    json_t *json = json_file(path, 8, &error);
    assert_non_null(json);
    json_decref(json);
    assert_null(json_file(path, 7, &error));
    assert_non_null(strstr(error.text, "is larger than 7 bytes"));
    assert_true(file_write(path, "[]", 2, &error));
    assert_null(json_file(path, 100, &error));
    assert_int_equal(strncmp(error.text, path, strlen(path)), 0);
    assert_non_null(strstr(error.text, ": is no JSON object"));
    unlink(path);
    assert_null(json_file(path, 100, &error));
    assert_non_null(strstr(error.text, "No such file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_json_object_is_refused_with_its_place),
        cmocka_unit_test(a_key_that_comes_twice_is_refused),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(integers_are_held_within_their_bounds),
        cmocka_unit_test(the_other_getters_know_their_type),
        cmocka_unit_test(what_is_written_keeps_the_order_and_looks_as_it_was),
        cmocka_unit_test(every_double_reads_back_the_same),
        cmocka_unit_test(a_file_is_named_in_its_errors_and_bounded),
    };
    return cmocka_run_group_tests_name("json_file", tests, NULL, NULL);
}
