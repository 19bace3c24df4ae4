/* What the sandbox says of programs that the kernel refuses, and whose fault it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "grade/sandbox.h"

/* NULL where this machine allows none, which the tool's own tests look at. */
static struct sandbox *sandbox;

static const struct sandbox_limits limits = {
    .cpu_microseconds = 1000000,
    .idle_microseconds = 10000000,
    .wall_microseconds = 60000000,
    .address_space = 1 << 30,
    .stack = 1 << 20,
    .file_size = 1 << 20,
    .processes = 1,
};

/* Runs these bytes as a program, or what is at `path` inside. */
static bool run(const char *program, const char *path, struct sandbox_outcome *outcome,
                struct error *error) {
    const char *const arguments[] = {"name", NULL};
    int file = memory_file_sealed(program, program != NULL ? strlen(program) : 0, error);
    int nothing = memory_file("nothing", error);
    struct sandbox_command command = {.limits = limits,
                                      .arguments = arguments,
                                      .program = program != NULL ? file : -1,
                                      .path = path,
                                      .input = nothing,
                                      .output = nothing,
                                      .errors = nothing,
                                      .extra = -1,
                                      .result = -1};
    bool fine = sandbox_run(sandbox, &command, outcome, error);

    close(file);
    close(nothing);
    return fine;
}

static void a_program_that_is_none_is_refused_and_the_sandbox_is_whole(void **state) {
    struct sandbox_outcome outcome;
    struct error error = {0};

    (void)state;
    if (sandbox == NULL)
        skip();
    for (int i = 0; i < 2; i++) {
        assert_true(run("\x7f"
                        "ELF, and no more",
                        NULL, &outcome, &error));
        assert_int_equal(outcome.refused, ENOEXEC);
    }
}

static void what_the_sandbox_lacks_is_its_own_failure(void **state) {
    struct sandbox_outcome outcome;
    struct error error = {0};

    (void)state;
    if (sandbox == NULL)
        skip();
    assert_false(run(NULL, "/no/such/file", &outcome, &error));
    assert_non_null(strstr(error.text, "exec: No such file or directory"));
    error = (struct error){0};
    assert_false(run("#!/no/such/loader\n", NULL, &outcome, &error));
    assert_non_null(strstr(error.text, "exec: No such file or directory"));
    assert_int_equal(outcome.refused, 0);
}

static int open_sandbox(void **state) {
    const struct sandbox_setup setup = {.kind = SANDBOX_PROGRAM};
    struct error error = {0};

    (void)state;
    sandbox = sandbox_open(&setup, &error);
    if (sandbox == NULL)
        printf("skipped: %s\n", error.text);
    return 0;
}

static int close_sandbox(void **state) {
    (void)state;
    sandbox_close(sandbox);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_is_none_is_refused_and_the_sandbox_is_whole),
        cmocka_unit_test(what_the_sandbox_lacks_is_its_own_failure),
    };

    sandbox_serve_if_asked(argc, argv);
    return cmocka_run_group_tests(tests, open_sandbox, close_sandbox);
}
