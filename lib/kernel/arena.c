/* Arenas: a run of device memory cut into tensors, freed at once; or only measured. */
#include "kernel/device.h"

enum { ALIGNMENT = 64 }; /* bytes: a cache line, and the widest vector */

struct arena arena_measure(void) {
    return (struct arena){.device = NULL};
}

bool arena_open(struct arena *arena, struct device *device, size_t size, struct error *error) {
    *arena = (struct arena){.device = device, .size = size};
    if (!device_not_recording(device, "arena_open"))
        return error_set(error, "%s", device->failure.text);
    arena->memory = device->operations->allocate(device, size, error);
    return arena->memory != NULL;
}

void arena_close(struct arena *arena) {
    if (arena->memory != NULL)
        arena->device->operations->release(arena->device, arena->memory, arena->size);
    *arena = (struct arena){.device = NULL};
}

/* Bytes of a tensor rounded up to the alignment; false where no memory could hold it. */
static bool tensor_bytes(enum dtype type, int64_t rows, int64_t columns, size_t *bytes) {
    size_t elements;
    if (rows < 0 || columns < 0 ||
        __builtin_mul_overflow((size_t)rows, (size_t)columns, &elements) ||
        __builtin_mul_overflow(elements, dtype_size(type), bytes) ||
        *bytes > (size_t)INT64_MAX - ALIGNMENT)
        return false;
    *bytes = (*bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return true;
}

struct tensor arena_tensor(struct arena *arena, enum dtype type, int64_t rows, int64_t columns) {
    struct tensor tensor = {.type = type, .rows = rows, .columns = columns, .stride = columns};
    size_t bytes;
    bool fits = tensor_bytes(type, rows, columns, &bytes);
    if (arena->device == NULL) {
        /* A tensor beyond all memory measures as such, so that opening the real arena says so. */
        if (!fits || __builtin_add_overflow(arena->used, bytes, &arena->used))
            arena->used = SIZE_MAX;
        return tensor;
    }
    if (!fits || bytes > arena->size - arena->used) {
        device_fail(arena->device,
                    "arena_tensor: %s [%lld,%lld] does not fit into the %zu bytes left of %zu; "
                    "measure the arena with arena_measure()",
                    dtype_name(type), (long long)rows, (long long)columns,
                    arena->size - arena->used, arena->size);
        return tensor;
    }
    tensor.data = arena->memory + arena->used;
    arena->used += bytes;
    if (bytes > 0)
        arena->device->operations->fresh(arena->device, tensor.data, bytes);
    return tensor;
}
