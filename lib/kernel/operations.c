/*
 * The public operations that move data, multiply matrices and look up embeddings: each checks its
 * operands and calls the device. An operation with nothing to write returns at once; on a device
 * that has failed nothing is done.
 */
#include "kernel/check.h"

void device_upload(struct device *device, struct tensor to, const void *from) {
    struct check check = {device, "device_upload"};
    if (device->failed || !device_not_recording(device, check.operation) ||
        !check_tensor(check, "the destination", to, ~0u) || empty(to))
        return;
    device->operations->upload(device, to, from);
}

void device_download(struct device *device, void *to, struct tensor from) {
    struct check check = {device, "device_download"};
    if (device->failed || !device_not_recording(device, check.operation) ||
        !check_tensor(check, "the source", from, ~0u) || empty(from))
        return;
    device->operations->download(device, to, from);
}

void device_zero(struct device *device, struct tensor tensor) {
    struct check check = {device, "device_zero"};
    if (device->failed || !check_tensor(check, "the tensor", tensor, ~0u) || empty(tensor))
        return;
    device->operations->zero(device, tensor);
}

void device_copy(struct device *device, struct tensor to, struct tensor from) {
    struct check check = {device, "device_copy"};
    if (device->failed || !check_tensor(check, "the source", from, ~0u) ||
        !check_shape(check, "the destination", to, ~0u, from.rows, from.columns) ||
        !check_same_type(check, "the destination", to, "the source", from) || empty(to))
        return;
    device->operations->copy(device, to, from);
}

/* ---- matrix product ---- */

void matmul_forward(struct device *device, struct tensor y, struct tensor x, struct tensor w,
                    struct tensor bias, struct tensor addend) {
    struct check check = {device, "matmul_forward"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_tensor(check, "w", w, IS_WEIGHT) ||
        !check_agreement(check, "x", x, "w", w, x.columns == w.columns,
                         "their columns must agree") ||
        !check_shape(check, "y", y, activations(device), x.rows, w.rows) ||
        (given(bias) && !check_vector(check, "bias", bias, IS_WEIGHT, w.rows)) ||
        (given(addend) &&
         (!check_shape(check, "addend", addend, activations(device), y.rows, y.columns) ||
          !check_same_type(check, "addend", addend, "y", y))) ||
        !check_meets(check, "x", x, "w", w) || empty(y))
        return;
    device->operations->matmul_forward(device, y, x, w, bias, addend);
}

void matmul_backward_input(struct device *device, struct tensor dx, struct tensor dy,
                           struct tensor w, bool accumulate) {
    struct check check = {device, "matmul_backward_input"};
    if (device->failed || !check_tensor(check, "dy", dy, activations(device)) ||
        !check_tensor(check, "w", w, IS_WEIGHT) ||
        !check_agreement(check, "dy", dy, "w", w, dy.columns == w.rows,
                         "the columns of dy must be the rows of w") ||
        !check_shape(check, "dx", dx, activations(device), dy.rows, w.columns) ||
        !check_meets(check, "dy", dy, "w", w) || empty(dx))
        return;
    device->operations->matmul_backward_input(device, dx, dy, w, accumulate);
}

void matmul_backward_weight(struct device *device, struct tensor dw, struct tensor dy,
                            struct tensor x, bool accumulate) {
    struct check check = {device, "matmul_backward_weight"};
    if (device->failed || !check_tensor(check, "dy", dy, activations(device)) ||
        !check_tensor(check, "x", x, activations(device)) ||
        !check_agreement(check, "dy", dy, "x", x, dy.rows == x.rows, "their rows must agree") ||
        !check_shape(check, "dw", dw, IS_F32, dy.columns, x.columns) || empty(dw))
        return;
    device->operations->matmul_backward_weight(device, dw, dy, x, accumulate);
}

void bias_backward(struct device *device, struct tensor dbias, struct tensor dy) {
    struct check check = {device, "bias_backward"};
    if (device->failed || !check_tensor(check, "dy", dy, activations(device)) ||
        !check_vector(check, "dbias", dbias, IS_F32, dy.columns) || empty(dy))
        return;
    device->operations->bias_backward(device, dbias, dy);
}

/* ---- embedding ---- */

void embedding_forward(struct device *device, struct tensor y, struct tensor tokens,
                       struct tensor w) {
    struct check check = {device, "embedding_forward"};
    if (device->failed || !check_tensor(check, "w", w, IS_WEIGHT) ||
        !check_tensor(check, "y", y, activations(device)) ||
        !check_agreement(check, "y", y, "w", w, y.columns == w.columns,
                         "their columns must agree") ||
        !check_vector(check, "tokens", tokens, IS_I32, y.rows) || empty(y))
        return;
    device->operations->embedding_forward(device, y, tokens, w);
}

void embedding_backward(struct device *device, struct tensor dw, struct tensor dy,
                        struct tensor tokens) {
    struct check check = {device, "embedding_backward"};
    if (device->failed || !check_tensor(check, "dw", dw, IS_F32) ||
        !check_tensor(check, "dy", dy, activations(device)) ||
        !check_agreement(check, "dy", dy, "dw", dw, dy.columns == dw.columns,
                         "their columns must agree") ||
        !check_vector(check, "tokens", tokens, IS_I32, dy.rows) || empty(dy))
        return;
    device->operations->embedding_backward(device, dw, dy, tokens);
}
