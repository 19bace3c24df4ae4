/* The backward pass of decoders: each half of a layer in the opposite order of the forward pass. */
#include "model/transformer_run.h"

/* ---- the pieces of a layer ---- */

/* The gradient of a weight; no tensor where there is no such weight. */
static struct tensor gradient_of(const struct run *run, const struct learning_weight *weight) {
    return weight != NULL ? run->sink->gradients[weight - run->model->weights] : (struct tensor){0};
}

static struct tensor layer_gradient(const struct run *run, int64_t l, enum layer_weight which) {
    return gradient_of(run, model_layer(run->model, l, which));
}

static void normalize_backward(const struct run *run, struct tensor dx, struct tensor dgain,
                               struct tensor dbias, struct tensor dy, struct tensor x,
                               struct tensor gain, struct tensor mean, struct tensor scale,
                               bool accumulate) {
    if (run->config->norm == NORM_LAYER)
        layer_norm_backward(run->device, dx, dgain, dbias, dy, x, gain, mean, scale, accumulate);
    else
        rms_norm_backward(run->device, dx, dgain, dy, x, gain, scale, accumulate);
}

/* Of a linear map and its bias, which stands right behind it: dx = dy·w. */
static void linear_backward(const struct run *run, int64_t l, enum layer_weight which,
                            struct tensor dx, struct tensor dy, struct tensor x) {
    struct tensor dbias = layer_gradient(run, l, (enum layer_weight)(which + 1));
    matmul_backward_weight(run->device, layer_gradient(run, l, which), dy, x, !run->sink->fresh);
    if (dbias.data != NULL)
        bias_backward(run->device, dbias, dy);
    matmul_backward_input(run->device, dx, dy, run_weight(run, l, which), false);
}

static void activate_backward(const struct run *run, struct tensor dup, struct tensor dy,
                              struct tensor up) {
    switch (run->config->activation) {
    case ACTIVATION_SWIGLU:
        swiglu_backward(run->device, dup, dy, up);
        break;
    case ACTIVATION_GELU:
        gelu_backward(run->device, dup, dy, up, GELU_EXACT);
        break;
    case ACTIVATION_GELU_TANH:
        gelu_backward(run->device, dup, dy, up, GELU_TANH);
        break;
    }
}

/* ---- a layer ---- */

/*
 * The MLP: `dsum` holds the gradient of the layer's output; what comes back through the norm from
 * `x`, which that norm read, is added to it.
 */
static void mlp_backward(const struct run *run, struct pass *pass, const struct layer_pass *layer,
                         int64_t l, struct tensor dsum, struct tensor x) {
    int64_t n = dsum.rows;
    struct tensor dmlp = tensor_rows(pass->dmlp, 0, n);
    struct tensor dup = tensor_rows(pass->dup, 0, n);
    struct tensor dnormed = tensor_rows(pass->dnormed, 0, n);
    linear_backward(run, l, LAYER_DOWN, dmlp, dsum, layer->mlp);
    activate_backward(run, dup, dmlp, layer->up);
    linear_backward(run, l, LAYER_UP, dnormed, dup, layer->middle_normed);
    normalize_backward(run, dsum, layer_gradient(run, l, LAYER_MLP_NORM),
                       layer_gradient(run, l, LAYER_MLP_NORM_BIAS), dnormed, x,
                       run_weight(run, l, LAYER_MLP_NORM), layer->middle_mean, layer->middle_scale,
                       true);
}

/* The projection behind the attention: from `dmiddle` to pass->dattention. */
static void attention_out_backward(const struct run *run, struct pass *pass,
                                   const struct layer_pass *layer, int64_t l, struct tensor dmiddle,
                                   bool trimmed) {
    struct tensor dattention = tensor_rows(pass->dattention, 0, run->tokens);
    if (!trimmed) {
        linear_backward(run, l, LAYER_ATTENTION_OUT, dattention, dmiddle, layer->attention);
        return;
    }
    /* dqkv is still free and holds the rows' gradient until they are in their places. */
    struct tensor dqkv = tensor_rows(pass->dqkv, 0, dmiddle.rows);
    struct tensor drows = tensor_columns(dqkv, 0, dattention.columns);
    linear_backward(run, l, LAYER_ATTENTION_OUT, drows, dmiddle, layer->attention_rows);
    scatter_rows(run->device, dattention, drows, run->batch->rows);
}

/* Head norms, in place on the gradients of queries and keys. */
static void norm_heads_backward(const struct run *run, const struct layer_pass *layer, int64_t l,
                                const struct qkv_views *dpart) {
    const struct model_config *config = run->config;
    struct qkv_views from = split_qkv(layer->qkv, config);
    head_norm_backward(run->device, dpart->q, layer_gradient(run, l, LAYER_QUERY_NORM), dpart->q,
                       from.q, run_weight(run, l, LAYER_QUERY_NORM),
                       tensor_columns(layer->qk_scale, 0, config->heads), config->heads);
    head_norm_backward(run->device, dpart->k, layer_gradient(run, l, LAYER_KEY_NORM), dpart->k,
                       from.k, run_weight(run, l, LAYER_KEY_NORM),
                       tensor_columns(layer->qk_scale, config->heads, config->kv_heads),
                       config->kv_heads);
}

/* The attention: from pass->dattention to pass->dhidden, which holds the residual's part. */
static void attention_half_backward(const struct run *run, struct pass *pass,
                                    const struct layer_pass *layer, int64_t l) {
    int64_t T = run->tokens;
    struct tensor dqkv = tensor_rows(pass->dqkv, 0, T);
    struct tensor dnormed = tensor_rows(pass->dnormed, 0, T);
    struct qkv_views part = split_layer(layer, run->config);
    struct qkv_views dpart = split_qkv(dqkv, run->config);
    attention_backward(run->device, dpart.q, dpart.k, dpart.v, tensor_rows(pass->dattention, 0, T),
                       layer->attention, layer->log_sum, part.q, part.k, part.v,
                       run->batch->sequences, run_attention(run, l));
    rotary(run->device, dpart.qk, run->batch->positions, run->transformer->cosine,
           run->transformer->sine, run->config->heads + run->config->kv_heads, true);
    if (run->config->head_norms)
        norm_heads_backward(run, layer, l, &dpart);
    linear_backward(run, l, LAYER_QKV, dnormed, dqkv, layer->normed);
    normalize_backward(run, tensor_rows(pass->dhidden, 0, T),
                       layer_gradient(run, l, LAYER_ATTENTION_NORM),
                       layer_gradient(run, l, LAYER_ATTENTION_NORM_BIAS), dnormed, layer->input,
                       run_weight(run, l, LAYER_ATTENTION_NORM), layer->mean, layer->scale, true);
}

/* pass->dhidden: in, the gradient of the layer's output (pass->dmiddle where `trimmed`); out, that
 * of its input. */
static void layer_backward(const struct run *run, struct pass *pass, int64_t l, bool trimmed) {
    struct layer_pass layer = run_view(&pass->layers[l], run, trimmed);
    int64_t T = run->tokens, n = trimmed ? run->rows : T;
    if (l < run->config->layers - 1)
        layer_again(run, &layer, l, pass->use);
    struct tensor dsum = tensor_rows(trimmed ? pass->dmiddle : pass->dhidden, 0, n);
    if (run->config->parallel) {
        attention_out_backward(run, pass, &layer, l, dsum, trimmed);
        mlp_backward(run, pass, &layer, l, dsum, trimmed ? layer.input_rows : layer.input);
    } else {
        mlp_backward(run, pass, &layer, l, dsum, layer.middle);
        attention_out_backward(run, pass, &layer, l, dsum, trimmed);
    }
    if (trimmed)
        scatter_rows(run->device, tensor_rows(pass->dhidden, 0, T), dsum, run->batch->rows);
    attention_half_backward(run, pass, &layer, l);
}

/* ---- the model ---- */

size_t gradient_group(const struct model *model, size_t first) {
    size_t layers = (size_t)model->first_layer, each = (size_t)model->per_layer;
    if (first >= layers && first < layers + each * (size_t)model->config.layers)
        return each;
    bool biased = model->outer[MODEL_FINAL_NORM_BIAS] >= 0; /* stands behind its norm */
    return biased && (int)first == model->outer[MODEL_FINAL_NORM] ? 2 : 1;
}

bool gradient_adds(const struct model *model, size_t index) {
    static const enum layer_weight products[] = {LAYER_QKV, LAYER_ATTENTION_OUT, LAYER_UP,
                                                 LAYER_DOWN};
    size_t layers = (size_t)model->first_layer, each = (size_t)model->per_layer;
    if (index < layers || index >= layers + each * (size_t)model->config.layers)
        return true;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if ((size_t)model->in_layer[products[i]] == (index - layers) % each)
            return false;
    return true;
}

void gradient_begin(const struct gradient_sink *sink, size_t first, size_t count) {
    if (sink->begin != NULL)
        sink->begin(sink->context, first, count);
}

void gradient_end(const struct gradient_sink *sink, size_t first, size_t count) {
    if (sink->end != NULL)
        sink->end(sink->context, first, count);
}

/* From pass->doutput to `dlast`, the gradient of the last layer's output. */
static void final_norm_backward(const struct run *run, struct pass *pass, struct tensor dlast) {
    const struct learning_weight *gain = model_part(run->model, MODEL_FINAL_NORM);
    const struct learning_weight *bias = model_part(run->model, MODEL_FINAL_NORM_BIAS);
    size_t first = (size_t)(gain - run->model->weights);
    size_t count = gradient_group(run->model, first);
    gradient_begin(run->sink, first, count);
    normalize_backward(run, dlast, gradient_of(run, gain), gradient_of(run, bias),
                       tensor_rows(pass->doutput, 0, run->rows),
                       tensor_rows(pass->hidden, 0, run->rows), gain->value,
                       tensor_columns(pass->hidden_mean, 0, run->rows),
                       tensor_columns(pass->hidden_scale, 0, run->rows), false);
    gradient_end(run->sink, first, count);
}

void transformer_backward(struct transformer *transformer, struct pass *pass,
                          const struct batch *batch, const struct gradient_sink *sink) {
    struct run run = run_start(transformer, batch);
    run.sink = sink;
    int64_t L = run.config->layers;
    size_t first_layer = (size_t)run.model->first_layer, per_layer = (size_t)run.model->per_layer;
    bool trims = batch->rows.data != NULL;
    final_norm_backward(&run, pass,
                        tensor_rows(trims ? pass->dmiddle : pass->dhidden, 0, run.rows));
    for (int64_t l = L - 1; l >= 0; l--) {
        size_t first = first_layer + (size_t)l * per_layer;
        gradient_begin(sink, first, per_layer);
        layer_backward(&run, pass, l, trims && l == L - 1);
        gradient_end(sink, first, per_layer);
    }
    if (model_output(run.model) != model_embedding(run.model))
        gradient_begin(sink, 0, 1);
    embedding_backward(run.device, sink->gradients[0], tensor_rows(pass->dhidden, 0, run.tokens),
                       batch->tokens);
    gradient_end(sink, 0, 1);
}
