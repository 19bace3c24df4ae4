/*
 * Tensors as views, and devices by their names. What operations demand of
 * their operands is in operations*.c, what they compute in the folder of each device.
 */
#include "kernel/kernel.h"

#include <string.h>

#include "kernel/device.h"

size_t dtype_size(enum dtype type) {
    switch (type) {
    case DTYPE_F32:
    case DTYPE_I32:
        return 4;
    case DTYPE_BF16:
    case DTYPE_I16:
        return 2;
    }
    return 0;
}

const char *dtype_name(enum dtype type) {
    switch (type) {
    case DTYPE_F32:
        return "f32";
    case DTYPE_BF16:
        return "bf16";
    case DTYPE_I16:
        return "i16";
    case DTYPE_I32:
        return "i32";
    }
    return "unknown";
}

/* `elements` further into the same matrix; no data stays no data. */
static void *advance(struct tensor tensor, int64_t elements) {
    if (tensor.data == NULL)
        return NULL;
    return (uint8_t *)tensor.data + (size_t)elements * dtype_size(tensor.type);
}

struct tensor tensor_columns(struct tensor tensor, int64_t first, int64_t count) {
    return (struct tensor){.data = advance(tensor, first),
                           .type = tensor.type,
                           .rows = tensor.rows,
                           .columns = count,
                           .stride = tensor.stride};
}

struct tensor tensor_rows(struct tensor tensor, int64_t first, int64_t count) {
    return (struct tensor){.data = advance(tensor, first * tensor.stride),
                           .type = tensor.type,
                           .rows = count,
                           .columns = tensor.columns,
                           .stride = tensor.stride};
}

struct device *device_open(const char *name, int threads, struct error *error) {
    bool any = strcmp(name, "auto") == 0;
    if (any && cuda_device_likely()) {
        struct error none_here = {0};
        struct device *device = cuda_device_open("cuda", threads, &none_here);
        if (device != NULL)
            return device;
    }
    if (any || strcmp(name, "cpu") == 0)
        return cpu_device_open(threads, error);
    if (strncmp(name, "cuda", 4) == 0 && (name[4] == 0 || name[4] == ':'))
        return cuda_device_open(name, threads, error);
    error_set(error, "device %s: there is no such device; use cpu, cuda, cuda:N or auto", name);
    return NULL;
}
