/* The decoder's layers, forward and backward. */
#include "model/transformer.h"

#include <math.h>
#include <stdlib.h>

/* ---- rotary tables ---- */

/* Angles position · base^(−2i/C) (Su et al. 2021, equation 15), computed in f64. */
static void rotary_tables(const struct model_config *config, float *cosine, float *sine) {
    int64_t half = config->head_size / 2;
    for (int64_t position = 0; position < config->positions; position++)
        for (int64_t i = 0; i < half; i++) {
            double power = -2.0 * (double)i / (double)config->head_size;
            double angle = (double)position * pow(config->rotary_base, power);
            cosine[position * half + i] = (float)cos(angle);
            sine[position * half + i] = (float)sin(angle);
        }
}

bool transformer_open(struct transformer *transformer, struct model *model, struct error *error) {
    const struct model_config *config = &model->config;
    int64_t rows = config->positions, half = config->head_size / 2;
    *transformer = (struct transformer){.model = model};
    size_t count = (size_t)(rows * half);
    float *cosine = allocate_sized(count, sizeof(float), "rotary tables", error);
    float *sine = cosine ? allocate_sized(count, sizeof(float), "rotary tables", error) : NULL;
    struct arena measure = arena_measure();
    arena_tensor(&measure, DTYPE_F32, rows, half);
    arena_tensor(&measure, DTYPE_F32, rows, half);
    bool fine = sine != NULL && arena_open(&transformer->arena, model->device, measure.used, error);
    if (fine) {
        rotary_tables(config, cosine, sine);
        transformer->cosine = arena_tensor(&transformer->arena, DTYPE_F32, rows, half);
        transformer->sine = arena_tensor(&transformer->arena, DTYPE_F32, rows, half);
        device_upload(model->device, transformer->cosine, cosine);
        device_upload(model->device, transformer->sine, sine);
        fine = device_finish(model->device, error);
        if (!fine)
            arena_close(&transformer->arena);
    }
    free(cosine);
    free(sine);
    return fine;
}

void transformer_close(struct transformer *transformer) {
    if (transformer->model != NULL)
        arena_close(&transformer->arena);
    *transformer = (struct transformer){0};
}

/* ---- room for a pass ---- */

static int64_t qkv_columns(const struct model_config *config) {
    return (config->heads + 2 * config->kv_heads) * config->head_size;
}

static void layer_pass_open(struct layer_pass *layer, struct arena *arena,
                            const struct model_config *config, int64_t tokens, int64_t rows,
                            bool trimmed) {
    int64_t D = config->width, F = config->mlp_width;
    int64_t attention = config->heads * config->head_size;
    layer->input = arena_tensor(arena, DTYPE_F32, tokens, D);
    layer->normed = arena_tensor(arena, DTYPE_F32, tokens, D);
    layer->scale = arena_tensor(arena, DTYPE_F32, 1, tokens);
    layer->qkv = arena_tensor(arena, DTYPE_F32, tokens, qkv_columns(config));
    layer->attention = arena_tensor(arena, DTYPE_F32, tokens, attention);
    layer->log_sum = arena_tensor(arena, DTYPE_F32, tokens, config->heads);
    if (trimmed) {
        layer->attention_rows = arena_tensor(arena, DTYPE_F32, rows, attention);
        layer->input_rows = arena_tensor(arena, DTYPE_F32, rows, D);
    }
    layer->middle = arena_tensor(arena, DTYPE_F32, rows, D);
    layer->middle_normed = arena_tensor(arena, DTYPE_F32, rows, D);
    layer->middle_scale = arena_tensor(arena, DTYPE_F32, 1, rows);
    layer->gate_up = arena_tensor(arena, DTYPE_F32, rows, 2 * F);
    layer->mlp = arena_tensor(arena, DTYPE_F32, rows, F);
}

void pass_open(struct pass *pass, struct arena *arena, const struct model_config *config,
               int64_t tokens, int64_t rows, bool training) {
    int64_t D = config->width, L = config->layers, F = config->mlp_width;
    *pass = (struct pass){.tokens = tokens, .rows = rows, .training = training};
    pass->layers = allocate((size_t)L, sizeof *pass->layers);
    if (training) {
        for (int64_t l = 0; l < L; l++)
            layer_pass_open(&pass->layers[l], arena, config, tokens, l == L - 1 ? rows : tokens,
                            l == L - 1);
    } else {
        layer_pass_open(&pass->layers[0], arena, config, tokens, tokens, true);
        for (int64_t l = 1; l < L; l++)
            pass->layers[l] = pass->layers[0];
    }
    pass->hidden = arena_tensor(arena, DTYPE_F32, rows, D);
    pass->hidden_scale = arena_tensor(arena, DTYPE_F32, 1, rows);
    pass->output = arena_tensor(arena, DTYPE_F32, rows, D);
    if (!training)
        return;
    pass->doutput = arena_tensor(arena, DTYPE_F32, rows, D);
    pass->dhidden = arena_tensor(arena, DTYPE_F32, tokens, D);
    pass->dmiddle = arena_tensor(arena, DTYPE_F32, tokens, D);
    pass->dnormed = arena_tensor(arena, DTYPE_F32, tokens, D);
    pass->dqkv = arena_tensor(arena, DTYPE_F32, tokens, qkv_columns(config));
    pass->dattention = arena_tensor(arena, DTYPE_F32, tokens, config->heads * config->head_size);
    pass->dgate_up = arena_tensor(arena, DTYPE_F32, tokens, 2 * F);
    pass->dmlp = arena_tensor(arena, DTYPE_F32, tokens, F);
}

void pass_close(struct pass *pass) {
    free(pass->layers);
    *pass = (struct pass){0};
}

/* ---- one layer ---- */

/* Everything a layer needs to know besides its weights and its room. */
struct run {
    struct transformer *transformer;
    struct device *device;
    const struct model_config *config;
    const struct batch *batch;
    const struct cache *cache;
    struct attention_shape shape;
    int64_t tokens; /* T of this batch */
    int64_t rows;   /* n of this batch */
};

static struct run run_start(struct transformer *transformer, const struct batch *batch,
                            const struct cache *cache) {
    const struct model_config *config = &transformer->model->config;
    int64_t tokens = batch->tokens.columns;
    return (struct run){
        .transformer = transformer,
        .device = transformer->model->device,
        .config = config,
        .batch = batch,
        .cache = cache,
        .shape = {.heads = config->heads,
                  .kv_heads = config->kv_heads,
                  .head_size = config->head_size,
                  .scale = (float)(1.0 / sqrt((double)config->head_size)),
                  .causal = true},
        .tokens = tokens,
        .rows = batch->rows.data ? batch->rows.columns : tokens,
    };
}

/* The parts of a layer's pass that this batch fills. */
static struct layer_pass layer_view(const struct layer_pass *layer, const struct run *run,
                                    bool trimmed) {
    struct layer_pass view = *layer;
    int64_t T = run->tokens, n = trimmed ? run->rows : run->tokens;
    view.input = tensor_rows(view.input, 0, T);
    view.normed = tensor_rows(view.normed, 0, T);
    view.scale = tensor_columns(view.scale, 0, T);
    view.qkv = tensor_rows(view.qkv, 0, T);
    view.attention = tensor_rows(view.attention, 0, T);
    view.log_sum = tensor_rows(view.log_sum, 0, T);
    if (trimmed) {
        view.attention_rows = tensor_rows(view.attention_rows, 0, n);
        view.input_rows = tensor_rows(view.input_rows, 0, n);
    }
    view.middle = tensor_rows(view.middle, 0, n);
    view.middle_normed = tensor_rows(view.middle_normed, 0, n);
    view.middle_scale = tensor_columns(view.middle_scale, 0, n);
    view.gate_up = tensor_rows(view.gate_up, 0, n);
    view.mlp = tensor_rows(view.mlp, 0, n);
    return view;
}

struct qkv_views {
    struct tensor q, k, v, qk;
};

static struct qkv_views qkv_split(struct tensor qkv, const struct model_config *config) {
    int64_t q = config->heads * config->head_size, kv = config->kv_heads * config->head_size;
    return (struct qkv_views){tensor_columns(qkv, 0, q), tensor_columns(qkv, q, kv),
                              tensor_columns(qkv, q + kv, kv), tensor_columns(qkv, 0, q + kv)};
}

static void attend(const struct run *run, const struct layer_pass *layer, int64_t l) {
    const struct model_config *config = run->config;
    struct qkv_views part = qkv_split(layer->qkv, config);
    rotary(run->device, part.qk, run->batch->positions, run->transformer->cosine,
           run->transformer->sine, config->heads + config->kv_heads, false);
    const struct cache *cache = run->cache;
    if (cache) {
        cache_append(run->device, cache->keys[l], cache->values[l], part.k, part.v, cache->slots);
        attention_cached(run->device, layer->attention, part.q, cache->keys[l], cache->values[l],
                         cache->pages, cache->lengths, run->batch->sequences, cache->page_size,
                         run->shape);
    } else {
        attention_forward(run->device, layer->attention, layer->log_sum, part.q, part.k, part.v,
                          run->batch->sequences, run->shape);
    }
}

/* From layer->input to `output`; `trimmed`: the last layer of a batch that names its rows. */
static void layer_forward(const struct run *run, const struct layer_pass *layer, int64_t l,
                          struct tensor output, bool trimmed) {
    const struct model *model = run->transformer->model;
    struct device *device = run->device;
    float epsilon = (float)run->config->norm_epsilon;
    struct tensor none = {0};
    rms_norm_forward(device, layer->normed, layer->scale, layer->input,
                     model_layer(model, l, LAYER_ATTENTION_NORM)->value, epsilon);
    matmul_forward(device, layer->qkv, layer->normed, model_layer(model, l, LAYER_QKV)->value, none,
                   none);
    attend(run, layer, l);
    struct tensor attention = layer->attention, input = layer->input;
    if (trimmed) {
        gather_rows(device, layer->attention_rows, layer->attention, run->batch->rows);
        gather_rows(device, layer->input_rows, layer->input, run->batch->rows);
        attention = layer->attention_rows;
        input = layer->input_rows;
    }
    matmul_forward(device, layer->middle, attention,
                   model_layer(model, l, LAYER_ATTENTION_OUT)->value, none, input);
    rms_norm_forward(device, layer->middle_normed, layer->middle_scale, layer->middle,
                     model_layer(model, l, LAYER_MLP_NORM)->value, epsilon);
    matmul_forward(device, layer->gate_up, layer->middle_normed,
                   model_layer(model, l, LAYER_GATE_UP)->value, none, none);
    swiglu_forward(device, layer->mlp, layer->gate_up);
    matmul_forward(device, output, layer->mlp, model_layer(model, l, LAYER_DOWN)->value, none,
                   layer->middle);
}

void transformer_forward(struct transformer *transformer, struct pass *pass,
                         const struct batch *batch, const struct cache *cache) {
    struct run run = run_start(transformer, batch, cache);
    struct model *model = transformer->model;
    int64_t L = run.config->layers;
    bool trims = batch->rows.data != NULL;
    struct tensor hidden = tensor_rows(pass->hidden, 0, run.rows);
    embedding_forward(run.device, tensor_rows(pass->layers[0].input, 0, run.tokens), batch->tokens,
                      model_embedding(model)->value);
    for (int64_t l = 0; l < L; l++) {
        bool last = l == L - 1;
        struct layer_pass layer = layer_view(&pass->layers[l], &run, last && trims);
        struct tensor output =
            last ? hidden : tensor_rows(pass->layers[l + 1].input, 0, run.tokens);
        layer_forward(&run, &layer, l, output, last && trims);
    }
    rms_norm_forward(run.device, tensor_rows(pass->output, 0, run.rows),
                     tensor_columns(pass->hidden_scale, 0, run.rows), hidden,
                     model_final_norm(model)->value, (float)run.config->norm_epsilon);
}

/* ---- backward ---- */

struct layer_gradients {
    struct tensor weight[LAYER_WEIGHTS];
};

static struct layer_gradients gradients_of(const struct model *model, struct tensor *gradients,
                                           int64_t l) {
    struct layer_gradients of;
    for (int w = 0; w < LAYER_WEIGHTS; w++)
        of.weight[w] = gradients[model_layer(model, l, (enum layer_weight)w) - model->weights];
    return of;
}

/* The MLP half: `dmiddle` holds the gradient of the layer's output and becomes that of middle. */
static void mlp_backward(const struct run *run, struct pass *pass, const struct layer_pass *layer,
                         int64_t l, const struct layer_gradients *gradients,
                         struct tensor dmiddle) {
    const struct model *model = run->transformer->model;
    struct device *device = run->device;
    int64_t n = dmiddle.rows;
    struct tensor dmlp = tensor_rows(pass->dmlp, 0, n);
    struct tensor dgate_up = tensor_rows(pass->dgate_up, 0, n);
    struct tensor dnormed = tensor_rows(pass->dnormed, 0, n);
    matmul_backward_weight(device, gradients->weight[LAYER_DOWN], dmiddle, layer->mlp);
    matmul_backward_input(device, dmlp, dmiddle, model_layer(model, l, LAYER_DOWN)->value, false);
    swiglu_backward(device, dgate_up, dmlp, layer->gate_up);
    matmul_backward_weight(device, gradients->weight[LAYER_GATE_UP], dgate_up,
                           layer->middle_normed);
    matmul_backward_input(device, dnormed, dgate_up, model_layer(model, l, LAYER_GATE_UP)->value,
                          false);
    rms_norm_backward(device, dmiddle, gradients->weight[LAYER_MLP_NORM], dnormed, layer->middle,
                      model_layer(model, l, LAYER_MLP_NORM)->value, layer->middle_scale, true);
}

/* The attention half: from pass->dattention to pass->dhidden, which holds the residual's part. */
static void attention_half_backward(const struct run *run, struct pass *pass,
                                    const struct layer_pass *layer, int64_t l,
                                    const struct layer_gradients *gradients) {
    const struct model *model = run->transformer->model;
    struct device *device = run->device;
    int64_t T = run->tokens;
    struct tensor dqkv = tensor_rows(pass->dqkv, 0, T);
    struct tensor dnormed = tensor_rows(pass->dnormed, 0, T);
    struct qkv_views part = qkv_split(layer->qkv, run->config);
    struct qkv_views dpart = qkv_split(dqkv, run->config);
    attention_backward(device, dpart.q, dpart.k, dpart.v, tensor_rows(pass->dattention, 0, T),
                       layer->attention, layer->log_sum, part.q, part.k, part.v,
                       run->batch->sequences, run->shape);
    rotary(device, dpart.qk, run->batch->positions, run->transformer->cosine,
           run->transformer->sine, run->config->heads + run->config->kv_heads, true);
    matmul_backward_weight(device, gradients->weight[LAYER_QKV], dqkv, layer->normed);
    matmul_backward_input(device, dnormed, dqkv, model_layer(model, l, LAYER_QKV)->value, false);
    rms_norm_backward(device, tensor_rows(pass->dhidden, 0, T),
                      gradients->weight[LAYER_ATTENTION_NORM], dnormed, layer->input,
                      model_layer(model, l, LAYER_ATTENTION_NORM)->value, layer->scale, true);
}

/* pass->dhidden: in, the gradient of the layer's output; out, that of its input. */
static void layer_backward(const struct run *run, struct pass *pass, int64_t l,
                           struct tensor *gradients, bool trimmed) {
    const struct model *model = run->transformer->model;
    struct device *device = run->device;
    struct layer_pass layer = layer_view(&pass->layers[l], run, trimmed);
    struct layer_gradients of = gradients_of(model, gradients, l);
    struct tensor out = model_layer(model, l, LAYER_ATTENTION_OUT)->value;
    int64_t T = run->tokens, n = trimmed ? run->rows : T;
    struct tensor dhidden = tensor_rows(pass->dhidden, 0, T);
    struct tensor dattention = tensor_rows(pass->dattention, 0, T);
    struct tensor dmiddle = tensor_rows(trimmed ? pass->dmiddle : pass->dhidden, 0, n);
    mlp_backward(run, pass, &layer, l, &of, dmiddle);
    matmul_backward_weight(device, of.weight[LAYER_ATTENTION_OUT], dmiddle,
                           trimmed ? layer.attention_rows : layer.attention);
    if (trimmed) {
        /* attention_rows served the product above and now carries its gradient. */
        matmul_backward_input(device, layer.attention_rows, dmiddle, out, false);
        scatter_rows(device, dattention, layer.attention_rows, run->batch->rows);
        scatter_rows(device, dhidden, dmiddle, run->batch->rows);
    } else {
        matmul_backward_input(device, dattention, dmiddle, out, false);
    }
    attention_half_backward(run, pass, &layer, l, &of);
}

void transformer_backward(struct transformer *transformer, struct pass *pass,
                          const struct batch *batch, struct tensor *gradients) {
    struct run run = run_start(transformer, batch, NULL);
    struct model *model = transformer->model;
    int64_t L = run.config->layers;
    bool trims = batch->rows.data != NULL;
    struct tensor dlast = tensor_rows(trims ? pass->dmiddle : pass->dhidden, 0, run.rows);
    rms_norm_backward(run.device, dlast, gradients[model_final_norm(model) - model->weights],
                      tensor_rows(pass->doutput, 0, run.rows),
                      tensor_rows(pass->hidden, 0, run.rows), model_final_norm(model)->value,
                      tensor_columns(pass->hidden_scale, 0, run.rows), false);
    for (int64_t l = L - 1; l >= 0; l--)
        layer_backward(&run, pass, l, gradients, trims && l == L - 1);
    embedding_backward(run.device, gradients[0], tensor_rows(pass->dhidden, 0, run.tokens),
                       batch->tokens);
}
