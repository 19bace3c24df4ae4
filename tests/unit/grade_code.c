/*
 * What of grading code needs no sandbox: taking programs out of completions, comparing outputs,
 * reading tests, joining problems, and keeping verdicts.
 */
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
#include "grade/code_compare.h"
#include "grade/code_complaint.h"
#include "grade/code_problems.h"
#include "grade/code_source.h"
#include "grade/code_tests.h"
#include "grade/verdict_cache.h"
#include "record/stream.h"

/* ---- complaints of the compiler ---- */

static void what_no_header_could_mend_is_hopeless(void **state) {
    static const char *const hopeless[] = {"expected ';' before '}' token",
                                           "expected ')' before ';' token",
                                           "expected '}' at end of input",
                                           "expected primary-expression before ')' token",
                                           "'t' was not declared in this scope; did you mean 's'?",
                                           "'x' was not declared in this scope",
                                           "stray '@' in program",
                                           "missing terminating \" character"};
    static const char *const open[] = {"expected ')' before 'PRId64'",
                                       "expected ';' before 'return'",
                                       "expected class-name before '{' token",
                                       "expected primary-expression before ',' token",
                                       "expected primary-expression before '>' token",
                                       "'I' was not declared in this scope",
                                       "'y1' was not declared in this scope",
                                       "'max' is not a member of 'std'"};
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        char line[128];
        snprintf(line, sizeof line, "program.cpp:2:7: error: %s", hopeless[i]);
        assert_true(complaint_is_hopeless(line));
        snprintf(line, sizeof line, "program.cpp:2:7: error: %s", open[i]);
        assert_false(complaint_is_hopeless(line));
    }
    assert_false(complaint_is_hopeless("program.cpp:2:7: note: 't' was not declared"));
}

static void what_the_linker_lacks_is_told_from_what_the_compiler_says(void **state) {
    (void)state;
    assert_true(complaint_of_linker("collect2: error: ld returned 1 exit status"));
    assert_true(complaint_of_linker("program.cpp:(.text+0x9): undefined reference to `sqrt'"));
    assert_false(complaint_of_linker("program.cpp:2:7: error: 'x' was not declared in this scope"));
}

/* ---- programs in completions ---- */

static void check_code(const char *completion, const char *right) {
    struct text code = code_extract(text_of(completion));

    assert_int_equal(code.size, strlen(right));
    assert_memory_equal(code.bytes, right, code.size);
}

static void the_last_block_of_our_language_is_the_program(void **state) {
    (void)state;
    check_code("a\n```cpp\none\n```\nb\n```C++\ntwo\n```\n```\nout\n```\n", "two\n");
    check_code("```c++ title\none\n```", "one\n");
    check_code("~~~cc\none\n~~~\n```python\ntwo\n```\n", "one\n");
}

static void else_the_first_block_without_a_language_is(void **state) {
    (void)state;
    check_code("a\n```\none\n```\n```\ntwo\n```\n", "one\n");
    check_code("```\none\n```\n```text\ntwo\n```\n", "one\n");
}

static void without_blocks_the_whole_text_is(void **state) {
    (void)state;
    check_code("int main() {}", "int main() {}");
    check_code("a `b` ``` c ``` d\n``x``\n```y``` z", "a `b` ``` c ``` d\n``x``\n```y``` z");
    check_code("    ```cpp\nx\n", "    ```cpp\nx\n");
}

static void an_open_block_goes_to_the_end(void **state) {
    (void)state;
    check_code("```cpp\none\ntwo", "one\ntwo");
    check_code("```cpp\n```` not the end\n~~~\n``\n", "```` not the end\n~~~\n``\n");
    check_code("````cpp\n```\none\n````\n", "```\none\n");
    check_code("```cpp", "");
}

static void blank_text_and_other_languages_are_no_program(void **state) {
    (void)state;
    check_code("", "");
    check_code(" \n\t\r\n", "");
    check_code("```python\nprint(1)\n```\n", "");
    check_code("```cpp\n \n```\n", "");
}

/* ---- outputs ---- */

static bool equal(const char *got, const char *right) {
    struct output_difference difference;

    return code_outputs_equal(text_of(got), text_of(right), &difference);
}

static void words_are_compared_whatever_the_space_between(void **state) {
    (void)state;
    assert_true(equal("1 2\n3", " 1\t2 3\r\n\n"));
    assert_true(equal("", " \n"));
    assert_false(equal("1 2", "12"));
    assert_false(equal("1 2", "1 2 3"));
    assert_false(equal("1 2 3", "1 2"));
    assert_false(equal("yes", "Yes"));
}

static void decimal_numbers_are_compared_after_rounding(void **state) {
    (void)state;
    assert_true(equal("0.3333333", "0.333"));
    assert_true(equal("2", "2.0004"));
    assert_false(equal("2", "2.0005"));
    assert_true(equal("2.0005", "2.001"));
    assert_true(equal("-2.0005", "-2.001"));
    assert_true(equal("1e-05", "0"));
    assert_true(equal("-0.0001", "0.0"));
    assert_true(equal("9.9999", "10.0"));
    assert_true(equal("1.5e3", "1500"));
    assert_true(equal("+.5", "0.50"));
    assert_true(equal("5.", "5"));
    assert_false(equal("-1.5", "1.5"));
    assert_false(equal("0.0015", "0.001"));
}

static void integers_are_compared_as_they_are_written(void **state) {
    (void)state;
    assert_false(equal("007", "7"));
    assert_false(equal("12345678901234567890", "12345678901234567891"));
    assert_true(equal("12345678901234567890.0", "12345678901234567890"));
    assert_false(equal("12345678901234567891.0", "12345678901234567890"));
    assert_false(equal("+7", "7"));
}

static void what_only_looks_like_a_number_is_a_word(void **state) {
    char long_one[600], other[600];

    (void)state;
    assert_false(equal("1.0.0", "1.0"));
    assert_false(equal("1e", "1.0"));
    assert_false(equal(".", "0.0"));
    assert_false(equal("nan", "0.0"));
    assert_false(equal("0x1.8p0", "1.5"));
    assert_false(equal("1e99999999999", "1e99999999998"));
    memset(long_one, '1', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    memcpy(other, long_one, sizeof other);
    long_one[590] = other[590] = '.';
    other[598] = '2';
    assert_false(equal(long_one, other));
    assert_true(equal(long_one, long_one));
    assert_true(equal("1e400", "10e399"));
    assert_true(equal("1e-400", "0.0"));
}

static void the_first_difference_is_told(void **state) {
    struct output_difference difference;

    (void)state;
    assert_false(code_outputs_equal(text_of("1 2 x"), text_of("1 2 y"), &difference));
    assert_int_equal(difference.word, 3);
    assert_true(text_is(difference.got, "x"));
    assert_true(text_is(difference.right, "y"));
    assert_false(code_outputs_equal(text_of("1"), text_of("1 2"), &difference));
    assert_int_equal(difference.word, 2);
    assert_int_equal(difference.got.size, 0);
}

/* ---- tests ---- */

static struct value value_of(const struct buffer *buffer) {
    return (struct value){buffer->data, buffer->size};
}

static void pack_test(struct buffer *buffer, const char *const *pairs, size_t count) {
    pack_map(buffer, count);
    for (size_t i = 0; i < 2 * count; i++)
        pack_text(buffer, text_of(pairs[i]));
}

static void tests_of_both_kinds_are_read(void **state) {
    static const char *const pair[] = {"stdin", "1", "stdout", "2"}, *const harness[] = {"harness",
                                                                                         "h"};
    struct buffer packed = {0};
    struct code_tests tests = {0};
    struct error error = {0};

    (void)state;
    pack_array(&packed, 2);
    pack_test(&packed, pair, 2);
    pack_test(&packed, harness, 1);
    assert_true(code_tests_read(&tests, value_of(&packed), &error));
    assert_int_equal(tests.count, 2);
    assert_false(tests.items[0].is_harness);
    assert_true(text_is(tests.items[0].input, "1"));
    assert_true(text_is(tests.items[0].output, "2"));
    assert_true(tests.items[1].is_harness);
    assert_true(text_is(tests.items[1].harness, "h"));
    code_tests_free(&tests);
    buffer_free(&packed);
}

static void half_a_test_is_refused_by_its_number(void **state) {
    static const char *const pair[] = {"stdin", "1", "stdout", "2"};
    struct buffer packed = {0};
    struct code_tests tests = {0};
    struct error error = {0};

    (void)state;
    pack_array(&packed, 2);
    pack_test(&packed, pair, 2);
    pack_test(&packed, pair, 1);
    assert_false(code_tests_read(&tests, value_of(&packed), &error));
    assert_non_null(strstr(error.text, "test 2"));
    code_tests_free(&tests);
    buffer_free(&packed);
}

/* ---- problems ---- */

static void add_problem(struct record_writer *writer, const char *id, int64_t tests) {
    struct record record = {0};
    struct error error = {0};

    record_set_text(&record, "id", text_of(id));
    record_set_text(&record, "prompt", text_of("p"));
    record_set_integer(&record, "tests", tests);
    assert_true(record_writer_add(writer, &record, &error));
    record_free(&record);
}

static struct code_problems *problems_of(const char *path, const char *const *ids,
                                         const int64_t *tests, size_t count, struct error *error) {
    struct provenance provenance = {.tool = text_of("t"), .version = text_of("0")};
    struct record_writer *writer = record_writer_open(path, &provenance, 0, error);

    assert_non_null(writer);
    for (size_t i = 0; i < count; i++)
        add_problem(writer, ids[i], tests[i]);
    assert_true(record_writer_close(writer, error));
    return code_problems_read(path, error);
}

static void problems_are_found_by_id_and_conflicts_refused(void **state) {
    static const char *const ids[] = {"b", "a", "", "abc", "a"};
    static const int64_t same[] = {1, 2, 3, 4, 2}, other[] = {1, 2, 3, 4, 5};
    char folder[] = "/tmp/lockpick-test-XXXXXX";
    struct error error = {0};
    struct code_problems *problems;
    struct value tests;
    struct text prompt;
    int64_t number;
    char *path;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = path_join(folder, "p.rec");
    problems = problems_of(path, ids, same, 5, &error);
    assert_non_null(problems);
    assert_true(code_problems_find(problems, text_of("abc"), &tests, &prompt, &error));
    assert_true(value_integer(tests, &number));
    assert_int_equal(number, 4);
    assert_true(text_is(prompt, "p"));
    assert_true(code_problems_find(problems, text_of(""), &tests, &prompt, &error));
    assert_false(code_problems_find(problems, text_of("ab"), &tests, &prompt, &error));
    code_problems_free(problems);
    assert_null(problems_of(path, ids, other, 5, &error));
    assert_non_null(strstr(error.text, "id 'a' comes with two sets of tests"));
    free(path);
    assert_true(remove_tree(folder, &error));
}

/* ---- verdicts ---- */

static struct code_settings usual(void) {
    return (struct code_settings){.cpu_microseconds = 500000,
                                  .idle_microseconds = 5000000,
                                  .memory_bytes = 1 << 28,
                                  .output_bytes = 1 << 24,
                                  .compile_seconds = 10};
}

static struct verdict_key key_of(const char *folder, const char *compiler,
                                 const struct code_settings *settings, const char *code,
                                 uint8_t test) {
    struct error error = {0};
    struct verdict_cache *cache = verdict_cache_open(folder, compiler, settings, &error);
    struct code_tests tests = {.value = {&test, 1}};
    struct verdict_key key;

    assert_non_null(cache);
    key = verdict_cache_key(cache, text_of(code), &tests);
    verdict_cache_close(cache);
    return key;
}

static void whatever_can_change_a_verdict_is_in_its_key(void **state) {
    char folder[] = "/tmp/lockpick-test-XXXXXX";
    struct code_settings settings[7];
    struct verdict_key keys[11];
    struct error error = {0};

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 7; i++)
        settings[i] = usual();
    settings[1].cpu_microseconds++;
    settings[2].idle_microseconds++;
    settings[3].memory_bytes++;
    settings[4].output_bytes++;
    settings[5].all_tests = true;
    settings[6].compile_seconds = 11;
    for (int i = 0; i < 7; i++)
        keys[i] = key_of(folder, "g++ 12", &settings[i], "code", 1);
    keys[7] = key_of(folder, "g++ 13", &settings[0], "code", 1);
    keys[8] = key_of(folder, "g++ 12", &settings[0], "cod", 1);
    keys[9] = key_of(folder, "g++ 12", &settings[0], "code", 2);
    keys[10] = key_of(folder, "g++ 12", &settings[0], "code ", 1);
    for (int i = 0; i < 11; i++)
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(keys[i].bytes, keys[j].bytes, sizeof keys[i].bytes);
    keys[1] = key_of(folder, "g++ 12", &settings[0], "code", 1);
    assert_memory_equal(keys[0].bytes, keys[1].bytes, sizeof keys[0].bytes);
    assert_true(remove_tree(folder, &error));
}

static void a_damaged_verdict_is_as_good_as_none(void **state) {
    char folder[] = "/tmp/lockpick-test-XXXXXX";
    struct code_settings settings = usual();
    struct error error = {0};
    struct code_grade grade = {
        .verdict = CODE_WRONG_OUTPUT, .passed = 3, .total = 9, .microseconds = 7};
    struct code_grade back;
    struct verdict_key key = {{0xab, 0xcd}};
    struct verdict_cache *cache;
    struct buffer bytes = {0};
    char *path;

    (void)state;
    assert_non_null(mkdtemp(folder));
    cache = verdict_cache_open(folder, "g++", &settings, &error);
    snprintf(grade.found, sizeof grade.found, "test 4: word 1");
    assert_false(verdict_cache_get(cache, &key, &back));
    assert_true(verdict_cache_put(cache, &key, &grade, &error));
    assert_true(verdict_cache_get(cache, &key, &back));
    assert_memory_equal(&back, &grade, sizeof grade);
    path = format_text("%s/ab/cd0000000000000000000000000000", folder);
    assert_true(file_read(path, 4096, &bytes, &error));
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x10;
        assert_true(file_write(path, bytes.data, bytes.size, &error));
        assert_false(verdict_cache_get(cache, &key, &back));
        bytes.data[i] ^= 0x10;
        assert_true(file_write(path, bytes.data, i, &error));
        assert_false(verdict_cache_get(cache, &key, &back));
    }
    buffer_free(&bytes);
    free(path);
    verdict_cache_close(cache);
    assert_true(remove_tree(folder, &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_header_could_mend_is_hopeless),
        cmocka_unit_test(what_the_linker_lacks_is_told_from_what_the_compiler_says),
        cmocka_unit_test(the_last_block_of_our_language_is_the_program),
        cmocka_unit_test(else_the_first_block_without_a_language_is),
        cmocka_unit_test(without_blocks_the_whole_text_is),
        cmocka_unit_test(an_open_block_goes_to_the_end),
        cmocka_unit_test(blank_text_and_other_languages_are_no_program),
        cmocka_unit_test(words_are_compared_whatever_the_space_between),
        cmocka_unit_test(decimal_numbers_are_compared_after_rounding),
        cmocka_unit_test(integers_are_compared_as_they_are_written),
        cmocka_unit_test(what_only_looks_like_a_number_is_a_word),
        cmocka_unit_test(the_first_difference_is_told),
        cmocka_unit_test(tests_of_both_kinds_are_read),
        cmocka_unit_test(half_a_test_is_refused_by_its_number),
        cmocka_unit_test(problems_are_found_by_id_and_conflicts_refused),
        cmocka_unit_test(whatever_can_change_a_verdict_is_in_its_key),
        cmocka_unit_test(a_damaged_verdict_is_as_good_as_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
