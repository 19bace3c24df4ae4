/* Gaps recovered: see gap.h. */
#include "result/gap.h"

#include <math.h>
#include <stdlib.h>

#include "stats/curve.h"

static double share_of(double value, double floor, double ceiling) {
    return ceiling - floor >= SMALLEST_GAP ? (value - floor) / (ceiling - floor) : NAN;
}

static struct interval interval_of(const struct replicates *replicates, size_t row,
                                   const struct level *levels, double level) {
    const double *value = replicates_of(replicates, row);
    const double *floor = replicates_of(replicates, levels->floor);
    const double *ceiling = replicates_of(replicates, levels->ceiling);
    double *shares = allocate(replicates->count + 1, sizeof *shares);
    for (size_t i = 0; i < replicates->count; i++)
        shares[i] = share_of(value[i], floor[i], ceiling[i]);
    const struct interval interval = percentile_interval(shares, replicates->count, level);
    free(shares);
    return interval;
}

static bool measure_all(const struct rows *rows, double *measures, struct error *error) {
    for (size_t i = 0; i < rows->count; i++)
        if (!row_measure(&rows->items[i], &measures[i], error))
            return error_place(error, "row %zu", i + 1);
    return true;
}

bool gap_set(const struct levels_settings *settings, struct rows *rows,
             const struct replicates *replicates, double level, struct error *error) {
    struct levels levels = {0};
    double *measures = allocate(rows->count + 1, sizeof *measures);
    const bool fine =
        measure_all(rows, measures, error) && levels_find(&levels, settings, rows, error);
    for (size_t i = 0; fine && i < rows->count; i++) {
        const struct level *here = &levels.items[levels.set_of[i]];
        const bool whole = here->floor != LEVELS_NONE && here->ceiling != LEVELS_NONE;
        const double gap =
            whole ? share_of(measures[i], measures[here->floor], measures[here->ceiling]) : NAN;
        row_set_number(&rows->items[i], "gap", gap);
        if (replicates->count == 0)
            continue;
        const struct interval interval =
            isnan(gap) ? (struct interval){NAN, NAN} : interval_of(replicates, i, here, level);
        row_set_number(&rows->items[i], "gap_low", interval.low);
        row_set_number(&rows->items[i], "gap_high", interval.high);
    }
    levels_free(&levels);
    free(measures);
    return fine;
}
