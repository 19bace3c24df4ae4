/*
 * A place where code written by nobody knows whom can run: bubblewrap with namespaces of its own
 * (user, mount, network, processes, IPC, host name), a root of a few read-only files, a seccomp
 * filter, and resource limits. One sandbox lives long and runs many commands, one at a time:
 * bubblewrap starts our own executable again in a hidden mode (sandbox_server.c), which, as process
 * 1 of the sandbox, forks for each command, measures it, and kills whatever is left of it. Nothing
 * goes in or comes out but through descriptors that the caller hands over with each command.
 *
 * Started as root, bubblewrap is first given a user id that owns nothing, for limits on processes
 * do not bind root. Everything in a sandbox dies with the thread that opened it.
 */
#ifndef LOCKPICK_GRADE_SANDBOX_H
#define LOCKPICK_GRADE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

enum { SANDBOX_USER = 65533 }; /* what root becomes: an id that systems leave unused */

enum sandbox_kind {
    SANDBOX_PROGRAM,  /* for judged programs: one process, no file writing (sandbox_filter.h) */
    SANDBOX_COMPILER, /* for the compiler: processes, and an empty /tmp for each command */
};

/* A file or folder of the host that is seen inside, read-only. */
struct sandbox_bind {
    char *from;
    char *to;
};

struct sandbox_setup {
    enum sandbox_kind kind;
    const struct sandbox_bind *binds;
    size_t bind_count;
};

struct sandbox_limits {
    uint64_t cpu_microseconds;  /* all threads together; 0: none but the clock below */
    uint64_t idle_microseconds; /* time on the clock in which less than 1/500 of it is computed */
    uint64_t wall_microseconds; /* time on the clock in all */
    uint64_t address_space;     /* bytes */
    uint64_t stack;             /* bytes */
    uint64_t file_size;         /* bytes; what is written into a descriptor that is a file */
    uint64_t processes;         /* threads too */
};

/*
 * One command. `program` is an executable's descriptor (a sealed memfd), or −1: then `path` names
 * one inside. Descriptors are borrowed.
 */
struct sandbox_command {
    struct sandbox_limits limits;
    const char *const *arguments; /* from the name it is called by on; ends with NULL */
    int program;
    const char *path;
    int input, output, errors; /* its descriptors 0, 1, 2 */
    int extra;                 /* its descriptor 3, or −1 */
    int result;                /* receives /tmp/result, or −1 */
};

/* Who ended the command. */
enum sandbox_end { ENDED_BY_ITSELF, ENDED_BY_CPU, ENDED_BY_IDLENESS, ENDED_BY_CLOCK };

struct sandbox_outcome {
    int refused; /* errno with which the kernel refused to execute such a `program`; 0: it began */
    int status;  /* as wait() gives it */
    enum sandbox_end end;
    uint64_t cpu_microseconds;
    uint64_t peak_bytes; /* resident */
};

struct sandbox;

/* Fails with what the machine lacks and how it is allowed. */
struct sandbox *sandbox_open(const struct sandbox_setup *setup, struct error *error);
/* False: the sandbox itself failed; nothing may be concluded about the command. */
bool sandbox_run(struct sandbox *sandbox, const struct sandbox_command *command,
                 struct sandbox_outcome *outcome, struct error *error);
/* Makes a sandbox_run() of another thread fail soon. */
void sandbox_kill(struct sandbox *sandbox);
void sandbox_close(struct sandbox *sandbox); /* NULL is fine */

/*
 * Every executable that opens sandboxes calls this first in main(): in the hidden mode it serves
 * the sandbox and does not return, else it returns at once.
 */
void sandbox_serve_if_asked(int argc, char **argv);

/* Memory files: new, of these bytes and unchangeable; and one to write into. −1 with an error. */
int memory_file_sealed(const void *bytes, size_t size, struct error *error);
int memory_file(const char *name, struct error *error);
void memory_file_seal(int descriptor); /* unchangeable from here on, and at its start */

#endif
