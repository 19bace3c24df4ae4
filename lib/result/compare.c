/* Paired comparison: see compare.h. */
#include "result/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/tool.h"
#include "result/key.h"
#include "result/levels.h"
#include "stats/mean.h"
#include "stats/sign_flip.h"

/* The rows of the two values, or LEVELS_NONE. */
struct couple {
    size_t rows[2];
};

struct couples {
    struct names names;
    struct couple *items;
};

static bool find_couples(struct couples *couples, const struct compare_settings *settings,
                         const struct rows *rows, struct error *error) {
    bool fine = true;
    couples->items = allocate(rows->count + 1, sizeof *couples->items);
    for (size_t i = 0; fine && i < rows->count; i++) {
        struct key key;
        struct buffer name = {0};
        fine = key_find(&rows->items[i], settings->field, &key, error);
        const bool second = fine && key_is(&key, settings->second);
        if (!fine || (!second && !key_is(&key, settings->first)))
            continue;
        pack_text(&name, row_subset(&rows->items[i]));
        fine = row_pack(&rows->items[i], settings->alike, &name, error);
        const size_t old = couples->names.count;
        const size_t number =
            names_add(&couples->names, (struct text){(const char *)name.data, name.size});
        if (number == old)
            couples->items[number] = (struct couple){{LEVELS_NONE, LEVELS_NONE}};
        couples->items[number].rows[second] = i;
        buffer_free(&name);
    }
    return fine;
}

/* What both answered, in the order of the ids. */
struct paired {
    double *differences, *first, *second;
    size_t count, unpaired;
    struct text id; /* the first: names the set */
};

static void pair(const struct outcomes *outcomes, const struct couple *couple,
                 struct paired *paired) {
    const size_t problems = outcomes->problems;
    double *values[2];
    uint32_t *seeds = allocate(problems + 1, sizeof *seeds);
    for (int side = 0; side < 2; side++) {
        values[side] = allocate(problems + 1, sizeof *values[side]);
        for (size_t i = 0; i < problems; i++)
            values[side][i] = NAN;
        outcome_row_values(&outcomes->rows[couple->rows[side]], values[side], seeds);
    }
    *paired = (struct paired){.first = values[0], .second = values[1]};
    paired->differences = allocate(problems + 1, sizeof *paired->differences);
    for (size_t i = 0; i < problems; i++) {
        if (isnan(values[0][i]) != isnan(values[1][i]))
            paired->unpaired++;
        if (isnan(values[0][i]) || isnan(values[1][i]))
            continue;
        if (paired->count == 0)
            paired->id = outcomes->ids[i];
        paired->first[paired->count] = values[0][i];
        paired->second[paired->count] = values[1][i];
        paired->differences[paired->count++] = values[0][i] - values[1][i];
    }
    free(seeds);
}

static void paired_free(struct paired *paired) {
    free(paired->differences);
    free(paired->first);
    free(paired->second);
}

static bool draw_interval(const struct compare_settings *settings, const struct paired *paired,
                          struct interval *interval, struct error *error) {
    const struct bootstrap *bootstrap = &settings->bootstrap;
    double *means = allocate(bootstrap->resamples + 1, sizeof *means);
    uint32_t *times = allocate(paired->count + 1, sizeof *times);
    bool fine = true;
    for (size_t number = 0; fine && number < bootstrap->resamples; number++) {
        bootstrap_draw(bootstrap->seed, paired->id, number, paired->count, times);
        for (size_t i = 0; i < paired->count; i++)
            means[number] += times[i] * paired->differences[i];
        means[number] /= (double)paired->count;
        fine = !stop_requested() || error_set(error, "stopped by a signal");
    }
    *interval = percentile_interval(means, bootstrap->resamples, bootstrap->level);
    free(means);
    free(times);
    return fine;
}

static void emit(const struct compare_settings *settings, const struct record *like,
                 const struct paired *paired, struct interval interval, struct rows *out) {
    struct record *row = rows_add(out);
    for (size_t i = 0; i < settings->alike->count; i++) {
        const struct value *value = record_find(like, settings->alike->items[i]);
        if (value)
            record_set_value(row, settings->alike->items[i], *value);
    }
    record_set_text(row, "field", text_of(settings->field));
    record_set_text(row, "first", text_of(settings->first));
    record_set_text(row, "second", text_of(settings->second));
    record_set_text(row, "subset", row_subset(like));
    record_set_real(row, "first_mean", mean(paired->first, paired->count));
    record_set_real(row, "second_mean", mean(paired->second, paired->count));
    record_set_real(row, "difference", mean(paired->differences, paired->count));
    record_set_real(row, "low", interval.low);
    record_set_real(row, "high", interval.high);
    record_set_real(
        row, "p",
        sign_flip_test(paired->differences, paired->count, settings->bootstrap.seed, paired->id));
    record_set_unsigned(row, "n", paired->count);
    if (isnan(settings->margin))
        return;
    record_set_real(row, "margin", settings->margin);
    record_set_boolean(row, "within",
                       interval.low >= -settings->margin && interval.high <= settings->margin);
}

static bool compare_one(const struct compare_settings *settings, const struct rows *rows,
                        const struct outcomes *outcomes, const struct couple *couple,
                        struct rows *out, size_t *unpaired, struct error *error) {
    struct paired paired;
    struct interval interval;
    pair(outcomes, couple, &paired);
    bool fine = paired.count > 0 ||
                error_set(error, "%s=%s and %s=%s have no problem (id) in common", settings->field,
                          settings->first, settings->field, settings->second);
    fine = fine && draw_interval(settings, &paired, &interval, error);
    if (fine)
        emit(settings, &rows->items[couple->rows[0]], &paired, interval, out);
    *unpaired += paired.unpaired;
    paired_free(&paired);
    return fine;
}

bool compare_rows(const struct compare_settings *settings, const struct rows *rows,
                  const struct outcomes *outcomes, struct rows *out, size_t *unpaired,
                  struct error *error) {
    struct couples couples = {0};
    bool fine = find_couples(&couples, settings, rows, error);
    *unpaired = 0;
    for (size_t i = 0; fine && i < couples.names.count; i++) {
        const struct couple *couple = &couples.items[i];
        if (couple->rows[0] != LEVELS_NONE && couple->rows[1] != LEVELS_NONE)
            fine = compare_one(settings, rows, outcomes, couple, out, unpaired, error);
    }
    if (fine && out->count == 0)
        fine = error_set(error, "no two groups differ in '%s' alone, as %s and %s", settings->field,
                         settings->first, settings->second);
    names_free(&couples.names);
    free(couples.items);
    return fine;
}
