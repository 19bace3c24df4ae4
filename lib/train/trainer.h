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
    struct tensor log_probability; /* f32 [1, n] */
    float *host_log_probability;
};

struct trainer_settings {
    struct optimizer_settings optimizer;
    int64_t room;      /* rows (tokens) of a micro-batch; no example may need more */
    enum pass_use use; /* what the forward pass keeps; 0: everything */
};

/* Bytes of a trainer's arena; the model may be without memory (model_measure). */
size_t trainer_measure(struct model *model, const struct trainer_settings *settings);
bool trainer_open(struct trainer *trainer, struct model *model,
                  const struct trainer_settings *settings, struct error *error);
void trainer_close(struct trainer *trainer);

struct step_result {
    double loss;       /* mean over the batch's completion tokens, natural logarithm */
    int64_t tokens;    /* rows that went through the model */
    int64_t predicted; /* completion tokens */
};

/*
 * Trains on items[order[0 … count − 1]] (order NULL: 0, 1, 2, …). Where they fit one micro-batch
 * and nothing is clipped, weights are updated during the backward pass; it makes no difference to
 * the result. An optimizer with room for a group of gradients alone fails where they do not.
 */
bool trainer_step(struct trainer *trainer, const struct examples *examples, const size_t *order,
                  size_t count, double rate, struct step_result *result, struct error *error);

/* Gradients of that loss without an update: left in trainer->optimizer.gradients, which must have
 * room for all of them. */
bool trainer_gradients(struct trainer *trainer, const struct examples *examples,
                       const size_t *order, size_t count, struct step_result *result,
                       struct error *error);

#endif
