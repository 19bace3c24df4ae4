/*
 * Vectors of texts without any model: hashed character n-grams, for trials where no sentence
 * encoder is at hand. They see spelling, not meaning, and say so wherever they are used.
 */
#ifndef LOCKPICK_TEXT_NGRAMS_H
#define LOCKPICK_TEXT_NGRAMS_H

#include "base/memory.h"

enum { NGRAM_DIMENSIONS = 512 };

#define NGRAM_NAME "hashed-ngrams-512" /* what outputs call these vectors */

/*
 * vector [NGRAM_DIMENSIONS], of unit Euclidean length (all zero for a text without letters or
 * digits). Each word, lower case for ASCII letters and with a mark at either end, counts as itself
 * and by its runs of 3, 4 and 5 bytes; each feature adds ±1 at a place, both from its hash
 * (Weinberger et al. 2009, "Feature hashing"), and the sums enter by the square root of their size,
 * so that repetition counts less and less.
 */
void ngram_vector(struct text text, float *vector);

#endif
