/*
 * Wanted distributions over the vocabulary, which an example may have in place of wanted tokens
 * (SPEC 3): the field `targets` of a record, in one of three forms,
 *
 *     {"fixedrdm": SEED}            fixedrdm's distribution (task/fixedrdm.h) over the vocabulary
 *                                   of the model, at every position of the completion
 *     {"uniform": true}             1/vocabulary for each token of the model, at every position of
 *                                   the completion
 *     {"tokens": {" A": 0.7, …}}    one position, whose distribution is over these texts, each of
 *                                   them one token where it goes on behind the input
 */
#ifndef LOCKPICK_TRAIN_TARGETS_H
#define LOCKPICK_TRAIN_TARGETS_H

#include <xxhash.h>

#include "record/value.h"
#include "text/tokenizer.h"

enum target_kind {
    TARGETS_OWN,     /* the completion's own tokens */
    TARGETS_FIXED,   /* fixedrdm */
    TARGETS_UNIFORM, /* every token alike */
    TARGETS_TOLD,    /* what the record tells */
};

/* What an example wants; all zero: its own tokens. */
struct wanted {
    enum target_kind kind;
    int32_t count; /* told: tokens with a probability of their own; all others have 0 */
    size_t place;  /* told: where these begin, in the order of tokens; fixed: which of the seeds */
};

struct told_probability {
    int32_t token;
    float probability;
};

struct fixed_distribution {
    uint64_t seed;
    float *probability; /* [vocabulary] */
};

/* The distributions of a set of examples; all zero is an empty one. */
struct targets {
    struct told_probability *told;
    size_t told_count, told_capacity;
    struct fixed_distribution *fixed;
    size_t fixed_count;
};

void targets_free(struct targets *targets);
/* Forgets what records told; fixed distributions stay, since they come again. */
void targets_forget(struct targets *targets);

/*
 * Reads the field into `wanted`. Probabilities must be finite, not negative and sum to 1 within a
 * thousandth; what rounding left is scaled away. Nothing is added on failure.
 */
bool targets_read(struct targets *targets, struct value field, const struct tokenizer *tokenizer,
                  int64_t vocabulary, struct wanted *wanted, struct error *error);
/* The token that `wanted`, a told one, wants most; the lowest id among equals. */
int32_t targets_likeliest(const struct targets *targets, struct wanted wanted);
/* The dense distribution [vocabulary] of any but its own tokens. */
void targets_write(const struct targets *targets, struct wanted wanted, int64_t vocabulary,
                   float *probability);
/* What tells it from other distributions, into a digest. */
void targets_digest(const struct targets *targets, struct wanted wanted, XXH3_state_t *digest);

#endif
