/*
 * Cross-entropy fused with the output projection: rows go through in chunks whose logits fit a
 * fixed amount of memory, whatever the vocabulary and the batch.
 */
#include <math.h>

#include "kernel/cpu/cpu.h"

enum {
    CHUNK_LOGITS = 4 << 20, /* floats: 16 MiB */
    CHUNK_ROWS = 4096,      /* at most */
};

static int64_t chunk_rows(int64_t rows, int64_t vocabulary) {
    int64_t count = CHUNK_LOGITS / vocabulary;
    count = count < 16 ? 16 : count > CHUNK_ROWS ? CHUNK_ROWS : count;
    return count < rows ? count : rows;
}

/*
 * One row: its log-probability, and in place of its logits ∂loss/∂logits =
 * weight·(softmax − onehot(target)) where that is wanted. The exponentials of a row whose gradient
 * is not wanted are written over the logits as well: nobody reads them.
 */
static float loss_row(const struct row_kernels *rows, float *z, int64_t vocabulary, int32_t target,
                      bool gradient, float weight) {
    float most = rows->maximum(z, vocabulary), at_target = z[target];
    float total = rows->exponential(z, z, most, vocabulary);
    if (gradient) {
        rows->scale(z, weight / total, vocabulary);
        z[target] -= weight;
    }
    return (at_target - most) - logf(total);
}

size_t cpu_loss_floats(int64_t rows, int64_t vocabulary) {
    return (size_t)(chunk_rows(rows, vocabulary) * ((vocabulary + 15) / 16 * 16));
}

void cpu_cross_entropy(struct device *device, struct tensor log_probability, struct tensor dx,
                       struct tensor dw, struct tensor x, struct tensor w, struct tensor targets,
                       struct tensor weights) {
    if (!cpu_ids_below(device, "cross_entropy", "targets", targets, w.rows))
        return;
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    bool gradient = dx.data != NULL || dw.data != NULL;
    int64_t step = chunk_rows(x.rows, w.rows), width = (w.rows + 15) / 16 * 16;
    float *logits = cpu_scratch(device, SCRATCH_LOGITS, (size_t)(step * width));
    if (logits == NULL)
        return;
    for (int64_t first = 0; first < x.rows; first += step) {
        int64_t count = x.rows - first < step ? x.rows - first : step;
        struct tensor z = {logits, DTYPE_F32, count, w.rows, width};
        struct tensor part = tensor_rows(x, first, count);
        cpu_matmul_forward(device, z, part, w, (struct tensor){0}, (struct tensor){0});
        int team = cpu_team(device, count * w.rows * 64);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
        for (int64_t i = 0; i < count; i++)
            f32_row(log_probability, 0)[first + i] =
                loss_row(rows, f32_row(z, i), w.rows, i32_row(targets, 0)[first + i], gradient,
                         gradient ? f32_row(weights, 0)[first + i] : 0);
        if (dx.data != NULL)
            cpu_matmul_backward_input(device, tensor_rows(dx, first, count), z, w, false);
        if (dw.data != NULL)
            cpu_matmul_backward_weight(device, dw, z, part);
    }
}
