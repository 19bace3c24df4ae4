/* Expected rating under a judge's probabilities. */
#include "grade/rating.h"

#include <math.h>

/* The logarithms of the digits 1 to 5; −infinity where they are missing. */
static bool read_digits(struct value map, double digits[RATING_MOST + 1], struct error *error) {
    struct value_walk walk;
    struct value element;
    struct text key;
    uint64_t count;

    for (int i = 0; i <= RATING_MOST; i++)
        digits[i] = -INFINITY;
    if (value_type(map) != VALUE_MAP || !value_map(map, &walk, &count))
        return error_set(error, "is %s; a map of digits to log-probabilities would be right",
                         value_type_name(value_type(map)));
    while (value_next_pair(&walk, &key, &element)) {
        double logprob;
        if (key.size != 1 || key.bytes[0] < '0' || key.bytes[0] > '9')
            return error_set(error, "has a key that is no digit");
        if (!value_real(element, &logprob) || !isfinite(logprob) || logprob > 0)
            return error_set(error,
                             "the log-probability of '%c' is no finite number up to 0; that of a "
                             "digit without one should be left out",
                             key.bytes[0]);
        if (key.bytes[0] >= '0' + RATING_LEAST && key.bytes[0] <= '0' + RATING_MOST)
            digits[key.bytes[0] - '0'] = logprob;
    }
    return true;
}

bool rating_from_logprobs(struct value logprobs, double least_mass, struct rating *rating,
                          struct error *error) {
    double digits[RATING_MOST + 1], highest = -INFINITY, sum = 0, weighted = 0;

    *rating = (struct rating){0};
    if (!read_digits(logprobs, digits, error))
        return false;
    for (int i = RATING_LEAST; i <= RATING_MOST; i++)
        if (digits[i] > highest) {
            highest = digits[i];
            rating->likeliest = i;
        }
    if (rating->likeliest == 0)
        return error_set(error, "the judge gives none of the digits 1 to 5 a probability");
    for (int i = RATING_LEAST; i <= RATING_MOST; i++) {
        double weight = exp(digits[i] - highest);
        sum += weight;
        weighted += i * weight;
    }
    rating->mean = weighted / sum;
    rating->score = (rating->mean - RATING_LEAST) / (RATING_MOST - RATING_LEAST);
    rating->mass = sum * exp(highest);
    if (rating->mass < least_mass)
        return error_set(error,
                         "the digits 1 to 5 have a probability of %.3g together, less than %g "
                         "(--least-mass): the judge would say something else",
                         rating->mass, least_mass);
    return true;
}
