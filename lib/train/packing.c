/* Examples to one packed batch. */
#include "train/packing.h"

#include <stdlib.h>

void packing_open(struct packing *packing, struct device *device, struct arena *arena,
                  int64_t capacity, int64_t vocabulary) {
    *packing = (struct packing){.device = device, .capacity = capacity, .vocabulary = vocabulary};
    size_t count = (size_t)capacity;
    packing->tokens = allocate(count, sizeof(int32_t));
    packing->positions = allocate(count, sizeof(int32_t));
    packing->offsets = allocate(count + 1, sizeof(int32_t));
    packing->wanted = allocate(count, sizeof(int32_t));
    packing->first_predicted = allocate(count + 1, sizeof(int32_t));
    packing->targets = allocate(count, sizeof(int32_t));
    packing->weights = allocate(count, sizeof(float));
    packing->distribution = allocate((size_t)vocabulary, MOST_DISTRIBUTIONS * sizeof(float));
    packing->device_tokens = arena_tensor(arena, DTYPE_I32, 1, capacity);
    packing->device_positions = arena_tensor(arena, DTYPE_I32, 1, capacity);
    packing->device_offsets = arena_tensor(arena, DTYPE_I32, 1, capacity + 1);
    packing->device_wanted = arena_tensor(arena, DTYPE_I32, 1, capacity);
    packing->device_targets = arena_tensor(arena, DTYPE_I32, 1, capacity);
    packing->device_weights = arena_tensor(arena, DTYPE_F32, 1, capacity);
    packing->device_distributions = arena_tensor(arena, DTYPE_F32, MOST_DISTRIBUTIONS, vocabulary);
}

void packing_close(struct packing *packing) {
    free(packing->tokens);
    free(packing->positions);
    free(packing->offsets);
    free(packing->wanted);
    free(packing->first_predicted);
    free(packing->targets);
    free(packing->weights);
    free(packing->distribution);
    *packing = (struct packing){0};
}

void packing_reset(struct packing *packing) {
    packing->rows = packing->sequences = packing->predicted = packing->longest = 0;
    packing->hard = packing->distributions = 0;
}

/* The row of a distribution, which is put there unless it is there; −1: there is no room. */
static int32_t distribution_row(struct packing *packing, const struct targets *targets,
                                struct wanted wanted) {
    for (int64_t i = 0; i < packing->distributions; i++)
        if (packing->kinds[i].kind == wanted.kind && packing->kinds[i].place == wanted.place)
            return (int32_t)i;
    if (packing->distributions == MOST_DISTRIBUTIONS)
        return -1;
    int64_t row = packing->distributions++;
    packing->kinds[row] = wanted;
    targets_write(targets, wanted, packing->vocabulary,
                  packing->distribution + row * packing->vocabulary);
    return (int32_t)row;
}

bool packing_add(struct packing *packing, const struct examples *examples, size_t index) {
    const struct example *example = &examples->items[index];
    bool hard = example->wanted.kind == TARGETS_OWN;
    int32_t length = example->tokens - 1, which = 0;
    if (packing->rows + length > packing->capacity || (hard && packing->hard < packing->predicted))
        return false;
    if (!hard && (which = distribution_row(packing, &examples->targets, example->wanted)) < 0)
        return false;
    const int32_t *ids = examples->tokens.ids + example->start;
    packing->first_predicted[packing->sequences] = (int32_t)packing->predicted;
    for (int32_t i = 0; i < length; i++) {
        int64_t row = packing->rows + i;
        packing->tokens[row] = ids[i];
        packing->positions[row] = i;
        if (i + 1 >= example->tokens - example->predicted) {
            packing->wanted[packing->predicted] = (int32_t)row;
            packing->targets[packing->predicted++] = hard ? ids[i + 1] : which;
        }
    }
    if (hard)
        packing->hard = packing->predicted;
    packing->offsets[packing->sequences++] = (int32_t)packing->rows;
    packing->rows += length;
    packing->offsets[packing->sequences] = (int32_t)packing->rows;
    packing->first_predicted[packing->sequences] = (int32_t)packing->predicted;
    if (length > packing->longest)
        packing->longest = length;
    return true;
}

bool packing_add_pair(struct packing *packing, const struct examples *examples, size_t pair) {
    const struct example *both = &examples->items[2 * pair];
    return packing->rows + both[0].tokens + both[1].tokens - 2 <= packing->capacity &&
           packing_add(packing, examples, 2 * pair) && packing_add(packing, examples, 2 * pair + 1);
}

struct packed packing_upload(struct packing *packing, float weight) {
    int64_t T = packing->rows, n = packing->predicted, S = packing->sequences;
    int64_t hard = packing->hard;
    struct tensor targets = tensor_columns(packing->device_targets, 0, n);
    for (int64_t i = 0; i < n; i++)
        packing->weights[i] = weight;
    struct packed packed = {
        .batch = {.tokens = tensor_columns(packing->device_tokens, 0, T),
                  .positions = tensor_columns(packing->device_positions, 0, T),
                  .sequences = {tensor_columns(packing->device_offsets, 0, S + 1), S,
                                packing->longest},
                  .rows = tensor_columns(packing->device_wanted, 0, n)},
        .targets = tensor_columns(targets, 0, hard),
        .which = tensor_columns(targets, hard, n - hard),
        .distributions = tensor_rows(packing->device_distributions, 0, packing->distributions),
        .weights = tensor_columns(packing->device_weights, 0, n),
    };
    device_upload(packing->device, packed.batch.tokens, packing->tokens);
    device_upload(packing->device, packed.batch.positions, packing->positions);
    device_upload(packing->device, packed.batch.sequences.offsets, packing->offsets);
    device_upload(packing->device, packed.batch.rows, packing->wanted);
    device_upload(packing->device, targets, packing->targets);
    device_upload(packing->device, packed.weights, packing->weights);
    if (hard < n)
        device_upload(packing->device, packed.distributions, packing->distribution);
    return packed;
}

void packing_upload_weights(struct packing *packing, const struct packed *packed) {
    device_upload(packing->device, packed->weights, packing->weights);
}
