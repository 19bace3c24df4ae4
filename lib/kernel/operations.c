/*
 * The public operations of a transformer's forward and backward pass: each checks its operands and
 * calls the device. An operation with nothing to write returns at once; on a device that has
 * failed nothing is done.
 */
#include "kernel/check.h"

void device_upload(struct device *device, struct tensor to, const void *from) {
    struct check check = {device, "device_upload"};
    if (device->failed || !check_tensor(check, "the destination", to, ~0u) || empty(to))
        return;
    device->operations->upload(device, to, from);
}

void device_download(struct device *device, void *to, struct tensor from) {
    struct check check = {device, "device_download"};
    if (device->failed || !check_tensor(check, "the source", from, ~0u) || empty(from))
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

/* Two operands whose columns are the summed dimension, or whose sizes must agree otherwise. */
static bool agree(struct check check, const char *a_name, struct tensor a, const char *b_name,
                  struct tensor b, bool agreed, const char *what) {
    if (!agreed)
        device_fail(check.device, "%s: %s is [%lld,%lld] but %s is [%lld,%lld]; %s",
                    check.operation, a_name, (long long)a.rows, (long long)a.columns, b_name,
                    (long long)b.rows, (long long)b.columns, what);
    return agreed;
}

void matmul_forward(struct device *device, struct tensor y, struct tensor x, struct tensor w,
                    struct tensor addend) {
    struct check check = {device, "matmul_forward"};
    if (device->failed || !check_tensor(check, "x", x, IS_F32) ||
        !check_tensor(check, "w", w, IS_WEIGHT) ||
        !agree(check, "x", x, "w", w, x.columns == w.columns, "their columns must agree") ||
        !check_shape(check, "y", y, IS_F32, x.rows, w.rows) ||
        (given(addend) && !check_shape(check, "addend", addend, IS_F32, y.rows, y.columns)) ||
        empty(y))
        return;
    device->operations->matmul_forward(device, y, x, w, addend);
}

void matmul_backward_input(struct device *device, struct tensor dx, struct tensor dy,
                           struct tensor w, bool accumulate) {
    struct check check = {device, "matmul_backward_input"};
    if (device->failed || !check_tensor(check, "dy", dy, IS_F32) ||
        !check_tensor(check, "w", w, IS_WEIGHT) ||
        !agree(check, "dy", dy, "w", w, dy.columns == w.rows,
               "the columns of dy must be the rows of w") ||
        !check_shape(check, "dx", dx, IS_F32, dy.rows, w.columns) || empty(dx))
        return;
    device->operations->matmul_backward_input(device, dx, dy, w, accumulate);
}

void matmul_backward_weight(struct device *device, struct tensor dw, struct tensor dy,
                            struct tensor x) {
    struct check check = {device, "matmul_backward_weight"};
    if (device->failed || !check_tensor(check, "dy", dy, IS_F32) ||
        !check_tensor(check, "x", x, IS_F32) ||
        !agree(check, "dy", dy, "x", x, dy.rows == x.rows, "their rows must agree") ||
        !check_shape(check, "dw", dw, IS_F32, dy.columns, x.columns) || empty(dw))
        return;
    device->operations->matmul_backward_weight(device, dw, dy, x);
}

/* ---- embedding ---- */

void embedding_forward(struct device *device, struct tensor y, struct tensor tokens,
                       struct tensor w) {
    struct check check = {device, "embedding_forward"};
    if (device->failed || !check_tensor(check, "w", w, IS_WEIGHT) ||
        !check_tensor(check, "y", y, IS_F32) ||
        !agree(check, "y", y, "w", w, y.columns == w.columns, "their columns must agree") ||
        !check_vector(check, "tokens", tokens, IS_I32, y.rows) || empty(y))
        return;
    device->operations->embedding_forward(device, y, tokens, w);
}

void embedding_backward(struct device *device, struct tensor dw, struct tensor dy,
                        struct tensor tokens) {
    struct check check = {device, "embedding_backward"};
    if (device->failed || !check_tensor(check, "dw", dw, IS_F32) ||
        !check_tensor(check, "dy", dy, IS_F32) ||
        !agree(check, "dy", dy, "dw", dw, dy.columns == dw.columns, "their columns must agree") ||
        !check_vector(check, "tokens", tokens, IS_I32, dy.rows) || empty(dy))
        return;
    device->operations->embedding_backward(device, dw, dy, tokens);
}

/* ---- rows: normalization, rotation, SwiGLU, gathering ---- */

void rms_norm_forward(struct device *device, struct tensor y, struct tensor scale, struct tensor x,
                      struct tensor gain, float epsilon) {
    struct check check = {device, "rms_norm_forward"};
    if (device->failed || !check_tensor(check, "x", x, IS_F32) ||
        !check_shape(check, "y", y, IS_F32, x.rows, x.columns) ||
        !check_vector(check, "gain", gain, IS_WEIGHT, x.columns) ||
        !check_vector(check, "scale", scale, IS_F32, x.rows) || empty(y))
        return;
    device->operations->rms_norm_forward(device, y, scale, x, gain, epsilon);
}

void rms_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                       struct tensor dy, struct tensor x, struct tensor gain, struct tensor scale,
                       bool accumulate) {
    struct check check = {device, "rms_norm_backward"};
    if (device->failed || !check_tensor(check, "x", x, IS_F32) ||
        !check_shape(check, "dx", dx, IS_F32, x.rows, x.columns) ||
        !check_shape(check, "dy", dy, IS_F32, x.rows, x.columns) ||
        !check_vector(check, "gain", gain, IS_WEIGHT, x.columns) ||
        !check_vector(check, "dgain", dgain, IS_F32, x.columns) ||
        !check_vector(check, "scale", scale, IS_F32, x.rows) || empty(dx))
        return;
    device->operations->rms_norm_backward(device, dx, dgain, dy, x, gain, scale, accumulate);
}

void rotary(struct device *device, struct tensor x, struct tensor positions, struct tensor cosine,
            struct tensor sine, int64_t heads, bool inverse) {
    struct check check = {device, "rotary"};
    if (device->failed || !check_tensor(check, "x", x, IS_F32) ||
        !check_vector(check, "positions", positions, IS_I32, x.rows) ||
        !check_tensor(check, "cosine", cosine, IS_F32) ||
        !check_shape(check, "sine", sine, IS_F32, cosine.rows, cosine.columns))
        return;
    if (heads < 1 || x.columns % heads != 0 || 2 * cosine.columns > x.columns / heads) {
        device_fail(device,
                    "rotary: x has %lld columns for %lld heads and tables of %lld angles; heads "
                    "must divide the columns, and a head hold two of each angle",
                    (long long)x.columns, (long long)heads, (long long)cosine.columns);
        return;
    }
    if (empty(x) || cosine.columns == 0)
        return;
    device->operations->rotary(device, x, positions, cosine, sine, heads, inverse);
}

void swiglu_forward(struct device *device, struct tensor y, struct tensor gate_up) {
    struct check check = {device, "swiglu_forward"};
    if (device->failed || !check_tensor(check, "y", y, IS_F32) ||
        !check_shape(check, "gate_up", gate_up, IS_F32, y.rows, 2 * y.columns) || empty(y))
        return;
    device->operations->swiglu_forward(device, y, gate_up);
}

void swiglu_backward(struct device *device, struct tensor dgate_up, struct tensor dy,
                     struct tensor gate_up) {
    struct check check = {device, "swiglu_backward"};
    if (device->failed || !check_tensor(check, "dy", dy, IS_F32) ||
        !check_shape(check, "gate_up", gate_up, IS_F32, dy.rows, 2 * dy.columns) ||
        !check_shape(check, "dgate_up", dgate_up, IS_F32, dy.rows, 2 * dy.columns) || empty(dy))
        return;
    device->operations->swiglu_backward(device, dgate_up, dy, gate_up);
}

void gather_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows) {
    struct check check = {device, "gather_rows"};
    if (device->failed || !check_tensor(check, "x", x, IS_F32) ||
        !check_tensor(check, "y", y, IS_F32) ||
        !agree(check, "y", y, "x", x, y.columns == x.columns, "their columns must agree") ||
        !check_vector(check, "rows", rows, IS_I32, y.rows) || empty(y))
        return;
    device->operations->gather_rows(device, y, x, rows);
}

void scatter_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows) {
    struct check check = {device, "scatter_rows"};
    if (device->failed || !check_tensor(check, "x", x, IS_F32) ||
        !check_tensor(check, "y", y, IS_F32) ||
        !agree(check, "y", y, "x", x, y.columns == x.columns, "their columns must agree") ||
        !check_vector(check, "rows", rows, IS_I32, x.rows) || empty(y))
        return;
    device->operations->scatter_rows(device, y, x, rows);
}
