/* Bootstrap replicates of rows: see replicates.h. */
#include "result/replicates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/tool.h"

bool replicates_init(struct replicates *replicates, size_t rows, size_t count,
                     struct error *error) {
    *replicates = (struct replicates){.rows = rows, .count = count};
    if ((double)rows * (double)count > BOOTSTRAP_LIMIT)
        return error_set(error,
                         "%zu rows with %zu resamples are too many to hold; group by fewer fields, "
                         "or fewer resamples would be right",
                         rows, count);
    replicates->means = allocate(rows * count + 1, sizeof *replicates->means);
    for (size_t i = 0; i < rows * count; i++)
        replicates->means[i] = NAN;
    return true;
}

void replicates_free(struct replicates *replicates) {
    free(replicates->means);
    *replicates = (struct replicates){0};
}

double *replicates_of(const struct replicates *replicates, size_t row) {
    return replicates->means + row * replicates->count;
}

/* ---- strata ---- */

/* Problems by stratum: those of stratum s are items[ends[s − 1] … ends[s] − 1], sorted by id. */
struct strata {
    uint32_t *items;
    size_t *ends;
    size_t count;
};

static void strata_init(struct strata *strata, const struct outcomes *outcomes) {
    bool *placed = allocate(outcomes->problems + 1, sizeof *placed);
    bool *here = allocate(outcomes->problems + 1, sizeof *here);
    size_t end = 0;
    *strata = (struct strata){0};
    strata->items = allocate(outcomes->problems + 1, sizeof *strata->items);
    strata->ends = allocate(outcomes->count + 1, sizeof *strata->ends);
    for (size_t r = 0; r < outcomes->count; r++) {
        const struct outcome_row *row = &outcomes->rows[r];
        const size_t terms = row->seeds > 0 ? row->seed_ends[row->seeds - 1] : 0;
        const size_t start = end;
        memset(here, 0, outcomes->problems * sizeof *here);
        for (size_t i = 0; i < terms; i++)
            here[row->terms[i].problem] = true;
        for (size_t i = 0; i < outcomes->problems; i++)
            if (here[i] && !placed[i]) {
                placed[i] = true;
                strata->items[end++] = (uint32_t)i;
            }
        if (end > start)
            strata->ends[strata->count++] = end;
    }
    free(placed);
    free(here);
}

static void strata_free(struct strata *strata) {
    free(strata->items);
    free(strata->ends);
}

/* times[problem] of one resample; `scratch` of [problems]. A stratum is named by its first id. */
static void draw(const struct strata *strata, const struct outcomes *outcomes, uint64_t seed,
                 uint64_t number, uint32_t *times, uint32_t *scratch) {
    for (size_t s = 0, start = 0; s < strata->count; start = strata->ends[s++]) {
        const size_t count = strata->ends[s] - start;
        const uint32_t *items = strata->items + start;
        bootstrap_draw(seed, outcomes->ids[items[0]], number, count, scratch);
        for (size_t i = 0; i < count; i++)
            times[items[i]] = scratch[i];
    }
}

/* ---- replicates ---- */

bool replicates_draw(struct replicates *replicates, const struct outcomes *outcomes,
                     const struct bootstrap *bootstrap, struct error *error) {
    if (!replicates_init(replicates, outcomes->count, bootstrap->resamples, error))
        return false;
    struct strata strata;
    strata_init(&strata, outcomes);
    uint32_t *times = allocate(outcomes->problems + 1, sizeof *times);
    uint32_t *scratch = allocate(outcomes->problems + 1, sizeof *scratch);
    bool fine = true;
    for (size_t number = 0; fine && number < bootstrap->resamples; number++) {
        draw(&strata, outcomes, bootstrap->seed, number, times, scratch);
        for (size_t row = 0; row < outcomes->count; row++)
            replicates_of(replicates, row)[number] = outcome_row_mean(&outcomes->rows[row], times);
        fine = !stop_requested() || error_set(error, "stopped by a signal");
    }
    free(times);
    free(scratch);
    strata_free(&strata);
    return fine;
}

struct interval replicates_interval(const double *values, size_t count, double level) {
    double *copy = allocate(count + 1, sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    const struct interval interval = percentile_interval(copy, count, level);
    free(copy);
    return interval;
}

void replicates_set(const struct replicates *replicates, double level, struct rows *rows) {
    for (size_t i = 0; i < rows->count; i++) {
        const struct interval interval =
            replicates_interval(replicates_of(replicates, i), replicates->count, level);
        row_set_number(&rows->items[i], "low", interval.low);
        row_set_number(&rows->items[i], "high", interval.high);
    }
}
