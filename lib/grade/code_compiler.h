/*
 * g++ on the machine: which one, with which options, seen through which folders; its precompiled
 * standard headers, made once per compiler and kept; and compiling one program in a sandbox.
 *
 * A program is compiled in up to three ways. First, where it includes <cstdio> and nothing else (as
 * those of mini-code do), as it stands and linked with the C library alone, which is quickest. Then
 * with a prelude, the precompiled headers that nearly all programs need, in front of it (and
 * `bits/stdc++.h` standing for the prelude), which takes a third of the time that all headers take.
 * Last as it stands, against the true headers. It is refused only when all of them refuse it.
 */
#ifndef LOCKPICK_GRADE_CODE_COMPILER_H
#define LOCKPICK_GRADE_CODE_COMPILER_H

#include "grade/sandbox.h"

struct compiler;

/*
 * Finds g++ on the PATH. `folder`: where precompiled headers are kept; NULL: /var/cache/lockpick
 * for root, else $XDG_CACHE_HOME/lockpick or ~/.cache/lockpick. Makes them where they are not there
 * yet, which takes about ten seconds. `optimize`: 0 … 3.
 */
struct compiler *compiler_open(const char *folder, int optimize, struct error *error);
void compiler_close(struct compiler *compiler); /* NULL is fine */

/* Version, target and options in one line: two compilers with the same one give the same programs.
 */
const char *compiler_identity(const struct compiler *compiler);

/* What a sandbox of each kind has to see. Borrowed from the compiler. */
struct sandbox_setup compiler_sandbox(const struct compiler *compiler, enum sandbox_kind kind);

struct compilation {
    int program;          /* a sealed memory file, to be closed; −1: refused */
    uint64_t image_bytes; /* what its segments take in memory */
    char message[256];    /* when refused: the compiler's first error, or what is missing */
};

/*
 * Compiles `source`. With `harness`, main() has to return 0 for descriptor 3 to receive what the
 * program was given as its first argument (which main itself does not see). `seconds`: CPU time of
 * each of the compiler's processes, rounded up to whole ones. False: a fault of ours.
 */
bool compile_program(const struct compiler *compiler, struct sandbox *sandbox, struct text source,
                     bool harness, double seconds, struct compilation *result, struct error *error);

#endif
