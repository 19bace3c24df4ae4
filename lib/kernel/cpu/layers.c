/* Operations on each row by itself: rotary position, SwiGLU, GELU. */
#include "kernel/cpu/cpu.h"

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
    const struct activation_kernels *activations = cpu_of(device)->kernels->activations;
    int team = cpu_team(device, y.rows * y.columns * 64);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < y.rows; t++)
        activations->swiglu(f32_row(y, t), f32_row(gate_up, t), f32_row(gate_up, t) + y.columns,
                            y.columns);
}

void cpu_swiglu_backward(struct device *device, struct tensor dgate_up, struct tensor dy,
                         struct tensor gate_up) {
    const struct activation_kernels *activations = cpu_of(device)->kernels->activations;
    int team = cpu_team(device, dy.rows * dy.columns * 80);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < dy.rows; t++)
        activations->swiglu_backward(f32_row(dgate_up, t), f32_row(dgate_up, t) + dy.columns,
                                     f32_row(dy, t), f32_row(gate_up, t),
                                     f32_row(gate_up, t) + dy.columns, dy.columns);
}

void cpu_gelu_forward(struct device *device, struct tensor y, struct tensor x,
                      enum gelu_form form) {
    const struct activation_kernels *activations = cpu_of(device)->kernels->activations;
    int team = cpu_team(device, y.rows * y.columns * 64);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < y.rows; t++)
        if (form == GELU_EXACT)
            activations->gelu(f32_row(y, t), f32_row(x, t), y.columns);
        else
            activations->gelu_tanh(f32_row(y, t), f32_row(x, t), y.columns);
}

void cpu_gelu_backward(struct device *device, struct tensor dx, struct tensor dy, struct tensor x,
                       enum gelu_form form) {
    const struct activation_kernels *activations = cpu_of(device)->kernels->activations;
    int team = cpu_team(device, dy.rows * dy.columns * 80);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) if (team > 1)
    for (int64_t t = 0; t < dy.rows; t++)
        if (form == GELU_EXACT)
            activations->gelu_backward(f32_row(dx, t), f32_row(dy, t), f32_row(x, t), dy.columns);
        else
            activations->gelu_tanh_backward(f32_row(dx, t), f32_row(dy, t), f32_row(x, t),
                                            dy.columns);
}
