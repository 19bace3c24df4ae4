/*
 * What the files of lib/model share about weights and their storage. Private to lib/model.
 */
#ifndef LOCKPICK_MODEL_STORAGE_H
#define LOCKPICK_MODEL_STORAGE_H

#include <xxhash.h>

#include "model/model.h"

/* ---- weights ---- */

/* Rows and columns of a weight; false where the model has none of that kind. */
bool outer_shape(const struct model_config *config, enum model_weight which, int64_t *rows,
                 int64_t *columns);
bool layer_shape(const struct model_config *config, enum layer_weight which, int64_t *rows,
                 int64_t *columns);
/* Which of model->weights it is; only for kinds that the model has. */
size_t outer_index(const struct model_config *config, enum model_weight which);
size_t layer_index(const struct model_config *config, int64_t layer, enum layer_weight which);

/* Lays all weights out on model->device in the dtype of the configuration (with `halves` and bf16
 * low halves too); their contents are undefined. model->config and device are set. */
bool model_reserve(struct model *model, bool halves, struct error *error);

/* `count` elements of a weight from element `first`, as one row. */
struct tensor weight_elements(const struct tensor *weight, int64_t first, int64_t count);
/* Elements of a stored tensor between the device and host memory that has them in the file's
 * order. */
void upload_stored(struct device *device, const struct tensor *weight,
                   const struct stored_tensor *stored, int64_t first, int64_t count,
                   const void *bytes);
void download_stored(struct device *device, const struct tensor *weight,
                     const struct stored_tensor *stored, int64_t first, int64_t count, void *bytes);

/* ---- names ---- */

/* What a tensor may be called besides stored->name, by `attempt` from 0; false: nothing more. */
bool stored_alias(const struct model_config *config, const struct stored_tensor *stored,
                  int attempt, char name[128]);
/* A tensor that checkpoints of this kind may carry although the model does not need it. */
bool is_ignored_tensor(const struct model_config *config, const char *name);

/* ---- halves ---- */

/* f32 bits to the two halves of a learning weight: value = the nearest bf16, low = the signed
 * remainder. A tie goes up, because down it would leave +2¹⁵, which 16 bits do not hold. */
static inline uint16_t master_value(uint32_t bits) {
    return (uint16_t)((bits + 0x8000u) >> 16);
}
static inline int16_t master_low(uint32_t bits) {
    return (int16_t)(uint16_t)bits;
}

/* ---- digests ---- */

/*
 * The digest of a checkpoint is that of its files' tensors, whatever they become in memory, and cut
 * so that threads share the work: XXH3-128 over one line "name dtype rows columns\n" for each
 * stored tensor, in order, and behind it the XXH3-128 (canonical, 16 bytes) of each of its pieces
 * of DIGEST_PIECE bytes, the last one shorter; then, where some low half is not zero, over the text
 * "low " and the low digest. The low digest is made the same way from the low halves, pieces that
 * are all zero left out, so that it does not matter whether zeros are stored. The dtype of low
 * halves is "i16".
 */
enum { DIGEST_PIECE = 1 << 24 };

struct piece_digest {
    XXH128_canonical_t digest;
    bool zero; /* all its bytes are */
};

size_t digest_pieces(size_t bytes);
/* The hash of one piece is fed in parts of any size. */
struct piece_hash {
    XXH3_state_t *state;
    bool zero;
};
void piece_start(struct piece_hash *hash);
void piece_add(struct piece_hash *hash, const void *bytes, size_t size);
void piece_finish(struct piece_hash *hash, struct piece_digest *digest); /* frees */

/* Pieces of all tensors to a digest. */
struct digest {
    XXH3_state_t *state;
    bool skip_zeros; /* low halves */
    bool empty;      /* nothing went in */
};
void digest_start(struct digest *digest, bool skip_zeros);
void digest_tensor(struct digest *digest, const struct stored_tensor *stored, const char *dtype,
                   const struct piece_digest *pieces, size_t count);
/* 32 hex digits of the low digest (empty text where nothing went in), … */
void digest_low(struct digest *digest, char hex[33]);
/* … and of the whole with that. Both free. */
void digest_whole(struct digest *digest, const char low[33], char hex[33]);

#endif
