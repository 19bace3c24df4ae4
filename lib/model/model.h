/*
 * A model: its configuration and its weights on a device. Weights that are used together lie
 * together (q, k, v in one matrix; gate and up in one), so that one product serves them; files keep
 * the names and shapes of Hugging Face.
 *
 * A checkpoint directory: config.json, model.safetensors, tokenizer files, generation_config.json
 * where there is one, `low.safetensors` (the low halves of bf16 weights that were trained, i16,
 * same names), and lockpick.json (format, digest of all tensors, parameters, how it was made).
 */
#ifndef LOCKPICK_MODEL_MODEL_H
#define LOCKPICK_MODEL_MODEL_H

#include "base/files.h"
#include "model/config.h"

/* The weights of one layer, in this order. */
enum layer_weight {
    LAYER_ATTENTION_NORM, /* [1, D]          input_layernorm */
    LAYER_QKV,            /* [(H+2G)·C, D]   self_attn.q_proj, k_proj, v_proj */
    LAYER_ATTENTION_OUT,  /* [D, H·C]        self_attn.o_proj */
    LAYER_MLP_NORM,       /* [1, D]          post_attention_layernorm */
    LAYER_GATE_UP,        /* [2F, D]         mlp.gate_proj, up_proj */
    LAYER_DOWN,           /* [D, F]          mlp.down_proj */
    LAYER_WEIGHTS
};

struct model {
    struct model_config config;
    struct device *device; /* borrowed */
    struct arena arena;    /* holds all weights */
    struct learning_weight *weights;
    size_t weight_count;
    char *directory; /* where it was read from: its tokenizer files travel along; NULL for none */
    char digest[33]; /* of the tensors as read or saved: XXH3-128, 32 hex digits */
};

/* weights[0] is the embedding [V, D]; then the layers; then the final norm [1, D]; then, unless
 * tied, the output projection [V, D]. */
struct learning_weight *model_embedding(const struct model *model);
struct learning_weight *model_layer(const struct model *model, int64_t layer,
                                    enum layer_weight which);
struct learning_weight *model_final_norm(const struct model *model);
struct learning_weight *model_output(const struct model *model); /* the embedding when tied */

/* A name for messages: "layer 3 qkv". */
void model_weight_name(const struct model *model, size_t index, char name[64]);

/* A tensor of the checkpoint files: `rows` rows of weights[index] from `first_row`. */
struct stored_tensor {
    char name[96]; /* "model.layers.0.self_attn.q_proj.weight" */
    size_t index;
    int64_t first_row, rows, columns;
    bool vector; /* stored with one dimension */
};

/* All of them, in the order in which they are written; the caller frees the array. */
struct stored_tensor *model_stored_tensors(const struct model_config *config, size_t *count);

/*
 * Reads a checkpoint directory onto the device. Every tensor must be there with its shape and a
 * dtype among f32, bf16; a wrong, missing or extra tensor, a header that lies or a short file is
 * one error naming file and tensor, found before memory is spent.
 */
bool model_open(struct model *model, const char *directory, struct device *device,
                struct error *error);
/* Fresh weights: normal with deviation initializer_range, norms 1, the same for the same seed on
 * any device (drawn by Philox from the stored tensor's name). Takes over `config`. */
bool model_initialize(struct model *model, struct model_config *config, struct device *device,
                      uint64_t seed, struct error *error);
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
