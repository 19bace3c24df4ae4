/* Examples to one packed batch. */
#include "train/packing.h"

#include <stdlib.h>

void packing_open(struct packing *packing, struct device *device, struct arena *arena,
                  int64_t capacity) {
    *packing = (struct packing){.device = device, .capacity = capacity};
    size_t count = (size_t)capacity;
    packing->tokens = allocate(count, sizeof(int32_t));
    packing->positions = allocate(count, sizeof(int32_t));
    packing->offsets = allocate(count + 1, sizeof(int32_t));
    packing->wanted = allocate(count, sizeof(int32_t));
    packing->targets = allocate(count, sizeof(int32_t));
    packing->weights = allocate(count, sizeof(float));
    packing->device_tokens = arena_tensor(arena, DTYPE_I32, 1, capacity);
    packing->device_positions = arena_tensor(arena, DTYPE_I32, 1, capacity);
    packing->device_offsets = arena_tensor(arena, DTYPE_I32, 1, capacity + 1);
    packing->device_wanted = arena_tensor(arena, DTYPE_I32, 1, capacity);
    packing->device_targets = arena_tensor(arena, DTYPE_I32, 1, capacity);
    packing->device_weights = arena_tensor(arena, DTYPE_F32, 1, capacity);
}

void packing_close(struct packing *packing) {
    free(packing->tokens);
    free(packing->positions);
    free(packing->offsets);
    free(packing->wanted);
    free(packing->targets);
    free(packing->weights);
    *packing = (struct packing){0};
}

void packing_reset(struct packing *packing) {
    packing->rows = packing->sequences = packing->predicted = packing->longest = 0;
}

bool packing_add(struct packing *packing, const struct examples *examples,
                 const struct example *example) {
    int32_t length = example->tokens - 1;
    if (packing->rows + length > packing->capacity)
        return false;
    const int32_t *ids = examples->tokens.ids + example->start;
    for (int32_t i = 0; i < length; i++) {
        int64_t row = packing->rows + i;
        packing->tokens[row] = ids[i];
        packing->positions[row] = i;
        if (i + 1 >= example->tokens - example->predicted) {
            packing->wanted[packing->predicted] = (int32_t)row;
            packing->targets[packing->predicted++] = ids[i + 1];
        }
    }
    packing->offsets[packing->sequences++] = (int32_t)packing->rows;
    packing->rows += length;
    packing->offsets[packing->sequences] = (int32_t)packing->rows;
    if (length > packing->longest)
        packing->longest = length;
    return true;
}

struct packed packing_upload(struct packing *packing, float weight) {
    int64_t T = packing->rows, n = packing->predicted, S = packing->sequences;
    for (int64_t i = 0; i < n; i++)
        packing->weights[i] = weight;
    struct packed packed = {
        .batch = {.tokens = tensor_columns(packing->device_tokens, 0, T),
                  .positions = tensor_columns(packing->device_positions, 0, T),
                  .sequences = {tensor_columns(packing->device_offsets, 0, S + 1), S,
                                packing->longest},
                  .rows = tensor_columns(packing->device_wanted, 0, n)},
        .targets = tensor_columns(packing->device_targets, 0, n),
        .weights = tensor_columns(packing->device_weights, 0, n),
    };
    device_upload(packing->device, packed.batch.tokens, packing->tokens);
    device_upload(packing->device, packed.batch.positions, packing->positions);
    device_upload(packing->device, packed.batch.sequences.offsets, packing->offsets);
    device_upload(packing->device, packed.batch.rows, packing->wanted);
    device_upload(packing->device, packed.targets, packing->targets);
    device_upload(packing->device, packed.weights, packing->weights);
    return packed;
}
