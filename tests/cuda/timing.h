/*
 * How the benchmarks of the CUDA device take time: the median of several measurements, each of
 * some repetitions between two waits. Failures end the program.
 */
#ifndef LOCKPICK_TESTS_TIMING_H
#define LOCKPICK_TESTS_TIMING_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/kernel.h"

struct bench; /* what is measured works on */

static void must(bool fine, const struct error *error) {
    if (fine)
        return;
    fprintf(stderr, "bench: %s\n", error->text);
    exit(1);
}

static void wait(struct device *device) {
    struct error error = {0};
    must(device_finish(device, &error), &error);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Median seconds of one call. */
static double time_of(struct device *device, struct bench *b, void (*work)(struct bench *)) {
    enum { ROUNDS = 7, EACH = 5 };
    double seconds[ROUNDS];
    work(b);
    work(b);
    wait(device);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int i = 0; i < EACH; i++)
            work(b);
        wait(device);
        seconds[round] = (now() - start) / EACH;
    }
    qsort(seconds, ROUNDS, sizeof *seconds, ascending);
    return seconds[ROUNDS / 2];
}

#endif
