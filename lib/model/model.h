/*
 * A model: its configuration and its weights on a device. Weights that are used together lie
 * together (q, k, v in one matrix; gate and up in one), so that one product serves them; files keep
 * the names, shapes and order of elements of Hugging Face.
 *
 * A checkpoint directory: config.json, model.safetensors (or shards of it and their index),
 * tokenizer files, generation_config.json where there is one, `low.safetensors` (the low halves of
 * bf16 weights that were trained, i16, same names), and lockpick.json (format, digests of the
 * tensors, parameters, how it was made).
 */
#ifndef LOCKPICK_MODEL_MODEL_H
#define LOCKPICK_MODEL_MODEL_H

#include "base/files.h"
#include "model/config.h"

/* The weights outside of the layers, in this order; the layers stand before MODEL_FINAL_NORM. */
enum model_weight {
    MODEL_EMBEDDING,           /* [V, D] */
    MODEL_POSITION_EMBEDDING,  /* [positions, D] where positions are learned */
    MODEL_TYPE_EMBEDDING,      /* [types, D] where there are types */
    MODEL_EMBEDDING_NORM,      /* [1, D] where norms stand behind sums */
    MODEL_EMBEDDING_NORM_BIAS, /* [1, D] */
    MODEL_FINAL_NORM,          /* [1, D] where norms stand before sums */
    MODEL_FINAL_NORM_BIAS,     /* [1, D] */
    MODEL_OUTPUT,              /* [V, D] of decoders, unless tied to the embedding */
    MODEL_WEIGHTS
};

/* The weights of one layer, in this order; the biases and head norms where the configuration has
 * them. */
enum layer_weight {
    LAYER_ATTENTION_NORM,      /* [1, D]          before the attention, or behind it */
    LAYER_ATTENTION_NORM_BIAS, /* [1, D] */
    LAYER_QKV,                 /* [(H+2G)·C, D]   queries of all heads, keys, values */
    LAYER_QKV_BIAS,            /* [1, (H+2G)·C] */
    LAYER_QUERY_NORM,          /* [1, C] */
    LAYER_KEY_NORM,            /* [1, C] */
    LAYER_ATTENTION_OUT,       /* [D, H·C] */
    LAYER_ATTENTION_OUT_BIAS,  /* [1, D] */
    LAYER_MLP_NORM,            /* [1, D]          before the MLP, or behind it */
    LAYER_MLP_NORM_BIAS,       /* [1, D] */
    LAYER_UP,                  /* [2F, D] gate above up, or [F, D] */
    LAYER_UP_BIAS,             /* [1, 2F] or [1, F] */
    LAYER_DOWN,                /* [D, F] */
    LAYER_DOWN_BIAS,           /* [1, D] */
    LAYER_WEIGHTS
};

struct model {
    struct model_config config;
    struct device *device; /* borrowed */
    struct arena arena;    /* holds all weights */
    struct learning_weight *weights;
    size_t weight_count;
    int outer[MODEL_WEIGHTS];    /* which of the weights, −1: there is none */
    int in_layer[LAYER_WEIGHTS]; /* which of those of a layer, −1: there is none */
    int first_layer, per_layer;  /* where those of the layers begin, how many each has */
    char *directory; /* where it was read from: its tokenizer files travel along; NULL for none */
    char digest[33]; /* of the checkpoint as read or saved: XXH3-128, 32 hex digits */
    int64_t shard_size; /* bytes of weights in one file, at most, when saved; 0: 5·10⁹ */
};

/* A weight; NULL where the model has none of that kind. */
struct learning_weight *model_part(const struct model *model, enum model_weight which);
struct learning_weight *model_layer(const struct model *model, int64_t layer,
                                    enum layer_weight which);
struct learning_weight *model_embedding(const struct model *model);
/* What makes logits: the embedding when tied; NULL for encoders. */
struct learning_weight *model_output(const struct model *model);
/* The value of a weight that may be NULL: then no tensor. */
struct tensor weight_value(const struct learning_weight *weight);

/* A name for messages: "layer 3 qkv". */
void model_weight_name(const struct model *model, size_t index, char name[64]);

/* A tensor of the checkpoint files: which elements of which weight it holds. */
struct stored_tensor {
    char name[96];         /* "model.layers.0.self_attn.q_proj.weight" */
    size_t index;          /* of the weight */
    int64_t first;         /* element of the weight where it begins */
    int64_t rows, columns; /* of the tensor; a vector has one row */
    int64_t block; /* > 0: queries, keys and values of the heads take turns in the file, this
                    * many elements of each */
    bool vector;   /* stored with one dimension */
    bool gain;     /* of a norm: 1 in a fresh model */
    bool bias;     /* 0 in a fresh model */
};

/* All of them, in the order in which they are written; the caller frees the array. */
struct stored_tensor *model_stored_tensors(const struct model_config *config, size_t *count);
/* Where element `element` of a stored tensor lies in its weight, and in *run how many behind it
 * follow on there as they do in the file. */
int64_t stored_place(const struct stored_tensor *stored, int64_t element, int64_t *run);

/* ---- checkpoints ---- */

enum model_use {
    MODEL_INFERENCE, /* a decoder to sample from: no low halves */
    MODEL_LEARNING,  /* a decoder to train: bf16 weights come with their low halves */
    MODEL_ENCODING,  /* an encoder */
};

/* What it computes with. */
enum model_type {
    MODEL_TYPE_STORED, /* what the configuration says, else the widest in the files; f16 becomes f32
                        */
    MODEL_TYPE_F32,
    MODEL_TYPE_BF16,
};

#define MODEL_TYPES "stored|f32|bf16" /* for OPTION_CHOICE */

struct model_opening {
    enum model_use use;
    enum model_type type;
};

/*
 * Reads a checkpoint directory onto the device, by as many threads as the device has. Tensors may
 * be f32, bf16 or f16, each its own; they become one dtype, rounded to the nearest where that is
 * narrower (when learning the remainder goes into the low half). A wrong, missing or extra tensor,
 * a header that lies or a short file is one error naming file and tensor, found before memory is
 * spent. Beside the weights themselves some megabytes a thread are resident.
 */
bool model_open(struct model *model, const char *directory, struct device *device,
                struct model_opening opening, struct error *error);
/*
 * The digest that model_open() would find of a decoder: as lockpick.json notes it, else that of the
 * files, without memory for weights.
 */
bool model_digest(const char *directory, struct device *device, char digest[33],
                  struct error *error);
/* Fresh weights: normal with deviation initializer_range, gains of norms 1, biases 0; the same for
 * the same seed on any device and number of threads (drawn by Philox from the stored tensor's
 * name). Takes over `config`. */
bool model_initialize(struct model *model, struct model_config *config, struct device *device,
                      uint64_t seed, struct error *error);
/* The shapes of a model that learns, without memory for its weights: for plans. Takes over
 * `config`. */
void model_measure(struct model *model, struct model_config *config, struct device *device);
void model_close(struct model *model);

/*
 * directory_open() for a checkpoint, or for a folder of checkpoints: with `replace` it refuses to
 * replace a directory that is neither (nor empty), so that a slip of the hand costs no other files.
 */
bool checkpoint_directory_open(struct output_directory *directory, const char *path, bool replace,
                               struct error *error);

/*
 * Writes all files of a checkpoint into `directory` (an output_directory's hidden path): weights,
 * low halves, configuration, the tokenizer files of `tokenizer_source` (a directory or a
 * tokenizer.json; NULL: model->directory). Sets model->digest. `made_by` is one line for
 * lockpick.json.
 */
bool model_save(struct model *model, const char *directory, const char *tokenizer_source,
                const char *made_by, struct error *error);

#endif
