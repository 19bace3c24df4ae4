/*
 * The CUDA device is a library of its own, so that one build runs on machines with and without a
 * GPU: liblockpick-cuda.so beside this one, or what LOCKPICK_CUDA_LIBRARY names, loaded when such a
 * device is asked for. It stays loaded: CUDA's runtime does not survive being taken away.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "kernel/device.h"

/* "cuda" → 0, "cuda:3" → 3; −1: no such name. */
static int device_index(const char *name) {
    if (name[4] == 0)
        return 0;
    int index = 0;
    const char *digit = name + 5;
    if (*digit == 0)
        return -1;
    for (; *digit >= '0' && *digit <= '9' && index < 1000; digit++)
        index = 10 * index + (*digit - '0');
    return *digit == 0 ? index : -1;
}

/* The library's path, to be freed. */
static char *library_path(void) {
    const char *forced = getenv("LOCKPICK_CUDA_LIBRARY");
    if (forced != NULL && *forced != 0)
        return format_text("%s", forced);
    Dl_info here;
    if (dladdr((const void *)&cuda_device_open, &here) == 0 || here.dli_fname == NULL)
        return format_text("liblockpick-cuda.so");
    const char *slash = strrchr(here.dli_fname, '/');
    int folder = slash != NULL ? (int)(slash - here.dli_fname + 1) : 0;
    return format_text("%.*sliblockpick-cuda.so", folder, here.dli_fname);
}

bool cuda_device_likely(void) {
    const char *forced = getenv("LOCKPICK_CUDA_LIBRARY");
    return (forced != NULL && *forced != 0) || access("/dev/nvidiactl", F_OK) == 0 ||
           access("/dev/dxg", F_OK) == 0;
}

struct device *cuda_device_open(const char *name, int threads, struct error *error) {
    int index = device_index(name);
    if (index < 0) {
        error_set(error, "device %s: there is no such device; use cuda or cuda:N", name);
        return NULL;
    }
    char *path = library_path();
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cuda_open *open = NULL;
    if (library != NULL)
        open = (cuda_open *)dlsym(library, "lockpick_cuda_open");
    if (open == NULL) {
        const char *reason = dlerror();
        error_set(error, "device %s: no CUDA library (%s); build with nvcc, or use --device cpu",
                  name, reason != NULL ? reason : path);
    }
    free(path);
    if (open == NULL)
        return NULL;
    return open(name, index, threads, sizeof(struct device_operations), error);
}
