/* How many demonstrations recover a share of the gap: see recovery.h. */
#include "result/recovery.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result/key.h"
#include "stats/curve.h"

enum { MODELS_LIMIT = 4096, POINTS_LIMIT = 4096 };

struct model {
    char *name;
    double floor, ceiling; /* NAN: no such row */
    struct curve_point *points;
    size_t count;
    struct bound reached;
};

struct recovery {
    struct recovery_settings settings;
    struct model *models;
    size_t count;
};

struct recovery *recovery_new(const struct recovery_settings *settings) {
    struct recovery *recovery = allocate(1, sizeof *recovery);
    recovery->settings = *settings;
    return recovery;
}

void recovery_free(struct recovery *recovery) {
    if (recovery == NULL)
        return;
    for (size_t i = 0; i < recovery->count; i++) {
        free(recovery->models[i].name);
        free(recovery->models[i].points);
    }
    free(recovery->models);
    free(recovery);
}

static struct model *find_model(struct recovery *recovery, struct text name, struct error *error) {
    for (size_t i = 0; i < recovery->count; i++)
        if (text_is(name, recovery->models[i].name))
            return &recovery->models[i];
    if (recovery->count == MODELS_LIMIT) {
        error_set(error, "more than %d models", MODELS_LIMIT);
        return NULL;
    }
    recovery->models = reallocate(recovery->models, recovery->count + 1, sizeof *recovery->models);
    struct model *model = &recovery->models[recovery->count++];
    *model = (struct model){.floor = NAN, .ceiling = NAN};
    model->name = format_text("%.*s", (int)name.size, name.bytes);
    return model;
}

static bool add_level(struct model *model, bool right, double correctness, struct error *error) {
    double *level = right ? &model->ceiling : &model->floor;
    if (!isnan(*level))
        return error_set(error,
                         "a second row of model '%.200s' without elicitation, password '%s'; "
                         "pick one experiment first (records select)",
                         model->name, right ? "right" : "none");
    *level = correctness;
    return true;
}

/* Keeps the points ascending. */
static bool add_point(struct model *model, double k, double correctness, struct error *error) {
    if (!(k > 0) || !isfinite(k))
        return error_set(error, "field 'k' is %g; above 0 would be right", k);
    if (model->count == POINTS_LIMIT)
        return error_set(error, "model '%.200s' has more than %d points", model->name,
                         POINTS_LIMIT);
    size_t at = model->count;
    while (at > 0 && model->points[at - 1].x > k)
        at--;
    if (at > 0 && model->points[at - 1].x == k)
        return error_set(error,
                         "a second row of model '%.200s' with k = %g; "
                         "pick one experiment first (records select)",
                         model->name, k);
    model->points = reallocate(model->points, model->count + 1, sizeof *model->points);
    memmove(model->points + at + 1, model->points + at,
            (model->count - at) * sizeof *model->points);
    model->points[at] = (struct curve_point){k, correctness};
    model->count++;
    return true;
}

bool recovery_add(struct recovery *recovery, const struct record *row, struct error *error) {
    const struct recovery_settings *settings = &recovery->settings;
    struct key subset, method, password, name;
    double correctness, k;
    if (!key_find(row, "subset", &subset, error) || !key_find(row, "method", &method, error) ||
        !key_find(row, "password", &password, error) || !key_find(row, "model", &name, error))
        return false;
    const char *of = settings->subset;
    if (!key_is(&subset, of) && !(subset.kind == KEY_MISSING && strcmp(of, "all") == 0))
        return true;
    const bool plain = key_is(&method, "none"), right = plain && key_is(&password, "right");
    if (!(plain || key_is(&method, settings->method)) || !(right || key_is(&password, "none")))
        return true;
    struct text model_name;
    if (!record_text(row, "model", &model_name, error) ||
        !record_real(row, "correctness", &correctness, error) ||
        (!plain && !record_real(row, "k", &k, error)))
        return false;
    if (memchr(model_name.bytes, 0, model_name.size))
        return error_set(error, "field 'model' holds a zero byte; a name would be right");
    if (!isfinite(correctness))
        return error_set(error, "field 'correctness' is %g; a finite number would be right",
                         correctness);
    struct model *model = find_model(recovery, model_name, error);
    if (model == NULL)
        return false;
    return plain ? add_level(model, right, correctness, error)
                 : add_point(model, k, correctness, error);
}

static int compare_models(const void *a, const void *b) {
    const struct key x = {.kind = KEY_TEXT, .text = text_of(((const struct model *)a)->name)};
    const struct key y = {.kind = KEY_TEXT, .text = text_of(((const struct model *)b)->name)};
    return key_compare(&x, &y);
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

static void emit(const struct recovery_settings *settings, const struct model *model,
                 struct bound baseline, struct rows *rows) {
    struct record *row = rows_add(rows);
    record_set_text(row, "model", text_of(model->name));
    record_set_text(row, "method", text_of(settings->method));
    record_set_text(row, "subset", text_of(settings->subset));
    record_set_real(row, "share", settings->share);
    row_set_number(row, "floor", model->floor);
    row_set_number(row, "ceiling", model->ceiling);
    set_bound(row, "relation", "k", model->reached);
    set_bound(row, "ratio_relation", "ratio", bound_quotient(baseline, model->reached));
}

bool recovery_rows(struct recovery *recovery, struct rows *rows, struct error *error) {
    const struct recovery_settings *settings = &recovery->settings;
    struct bound baseline = {RELATION_NONE, 0};
    size_t points = 0;
    if (recovery->count > 0)
        qsort(recovery->models, recovery->count, sizeof *recovery->models, compare_models);
    for (size_t i = 0; i < recovery->count; i++) {
        struct model *model = &recovery->models[i];
        points += model->count;
        model->reached = curve_recovers(model->points, model->count, model->floor, model->ceiling,
                                        settings->share);
        if (strcmp(model->name, settings->baseline) == 0)
            baseline = model->reached;
    }
    if (points == 0)
        return error_set(error,
                         "no row with method '%s', password 'none' and subset '%s'; "
                         "rows of results would be right, as aggregate makes them",
                         settings->method, settings->subset);
    for (size_t i = 0; i < recovery->count; i++)
        emit(settings, &recovery->models[i], baseline, rows);
    return true;
}
