/*
 * From graded records to results. Records fall into cells, one for each value of (grouping fields,
 * choice fields, seed) that occurs, and only the cells' sums are kept, however many records there
 * are; what became of each problem is kept only where it is asked for (outcomes.h). A result is the
 * mean over seeds of the means over records, with the standard error of that mean over seeds. Rows
 * come out sorted by the grouping fields; neither their order nor any bit of them depends on the
 * order of the records.
 */
#ifndef LOCKPICK_RESULT_TALLY_H
#define LOCKPICK_RESULT_TALLY_H

#include "result/fields.h"
#include "result/rows.h"

enum { TALLY_CELLS_LIMIT = 1 << 20 }; /* more (group, seed) pairs than that are a mistake */

enum tally_subset { TALLY_ALL, TALLY_LOCKED };

struct tally_settings {
    struct fields by;     /* grouping fields */
    struct fields choose; /* the fields whose best values are kept in each group */
    struct fields within; /* of `by`: what has these in common shares a choice; none: `by` */
    const char *seed;     /* the field that tells seeds apart; records may lack it */
    bool score;           /* average `score` instead of `correct` */
    bool subsets[2];      /* which rows to emit, by enum tally_subset */
    bool problems;        /* keep what became of each `id` */
};

struct tally;

/* The settings are borrowed until tally_free(). */
struct tally *tally_new(const struct tally_settings *settings);

/* Adds one graded record; on failure it is not counted, and `error` says what is wrong with it. */
bool tally_add(struct tally *tally, const struct record *record, struct error *error);

/* Where the numbers of each row come from: what outcomes_gather() looks at. All zero is none. */
struct sources {
    struct source {
        size_t first, count; /* into `cells`: one a seed */
        enum tally_subset subset;
    } * items; /* one a row */
    size_t count, capacity;
    size_t *cells;
    size_t cell_count, cell_capacity;
};

/*
 * Appends the rows: the grouping fields, the chosen fields, `subset`, `correctness` (or `score`),
 * `sem` (nil for one seed), `seeds`, and `n`, the records of the seed that has fewest. A choice
 * (one value for each choice field) is that with the best mean over all records, averaged over the
 * groups that share it; the smallest of equally good ones. A group without locked records has no
 * row for that subset. `uneven` (may be NULL) is the number of rows whose seeds differ in their
 * numbers of records; `sources` (may be NULL) is filled, a source for each row appended. Fails
 * where a grouping field occurs in no record, where a group's records have a seed in part, and
 * where what is chosen from was not measured alike.
 */
bool tally_rows(struct tally *tally, struct rows *rows, struct sources *sources, size_t *uneven,
                struct error *error);

void sources_free(struct sources *sources);
void tally_free(struct tally *tally);

#endif
