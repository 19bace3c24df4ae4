/*
 * What the files of lib/model share about weights and their storage. Private to lib/model.
 */
#ifndef LOCKPICK_MODEL_STORAGE_H
#define LOCKPICK_MODEL_STORAGE_H

#include <xxhash.h>

#include "model/model.h"

/* Rows of a stored tensor that pass through host memory at once: about 16 MiB of f32. */
int64_t stored_chunk_rows(const struct stored_tensor *stored);

/* Lays all weights out on model->device in the dtype of the configuration (low halves with bf16);
 * their contents are undefined. model->config and device are set. */
bool model_reserve(struct model *model, struct error *error);

/* The rows [first, first + count) of a stored tensor as a view of its weight. */
struct tensor stored_rows(const struct tensor *weight, const struct stored_tensor *stored,
                          int64_t first, int64_t count);

/* f32 bits to the two halves of a learning weight: value = the nearest bf16, low = the signed
 * remainder. A tie goes up, because down it would leave +2¹⁵, which 16 bits do not hold. */
static inline uint16_t master_value(uint32_t bits) {
    return (uint16_t)((bits + 0x8000u) >> 16);
}
static inline int16_t master_low(uint32_t bits) {
    return (int16_t)(uint16_t)bits;
}

/*
 * The digest of a model: XXH3-128 over all stored tensors in order, each as one line "name dtype
 * rows columns\n" and its bytes, and for bf16 its low half likewise behind it (zeros where none
 * were stored, so that it does not depend on whether the side file was there).
 */
struct digest {
    XXH3_state_t *state;
};

void digest_start(struct digest *digest);
void digest_tensor(struct digest *digest, const struct stored_tensor *stored, enum dtype type);
void digest_bytes(struct digest *digest, const void *bytes, size_t size);
/* 32 hex digits; frees. */
void digest_finish(struct digest *digest, char hex[33]);

#endif
