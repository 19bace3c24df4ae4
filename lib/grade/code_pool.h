/*
 * Several programs graded at once, each by a thread with sandboxes of its own, and handed back in
 * the order in which they came.
 */
#ifndef LOCKPICK_GRADE_CODE_POOL_H
#define LOCKPICK_GRADE_CODE_POOL_H

#include "grade/code.h"
#include "grade/verdict_cache.h"
#include "record/record.h"

/* One on its way. The caller fills the first part, the pool the second. */
struct code_job {
    struct record record;   /* a copy, which `code` and `tests` may borrow from */
    char place[512];        /* where it came from, for errors */
    struct buffer composed; /* memory for a `code` that is put together */
    struct text code;
    struct code_tests tests;

    struct code_grade grade;
    struct error error; /* not empty: it could not be graded, by no fault of the program's */
};

struct code_pool;

/* Opens the sandboxes of `threads` graders. `cache` may be NULL; it and `compiler` must outlive the
 * pool. */
struct code_pool *code_pool_open(const struct compiler *compiler,
                                 const struct code_settings *settings,
                                 const struct verdict_cache *cache, unsigned threads,
                                 struct error *error);
/* Kills what is in work, frees all. NULL is fine. */
void code_pool_close(struct code_pool *pool);

/* The next job to fill; NULL when as many as are useful are under way. */
struct code_job *code_pool_input(struct code_pool *pool);
/* Gives the job of the last code_pool_input() to be graded. */
void code_pool_give(struct code_pool *pool);
/*
 * The oldest job, when it is graded, waiting for that; valid until the next code_pool_input(). NULL
 * when none is under way, or a signal asks to stop.
 */
struct code_job *code_pool_take(struct code_pool *pool);

#endif
