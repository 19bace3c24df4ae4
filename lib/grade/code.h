/*
 * Grading one program: compile it, run it on each test, say what became of it. The expected outputs
 * stay out here; a sandbox sees the program, and the input of the test in work.
 */
#ifndef LOCKPICK_GRADE_CODE_H
#define LOCKPICK_GRADE_CODE_H

#include "grade/code_compiler.h"
#include "grade/code_tests.h"

/* In the order in which they are looked for; the manual has the exact conditions. */
enum code_verdict {
    CODE_PASS,
    CODE_NO_CODE,
    CODE_COMPILE_ERROR,
    CODE_FILE_WRITE,
    CODE_MEMORY_LIMIT,
    CODE_OUTPUT_LIMIT,
    CODE_TIME_LIMIT,
    CODE_RUNTIME_ERROR,
    CODE_WRONG_OUTPUT,
};
enum { CODE_VERDICTS = CODE_WRONG_OUTPUT + 1 };

/* "pass", "wrong-output", … */
const char *code_verdict_name(enum code_verdict verdict);

struct code_settings {
    uint64_t cpu_microseconds;  /* a test */
    uint64_t idle_microseconds; /* on the clock, without computing; twelve times that in all */
    uint64_t memory_bytes;      /* resident */
    uint64_t output_bytes;
    double compile_seconds; /* CPU time of the compiler */
    bool all_tests;         /* not only up to the first that fails */
};

struct code_grade {
    enum code_verdict verdict; /* of the first test that fails */
    uint32_t passed, total;
    uint64_t microseconds; /* CPU time of the slowest test */
    char found[320];       /* what there is to say about the failure; empty: nothing */
};

/* One at work: a sandbox for the compiler and one for programs. */
struct code_grader;

/* `compiler` must outlive it. */
struct code_grader *code_grader_open(const struct compiler *compiler,
                                     const struct code_settings *settings, struct error *error);
void code_grader_close(struct code_grader *grader); /* NULL is fine */
/* Makes a code_grade() of another thread fail soon. */
void code_grader_kill(struct code_grader *grader);

/* False: a fault of ours, and no grade. `code` of size 0 is CODE_NO_CODE. */
bool code_grade(struct code_grader *grader, struct text code, const struct code_tests *tests,
                struct code_grade *grade, struct error *error);

#endif
