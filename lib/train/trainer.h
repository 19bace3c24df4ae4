/*
 * One training step: a batch of examples in, one update of the weights out. A batch larger than the
 * room is gone through in several micro-batches whose gradients add up.
 */
#ifndef LOCKPICK_TRAIN_TRAINER_H
#define LOCKPICK_TRAIN_TRAINER_H

#include "train/optimizer.h"
#include "train/packing.h"

struct trainer {
    struct model *model; /* borrowed */
    struct transformer transformer;
    struct arena arena;
    struct pass pass;
    struct packing packing;
    struct optimizer optimizer;
    struct tensor values; /* f32 [1, n]: log-probabilities of tokens, then divergences */
    float *host_values;
    size_t *order; /* of a batch with soft targets */
};

/* `room`: rows (tokens) of a micro-batch; no example may need more. */
bool trainer_open(struct trainer *trainer, struct model *model,
                  const struct optimizer_settings *settings, int64_t room, struct error *error);
void trainer_close(struct trainer *trainer);

/* The loss of a completion token is −log p(token), or KL(wanted ‖ p) where it wants a distribution;
 * that of a batch is the mean over its completion tokens of both kinds, with natural logarithms. */
struct step_result {
    double loss;
    int64_t tokens;    /* rows that went through the model */
    int64_t predicted; /* completion tokens */
};

/* Trains on items[order[0 … count − 1]] (order NULL: 0, 1, 2, …). */
bool trainer_step(struct trainer *trainer, const struct examples *examples, const size_t *order,
                  size_t count, double rate, struct step_result *result, struct error *error);

/* Gradients of that loss without an update: left in trainer->optimizer.gradients. */
bool trainer_gradients(struct trainer *trainer, const struct examples *examples,
                       const size_t *order, size_t count, struct step_result *result,
                       struct error *error);

#endif
