/*
 * From graded records to results: see tally.h. A cell's name is its packed keys one behind the
 * other; cells are found by a hash of that in a table of open addresses.
 */
#include "result/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "result/key.h"
#include "stats/mean.h"

struct cell {
    uint64_t hash;
    size_t name; /* offset in `names` */
    size_t name_size;
    struct sum sums[2]; /* by enum tally_subset */
};

struct tally {
    struct tally_settings settings;
    const char **fields; /* grouping fields, choice, seed: borrowed */
    size_t width;        /* number of fields */
    bool *seen;          /* whether a field was in any record */
    struct cell *cells;
    size_t count, capacity;
    struct buffer names;
    struct buffer scratch;
    uint32_t *slots; /* cell + 1, or 0; a power of two of them */
    size_t slot_count;
};

struct tally *tally_new(const struct tally_settings *settings) {
    struct tally *tally = allocate(1, sizeof *tally);
    tally->settings = *settings;
    tally->fields = allocate(settings->by_count + 2, sizeof *tally->fields);
    for (size_t i = 0; i < settings->by_count; i++)
        tally->fields[tally->width++] = settings->by[i];
    if (settings->choose)
        tally->fields[tally->width++] = settings->choose;
    tally->fields[tally->width++] = settings->seed;
    tally->seen = allocate(tally->width, sizeof *tally->seen);
    tally->slot_count = 256;
    tally->slots = allocate(tally->slot_count, sizeof *tally->slots);
    return tally;
}

void tally_free(struct tally *tally) {
    if (tally == NULL)
        return;
    free(tally->fields);
    free(tally->seen);
    free(tally->cells);
    free(tally->slots);
    buffer_free(&tally->names);
    buffer_free(&tally->scratch);
    free(tally);
}

/* ---- cells ---- */

static void grow_slots(struct tally *tally) {
    tally->slot_count *= 2;
    free(tally->slots);
    tally->slots = allocate(tally->slot_count, sizeof *tally->slots);
    for (size_t i = 0; i < tally->count; i++) {
        size_t at = tally->cells[i].hash & (tally->slot_count - 1);
        while (tally->slots[at])
            at = (at + 1) & (tally->slot_count - 1);
        tally->slots[at] = (uint32_t)(i + 1);
    }
}

/* The cell named by `scratch`, made where there is none; NULL where there are too many. */
static struct cell *find_cell(struct tally *tally, struct error *error) {
    const struct buffer *name = &tally->scratch;
    const uint64_t hash = XXH3_64bits(name->data, name->size);
    size_t at = hash & (tally->slot_count - 1);
    for (; tally->slots[at]; at = (at + 1) & (tally->slot_count - 1)) {
        struct cell *cell = &tally->cells[tally->slots[at] - 1];
        if (cell->hash == hash && cell->name_size == name->size &&
            memcmp(tally->names.data + cell->name, name->data, name->size) == 0)
            return cell;
    }
    if (tally->count == TALLY_CELLS_LIMIT) {
        error_set(error, "more than %d groups and seeds; group by fields with fewer values",
                  TALLY_CELLS_LIMIT);
        return NULL;
    }
    if (tally->count == tally->capacity) {
        tally->capacity = tally->capacity ? 2 * tally->capacity : 64;
        tally->cells = reallocate(tally->cells, tally->capacity, sizeof *tally->cells);
    }
    struct cell *cell = &tally->cells[tally->count++];
    *cell = (struct cell){.hash = hash, .name = tally->names.size, .name_size = name->size};
    buffer_append(&tally->names, name->data, name->size);
    tally->slots[at] = (uint32_t)tally->count;
    if (2 * tally->count > tally->slot_count)
        grow_slots(tally);
    return cell;
}

static bool read_quantity(const struct tally *tally, const struct record *record, double *quantity,
                          bool *locked, struct error *error) {
    bool correct = false;
    *locked = false;
    const struct value *value = record_find(record, "locked");
    if (value && value_type(*value) != VALUE_NIL &&
        !record_boolean(record, "locked", locked, error))
        return false;
    if (!tally->settings.score) {
        if (!record_boolean(record, "correct", &correct, error))
            return false;
        *quantity = correct;
        return true;
    }
    if (!record_real(record, "score", quantity, error))
        return false;
    if (!(fabs(*quantity) <= SUM_LIMIT))
        return error_set(error, "field 'score' is %g; at most %g would be right", *quantity,
                         SUM_LIMIT);
    return true;
}

bool tally_add(struct tally *tally, const struct record *record, struct error *error) {
    double quantity;
    bool locked;
    if (!read_quantity(tally, record, &quantity, &locked, error))
        return false;
    tally->scratch.size = 0;
    for (size_t i = 0; i < tally->width; i++) {
        struct key key;
        if (!key_find(record, tally->fields[i], &key, error))
            return false;
        tally->seen[i] |= key.kind != KEY_MISSING;
        key_pack(&key, &tally->scratch);
    }
    struct cell *cell = find_cell(tally, error);
    if (cell == NULL)
        return false;
    sum_add(&cell->sums[TALLY_ALL], quantity);
    if (locked)
        sum_add(&cell->sums[TALLY_LOCKED], quantity);
    return true;
}

/* ---- rows ---- */

/* All cells in order: cell `order[i]` has keys [order[i] * width, …). */
struct sorted {
    const struct tally *tally;
    struct key *keys;
    size_t *order;
    double *means; /* scratch, one for each cell */
};

static const struct key *keys_of(const struct sorted *sorted, size_t position) {
    return sorted->keys + sorted->order[position] * sorted->tally->width;
}

static int compare_keys(const struct key *a, const struct key *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int order = key_compare(&a[i], &b[i]);
        if (order != 0)
            return order;
    }
    return 0;
}

static int compare_cells(const void *a, const void *b, void *context) {
    const struct sorted *sorted = context;
    const size_t width = sorted->tally->width;
    return compare_keys(sorted->keys + *(const size_t *)a * width,
                        sorted->keys + *(const size_t *)b * width, width);
}

static void sort_cells(struct sorted *sorted, const struct tally *tally) {
    *sorted = (struct sorted){.tally = tally};
    sorted->keys = allocate(tally->count * tally->width, sizeof *sorted->keys);
    sorted->order = allocate(tally->count, sizeof *sorted->order);
    sorted->means = allocate(tally->count, sizeof *sorted->means);
    for (size_t i = 0; i < tally->count; i++) {
        const struct cell *cell = &tally->cells[i];
        const uint8_t *at = tally->names.data + cell->name, *end = at + cell->name_size;
        struct error never = {0};
        sorted->order[i] = i;
        for (size_t k = 0; k < tally->width; k++) {
            const size_t size = value_check(at, (size_t)(end - at), &never);
            sorted->keys[i * tally->width + k] = key_unpack((struct value){at, size});
            at += size;
        }
    }
    qsort_r(sorted->order, tally->count, sizeof *sorted->order, compare_cells, sorted);
}

static void sorted_free(struct sorted *sorted) {
    free(sorted->keys);
    free(sorted->order);
    free(sorted->means);
}

/* The end of the run from `start` whose first `count` keys are equal. */
static size_t run_end(const struct sorted *sorted, size_t start, size_t limit, size_t count) {
    size_t end = start + 1;
    while (end < limit && compare_keys(keys_of(sorted, start), keys_of(sorted, end), count) == 0)
        end++;
    return end;
}

struct point {
    double mean, sem;
    size_t seeds;
    uint64_t least, most; /* records of a seed */
};

/* Over the seeds [start, end) that have records of the subset. */
static struct point measure(const struct sorted *sorted, size_t start, size_t end,
                            enum tally_subset subset) {
    struct point point = {.least = UINT64_MAX};
    for (size_t i = start; i < end; i++) {
        const struct sum *sum = &sorted->tally->cells[sorted->order[i]].sums[subset];
        if (sum->count == 0)
            continue;
        sorted->means[point.seeds++] = sum_mean(sum);
        point.least = sum->count < point.least ? sum->count : point.least;
        point.most = sum->count > point.most ? sum->count : point.most;
    }
    point.mean = mean(sorted->means, point.seeds);
    point.sem = standard_error(sorted->means, point.seeds);
    return point;
}

/* "model=scratch k=4" in front of the error. */
static bool place_group(const struct sorted *sorted, size_t start, size_t count,
                        struct error *error) {
    struct buffer text = {0};
    for (size_t i = 0; i < count; i++) {
        buffer_format(&text, "%s%s=", i ? " " : "", sorted->tally->fields[i]);
        key_print(&keys_of(sorted, start)[i], &text);
    }
    if (count > 0)
        error_place(error, "group %.*s", (int)(text.size < 300 ? text.size : 300),
                    (const char *)text.data);
    buffer_free(&text);
    return false;
}

/* The seeds of a run stand in order; those without a seed first. */
static bool check_seeds(const struct sorted *sorted, size_t start, size_t end, size_t placed,
                        struct error *error) {
    const size_t seed = sorted->tally->width - 1;
    if (end - start < 2 || keys_of(sorted, start)[seed].kind != KEY_MISSING)
        return true;
    error_set(error,
              "some of its records have a '%s' and some have none; "
              "give all of them one, or group by what sets them apart",
              sorted->tally->fields[seed]);
    return place_group(sorted, start, placed, error);
}

static bool same_seeds(const struct sorted *sorted, size_t a, size_t a_end, size_t b,
                       size_t b_end) {
    const size_t seed = sorted->tally->width - 1;
    if (a_end - a != b_end - b)
        return false;
    for (size_t i = 0; i < a_end - a; i++)
        if (key_compare(&keys_of(sorted, a + i)[seed], &keys_of(sorted, b + i)[seed]) != 0)
            return false;
    return true;
}

/* Narrows the group [*start, *end) to the choice with the best mean over all records. */
static bool choose(const struct sorted *sorted, size_t *start, size_t *end, struct error *error) {
    const size_t by = sorted->tally->settings.by_count;
    const size_t first = *start, limit = *end, first_end = run_end(sorted, first, limit, by + 1);
    size_t best = first, best_end = first_end;
    double best_mean = -INFINITY;
    for (size_t at = first; at < limit;) {
        const size_t run = run_end(sorted, at, limit, by + 1);
        if (!check_seeds(sorted, at, run, by + 1, error))
            return false;
        if (!same_seeds(sorted, first, first_end, at, run)) {
            error_set(error,
                      "has other seeds than another '%s'; the best is chosen among values "
                      "that were all measured with the same seeds",
                      sorted->tally->settings.choose);
            return place_group(sorted, at, by + 1, error);
        }
        const double here = measure(sorted, at, run, TALLY_ALL).mean;
        if (here > best_mean) {
            best = at;
            best_end = run;
            best_mean = here;
        }
        at = run;
    }
    *start = best;
    *end = best_end;
    return true;
}

static void emit(const struct sorted *sorted, size_t start, const struct point *point,
                 enum tally_subset subset, struct rows *rows) {
    const struct tally_settings *settings = &sorted->tally->settings;
    const size_t named = settings->by_count + (settings->choose != NULL);
    struct record *row = rows_add(rows);
    for (size_t i = 0; i < named; i++)
        key_set(&keys_of(sorted, start)[i], row, sorted->tally->fields[i]);
    record_set_text(row, "subset", text_of(subset == TALLY_ALL ? "all" : "locked"));
    record_set_real(row, settings->score ? "score" : "correctness", point->mean);
    row_set_number(row, "sem", point->sem);
    record_set_unsigned(row, "seeds", point->seeds);
    record_set_unsigned(row, "n", point->least);
}

static bool emit_group(const struct sorted *sorted, size_t start, size_t end, struct rows *rows,
                       size_t *uneven, struct error *error) {
    const struct tally_settings *settings = &sorted->tally->settings;
    if (settings->choose ? !choose(sorted, &start, &end, error)
                         : !check_seeds(sorted, start, end, settings->by_count, error))
        return false;
    for (enum tally_subset subset = TALLY_ALL; subset <= TALLY_LOCKED; subset++) {
        const struct point point = measure(sorted, start, end, subset);
        if (!settings->subsets[subset] || point.seeds == 0)
            continue;
        *uneven += point.least != point.most;
        emit(sorted, start, &point, subset, rows);
    }
    return true;
}

static bool check_fields(const struct tally *tally, struct error *error) {
    for (size_t i = 0; i + 1 < tally->width; i++)
        if (tally->count > 0 && !tally->seen[i])
            return error_set(error, "no record has a field '%s'; check its spelling",
                             tally->fields[i]);
    return true;
}

bool tally_rows(struct tally *tally, struct rows *rows, size_t *uneven, struct error *error) {
    size_t ignored = 0;
    if (!check_fields(tally, error))
        return false;
    struct sorted sorted;
    sort_cells(&sorted, tally);
    bool fine = true;
    for (size_t start = 0; fine && start < tally->count;) {
        const size_t end = run_end(&sorted, start, tally->count, tally->settings.by_count);
        fine = emit_group(&sorted, start, end, rows, uneven ? uneven : &ignored, error);
        start = end;
    }
    sorted_free(&sorted);
    return fine;
}
