/* Warm-up and moments. */
#include "train/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

double learning_rate_at(const struct learning_rate *schedule, int64_t step) {
    double factor = 1;
    if (step < schedule->warmup)
        factor = (double)step / (double)schedule->warmup;
    int64_t left = schedule->total - step + 1;
    if (left < schedule->cooldown)
        factor = fmin(factor, (double)(left > 1 ? left : 1) / (double)schedule->cooldown);
    return schedule->rate * factor;
}

bool steps_of_share(double share, int64_t total, int64_t *steps, struct error *error) {
    if (share > 0 && share < 1 && total == 0)
        return error_set(error,
                         "%g is a share of a number of steps that a pipe does not tell; give "
                         "--examples, or a number of steps",
                         share);
    *steps = (int64_t)ceil(share < 1 ? share * (double)total : share);
    return true;
}

static bool moment_parse(struct moment *moment, const char *word, size_t size,
                         int64_t epoch_examples, int64_t batch, struct error *error) {
    int64_t steps_per_epoch = (epoch_examples + batch - 1) / batch;
    if (size == 0 || size >= sizeof moment->label)
        return error_set(error, "'%.*s' is no moment; 100, 4e or 5000x would be right", (int)size,
                         word);
    memcpy(moment->label, word, size);
    moment->label[size] = '\0';
    char *end;
    long long number = strtoll(moment->label, &end, 10);
    bool fine = word[0] >= '0' && word[0] <= '9' && number >= 1 && number <= INT64_MAX / 1000000 &&
                (*end == '\0' || (strchr("ex", *end) != NULL && end[1] == '\0'));
    if (!fine)
        return error_set(error, "'%s' is no moment; 100, 4e or 5000x would be right",
                         moment->label);
    if (*end == 'e' && steps_per_epoch == 0)
        return error_set(error, "'%s' counts epochs, but there are none without --epochs",
                         moment->label);
    moment->step = number;
    if (*end == 'e' && __builtin_mul_overflow(number, steps_per_epoch, &moment->step))
        return error_set(error, "'%s' is too far away", moment->label);
    if (*end == 'x') { /* whole epochs, whose last batch may be smaller, and what is left */
        int64_t epochs = epoch_examples > 0 ? number / epoch_examples : 0;
        int64_t left = number - epochs * epoch_examples;
        moment->step = epochs * steps_per_epoch + (left + batch - 1) / batch;
    }
    return true;
}

bool moments_parse(const char *list, int64_t epoch_examples, int64_t batch, struct moment **moments,
                   size_t *count, struct error *error) {
    *moments = NULL;
    *count = 0;
    while (list != NULL) {
        size_t size = strcspn(list, ",");
        *moments = reallocate(*moments, *count + 1, sizeof **moments);
        struct moment *moment = &(*moments)[*count];
        if (!moment_parse(moment, list, size, epoch_examples, batch, error))
            return false;
        if (*count > 0 && moment->step <= moment[-1].step)
            return error_set(error, "'%s' is not after '%s'; ascending moments would be right",
                             moment->label, moment[-1].label);
        ++*count;
        list = list[size] ? list + size + 1 : NULL;
    }
    return true;
}
