/*
 * Progress on stderr: count, rate and time left while stderr is a terminal, nothing while it is a
 * pipe; at the end one summary line. -q silences both.
 */
#ifndef LOCKPICK_BASE_PROGRESS_H
#define LOCKPICK_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *name; /* of the tool */
    const char *unit; /* "records", "steps" */
    uint64_t done;
    uint64_t total; /* 0: unknown */
    double started; /* seconds on the monotonic clock */
    double drawn;
    bool live;
    bool quiet;
};

void progress_start(struct progress *progress, const char *name, const char *unit, uint64_t total,
                    bool quiet);
/* Adds `count`; redraws at most ten times a second. `detail` (may be NULL) stands at the end. */
void progress_add(struct progress *progress, uint64_t count, const char *detail);
/* Clears the live line and prints the summary: "name: 1000 records in 0.2 s[, detail]". */
void progress_finish(struct progress *progress, const char *detail);

double monotonic_seconds(void);

#endif
