/* The live line and the summary. */
#include "base/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

double monotonic_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void progress_start(struct progress *progress, const char *name, const char *unit, uint64_t total,
                    bool quiet) {
    *progress = (struct progress){.name = name, .unit = unit, .total = total, .quiet = quiet};
    progress->started = progress->drawn = monotonic_seconds();
    progress->live = !quiet && isatty(STDERR_FILENO);
}

static void draw(const struct progress *progress, double now, const char *detail) {
    double elapsed = now - progress->started;
    double rate = elapsed > 0 ? (double)progress->done / elapsed : 0;
    fprintf(stderr, "\r\033[K%s: %llu", progress->name, (unsigned long long)progress->done);
    if (progress->total > 0)
        fprintf(stderr, "/%llu", (unsigned long long)progress->total);
    fprintf(stderr, " %s, %.0f/s", progress->unit, rate);
    if (progress->total > progress->done && rate > 0)
        fprintf(stderr, ", %.0f s left", (double)(progress->total - progress->done) / rate);
    if (detail)
        fprintf(stderr, ", %s", detail);
    fflush(stderr);
}

void progress_add(struct progress *progress, uint64_t count, const char *detail) {
    progress->done += count;
    if (!progress->live)
        return;
    double now = monotonic_seconds();
    if (now - progress->drawn < 0.1)
        return;
    progress->drawn = now;
    draw(progress, now, detail);
}

void progress_finish(struct progress *progress, const char *detail) {
    if (progress->live)
        fputs("\r\033[K", stderr);
    if (progress->quiet)
        return;
    fprintf(stderr, "%s: %llu %s in %.1f s%s%s\n", progress->name,
            (unsigned long long)progress->done, progress->unit,
            monotonic_seconds() - progress->started, detail ? ", " : "", detail ? detail : "");
}
