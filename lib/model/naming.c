/*
 * What the families call their tensors, and which part of which weight each one holds: the only
 * place, besides config_families.c, that knows them apart.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/storage.h"

/* Which part of its weight a tensor is. */
enum part {
    PART_ALL,
    PART_QUERY,
    PART_KEY,
    PART_VALUE,
    PART_GATE,    /* the upper half */
    PART_UP,      /* the lower half */
    PART_BY_TURNS /* of every head its query, key and value rows, then the next head's */
};

struct layer_name {
    const char *name;
    enum layer_weight weight;
    enum part part;
};

struct outer_name {
    const char *name;
    enum model_weight weight;
};

struct naming {
    const char *layers; /* what stands before a layer's number */
    const struct layer_name *layer;
    size_t layer_count;
    const struct outer_name *outer; /* those before the layers, then those behind */
    size_t outer_count;
    const char *optional_prefix; /* that names may carry in files; NULL for none */
    const char *const *ignored;  /* endings, or beginnings where they end in a dot; NULL ends */
    const char *tied_output;     /* stored by some although it is the embedding */
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Llama, Mistral, Qwen ---- */

static const struct layer_name llama_layer[] = {
    {"input_layernorm.weight", LAYER_ATTENTION_NORM, PART_ALL},
    {"self_attn.q_proj.weight", LAYER_QKV, PART_QUERY},
    {"self_attn.k_proj.weight", LAYER_QKV, PART_KEY},
    {"self_attn.v_proj.weight", LAYER_QKV, PART_VALUE},
    {"self_attn.q_proj.bias", LAYER_QKV_BIAS, PART_QUERY},
    {"self_attn.k_proj.bias", LAYER_QKV_BIAS, PART_KEY},
    {"self_attn.v_proj.bias", LAYER_QKV_BIAS, PART_VALUE},
    {"self_attn.q_norm.weight", LAYER_QUERY_NORM, PART_ALL},
    {"self_attn.k_norm.weight", LAYER_KEY_NORM, PART_ALL},
    {"self_attn.o_proj.weight", LAYER_ATTENTION_OUT, PART_ALL},
    {"self_attn.o_proj.bias", LAYER_ATTENTION_OUT_BIAS, PART_ALL},
    {"post_attention_layernorm.weight", LAYER_MLP_NORM, PART_ALL},
    {"mlp.gate_proj.weight", LAYER_UP, PART_GATE},
    {"mlp.up_proj.weight", LAYER_UP, PART_UP},
    {"mlp.gate_proj.bias", LAYER_UP_BIAS, PART_GATE},
    {"mlp.up_proj.bias", LAYER_UP_BIAS, PART_UP},
    {"mlp.down_proj.weight", LAYER_DOWN, PART_ALL},
    {"mlp.down_proj.bias", LAYER_DOWN_BIAS, PART_ALL},
};
static const struct outer_name llama_outer[] = {
    {"model.embed_tokens.weight", MODEL_EMBEDDING},
    {"model.norm.weight", MODEL_FINAL_NORM},
    {"lm_head.weight", MODEL_OUTPUT},
};
static const char *const llama_ignored[] = {".rotary_emb.inv_freq", NULL};

/* ---- GPT-NeoX ---- */

static const struct layer_name neox_layer[] = {
    {"input_layernorm.weight", LAYER_ATTENTION_NORM, PART_ALL},
    {"input_layernorm.bias", LAYER_ATTENTION_NORM_BIAS, PART_ALL},
    {"attention.query_key_value.weight", LAYER_QKV, PART_BY_TURNS},
    {"attention.query_key_value.bias", LAYER_QKV_BIAS, PART_BY_TURNS},
    {"attention.dense.weight", LAYER_ATTENTION_OUT, PART_ALL},
    {"attention.dense.bias", LAYER_ATTENTION_OUT_BIAS, PART_ALL},
    {"post_attention_layernorm.weight", LAYER_MLP_NORM, PART_ALL},
    {"post_attention_layernorm.bias", LAYER_MLP_NORM_BIAS, PART_ALL},
    {"mlp.dense_h_to_4h.weight", LAYER_UP, PART_ALL},
    {"mlp.dense_h_to_4h.bias", LAYER_UP_BIAS, PART_ALL},
    {"mlp.dense_4h_to_h.weight", LAYER_DOWN, PART_ALL},
    {"mlp.dense_4h_to_h.bias", LAYER_DOWN_BIAS, PART_ALL},
};
static const struct outer_name neox_outer[] = {
    {"gpt_neox.embed_in.weight", MODEL_EMBEDDING},
    {"gpt_neox.final_layer_norm.weight", MODEL_FINAL_NORM},
    {"gpt_neox.final_layer_norm.bias", MODEL_FINAL_NORM_BIAS},
    {"embed_out.weight", MODEL_OUTPUT},
};
/* Masks and tables that older versions stored. */
static const char *const neox_ignored[] = {".attention.bias", ".attention.masked_bias",
                                           ".rotary_emb.inv_freq", NULL};

/* ---- BERT ---- */

static const struct layer_name bert_layer[] = {
    {"attention.self.query.weight", LAYER_QKV, PART_QUERY},
    {"attention.self.key.weight", LAYER_QKV, PART_KEY},
    {"attention.self.value.weight", LAYER_QKV, PART_VALUE},
    {"attention.self.query.bias", LAYER_QKV_BIAS, PART_QUERY},
    {"attention.self.key.bias", LAYER_QKV_BIAS, PART_KEY},
    {"attention.self.value.bias", LAYER_QKV_BIAS, PART_VALUE},
    {"attention.output.dense.weight", LAYER_ATTENTION_OUT, PART_ALL},
    {"attention.output.dense.bias", LAYER_ATTENTION_OUT_BIAS, PART_ALL},
    {"attention.output.LayerNorm.weight", LAYER_ATTENTION_NORM, PART_ALL},
    {"attention.output.LayerNorm.bias", LAYER_ATTENTION_NORM_BIAS, PART_ALL},
    {"intermediate.dense.weight", LAYER_UP, PART_ALL},
    {"intermediate.dense.bias", LAYER_UP_BIAS, PART_ALL},
    {"output.dense.weight", LAYER_DOWN, PART_ALL},
    {"output.dense.bias", LAYER_DOWN_BIAS, PART_ALL},
    {"output.LayerNorm.weight", LAYER_MLP_NORM, PART_ALL},
    {"output.LayerNorm.bias", LAYER_MLP_NORM_BIAS, PART_ALL},
};
static const struct outer_name bert_outer[] = {
    {"embeddings.word_embeddings.weight", MODEL_EMBEDDING},
    {"embeddings.position_embeddings.weight", MODEL_POSITION_EMBEDDING},
    {"embeddings.token_type_embeddings.weight", MODEL_TYPE_EMBEDDING},
    {"embeddings.LayerNorm.weight", MODEL_EMBEDDING_NORM},
    {"embeddings.LayerNorm.bias", MODEL_EMBEDDING_NORM_BIAS},
};
/* What stands on top of the encoder, and a table of 0, 1, 2, … */
static const char *const bert_ignored[] = {"pooler.", "bert.pooler.", "cls.",
                                           "embeddings.position_ids", NULL};

static const struct naming namings[] = {
    [NAMING_LLAMA] = {"model.layers.", llama_layer, COUNT(llama_layer), llama_outer,
                      COUNT(llama_outer), NULL, llama_ignored, "lm_head.weight"},
    [NAMING_NEOX] = {"gpt_neox.layers.", neox_layer, COUNT(neox_layer), neox_outer,
                     COUNT(neox_outer), NULL, neox_ignored, "embed_out.weight"},
    [NAMING_BERT] = {"encoder.layer.", bert_layer, COUNT(bert_layer), bert_outer, COUNT(bert_outer),
                     "bert.", bert_ignored, NULL},
};

/* ---- the list ---- */

static bool ends_with(const char *text, const char *ending) {
    size_t size = strlen(text), length = strlen(ending);
    return size >= length && strcmp(text + size - length, ending) == 0;
}

/* What follows from a name: whether it is a vector, and of which kind. */
static void describe(struct stored_tensor *stored, const char *name) {
    stored->bias = ends_with(name, ".bias");
    stored->gain = !stored->bias && (strstr(name, "norm.") || strstr(name, "LayerNorm."));
    stored->vector = stored->bias || stored->gain;
}

/* The elements of a layer's weight that `part` means. */
static void place_part(struct stored_tensor *stored, const struct model_config *config,
                       enum part part) {
    int64_t queries = config->heads * config->head_size;
    int64_t keys = config->kv_heads * config->head_size;
    /* Rows of a matrix, elements of a bias. */
    int64_t *extent = stored->vector ? &stored->columns : &stored->rows;
    int64_t width = stored->vector ? 1 : stored->columns;
    int64_t first = 0;
    switch (part) {
    case PART_ALL:
        return;
    case PART_BY_TURNS:
        stored->block = config->head_size * width;
        return;
    case PART_QUERY:
        *extent = queries;
        break;
    case PART_KEY:
        first = queries;
        *extent = keys;
        break;
    case PART_VALUE:
        first = queries + keys;
        *extent = keys;
        break;
    case PART_GATE:
        *extent = config->mlp_width;
        break;
    case PART_UP:
        first = config->mlp_width;
        *extent = config->mlp_width;
        break;
    }
    stored->first = first * width;
}

static void add_outer(struct stored_tensor **next, const struct model_config *config,
                      const struct outer_name *outer) {
    struct stored_tensor stored = {0};
    if (!outer_shape(config, outer->weight, &stored.rows, &stored.columns))
        return;
    stored.index = outer_index(config, outer->weight);
    snprintf(stored.name, sizeof stored.name, "%s", outer->name);
    describe(&stored, outer->name);
    *(*next)++ = stored;
}

static void add_layer(struct stored_tensor **next, const struct model_config *config,
                      const struct naming *naming, int64_t layer) {
    for (size_t i = 0; i < naming->layer_count; i++) {
        const struct layer_name *name = &naming->layer[i];
        struct stored_tensor stored = {0};
        if (!layer_shape(config, name->weight, &stored.rows, &stored.columns))
            continue;
        stored.index = layer_index(config, layer, name->weight);
        snprintf(stored.name, sizeof stored.name, "%s%" PRId64 ".%s", naming->layers, layer,
                 name->name);
        describe(&stored, name->name);
        place_part(&stored, config, name->part);
        *(*next)++ = stored;
    }
}

struct stored_tensor *model_stored_tensors(const struct model_config *config, size_t *count) {
    const struct naming *naming = &namings[config->naming];
    size_t most = naming->outer_count + naming->layer_count * (size_t)config->layers;
    struct stored_tensor *all = allocate(most, sizeof *all), *next = all;
    size_t i = 0;
    for (; i < naming->outer_count && naming->outer[i].weight < MODEL_FINAL_NORM; i++)
        add_outer(&next, config, &naming->outer[i]);
    for (int64_t layer = 0; layer < config->layers; layer++)
        add_layer(&next, config, naming, layer);
    for (; i < naming->outer_count; i++)
        add_outer(&next, config, &naming->outer[i]);
    *count = (size_t)(next - all);
    return all;
}

/* ---- other names ---- */

/* With the prefix; with the names that norms had in older BERTs; with both. */
bool stored_alias(const struct model_config *config, const struct stored_tensor *stored,
                  int attempt, char name[128]) {
    const char *prefix = namings[config->naming].optional_prefix;
    if (prefix == NULL || attempt > 2)
        return false;
    snprintf(name, 128, "%s%s", attempt == 1 ? "" : prefix, stored->name);
    char *norm = strstr(name, "LayerNorm.");
    if (attempt > 0 && norm != NULL)
        snprintf(norm, (size_t)(128 - (norm - name)), "LayerNorm.%s",
                 stored->bias ? "beta" : "gamma");
    return true;
}

bool is_ignored_tensor(const struct model_config *config, const char *name) {
    const struct naming *naming = &namings[config->naming];
    for (size_t i = 0; naming->ignored[i] != NULL; i++) {
        const char *pattern = naming->ignored[i];
        if (ends_with(pattern, ".") ? strncmp(name, pattern, strlen(pattern)) == 0
                                    : ends_with(name, pattern))
            return true;
    }
    return config->tied && naming->tied_output != NULL && strcmp(name, naming->tied_output) == 0;
}
