/*
 * From graded records to results. Records fall into cells, one for each value of (grouping fields,
 * choice field, seed) that occurs, and only the cells' sums are kept, however many records there
 * are. A result is the mean over seeds of the means over records, with the standard error of that
 * mean over seeds. Rows come out sorted by the grouping fields; neither their order nor any bit of
 * them depends on the order of the records.
 */
#ifndef LOCKPICK_RESULT_TALLY_H
#define LOCKPICK_RESULT_TALLY_H

#include "result/rows.h"

enum { TALLY_CELLS_LIMIT = 1 << 20 }; /* more (group, seed) pairs than that are a mistake */

enum tally_subset { TALLY_ALL, TALLY_LOCKED };

struct tally_settings {
    const char *const *by; /* grouping fields */
    size_t by_count;
    const char *choose; /* the field whose best value is kept in each group, or NULL */
    const char *seed;   /* the field that tells seeds apart; records may lack it */
    bool score;         /* average `score` instead of `correct` */
    bool subsets[2];    /* which rows to emit, by enum tally_subset */
};

struct tally;

/* The settings are borrowed until tally_free(). */
struct tally *tally_new(const struct tally_settings *settings);

/* Adds one graded record; on failure it is not counted, and `error` says what is wrong with it. */
bool tally_add(struct tally *tally, const struct record *record, struct error *error);

/*
 * Appends the rows: the grouping fields, the chosen field, `subset`, `correctness` (or `score`),
 * `sem` (nil for one seed), `seeds`, and `n`, the records of the seed that has fewest. The choice
 * is the value with the best mean over all records, the smallest of equally good ones. A group
 * without locked records has no row for that subset. `uneven` (may be NULL) is the number of rows
 * whose seeds differ in their numbers of records. Fails where a grouping field occurs in no record,
 * where a group's records have a seed in part, and where the values to choose from have other
 * seeds.
 */
bool tally_rows(struct tally *tally, struct rows *rows, size_t *uneven, struct error *error);

void tally_free(struct tally *tally);

#endif
