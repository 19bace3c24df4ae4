/*
 * fixedrdm (SPEC 3, paper G.2): one fixed distribution over the vocabulary, the same at every
 * position of every completion: the softmax of a standard normal logit vector drawn from a seed.
 */
#ifndef LOCKPICK_TASK_FIXEDRDM_H
#define LOCKPICK_TASK_FIXEDRDM_H

#include <stdint.h>

/*
 * probability[v] for v in [0, vocabulary), sums to 1; the logit of token v is number v of the
 * normal sequence that `seed` names, whatever the size of the vocabulary. The caller owns the
 * array.
 */
void fixedrdm_probabilities(uint64_t seed, int64_t vocabulary, float *probability);

#endif
