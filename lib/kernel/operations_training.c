/* The public operations of losses and optimizers: checks, then the device. */
#include <math.h>

#include "kernel/check.h"

void cross_entropy(struct device *device, struct tensor log_probability, struct tensor dx,
                   struct tensor dw, struct tensor x, struct tensor w, struct tensor targets,
                   struct tensor weights) {
    struct check check = {device, "cross_entropy"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_tensor(check, "w", w, IS_WEIGHT) ||
        !check_shape(check, "w", w, IS_WEIGHT, w.rows, x.columns) ||
        !check_vector(check, "targets", targets, IS_I32, x.rows) ||
        !check_vector(check, "log_probability", log_probability, IS_F32, x.rows) ||
        (given(dx) && !check_shape(check, "dx", dx, activations(device), x.rows, x.columns)) ||
        (given(dw) && !check_shape(check, "dw", dw, IS_F32, w.rows, w.columns)) ||
        ((given(dx) || given(dw)) && !check_vector(check, "weights", weights, IS_F32, x.rows)) ||
        !check_meets(check, "x", x, "w", w) || empty(x))
        return;
    device->operations->cross_entropy(device, log_probability, dx, dw, x, w, targets, weights);
}

void kl_divergence(struct device *device, struct tensor divergence, struct tensor dx,
                   struct tensor dw, struct tensor x, struct tensor w, struct tensor distributions,
                   struct tensor which, struct tensor weights) {
    struct check check = {device, "kl_divergence"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_shape(check, "w", w, IS_WEIGHT, w.rows, x.columns) ||
        !check_shape(check, "distributions", distributions, IS_F32, distributions.rows, w.rows) ||
        !check_vector(check, "which", which, IS_I32, x.rows) ||
        !check_vector(check, "divergence", divergence, IS_F32, x.rows) ||
        (given(dx) && !check_shape(check, "dx", dx, activations(device), x.rows, x.columns)) ||
        (given(dw) && !check_shape(check, "dw", dw, IS_F32, w.rows, w.columns)) ||
        ((given(dx) || given(dw)) && !check_vector(check, "weights", weights, IS_F32, x.rows)) ||
        !check_meets(check, "x", x, "w", w) || empty(x))
        return;
    device->operations->kl_divergence(device, divergence, dx, dw, x, w, distributions, which,
                                      weights);
}

void sum_of_squares(struct device *device, struct tensor sum, struct tensor x, bool accumulate) {
    struct check check = {device, "sum_of_squares"};
    if (device->failed || !check_tensor(check, "x", x, IS_F32) ||
        !check_shape(check, "sum", sum, IS_F32, 1, 1))
        return;
    device->operations->sum_of_squares(device, sum, x, accumulate);
}

void clip_factor(struct device *device, struct tensor factor, struct tensor sum, float limit) {
    struct check check = {device, "clip_factor"};
    if (device->failed || !check_shape(check, "sum", sum, IS_F32, 1, 1) ||
        !check_shape(check, "factor", factor, IS_F32, 1, 1))
        return;
    if (!(limit > 0)) {
        device_fail(device, "clip_factor: the limit is %g; it must be positive", (double)limit);
        return;
    }
    device->operations->clip_factor(device, factor, sum, limit);
}

/* What both optimizers ask of a weight, its gradient and the factor. */
static bool check_learning(struct check check, struct learning_weight weight,
                           struct tensor gradient, struct tensor factor) {
    struct tensor value = weight.value;
    if (!check_tensor(check, "the weight", value, IS_WEIGHT) ||
        !check_shape(check, "the gradient", gradient, IS_F32, value.rows, value.columns) ||
        (given(factor) && !check_shape(check, "the factor", factor, IS_F32, 1, 1)))
        return false;
    if (value.type == DTYPE_BF16)
        return check_shape(check, "the weight's low half", weight.low, IS_I16, value.rows,
                           value.columns);
    if (!given(weight.low))
        return true;
    device_fail(check.device, "%s: an f32 weight has a low half; only bf16 weights have one",
                check.operation);
    return false;
}

/* A moment: f32, or bf16 where the weight is. */
static bool check_moment(struct check check, const char *name, struct tensor moment,
                         struct tensor value) {
    unsigned types = value.type == DTYPE_BF16 ? IS_WEIGHT : IS_F32;
    return check_shape(check, name, moment, types, value.rows, value.columns);
}

void adamw_update(struct device *device, struct learning_weight weight, struct tensor gradient,
                  struct tensor first, struct tensor second, struct tensor factor,
                  struct optimizer_step step) {
    struct check check = {device, "adamw_update"};
    if (device->failed || !check_learning(check, weight, gradient, factor) ||
        !check_moment(check, "the first moment", first, weight.value) ||
        !check_moment(check, "the second moment", second, weight.value) ||
        !check_same_type(check, "the second moment", second, "the first", first))
        return;
    if (step.step < 1) {
        device_fail(device, "adamw_update: step %lld; steps count from 1", (long long)step.step);
        return;
    }
    if (!empty(weight.value))
        device->operations->adamw_update(device, weight, gradient, first, second, factor, step);
}

void lion_update(struct device *device, struct learning_weight weight, struct tensor gradient,
                 struct tensor momentum, struct tensor factor, struct optimizer_step step) {
    struct check check = {device, "lion_update"};
    if (device->failed || !check_learning(check, weight, gradient, factor) ||
        !check_moment(check, "the momentum", momentum, weight.value) || empty(weight.value))
        return;
    device->operations->lion_update(device, weight, gradient, momentum, factor, step);
}
