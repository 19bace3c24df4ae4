/*
 * What follows from the numbers of a configuration. Apart from the reading of it, so that the
 * transformer can be tested where there is no JSON library.
 */
#include <stdlib.h>

#include "model/config.h"

void model_config_free(struct model_config *config) {
    free(config->end_tokens);
    json_decref(config->json);
    *config = (struct model_config){0};
}

int64_t model_config_up_rows(const struct model_config *config) {
    return (config->activation == ACTIVATION_SWIGLU ? 2 : 1) * config->mlp_width;
}

static int64_t layer_parameters(const struct model_config *config) {
    int64_t D = config->width, F = config->mlp_width, up = model_config_up_rows(config);
    int64_t queries = config->heads * config->head_size;
    int64_t qkv = queries + 2 * config->kv_heads * config->head_size;
    int64_t count = qkv * D + queries * D + up * D + F * D;
    count += (config->norm == NORM_LAYER ? 4 : 2) * D;
    count += config->head_norms ? 2 * config->head_size : 0;
    count += (config->qkv_bias ? qkv : 0) + (config->attention_out_bias ? D : 0);
    return count + (config->mlp_bias ? up + D : 0);
}

int64_t model_config_parameters(const struct model_config *config) {
    int64_t D = config->width;
    int64_t rows = config->vocabulary + config->types;
    rows += config->rotary.size == 0 ? config->positions : 0;
    rows += config->causal && !config->tied ? config->vocabulary : 0;
    rows += config->norm == NORM_LAYER ? 2 : 1; /* the norm behind the embedding or at the end */
    return config->layers * layer_parameters(config) + rows * D;
}
