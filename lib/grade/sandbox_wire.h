/*
 * Inside of lib/grade: what sandbox.c and the server in the sandbox say to each other over a socket
 * of whole packets. Both ends are the same executable, so the structs travel as they are.
 * Descriptors go along in the order of enum wire_descriptor; those that are absent are left out,
 * `present` says which are there.
 */
#ifndef LOCKPICK_GRADE_SANDBOX_WIRE_H
#define LOCKPICK_GRADE_SANDBOX_WIRE_H

#include "grade/sandbox.h"

#define SANDBOX_MODE "lockpick-sandbox" /* argv[1] of the hidden mode */

enum {
    WIRE_SOCKET = 3, /* the server's end */
    WIRE_ARGUMENTS = 16384,
    WIRE_MAX_ARGUMENTS = 256,
};

enum wire_descriptor {
    WIRE_PROGRAM,
    WIRE_INPUT,
    WIRE_OUTPUT,
    WIRE_ERRORS,
    WIRE_EXTRA,
    WIRE_RESULT,
    WIRE_COUNT
};

struct wire_command {
    struct sandbox_limits limits;
    uint32_t present; /* bit i: descriptor i comes along */
    uint32_t argument_count;
    uint32_t argument_bytes;
    /* The path, then the arguments: each ends with a zero; the packet ends behind the last. */
    char arguments[WIRE_ARGUMENTS];
};

/* The first packet says that the sandbox stands; then there is one for each command. */
struct wire_outcome {
    struct sandbox_outcome outcome;
    char failure[256]; /* empty: none. The sandbox's own, not the command's */
};

#endif
