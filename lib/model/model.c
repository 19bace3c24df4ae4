/* The weights of a model: which it has, where each lies, and how elements get there and back. */
#include "model/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/storage.h"

/* ---- which there are ---- */

bool outer_shape(const struct model_config *config, enum model_weight which, int64_t *rows,
                 int64_t *columns) {
    bool bias = config->norm == NORM_LAYER;
    const int64_t counts[MODEL_WEIGHTS] = {
        [MODEL_EMBEDDING] = config->vocabulary,
        [MODEL_POSITION_EMBEDDING] = config->rotary.size == 0 ? config->positions : 0,
        [MODEL_TYPE_EMBEDDING] = config->types,
        [MODEL_EMBEDDING_NORM] = config->post_norm,
        [MODEL_EMBEDDING_NORM_BIAS] = config->post_norm && bias,
        [MODEL_FINAL_NORM] = !config->post_norm,
        [MODEL_FINAL_NORM_BIAS] = !config->post_norm && bias,
        [MODEL_OUTPUT] = config->causal && !config->tied ? config->vocabulary : 0,
    };
    *rows = counts[which];
    *columns = config->width;
    return *rows > 0;
}

bool layer_shape(const struct model_config *config, enum layer_weight which, int64_t *rows,
                 int64_t *columns) {
    int64_t D = config->width, F = config->mlp_width, up = model_config_up_rows(config);
    int64_t queries = config->heads * config->head_size;
    int64_t qkv = queries + 2 * config->kv_heads * config->head_size;
    bool norm_bias = config->norm == NORM_LAYER;
    const int64_t shapes[LAYER_WEIGHTS][2] = {
        [LAYER_ATTENTION_NORM] = {1, D},
        [LAYER_ATTENTION_NORM_BIAS] = {norm_bias, D},
        [LAYER_QKV] = {qkv, D},
        [LAYER_QKV_BIAS] = {config->qkv_bias, qkv},
        [LAYER_QUERY_NORM] = {config->head_norms, config->head_size},
        [LAYER_KEY_NORM] = {config->head_norms, config->head_size},
        [LAYER_ATTENTION_OUT] = {D, queries},
        [LAYER_ATTENTION_OUT_BIAS] = {config->attention_out_bias, D},
        [LAYER_MLP_NORM] = {1, D},
        [LAYER_MLP_NORM_BIAS] = {norm_bias, D},
        [LAYER_UP] = {up, D},
        [LAYER_UP_BIAS] = {config->mlp_bias, up},
        [LAYER_DOWN] = {D, F},
        [LAYER_DOWN_BIAS] = {config->mlp_bias, D},
    };
    *rows = shapes[which][0];
    *columns = shapes[which][1];
    return *rows > 0;
}

/* How many weights of each kind stand before `end`. */
static size_t outer_before(const struct model_config *config, int end) {
    size_t count = 0;
    int64_t rows, columns;
    for (int which = 0; which < end; which++)
        count += outer_shape(config, (enum model_weight)which, &rows, &columns);
    return count;
}

static size_t layer_before(const struct model_config *config, int end) {
    size_t count = 0;
    int64_t rows, columns;
    for (int which = 0; which < end; which++)
        count += layer_shape(config, (enum layer_weight)which, &rows, &columns);
    return count;
}

size_t outer_index(const struct model_config *config, enum model_weight which) {
    size_t layers =
        which < MODEL_FINAL_NORM ? 0 : (size_t)config->layers * layer_before(config, LAYER_WEIGHTS);
    return layers + outer_before(config, (int)which);
}

size_t layer_index(const struct model_config *config, int64_t layer, enum layer_weight which) {
    return outer_before(config, MODEL_FINAL_NORM) +
           (size_t)layer * layer_before(config, LAYER_WEIGHTS) + layer_before(config, (int)which);
}

/* ---- places ---- */

struct learning_weight *model_part(const struct model *model, enum model_weight which) {
    return model->outer[which] < 0 ? NULL : &model->weights[model->outer[which]];
}

struct learning_weight *model_layer(const struct model *model, int64_t layer,
                                    enum layer_weight which) {
    if (model->in_layer[which] < 0)
        return NULL;
    return &model->weights[model->first_layer + layer * model->per_layer + model->in_layer[which]];
}

struct learning_weight *model_embedding(const struct model *model) {
    return &model->weights[0];
}

struct learning_weight *model_output(const struct model *model) {
    if (!model->config.causal)
        return NULL;
    return model->config.tied ? model_embedding(model) : model_part(model, MODEL_OUTPUT);
}

struct tensor weight_value(const struct learning_weight *weight) {
    return weight != NULL ? weight->value : (struct tensor){0};
}

void model_weight_name(const struct model *model, size_t index, char name[64]) {
    static const char *const outer[MODEL_WEIGHTS] = {
        "embedding",           "position embedding", "type embedding",  "embedding norm",
        "embedding norm bias", "final norm",         "final norm bias", "output"};
    static const char *const parts[LAYER_WEIGHTS] = {"attention norm",
                                                     "attention norm bias",
                                                     "qkv",
                                                     "qkv bias",
                                                     "query norm",
                                                     "key norm",
                                                     "attention out",
                                                     "attention out bias",
                                                     "mlp norm",
                                                     "mlp norm bias",
                                                     "up",
                                                     "up bias",
                                                     "down",
                                                     "down bias"};
    int place = (int)index - model->first_layer;
    for (int which = 0; which < MODEL_WEIGHTS; which++)
        if (model->outer[which] == (int)index)
            snprintf(name, 64, "%s", outer[which]);
    for (int which = 0; which < LAYER_WEIGHTS; which++)
        if (place >= 0 && place < (int)model->config.layers * model->per_layer &&
            model->in_layer[which] == place % model->per_layer)
            snprintf(name, 64, "layer %d %s", place / model->per_layer, parts[which]);
}

/* ---- memory ---- */

static void cut_weight(struct model *model, struct arena *arena, bool halves, size_t index,
                       int64_t rows, int64_t columns) {
    enum dtype type = model->config.type;
    struct learning_weight *weight = &model->weights[index];
    weight->value = arena_tensor(arena, type, rows, columns);
    if (halves && type == DTYPE_BF16)
        weight->low = arena_tensor(arena, DTYPE_I16, rows, columns);
}

static void cut_weights(struct model *model, struct arena *arena, bool halves) {
    const struct model_config *config = &model->config;
    int64_t rows, columns;
    for (int which = 0; which < MODEL_WEIGHTS; which++)
        if (outer_shape(config, (enum model_weight)which, &rows, &columns))
            cut_weight(model, arena, halves, outer_index(config, (enum model_weight)which), rows,
                       columns);
    for (int64_t layer = 0; layer < config->layers; layer++)
        for (int which = 0; which < LAYER_WEIGHTS; which++)
            if (layer_shape(config, (enum layer_weight)which, &rows, &columns))
                cut_weight(model, arena, halves,
                           layer_index(config, layer, (enum layer_weight)which), rows, columns);
}

static void find_places(struct model *model) {
    const struct model_config *config = &model->config;
    int64_t rows, columns;
    model->first_layer = (int)layer_index(config, 0, (enum layer_weight)0);
    model->per_layer = (int)layer_before(config, LAYER_WEIGHTS);
    for (int which = 0; which < MODEL_WEIGHTS; which++)
        model->outer[which] = outer_shape(config, (enum model_weight)which, &rows, &columns)
                                  ? (int)outer_index(config, (enum model_weight)which)
                                  : -1;
    for (int which = 0; which < LAYER_WEIGHTS; which++)
        model->in_layer[which] = layer_shape(config, (enum layer_weight)which, &rows, &columns)
                                     ? (int)layer_before(config, which)
                                     : -1;
}

/* Shapes alone; the bytes that all weights need. */
static size_t measure_weights(struct model *model, bool halves) {
    find_places(model);
    model->weight_count = outer_index(&model->config, MODEL_WEIGHTS);
    model->weights = allocate(model->weight_count, sizeof *model->weights);
    struct arena measured = arena_measure();
    cut_weights(model, &measured, halves);
    return measured.used;
}

void model_measure(struct model *model, struct model_config *config, struct device *device) {
    *model = (struct model){.config = *config, .device = device};
    *config = (struct model_config){0};
    measure_weights(model, true);
}

bool model_reserve(struct model *model, bool halves, struct error *error) {
    size_t size = measure_weights(model, halves);
    if (!arena_open(&model->arena, model->device, size, error))
        return error_place(error, "%" PRId64 " parameters",
                           model_config_parameters(&model->config));
    cut_weights(model, &model->arena, halves);
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

/* ---- elements ---- */

int64_t stored_place(const struct stored_tensor *stored, int64_t element, int64_t *run) {
    int64_t total = stored->rows * stored->columns, block = stored->block;
    if (block == 0) {
        *run = total - element;
        return stored->first + element;
    }
    int64_t head = element / (3 * block), part = element / block % 3, within = element % block;
    *run = block - within;
    return stored->first + part * (total / 3) + head * block + within;
}

struct tensor weight_elements(const struct tensor *weight, int64_t first, int64_t count) {
    int64_t total = weight->rows * weight->columns;
    struct tensor row = {weight->data, weight->type, 1, total, total};
    return tensor_columns(row, first, count);
}

void upload_stored(struct device *device, const struct tensor *weight,
                   const struct stored_tensor *stored, int64_t first, int64_t count,
                   const void *bytes) {
    size_t size = dtype_size(weight->type);
    for (int64_t done = 0, run; done < count; done += run) {
        int64_t place = stored_place(stored, first + done, &run);
        run = run < count - done ? run : count - done;
        device_upload(device, weight_elements(weight, place, run),
                      (const uint8_t *)bytes + (size_t)done * size);
    }
}

void download_stored(struct device *device, const struct tensor *weight,
                     const struct stored_tensor *stored, int64_t first, int64_t count,
                     void *bytes) {
    size_t size = dtype_size(weight->type);
    for (int64_t done = 0, run; done < count; done += run) {
        int64_t place = stored_place(stored, first + done, &run);
        run = run < count - done ? run : count - done;
        device_download(device, (uint8_t *)bytes + (size_t)done * size,
                        weight_elements(weight, place, run));
    }
}
