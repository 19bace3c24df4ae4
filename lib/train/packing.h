/*
 * Packs examples behind one another into one device batch: no padding, no wasted row. The last
 * token of an example is only ever a target, so it takes no row.
 */
#ifndef LOCKPICK_TRAIN_PACKING_H
#define LOCKPICK_TRAIN_PACKING_H

#include "model/transformer.h"
#include "train/examples.h"

struct packing {
    struct device *device;   /* borrowed */
    int64_t capacity;        /* rows (T) at most */
    int64_t rows, sequences; /* filled so far */
    int64_t predicted;       /* n so far */
    int64_t longest;         /* sequence so far */
    int32_t *tokens;         /* host copies, each `capacity` (offsets one more) */
    int32_t *positions;
    int32_t *offsets;
    int32_t *wanted;
    int32_t *targets;
    float *weights;
    struct tensor device_tokens, device_positions, device_offsets, device_wanted, device_targets,
        device_weights;
};

/* Cuts its device tensors from `arena`, which may only be measuring (then there is no use of it but
 * packing_close). */
void packing_open(struct packing *packing, struct device *device, struct arena *arena,
                  int64_t capacity);
void packing_close(struct packing *packing);

void packing_reset(struct packing *packing);
/* False when it does not fit any more. An example longer than the capacity never fits. */
bool packing_add(struct packing *packing, const struct examples *examples,
                 const struct example *example);

/* What the loss needs besides the batch. */
struct packed {
    struct batch batch;
    struct tensor targets; /* i32 [1, n] */
    struct tensor weights; /* f32 [1, n], all `weight` */
};

struct packed packing_upload(struct packing *packing, float weight);

#endif
