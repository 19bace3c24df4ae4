/*
 * What an operation demands of its operands, said in one line each. A check that fails makes the
 * device fail with the operation's name, the operand's, its shape and what would be right.
 */
#ifndef LOCKPICK_KERNEL_CHECK_H
#define LOCKPICK_KERNEL_CHECK_H

#include "kernel/device.h"

/* Sets of dtypes, by bit. */
enum dtypes {
    IS_F32 = 1 << DTYPE_F32,
    IS_BF16 = 1 << DTYPE_BF16,
    IS_I16 = 1 << DTYPE_I16,
    IS_I32 = 1 << DTYPE_I32,
    IS_WEIGHT = IS_F32 | IS_BF16,
};

/* Who asks: passed to every check. */
struct check {
    struct device *device;
    const char *operation;
};

/* A tensor of one of these dtypes with memory behind it and a stride that holds its columns. */
bool check_tensor(struct check check, const char *name, struct tensor tensor, unsigned types);
/* The same, and exactly rows by columns. */
bool check_shape(struct check check, const char *name, struct tensor tensor, unsigned types,
                 int64_t rows, int64_t columns);
/* check_shape() with one row and no gap to mind: [1,count]. */
bool check_vector(struct check check, const char *name, struct tensor tensor, unsigned types,
                  int64_t count);
/* A dtype equal to another operand's. */
bool check_same_type(struct check check, const char *name, struct tensor tensor, const char *other,
                     struct tensor model);

/* Two operands whose sizes must agree otherwise: `agreed`, else both shapes and `what` are told. */
bool check_agreement(struct check check, const char *a_name, struct tensor a, const char *b_name,
                     struct tensor b, bool agreed, const char *what);
/* Offsets of packed sequences over so many rows; the device checks the offsets themselves. */
bool check_sequences(struct check check, struct sequences sequences, int64_t rows);

/* What activations may be on that device. */
static inline unsigned activations(struct device *device) {
    return device->narrow_activations ? IS_WEIGHT : IS_F32;
}

/* Activations in bf16 meet no wider weight. */
bool check_meets(struct check check, const char *name, struct tensor x, const char *weight_name,
                 struct tensor weight);

/* Whether an optional operand was given. */
static inline bool given(struct tensor tensor) {
    return tensor.data != NULL;
}

static inline bool empty(struct tensor tensor) {
    return tensor.rows == 0 || tensor.columns == 0;
}

#endif
