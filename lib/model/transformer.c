/* A transformer's tables of positions, and the room for a pass through it. */
#include "model/transformer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/transformer_run.h"

/* ---- tables of positions ---- */

/*
 * The angle that pair i turns by from one position to the next: base^(−2i/R) (Su et al. 2021,
 * equation 15), scaled. llama3 (Llama 3.1's model card): a wave longer than the old context over
 * low_freq_factor turns slower by the factor, one shorter than it over high_freq_factor as before,
 * and between these there is a slope in the number of waves that the old context holds.
 */
static double turn(const struct rotary_settings *rotary, int64_t i) {
    double frequency = pow(rotary->base, -2.0 * (double)i / (double)rotary->size);
    if (rotary->scaling == ROTARY_PLAIN)
        return frequency;
    if (rotary->scaling == ROTARY_LINEAR)
        return frequency / rotary->factor;
    double waves = (double)rotary->original_positions * frequency / (2 * M_PI);
    double low = rotary->low_frequency_factor, high = rotary->high_frequency_factor;
    double kept = waves >= high ? 1 : waves <= low ? 0 : (waves - low) / (high - low);
    return kept * frequency + (1 - kept) * frequency / rotary->factor;
}

/* Long contexts have millions of angles, so threads share them. */
static void fill_rotary(const struct model_config *config, int threads, float *cosine,
                        float *sine) {
    int64_t half = config->rotary.size / 2;
    double *steps = allocate((size_t)half, sizeof *steps);
    for (int64_t i = 0; i < half; i++)
        steps[i] = turn(&config->rotary, i);
#pragma omp parallel for num_threads(threads)
    for (int64_t position = 0; position < config->positions; position++)
        for (int64_t i = 0; i < half; i++) {
            double angle = (double)position * steps[i];
            cosine[position * half + i] = (float)cos(angle);
            sine[position * half + i] = (float)sin(angle);
        }
    free(steps);
}

static bool open_rotary(struct transformer *transformer, struct error *error) {
    struct model *model = transformer->model;
    int64_t rows = model->config.positions, half = model->config.rotary.size / 2;
    size_t count = (size_t)(rows * half);
    float *cosine = allocate_sized(count, sizeof(float), "rotary tables", error);
    float *sine = cosine ? allocate_sized(count, sizeof(float), "rotary tables", error) : NULL;
    struct arena measure = arena_measure();
    arena_tensor(&measure, DTYPE_F32, rows, half);
    arena_tensor(&measure, DTYPE_F32, rows, half);
    bool fine = sine != NULL && arena_open(&transformer->arena, model->device, measure.used, error);
    if (fine) {
        fill_rotary(&model->config, device_threads(model->device), cosine, sine);
        transformer->cosine = arena_tensor(&transformer->arena, DTYPE_F32, rows, half);
        transformer->sine = arena_tensor(&transformer->arena, DTYPE_F32, rows, half);
        device_upload(model->device, transformer->cosine, cosine);
        device_upload(model->device, transformer->sine, sine);
    }
    free(cosine);
    free(sine);
    return fine;
}

/* The first `rows` rows of a weight as f32 on the host; the caller frees. NULL and an error. */
static float *download_rows(struct model *model, enum model_weight which, int64_t rows,
                            struct error *error) {
    struct tensor value = tensor_rows(model_part(model, which)->value, 0, rows);
    size_t count = (size_t)(rows * value.columns);
    float *wide = allocate_sized(count, sizeof *wide, "learned positions", error);
    if (wide == NULL)
        return NULL;
    device_download(model->device, wide, value);
    if (!device_finish(model->device, error)) {
        free(wide);
        return NULL;
    }
    if (value.type == DTYPE_BF16) /* from the end, since it widens in place */
        for (size_t i = count; i-- > 0;) {
            uint16_t narrow;
            memcpy(&narrow, (const uint8_t *)wide + 2 * i, sizeof narrow);
            uint32_t bits = (uint32_t)narrow << 16;
            memcpy(&wide[i], &bits, sizeof bits);
        }
    return wide;
}

static bool open_learned(struct transformer *transformer, struct error *error) {
    struct model *model = transformer->model;
    int64_t rows = model->config.positions, width = model->config.width;
    float *table = download_rows(model, MODEL_POSITION_EMBEDDING, rows, error);
    float *type = table != NULL && model->config.types > 0
                      ? download_rows(model, MODEL_TYPE_EMBEDDING, 1, error)
                      : NULL;
    struct arena measure = arena_measure();
    arena_tensor(&measure, DTYPE_F32, rows, width);
    bool fine = table != NULL && (type != NULL || model->config.types == 0) &&
                arena_open(&transformer->arena, model->device, measure.used, error);
    if (fine) {
        for (int64_t i = 0; type != NULL && i < rows * width; i++)
            table[i] += type[i % width];
        transformer->positions = arena_tensor(&transformer->arena, DTYPE_F32, rows, width);
        device_upload(model->device, transformer->positions, table);
    }
    free(table);
    free(type);
    return fine;
}

bool transformer_open(struct transformer *transformer, struct model *model, struct error *error) {
    *transformer = (struct transformer){.model = model};
    bool fine = model->config.rotary.size > 0 ? open_rotary(transformer, error)
                                              : open_learned(transformer, error);
    fine = fine && device_finish(model->device, error);
    if (!fine)
        transformer_close(transformer);
    return fine;
}

void transformer_close(struct transformer *transformer) {
    if (transformer->model != NULL)
        arena_close(&transformer->arena);
    *transformer = (struct transformer){0};
}

/* ---- room for a pass ---- */

/* What a layer is cut from. */
struct layer_room {
    struct arena *arena;
    const struct model_config *config;
    enum dtype type;      /* of activations */
    int64_t tokens, rows; /* rows: those behind the attention */
};

static struct tensor cut(const struct layer_room *room, int64_t rows, int64_t columns) {
    return arena_tensor(room->arena, room->type, rows, columns);
}

/* Statistics of rows and heads are f32. */
static struct tensor cut_statistics(const struct layer_room *room, int64_t rows, int64_t columns) {
    return arena_tensor(room->arena, DTYPE_F32, rows, columns);
}

static void open_norms(struct layer_pass *layer, const struct layer_room *room) {
    int64_t D = room->config->width;
    layer->normed = cut(room, room->tokens, D);
    layer->scale = cut_statistics(room, 1, room->tokens);
    layer->middle_normed = cut(room, room->rows, D);
    layer->middle_scale = cut_statistics(room, 1, room->rows);
    if (room->config->norm == NORM_LAYER) {
        layer->mean = cut_statistics(room, 1, room->tokens);
        layer->middle_mean = cut_statistics(room, 1, room->rows);
    }
    layer->mlp = cut(room, room->rows, room->config->mlp_width);
}

static void open_attention(struct layer_pass *layer, const struct layer_room *room) {
    const struct model_config *config = room->config;
    int64_t heads = config->heads + config->kv_heads, size = config->head_size;
    layer->qkv = cut(room, room->tokens, (heads + config->kv_heads) * size);
    if (config->head_norms) {
        layer->qk = cut(room, room->tokens, heads * size);
        layer->qk_scale = cut_statistics(room, room->tokens, heads);
    }
    layer->attention = cut(room, room->tokens, config->heads * size);
    layer->log_sum = cut_statistics(room, room->tokens, config->heads);
}

static void open_mlp(struct layer_pass *layer, const struct layer_room *room) {
    layer->middle = cut(room, room->rows, room->config->width);
    layer->up = cut(room, room->rows, model_config_up_rows(room->config));
}

/* The parts of a layer that `use` keeps, or those that it does not. */
static void open_parts(struct layer_pass *layer, const struct layer_room *room, enum pass_use use,
                       bool kept) {
    bool training = use != PASS_FORWARD;
    if (training == kept)
        layer->input = cut(room, room->tokens, room->config->width);
    if ((training && use < PASS_RECOMPUTE_NORMS) == kept)
        open_norms(layer, room);
    if ((training && use < PASS_RECOMPUTE_ATTENTION) == kept)
        open_attention(layer, room);
    if ((training && use < PASS_RECOMPUTE_LAYER) == kept)
        open_mlp(layer, room);
}

static void open_layers(struct pass *pass, struct layer_room room) {
    const struct model_config *config = room.config;
    struct layer_pass shared = {0}, *last = &pass->layers[config->layers - 1];
    open_parts(&shared, &room, pass->use, false);
    for (struct layer_pass *layer = pass->layers; layer <= last; layer++) {
        *layer = shared;
        room.rows = layer == last ? pass->rows : pass->tokens;
        if (pass->use != PASS_FORWARD)
            open_parts(layer, &room, pass->use, true);
    }
    last->attention_rows = cut(&room, pass->rows, config->heads * config->head_size);
    last->input_rows = cut(&room, pass->rows, config->width);
}

/* What only the backward pass uses. */
static void open_gradients(struct pass *pass, const struct layer_room *room) {
    const struct model_config *config = room->config;
    int64_t T = pass->tokens, D = config->width;
    pass->doutput = cut(room, pass->rows, D);
    pass->dhidden = cut(room, T, D);
    pass->dmiddle = cut(room, T, D);
    pass->dnormed = cut(room, T, D);
    pass->dqkv = cut(room, T, (config->heads + 2 * config->kv_heads) * config->head_size);
    pass->dattention = cut(room, T, config->heads * config->head_size);
    pass->dup = cut(room, T, model_config_up_rows(config));
    pass->dmlp = cut(room, T, config->mlp_width);
}

void pass_open(struct pass *pass, struct arena *arena, const struct model *model, int64_t tokens,
               int64_t rows, enum pass_use use) {
    const struct model_config *config = &model->config;
    struct layer_room room = {arena, config, device_activations(model->device, config->type),
                              tokens, tokens};
    *pass = (struct pass){.tokens = tokens, .rows = rows, .use = use};
    pass->layers = allocate((size_t)config->layers, sizeof *pass->layers);
    open_layers(pass, room);
    pass->hidden = cut(&room, rows, config->width);
    pass->hidden_scale = cut_statistics(&room, 1, rows);
    if (config->norm == NORM_LAYER)
        pass->hidden_mean = cut_statistics(&room, 1, rows);
    pass->output = cut(&room, rows, config->width);
    if (use != PASS_FORWARD)
        open_gradients(pass, &room);
}

size_t transformer_scratch(const struct model *model, int64_t tokens) {
    const struct model_config *config = &model->config;
    int64_t qkv = (config->heads + 2 * config->kv_heads) * config->head_size;
    int64_t up = model_config_up_rows(config), widest = qkv > up ? qkv : up;
    return device_scratch(model->device,
                          (struct workload){
                              .rows = tokens,
                              .longest = tokens < config->positions ? tokens : config->positions,
                              .widest = widest > config->width ? widest : config->width,
                              .heads = config->heads,
                              .head_size = config->head_size,
                              .vocabulary = config->vocabulary,
                              .weights = config->type,
                          });
}

void pass_close(struct pass *pass) {
    free(pass->layers);
    *pass = (struct pass){0};
}

/* ---- a run ---- */

struct run run_start(struct transformer *transformer, const struct batch *batch) {
    int64_t tokens = batch->tokens.columns;
    return (struct run){
        .transformer = transformer,
        .model = transformer->model,
        .device = transformer->model->device,
        .config = &transformer->model->config,
        .batch = batch,
        .tokens = tokens,
        .rows = batch->rows.data ? batch->rows.columns : tokens,
    };
}

struct attention_shape run_attention(const struct run *run, int64_t l) {
    const struct model_config *config = run->config;
    return (struct attention_shape){
        .heads = config->heads,
        .kv_heads = config->kv_heads,
        .head_size = config->head_size,
        .scale = (float)(1.0 / sqrt((double)config->head_size)),
        .causal = config->causal,
        .window = l >= config->window_from ? config->window : 0,
    };
}

struct tensor run_weight(const struct run *run, int64_t l, enum layer_weight which) {
    return weight_value(model_layer(run->model, l, which));
}

struct layer_pass run_view(const struct layer_pass *layer, const struct run *run, bool trimmed) {
    struct layer_pass view = *layer;
    int64_t T = run->tokens, n = trimmed ? run->rows : run->tokens;
    view.input = tensor_rows(view.input, 0, T);
    view.normed = tensor_rows(view.normed, 0, T);
    view.mean = tensor_columns(view.mean, 0, T);
    view.scale = tensor_columns(view.scale, 0, T);
    view.qkv = tensor_rows(view.qkv, 0, T);
    view.qk = tensor_rows(view.qk, 0, T);
    view.qk_scale = tensor_rows(view.qk_scale, 0, T);
    view.attention = tensor_rows(view.attention, 0, T);
    view.log_sum = tensor_rows(view.log_sum, 0, T);
    if (trimmed) {
        view.attention_rows = tensor_rows(view.attention_rows, 0, n);
        view.input_rows = tensor_rows(view.input_rows, 0, n);
    }
    view.middle = tensor_rows(view.middle, 0, n);
    view.middle_normed = tensor_rows(view.middle_normed, 0, n);
    view.middle_mean = tensor_columns(view.middle_mean, 0, n);
    view.middle_scale = tensor_columns(view.middle_scale, 0, n);
    view.up = tensor_rows(view.up, 0, n);
    view.mlp = tensor_rows(view.mlp, 0, n);
    return view;
}

struct qkv_views split_qkv(struct tensor qkv, const struct model_config *config) {
    int64_t q = config->heads * config->head_size, kv = config->kv_heads * config->head_size;
    return (struct qkv_views){tensor_columns(qkv, 0, q), tensor_columns(qkv, q, kv),
                              tensor_columns(qkv, q + kv, kv), tensor_columns(qkv, 0, q + kv)};
}

struct qkv_views split_layer(const struct layer_pass *layer, const struct model_config *config) {
    struct qkv_views part = split_qkv(layer->qkv, config);
    if (config->head_norms) {
        int64_t q = part.q.columns;
        part.q = tensor_columns(layer->qk, 0, q);
        part.k = tensor_columns(layer->qk, q, part.k.columns);
        part.qk = layer->qk;
    }
    return part;
}
