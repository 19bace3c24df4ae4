/* Operations that move rows: host and device, embedding, gathering and scattering, the cache. */
#include <string.h>

#include "kernel/cpu/cpu.h"

static size_t row_bytes(struct tensor tensor) {
    return (size_t)tensor.columns * dtype_size(tensor.type);
}

static uint8_t *row_of(struct tensor tensor, int64_t row) {
    return (uint8_t *)tensor.data + (size_t)(row * tensor.stride) * dtype_size(tensor.type);
}

struct tensor cpu_flat(struct tensor tensor) {
    if (tensor.stride == tensor.columns) {
        tensor.columns *= tensor.rows;
        tensor.stride = tensor.columns;
        tensor.rows = 1;
    }
    return tensor;
}

bool cpu_ids_below(struct device *device, const char *operation, const char *name,
                   struct tensor ids, int64_t limit) {
    for (int64_t row = 0; row < ids.rows; row++)
        for (int64_t i = 0; i < ids.columns; i++) {
            int32_t id = i32_row(ids, row)[i];
            if (id >= 0 && id < limit)
                continue;
            device_fail(device, "%s: %s has %d at place %lld; it must lie in 0 ... %lld", operation,
                        name, (int)id, (long long)i, (long long)limit - 1);
            return false;
        }
    return true;
}

bool cpu_offsets_hold(struct device *device, const char *operation, struct sequences sequences,
                      int64_t rows) {
    const int32_t *offsets = sequences.offsets.data;
    bool right = offsets[0] == 0 && offsets[sequences.count] == rows;
    for (int64_t s = 0; right && s < sequences.count; s++)
        right = offsets[s] <= offsets[s + 1] &&
                (int64_t)offsets[s + 1] - offsets[s] <= sequences.longest;
    if (!right)
        device_fail(device,
                    "%s: offsets must rise from 0 to the %lld rows, each sequence having at most "
                    "%lld",
                    operation, (long long)rows, (long long)sequences.longest);
    return right;
}

const float *cpu_gain(const struct cpu_device *cpu, struct tensor gain, float *room) {
    if (gain.type == DTYPE_F32)
        return gain.data;
    cpu->kernels->rows->widen(room, gain.data, gain.columns);
    return room;
}

/* ---- host and device ---- */

void cpu_upload(struct device *device, struct tensor to, const void *from) {
    (void)device;
    size_t size = row_bytes(to);
    for (int64_t i = 0; i < to.rows; i++)
        memcpy(row_of(to, i), (const uint8_t *)from + (size_t)i * size, size);
}

void cpu_download(struct device *device, void *to, struct tensor from) {
    (void)device;
    size_t size = row_bytes(from);
    for (int64_t i = 0; i < from.rows; i++)
        memcpy((uint8_t *)to + (size_t)i * size, row_of(from, i), size);
}

void cpu_zero(struct device *device, struct tensor tensor) {
    (void)device;
    struct tensor flat = cpu_flat(tensor);
    for (int64_t i = 0; i < flat.rows; i++)
        memset(row_of(flat, i), 0, row_bytes(flat));
}

void cpu_copy(struct device *device, struct tensor to, struct tensor from) {
    (void)device;
    for (int64_t i = 0; i < to.rows; i++)
        memmove(row_of(to, i), row_of(from, i), row_bytes(to));
}

/* ---- embedding ---- */

void cpu_embedding_forward(struct device *device, struct tensor y, struct tensor tokens,
                           struct tensor w) {
    if (!cpu_ids_below(device, "embedding_forward", "tokens", tokens, w.rows))
        return;
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    const int32_t *ids = tokens.data;
    int team = cpu_team(device, y.rows * y.columns * 8);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t t = 0; t < y.rows; t++) {
        const uint8_t *from = row_of(w, ids[t]);
        if (w.type == DTYPE_F32)
            memcpy(f32_row(y, t), from, row_bytes(y));
        else
            rows->widen(f32_row(y, t), (const uint16_t *)(const void *)from, y.columns);
    }
}

/* Each thread has its own columns and goes through all tokens in order. */
void cpu_embedding_backward(struct device *device, struct tensor dw, struct tensor dy,
                            struct tensor tokens) {
    if (!cpu_ids_below(device, "embedding_backward", "tokens", tokens, dw.rows))
        return;
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    const int32_t *ids = tokens.data;
    int team = cpu_team(device, dy.rows * dy.columns * 8);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int part = 0; part < team; part++) {
        struct span span = cpu_part(dy.columns, team, part, 16);
        for (int64_t t = 0; t < dy.rows; t++)
            rows->add(f32_row(dw, ids[t]) + span.first, f32_row(dy, t) + span.first, span.count);
    }
}

/* ---- gathering ---- */

void cpu_gather_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows) {
    if (!cpu_ids_below(device, "gather_rows", "rows", rows, x.rows))
        return;
    const int32_t *ids = rows.data;
    for (int64_t i = 0; i < y.rows; i++)
        memcpy(f32_row(y, i), f32_row(x, ids[i]), row_bytes(y));
}

void cpu_scatter_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows) {
    if (!cpu_ids_below(device, "scatter_rows", "rows", rows, y.rows))
        return;
    const int32_t *ids = rows.data;
    cpu_zero(device, y);
    for (int64_t i = 0; i < x.rows; i++)
        memcpy(f32_row(y, ids[i]), f32_row(x, i), row_bytes(x));
}

void cpu_cache_append(struct device *device, struct tensor keys, struct tensor values,
                      struct tensor k, struct tensor v, struct tensor slots) {
    if (!cpu_ids_below(device, "cache_append", "slots", slots, keys.rows))
        return;
    const int32_t *ids = slots.data;
    for (int64_t t = 0; t < k.rows; t++) {
        memcpy(f32_row(keys, ids[t]), f32_row(k, t), row_bytes(k));
        memcpy(f32_row(values, ids[t]), f32_row(v, t), row_bytes(v));
    }
}
