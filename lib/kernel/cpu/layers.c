/* Operations on each row by itself: RMS norm, rotary position, SwiGLU. */
#include <string.h>

#include "kernel/cpu/cpu.h"

void cpu_rms_norm_forward(struct device *device, struct tensor y, struct tensor scale,
                          struct tensor x, struct tensor gain, float epsilon) {
    struct cpu_device *cpu = cpu_of(device);
    float *room = cpu_scratch(device, SCRATCH_WORK, (size_t)x.columns);
    if (room == NULL)
        return;
    const float *factors = cpu_gain(cpu, gain, room);
    float *r = scale.data;
    int team = cpu_team(device, x.rows * x.columns * 16);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < x.rows; t++)
        r[t] =
            cpu->kernels->rows->rms_norm(f32_row(y, t), f32_row(x, t), factors, x.columns, epsilon);
}

/*
 * The sum over rows goes by chunks whose number depends on the rows alone; their partial sums are
 * added in order, so that it does not matter who worked on which.
 */
void cpu_rms_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                           struct tensor dy, struct tensor x, struct tensor gain,
                           struct tensor scale, bool accumulate) {
    enum { LEAST_CHUNK = 32, MOST_CHUNKS = 64 };
    struct cpu_device *cpu = cpu_of(device);
    const struct row_kernels *rows = cpu->kernels->rows;
    int64_t width = x.columns, room_width = (width + 15) / 16 * 16;
    int64_t chunks = (x.rows + LEAST_CHUNK - 1) / LEAST_CHUNK;
    chunks = chunks < MOST_CHUNKS ? chunks : MOST_CHUNKS;
    float *room = cpu_scratch(device, SCRATCH_WORK, (size_t)(room_width * (chunks + 1)));
    if (room == NULL)
        return;
    const float *factors = cpu_gain(cpu, gain, room), *r = scale.data;
    float *partial = room + room_width;
    int team = cpu_team(device, x.rows * width * 24);
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        struct span span = cpu_part(x.rows, chunks, chunk, 1);
        float *sum = partial + chunk * room_width;
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (int64_t t = span.first; t < span.first + span.count; t++)
            rows->rms_norm_backward(f32_row(dx, t), sum, f32_row(dy, t), f32_row(x, t), factors,
                                    r[t], width, accumulate);
    }
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        rows->add(dgain.data, partial + chunk * room_width, width);
}

void cpu_rotary(struct device *device, struct tensor x, struct tensor positions,
                struct tensor cosine, struct tensor sine, int64_t heads, bool inverse) {
    if (!cpu_ids_below(device, "rotary", "positions", positions, cosine.rows))
        return;
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    const int32_t *ids = positions.data;
    int64_t pairs = cosine.columns, head_size = x.columns / heads;
    int team = cpu_team(device, x.rows * heads * pairs * 32);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < x.rows; t++) {
        const float *c = f32_row(cosine, ids[t]), *s = f32_row(sine, ids[t]);
        for (int64_t h = 0; h < heads; h++) {
            float *a = f32_row(x, t) + h * head_size, *b = a + pairs;
            /* Turning (b, a) by an angle turns (a, b) back by it. */
            if (inverse)
                rows->rotate(b, a, c, s, pairs);
            else
                rows->rotate(a, b, c, s, pairs);
        }
    }
}

void cpu_swiglu_forward(struct device *device, struct tensor y, struct tensor gate_up) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int team = cpu_team(device, y.rows * y.columns * 64);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < y.rows; t++)
        rows->swiglu(f32_row(y, t), f32_row(gate_up, t), f32_row(gate_up, t) + y.columns,
                     y.columns);
}

void cpu_swiglu_backward(struct device *device, struct tensor dgate_up, struct tensor dy,
                         struct tensor gate_up) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int team = cpu_team(device, dy.rows * dy.columns * 80);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < dy.rows; t++)
        rows->swiglu_backward(f32_row(dgate_up, t), f32_row(dgate_up, t) + dy.columns,
                              f32_row(dy, t), f32_row(gate_up, t), f32_row(gate_up, t) + dy.columns,
                              dy.columns);
}
