/* The curves among rows: see recovery_curves.h. */
#include "result/recovery_curves.h"

#include <stdlib.h>
#include <string.h>

#include "result/key.h"

void recovery_free(struct recovery *recovery) {
    for (size_t i = 0; i < recovery->names.count; i++) {
        free(recovery->curves[i].points);
        free(recovery->curves[i].rows);
    }
    free(recovery->curves);
    free(recovery->order);
    free(recovery->scratch);
    names_free(&recovery->names);
    levels_free(&recovery->levels);
}

/* ---- points ---- */

static bool find_curve(struct recovery *recovery, size_t row, struct curve **curve,
                       struct error *error) {
    const struct recovery_settings *settings = recovery->settings;
    struct buffer name = {0};
    const bool fine = row_pack(&recovery->rows->items[row], &settings->levels.per, &name, error) &&
                      row_pack(&recovery->rows->items[row], &settings->each, &name, error);
    if (fine) {
        const size_t old = recovery->names.count;
        const size_t number =
            names_add(&recovery->names, (struct text){(const char *)name.data, name.size});
        *curve = &recovery->curves[number];
        if (number == old)
            **curve = (struct curve){.row = row, .set = recovery->levels.set_of[row]};
    }
    buffer_free(&name);
    return fine;
}

/* "model=scratch k=4" of a row, for errors. */
static void describe(const struct recovery *recovery, size_t row, struct buffer *text) {
    const struct fields *lists[] = {&recovery->settings->levels.per, &recovery->settings->each};
    struct error ignored = {0};
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < lists[list]->count; i++) {
            struct key key = {.kind = KEY_MISSING};
            key_find(&recovery->rows->items[row], lists[list]->items[i], &key, &ignored);
            buffer_format(text, "%s=", lists[list]->items[i]);
            key_print(&key, text);
            buffer_append_text(text, " ");
        }
}

static bool second_point(const struct recovery *recovery, size_t row, double x,
                         struct error *error) {
    struct buffer text = {0};
    describe(recovery, row, &text);
    error_set(error,
              "a second row of %.*swith %s = %g; pick one experiment first (records select), or "
              "tell them apart with --each",
              (int)(text.size < 300 ? text.size : 300), text.size ? (const char *)text.data : "",
              recovery->settings->x, x);
    buffer_free(&text);
    return false;
}

/* Keeps the points ascending. */
static bool add_point(struct recovery *recovery, struct curve *curve, size_t row, double x,
                      double y, struct error *error) {
    size_t at = curve->count;
    if (curve->count == CURVE_POINTS_LIMIT)
        return error_set(error, "a curve of more than %d points", CURVE_POINTS_LIMIT);
    while (at > 0 && curve->points[at - 1].x > x)
        at--;
    if (at > 0 && curve->points[at - 1].x == x)
        return second_point(recovery, row, x, error);
    curve->points = reallocate(curve->points, curve->count + 1, sizeof *curve->points);
    curve->rows = reallocate(curve->rows, curve->count + 1, sizeof *curve->rows);
    const size_t behind = curve->count++ - at;
    memmove(curve->points + at + 1, curve->points + at, behind * sizeof *curve->points);
    memmove(curve->rows + at + 1, curve->rows + at, behind * sizeof *curve->rows);
    curve->points[at] = (struct curve_point){x, y};
    curve->rows[at] = row;
    return true;
}

static bool take_point(struct recovery *recovery, size_t number, size_t *left_out,
                       struct error *error) {
    const struct record *row = &recovery->rows->items[number];
    const char *field = recovery->settings->x;
    struct curve *curve = NULL;
    struct key key;
    double x, y;
    if (!key_find(row, field, &key, error))
        return false;
    if (key.kind == KEY_TEXT) {
        ++*left_out;
        return true;
    }
    if (!record_real(row, field, &x, error) || !row_measure(row, &y, error))
        return false;
    if (!(x >= 0))
        return error_set(error, "field '%s' is %g; 0 or more would be right", field, x);
    return x == 0 || (find_curve(recovery, number, &curve, error) &&
                      add_point(recovery, curve, number, x, y, error));
}

static bool take_rows(struct recovery *recovery, size_t *left_out, struct error *error) {
    const struct recovery_settings *settings = recovery->settings;
    bool fine = true;
    for (size_t i = 0; fine && i < recovery->rows->count; i++) {
        const struct record *row = &recovery->rows->items[i];
        struct curve *curve;
        if (!text_is(row_subset(row), settings->subset))
            continue;
        if (conditions_hold(&settings->levels.floor, row) ||
            conditions_hold(&settings->levels.ceiling, row)) /* a curve, if without points */
            fine = settings->each.count > 0 || find_curve(recovery, i, &curve, error);
        else if (conditions_hold(&settings->where, row))
            fine = take_point(recovery, i, left_out, error);
        if (!fine)
            error_place(error, "row %zu", i + 1);
    }
    return fine;
}

/* ---- order and baselines ---- */

static int compare_curves(const void *a, const void *b, void *context) {
    const struct recovery *recovery = context;
    const struct fields *lists[] = {&recovery->settings->levels.per, &recovery->settings->each};
    const struct record *x = &recovery->rows->items[recovery->curves[*(const size_t *)a].row];
    const struct record *y = &recovery->rows->items[recovery->curves[*(const size_t *)b].row];
    struct error ignored = {0};
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < lists[list]->count; i++) {
            struct key p = {.kind = KEY_MISSING}, q = {.kind = KEY_MISSING};
            key_find(x, lists[list]->items[i], &p, &ignored);
            key_find(y, lists[list]->items[i], &q, &ignored);
            if (key_compare(&p, &q) != 0)
                return key_compare(&p, &q);
        }
    return 0;
}

static bool is_baseline(const struct recovery *recovery, const struct curve *curve) {
    struct error ignored = {0};
    struct key key;
    return key_find(&recovery->rows->items[curve->row], recovery->settings->baseline_field, &key,
                    &ignored) &&
           key_is(&key, recovery->settings->baseline);
}

/* Whether two curves differ in the baseline field at most. */
static bool differ_in_baseline(const struct recovery *recovery, const struct curve *a,
                               const struct curve *b) {
    const struct fields *lists[] = {&recovery->settings->levels.per, &recovery->settings->each};
    struct error ignored = {0};
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < lists[list]->count; i++) {
            struct key p = {.kind = KEY_MISSING}, q = {.kind = KEY_MISSING};
            key_find(&recovery->rows->items[a->row], lists[list]->items[i], &p, &ignored);
            key_find(&recovery->rows->items[b->row], lists[list]->items[i], &q, &ignored);
            if (strcmp(lists[list]->items[i], recovery->settings->baseline_field) != 0 &&
                key_compare(&p, &q) != 0)
                return false;
        }
    return true;
}

static void find_baselines(struct recovery *recovery) {
    for (size_t i = 0; i < recovery->names.count; i++) {
        struct curve *curve = &recovery->curves[i];
        curve->baseline = LEVELS_NONE;
        for (size_t b = 0; b < recovery->names.count; b++)
            if (is_baseline(recovery, &recovery->curves[b]) &&
                differ_in_baseline(recovery, curve, &recovery->curves[b]))
                curve->baseline = b;
    }
}

bool recovery_find(struct recovery *recovery, size_t *left_out, struct error *error) {
    const size_t rows = recovery->rows->count;
    recovery->curves = allocate(rows + 1, sizeof *recovery->curves);
    recovery->order = allocate(rows + 1, sizeof *recovery->order);
    recovery->scratch = allocate(CURVE_POINTS_LIMIT, sizeof *recovery->scratch);
    if (!levels_find(&recovery->levels, &recovery->settings->levels, recovery->rows, error) ||
        !rows_have(recovery->rows, &recovery->settings->each, error) ||
        !take_rows(recovery, left_out, error))
        return false;
    for (size_t i = 0; i < recovery->names.count; i++)
        recovery->order[i] = i;
    qsort_r(recovery->order, recovery->names.count, sizeof *recovery->order, compare_curves,
            recovery);
    find_baselines(recovery);
    return true;
}
