/* The weights of a model: where each lies, what it is called, how it is stored, its digest. */
#include "model/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/storage.h"

/* ---- places ---- */

struct learning_weight *model_embedding(const struct model *model) {
    return &model->weights[0];
}

struct learning_weight *model_layer(const struct model *model, int64_t layer,
                                    enum layer_weight which) {
    return &model->weights[1 + layer * LAYER_WEIGHTS + (int64_t)which];
}

struct learning_weight *model_final_norm(const struct model *model) {
    return &model->weights[1 + model->config.layers * LAYER_WEIGHTS];
}

struct learning_weight *model_output(const struct model *model) {
    return model->config.tied ? &model->weights[0] : model_final_norm(model) + 1;
}

void model_weight_name(const struct model *model, size_t index, char name[64]) {
    static const char *const parts[LAYER_WEIGHTS] = {"attention norm", "qkv",     "attention out",
                                                     "mlp norm",       "gate up", "down"};
    size_t last = 1 + (size_t)model->config.layers * LAYER_WEIGHTS;
    if (index == 0)
        snprintf(name, 64, "embedding");
    else if (index < last)
        snprintf(name, 64, "layer %zu %s", (index - 1) / LAYER_WEIGHTS,
                 parts[(index - 1) % LAYER_WEIGHTS]);
    else
        snprintf(name, 64, "%s", index == last ? "final norm" : "output");
}

static size_t weight_count(const struct model_config *config) {
    return 1 + (size_t)config->layers * LAYER_WEIGHTS + 1 + (config->tied ? 0 : 1);
}

/* Rows and columns of weights[index]. */
static void weight_shape(const struct model_config *config, size_t index, int64_t *rows,
                         int64_t *columns) {
    int64_t queries = config->heads * config->head_size;
    int64_t keys = config->kv_heads * config->head_size;
    const int64_t shapes[LAYER_WEIGHTS][2] = {
        [LAYER_ATTENTION_NORM] = {1, config->width},
        [LAYER_QKV] = {queries + 2 * keys, config->width},
        [LAYER_ATTENTION_OUT] = {config->width, queries},
        [LAYER_MLP_NORM] = {1, config->width},
        [LAYER_GATE_UP] = {2 * config->mlp_width, config->width},
        [LAYER_DOWN] = {config->width, config->mlp_width},
    };
    size_t last = 1 + (size_t)config->layers * LAYER_WEIGHTS;
    bool in_layer = index > 0 && index < last;
    *rows = in_layer        ? shapes[(index - 1) % LAYER_WEIGHTS][0]
            : index == last ? 1
                            : config->vocabulary;
    *columns = in_layer ? shapes[(index - 1) % LAYER_WEIGHTS][1] : config->width;
}

/* ---- memory ---- */

static void cut_weights(struct model *model, struct arena *arena) {
    enum dtype type = model->config.type;
    for (size_t i = 0; i < model->weight_count; i++) {
        int64_t rows, columns;
        weight_shape(&model->config, i, &rows, &columns);
        struct learning_weight *weight = &model->weights[i];
        weight->value = arena_tensor(arena, type, rows, columns);
        weight->low =
            type == DTYPE_BF16 ? arena_tensor(arena, DTYPE_I16, rows, columns) : (struct tensor){0};
    }
}

bool model_reserve(struct model *model, struct error *error) {
    model->weight_count = weight_count(&model->config);
    model->weights = allocate(model->weight_count, sizeof *model->weights);
    struct arena measured = arena_measure();
    cut_weights(model, &measured);
    if (!arena_open(&model->arena, model->device, measured.used, error))
        return error_place(error, "%" PRId64 " parameters",
                           model_config_parameters(&model->config));
    cut_weights(model, &model->arena);
    return true;
}

void model_close(struct model *model) {
    if (model->arena.memory != NULL)
        arena_close(&model->arena);
    free(model->weights);
    free(model->directory);
    model_config_free(&model->config);
    *model = (struct model){0};
}

/* ---- storage ---- */

/* Appends one stored tensor; the next of the same weight starts behind it. */
static void add_stored(struct stored_tensor **next, size_t index, int64_t first_row, int64_t rows,
                       int64_t columns, const char *name) {
    struct stored_tensor *stored = (*next)++;
    *stored = (struct stored_tensor){.index = index,
                                     .first_row = first_row,
                                     .rows = rows,
                                     .columns = columns,
                                     .vector = strstr(name, "norm") != NULL};
    snprintf(stored->name, sizeof stored->name, "%s", name);
}

static void add_layer(struct stored_tensor **next, const struct model_config *config,
                      int64_t layer) {
    int64_t width = config->width, mlp = config->mlp_width;
    int64_t queries = config->heads * config->head_size;
    int64_t keys = config->kv_heads * config->head_size;
    const struct {
        const char *name;
        enum layer_weight which;
        int64_t first_row, rows, columns;
    } parts[] = {
        {"input_layernorm", LAYER_ATTENTION_NORM, 0, 1, width},
        {"self_attn.q_proj", LAYER_QKV, 0, queries, width},
        {"self_attn.k_proj", LAYER_QKV, queries, keys, width},
        {"self_attn.v_proj", LAYER_QKV, queries + keys, keys, width},
        {"self_attn.o_proj", LAYER_ATTENTION_OUT, 0, width, queries},
        {"post_attention_layernorm", LAYER_MLP_NORM, 0, 1, width},
        {"mlp.gate_proj", LAYER_GATE_UP, 0, mlp, width},
        {"mlp.up_proj", LAYER_GATE_UP, mlp, mlp, width},
        {"mlp.down_proj", LAYER_DOWN, 0, width, mlp},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[96];
        snprintf(name, sizeof name, "model.layers.%" PRId64 ".%s.weight", layer, parts[i].name);
        add_stored(next, 1 + (size_t)layer * LAYER_WEIGHTS + parts[i].which, parts[i].first_row,
                   parts[i].rows, parts[i].columns, name);
    }
}

struct stored_tensor *model_stored_tensors(const struct model_config *config, size_t *count) {
    *count = 2 + 9 * (size_t)config->layers + (config->tied ? 0 : 1);
    struct stored_tensor *all = allocate(*count, sizeof *all), *next = all;
    size_t last = 1 + (size_t)config->layers * LAYER_WEIGHTS;
    add_stored(&next, 0, 0, config->vocabulary, config->width, "model.embed_tokens.weight");
    for (int64_t layer = 0; layer < config->layers; layer++)
        add_layer(&next, config, layer);
    add_stored(&next, last, 0, 1, config->width, "model.norm.weight");
    if (!config->tied)
        add_stored(&next, last + 1, 0, config->vocabulary, config->width, "lm_head.weight");
    return all;
}

int64_t stored_chunk_rows(const struct stored_tensor *stored) {
    int64_t rows = ((int64_t)4 << 20) / stored->columns;
    return rows < 1 ? 1 : rows > stored->rows ? stored->rows : rows;
}

struct tensor stored_rows(const struct tensor *weight, const struct stored_tensor *stored,
                          int64_t first, int64_t count) {
    return tensor_rows(*weight, stored->first_row + first, count);
}

/* ---- digest ---- */

void digest_start(struct digest *digest) {
    digest->state = XXH3_createState();
    XXH3_128bits_reset(digest->state);
}

void digest_tensor(struct digest *digest, const struct stored_tensor *stored, enum dtype type) {
    char line[192];
    int size = snprintf(line, sizeof line, "%s %s %" PRId64 " %" PRId64 "\n", stored->name,
                        dtype_name(type), stored->rows, stored->columns);
    digest_bytes(digest, line, (size_t)size);
}

void digest_bytes(struct digest *digest, const void *bytes, size_t size) {
    XXH3_128bits_update(digest->state, bytes, size);
}

void digest_finish(struct digest *digest, char hex[33]) {
    XXH128_hash_t hash = XXH3_128bits_digest(digest->state);
    snprintf(hex, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
    XXH3_freeState(digest->state);
    digest->state = NULL;
}
