/*
 * What a model looks like: the fields of a Hugging Face config.json that the transformer needs,
 * whatever the family calls them, and the rest of the file kept as it was, so that what we save
 * other software loads.
 */
#ifndef LOCKPICK_MODEL_CONFIG_H
#define LOCKPICK_MODEL_CONFIG_H

#include "base/json.h"
#include "kernel/kernel.h"

enum norm_kind { NORM_RMS, NORM_LAYER };

enum activation_kind {
    ACTIVATION_SWIGLU, /* silu(gate) · up: the MLP has two matrices of F rows behind its norm */
    ACTIVATION_GELU,   /* the exact one */
    ACTIVATION_GELU_TANH,
};

enum rotary_scaling {
    ROTARY_PLAIN,
    ROTARY_LINEAR, /* positions divided by the factor */
    ROTARY_LLAMA3, /* slow waves divided, fast ones kept, a slope between */
};

struct rotary_settings {
    int64_t size; /* R: columns of each head that turn; 0: positions are learned instead */
    double base;  /* rope_theta */
    enum rotary_scaling scaling;
    double factor;                /* linear and llama3 */
    double low_frequency_factor;  /* llama3 */
    double high_frequency_factor; /* llama3 */
    int64_t original_positions;   /* llama3: what it was first trained with */
};

/* How the checkpoint's files call the tensors. */
enum tensor_naming { NAMING_LLAMA, NAMING_NEOX, NAMING_BERT };

struct model_config {
    int64_t vocabulary; /* V: vocab_size */
    int64_t width;      /* D: hidden_size */
    int64_t layers;     /* num_hidden_layers */
    int64_t heads;      /* H: num_attention_heads */
    int64_t kv_heads;   /* G: num_key_value_heads */
    int64_t head_size;  /* C: head_dim, or D/H */
    int64_t mlp_width;  /* F: intermediate_size */
    int64_t positions;  /* max_position_embeddings */
    int64_t types;      /* type_vocab_size: kinds of text, each with an embedding; 0: none */
    enum norm_kind norm;
    double norm_epsilon;
    enum activation_kind activation;
    bool qkv_bias, attention_out_bias, mlp_bias;
    bool head_norms; /* RMS norm of each head's query and key before they turn */
    bool parallel;   /* attention and MLP both read the layer's input */
    bool post_norm; /* norms stand behind the sums, and one behind the embedding; none at the end */
    bool causal;    /* a decoder; false: an encoder, which has no output projection */
    int64_t window; /* tokens that a row sees, itself included; 0: all before it */
    int64_t window_from; /* the first layer with the window */
    struct rotary_settings rotary;
    double initializer_range;
    bool tied;       /* tie_word_embeddings */
    enum dtype type; /* torch_dtype or dtype: f32 or bf16; float16 is computed with as f32 */
    bool type_given; /* the file names one */
    enum tensor_naming naming;
    int32_t *end_tokens; /* eos_token_id: a number, a list, or nothing */
    size_t end_token_count;
    json_t *json; /* the file as read; a reference of our own */
};

/* Reads `directory`/config.json, or the file itself where `path` names a file. */
bool model_config_read(struct model_config *config, const char *path, struct error *error);
/* The same in two steps, for who changes something in between: the file's JSON, unchecked (a new
 * reference), … */
json_t *model_config_load(const char *path, struct error *error);
/* … and "key=value" put into it, value a number, true, false or null; only keys that the file has
 * or that model_config_from_json() reads. */
bool model_config_set(json_t *json, const char *assignment, struct error *error);
/* Checks every number and what belongs together; an architecture that is not among the families of
 * config_families.c is an error that lists them. */
bool model_config_from_json(struct model_config *config, json_t *json, struct error *error);
/* Adds the end tokens of a generation_config.json (`json`) that are not there yet. */
bool model_config_add_end_tokens(struct model_config *config, const json_t *json,
                                 struct error *error);
/* Makes `type` the dtype, also in the JSON that will be saved. */
void model_config_set_type(struct model_config *config, enum dtype type);
void model_config_free(struct model_config *config);

/* Rows of the first matrix of the MLP: 2F or F. */
int64_t model_config_up_rows(const struct model_config *config);
/* Parameters of the whole model, tied ones once. */
int64_t model_config_parameters(const struct model_config *config);

#endif
