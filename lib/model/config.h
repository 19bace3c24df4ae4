/*
 * What a decoder looks like: the fields of a Hugging Face config.json that the transformer needs,
 * and the rest of the file kept as it was, so that what we save other software loads.
 */
#ifndef LOCKPICK_MODEL_CONFIG_H
#define LOCKPICK_MODEL_CONFIG_H

#include "base/json.h"
#include "kernel/kernel.h"

struct model_config {
    int64_t vocabulary;  /* V: vocab_size */
    int64_t width;       /* D: hidden_size */
    int64_t layers;      /* num_hidden_layers */
    int64_t heads;       /* H: num_attention_heads */
    int64_t kv_heads;    /* G: num_key_value_heads */
    int64_t head_size;   /* C: head_dim, or D/H */
    int64_t mlp_width;   /* F: intermediate_size */
    int64_t positions;   /* max_position_embeddings */
    double norm_epsilon; /* rms_norm_eps */
    double rotary_base;  /* rope_theta (also inside rope_parameters) */
    double initializer_range;
    bool tied;           /* tie_word_embeddings */
    enum dtype type;     /* torch_dtype or dtype: f32 or bf16 */
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
/* Checks every number and what belongs together; the architecture must be LlamaForCausalLM. */
bool model_config_from_json(struct model_config *config, json_t *json, struct error *error);
/* Makes `type` the dtype, also in the JSON that will be saved. */
void model_config_set_type(struct model_config *config, enum dtype type);
void model_config_free(struct model_config *config);

/* Parameters of the whole model, tied ones once. */
int64_t model_config_parameters(const struct model_config *config);

#endif
