/*
 * Losses fused with the output projection: cross-entropy with tokens, divergence from
 * distributions. Rows go through in chunks whose logits fit a fixed amount of memory, whatever the
 * vocabulary and the batch.
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

/* What of a divergence depends on the wanted distribution alone. */
struct distribution_sums {
    double mass;    /* Σ q */
    double entropy; /* −Σ q·log q */
};

/* What is wanted of the rows, and the loss of one. */
struct row_loss {
    const struct row_kernels *rows;
    int64_t vocabulary;
    struct tensor targets;              /* cross-entropy */
    struct tensor distributions, which; /* divergence */
    struct distribution_sums *sums;     /* of each distribution */
    /* What the row reports; where its gradient is wanted, ∂loss/∂logits stands in place of its
     * logits z afterwards. Where it is not, exponentials are written over them as well: nobody
     * reads them. */
    float (*value)(const struct row_loss *loss, int64_t row, float *z, bool gradient, float weight);
};

/* The log-probability; ∂loss/∂logits = weight·(softmax − onehot(target)). */
static float cross_entropy_row(const struct row_loss *loss, int64_t row, float *z, bool gradient,
                               float weight) {
    int32_t target = i32_row(loss->targets, 0)[row];
    float most = loss->rows->maximum(z, loss->vocabulary), at_target = z[target];
    float total = loss->rows->exponential(z, z, most, loss->vocabulary);
    if (gradient) {
        loss->rows->scale(z, weight / total, loss->vocabulary);
        z[target] -= weight;
    }
    return (at_target - most) - logf(total);
}

size_t cpu_loss_floats(int64_t rows, int64_t vocabulary) {
    return (size_t)(chunk_rows(rows, vocabulary) * ((vocabulary + 15) / 16 * 16));
}

/* KL(q ‖ softmax) = −entropy − Σ q·(z − most) + Σq·log total; ∂loss/∂logits =
 * weight·(Σq·softmax − q). */
static float divergence_row(const struct row_loss *loss, int64_t row, float *z, bool gradient,
                            float weight) {
    int32_t which = i32_row(loss->which, 0)[row];
    const float *q = f32_row(loss->distributions, which);
    struct distribution_sums sums = loss->sums[which];
    float most = loss->rows->maximum(z, loss->vocabulary);
    double expected = 0;
    for (int64_t v = 0; v < loss->vocabulary; v++)
        expected += (double)q[v] * (double)(z[v] - most);
    float total = loss->rows->exponential(z, z, most, loss->vocabulary);
    if (gradient) {
        loss->rows->scale(z, weight * (float)sums.mass / total, loss->vocabulary);
        for (int64_t v = 0; v < loss->vocabulary; v++)
            z[v] -= weight * q[v];
    }
    return (float)(sums.mass * log((double)total) - sums.entropy - expected);
}

static struct distribution_sums sum_distribution(const float *q, int64_t vocabulary) {
    struct distribution_sums sums = {0, 0};
    for (int64_t v = 0; v < vocabulary; v++) {
        sums.mass += (double)q[v];
        if (q[v] != 0)
            sums.entropy -= (double)q[v] * log((double)q[v]);
    }
    return sums;
}

/* All rows of x: values[row], dx (written), dw (added to), each where it is a tensor. */
static void all_rows(struct device *device, struct row_loss *loss, struct tensor values,
                     struct tensor dx, struct tensor dw, struct tensor x, struct tensor w,
                     struct tensor weights) {
    bool gradient = dx.data != NULL || dw.data != NULL;
    int64_t step = chunk_rows(x.rows, w.rows), width = (w.rows + 15) / 16 * 16;
    int64_t m = loss->distributions.rows;
    size_t sums_floats = (size_t)m * sizeof(struct distribution_sums) / sizeof(float);
    float *logits = cpu_scratch(device, SCRATCH_LOGITS, (size_t)(step * width) + sums_floats);
    if (logits == NULL)
        return;
    loss->rows = cpu_of(device)->kernels->rows;
    loss->vocabulary = w.rows;
    loss->sums = (struct distribution_sums *)(void *)(logits + step * width);
    for (int64_t i = 0; i < m; i++)
        loss->sums[i] = sum_distribution(f32_row(loss->distributions, i), w.rows);
    for (int64_t first = 0; first < x.rows; first += step) {
        int64_t count = x.rows - first < step ? x.rows - first : step;
        struct tensor z = {logits, DTYPE_F32, count, w.rows, width};
        struct tensor part = tensor_rows(x, first, count);
        cpu_matmul_forward(device, z, part, w, (struct tensor){0}, (struct tensor){0});
        int team = cpu_team(device, count * w.rows * 64);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
        for (int64_t i = 0; i < count; i++)
            f32_row(values, 0)[first + i] =
                loss->value(loss, first + i, f32_row(z, i), gradient,
                            gradient ? f32_row(weights, 0)[first + i] : 0);
        if (dx.data != NULL)
            cpu_matmul_backward_input(device, tensor_rows(dx, first, count), z, w, false);
        if (dw.data != NULL)
            cpu_matmul_backward_weight(device, dw, z, part, true);
    }
}

void cpu_cross_entropy(struct device *device, struct tensor log_probability, struct tensor dx,
                       struct tensor dw, struct tensor x, struct tensor w, struct tensor targets,
                       struct tensor weights) {
    struct row_loss loss = {.targets = targets, .value = cross_entropy_row};
    if (cpu_ids_below(device, "cross_entropy", "targets", targets, w.rows))
        all_rows(device, &loss, log_probability, dx, dw, x, w, weights);
}

void cpu_kl_divergence(struct device *device, struct tensor divergence, struct tensor dx,
                       struct tensor dw, struct tensor x, struct tensor w,
                       struct tensor distributions, struct tensor which, struct tensor weights) {
    struct row_loss loss = {
        .distributions = distributions, .which = which, .value = divergence_row};
    if (cpu_ids_below(device, "kl_divergence", "which", which, distributions.rows))
        all_rows(device, &loss, divergence, dx, dw, x, w, weights);
}
