/*
 * The frame of every tool: start-up, --help, the error line, exit codes, signals. Only this file
 * of lib/ prints and exits, on behalf of main(). Exit: 0 done, 1 failed, 2 wrong usage.
 */
#ifndef LOCKPICK_BASE_TOOL_H
#define LOCKPICK_BASE_TOOL_H

#include "base/options.h"

#define LOCKPICK_VERSION "0.1.0"

struct tool {
    const char *name;                   /* "train" */
    const char *usage;                  /* "[options] [FILE ...]"; lines are alternatives */
    const char *summary;                /* what it does, one sentence */
    const struct option_entry *options; /* ends with {OPTION_END} or {0} */
    const char *notes;                  /* paragraphs behind the options in --help, or NULL */
    bool computes;                      /* uses OpenMP: restarts itself with passive waiting */
};

/* What start-up found out. Owned by main; tool_end() frees it. */
struct invocation {
    const struct tool *tool;
    struct operands operands;
    struct buffer arguments; /* canonical options, a line each, for provenance; no final zero */
    bool quiet;              /* -q */
};

/*
 * Parses the command line (every tool also has -h, --help, --version, -q, --quiet), answers
 * --help and --version by itself, leaves with 2 on wrong usage, and makes SIGINT and SIGTERM set
 * the flag that stop_requested() reads.
 */
void tool_start(struct invocation *invocation, const struct tool *tool, int argc, char **argv);
void tool_end(struct invocation *invocation);

/* "name: text" on stderr with control characters escaped; exits with 1. */
_Noreturn void tool_fail(const struct invocation *invocation, const struct error *error);

/* "name: text; see name --help" on stderr; exits with 2. */
_Noreturn void tool_misused(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "name: text" on stderr, and on with it: for summaries and warnings; silent under -q. */
void tool_say(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same in spite of -q: for what the user would not want to miss. */
void tool_warn(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether SIGINT or SIGTERM came. Blocking reads end with EINTR then. */
bool stop_requested(void);

#endif
