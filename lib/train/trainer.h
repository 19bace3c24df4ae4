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

/*
 * With SFT the loss of a completion token is −log p(token), or KL(wanted ‖ p) where it wants a
 * distribution, and that of a batch the mean over its completion tokens of both kinds. With DPO the
 * loss of a pair is preference_of()'s, and that of a batch the mean over its pairs. Logarithms are
 * natural.
 */
struct step_result {
    double loss;
    int64_t terms;  /* what it is the mean over: completion tokens, or pairs */
    int64_t tokens; /* rows that went through the model */
    double margin;  /* DPO: mean over the pairs */
    int64_t ahead;  /* DPO: pairs whose margin is positive */
};

/*
 * Trains on the records order[0 … count − 1] (order NULL: 0, 1, 2, …). Where they fit one
 * micro-batch and nothing is clipped, weights are updated during the backward pass; it makes no
 * difference to the result. An optimizer with room for a group of gradients alone fails where they
 * do not.
 */
bool trainer_step(struct trainer *trainer, const struct examples *examples, const size_t *order,
                  size_t count, double rate, struct step_result *result, struct error *error);

/* Gradients of that loss without an update: left in trainer->optimizer.gradients, which must have
 * room for all of them. */
bool trainer_gradients(struct trainer *trainer, const struct examples *examples,
                       const size_t *order, size_t count, struct step_result *result,
                       struct error *error);

/* Puts the model's log-probabilities as it is now into as many pairs from *next on as a micro-batch
 * takes, and moves *next behind them. */
bool trainer_score_pairs(struct trainer *trainer, struct examples *examples, size_t *next,
                         struct error *error);

#endif
