/* The checks of operands that all operations share. */
#include "kernel/check.h"

#include <stdio.h>
#include <string.h>

/* "f32 or bf16" */
static void describe_types(unsigned types, char text[64]) {
    text[0] = 0;
    for (enum dtype type = DTYPE_F32; type <= DTYPE_I32; type++)
        if (types & 1u << type) {
            size_t used = strlen(text);
            snprintf(text + used, 64 - used, "%s%s", used ? " or " : "", dtype_name(type));
        }
}

bool check_tensor(struct check check, const char *name, struct tensor tensor, unsigned types) {
    if (!given(tensor)) {
        device_fail(check.device, "%s: %s has no memory; cut it from an open arena",
                    check.operation, name);
        return false;
    }
    if (!(types & 1u << tensor.type)) {
        char wanted[64];
        describe_types(types, wanted);
        device_fail(check.device, "%s: %s is %s; it must be %s", check.operation, name,
                    dtype_name(tensor.type), wanted);
        return false;
    }
    /* BLAS counts with int; the product of two such sizes is safe in int64_t. */
    if (tensor.rows < 0 || tensor.columns < 0 || tensor.rows > INT32_MAX ||
        tensor.stride > INT32_MAX || (tensor.stride < tensor.columns && tensor.rows > 1) ||
        tensor.columns > INT32_MAX) {
        device_fail(check.device,
                    "%s: %s is [%lld,%lld] with stride %lld; sizes must lie in 0 ... 2147483647 "
                    "and the stride hold a row",
                    check.operation, name, (long long)tensor.rows, (long long)tensor.columns,
                    (long long)tensor.stride);
        return false;
    }
    return true;
}

bool check_shape(struct check check, const char *name, struct tensor tensor, unsigned types,
                 int64_t rows, int64_t columns) {
    if (!check_tensor(check, name, tensor, types))
        return false;
    if (tensor.rows == rows && tensor.columns == columns)
        return true;
    device_fail(check.device, "%s: %s is [%lld,%lld]; it must be [%lld,%lld]", check.operation,
                name, (long long)tensor.rows, (long long)tensor.columns, (long long)rows,
                (long long)columns);
    return false;
}

bool check_vector(struct check check, const char *name, struct tensor tensor, unsigned types,
                  int64_t count) {
    return check_shape(check, name, tensor, types, 1, count);
}

bool check_same_type(struct check check, const char *name, struct tensor tensor, const char *other,
                     struct tensor model) {
    if (tensor.type == model.type)
        return true;
    device_fail(check.device, "%s: %s is %s but %s is %s; they must be alike", check.operation,
                name, dtype_name(tensor.type), other, dtype_name(model.type));
    return false;
}

bool check_agreement(struct check check, const char *a_name, struct tensor a, const char *b_name,
                     struct tensor b, bool agreed, const char *what) {
    if (!agreed)
        device_fail(check.device, "%s: %s is [%lld,%lld] but %s is [%lld,%lld]; %s",
                    check.operation, a_name, (long long)a.rows, (long long)a.columns, b_name,
                    (long long)b.rows, (long long)b.columns, what);
    return agreed;
}

bool check_meets(struct check check, const char *name, struct tensor x, const char *weight_name,
                 struct tensor weight) {
    if (x.type == DTYPE_F32 || weight.type == x.type)
        return true;
    device_fail(check.device, "%s: %s is %s but %s is %s; f32 %s would be right", check.operation,
                name, dtype_name(x.type), weight_name, dtype_name(weight.type), name);
    return false;
}

bool check_sequences(struct check check, struct sequences sequences, int64_t rows) {
    if (!check_vector(check, "offsets", sequences.offsets, IS_I32, sequences.count + 1))
        return false;
    if (sequences.count >= 0 && sequences.longest >= 0 && sequences.longest <= rows)
        return true;
    device_fail(check.device,
                "%s: the longest of %lld sequences has %lld rows of %lld; it must have 0 to all",
                check.operation, (long long)sequences.count, (long long)sequences.longest,
                (long long)rows);
    return false;
}
