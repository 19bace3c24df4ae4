/* Resampling: see bootstrap.h. */
#include "stats/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

void bootstrap_draw(uint64_t seed, struct text id, uint64_t number, size_t count, uint32_t *times) {
    struct random random;
    random_start(&random, &(struct random_name){
                              .seed = seed, .purpose = "bootstrap", .id = id, .sample = number});
    memset(times, 0, count * sizeof *times);
    for (size_t i = 0; i < count; i++)
        times[random_below(&random, count)]++;
}

double quantile(const double *sorted, size_t count, double share) {
    if (count == 0)
        return NAN;
    const double place = share * (double)(count - 1);
    const size_t below = (size_t)place;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

static int compare_numbers(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct interval percentile_interval(double *values, size_t count, double level) {
    size_t defined = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[defined++] = values[i];
    qsort(values, defined, sizeof *values, compare_numbers);
    return (struct interval){quantile(values, defined, (1 - level) / 2),
                             quantile(values, defined, (1 + level) / 2)};
}
