/*
 * The public operations on rows: norms, rotation, activations, sums, gathering. Checks, then the
 * device.
 */
#include "kernel/check.h"

/* ---- norms ---- */

void rms_norm_forward(struct device *device, struct tensor y, struct tensor scale, struct tensor x,
                      struct tensor gain, float epsilon) {
    struct check check = {device, "rms_norm_forward"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_shape(check, "y", y, activations(device), x.rows, x.columns) ||
        !check_vector(check, "gain", gain, IS_WEIGHT, x.columns) ||
        !check_vector(check, "scale", scale, IS_F32, x.rows) || empty(y))
        return;
    device->operations->rms_norm_forward(device, y, scale, x, gain, epsilon);
}

void rms_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                       struct tensor dy, struct tensor x, struct tensor gain, struct tensor scale,
                       bool accumulate) {
    struct check check = {device, "rms_norm_backward"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_shape(check, "dx", dx, activations(device), x.rows, x.columns) ||
        !check_shape(check, "dy", dy, activations(device), x.rows, x.columns) ||
        !check_vector(check, "gain", gain, IS_WEIGHT, x.columns) ||
        !check_vector(check, "dgain", dgain, IS_F32, x.columns) ||
        !check_vector(check, "scale", scale, IS_F32, x.rows) || empty(dx))
        return;
    device->operations->rms_norm_backward(device, dx, dgain, dy, x, gain, scale, accumulate);
}

void layer_norm_forward(struct device *device, struct tensor y, struct tensor mean,
                        struct tensor scale, struct tensor x, struct tensor gain,
                        struct tensor bias, float epsilon) {
    struct check check = {device, "layer_norm_forward"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_shape(check, "y", y, activations(device), x.rows, x.columns) ||
        !check_vector(check, "gain", gain, IS_WEIGHT, x.columns) ||
        (given(bias) && !check_vector(check, "bias", bias, IS_WEIGHT, x.columns)) ||
        !check_vector(check, "mean", mean, IS_F32, x.rows) ||
        !check_vector(check, "scale", scale, IS_F32, x.rows) || empty(y))
        return;
    device->operations->layer_norm_forward(device, y, mean, scale, x, gain, bias, epsilon);
}

void layer_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                         struct tensor dbias, struct tensor dy, struct tensor x, struct tensor gain,
                         struct tensor mean, struct tensor scale, bool accumulate) {
    struct check check = {device, "layer_norm_backward"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_shape(check, "dx", dx, activations(device), x.rows, x.columns) ||
        !check_shape(check, "dy", dy, activations(device), x.rows, x.columns) ||
        !check_vector(check, "gain", gain, IS_WEIGHT, x.columns) ||
        !check_vector(check, "dgain", dgain, IS_F32, x.columns) ||
        (given(dbias) && !check_vector(check, "dbias", dbias, IS_F32, x.columns)) ||
        !check_vector(check, "mean", mean, IS_F32, x.rows) ||
        !check_vector(check, "scale", scale, IS_F32, x.rows) || empty(dx))
        return;
    device->operations->layer_norm_backward(device, dx, dgain, dbias, dy, x, gain, mean, scale,
                                            accumulate);
}

/* Heads that divide the columns of x into [1,C] each. */
static bool check_head_columns(struct check check, struct tensor x, int64_t heads) {
    if (heads >= 1 && x.columns % heads == 0)
        return true;
    device_fail(check.device,
                "%s: x has %lld columns for %lld heads; heads must be at least 1 and divide the "
                "columns",
                check.operation, (long long)x.columns, (long long)heads);
    return false;
}

void head_norm_forward(struct device *device, struct tensor y, struct tensor scale, struct tensor x,
                       struct tensor gain, int64_t heads, float epsilon) {
    struct check check = {device, "head_norm_forward"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_head_columns(check, x, heads) ||
        !check_shape(check, "y", y, activations(device), x.rows, x.columns) ||
        !check_vector(check, "gain", gain, IS_WEIGHT, x.columns / heads) ||
        !check_shape(check, "scale", scale, IS_F32, x.rows, heads) || empty(y))
        return;
    device->operations->head_norm_forward(device, y, scale, x, gain, heads, epsilon);
}

void head_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                        struct tensor dy, struct tensor x, struct tensor gain, struct tensor scale,
                        int64_t heads) {
    struct check check = {device, "head_norm_backward"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_head_columns(check, x, heads) ||
        !check_shape(check, "dx", dx, activations(device), x.rows, x.columns) ||
        !check_shape(check, "dy", dy, activations(device), x.rows, x.columns) ||
        !check_vector(check, "gain", gain, IS_WEIGHT, x.columns / heads) ||
        !check_vector(check, "dgain", dgain, IS_F32, x.columns / heads) ||
        !check_shape(check, "scale", scale, IS_F32, x.rows, heads) || empty(dx))
        return;
    device->operations->head_norm_backward(device, dx, dgain, dy, x, gain, scale, heads);
}

/* ---- rotation and activations ---- */

void rotary(struct device *device, struct tensor x, struct tensor positions, struct tensor cosine,
            struct tensor sine, int64_t heads, bool inverse) {
    struct check check = {device, "rotary"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
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
    if (device->failed || !check_tensor(check, "y", y, activations(device)) ||
        !check_shape(check, "gate_up", gate_up, activations(device), y.rows, 2 * y.columns) ||
        empty(y))
        return;
    device->operations->swiglu_forward(device, y, gate_up);
}

void swiglu_backward(struct device *device, struct tensor dgate_up, struct tensor dy,
                     struct tensor gate_up) {
    struct check check = {device, "swiglu_backward"};
    if (device->failed || !check_tensor(check, "dy", dy, activations(device)) ||
        !check_shape(check, "gate_up", gate_up, activations(device), dy.rows, 2 * dy.columns) ||
        !check_shape(check, "dgate_up", dgate_up, activations(device), dy.rows, 2 * dy.columns) ||
        empty(dy))
        return;
    device->operations->swiglu_backward(device, dgate_up, dy, gate_up);
}

static bool check_form(struct check check, enum gelu_form form) {
    if (form == GELU_EXACT || form == GELU_TANH)
        return true;
    device_fail(check.device, "%s: form %d is neither GELU_EXACT nor GELU_TANH", check.operation,
                (int)form);
    return false;
}

void gelu_forward(struct device *device, struct tensor y, struct tensor x, enum gelu_form form) {
    struct check check = {device, "gelu_forward"};
    if (device->failed || !check_form(check, form) ||
        !check_tensor(check, "x", x, activations(device)) ||
        !check_shape(check, "y", y, activations(device), x.rows, x.columns) || empty(y))
        return;
    device->operations->gelu_forward(device, y, x, form);
}

void gelu_backward(struct device *device, struct tensor dx, struct tensor dy, struct tensor x,
                   enum gelu_form form) {
    struct check check = {device, "gelu_backward"};
    if (device->failed || !check_form(check, form) ||
        !check_tensor(check, "x", x, activations(device)) ||
        !check_shape(check, "dy", dy, activations(device), x.rows, x.columns) ||
        !check_shape(check, "dx", dx, activations(device), x.rows, x.columns) || empty(dx))
        return;
    device->operations->gelu_backward(device, dx, dy, x, form);
}

/* ---- sums and gathering ---- */

void add_rows(struct device *device, struct tensor y, struct tensor x) {
    struct check check = {device, "add_rows"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_shape(check, "y", y, activations(device), x.rows, x.columns) || empty(y))
        return;
    device->operations->add_rows(device, y, x);
}

void mean_rows(struct device *device, struct tensor y, struct tensor x,
               struct sequences sequences) {
    struct check check = {device, "mean_rows"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_sequences(check, sequences, x.rows) ||
        !check_shape(check, "y", y, activations(device), sequences.count, x.columns) || empty(y))
        return;
    device->operations->mean_rows(device, y, x, sequences);
}

void normalize_rows(struct device *device, struct tensor x) {
    struct check check = {device, "normalize_rows"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) || empty(x))
        return;
    device->operations->normalize_rows(device, x);
}

void gather_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows) {
    struct check check = {device, "gather_rows"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_tensor(check, "y", y, activations(device)) ||
        !check_agreement(check, "y", y, "x", x, y.columns == x.columns,
                         "their columns must agree") ||
        !check_vector(check, "rows", rows, IS_I32, y.rows) || empty(y))
        return;
    device->operations->gather_rows(device, y, x, rows);
}

void scatter_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows) {
    struct check check = {device, "scatter_rows"};
    if (device->failed || !check_tensor(check, "x", x, activations(device)) ||
        !check_tensor(check, "y", y, activations(device)) ||
        !check_agreement(check, "y", y, "x", x, y.columns == x.columns,
                         "their columns must agree") ||
        !check_vector(check, "rows", rows, IS_I32, x.rows) || empty(y))
        return;
    device->operations->scatter_rows(device, y, x, rows);
}
