/* The CUDA device under the execution shim, for tests that run on it where the build has it. */
#ifndef TESTS_SHIM_H
#define TESTS_SHIM_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIXTURE static inline __attribute__((unused))

/* Makes a library of the build's folder ("lib/liblockpick-shim.so") the CUDA library, in the place
 * of one that was asked for only if told to replace it; false where this build has none. */
FIXTURE bool shim_use(const char *name, bool replace) {
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 256);
    path[size > 0 ? size : 0] = 0;
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    snprintf(slash, 256, "/../%s", name);
    if (access(path, R_OK) != 0)
        return false;
    setenv("LOCKPICK_CUDA_LIBRARY", path, replace);
    return true;
}

/* The execution shim. */
FIXTURE bool shim_here(void) {
    return shim_use("lib/liblockpick-shim.so", false);
}

#endif
