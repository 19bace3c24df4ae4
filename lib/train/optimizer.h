/*
 * Optimizer state: gradients and moments of every weight, clipping, and the update.
 */
#ifndef LOCKPICK_TRAIN_OPTIMIZER_H
#define LOCKPICK_TRAIN_OPTIMIZER_H

#include "model/transformer.h"

enum optimizer_kind { OPTIMIZER_ADAMW, OPTIMIZER_LION };
#define OPTIMIZER_KINDS "adamw|lion" /* for OPTION_CHOICE */

struct optimizer_settings {
    int kind; /* enum optimizer_kind */
    double beta1, beta2;
    double epsilon; /* AdamW only */
    double decay;   /* decoupled weight decay, of all weights */
    double clip;    /* largest norm of the whole gradient; 0: no clipping */
    bool by_group;  /* memory for the gradients of one group of weights at a time (struct
                     * gradient_sink); then every step has to be made at once, see below */
};

struct optimizer {
    struct optimizer_settings settings;
    struct model *model;       /* borrowed */
    struct tensor *gradients;  /* f32, one a weight, shaped like it */
    struct tensor *first;      /* AdamW's m or Lion's momentum; bf16 for Lion on bf16 weights */
    struct tensor *second;     /* AdamW's v; NULL for Lion */
    struct tensor sum, factor; /* f32 [1, 1], for clipping */
    int64_t step;              /* updates made */
    struct gradient_sink sink; /* for the backward passes of this step */
    double rate;               /* of a step made at once */
};

/* Cuts gradients and moments from `arena`, which may only be measuring. */
void optimizer_open(struct optimizer *optimizer, const struct optimizer_settings *settings,
                    struct model *model, struct arena *arena);
void optimizer_close(struct optimizer *optimizer);
/* Moments to zero, no updates made. */
void optimizer_reset(struct optimizer *optimizer);

/*
 * A step is made in one of two ways, of the same result. Gradients of several backward passes add
 * up: optimizer_start_gradients(), a pass, optimizer_more_gradients() before each further one,
 * optimizer_update(). Or one backward pass updates each
 * group of weights as soon as its gradients are whole: optimizer_at_once() and that pass; with
 * clipping, which needs the whole gradient first, it cannot be.
 */
void optimizer_start_gradients(struct optimizer *optimizer);
void optimizer_more_gradients(struct optimizer *optimizer);
void optimizer_update(struct optimizer *optimizer, double rate);
void optimizer_at_once(struct optimizer *optimizer, double rate);

/* Moments to and from a safetensors file; the number of updates goes with them. */
bool optimizer_save(struct optimizer *optimizer, const char *path, struct error *error);
bool optimizer_load(struct optimizer *optimizer, const char *path, struct error *error);

#endif
