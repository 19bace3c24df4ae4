/* The public operations of attention and decoding: checks, then the device. */
#include <math.h>

#include "kernel/check.h"

/* H, G, C that make sense together. */
static bool check_heads(struct check check, struct attention_shape shape) {
    if (shape.window < 0 || (shape.window > 0 && !shape.causal)) {
        device_fail(check.device,
                    "%s: a window of %lld rows%s; it must be at least 0, and 0 unless causal",
                    check.operation, (long long)shape.window, shape.causal ? "" : ", not causal");
        return false;
    }
    if (shape.heads >= 1 && shape.kv_heads >= 1 && shape.head_size >= 1 &&
        shape.heads % shape.kv_heads == 0 && shape.heads <= INT32_MAX / shape.head_size)
        return true;
    device_fail(check.device,
                "%s: %lld heads of %lld columns over %lld key/value heads; all must be positive "
                "and the key/value heads divide the heads",
                check.operation, (long long)shape.heads, (long long)shape.head_size,
                (long long)shape.kv_heads);
    return false;
}

/* q, k, v and what has their shapes. */
static bool check_heads_of(struct check check, const char *const names[3], struct tensor q,
                           struct tensor k, struct tensor v, struct attention_shape shape,
                           int64_t rows) {
    int64_t kv_columns = shape.kv_heads * shape.head_size;
    return check_shape(check, names[0], q, activations(check.device), rows,
                       shape.heads * shape.head_size) &&
           check_shape(check, names[1], k, activations(check.device), rows, kv_columns) &&
           check_shape(check, names[2], v, activations(check.device), rows, kv_columns);
}

static const char *const operand_names[3] = {"q", "k", "v"};
static const char *const gradient_names[3] = {"dq", "dk", "dv"};

void attention_forward(struct device *device, struct tensor out, struct tensor log_sum,
                       struct tensor q, struct tensor k, struct tensor v,
                       struct sequences sequences, struct attention_shape shape) {
    struct check check = {device, "attention_forward"};
    if (device->failed || !check_heads(check, shape) ||
        !check_heads_of(check, operand_names, q, k, v, shape, q.rows) ||
        !check_shape(check, "out", out, activations(device), q.rows, q.columns) ||
        !check_shape(check, "log_sum", log_sum, IS_F32, q.rows, shape.heads) ||
        !check_sequences(check, sequences, q.rows) || empty(out))
        return;
    device->operations->attention_forward(device, out, log_sum, q, k, v, sequences, shape);
}

void attention_backward(struct device *device, struct tensor dq, struct tensor dk, struct tensor dv,
                        struct tensor dout, struct tensor out, struct tensor log_sum,
                        struct tensor q, struct tensor k, struct tensor v,
                        struct sequences sequences, struct attention_shape shape) {
    struct check check = {device, "attention_backward"};
    if (device->failed || !check_heads(check, shape) ||
        !check_heads_of(check, operand_names, q, k, v, shape, q.rows) ||
        !check_heads_of(check, gradient_names, dq, dk, dv, shape, q.rows) ||
        !check_shape(check, "dout", dout, activations(device), q.rows, q.columns) ||
        !check_shape(check, "out", out, activations(device), q.rows, q.columns) ||
        !check_shape(check, "log_sum", log_sum, IS_F32, q.rows, shape.heads) ||
        !check_sequences(check, sequences, q.rows) || empty(dq))
        return;
    device->operations->attention_backward(device, dq, dk, dv, dout, out, log_sum, q, k, v,
                                           sequences, shape);
}

void cache_append(struct device *device, struct tensor keys, struct tensor values, struct tensor k,
                  struct tensor v, struct tensor slots) {
    struct check check = {device, "cache_append"};
    if (device->failed || !check_tensor(check, "k", k, activations(device)) ||
        !check_shape(check, "v", v, activations(device), k.rows, k.columns) ||
        !check_tensor(check, "keys", keys, activations(device)) ||
        !check_shape(check, "keys", keys, activations(device), keys.rows, k.columns) ||
        !check_shape(check, "values", values, activations(device), keys.rows, k.columns) ||
        !check_vector(check, "slots", slots, IS_I32, k.rows) || empty(k))
        return;
    device->operations->cache_append(device, keys, values, k, v, slots);
}

void attention_cached(struct device *device, struct tensor out, struct tensor q, struct tensor keys,
                      struct tensor values, struct tensor pages, struct tensor lengths,
                      struct sequences sequences, int64_t page_size, struct attention_shape shape) {
    struct check check = {device, "attention_cached"};
    if (device->failed || !check_heads(check, shape) ||
        !check_tensor(check, "q", q, activations(device)) ||
        !check_shape(check, "q", q, activations(device), q.rows, shape.heads * shape.head_size) ||
        !check_shape(check, "out", out, activations(device), q.rows, q.columns) ||
        !check_tensor(check, "keys", keys, activations(device)) ||
        !check_shape(check, "keys", keys, activations(device), keys.rows,
                     shape.kv_heads * shape.head_size) ||
        !check_shape(check, "values", values, activations(device), keys.rows, keys.columns) ||
        !check_sequences(check, sequences, q.rows) ||
        !check_tensor(check, "pages", pages, IS_I32) ||
        !check_shape(check, "pages", pages, IS_I32, sequences.count, pages.columns) ||
        !check_vector(check, "lengths", lengths, IS_I32, sequences.count) || empty(out))
        return;
    if (!shape.causal) {
        device_fail(device, "attention_cached: the shape is not causal; a cache knows no rows to "
                            "come, set causal");
        return;
    }
    if (page_size < 1 || page_size > INT32_MAX || keys.rows % page_size != 0) {
        device_fail(device,
                    "attention_cached: pages of %lld places in a cache of %lld rows; the page "
                    "size must divide the rows",
                    (long long)page_size, (long long)keys.rows);
        return;
    }
    device->operations->attention_cached(device, out, q, keys, values, pages, lengths, sequences,
                                         page_size, shape);
}

void choose_tokens(struct device *device, struct tensor token, struct tensor log_probability,
                   struct tensor logits, struct tensor uniform, struct sampling sampling) {
    struct check check = {device, "choose_tokens"};
    if (device->failed || !check_tensor(check, "logits", logits, IS_F32) ||
        !check_vector(check, "token", token, IS_I32, logits.rows) ||
        !check_vector(check, "log_probability", log_probability, IS_F32, logits.rows))
        return;
    bool greedy = sampling.temperature == 0;
    if (!(sampling.temperature >= 0) || isinf(sampling.temperature) || sampling.top_k < 0 ||
        !(sampling.top_p > 0) || sampling.top_p > 1) {
        device_fail(device,
                    "choose_tokens: temperature %g, top-k %lld, top-p %g; they must be at least "
                    "0, at least 0, and in (0, 1]",
                    (double)sampling.temperature, (long long)sampling.top_k,
                    (double)sampling.top_p);
        return;
    }
    if ((!greedy && !check_vector(check, "uniform", uniform, IS_F32, logits.rows)) ||
        logits.rows == 0)
        return;
    if (logits.columns == 0) {
        device_fail(device, "choose_tokens: logits have no columns; there is nothing to choose");
        return;
    }
    device->operations->choose_tokens(device, token, log_probability, logits, uniform, sampling);
}
