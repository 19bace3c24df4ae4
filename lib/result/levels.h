/*
 * The two levels that what is in between is measured by: a floor (a locked model without its
 * password) and a ceiling (with it). They are rows too, told by conditions; what has the fields
 * `per` and the subset in common with them is measured by them.
 */
#ifndef LOCKPICK_RESULT_LEVELS_H
#define LOCKPICK_RESULT_LEVELS_H

#include "result/fields.h"
#include "result/names.h"
#include "result/rows.h"

struct levels_settings {
    struct fields per;
    struct conditions floor, ceiling;
};

#define LEVELS_FLOOR "method=none,password=none"
#define LEVELS_CEILING "method=none,password=right"
#define LEVELS_NONE SIZE_MAX

struct level {
    size_t floor, ceiling; /* row numbers; LEVELS_NONE: there is no such row */
};

/* All zero is none. */
struct levels {
    struct names names; /* of the sets that share levels */
    struct level *items;
    size_t *set_of; /* of each row */
};

/* Fails where two rows are one level, and where a field of `per` is in no row. */
bool levels_find(struct levels *levels, const struct levels_settings *settings,
                 const struct rows *rows, struct error *error);
void levels_free(struct levels *levels);

/* What a row says: its `correctness`, or else its `score`. */
bool row_measure(const struct record *row, double *measure, struct error *error);
/* Its `subset`; "all" where it has none. */
struct text row_subset(const struct record *row);
/* Appends the packed values of the fields: equal values have equal bytes. */
bool row_pack(const struct record *row, const struct fields *fields, struct buffer *out,
              struct error *error);
/* Fails where a field is in no row, though there are rows. */
bool rows_have(const struct rows *rows, const struct fields *fields, struct error *error);

#endif
