/*
 * What a step of decoding takes: one token more of each of 256 sequences that have 512, by a
 * 7-billion Llama of random weights, the operations called one by one and as a recording (a CUDA
 * graph), against the time in which the device's copy reads what the step must read: the weights
 * and the cache, once. The second half of `make gpu-bench`.
 *
 *     bench_decode [DEVICE [SIXTEENTHS]]
 *
 * cuda by default; so many sixteenths of the width, the layers, the MLP and the vocabulary.
 * Where not all sequences fit into the device's memory, as many as do.
 */
#include "model/storage.h"
#include "model/transformer.h"
#include "timing.h"

enum { PAGE = 64, MOST = 256, LENGTH = 512, LAYERS = 32 };

/* Llama 2 of 7 billion, or the same in little. */
static struct model_config config_of(int64_t sixteenths) {
    const int64_t heads = 2 * sixteenths;
    return (struct model_config){
        .vocabulary = 2000 * sixteenths,
        .width = 128 * heads,
        .layers = 2 * sixteenths,
        .heads = heads,
        .kv_heads = heads,
        .head_size = 128,
        .mlp_width = 688 * sixteenths,
        .positions = 4096,
        .norm_epsilon = 1e-5,
        .causal = true,
        .rotary = {.size = 128, .base = 1e4},
        .type = DTYPE_BF16,
    };
}

struct bench {
    struct device *device;
    struct model model;
    struct transformer transformer;
    struct arena arena;
    struct pass pass;
    struct batch batch;
    struct cache cache;
    struct tensor keys[LAYERS], values[LAYERS];
    struct tensor logits, tokens, log_probability;
    int64_t sequences;
    struct recording *recording;
    struct tensor from, to; /* of the copy */
};

/* ---- the model ---- */

/* bf16 numbers between −1/32 and 1/32, the same every run, into rows of any tensor of bf16. */
static void fill(struct bench *b, struct tensor tensor) {
    enum { SOME = 1 << 20 };
    static uint16_t numbers[SOME];
    uint64_t random = 88172645463325252u;
    for (int i = 0; numbers[SOME - 1] == 0 && i < SOME; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        numbers[i] = (uint16_t)((random & 0x807f) | (0x76 + (random >> 60 & 3)) << 7);
    }
    const int64_t rows = SOME / tensor.columns;
    for (int64_t i = 0; i < tensor.rows; i += rows)
        device_upload(b->device,
                      tensor_rows(tensor, i, tensor.rows - i < rows ? tensor.rows - i : rows),
                      numbers);
}

static void open_model(struct bench *b, int64_t sixteenths) {
    struct error error = {0};
    b->model = (struct model){.config = config_of(sixteenths), .device = b->device};
    must(model_reserve(&b->model, false, &error), &error);
    for (size_t i = 0; i < b->model.weight_count; i++)
        fill(b, b->model.weights[i].value);
    must(transformer_open(&b->transformer, &b->model, &error), &error);
}

/* ---- the step ---- */

/* n, the number of sequences, tells each its place. */
static struct tensor ids(struct bench *b, int64_t rows, int64_t columns,
                         int32_t (*id)(int64_t i, int64_t n)) {
    struct tensor tensor = arena_tensor(&b->arena, DTYPE_I32, rows, columns);
    if (tensor.data == NULL)
        return tensor;
    int32_t *all = allocate((size_t)(rows * columns), sizeof *all);
    for (int64_t i = 0; i < rows * columns; i++)
        all[i] = id(i, b->sequences);
    device_upload(b->device, tensor, all);
    free(all);
    return tensor;
}

static int32_t own_id(int64_t i, int64_t n) {
    (void)n;
    return (int32_t)i;
}
static int32_t length_id(int64_t i, int64_t n) {
    (void)i, (void)n;
    return LENGTH;
}
static int32_t last_place(int64_t i, int64_t n) {
    (void)i, (void)n;
    return LENGTH - 1;
}
/* Pages of different sequences take turns. */
static int32_t page_id(int64_t i, int64_t n) {
    return (int32_t)(i % (LENGTH / PAGE) * n + i / (LENGTH / PAGE));
}
static int32_t last_slot(int64_t i, int64_t n) {
    return (int32_t)(((LENGTH / PAGE - 1) * n + i) * PAGE + PAGE - 1);
}

static int64_t cache_width(const struct bench *b) {
    return b->model.config.kv_heads * b->model.config.head_size;
}

/* Cuts all that a step of b->sequences works on from the arena, which may only be measuring. */
static void lay_out(struct bench *b) {
    const struct model_config *config = &b->model.config;
    const enum dtype type = device_activations(b->device, config->type);
    const int64_t n = b->sequences;
    for (int64_t l = 0; l < config->layers; l++) {
        b->keys[l] = arena_tensor(&b->arena, type, n * LENGTH, cache_width(b));
        b->values[l] = arena_tensor(&b->arena, type, n * LENGTH, cache_width(b));
    }
    b->cache = (struct cache){.keys = b->keys,
                              .values = b->values,
                              .page_size = PAGE,
                              .slots = ids(b, 1, n, last_slot),
                              .pages = ids(b, n, LENGTH / PAGE, page_id),
                              .lengths = ids(b, 1, n, length_id)};
    b->batch = (struct batch){.tokens = ids(b, 1, n, own_id),
                              .positions = ids(b, 1, n, last_place),
                              .sequences = {ids(b, 1, n + 1, own_id), n, 1},
                              .rows = ids(b, 1, n, own_id)};
    pass_open(&b->pass, &b->arena, &b->model, n, n, PASS_FORWARD);
    b->logits = arena_tensor(&b->arena, DTYPE_F32, n, config->vocabulary);
    b->tokens = arena_tensor(&b->arena, DTYPE_I32, 1, n);
    b->log_probability = arena_tensor(&b->arena, DTYPE_F32, 1, n);
}

/* As many sequences as there is memory for, with a gigabyte left to the operations themselves. */
static void open_step(struct bench *b) {
    struct error error = {0};
    const size_t room = device_memory(b->device), spare = (size_t)1 << 30;
    for (b->sequences = MOST;; b->sequences--) {
        b->arena = arena_measure();
        lay_out(b);
        pass_close(&b->pass);
        if (b->arena.used + spare <= room || b->sequences == 1)
            break;
    }
    must(arena_open(&b->arena, b->device, b->arena.used, &error), &error);
    lay_out(b);
    for (int64_t l = 0; l < b->model.config.layers; l++) {
        fill(b, b->keys[l]);
        fill(b, b->values[l]);
    }
    wait(b->device);
}

static void step(struct bench *b) {
    static const struct tensor none = {0};
    transformer_forward(&b->transformer, &b->pass, &b->batch, &b->cache);
    matmul_forward(b->device, b->logits, b->pass.output, model_output(&b->model)->value, none,
                   none);
    choose_tokens(b->device, b->tokens, b->log_probability, b->logits, none,
                  (struct sampling){.top_p = 1});
}

static void replay(struct bench *b) {
    recording_run(b->device, b->recording);
}

static void record(struct bench *b) {
    struct error error = {0};
    recording_begin(b->device);
    step(b);
    b->recording = recording_end(b->device, &error);
    must(b->recording != NULL, &error);
}

/* Bytes that a step must read: every weight once, of the embedding a row a sequence, the cache. */
static double bytes_read(const struct bench *b) {
    const struct model_config *config = &b->model.config;
    double bytes = 0;
    for (size_t i = 0; i < b->model.weight_count; i++) {
        const struct learning_weight *weight = &b->model.weights[i];
        const int64_t rows =
            weight == model_embedding(&b->model) ? b->sequences : weight->value.rows;
        bytes += (double)(rows * weight->value.columns) * (double)dtype_size(weight->value.type);
    }
    return bytes + 2.0 * (double)config->layers * (double)(b->sequences * LENGTH * cache_width(b)) *
                       (double)dtype_size(b->keys[0].type);
}

/* ---- the ceiling ---- */

static void copy(struct bench *b) {
    device_copy(b->device, b->to, b->from);
}

/* Bytes a second, read and written, of a copy of `rows` times 8 KiB. */
static double copy_rate(struct bench *b, int64_t rows) {
    struct error error = {0};
    const double bytes = 4096.0 * 2 * (double)rows;
    must(arena_open(&b->arena, b->device, 2 * (size_t)bytes + 4096, &error), &error);
    b->from = arena_tensor(&b->arena, DTYPE_BF16, rows, 4096);
    b->to = arena_tensor(&b->arena, DTYPE_BF16, rows, 4096);
    fill(b, b->from);
    const double rate = 2 * bytes / time_of(b->device, b, copy);
    arena_close(&b->arena);
    return rate;
}

static void report(const char *name, double seconds, double least) {
    printf("%-28s %9.3f ms  %.2f of the time is reading at the copy's rate\n", name, 1e3 * seconds,
           least / seconds);
    fflush(stdout);
}

int main(int count, char **arguments) {
    struct error error = {0};
    struct bench b = {0};
    const int64_t sixteenths = count > 2 ? strtol(arguments[2], NULL, 10) : 16;
    if (count > 3 || sixteenths < 1 || sixteenths > 16) {
        fprintf(stderr, "usage: bench_decode [DEVICE [SIXTEENTHS]]\n");
        return 2;
    }
    b.device = device_open(count > 1 ? arguments[1] : "cuda", 0, &error);
    must(b.device != NULL, &error);
    const double rate = copy_rate(&b, 4096 * sixteenths);
    open_model(&b, sixteenths);
    open_step(&b);
    const double bytes = bytes_read(&b), least = bytes / rate;
    printf("%s\n%lld layers of width %lld, %lld sequences of %d tokens, %s cache: %.1f GB to read, "
           "%.3f ms at %.0f GB/s\n",
           device_description(b.device), (long long)b.model.config.layers,
           (long long)b.model.config.width, (long long)b.sequences, LENGTH,
           dtype_name(b.keys[0].type), 1e-9 * bytes, 1e3 * least, 1e-9 * rate);
    report("a decoding step", time_of(b.device, &b, step), least);
    if (device_records(b.device)) {
        record(&b);
        report("the same, recorded", time_of(b.device, &b, replay), least);
        recording_free(b.device, b.recording);
    }
    pass_close(&b.pass);
    arena_close(&b.arena);
    transformer_close(&b.transformer);
    model_close(&b.model);
    device_close(b.device);
    return 0;
}
