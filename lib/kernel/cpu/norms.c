/*
 * Norms: of rows (RMS, layer) and of heads. Gradients of gains and biases are sums over rows; they
 * go by chunks whose number depends on the rows alone, and the chunks' sums are added in order, so
 * that it does not matter who worked on which.
 */
#include <string.h>

#include "kernel/cpu/cpu.h"

static int64_t padded(int64_t width) {
    return (width + 15) / 16 * 16;
}

static int64_t chunk_count(int64_t rows) {
    enum { LEAST_CHUNK = 32 };
    int64_t chunks = (rows + LEAST_CHUNK - 1) / LEAST_CHUNK;
    return chunks < CPU_MOST_CHUNKS ? chunks : CPU_MOST_CHUNKS;
}

/* [1,n] weights as f32: an optional bias behind the gain. */
struct vectors {
    const float *gain, *bias;
};

static bool widen_vectors(struct device *device, struct tensor gain, struct tensor bias,
                          struct vectors *vectors) {
    int64_t width = padded(gain.columns);
    float *room = cpu_scratch(device, SCRATCH_VECTORS, (size_t)(2 * width));
    if (room == NULL)
        return false;
    vectors->gain = cpu_gain(cpu_of(device), gain, room);
    vectors->bias = bias.data != NULL ? cpu_gain(cpu_of(device), bias, room + width) : NULL;
    return true;
}

/* Adds the chunks' sums, `stride` floats apart, in order. */
static void merge_chunks(struct device *device, struct tensor to, const float *partial,
                         int64_t stride, int64_t chunks) {
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        cpu_of(device)->kernels->rows->add(to.data, partial + chunk * stride, to.columns);
}

/* ---- RMS norm ---- */

void cpu_rms_norm_forward(struct device *device, struct tensor y, struct tensor scale,
                          struct tensor x, struct tensor gain, float epsilon) {
    cpu_head_norm_forward(device, y, (struct tensor){scale.data, DTYPE_F32, x.rows, 1, 1}, x, gain,
                          1, epsilon);
}

void cpu_rms_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                           struct tensor dy, struct tensor x, struct tensor gain,
                           struct tensor scale, bool accumulate) {
    struct vectors vectors;
    int64_t width = x.columns, stride = padded(width), chunks = chunk_count(x.rows);
    float *partial = cpu_scratch(device, SCRATCH_WORK, (size_t)(stride * chunks));
    if (partial == NULL || !widen_vectors(device, gain, (struct tensor){0}, &vectors))
        return;
    const struct norm_kernels *norms = cpu_of(device)->kernels->norms;
    const float *r = scale.data;
    int team = cpu_team(device, x.rows * width * 24);
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        struct span span = cpu_part(x.rows, chunks, chunk, 1);
        float *sum = partial + chunk * stride;
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (int64_t t = span.first; t < span.first + span.count; t++)
            norms->rms_backward(f32_row(dx, t), sum, f32_row(dy, t), f32_row(x, t), vectors.gain,
                                r[t], width, accumulate);
    }
    merge_chunks(device, dgain, partial, stride, chunks);
}

/* ---- layer norm ---- */

void cpu_layer_norm_forward(struct device *device, struct tensor y, struct tensor mean,
                            struct tensor scale, struct tensor x, struct tensor gain,
                            struct tensor bias, float epsilon) {
    struct vectors vectors;
    if (!widen_vectors(device, gain, bias, &vectors))
        return;
    const struct norm_kernels *norms = cpu_of(device)->kernels->norms;
    float *m = mean.data, *r = scale.data;
    int team = cpu_team(device, x.rows * x.columns * 16);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < x.rows; t++)
        r[t] = norms->layer(f32_row(y, t), &m[t], f32_row(x, t), vectors.gain, vectors.bias,
                            x.columns, epsilon);
}

void cpu_layer_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                             struct tensor dbias, struct tensor dy, struct tensor x,
                             struct tensor gain, struct tensor mean, struct tensor scale,
                             bool accumulate) {
    struct vectors vectors;
    int64_t width = x.columns, stride = 2 * padded(width), chunks = chunk_count(x.rows);
    float *partial = cpu_scratch(device, SCRATCH_WORK, (size_t)(stride * chunks));
    if (partial == NULL || !widen_vectors(device, gain, (struct tensor){0}, &vectors))
        return;
    const struct norm_kernels *norms = cpu_of(device)->kernels->norms;
    const float *m = mean.data, *r = scale.data;
    int team = cpu_team(device, x.rows * width * 24);
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        struct span span = cpu_part(x.rows, chunks, chunk, 1);
        float *gains = partial + chunk * stride, *biases = gains + padded(width);
        memset(gains, 0, (size_t)stride * sizeof *gains);
        for (int64_t t = span.first; t < span.first + span.count; t++)
            norms->layer_backward(f32_row(dx, t), gains, dbias.data != NULL ? biases : NULL,
                                  f32_row(dy, t), f32_row(x, t), vectors.gain, m[t], r[t], width,
                                  accumulate);
    }
    merge_chunks(device, dgain, partial, stride, chunks);
    if (dbias.data != NULL)
        merge_chunks(device, dbias, partial + padded(width), stride, chunks);
}

/* ---- norms of heads ---- */

void cpu_head_norm_forward(struct device *device, struct tensor y, struct tensor scale,
                           struct tensor x, struct tensor gain, int64_t heads, float epsilon) {
    struct vectors vectors;
    if (!widen_vectors(device, gain, (struct tensor){0}, &vectors))
        return;
    const struct norm_kernels *norms = cpu_of(device)->kernels->norms;
    int64_t width = gain.columns;
    int team = cpu_team(device, x.rows * x.columns * 16);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < x.rows; t++)
        for (int64_t h = 0; h < heads; h++)
            f32_row(scale, t)[h] = norms->rms(f32_row(y, t) + h * width, f32_row(x, t) + h * width,
                                              vectors.gain, width, epsilon);
}

void cpu_head_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                            struct tensor dy, struct tensor x, struct tensor gain,
                            struct tensor scale, int64_t heads) {
    struct vectors vectors;
    int64_t width = gain.columns, stride = padded(width), chunks = chunk_count(x.rows);
    float *partial = cpu_scratch(device, SCRATCH_WORK, (size_t)(stride * chunks));
    if (partial == NULL || !widen_vectors(device, gain, (struct tensor){0}, &vectors))
        return;
    const struct norm_kernels *norms = cpu_of(device)->kernels->norms;
    int team = cpu_team(device, x.rows * x.columns * 24);
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        struct span span = cpu_part(x.rows, chunks, chunk, 1);
        float *sum = partial + chunk * stride;
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (int64_t t = span.first; t < span.first + span.count; t++)
            for (int64_t h = 0; h < heads; h++)
                norms->rms_backward(f32_row(dx, t) + h * width, sum, f32_row(dy, t) + h * width,
                                    f32_row(x, t) + h * width, vectors.gain, f32_row(scale, t)[h],
                                    width, false);
    }
    merge_chunks(device, dgain, partial, stride, chunks);
}
