/*
 * What the forward and the backward pass share. Private to lib/model.
 */
#ifndef LOCKPICK_MODEL_TRANSFORMER_RUN_H
#define LOCKPICK_MODEL_TRANSFORMER_RUN_H

#include "model/transformer.h"

/* Everything a layer needs to know besides its room. */
struct run {
    struct transformer *transformer;
    const struct model *model;
    struct device *device;
    const struct model_config *config;
    const struct batch *batch;
    const struct cache *cache;        /* forward only; may be NULL */
    const struct gradient_sink *sink; /* backward only */
    int64_t tokens;                   /* T of this batch */
    int64_t rows;                     /* n of this batch */
};

struct run run_start(struct transformer *transformer, const struct batch *batch);
/* The attention of layer `l`. */
struct attention_shape run_attention(const struct run *run, int64_t l);
/* The bias of a linear map or norm stands right behind it; no tensor where there is none. */
struct tensor run_weight(const struct run *run, int64_t l, enum layer_weight which);

/* The parts of a layer's pass that this batch fills. `trimmed`: the last layer of a batch that
 * names its rows. */
struct layer_pass run_view(const struct layer_pass *layer, const struct run *run, bool trimmed);

/* Queries, keys, both, and values of a matrix like that of struct layer_pass. */
struct qkv_views {
    struct tensor q, k, v, qk;
};
struct qkv_views split_qkv(struct tensor qkv, const struct model_config *config);
/* The same as attention sees them: normed and rotated. */
struct qkv_views split_layer(const struct layer_pass *layer, const struct model_config *config);

/* The parts of layer `l`, not the last, that a pass of that use did not keep. */
void layer_again(const struct run *run, const struct layer_pass *layer, int64_t l,
                 enum pass_use use);

#endif
