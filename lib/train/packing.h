/*
 * Packs examples behind one another into one device batch: no padding, no wasted row. The last
 * token of an example is only ever a target, so it takes no row. Examples that want tokens come
 * before those that want distributions, so that of the rows that carry a loss the first `hard` are
 * cross-entropy's and the rest the divergence's.
 */
#ifndef LOCKPICK_TRAIN_PACKING_H
#define LOCKPICK_TRAIN_PACKING_H

#include "model/transformer.h"
#include "train/examples.h"

enum { MOST_DISTRIBUTIONS = 64 }; /* different ones in one batch */

struct packing {
    struct device *device;   /* borrowed */
    int64_t capacity;        /* rows (T) at most */
    int64_t vocabulary;      /* V */
    int64_t rows, sequences; /* filled so far */
    int64_t predicted;       /* n so far */
    int64_t hard;            /* of those, rows that want tokens */
    int64_t longest;         /* sequence so far */
    int64_t distributions;   /* m so far */
    int32_t *tokens;         /* host copies, each `capacity` (offsets one more) */
    int32_t *positions;
    int32_t *offsets;
    int32_t *wanted;
    int32_t *first_predicted; /* of each sequence, among the n; one more, as offsets */
    int32_t *targets;         /* tokens; behind the hard rows, which of the distributions */
    float *weights;
    struct wanted kinds[MOST_DISTRIBUTIONS]; /* of each distribution */
    float *distribution;                     /* [MOST_DISTRIBUTIONS, V] */
    struct tensor device_tokens, device_positions, device_offsets, device_wanted, device_targets,
        device_weights, device_distributions;
};

/* Cuts its device tensors from `arena`, which may only be measuring (then there is no use of it but
 * packing_close). */
void packing_open(struct packing *packing, struct device *device, struct arena *arena,
                  int64_t capacity, int64_t vocabulary);
void packing_close(struct packing *packing);

void packing_reset(struct packing *packing);
/* Adds items[index]; false when it does not fit any more. An example longer than the capacity never
 * fits, and one that wants tokens does not fit behind one that wants a distribution. */
bool packing_add(struct packing *packing, const struct examples *examples, size_t index);
/* Adds both examples of a pair, or none. */
bool packing_add_pair(struct packing *packing, const struct examples *examples, size_t pair);

/* What the loss needs besides the batch. */
struct packed {
    struct batch batch;
    struct tensor targets;       /* i32 [1, hard] */
    struct tensor which;         /* i32 [1, n − hard]: rows of */
    struct tensor distributions; /* f32 [m, V] */
    struct tensor weights;       /* f32 [1, n], all `weight` */
};

struct packed packing_upload(struct packing *packing, float weight);
/* The weights alone once more, after the host's were changed. */
void packing_upload_weights(struct packing *packing, const struct packed *packed);

#endif
