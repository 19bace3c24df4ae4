/*
 * What training keeps in memory, worked out before any of it is taken: how much is computed again
 * and whether the whole gradient is kept, chosen to fit; and what would fit where nothing does.
 */
#ifndef LOCKPICK_TRAIN_PLAN_H
#define LOCKPICK_TRAIN_PLAN_H

#include "train/trainer.h"

/* Of --recompute: behind `auto` they are those of enum pass_use. */
#define RECOMPUTE_CHOICES "auto|none|norms|attention|layer"

enum gradient_choice {
    GRADIENTS_AUTO,  /* a layer's where every batch is one micro-batch, or else nothing fits */
    GRADIENTS_WHOLE, /* of all weights */
    GRADIENTS_LAYER, /* of one layer at a time */
};
#define GRADIENT_CHOICES "auto|whole|layer"

struct plan_request {
    struct optimizer_settings optimizer; /* by_group is chosen here */
    int64_t room;                        /* rows of a micro-batch */
    int64_t most_rows;                   /* that a batch can have */
    int recompute;                       /* one of RECOMPUTE_CHOICES */
    int gradients;                       /* enum gradient_choice */
};

/* All sizes in bytes. */
struct training_plan {
    struct trainer_settings settings; /* what was chosen */
    size_t available;                 /* beside the weights */
    size_t weights, low;              /* values and low halves: there already */
    size_t moments, gradients;
    size_t activations; /* kept for the backward pass, with its own and the batch */
    size_t scratch;     /* of the device's operations */
};

/*
 * The plan that fits into `available` bytes with the least to compute; false and an error that says
 * what would fit. The model may be without memory (model_measure).
 */
bool plan_training(struct training_plan *plan, struct model *model,
                   const struct plan_request *request, size_t available, struct error *error);

/* Bytes beside the weights. */
size_t plan_needs(const struct training_plan *plan);

/* One line: "memory 1.2 GiB: weights …". */
void plan_describe(const struct training_plan *plan, struct buffer *text);

#endif
