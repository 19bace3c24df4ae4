/*
 * Rows combined over the values of a field (B.1.4 of the paper: over domains): the mean over the K
 * rows that differ in that field alone, with s = (1/K) · sqrt(Σ s_k²).
 */
#ifndef LOCKPICK_RESULT_OVER_H
#define LOCKPICK_RESULT_OVER_H

#include "result/replicates.h"

struct over_settings {
    const char *field;           /* "domain" */
    const char *except;          /* rows whose `field` equals this field are left out; or NULL */
    const struct fields *alike;  /* what rows must have in common, besides their subset */
    const struct fields *chosen; /* what may have been chosen for each of them */
};

/* What rows were combined from. All zero is nothing. */
struct over_parts {
    const char *field; /* that of the settings */
    struct rows rows;
    struct replicates replicates;
    size_t *set_of; /* the combined row that each went into; LEVELS_NONE: left out */
};

/*
 * Puts combined rows in the place of `rows`, which tally_rows() made, and their replicates in the
 * place of `replicates`, if there are any; what was there goes into `parts`. A combined row has the
 * fields `alike`, those of the fields `chosen` that are the same in all its rows, `over` (the name
 * of the field), `values` (K), `subset`, the mean, `sem` (nil where one of them is), `seeds` (the
 * fewest) and `n` (the sum). They come in the order of the first of their rows. A row all of whose
 * values are left out is none. Fails where a row says nothing of the field; then nothing has
 * changed.
 */
bool over_combine(const struct over_settings *settings, struct rows *rows,
                  struct replicates *replicates, struct over_parts *parts, struct error *error);
void over_parts_free(struct over_parts *parts);

#endif
