/* Means and standard errors: see mean.h. */
#include "stats/mean.h"

#include <math.h>

bool sum_add(struct sum *sum, double value) {
    if (!(fabs(value) <= SUM_LIMIT))
        return false;
    /* 2^30 * 2^64 is far inside 127 bits; what is below 2^-64 is rounded towards zero. */
    sum->total += (__int128)ldexp(value, 64);
    sum->count++;
    return true;
}

double sum_mean(const struct sum *sum) {
    if (sum->count == 0)
        return NAN;
    return ldexp((double)sum->total, -64) / (double)sum->count;
}

double mean(const double *values, size_t count) {
    if (count == 0)
        return NAN;
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += values[i];
    return total / (double)count;
}

double standard_error(const double *values, size_t count) {
    if (count < 2)
        return NAN;
    const double center = mean(values, count);
    double squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - center) * (values[i] - center);
    return sqrt(squares / (double)(count - 1) / (double)count);
}
