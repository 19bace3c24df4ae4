/*
 * Fresh weights. Each stored tensor has a sequence of random numbers of its own, named after it, so
 * that a model's weights depend on its seed and shape alone: not on the device, nor on how tensors
 * are laid out in memory, nor on how many layers come before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "model/storage.h"

/* A chunk of values on its way to the device, in each form that it may need. */
struct chunk {
    float *real;
    uint16_t *value;
    int16_t *low;
};

static void split(const struct chunk *chunk, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &chunk->real[i], sizeof bits);
        chunk->value[i] = master_value(bits);
        chunk->low[i] = master_low(bits);
    }
}

/* Norms are ones; everything else is drawn. */
static void fill(const struct chunk *chunk, size_t count, const struct stored_tensor *stored,
                 double deviation, struct random *random) {
    for (size_t i = 0; i < count; i++)
        chunk->real[i] = stored->vector ? 1.0f : (float)(deviation * random_normal(random));
}

static void initialize_tensor(struct model *model, const struct stored_tensor *stored,
                              uint64_t seed) {
    struct learning_weight *weight = &model->weights[stored->index];
    int64_t step = stored_chunk_rows(stored);
    size_t size = (size_t)(step * stored->columns);
    struct chunk chunk = {allocate(size, sizeof *chunk.real), allocate(size, sizeof *chunk.value),
                          allocate(size, sizeof *chunk.low)};
    struct random random;
    random_start(&random, &(struct random_name){
                              .seed = seed, .purpose = "initialize", .id = text_of(stored->name)});
    for (int64_t row = 0; row < stored->rows; row += step) {
        int64_t rows = stored->rows - row < step ? stored->rows - row : step;
        size_t count = (size_t)(rows * stored->columns);
        fill(&chunk, count, stored, model->config.initializer_range, &random);
        struct tensor value = stored_rows(&weight->value, stored, row, rows);
        if (model->config.type == DTYPE_BF16) {
            split(&chunk, count);
            device_upload(model->device, value, chunk.value);
            device_upload(model->device, stored_rows(&weight->low, stored, row, rows), chunk.low);
        } else {
            device_upload(model->device, value, chunk.real);
        }
    }
    free(chunk.real);
    free(chunk.value);
    free(chunk.low);
}

bool model_initialize(struct model *model, struct model_config *config, struct device *device,
                      uint64_t seed, struct error *error) {
    *model = (struct model){.config = *config, .device = device};
    *config = (struct model_config){0};
    bool fine = model_reserve(model, error);
    if (fine) {
        size_t count;
        struct stored_tensor *stored = model_stored_tensors(&model->config, &count);
        for (size_t i = 0; i < count; i++)
            initialize_tensor(model, &stored[i], seed);
        free(stored);
        fine = device_finish(device, error);
    }
    if (!fine)
        model_close(model);
    return fine;
}
