/* Rows combined over a field: see over.h. */
#include "result/over.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result/key.h"
#include "result/levels.h"

struct combined {
    size_t first; /* row */
    size_t values;
    double total, squares; /* of means, of standard errors */
    int64_t seeds, n;
};

struct over {
    const struct over_settings *settings;
    const struct rows *rows;
    struct names names;
    struct combined *items;
    size_t *set_of; /* of each row; LEVELS_NONE: left out */
    bool *mixed;    /* by set and chosen field: whether its rows have different values */
};

/* Whether two keys are written alike: a level may be the number 3 here and the text there. */
static bool same_text(const struct key *a, const struct key *b) {
    struct buffer text = {0};
    key_print(b, &text);
    buffer_append(&text, "", 1);
    const bool same = key_is(a, (const char *)text.data);
    buffer_free(&text);
    return same;
}

static bool is_left_out(const struct over_settings *settings, const struct record *row, bool *out,
                        struct error *error) {
    struct key value, except = {.kind = KEY_MISSING};
    if (!key_find(row, settings->field, &value, error) ||
        (settings->except && !key_find(row, settings->except, &except, error)))
        return false;
    if (value.kind == KEY_MISSING)
        return error_set(error,
                         "a group without '%s' beside groups with one cannot be averaged over it",
                         settings->field);
    *out = except.kind != KEY_MISSING && same_text(&value, &except);
    return true;
}

static bool find_set(struct over *over, size_t row, size_t *set, struct error *error) {
    const struct record *record = &over->rows->items[row];
    struct buffer name = {0};
    pack_text(&name, row_subset(record));
    const bool fine = row_pack(record, over->settings->alike, &name, error);
    if (fine) {
        const size_t old = over->names.count;
        *set = names_add(&over->names, (struct text){(const char *)name.data, name.size});
        if (*set == old)
            over->items[old] = (struct combined){.first = row, .seeds = INT64_MAX};
    }
    buffer_free(&name);
    return fine;
}

static void copy_field(const struct record *from, const char *field, struct record *to) {
    const struct value *value = record_find(from, field);
    if (value)
        record_set_value(to, field, *value);
}

static bool have_same(const struct record *a, const struct record *b, const char *field) {
    const struct value *one = record_find(a, field), *other = record_find(b, field);
    if (one == NULL || other == NULL)
        return one == other;
    return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
}

/* Whether a row, of a set, was chosen as the first of the set was. */
static void compare_choices(struct over *over, size_t number, size_t set) {
    const struct fields *chosen = over->settings->chosen;
    const struct record *first = &over->rows->items[over->items[set].first];
    for (size_t i = 0; i < chosen->count; i++)
        if (!have_same(&over->rows->items[number], first, chosen->items[i]))
            over->mixed[set * chosen->count + i] = true;
}

static bool add_row(struct over *over, size_t number, struct error *error) {
    const struct record *row = &over->rows->items[number];
    bool out = false;
    over->set_of[number] = LEVELS_NONE;
    if (!is_left_out(over->settings, row, &out, error))
        return false;
    if (out)
        return true;
    double measure, sem = NAN;
    int64_t seeds, n;
    struct error nil = {0};
    if (!find_set(over, number, &over->set_of[number], error) ||
        !row_measure(row, &measure, error) || !record_integer(row, "seeds", &seeds, error) ||
        !record_integer(row, "n", &n, error))
        return false;
    if (!record_real(row, "sem", &sem, &nil))
        sem = NAN;
    compare_choices(over, number, over->set_of[number]);
    struct combined *combined = &over->items[over->set_of[number]];
    combined->values++;
    combined->total += measure;
    combined->squares += sem * sem;
    combined->seeds = seeds < combined->seeds ? seeds : combined->seeds;
    combined->n += n;
    return true;
}

static void emit(const struct over *over, size_t set, struct rows *out) {
    const struct combined *combined = &over->items[set];
    const struct record *first = &over->rows->items[combined->first];
    const struct fields *alike = over->settings->alike, *chosen = over->settings->chosen;
    const double count = (double)combined->values;
    struct record *row = rows_add(out);
    for (size_t i = 0; i < alike->count; i++)
        copy_field(first, alike->items[i], row);
    for (size_t i = 0; i < chosen->count; i++)
        if (!over->mixed[set * chosen->count + i])
            copy_field(first, chosen->items[i], row);
    record_set_text(row, "over", text_of(over->settings->field));
    record_set_unsigned(row, "values", combined->values);
    record_set_text(row, "subset", row_subset(first));
    record_set_real(row, record_find(first, "correctness") ? "correctness" : "score",
                    combined->total / count);
    row_set_number(row, "sem", sqrt(combined->squares) / count);
    record_set_integer(row, "seeds", combined->seeds);
    record_set_integer(row, "n", combined->n);
}

static bool combine_replicates(const struct over *over, const struct replicates *replicates,
                               struct replicates *means, struct error *error) {
    if (!replicates_init(means, over->names.count, replicates->count, error))
        return false;
    for (size_t i = 0; i < means->rows * means->count; i++)
        means->means[i] = 0;
    for (size_t row = 0; row < over->rows->count; row++)
        for (size_t b = 0; over->set_of[row] != LEVELS_NONE && b < means->count; b++)
            replicates_of(means, over->set_of[row])[b] += replicates_of(replicates, row)[b];
    for (size_t set = 0; set < means->rows; set++)
        for (size_t b = 0; b < means->count; b++)
            replicates_of(means, set)[b] /= (double)over->items[set].values;
    return true;
}

bool over_combine(const struct over_settings *settings, struct rows *rows,
                  struct replicates *replicates, struct over_parts *parts, struct error *error) {
    struct over over = {.settings = settings, .rows = rows};
    struct rows out = {0};
    struct replicates means = {0};
    bool fine = true;
    over.items = allocate(rows->count + 1, sizeof *over.items);
    over.set_of = allocate(rows->count + 1, sizeof *over.set_of);
    over.mixed = allocate(rows->count * settings->chosen->count + 1, sizeof *over.mixed);
    for (size_t i = 0; fine && i < rows->count; i++)
        fine = add_row(&over, i, error);
    if (fine && replicates->count > 0)
        fine = combine_replicates(&over, replicates, &means, error);
    for (size_t i = 0; fine && i < over.names.count; i++)
        emit(&over, i, &out);
    if (fine) {
        *parts = (struct over_parts){settings->field, *rows, *replicates, over.set_of};
        *rows = out;
        *replicates = means;
    } else {
        free(over.set_of);
    }
    names_free(&over.names);
    free(over.items);
    free(over.mixed);
    return fine;
}

void over_parts_free(struct over_parts *parts) {
    rows_free(&parts->rows);
    replicates_free(&parts->replicates);
    free(parts->set_of);
    *parts = (struct over_parts){0};
}
