/*
 * Problems held in memory, to be joined with completions by id: their prompts and their tests,
 * which are often too heavy to travel with every sample.
 */
#ifndef LOCKPICK_GRADE_CODE_PROBLEMS_H
#define LOCKPICK_GRADE_CODE_PROBLEMS_H

#include "record/record.h"

struct code_problems;

/*
 * Reads the stream `path` (NULL or "-": standard input) to its end; every record needs `id` and
 * `tests`. An id may come again with the same tests, not with others. Memory: the tests and
 * prompts.
 */
struct code_problems *code_problems_read(const char *path, struct error *error);
void code_problems_free(struct code_problems *problems); /* NULL is fine */

const char *code_problems_digest(const struct code_problems *problems); /* 32 hex digits */

/* Borrowed from the problems. `prompt` has size 0 where there is none. */
bool code_problems_find(const struct code_problems *problems, struct text id, struct value *tests,
                        struct text *prompt, struct error *error);

#endif
