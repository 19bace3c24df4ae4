/*
 * Fresh weights. Each stored tensor has a sequence of random numbers of its own, named after it, so
 * that a model's weights depend on its seed and shape alone: not on the device, nor on how tensors
 * are laid out in memory, nor on how many layers come before. A normal number takes one block of
 * the counter-based generator, so any part of a tensor can be drawn by any thread.
 */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "model/storage.h"

enum { PART = 1 << 16 }; /* elements that are drawn at once */

/* A part of a tensor's values in each form that it may need. */
struct part_values {
    float real[PART];
    uint16_t value[PART];
    int16_t low[PART];
};

static void split(struct part_values *part, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &part->real[i], sizeof bits);
        part->value[i] = master_value(bits);
        part->low[i] = master_low(bits);
    }
}

/* Gains of norms are ones, biases zeros; everything else is drawn. */
static void fill(struct part_values *part, int64_t count, const struct stored_tensor *stored,
                 double deviation, struct random *random) {
    if (stored->vector) {
        for (int64_t i = 0; i < count; i++)
            part->real[i] = stored->gain ? 1.0f : 0.0f;
        return;
    }
    for (int64_t i = 0; i < count; i++)
        part->real[i] = (float)(deviation * random_normal(random));
}

/* Elements first … first + count − 1, whose numbers are those blocks of the sequence. */
static void initialize_part(const struct model *model, const struct stored_tensor *stored,
                            const struct random *start, int64_t first, int64_t count,
                            struct part_values *part) {
    const struct learning_weight *weight = &model->weights[stored->index];
    struct random random = *start;
    random.counter[0] = (uint32_t)first;
    random.counter[1] = (uint32_t)((uint64_t)first >> 32);
    fill(part, count, stored, model->config.initializer_range, &random);
    bool bf16 = weight->value.type == DTYPE_BF16;
    if (bf16)
        split(part, count);
        /* Uploads one at a time: not every device takes them from several threads. */
#pragma omp critical(initialize_upload)
    {
        upload_stored(model->device, &weight->value, stored, first, count,
                      bf16 ? (const void *)part->value : part->real);
        if (bf16)
            upload_stored(model->device, &weight->low, stored, first, count, part->low);
    }
}

static void initialize_tensor(const struct model *model, const struct stored_tensor *stored,
                              uint64_t seed) {
    struct random random;
    random_start(&random, &(struct random_name){
                              .seed = seed, .purpose = "initialize", .id = text_of(stored->name)});
    int64_t total = stored->rows * stored->columns;
#pragma omp parallel num_threads(device_threads(model->device)) if (total > PART)
    {
        struct part_values *part = allocate(1, sizeof *part);
#pragma omp for schedule(dynamic)
        for (int64_t first = 0; first < total; first += PART)
            initialize_part(model, stored, &random, first,
                            total - first < PART ? total - first : PART, part);
        free(part);
    }
}

bool model_initialize(struct model *model, struct model_config *config, struct device *device,
                      uint64_t seed, struct error *error) {
    *model = (struct model){.config = *config, .device = device};
    *config = (struct model_config){0};
    bool fine = model_reserve(model, true, error);
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
