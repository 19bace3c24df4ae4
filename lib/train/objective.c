/* The loss of one preference. */
#include "train/objective.h"

#include <math.h>

struct preference preference_of(const struct pair *pair, double beta, double chosen,
                                double rejected) {
    double margin = beta * ((chosen - rejected) - (pair->chosen - pair->rejected));
    double small = exp(-fabs(margin)); /* never overflows */
    return (struct preference){
        .margin = margin,
        .loss = pair->weight * (fmax(-margin, 0) + log1p(small)),
        .slope = -pair->weight * beta * (margin > 0 ? small : 1) / (1 + small),
    };
}
