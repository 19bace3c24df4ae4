/*
 * The transformer: forward and backward over packed sequences, and forward over a paged key/value
 * cache. Its blocks are what the configuration describes: norms before the sums or behind them, RMS
 * or layer norm, attention and MLP one behind the other or side by side, gated or plain MLP, rotary
 * or learned positions, with or without biases, head norms, a window. Only rows that somebody wants
 * to see run through the last layer behind its attention: in training those that predict a
 * completion token, in prefill the last of each sequence.
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

/* A model made ready to run: its tables of positions. Borrows the model. */
struct transformer {
    struct model *model;
    struct arena arena;
    struct tensor cosine;    /* f32 [positions, R/2] where positions are rotary */
    struct tensor sine;      /* the same */
    struct tensor positions; /* f32 [positions, D] where they are learned; the embedding of type 0,
                              * which all our texts are of, is added in */
};

bool transformer_open(struct transformer *transformer, struct model *model, struct error *error);
void transformer_close(struct transformer *transformer);

/* What a layer keeps for its backward pass. In the last layer the rows of what stands behind the
 * attention are n, not T. Means are there with layer norm only. */
struct layer_pass {
    struct tensor input;       /* [T, D] */
    struct tensor normed;      /* [T, D]: norm of the input; unused where norms stand behind */
    struct tensor mean, scale; /* [1, T]: of that norm */
    struct tensor qkv;         /* [T, (H+2G)·C]; queries and keys rotated, but with head norms */
    struct tensor qk;          /* [T, (H+G)·C]: with head norms, normed and rotated */
    struct tensor qk_scale;    /* [T, H+G]: of head norms */
    struct tensor attention;   /* [T, H·C] */
    struct tensor log_sum;     /* [T, H] */
    struct tensor attention_rows;            /* [n, H·C], last layer only */
    struct tensor input_rows;                /* [n, D], last layer only */
    struct tensor middle;                    /* [T, D]: input + attention */
    struct tensor middle_normed;             /* [T, D]: what the MLP reads */
    struct tensor middle_mean, middle_scale; /* [1, T] */
    struct tensor up;                        /* [T, 2F] or [T, F] */
    struct tensor mlp;                       /* [T, F] */
};

/*
 * What a forward pass keeps of each layer. What it does not keep lies in room that the layers share
 * and is computed again, by the same operations on the same operands and so to the same bits, when
 * the backward pass comes to the layer; the last layer's is still there by then.
 */
enum pass_use {
    PASS_FORWARD,             /* nothing, for there is no backward pass */
    PASS_TRAINING,            /* everything */
    PASS_RECOMPUTE_NORMS,     /* all but what norms and activation functions made */
    PASS_RECOMPUTE_ATTENTION, /* of these the input and what the MLP starts from: middle, up */
    PASS_RECOMPUTE_LAYER,     /* the input */
};

/* Room for one forward pass (and its backward pass) of up to T tokens and n wanted rows. */
struct pass {
    int64_t tokens; /* T it was laid out for */
    int64_t rows;   /* n it was laid out for */
    enum pass_use use;
    struct layer_pass *layers; /* tensors that are not kept are those of all layers */
    struct tensor hidden;      /* [n, D]: out of the last layer, before the final norm */
    struct tensor hidden_mean, hidden_scale;
    struct tensor output;  /* [n, D]: after the final norm: what meets the output projection */
    struct tensor doutput; /* [n, D]: its gradient, the start of the backward pass */
    struct tensor dhidden, dnormed, dqkv, dattention, dup, dmlp, dmiddle; /* scratch */
};

/* Cuts the tensors of a pass from `arena` (which may only be measuring), activations in the dtype
 * that the model's device has for them beside its weights. */
void pass_open(struct pass *pass, struct arena *arena, const struct model *model, int64_t tokens,
               int64_t rows, enum pass_use use);
void pass_close(struct pass *pass);
/* Bytes that the device's operations take for themselves in passes of so many tokens, at most. */
size_t transformer_scratch(const struct model *model, int64_t tokens);

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
 * Where gradients go. The backward pass is done with the weights group by group: the final norm,
 * each layer from the last, the embedding (unless it is the output projection too, whose gradient
 * began with the loss). `begin` is called before the first gradient of a group is added to, `end`
 * when the group's gradients are whole and nothing needs its weights any more: there they can be
 * updated at once, and the memory of their gradients be used for the next group.
 */
struct gradient_sink {
    struct tensor *gradients; /* f32, one for each of model->weights, same shapes */
    bool fresh;               /* nothing was added yet: the backward pass writes those gradients
                               * that gradient_adds() is false of, and they need not be zero */
    void (*begin)(void *context, size_t first, size_t count); /* NULL: nothing is called */
    void (*end)(void *context, size_t first, size_t count);
    void *context;
};

/* How many weights the group has that begins with weight `first`. */
size_t gradient_group(const struct model *model, size_t first);
/* Whether a backward pass adds to the gradient of that weight even in a fresh sink, for it has
 * several terms: of norms and biases, the embedding, the output projection. Those of the layers'
 * matrices, most of the memory by far, are one product each. */
bool gradient_adds(const struct model *model, size_t index);
/* They call what the sink has. */
void gradient_begin(const struct gradient_sink *sink, size_t first, size_t count);
void gradient_end(const struct gradient_sink *sink, size_t first, size_t count);

/*
 * Adds the gradients of all weights but the output projection (cross_entropy adds that) to
 * `sink->gradients` (or writes them there, see gradient_adds()), from pass->doutput, after a
 * training forward pass of the same batch. Decoders only.
 */
void transformer_backward(struct transformer *transformer, struct pass *pass,
                          const struct batch *batch, const struct gradient_sink *sink);

#endif
