/*
 * The decoder: forward and backward over packed sequences, and forward over a paged key/value
 * cache. Pre-norm blocks of attention and SwiGLU with rotary positions (Llama). Only rows that
 * somebody wants to see run through the last layer behind its attention: in training those that
 * predict a completion token, in prefill the last of each sequence.
 *
 * Shapes as in kernel.h; n is the number of wanted rows.
 */
#ifndef LOCKPICK_MODEL_TRANSFORMER_H
#define LOCKPICK_MODEL_TRANSFORMER_H

#include "model/model.h"

/* A packed batch on the device. */
struct batch {
    struct tensor tokens;    /* i32 [1, T] */
    struct tensor positions; /* i32 [1, T], each within its own sequence */
    struct sequences sequences;
    struct tensor rows; /* i32 [1, n], ascending: rows whose output is wanted; no data: all T */
};

/* A model made ready to run: its rotary tables. Borrows the model. */
struct transformer {
    struct model *model;
    struct arena arena;
    struct tensor cosine; /* f32 [positions, C/2] */
    struct tensor sine;
};

bool transformer_open(struct transformer *transformer, struct model *model, struct error *error);
void transformer_close(struct transformer *transformer);

/* What a layer keeps for its backward pass. In the last layer the rows of what stands behind the
 * attention are n, not T. */
struct layer_pass {
    struct tensor input;          /* [T, D] */
    struct tensor normed;         /* [T, D] */
    struct tensor scale;          /* [1, T] */
    struct tensor qkv;            /* [T, (H+2G)·C], rotated */
    struct tensor attention;      /* [T, H·C] */
    struct tensor log_sum;        /* [T, H] */
    struct tensor attention_rows; /* [n, H·C], last layer only */
    struct tensor input_rows;     /* [n, D], last layer only */
    struct tensor middle;         /* [T, D]: input + attention */
    struct tensor middle_normed;  /* [T, D] */
    struct tensor middle_scale;   /* [1, T] */
    struct tensor gate_up;        /* [T, 2F] */
    struct tensor mlp;            /* [T, F] */
};

/* Room for one forward pass (and its backward pass) of up to T tokens and n wanted rows. */
struct pass {
    int64_t tokens; /* T it was laid out for */
    int64_t rows;   /* n it was laid out for */
    bool training;
    struct layer_pass *layers; /* all layers share the same tensors unless training */
    struct tensor hidden;      /* [n, D]: out of the last layer */
    struct tensor hidden_scale;
    struct tensor output;  /* [n, D]: after the final norm: what meets the output projection */
    struct tensor doutput; /* [n, D]: its gradient, the start of the backward pass */
    struct tensor dhidden, dnormed, dqkv, dattention, dgate_up, dmlp, dmiddle; /* scratch */
};

/* Cuts the tensors of a pass from `arena` (which may only be measuring). */
void pass_open(struct pass *pass, struct arena *arena, const struct model_config *config,
               int64_t tokens, int64_t rows, bool training);
void pass_close(struct pass *pass);

/* The key/value cache of a forward pass: it appends keys and values of its tokens, and its rows see
 * what the cache holds of their sequence. */
struct cache {
    struct tensor *keys; /* per layer [pages·page_size, G·C] */
    struct tensor *values;
    int64_t page_size;
    struct tensor slots;   /* i32 [1, T]: places of the pass's tokens */
    struct tensor pages;   /* i32 [S, most pages] */
    struct tensor lengths; /* i32 [1, S]: places in the cache, the pass's own included */
};

/*
 * pass->output of the batch; T and n may be smaller than what the pass was laid out for. `cache`
 * NULL: none. Enqueues only; device_finish() reports failures.
 */
void transformer_forward(struct transformer *transformer, struct pass *pass,
                         const struct batch *batch, const struct cache *cache);

/*
 * Adds the gradients of all weights but the output projection (cross_entropy adds that) to
 * `gradients` (f32, one for each of model->weights, same shapes), from pass->doutput, after a
 * training forward pass of the same batch.
 */
void transformer_backward(struct transformer *transformer, struct pass *pass,
                          const struct batch *batch, struct tensor *gradients);

#endif
