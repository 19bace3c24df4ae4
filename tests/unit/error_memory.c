/* Errors as values, checked memory, growing buffers and borrowed text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"

/* Under AddressSanitizer, too, memory that is not to be had is NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

static void an_error_says_what_and_each_caller_puts_its_place_in_front(void **state) {
    (void)state;
    struct error error = {0};
    assert_false(error_set(&error, "'%s' is no number; %d would be right", "x", 5));
    assert_string_equal(error.text, "'x' is no number; 5 would be right");
    assert_false(error_place(&error, "record %d", 7));
    assert_false(error_place(&error, "%s", "in.rec"));
    assert_string_equal(error.text, "in.rec: record 7: 'x' is no number; 5 would be right");
}

static void the_meaning_of_errno_stands_at_the_end(void **state) {
    (void)state;
    struct error error = {0};
    errno = ENOENT;
    assert_false(error_set_errno(&error, "%s: cannot be read", "a%sb"));
    assert_string_equal(error.text, "a%sb: cannot be read: No such file or directory");
}

static void texts_too_long_are_cut_and_always_end(void **state) {
    (void)state;
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    struct error error;
    error_set(&error, "%s", long_text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    errno = EIO;
    error_set_errno(&error, "%s", long_text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    error_place(&error, "place");
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(strncmp(error.text, "place: xxx", 10), 0);
    error_place(&error, "%s", long_text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(error.text[1000], 'x');
}

static void a_place_may_quote_the_error_itself(void **state) {
    (void)state;
    struct error error;
    error_set(&error, "inner");
    error_place(&error, "(%s)", error.text);
    assert_string_equal(error.text, "(inner): inner");
}

static void allocated_memory_is_zero_and_nothing_is_still_a_pointer(void **state) {
    (void)state;
    uint8_t *bytes = allocate(1000, 3);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(bytes[i], 0);
    bytes = reallocate(bytes, 5000, 2);
    bytes[9999] = 1;
    free(bytes);
    void *nothing = allocate(0, 8);
    assert_non_null(nothing);
    nothing = reallocate(nothing, 0, 8);
    assert_non_null(nothing);
    free(nothing);
}

static void a_size_that_an_input_named_fails_with_an_error(void **state) {
    (void)state;
    struct error error = {0};
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(allocate_sized(huge, 4, "the weights", &error));
    assert_non_null(strstr(error.text, "no memory for the weights"));
    void *memory = allocate_sized(10, 4, "the weights", &error);
    assert_non_null(memory);
    free(memory);
}

/* What allocate() does without memory: one line on stderr, and exit status 1. */
static void a_size_of_our_own_that_is_not_to_be_had_ends_the_process(void **state) {
    (void)state;
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_ends[1], STDERR_FILENO);
        volatile size_t huge = SIZE_MAX / 2;
        free(reallocate(NULL, huge, 4));
        _exit(0);
    }
    close(pipe_ends[1]);
    char line[200] = "";
    assert_true(read(pipe_ends[0], line, sizeof line - 1) > 0);
    close(pipe_ends[0]);
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_int_equal(strncmp(line, "lockpick: no memory for ", 24), 0);
    assert_int_equal(strchr(line, '\n') - line, (ptrdiff_t)strlen(line) - 1);
}

static void a_buffer_grows_and_keeps_what_is_in_it(void **state) {
    (void)state;
    struct buffer buffer = {0};
    buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.size, 0);
    for (int i = 0; i < 10000; i++)
        buffer_format(&buffer, "%04d", i);
    assert_int_equal(buffer.size, 40000);
    assert_memory_equal(buffer.data + 4 * 1234, "1234", 4);
    size_t size = buffer.size;
    uint8_t *room = buffer_reserve(&buffer, 100000);
    assert_ptr_equal(room, buffer.data + size);
    assert_int_equal(buffer.size, size);
    memset(room, 1, 100000);
    buffer_append_text(&buffer, "end");
    assert_memory_equal(buffer.data + size, "end", 3);
    buffer_free(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
    buffer_free(&buffer);
}

static void formatted_text_has_the_length_it_needs(void **state) {
    (void)state;
    char word[1000];
    memset(word, 'a', sizeof word);
    word[999] = '\0';
    char *text = format_text("%s|%s", word, word);
    assert_int_equal(strlen(text), 1999);
    free(text);
    text = copy_text("");
    assert_string_equal(text, "");
    free(text);
}

static void texts_are_compared_with_their_zeros(void **state) {
    (void)state;
    struct text a = {"a\0b", 3}, b = {"a\0c", 3}, none = {NULL, 0};
    assert_false(text_equal(a, b));
    assert_true(text_equal(a, (struct text){"a\0bc", 3}));
    assert_false(text_is(a, "a"));
    assert_true(text_is(text_of("abc"), "abc"));
    assert_true(text_is(none, ""));
    assert_true(text_equal(none, text_of("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_says_what_and_each_caller_puts_its_place_in_front),
        cmocka_unit_test(the_meaning_of_errno_stands_at_the_end),
        cmocka_unit_test(texts_too_long_are_cut_and_always_end),
        cmocka_unit_test(a_place_may_quote_the_error_itself),
        cmocka_unit_test(allocated_memory_is_zero_and_nothing_is_still_a_pointer),
        cmocka_unit_test(a_size_that_an_input_named_fails_with_an_error),
        cmocka_unit_test(a_size_of_our_own_that_is_not_to_be_had_ends_the_process),
        cmocka_unit_test(a_buffer_grows_and_keeps_what_is_in_it),
        cmocka_unit_test(formatted_text_has_the_length_it_needs),
        cmocka_unit_test(texts_are_compared_with_their_zeros),
    };
    return cmocka_run_group_tests_name("error_memory", tests, NULL, NULL);
}
