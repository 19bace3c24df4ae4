/* Gradient norms and optimizer steps: cutting the weights into runs for the threads. */
#include <math.h>

#include "kernel/cpu/cpu.h"

/* Chunks of a fixed size, each summed by one thread, merged in order in f64. */
void cpu_sum_of_squares(struct device *device, struct tensor sum, struct tensor x,
                        bool accumulate) {
    enum { CHUNK = 1 << 14 };
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    struct tensor flat = cpu_flat(x);
    int64_t chunks = (flat.columns + CHUNK - 1) / CHUNK, tasks = flat.rows * chunks;
    double *partial = (double *)(void *)cpu_scratch(device, SCRATCH_WORK, 2 * (size_t)tasks + 16);
    if (partial == NULL)
        return;
    int team = cpu_team(device, flat.rows * flat.columns * 8);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t task = 0; task < tasks; task++) {
        struct span span = cpu_part(flat.columns, chunks, task % chunks, 16);
        partial[task] = rows->sum_of_squares(f32_row(flat, task / chunks) + span.first, span.count);
    }
    float *to = sum.data;
    double total = accumulate ? (double)*to : 0;
    for (int64_t task = 0; task < tasks; task++)
        total += partial[task];
    *to = (float)total;
}

void cpu_clip_factor(struct device *device, struct tensor factor, struct tensor sum, float limit) {
    (void)device;
    float norm = sqrtf(*(const float *)sum.data), share = limit / (norm + 1e-6f);
    /* A NaN stays one, so that the step it would hide shows. */
    *(float *)factor.data = share > 1 ? 1 : share;
}

/* One run of a row of the weight. */
static struct update_run run_at(struct learning_weight weight, struct tensor gradient,
                                struct tensor first, struct tensor second, int64_t row,
                                struct span span) {
    struct tensor value = tensor_columns(tensor_rows(weight.value, row, 1), span.first, 1);
    struct tensor low = tensor_columns(tensor_rows(weight.low, row, 1), span.first, 1);
    struct tensor m = tensor_columns(tensor_rows(first, row, 1), span.first, 1);
    struct tensor v = tensor_columns(tensor_rows(second, row, 1), span.first, 1);
    return (struct update_run){.value = value.data,
                               .low = low.data,
                               .gradient = f32_row(gradient, row) + span.first,
                               .first = m.data,
                               .second = v.data,
                               .wide_moments = first.type == DTYPE_F32,
                               .count = span.count};
}

static void update_weight(struct device *device, struct learning_weight weight,
                          struct tensor gradient, struct tensor first, struct tensor second,
                          const struct update *update) {
    const struct optimizer_kernels *optimizer = cpu_of(device)->kernels->optimizer;
    int team = cpu_team(device, weight.value.rows * weight.value.columns * 48);
    bool whole = weight.value.stride == weight.value.columns &&
                 gradient.stride == gradient.columns && first.stride == first.columns &&
                 (second.data == NULL || second.stride == second.columns) &&
                 (weight.low.data == NULL || weight.low.stride == weight.low.columns);
    if (whole) {
        weight.value = cpu_flat(weight.value);
        weight.low = cpu_flat(weight.low);
        gradient = cpu_flat(gradient);
        first = cpu_flat(first);
        second = cpu_flat(second);
    }
    int64_t parts = whole ? team : 1;
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t task = 0; task < weight.value.rows * parts; task++) {
        struct span span = cpu_part(weight.value.columns, parts, task % parts, 16);
        struct update_run run = run_at(weight, gradient, first, second, task / parts, span);
        optimizer->update(&run, update);
    }
}

static float factor_of(struct tensor factor) {
    return factor.data != NULL ? *(const float *)factor.data : 1.0f;
}

void cpu_adamw_update(struct device *device, struct learning_weight weight, struct tensor gradient,
                      struct tensor first, struct tensor second, struct tensor factor,
                      struct optimizer_step step) {
    struct update update = {
        .rate = step.rate,
        .beta1 = step.beta1,
        .beta2 = step.beta2,
        .epsilon = step.epsilon,
        .decay = step.decay,
        .correction1 = (float)(1 / (1 - pow((double)step.beta1, (double)step.step))),
        .correction2 = (float)(1 / (1 - pow((double)step.beta2, (double)step.step))),
        .factor = factor_of(factor),
    };
    update_weight(device, weight, gradient, first, second, &update);
}

void cpu_lion_update(struct device *device, struct learning_weight weight, struct tensor gradient,
                     struct tensor momentum, struct tensor factor, struct optimizer_step step) {
    struct update update = {.rate = step.rate,
                            .beta1 = step.beta1,
                            .beta2 = step.beta2,
                            .decay = step.decay,
                            .factor = factor_of(factor)};
    update_weight(device, weight, gradient, momentum, (struct tensor){0}, &update);
}
