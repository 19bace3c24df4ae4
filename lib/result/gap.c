/* Gaps recovered: see gap.h. */
#include "result/gap.h"

#include <math.h>
#include <stdlib.h>

#include "stats/curve.h"

/* What each row is the mean of, and the levels of these; a row that was not combined is its own. */
struct members {
    size_t *first; /* [rows]: one of it; LEVELS_NONE where there is none, */
    size_t *next;  /* [members]: and the next one */
    double *measures;
    struct levels levels;
};

static void members_free(struct members *members) {
    free(members->first);
    free(members->next);
    free(members->measures);
    levels_free(&members->levels);
}

static bool measure_all(const struct rows *rows, double *measures, struct error *error) {
    for (size_t i = 0; i < rows->count; i++)
        if (!row_measure(&rows->items[i], &measures[i], error))
            return error_place(error, "row %zu", i + 1);
    return true;
}

/* `row_of`: the row that each is a member of, LEVELS_NONE for none; NULL: they are the rows. */
static bool members_find(struct members *members, const struct levels_settings *settings,
                         const struct rows *all, const size_t *row_of, size_t rows,
                         struct error *error) {
    *members = (struct members){.first = allocate(rows + 1, sizeof *members->first),
                                .next = allocate(all->count + 1, sizeof *members->next),
                                .measures = allocate(all->count + 1, sizeof *members->measures)};
    for (size_t i = 0; i < rows; i++)
        members->first[i] = LEVELS_NONE;
    for (size_t i = all->count; i-- > 0;) {
        const size_t row = row_of ? row_of[i] : i;
        if (row == LEVELS_NONE)
            continue;
        members->next[i] = members->first[row];
        members->first[row] = i;
    }
    return levels_find(&members->levels, settings, all, error) &&
           measure_all(all, members->measures, error);
}

/*
 * The share of a row at `value`, where member i measures values[i · stride]: its levels are the
 * means of its members'. NAN where one of these lacks a level, or they lie too close.
 */
static double share_of(const struct members *members, size_t row, double value,
                       const double *values, size_t stride) {
    double floor = 0, ceiling = 0, count = 0;
    for (size_t i = members->first[row]; i != LEVELS_NONE; i = members->next[i]) {
        const struct level *level = &members->levels.items[members->levels.set_of[i]];
        if (level->floor == LEVELS_NONE || level->ceiling == LEVELS_NONE)
            return NAN;
        floor += values[level->floor * stride];
        ceiling += values[level->ceiling * stride];
        count++;
    }
    floor /= count;
    ceiling /= count;
    return ceiling - floor >= SMALLEST_GAP ? (value - floor) / (ceiling - floor) : NAN;
}

static struct interval interval_of(const struct members *members, size_t row,
                                   const struct replicates *replicates,
                                   const struct replicates *of_members, double level) {
    const double *value = replicates_of(replicates, row);
    double *shares = allocate(replicates->count + 1, sizeof *shares);
    for (size_t i = 0; i < replicates->count; i++)
        shares[i] = share_of(members, row, value[i], of_members->means + i, of_members->count);
    const struct interval interval = percentile_interval(shares, replicates->count, level);
    free(shares);
    return interval;
}

static bool set_all(const struct members *members, struct rows *rows,
                    const struct replicates *replicates, const struct replicates *of_members,
                    double level, struct error *error) {
    for (size_t i = 0; i < rows->count; i++) {
        double measure;
        if (!row_measure(&rows->items[i], &measure, error))
            return error_place(error, "row %zu", i + 1);
        const double gap = share_of(members, i, measure, members->measures, 1);
        row_set_number(&rows->items[i], "gap", gap);
        if (replicates->count == 0)
            continue;
        const struct interval interval =
            isnan(gap) ? (struct interval){NAN, NAN}
                       : interval_of(members, i, replicates, of_members, level);
        row_set_number(&rows->items[i], "gap_low", interval.low);
        row_set_number(&rows->items[i], "gap_high", interval.high);
    }
    return true;
}

bool gap_set(const struct levels_settings *settings, const struct over_parts *parts,
             struct rows *rows, const struct replicates *replicates, double level,
             struct error *error) {
    struct levels_settings own = *settings;
    struct members members;
    own.per = (struct fields){0};
    fields_join(&own.per, &settings->per);
    if (parts)
        fields_put_last(&own.per, parts->field);
    const bool fine =
        members_find(&members, &own, parts ? &parts->rows : rows, parts ? parts->set_of : NULL,
                     rows->count, error) &&
        set_all(&members, rows, replicates, parts ? &parts->replicates : replicates, level, error);
    members_free(&members);
    fields_free(&own.per);
    return fine;
}
