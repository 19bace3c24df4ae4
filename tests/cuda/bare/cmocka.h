/*
 * As much of cmocka as the operation tests use, for a machine that has no packages: a failed
 * assertion is told with its place and ends the program.
 */
#ifndef TESTS_BARE_CMOCKA_H
#define TESTS_BARE_CMOCKA_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*function)(void **state);
};

#define cmocka_unit_test(function)                                                                 \
    { #function, function }

static inline __attribute__((noreturn, format(printf, 3, 4))) void
bare_fail(const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s:%d: ", file, line);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    exit(1);
}

#define fail_msg(...) bare_fail(__FILE__, __LINE__, __VA_ARGS__)
#define assert_true(what)                                                                          \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("%s does not hold", #what);                                                   \
    } while (0)
#define assert_false(what) assert_true(!(what))
#define assert_non_null(what) assert_true((what) != NULL)
#define assert_null(what) assert_true((what) == NULL)
#define assert_int_equal(a, b) assert_true((uint64_t)(a) == (uint64_t)(b))
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)
#define assert_string_equal(a, b)                                                                  \
    do {                                                                                           \
        if (strcmp(a, b) != 0)                                                                     \
            fail_msg("\"%s\" is not \"%s\"", a, b);                                                \
    } while (0)
#define skip() return

static inline int bare_run(const struct CMUnitTest *tests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        printf("%s\n", tests[i].name);
        fflush(stdout);
        tests[i].function(&state);
    }
    printf("%zu passed\n", count);
    return 0;
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    bare_run(tests, sizeof(tests) / sizeof *(tests))

#endif
