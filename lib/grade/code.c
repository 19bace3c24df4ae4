/* From a program and its tests to a verdict. */
#include "grade/code.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grade/code_compare.h"

enum { MEGABYTE = 1 << 20, THREADS = 32, SECRET = 33 };

struct code_grader {
    const struct compiler *compiler;
    struct code_settings settings;
    struct sandbox *compiling, *running;
    struct buffer source;
};

const char *code_verdict_name(enum code_verdict verdict) {
    static const char *const names[CODE_VERDICTS] = {
        [CODE_PASS] = "pass",
        [CODE_NO_CODE] = "no-code",
        [CODE_COMPILE_ERROR] = "compile-error",
        [CODE_FILE_WRITE] = "file-write",
        [CODE_TIME_LIMIT] = "time-limit",
        [CODE_MEMORY_LIMIT] = "memory-limit",
        [CODE_OUTPUT_LIMIT] = "output-limit",
        [CODE_RUNTIME_ERROR] = "runtime-error",
        [CODE_WRONG_OUTPUT] = "wrong-output",
    };
    return names[verdict];
}

struct code_grader *code_grader_open(const struct compiler *compiler,
                                     const struct code_settings *settings, struct error *error) {
    struct code_grader *grader = allocate(1, sizeof *grader);
    struct sandbox_setup compiling = compiler_sandbox(compiler, SANDBOX_COMPILER);
    struct sandbox_setup running = compiler_sandbox(compiler, SANDBOX_PROGRAM);

    grader->compiler = compiler;
    grader->settings = *settings;
    grader->compiling = sandbox_open(&compiling, error);
    if (grader->compiling != NULL)
        grader->running = sandbox_open(&running, error);
    if (grader->running != NULL)
        return grader;
    code_grader_close(grader);
    return NULL;
}

void code_grader_close(struct code_grader *grader) {
    if (grader == NULL)
        return;
    sandbox_close(grader->compiling);
    sandbox_close(grader->running);
    buffer_free(&grader->source);
    free(grader);
}

void code_grader_kill(struct code_grader *grader) {
    sandbox_kill(grader->compiling);
    sandbox_kill(grader->running);
}

/* ---- compiling ---- */

/*
 * What stands between a program and its harness: two line ends, for a backslash may stand before
 * the first; and there main, assert() and the words that a harness fails by mean what they mean,
 * whatever the program defined them to be. Types keep their macros, for the program's functions
 * were declared with them.
 */
static const char before_harness[] =
    "\n\n#undef NDEBUG\n#undef __assert_fail\n#include <assert.h>\n#undef main\n#undef exit\n"
    "#undef _Exit\n#undef abort\n#undef if\n#undef else\n#undef while\n#undef for\n#undef do\n"
    "#undef switch\n#undef case\n#undef default\n#undef break\n#undef continue\n#undef goto\n"
    "#undef return\n#undef throw\n#undef try\n#undef catch\n#undef static_cast\n#undef true\n"
    "#undef false\n#line 1 \"harness.cpp\"\n";

/* The text that is compiled. A harness may begin inside of the program's last function. */
static struct text compose(struct code_grader *grader, struct text code, struct text harness) {
    struct buffer *source = &grader->source;

    source->size = 0;
    if (harness.size > 0)
        buffer_append_text(source, "#include <assert.h>\n");
    buffer_append_text(source, "#line 1 \"program.cpp\"\n");
    buffer_append(source, code.bytes, code.size);
    if (harness.size > 0) {
        buffer_append_text(source, before_harness);
        buffer_append(source, harness.bytes, harness.size);
    }
    buffer_append_text(source, "\n");
    return (struct text){(const char *)source->data, source->size};
}

static bool compile(struct code_grader *grader, struct text code, const struct code_test *test,
                    struct compilation *compiled, struct error *error) {
    struct text harness = test->is_harness ? test->harness : (struct text){"", 0};

    return compile_program(grader->compiler, grader->compiling, compose(grader, code, harness),
                           test->is_harness, grader->settings.compile_seconds, compiled, error);
}

/* ---- running ---- */

/* One run and what came out of it. */
struct run {
    int input, output, errors, said; /* `said`: what main() of a harness says when it returns */
    char secret[SECRET];
    struct sandbox_outcome outcome;
};

static void run_close(struct run *run) {
    int files[] = {run->input, run->output, run->errors, run->said};

    for (unsigned i = 0; i < 4; i++)
        if (files[i] >= 0)
            close(files[i]);
}

static bool run_open(struct run *run, const struct code_test *test, struct error *error) {
    struct text input = test->is_harness ? (struct text){"", 0} : test->input;

    *run = (struct run){.input = -1, .output = -1, .errors = -1, .said = -1};
    run->input = memory_file_sealed(input.bytes, input.size, error);
    run->output = run->input >= 0 ? memory_file("output", error) : -1;
    run->errors = run->output >= 0 ? memory_file("errors", error) : -1;
    if (run->errors >= 0 && test->is_harness) {
        unsigned char bytes[(SECRET - 1) / 2] = {0};
        run->said = memory_file("said", error);
        if (run->said >= 0 && getentropy(bytes, sizeof bytes) != 0)
            return error_set_errno(error, "random bytes");
        for (unsigned i = 0; i < sizeof bytes; i++)
            snprintf(run->secret + (size_t)2 * i, 3, "%02x", bytes[i]);
        return run->said >= 0;
    }
    return run->errors >= 0;
}

static bool run_program(struct code_grader *grader, int program, struct run *run,
                        struct error *error) {
    const struct code_settings *settings = &grader->settings;
    const char *const arguments[] = {"program", run->said >= 0 ? run->secret : NULL, NULL};
    struct sandbox_command command = {
        .limits = {.cpu_microseconds = settings->cpu_microseconds,
                   .idle_microseconds = settings->idle_microseconds,
                   .wall_microseconds = 12 * settings->idle_microseconds,
                   .address_space = 2 * settings->memory_bytes + 256 * (uint64_t)MEGABYTE,
                   .stack = 64 * (uint64_t)MEGABYTE,
                   .file_size = settings->output_bytes,
                   .processes = THREADS},
        .arguments = arguments,
        .program = program,
        .input = run->input,
        .output = run->output,
        .errors = run->errors,
        .extra = run->said,
        .result = -1,
    };

    return sandbox_run(grader->running, &command, &run->outcome, error);
}

/* ---- judging ---- */

static void say(struct code_grade *grade, enum code_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct code_grade *grade, enum code_verdict verdict, const char *format, ...) {
    va_list arguments;

    grade->verdict = verdict;
    va_start(arguments, format);
    vsnprintf(grade->found, sizeof grade->found, format, arguments);
    va_end(arguments);
    for (char *c = grade->found; *c != '\0'; c++) /* the compiler quotes what it was given */
        if (*c < ' ' || *c > '~')
            *c = '?';
}

static uint64_t file_size(int file) {
    struct stat status;

    return fstat(file, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* Whether it ended, as the C++ library says on standard error, by memory that it did not get. */
static bool ended_without_memory(const struct run *run) {
    char text[1024];
    uint64_t size = file_size(run->errors);
    uint64_t from = size < sizeof text - 1 ? 0 : size - (sizeof text - 1);
    ssize_t got = pread(run->errors, text, sizeof text - 1, (off_t)from);

    text[got > 0 ? got : 0] = '\0';
    return WIFSIGNALED(run->outcome.status) && WTERMSIG(run->outcome.status) == SIGABRT &&
           strstr(text, "terminate called after throwing an instance of 'std::bad_a") != NULL;
}

/* Whether main() of the harness returned 0: descriptor 3 holds the secret. */
static bool harness_finished(const struct run *run) {
    char said[SECRET] = "";

    return run->said < 0 || (pread(run->said, said, sizeof said, 0) == SECRET - 1 &&
                             memcmp(said, run->secret, SECRET - 1) == 0);
}

/* Words of foreign text for a message: printable, and not many. */
static void quote(struct text word, char text[48]) {
    size_t size = word.size < 40 ? word.size : 40;

    for (size_t i = 0; i < size; i++)
        text[i] = word.bytes[i] >= ' ' && word.bytes[i] < 127 ? word.bytes[i] : '?';
    snprintf(text + size, 48 - size, "%s", size < word.size ? "..." : "");
}

static bool judge_output(const struct run *run, const struct code_test *test,
                         struct code_grade *grade, struct error *error) {
    size_t size = (size_t)file_size(run->output);
    struct output_difference difference;
    const char *bytes = "";
    char got[48], right[48];

    if (size > 0)
        bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, run->output, 0);
    if (bytes == MAP_FAILED)
        return error_set_errno(error, "reading an output of %zu bytes", size);
    if (!code_outputs_equal((struct text){bytes, size}, test->output, &difference)) {
        quote(difference.got, got);
        quote(difference.right, right);
        if (difference.got.size == 0)
            say(grade, CODE_WRONG_OUTPUT, "output ends before word %zu, '%s'", difference.word,
                right);
        else if (difference.right.size == 0)
            say(grade, CODE_WRONG_OUTPUT, "word %zu of the output, '%s', is one too many",
                difference.word, got);
        else
            say(grade, CODE_WRONG_OUTPUT, "word %zu of the output is '%s'; '%s' would be right",
                difference.word, got, right);
    }
    if (size > 0)
        munmap((void *)(uintptr_t)bytes, size);
    return true;
}

static bool judge_status(const struct run *run, struct code_grade *grade, struct error *error) {
    int status = run->outcome.status;

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return error_set(error, "a program was killed from outside of the sandbox; the machine may "
                                "be short of memory");
    if (WIFSIGNALED(status))
        say(grade, CODE_RUNTIME_ERROR, "signal %d (%s)", WTERMSIG(status),
            sigdescr_np(WTERMSIG(status)) != NULL ? sigdescr_np(WTERMSIG(status)) : "unknown");
    else if (WEXITSTATUS(status) != 0)
        say(grade, CODE_RUNTIME_ERROR, "status %d", WEXITSTATUS(status));
    else if (!harness_finished(run))
        say(grade, CODE_RUNTIME_ERROR, "ended before main() of the harness returned");
    return true;
}

/* The conditions, in the order of the verdicts. Leaves CODE_PASS where none holds. */
static bool judge(const struct code_grader *grader, const struct run *run,
                  const struct code_test *test, struct code_grade *grade, struct error *error) {
    const struct code_settings *settings = &grader->settings;
    const struct sandbox_outcome *outcome = &run->outcome;

    if (outcome->refused != 0)
        say(grade, CODE_RUNTIME_ERROR, "cannot be executed: %s", strerrordesc_np(outcome->refused));
    else if (WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGSYS)
        say(grade, CODE_FILE_WRITE, "tried to write a file");
    else if (outcome->peak_bytes > settings->memory_bytes || ended_without_memory(run))
        say(grade, CODE_MEMORY_LIMIT, "more than %g MiB",
            (double)settings->memory_bytes / MEGABYTE);
    else if ((WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGXFSZ) ||
             file_size(run->output) >= settings->output_bytes ||
             file_size(run->errors) >= settings->output_bytes)
        say(grade, CODE_OUTPUT_LIMIT, "%g MiB or more", (double)settings->output_bytes / MEGABYTE);
    else if (outcome->end == ENDED_BY_CPU || outcome->cpu_microseconds > settings->cpu_microseconds)
        say(grade, CODE_TIME_LIMIT, "more than %g s", (double)settings->cpu_microseconds / 1e6);
    else if (outcome->end != ENDED_BY_ITSELF)
        say(grade, CODE_TIME_LIMIT, "%s for %g s",
            outcome->end == ENDED_BY_IDLENESS ? "idle" : "not done",
            (double)settings->idle_microseconds * (outcome->end == ENDED_BY_CLOCK ? 12 : 1) / 1e6);
    else if (!judge_status(run, grade, error))
        return false;
    else if (grade->verdict == CODE_PASS && !test->is_harness)
        return judge_output(run, test, grade, error);
    return true;
}

static bool run_test(struct code_grader *grader, const struct compilation *compiled,
                     const struct code_test *test, struct code_grade *grade, struct error *error) {
    struct run run;
    bool fine;

    if (compiled->image_bytes > 2 * grader->settings.memory_bytes) {
        say(grade, CODE_MEMORY_LIMIT, "global variables of %g MiB",
            (double)compiled->image_bytes / MEGABYTE);
        return true;
    }
    fine = run_open(&run, test, error) && run_program(grader, compiled->program, &run, error) &&
           judge(grader, &run, test, grade, error);
    grade->microseconds = run.outcome.cpu_microseconds;
    run_close(&run);
    return fine;
}

/* ---- all tests ---- */

/* Adds one test's result; the first failure is the verdict. */
static void note(struct code_grade *grade, const struct code_grade *one, size_t number) {
    if (one->microseconds > grade->microseconds)
        grade->microseconds = one->microseconds;
    if (one->verdict == CODE_PASS) {
        grade->passed++;
    } else if (grade->verdict == CODE_PASS) {
        grade->verdict = one->verdict;
        if (one->verdict == CODE_COMPILE_ERROR)
            memcpy(grade->found, one->found, sizeof grade->found);
        else
            snprintf(grade->found, sizeof grade->found, "test %zu: %.290s", number, one->found);
    }
}

bool code_grade(struct code_grader *grader, struct text code, const struct code_tests *tests,
                struct code_grade *grade, struct error *error) {
    struct compilation compiled = {.program = -1};
    bool have_program = false, fine = true;

    *grade = (struct code_grade){.total = (uint32_t)tests->count};
    if (code.size == 0) {
        grade->verdict = CODE_NO_CODE;
        return true;
    }
    for (size_t i = 0; fine && i < tests->count; i++) {
        const struct code_test *test = &tests->items[i];
        struct code_grade one = {.verdict = CODE_PASS};
        if (!have_program || test->is_harness) {
            if (compiled.program >= 0)
                close(compiled.program);
            fine = compile(grader, code, test, &compiled, error);
            have_program = !test->is_harness;
        }
        if (fine && compiled.program < 0)
            say(&one, CODE_COMPILE_ERROR, "%s", compiled.message);
        else if (fine)
            fine = run_test(grader, &compiled, test, &one, error);
        note(grade, &one, i + 1);
        if (grade->verdict != CODE_PASS && !grader->settings.all_tests)
            break;
    }
    if (compiled.program >= 0)
        close(compiled.program);
    return fine;
}
