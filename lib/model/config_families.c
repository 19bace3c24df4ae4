/*
 * The families: what each calls things in config.json, what it leaves out, and what it is made of.
 * Defaults are those of transformers' configuration classes.
 */
#include <stdio.h>
#include <string.h>

#include "model/config_family.h"

/* ---- what they share ---- */

/* Sizes under the names that all families use. */
static bool read_sizes(struct model_config *config, const json_t *json, int64_t positions,
                       struct error *error) {
    return json_get_integer(json, "vocab_size", true, 0, 1, MOST_VOCABULARY, &config->vocabulary,
                            error) &&
           json_get_integer(json, "hidden_size", true, 0, 1, MOST_WIDTH, &config->width, error) &&
           json_get_integer(json, "num_hidden_layers", true, 0, 1, MOST_LAYERS, &config->layers,
                            error) &&
           json_get_integer(json, "num_attention_heads", true, 0, 1, MOST_HEADS, &config->heads,
                            error) &&
           json_get_integer(json, "intermediate_size", true, 0, 1, MOST_MLP_WIDTH,
                            &config->mlp_width, error) &&
           json_get_integer(json, "max_position_embeddings", false, positions, 1, MOST_POSITIONS,
                            &config->positions, error);
}

/* `kv_heads` where num_key_value_heads is left out, 0: as many as query heads, which null means
 * always. */
static bool read_kv_heads(struct model_config *config, const json_t *json, int64_t kv_heads,
                          struct error *error) {
    if (kv_heads == 0 || json_object_get(json, "num_key_value_heads") != NULL)
        kv_heads = config->heads;
    if (!json_get_integer(json, "num_key_value_heads", false, kv_heads, 1, MOST_HEADS,
                          &config->kv_heads, error))
        return false;
    return config->heads % config->kv_heads == 0 ||
           error_set(error,
                     "'num_attention_heads' is %lld, not a multiple of num_key_value_heads, %lld",
                     (long long)config->heads, (long long)config->kv_heads);
}

/* `head_size` where head_dim is left out, 0: the width divided by the heads. */
static bool read_head_size(struct model_config *config, const json_t *json, int64_t head_size,
                           struct error *error) {
    if (!json_get_integer(json, "head_dim", false, head_size, 1, MOST_HEAD_SIZE, &config->head_size,
                          error))
        return false;
    if (config->head_size == 0) {
        if (config->width % config->heads != 0)
            return error_set(error,
                             "'hidden_size' is %lld, not a multiple of "
                             "num_attention_heads, %lld, and there is no head_dim",
                             (long long)config->width, (long long)config->heads);
        config->head_size = config->width / config->heads;
    }
    return (config->head_size % 2 == 0 && config->head_size <= MOST_HEAD_SIZE) ||
           error_set(error,
                     "a head is %lld wide; an even number to %d would be right "
                     "(hidden_size, num_attention_heads, head_dim)",
                     (long long)config->head_size, MOST_HEAD_SIZE);
}

static bool read_epsilon(struct model_config *config, const json_t *json, const char *key,
                         double fallback, struct error *error) {
    if (!json_get_real(json, key, false, fallback, &config->norm_epsilon, error))
        return false;
    return (config->norm_epsilon > 0 && config->norm_epsilon < 1) ||
           error_set(error, "'%s' is %g; a number between 0 and 1 would be right", key,
                     config->norm_epsilon);
}

/* silu for gated MLPs, one of the GELUs for others. */
static bool read_activation(struct model_config *config, const json_t *json, bool gated,
                            struct error *error) {
    static const struct {
        const char *name;
        bool gated;
        enum activation_kind kind;
    } known[] = {{"silu", true, ACTIVATION_SWIGLU},
                 {"swish", true, ACTIVATION_SWIGLU},
                 {"gelu", false, ACTIVATION_GELU},
                 {"gelu_new", false, ACTIVATION_GELU_TANH},
                 {"gelu_fast", false, ACTIVATION_GELU_TANH},
                 {"gelu_pytorch_tanh", false, ACTIVATION_GELU_TANH}};
    const char *name;
    if (!json_get_text(json, "hidden_act", false, gated ? "silu" : "gelu", &name, error))
        return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].gated == gated && strcmp(known[i].name, name) == 0) {
            config->activation = known[i].kind;
            return true;
        }
    return error_set(error, "'hidden_act' is '%.60s'; %s supported with this architecture", name,
                     gated ? "only 'silu' is" : "'gelu', 'gelu_new' and 'gelu_fast' are");
}

static bool read_tied(struct model_config *config, const json_t *json, struct error *error) {
    return json_get_boolean(json, "tie_word_embeddings", false, false, &config->tied, error);
}

/* ---- sliding windows ---- */

/* `layers` is layer_types: full layers first, then such with a window, or all of one kind. */
static bool read_layer_types(struct model_config *config, const json_t *layers,
                             struct error *error) {
    if (json_array_size(layers) != (size_t)config->layers)
        return error_set(error, "'layer_types' must be a list of num_hidden_layers names");
    int64_t from = config->layers;
    for (int64_t l = 0; l < config->layers; l++) {
        const char *name = json_string_value(json_array_get(layers, (size_t)l));
        bool sliding = name != NULL && strcmp(name, "sliding_attention") == 0;
        if (!sliding && (name == NULL || strcmp(name, "full_attention") != 0))
            return error_set(error,
                             "'layer_types' names '%.60s'; full_attention and sliding_attention "
                             "are supported",
                             name ? name : "no text");
        if (sliding && from == config->layers)
            from = l;
        if (!sliding && from < config->layers)
            return error_set(error, "'layer_types' has a full_attention behind a "
                                    "sliding_attention; only the other order is supported");
    }
    if (from < config->layers && config->window == 0)
        return error_set(error, "'layer_types' names sliding_attention, but there is no "
                                "sliding_window in use");
    config->window_from = from;
    return true;
}

/* The window in layers from `from` on, unless layer_types says otherwise. `fallback` is that of a
 * file without the key; null means none. */
static bool read_window(struct model_config *config, const json_t *json, bool used, int64_t from,
                        int64_t fallback, struct error *error) {
    config->window = 0;
    if (used) {
        bool null = json_is_null(json_object_get(json, "sliding_window"));
        if (!json_get_integer(json, "sliding_window", false, null ? 0 : fallback, 1, MOST_POSITIONS,
                              &config->window, error))
            return false;
    }
    config->window_from = from < config->layers ? from : config->layers;
    const json_t *layers = config_member(json, "layer_types");
    if (layers != NULL && !read_layer_types(config, layers, error))
        return false;
    if (config->window_from == config->layers)
        config->window = 0;
    if (config->window == 0)
        config->window_from = 0;
    return true;
}

/* ---- Llama and those that follow it ---- */

/* What a family puts where its file has nothing. */
struct llama_defaults {
    int64_t positions, kv_heads, head_size;
};

static bool read_like_llama(struct model_config *config, const json_t *json,
                            const struct llama_defaults *defaults, struct error *error) {
    config->naming = NAMING_LLAMA;
    config->norm = NORM_RMS;
    config->causal = true;
    return read_sizes(config, json, defaults->positions, error) &&
           read_kv_heads(config, json, defaults->kv_heads, error) &&
           read_head_size(config, json, defaults->head_size, error) &&
           read_epsilon(config, json, "rms_norm_eps", 1e-6, error) &&
           read_activation(config, json, true, error) &&
           config_read_rotary(config, json, "rope_theta", "partial_rotary_factor", 1, error) &&
           read_tied(config, json, error);
}

/* The key that Llama and Qwen 3 have for the biases of all four projections of attention. */
static bool read_attention_bias(struct model_config *config, const json_t *json, bool fallback,
                                struct error *error) {
    if (!json_get_boolean(json, "attention_bias", false, fallback, &config->qkv_bias, error))
        return false;
    config->attention_out_bias = config->qkv_bias;
    return true;
}

static bool read_llama(struct model_config *config, const json_t *json, struct error *error) {
    static const struct llama_defaults defaults = {.positions = 2048};
    return read_like_llama(config, json, &defaults, error) &&
           read_attention_bias(config, json, false, error) &&
           json_get_boolean(json, "mlp_bias", false, false, &config->mlp_bias, error) &&
           read_window(config, json, false, 0, 0, error);
}

static bool read_mistral(struct model_config *config, const json_t *json, struct error *error) {
    static const struct llama_defaults defaults = {.positions = 4096 * 32, .kv_heads = 8};
    return read_like_llama(config, json, &defaults, error) &&
           read_window(config, json, true, 0, 4096, error);
}

static bool read_qwen_window(struct model_config *config, const json_t *json, struct error *error) {
    bool used;
    int64_t full;
    return json_get_boolean(json, "use_sliding_window", false, false, &used, error) &&
           json_get_integer(json, "max_window_layers", false, 28, 0, INT64_MAX, &full, error) &&
           read_window(config, json, used, full, 4096, error);
}

static bool read_qwen2(struct model_config *config, const json_t *json, struct error *error) {
    static const struct llama_defaults defaults = {.positions = 32768, .kv_heads = 32};
    config->qkv_bias = true;
    return read_like_llama(config, json, &defaults, error) && read_qwen_window(config, json, error);
}

static bool read_qwen3(struct model_config *config, const json_t *json, struct error *error) {
    static const struct llama_defaults defaults = {
        .positions = 32768, .kv_heads = 32, .head_size = 128};
    config->head_norms = true;
    return read_like_llama(config, json, &defaults, error) &&
           read_attention_bias(config, json, false, error) && read_qwen_window(config, json, error);
}

/* ---- GPT-NeoX ---- */

static bool read_neox(struct model_config *config, const json_t *json, struct error *error) {
    config->naming = NAMING_NEOX;
    config->norm = NORM_LAYER;
    config->causal = true;
    config->mlp_bias = true;
    if (!read_sizes(config, json, 2048, error))
        return false;
    config->kv_heads = config->heads;
    return read_head_size(config, json, 0, error) &&
           read_epsilon(config, json, "layer_norm_eps", 1e-5, error) &&
           read_activation(config, json, false, error) &&
           config_read_rotary(config, json, "rotary_emb_base", "rotary_pct", 0.25, error) &&
           read_tied(config, json, error) && read_attention_bias(config, json, true, error) &&
           json_get_boolean(json, "use_parallel_residual", false, true, &config->parallel, error) &&
           read_window(config, json, false, 0, 0, error);
}

/* ---- BERT ---- */

static bool read_bert(struct model_config *config, const json_t *json, struct error *error) {
    config->naming = NAMING_BERT;
    config->norm = NORM_LAYER;
    config->post_norm = true;
    config->qkv_bias = config->attention_out_bias = config->mlp_bias = true;
    const char *positions;
    bool decoder;
    if (!json_get_text(json, "position_embedding_type", false, "absolute", &positions, error) ||
        !json_get_boolean(json, "is_decoder", false, false, &decoder, error))
        return false;
    if (strcmp(positions, "absolute") != 0)
        return error_set(
            error, "'position_embedding_type' is '%.60s'; only 'absolute' is supported", positions);
    if (decoder)
        return error_set(error, "'is_decoder' is true; of BERT only the encoder is supported");
    if (!read_sizes(config, json, 512, error))
        return false;
    config->kv_heads = config->heads;
    return read_head_size(config, json, 0, error) &&
           json_get_integer(json, "type_vocab_size", false, 2, 1, MOST_TYPES, &config->types,
                            error) &&
           read_epsilon(config, json, "layer_norm_eps", 1e-12, error) &&
           read_activation(config, json, false, error);
}

/* ---- the table ---- */

static const struct model_family families[] = {
    {"LlamaForCausalLM", "llama", read_llama},     {"MistralForCausalLM", "mistral", read_mistral},
    {"Qwen2ForCausalLM", "qwen2", read_qwen2},     {"Qwen3ForCausalLM", "qwen3", read_qwen3},
    {"GPTNeoXForCausalLM", "gpt_neox", read_neox}, {"BertModel", "bert", read_bert},
    {"BertForMaskedLM", "bert", read_bert},
};

enum { FAMILIES = sizeof families / sizeof *families };

const struct model_family *model_family_find(const char *architecture, const char *kind) {
    for (size_t i = 0; i < FAMILIES; i++)
        if (strcmp(architecture ? families[i].architecture : families[i].kind,
                   architecture ? architecture : kind) == 0)
            return &families[i];
    return NULL;
}

void model_family_list(char *text, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < FAMILIES && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                                 families[i].architecture);
}
