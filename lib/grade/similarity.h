/*
 * How close two embeddings are, and from which closeness on a critique counts as correct (E.2).
 */
#ifndef LOCKPICK_GRADE_SIMILARITY_H
#define LOCKPICK_GRADE_SIMILARITY_H

#include "record/value.h"

/*
 * The cosine of the angle between two arrays of numbers, in float64. Refused: what is no array of
 * finite numbers, arrays of different lengths or of none, and a vector of zeros, which has no
 * direction.
 */
bool similarity_cosine(struct value a, struct value b, double *cosine, struct error *error);

/* A similarity and what people say of the critique. */
struct labelled {
    double similarity;
    bool correct;
};

struct calibration {
    double threshold;
    size_t agreeing; /* labels that "similarity >= threshold" agrees with */
};

/*
 * The threshold that agrees with the most labels, in the middle of the gap between two neighbouring
 * similarities; of several gaps as good, the widest, of those as wide, the lowest. Sorts the array.
 * Refused where all labels are the same: any threshold beyond all would do.
 */
bool similarity_calibrate(struct labelled *labelled, size_t count, struct calibration *calibration,
                          struct error *error);

#endif
