/* Running a program of the machine that we trust, for what it prints: versions, paths. */
#ifndef LOCKPICK_GRADE_PROGRAM_OUTPUT_H
#define LOCKPICK_GRADE_PROGRAM_OUTPUT_H

#include "base/error.h"
#include "base/memory.h"

/*
 * Replaces `text` by the standard output of the command (found on the PATH; ends with NULL), ended
 * by a zero that `size` counts not. At most 64 KiB. False where it cannot be started or its status
 * is not 0.
 */
bool program_output(const char *const *command, struct buffer *text, struct error *error);

#endif
