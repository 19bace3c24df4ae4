/* Sums over rows and along them: biases' gradients, means of sequences, unit length. */
#include <math.h>
#include <string.h>

#include "kernel/cpu/cpu.h"

/* Each thread has its own columns and goes through all rows in order. */
void cpu_bias_backward(struct device *device, struct tensor dbias, struct tensor dy) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int team = cpu_team(device, dy.rows * dy.columns * 8);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int part = 0; part < team; part++) {
        struct span span = cpu_part(dy.columns, team, part, 16);
        for (int64_t t = 0; t < dy.rows; t++)
            rows->add((float *)dbias.data + span.first, f32_row(dy, t) + span.first, span.count);
    }
}

void cpu_add_rows(struct device *device, struct tensor y, struct tensor x) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int team = cpu_team(device, y.rows * y.columns * 8);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t t = 0; t < y.rows; t++)
        rows->add(f32_row(y, t), f32_row(x, t), y.columns);
}

void cpu_mean_rows(struct device *device, struct tensor y, struct tensor x,
                   struct sequences sequences) {
    if (!cpu_offsets_hold(device, "mean_rows", sequences, x.rows))
        return;
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    const int32_t *offsets = sequences.offsets.data;
    int team = cpu_team(device, x.rows * x.columns * 8);
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t s = 0; s < sequences.count; s++) {
        int64_t count = offsets[s + 1] - offsets[s];
        memset(f32_row(y, s), 0, (size_t)y.columns * sizeof(float));
        for (int64_t t = offsets[s]; t < offsets[s + 1]; t++)
            rows->add(f32_row(y, s), f32_row(x, t), y.columns);
        if (count > 0)
            rows->scale(f32_row(y, s), 1.0f / (float)count, y.columns);
    }
}

void cpu_normalize_rows(struct device *device, struct tensor x) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int team = cpu_team(device, x.rows * x.columns * 16);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t t = 0; t < x.rows; t++) {
        double length = sqrt(rows->sum_of_squares(f32_row(x, t), x.columns));
        rows->scale(f32_row(x, t), (float)(1 / fmax(length, 1e-12)), x.columns);
    }
}
