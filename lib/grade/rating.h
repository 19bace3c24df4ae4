/*
 * A rating from what a judge model would answer: not the digit it says but the mean of the digits 1
 * to 5 under its probabilities for them (E.1).
 */
#ifndef LOCKPICK_GRADE_RATING_H
#define LOCKPICK_GRADE_RATING_H

#include "record/value.h"

enum { RATING_LEAST = 1, RATING_MOST = 5 };

struct rating {
    double mean;  /* 1 to 5 */
    double score; /* the same from 0 to 1 */
    double mass;  /* probability of the digits 1 to 5 together, before they were made to sum to 1 */
    int likeliest;
};

/*
 * From a map of digits to natural logarithms of their probabilities; a digit that is missing has
 * none. Refused: what is no such map, logarithms above 0 or not finite, and less than `least_mass`
 * on the digits 1 to 5: then the judge would have said something else.
 */
bool rating_from_logprobs(struct value logprobs, double least_mass, struct rating *rating,
                          struct error *error);

#endif
