/* The forward pass. */
#include "model/transformer_run.h"

/* ---- the pieces of a layer ---- */

static void normalize(const struct run *run, struct tensor y, struct tensor mean,
                      struct tensor scale, struct tensor x, struct tensor gain,
                      struct tensor bias) {
    float epsilon = (float)run->config->norm_epsilon;
    if (run->config->norm == NORM_LAYER)
        layer_norm_forward(run->device, y, mean, scale, x, gain, bias, epsilon);
    else
        rms_norm_forward(run->device, y, scale, x, gain, epsilon);
}

/* The norm in front of the attention, or behind it. */
static void attention_norm(const struct run *run, int64_t l, struct tensor y, struct tensor mean,
                           struct tensor scale, struct tensor x) {
    normalize(run, y, mean, scale, x, run_weight(run, l, LAYER_ATTENTION_NORM),
              run_weight(run, l, LAYER_ATTENTION_NORM_BIAS));
}

static void mlp_norm(const struct run *run, int64_t l, struct tensor y,
                     const struct layer_pass *layer, struct tensor x) {
    normalize(run, y, layer->middle_mean, layer->middle_scale, x,
              run_weight(run, l, LAYER_MLP_NORM), run_weight(run, l, LAYER_MLP_NORM_BIAS));
}

static void linear(const struct run *run, int64_t l, enum layer_weight which, struct tensor y,
                   struct tensor x, struct tensor addend) {
    matmul_forward(run->device, y, x, run_weight(run, l, which),
                   run_weight(run, l, (enum layer_weight)(which + 1)), addend);
}

static void activate(const struct run *run, struct tensor y, struct tensor up) {
    switch (run->config->activation) {
    case ACTIVATION_SWIGLU:
        swiglu_forward(run->device, y, up);
        break;
    case ACTIVATION_GELU:
        gelu_forward(run->device, y, up, GELU_EXACT);
        break;
    case ACTIVATION_GELU_TANH:
        gelu_forward(run->device, y, up, GELU_TANH);
        break;
    }
}

/* Head norms, from layer->qkv to layer->qk. */
static void norm_heads(const struct run *run, const struct layer_pass *layer, int64_t l) {
    const struct model_config *config = run->config;
    struct qkv_views from = split_qkv(layer->qkv, config), to = split_layer(layer, config);
    float epsilon = (float)config->norm_epsilon;
    head_norm_forward(run->device, to.q, tensor_columns(layer->qk_scale, 0, config->heads), from.q,
                      run_weight(run, l, LAYER_QUERY_NORM), config->heads, epsilon);
    head_norm_forward(run->device, to.k,
                      tensor_columns(layer->qk_scale, config->heads, config->kv_heads), from.k,
                      run_weight(run, l, LAYER_KEY_NORM), config->kv_heads, epsilon);
}

/* From layer->qkv to layer->attention. */
static void attend(const struct run *run, const struct layer_pass *layer, int64_t l) {
    const struct model_config *config = run->config;
    struct attention_shape shape = run_attention(run, l);
    struct qkv_views part = split_layer(layer, config);
    if (config->head_norms)
        norm_heads(run, layer, l);
    if (config->rotary.size > 0)
        rotary(run->device, part.qk, run->batch->positions, run->transformer->cosine,
               run->transformer->sine, config->heads + config->kv_heads, false);
    const struct cache *cache = run->cache;
    if (cache) {
        cache_append(run->device, cache->keys[l], cache->values[l], part.k, part.v, cache->slots);
        attention_cached(run->device, layer->attention, part.q, cache->keys[l], cache->values[l],
                         cache->pages, cache->lengths, run->batch->sequences, cache->page_size,
                         shape);
    } else {
        attention_forward(run->device, layer->attention, layer->log_sum, part.q, part.k, part.v,
                          run->batch->sequences, shape);
    }
}

/* ---- a layer ---- */

/* What the MLP reads, in layer->middle_normed. `input` has the rows of layer->middle. */
static void before_mlp(const struct run *run, const struct layer_pass *layer, int64_t l,
                       struct tensor input) {
    if (run->config->post_norm)
        attention_norm(run, l, layer->middle_normed, layer->middle_mean, layer->middle_scale,
                       layer->middle);
    else
        mlp_norm(run, l, layer->middle_normed, layer,
                 run->config->parallel ? input : layer->middle);
}

/* From layer->input to layer->attention. */
static void attention_half(const struct run *run, const struct layer_pass *layer, int64_t l) {
    bool post = run->config->post_norm;
    linear(run, l, LAYER_QKV, layer->qkv, post ? layer->input : layer->normed, (struct tensor){0});
    attend(run, layer, l);
}

/* From layer->input to `output`; `trimmed`: the last layer of a batch that names its rows. */
static void layer_forward(const struct run *run, const struct layer_pass *layer, int64_t l,
                          struct tensor output, bool trimmed) {
    bool post = run->config->post_norm;
    struct tensor none = {0}, attention = layer->attention, input = layer->input;
    if (!post)
        attention_norm(run, l, layer->normed, layer->mean, layer->scale, layer->input);
    attention_half(run, layer, l);
    if (trimmed) {
        gather_rows(run->device, layer->attention_rows, layer->attention, run->batch->rows);
        gather_rows(run->device, layer->input_rows, layer->input, run->batch->rows);
        attention = layer->attention_rows;
        input = layer->input_rows;
    }
    linear(run, l, LAYER_ATTENTION_OUT, layer->middle, attention, input);
    before_mlp(run, layer, l, input);
    linear(run, l, LAYER_UP, layer->up, layer->middle_normed, none);
    activate(run, layer->mlp, layer->up);
    if (post) { /* middle has done its part and takes the sum */
        linear(run, l, LAYER_DOWN, layer->middle, layer->mlp, layer->middle_normed);
        mlp_norm(run, l, output, layer, layer->middle);
    } else {
        linear(run, l, LAYER_DOWN, output, layer->mlp, layer->middle);
    }
}

void layer_again(const struct run *run, const struct layer_pass *layer, int64_t l,
                 enum pass_use use) {
    if (use < PASS_RECOMPUTE_NORMS)
        return;
    attention_norm(run, l, layer->normed, layer->mean, layer->scale, layer->input);
    if (use >= PASS_RECOMPUTE_ATTENTION)
        attention_half(run, layer, l);
    if (use >= PASS_RECOMPUTE_LAYER)
        linear(run, l, LAYER_ATTENTION_OUT, layer->middle, layer->attention, layer->input);
    before_mlp(run, layer, l, layer->input);
    if (use >= PASS_RECOMPUTE_LAYER)
        linear(run, l, LAYER_UP, layer->up, layer->middle_normed, (struct tensor){0});
    activate(run, layer->mlp, layer->up);
}

/* ---- the model ---- */

/* Embeddings of tokens, and of positions where these are learned. */
static void embed(const struct run *run, const struct pass *pass) {
    struct layer_pass first = run_view(&pass->layers[0], run, false);
    struct tensor sum = first.input;
    embedding_forward(run->device, sum, run->batch->tokens, model_embedding(run->model)->value);
    if (run->transformer->positions.data == NULL)
        return;
    embedding_forward(run->device, first.normed, run->batch->positions,
                      run->transformer->positions);
    if (!run->config->post_norm) {
        add_rows(run->device, sum, first.normed);
        return;
    }
    add_rows(run->device, first.normed, sum);
    normalize(run, sum, first.mean, first.scale, first.normed,
              weight_value(model_part(run->model, MODEL_EMBEDDING_NORM)),
              weight_value(model_part(run->model, MODEL_EMBEDDING_NORM_BIAS)));
}

void transformer_forward(struct transformer *transformer, struct pass *pass,
                         const struct batch *batch, const struct cache *cache) {
    struct run run = run_start(transformer, batch);
    run.cache = cache;
    int64_t L = run.config->layers;
    bool trims = batch->rows.data != NULL, post = run.config->post_norm;
    struct tensor hidden = tensor_rows(pass->hidden, 0, run.rows);
    struct tensor output = tensor_rows(pass->output, 0, run.rows);
    embed(&run, pass);
    for (int64_t l = 0; l < L; l++) {
        bool last = l == L - 1;
        struct layer_pass layer = run_view(&pass->layers[l], &run, last && trims);
        struct tensor next = last && post ? output
                             : last       ? hidden
                                          : tensor_rows(pass->layers[l + 1].input, 0, run.tokens);
        layer_forward(&run, &layer, l, next, last && trims);
    }
    if (!post)
        normalize(&run, output, tensor_columns(pass->hidden_mean, 0, run.rows),
                  tensor_columns(pass->hidden_scale, 0, run.rows), hidden,
                  weight_value(model_part(run.model, MODEL_FINAL_NORM)),
                  weight_value(model_part(run.model, MODEL_FINAL_NORM_BIAS)));
}
