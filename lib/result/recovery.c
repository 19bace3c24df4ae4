/* How many demonstrations recover a share of the gap: see recovery.h. */
#include "result/recovery.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result/recovery_curves.h"

static double measure_of(const struct recovery *recovery, size_t row) {
    struct error ignored = {0};
    double measure = NAN;
    if (row == LEVELS_NONE || !row_measure(&recovery->rows->items[row], &measure, &ignored))
        return NAN;
    return measure;
}

static const struct level *level_of(const struct recovery *recovery, const struct curve *curve) {
    return &recovery->levels.items[curve->set];
}

static struct bound reach(const struct recovery *recovery, const struct curve *curve) {
    const struct level *level = level_of(recovery, curve);
    return curve_recovers(curve->points, curve->count, measure_of(recovery, level->floor),
                          measure_of(recovery, level->ceiling), recovery->settings->share);
}

/* ---- intervals ---- */

/* Where a curve reaches the share in one resample. */
static struct bound reach_again(const struct recovery *recovery, const struct curve *curve,
                                const struct replicates *replicates, size_t number) {
    const struct level *level = level_of(recovery, curve);
    const struct bound none = {RELATION_NONE, 0};
    if (level->floor == LEVELS_NONE || level->ceiling == LEVELS_NONE)
        return none;
    for (size_t i = 0; i < curve->count; i++) {
        const double y = replicates_of(replicates, curve->rows[i])[number];
        if (isnan(y))
            return none;
        recovery->scratch[i] = (struct curve_point){curve->points[i].x, y};
    }
    return curve_recovers(
        recovery->scratch, curve->count, replicates_of(replicates, level->floor)[number],
        replicates_of(replicates, level->ceiling)[number], recovery->settings->share);
}

static void set_bound(struct record *row, const char *relation_field, const char *field,
                      struct bound bound) {
    const bool defined = bound.relation != RELATION_NONE;
    if (defined)
        record_set_text(row, relation_field, text_of(relation_sign(bound.relation)));
    else
        row_set_number(row, relation_field, NAN);
    row_set_number(row, field, defined ? bound.value : NAN);
}

/* Of what is reached, or of the baseline's quotient with it. */
static void set_interval(const struct recovery *recovery, const struct curve *curve, bool ratio,
                         const struct replicates *replicates, struct record *row) {
    struct bound *bounds = allocate(replicates->count + 1, sizeof *bounds), low, high;
    for (size_t i = 0; i < replicates->count; i++) {
        bounds[i] = reach_again(recovery, curve, replicates, i);
        if (ratio)
            bounds[i] = bound_quotient(
                reach_again(recovery, &recovery->curves[curve->baseline], replicates, i),
                bounds[i]);
    }
    bounds_interval(bounds, replicates->count, recovery->settings->level, &low, &high);
    set_bound(row, ratio ? "ratio_low_relation" : "low_relation", ratio ? "ratio_low" : "low", low);
    set_bound(row, ratio ? "ratio_high_relation" : "high_relation", ratio ? "ratio_high" : "high",
              high);
    free(bounds);
}

/* ---- rows ---- */

/* Whether the condition has no alternatives. */
static bool is_single(const struct conditions *conditions, size_t at) {
    for (size_t i = 0; i < conditions->count; i++)
        if (i != at && strcmp(conditions->items[i].field, conditions->items[at].field) == 0)
            return false;
    return true;
}

static void set_fields(const struct recovery *recovery, const struct curve *curve,
                       struct record *row) {
    const struct recovery_settings *settings = recovery->settings;
    const struct fields *lists[] = {&settings->levels.per, &settings->each};
    const struct record *from = &recovery->rows->items[curve->row];
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < lists[list]->count; i++) {
            const struct value *value = record_find(from, lists[list]->items[i]);
            if (value)
                record_set_value(row, lists[list]->items[i], *value);
        }
    const struct conditions *where = &settings->where;
    for (size_t i = 0; i < where->count; i++)
        if (is_single(where, i) && strcmp(where->items[i].field, "password") != 0 &&
            !record_find(row, where->items[i].field))
            record_set_text(row, where->items[i].field, text_of(where->items[i].value));
}

static void emit(const struct recovery *recovery, const struct curve *curve,
                 const struct replicates *replicates, struct rows *out) {
    const struct bound none = {RELATION_NONE, 0};
    const bool compared = curve->baseline != LEVELS_NONE;
    struct record *row = rows_add(out);
    set_fields(recovery, curve, row);
    record_set_text(row, "subset", text_of(recovery->settings->subset));
    record_set_real(row, "share", recovery->settings->share);
    row_set_number(row, "floor", measure_of(recovery, level_of(recovery, curve)->floor));
    row_set_number(row, "ceiling", measure_of(recovery, level_of(recovery, curve)->ceiling));
    set_bound(row, "relation", recovery->settings->x, curve->reached);
    if (replicates)
        set_interval(recovery, curve, false, replicates, row);
    set_bound(row, "ratio_relation", "ratio",
              compared ? bound_quotient(recovery->curves[curve->baseline].reached, curve->reached)
                       : none);
    if (replicates && compared)
        set_interval(recovery, curve, true, replicates, row);
}

static bool no_curve(const struct recovery_settings *settings, struct error *error) {
    struct buffer text = {0};
    for (size_t i = 0; i < settings->where.count; i++)
        buffer_format(&text, "%s '%s', ", settings->where.items[i].field,
                      settings->where.items[i].value);
    error_set(error,
              "no row with %.*ssubset '%s' and a '%s' above 0; rows of results would be right, as "
              "aggregate makes them",
              (int)text.size, text.size ? (const char *)text.data : "", settings->subset,
              settings->x);
    buffer_free(&text);
    return false;
}

static bool reach_all(struct recovery *recovery, struct error *error) {
    size_t points = 0;
    for (size_t i = 0; i < recovery->names.count; i++) {
        points += recovery->curves[i].count;
        recovery->curves[i].reached = reach(recovery, &recovery->curves[i]);
    }
    return points > 0 || no_curve(recovery->settings, error);
}

bool recovery_rows(const struct recovery_settings *settings, const struct rows *rows,
                   const struct replicates *replicates, struct rows *out, size_t *left_out,
                   struct error *error) {
    struct recovery recovery = {.settings = settings, .rows = rows};
    *left_out = 0;
    const bool fine = recovery_find(&recovery, left_out, error) && reach_all(&recovery, error);
    for (size_t i = 0; fine && i < recovery.names.count; i++)
        emit(&recovery, &recovery.curves[recovery.order[i]], replicates, out);
    recovery_free(&recovery);
    return fine;
}
