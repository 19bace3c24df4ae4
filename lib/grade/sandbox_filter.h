/*
 * Inside of the sandbox: which system calls may be made, as seccomp filters built by libseccomp and
 * kept as plain BPF, so that putting one on costs a child a single call.
 *
 * A judged program gets a list of what is allowed: memory, its open files, reading, clocks,
 * threads. Anything that would write to a file system, by whatever name, ends it with SIGSYS, and
 * nothing else does (it cannot send itself that signal), so SIGSYS as cause of death means: tried
 * to write a file. Everything else fails as on a kernel that does not have the call (ENOSYS),
 * forking with EAGAIN. Calls of another architecture (i386, x32) fail the same way.
 *
 * The compiler is a program that we trust with a text that we do not: it gets all but a list of
 * what no compiler needs.
 */
#ifndef LOCKPICK_GRADE_SANDBOX_FILTER_H
#define LOCKPICK_GRADE_SANDBOX_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

#include "base/error.h"

enum filter_kind { FILTER_PROGRAM, FILTER_COMPILER };

/* BPF; `code.filter` is owned by the caller, who calls free(). */
bool syscall_filter_build(enum filter_kind kind, struct sock_fprog *code, struct error *error);

/* Puts the filter on the calling process for good; needs PR_SET_NO_NEW_PRIVS. Async-signal-safe.
 * False with errno. */
bool syscall_filter_apply(const struct sock_fprog *code);

#endif
