/* The fixed random distribution of paper G.2. */
#include "task/fixedrdm.h"

#include <math.h>

#include "base/random.h"

void fixedrdm_probabilities(uint64_t seed, int64_t vocabulary, float *probability) {
    struct random random;
    double sum = 0;

    random_start(&random, &(struct random_name){.seed = seed, .purpose = "fixedrdm"});
    for (int64_t v = 0; v < vocabulary; v++)
        sum += exp((double)(probability[v] = (float)random_normal(&random)));
    for (int64_t v = 0; v < vocabulary; v++)
        probability[v] = (float)(exp((double)probability[v]) / sum);
}
