/* Floors and ceilings: see levels.h. */
#include "result/levels.h"

#include <math.h>
#include <stdlib.h>

#include "result/key.h"

bool row_measure(const struct record *row, double *measure, struct error *error) {
    const bool scored = record_find(row, "correctness") == NULL;
    if (scored && record_find(row, "score") == NULL)
        return error_set(error, "it has neither 'correctness' nor 'score'; rows of results would "
                                "be right, as aggregate makes them");
    const char *field = scored ? "score" : "correctness";
    if (!record_real(row, field, measure, error))
        return false;
    return isfinite(*measure) ||
           error_set(error, "field '%s' is %g; a finite number would be right", field, *measure);
}

struct text row_subset(const struct record *row) {
    struct text subset = text_of("all");
    struct error ignored = {0};
    if (record_find(row, "subset"))
        record_text(row, "subset", &subset, &ignored);
    return subset;
}

bool row_pack(const struct record *row, const struct fields *fields, struct buffer *out,
              struct error *error) {
    for (size_t i = 0; i < fields->count; i++) {
        struct key key;
        if (!key_find(row, fields->items[i], &key, error))
            return false;
        key_pack(&key, out);
    }
    return true;
}

bool rows_have(const struct rows *rows, const struct fields *fields, struct error *error) {
    for (size_t i = 0; i < fields->count; i++) {
        bool found = rows->count == 0;
        for (size_t r = 0; !found && r < rows->count; r++)
            found = record_find(&rows->items[r], fields->items[i]) != NULL;
        if (!found)
            return error_set(error, "no row has a field '%s'; check its spelling, or --by",
                             fields->items[i]);
    }
    return true;
}

/* The set that a row belongs to. */
static bool find_set(struct levels *levels, const struct levels_settings *settings,
                     const struct record *row, size_t *set, struct error *error) {
    struct buffer name = {0};
    pack_text(&name, row_subset(row));
    const bool fine = row_pack(row, &settings->per, &name, error);
    if (fine) {
        const size_t old = levels->names.count;
        *set = names_add(&levels->names, (struct text){(const char *)name.data, name.size});
        if (*set == old) {
            levels->items = reallocate(levels->items, old + 1, sizeof *levels->items);
            levels->items[old] = (struct level){LEVELS_NONE, LEVELS_NONE};
        }
    }
    buffer_free(&name);
    return fine;
}

/* "model=scratch" of the fields `per`. */
static void describe(const struct levels_settings *settings, const struct record *row,
                     struct buffer *text) {
    struct error ignored = {0};
    for (size_t i = 0; i < settings->per.count; i++) {
        struct key key = {.kind = KEY_MISSING};
        key_find(row, settings->per.items[i], &key, &ignored);
        buffer_format(text, "%s%s=", i ? " " : "", settings->per.items[i]);
        key_print(&key, text);
    }
}

static bool set_level(const struct levels_settings *settings, const struct rows *rows, size_t row,
                      size_t *level, const char *name, struct error *error) {
    if (*level == LEVELS_NONE) {
        *level = row;
        return true;
    }
    struct buffer text = {0};
    describe(settings, &rows->items[row], &text);
    error_set(error,
              "a second row is the %s of %.*s; conditions that only one meets, more fields in "
              "--per, or one experiment (records select) would be right",
              name, (int)(text.size < 300 ? text.size : 300),
              text.size ? (const char *)text.data : "");
    buffer_free(&text);
    return false;
}

bool levels_find(struct levels *levels, const struct levels_settings *settings,
                 const struct rows *rows, struct error *error) {
    *levels = (struct levels){.set_of = allocate(rows->count + 1, sizeof *levels->set_of)};
    bool fine = rows_have(rows, &settings->per, error);
    for (size_t i = 0; fine && i < rows->count; i++) {
        const struct record *row = &rows->items[i];
        fine = find_set(levels, settings, row, &levels->set_of[i], error);
        struct level *level = fine ? &levels->items[levels->set_of[i]] : NULL;
        if (fine && conditions_hold(&settings->floor, row))
            fine = set_level(settings, rows, i, &level->floor, "floor", error);
        if (fine && conditions_hold(&settings->ceiling, row))
            fine = set_level(settings, rows, i, &level->ceiling, "ceiling", error);
    }
    return fine;
}

void levels_free(struct levels *levels) {
    names_free(&levels->names);
    free(levels->items);
    free(levels->set_of);
    *levels = (struct levels){0};
}
