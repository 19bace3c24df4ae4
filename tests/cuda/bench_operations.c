/*
 * What the CUDA device's operations take, at the sizes of a 7-billion-parameter Llama, against two
 * ceilings measured first: one large bf16 product, one large copy. `make gpu-bench`. Inputs are
 * random.
 */
#include <math.h>

#include "timing.h"

enum { T = 8192, D = 4096, F = 11008, H = 32, C = 128, V = 32000, S = 4, PAGE = 64 };

struct bench {
    struct device *device;
    struct arena arena;
    double product_rate; /* operations a second */
    double copy_rate;    /* bytes a second, read and written */
    struct tensor x, y, wide, w, w_wide, gain, scale, gradient, low, moment, out, log_sum, qkv;
    struct tensor dqkv, positions, cosine, sine, targets, weights, log_probability, dx, tokens;
    struct tensor logits, uniform, keys, values, pages, lengths, one_each;
    struct sequences sequences;
    struct attention_shape shape;
};

/* Fills a tensor with numbers between −size and size, the same every run. */
static struct tensor fill(struct bench *b, enum dtype type, int64_t rows, int64_t columns,
                          double size) {
    struct tensor tensor = arena_tensor(&b->arena, type, rows, columns);
    size_t count = (size_t)(rows * columns);
    float *wide = malloc(count * sizeof *wide);
    uint16_t *half = malloc(count * sizeof *half);
    if (wide == NULL || half == NULL)
        exit(1);
    uint64_t random = 88172645463325252u + count;
    for (size_t i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        union {
            float x;
            uint32_t bits;
        } value = {(float)(size * ((double)(random >> 11) / 4503599627370496.0 - 1))};
        wide[i] = value.x;
        half[i] = (uint16_t)((value.bits + 0x8000u) >> 16);
    }
    device_upload(b->device, tensor, type == DTYPE_F32 ? (const void *)wide : half);
    free(wide);
    free(half);
    return tensor;
}

static struct tensor ids(struct bench *b, int64_t rows, int64_t columns, int32_t (*id)(int64_t)) {
    struct tensor tensor = arena_tensor(&b->arena, DTYPE_I32, rows, columns);
    int32_t *all = malloc((size_t)(rows * columns) * sizeof *all);
    if (all == NULL)
        exit(1);
    for (int64_t i = 0; i < rows * columns; i++)
        all[i] = id(i);
    device_upload(b->device, tensor, all);
    free(all);
    return tensor;
}

/* ---- what is measured ---- */

static const struct tensor none = {0};

static void product(struct bench *b) {
    matmul_forward(b->device, b->wide, b->x, b->w_wide, none, none);
}
static void product_input(struct bench *b) {
    matmul_backward_input(b->device, b->dx, b->wide, b->w_wide, false);
}
static void product_weight(struct bench *b) {
    matmul_backward_weight(b->device, b->gradient, b->wide, b->x, false);
}
static void copy(struct bench *b) {
    device_copy(b->device, b->y, b->x);
}
static void rms(struct bench *b) {
    rms_norm_forward(b->device, b->y, b->scale, b->x, b->gain, 1e-5f);
}
static void rms_back(struct bench *b) {
    rms_norm_backward(b->device, b->dx, tensor_rows(b->gradient, 0, 1), b->y, b->x, b->gain,
                      b->scale, true);
}
static void swiglu(struct bench *b) {
    swiglu_forward(b->device, tensor_columns(b->wide, 0, F / 2), tensor_columns(b->wide, 0, F));
}
static void turn(struct bench *b) {
    rotary(b->device, tensor_columns(b->qkv, 0, 2 * D), b->positions, b->cosine, b->sine, 2 * H,
           false);
}
static struct tensor part(struct tensor qkv, int which) {
    return tensor_columns(qkv, which * (int64_t)D, D);
}
static void attend(struct bench *b) {
    attention_forward(b->device, b->out, b->log_sum, part(b->qkv, 0), part(b->qkv, 1),
                      part(b->qkv, 2), b->sequences, b->shape);
}
static void attend_back(struct bench *b) {
    attention_backward(b->device, part(b->dqkv, 0), part(b->dqkv, 1), part(b->dqkv, 2), b->y,
                       b->out, b->log_sum, part(b->qkv, 0), part(b->qkv, 1), part(b->qkv, 2),
                       b->sequences, b->shape);
}
static void loss(struct bench *b) {
    cross_entropy(b->device, b->log_probability, b->dx, none, b->x, b->w, b->targets, b->weights);
}
static void lion(struct bench *b) {
    struct optimizer_step step = {1e-6f, 0.9f, 0.99f, 0, 0.1f, 1};
    lion_update(b->device, (struct learning_weight){b->w_wide, b->low}, b->gradient, b->moment,
                none, step);
}
static void embed(struct bench *b) {
    embedding_forward(b->device, b->y, b->targets, b->w);
}
static void decode(struct bench *b) {
    enum { B = 256 };
    attention_cached(b->device, tensor_rows(b->out, 0, B), tensor_rows(b->x, 0, B), b->keys,
                     b->values, b->pages, b->lengths, (struct sequences){b->one_each, B, 1}, PAGE,
                     b->shape);
}
static void greedy(struct bench *b) {
    choose_tokens(b->device, b->tokens, tensor_columns(b->log_probability, 0, 256), b->logits,
                  b->uniform, (struct sampling){0, 0, 1});
}
static void nucleus(struct bench *b) {
    choose_tokens(b->device, b->tokens, tensor_columns(b->log_probability, 0, 256), b->logits,
                  b->uniform, (struct sampling){0.7f, 50, 0.95f});
}

/* ---- setting up ---- */

static int32_t target_id(int64_t i) {
    return (int32_t)(i * 7919 % V);
}
static int32_t position_id(int64_t i) {
    return (int32_t)(i % (T / S));
}
static int32_t offset_id(int64_t i) {
    return (int32_t)(i * (T / S));
}
static int32_t page_id(int64_t i) {
    return (int32_t)(i * 37 % 2048);
}
static int32_t length_id(int64_t i) {
    (void)i;
    return 512;
}
static int32_t own_id(int64_t i) {
    return (int32_t)i;
}

static void set_up(struct bench *b) {
    enum dtype type = device_activations(b->device, DTYPE_BF16);
    b->x = fill(b, type, T, D, 1);
    b->y = fill(b, type, T, D, 1);
    b->dx = fill(b, type, T, D, 1);
    b->out = fill(b, type, T, D, 1);
    b->wide = fill(b, type, T, F, 1);
    b->w = fill(b, DTYPE_BF16, V, D, 0.02);
    b->w_wide = fill(b, DTYPE_BF16, F, D, 0.02);
    b->low = fill(b, DTYPE_I16, F, D, 0);
    b->moment = fill(b, DTYPE_BF16, F, D, 0.01);
    b->gradient = fill(b, DTYPE_F32, F, D, 0.01);
    b->gain = fill(b, DTYPE_BF16, 1, D, 1);
    b->scale = fill(b, DTYPE_F32, 1, T, 1);
    b->qkv = fill(b, type, T, 3 * D, 1);
    b->dqkv = fill(b, type, T, 3 * D, 1);
    b->log_sum = fill(b, DTYPE_F32, T, H, 1);
    b->positions = ids(b, 1, T, position_id);
    b->cosine = fill(b, DTYPE_F32, T / S, C / 2, 1);
    b->sine = fill(b, DTYPE_F32, T / S, C / 2, 1);
    b->targets = ids(b, 1, T, target_id);
    b->weights = fill(b, DTYPE_F32, 1, T, 1);
    b->log_probability = fill(b, DTYPE_F32, 1, T, 1);
    b->tokens = ids(b, 1, 256, own_id);
    b->logits = fill(b, DTYPE_F32, 256, V, 10);
    b->uniform = fill(b, DTYPE_F32, 1, 256, 0);
    b->keys = fill(b, type, 2048 * PAGE, D, 1);
    b->values = fill(b, type, 2048 * PAGE, D, 1);
    b->pages = ids(b, 256, 512 / PAGE, page_id);
    b->lengths = ids(b, 1, 256, length_id);
    b->one_each = ids(b, 1, 257, own_id);
    b->sequences = (struct sequences){ids(b, 1, S + 1, offset_id), S, T / S};
    b->shape = (struct attention_shape){H, H, C, 1 / sqrtf(C), true, 0};
    wait(b->device);
}

static void report(struct bench *b, const char *name, void (*work)(struct bench *),
                   double operations, double bytes) {
    double seconds = time_of(b->device, b, work);
    printf("%-28s %9.3f ms", name, 1e3 * seconds);
    if (operations > 0)
        printf("  %7.1f TFLOP/s  %.2f of the product's", 1e-12 * operations / seconds,
               operations / seconds / b->product_rate);
    if (bytes > 0)
        printf("  %7.1f GB/s  %.2f of the copy's", 1e-9 * bytes / seconds,
               bytes / seconds / b->copy_rate);
    printf("\n");
    fflush(stdout);
}

int main(void) {
    struct bench b = {0};
    struct error error = {0};
    b.device = device_open("cuda", 1, &error);
    must(b.device != NULL, &error);
    must(arena_open(&b.arena, b.device, (size_t)12 << 30, &error), &error);
    printf("%s\n", device_description(b.device));
    set_up(&b);
    const double each = (double)dtype_size(b.x.type), size = each * T * D,
                 pairs = (double)S * (T / S) * (T / S) / 2;
    const double flops = 2.0 * T * D * F, attention = 4 * pairs * D;
    b.product_rate = flops / time_of(b.device, &b, product);
    b.copy_rate = 2 * size / time_of(b.device, &b, copy);
    printf("T %d, D %d, F %d, V %d, %d sequences; %s activations, bf16 weights\n", T, D, F, V, S,
           dtype_name(b.x.type));
    report(&b, "product", product, flops, 0);
    report(&b, "gradient of its input", product_input, flops, 0);
    report(&b, "gradient of its weight", product_weight, flops, 0);
    report(&b, "copy", copy, 0, 2 * size);
    report(&b, "rms norm", rms, 0, 2 * size);
    report(&b, "rms norm backward", rms_back, 0, 4 * size);
    report(&b, "swiglu", swiglu, 0, each * T * F * 1.5);
    report(&b, "rotary, q and k", turn, 0, 4 * size);
    report(&b, "attention", attend, attention, 0);
    report(&b, "attention backward", attend_back, 2.5 * attention, 0);
    report(&b, "cross-entropy, dx", loss, 4.0 * T * D * V, 0);
    report(&b, "lion, two halves", lion, 0, (double)F * D * (4 + 4 + 4 + 4));
    report(&b, "embedding", embed, 0, (each + 2) * T * D);
    report(&b, "decode 256 x 512", decode, 0, 256.0 * 512 * D * 2 * each);
    report(&b, "greedy, 256 rows", greedy, 0, 256.0 * V * 4);
    report(&b, "top-k 50, top-p 0.95", nucleus, 0, 256.0 * V * 4);
    arena_close(&b.arena);
    device_close(b.device);
    return 0;
}
