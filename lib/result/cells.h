/*
 * Inside of lib/result: the cells of a tally, and how they lie when they are sorted by their keys.
 * The keys of a cell are the values of the grouping fields, the choice fields and the seed.
 */
#ifndef LOCKPICK_RESULT_CELLS_H
#define LOCKPICK_RESULT_CELLS_H

#include "result/key.h"
#include "result/names.h"
#include "result/tally.h"
#include "stats/mean.h"

/* What became of one record; only where the settings ask for problems. */
struct outcome {
    uint32_t problem; /* number among the tally's */
    bool locked;
    double quantity;
};

struct cell {
    struct sum sums[2]; /* by enum tally_subset */
    struct outcome *outcomes;
    size_t count, capacity; /* of outcomes */
};

struct tally {
    const struct tally_settings *settings;
    const char **fields; /* grouping fields, choices, seed: borrowed */
    size_t width;        /* number of fields */
    bool *seen;          /* whether a field was in any record */
    struct names names;  /* of the cells: their packed keys one behind the other */
    struct cell *cells;  /* by number of the name */
    size_t capacity;
    struct names problems; /* ids */
    struct buffer scratch;
};

/* All cells in order: cell `order[i]` has keys [order[i] * width, …). */
struct sorted {
    const struct tally *tally;
    struct key *keys;
    size_t *order;
    double *means; /* scratch, one for each cell */
};

/* Over seeds. */
struct point {
    double mean, sem;
    size_t seeds;
    uint64_t least, most; /* records of a seed */
};

void sorted_init(struct sorted *sorted, const struct tally *tally);
void sorted_free(struct sorted *sorted);
const struct key *sorted_keys(const struct sorted *sorted, size_t position);
int compare_keys(const struct key *a, const struct key *b, size_t count);

/* The end of the run from `start` whose first `count` keys are equal. */
size_t sorted_run_end(const struct sorted *sorted, size_t start, size_t limit, size_t count);

/* Over the seeds [start, end) that have records of the subset. */
struct point sorted_measure(const struct sorted *sorted, size_t start, size_t end,
                            enum tally_subset subset);

/* Puts "group model=scratch k=4", of the first `count` keys, in front of the error; false. */
bool sorted_place(const struct sorted *sorted, size_t start, size_t count, struct error *error);

/* A group, and the cells [start, end), one a seed, of what was chosen for it. */
struct group {
    size_t start, end;
};

/*
 * The groups in order, with what was chosen: see tally_rows(). The caller frees them; NULL on
 * failure.
 */
struct group *choose_groups(const struct sorted *sorted, size_t *count, struct error *error);

#endif
