/* From graded records to results: see tally.h. */
#include "result/tally.h"

#include <math.h>
#include <stdlib.h>

#include "result/cells.h"

struct tally *tally_new(const struct tally_settings *settings) {
    const struct fields *lists[] = {&settings->by, &settings->choose};
    struct tally *tally = allocate(1, sizeof *tally);
    tally->settings = settings;
    tally->fields =
        allocate(settings->by.count + settings->choose.count + 1, sizeof *tally->fields);
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < lists[list]->count; i++)
            tally->fields[tally->width++] = lists[list]->items[i];
    tally->fields[tally->width++] = settings->seed;
    tally->seen = allocate(tally->width, sizeof *tally->seen);
    return tally;
}

void tally_free(struct tally *tally) {
    if (tally == NULL)
        return;
    for (size_t i = 0; i < tally->names.count; i++)
        free(tally->cells[i].outcomes);
    free(tally->fields);
    free(tally->seen);
    free(tally->cells);
    names_free(&tally->names);
    names_free(&tally->problems);
    buffer_free(&tally->scratch);
    free(tally);
}

void sources_free(struct sources *sources) {
    free(sources->items);
    free(sources->cells);
    *sources = (struct sources){0};
}

/* ---- adding records ---- */

/* The cell named by `scratch`, made where there is none; NULL where there are too many. */
static struct cell *find_cell(struct tally *tally, struct error *error) {
    const struct text name = {(const char *)tally->scratch.data, tally->scratch.size};
    const size_t old = tally->names.count;
    size_t number;
    if (old == TALLY_CELLS_LIMIT && !names_find(&tally->names, name, &number)) {
        error_set(error, "more than %d groups and seeds; group by fields with fewer values",
                  TALLY_CELLS_LIMIT);
        return NULL;
    }
    number = names_add(&tally->names, name);
    if (number < old)
        return &tally->cells[number];
    if (old == tally->capacity) {
        tally->capacity = tally->capacity ? 2 * tally->capacity : 64;
        tally->cells = reallocate(tally->cells, tally->capacity, sizeof *tally->cells);
    }
    tally->cells[number] = (struct cell){0};
    return &tally->cells[number];
}

static bool read_outcome(const struct tally *tally, const struct record *record,
                         struct outcome *outcome, struct text *id, struct error *error) {
    bool correct = false;
    const struct value *value = record_find(record, "locked");
    if (value && value_type(*value) != VALUE_NIL &&
        !record_boolean(record, "locked", &outcome->locked, error))
        return false;
    if (tally->settings->problems && !record_text(record, "id", id, error))
        return false;
    if (!tally->settings->score) {
        if (!record_boolean(record, "correct", &correct, error))
            return false;
        outcome->quantity = correct;
        return true;
    }
    if (!record_real(record, "score", &outcome->quantity, error))
        return false;
    if (!(fabs(outcome->quantity) <= SUM_LIMIT))
        return error_set(error, "field 'score' is %g; at most %g would be right", outcome->quantity,
                         SUM_LIMIT);
    return true;
}

static bool keep_outcome(struct tally *tally, struct cell *cell, struct outcome *outcome,
                         struct text id, struct error *error) {
    const size_t number = names_add(&tally->problems, id);
    if (number >= NAMES_LIMIT)
        return error_set(error, "more than %d problems", NAMES_LIMIT);
    outcome->problem = (uint32_t)number;
    if (cell->count == cell->capacity) {
        cell->capacity = cell->capacity ? 2 * cell->capacity : 64;
        cell->outcomes = reallocate(cell->outcomes, cell->capacity, sizeof *cell->outcomes);
    }
    cell->outcomes[cell->count++] = *outcome;
    return true;
}

bool tally_add(struct tally *tally, const struct record *record, struct error *error) {
    struct outcome outcome = {0};
    struct text id = {0};
    if (!read_outcome(tally, record, &outcome, &id, error))
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
    if (cell == NULL ||
        (tally->settings->problems && !keep_outcome(tally, cell, &outcome, id, error)))
        return false;
    sum_add(&cell->sums[TALLY_ALL], outcome.quantity);
    if (outcome.locked)
        sum_add(&cell->sums[TALLY_LOCKED], outcome.quantity);
    return true;
}

/* ---- rows ---- */

static void emit(const struct sorted *sorted, size_t start, const struct point *point,
                 enum tally_subset subset, struct rows *rows) {
    const struct tally_settings *settings = sorted->tally->settings;
    struct record *row = rows_add(rows);
    for (size_t i = 0; i + 1 < sorted->tally->width; i++)
        key_set(&sorted_keys(sorted, start)[i], row, sorted->tally->fields[i]);
    record_set_text(row, "subset", text_of(subset == TALLY_ALL ? "all" : "locked"));
    record_set_real(row, settings->score ? "score" : "correctness", point->mean);
    row_set_number(row, "sem", point->sem);
    record_set_unsigned(row, "seeds", point->seeds);
    record_set_unsigned(row, "n", point->least);
}

/* A source whose cells are those of the seeds that have records of the subset. */
static void add_source(const struct sorted *sorted, const struct group *group,
                       enum tally_subset subset, struct sources *sources) {
    const size_t needed = sources->cell_count + group->end - group->start;
    if (sources->count == sources->capacity) {
        sources->capacity = sources->capacity ? 2 * sources->capacity : 16;
        sources->items = reallocate(sources->items, sources->capacity, sizeof *sources->items);
    }
    if (needed > sources->cell_capacity) {
        sources->cell_capacity = 2 * needed;
        sources->cells = reallocate(sources->cells, sources->cell_capacity, sizeof(size_t));
    }
    struct source *source = &sources->items[sources->count++];
    *source = (struct source){.first = sources->cell_count, .subset = subset};
    for (size_t i = group->start; i < group->end; i++)
        if (sorted->tally->cells[sorted->order[i]].sums[subset].count > 0)
            sources->cells[sources->cell_count++] = sorted->order[i];
    source->count = sources->cell_count - source->first;
}

static void emit_group(const struct sorted *sorted, const struct group *group, struct rows *rows,
                       struct sources *sources, size_t *uneven) {
    for (enum tally_subset subset = TALLY_ALL; subset <= TALLY_LOCKED; subset++) {
        const struct point point = sorted_measure(sorted, group->start, group->end, subset);
        if (!sorted->tally->settings->subsets[subset] || point.seeds == 0)
            continue;
        *uneven += point.least != point.most;
        emit(sorted, group->start, &point, subset, rows);
        if (sources)
            add_source(sorted, group, subset, sources);
    }
}

static bool check_fields(const struct tally *tally, struct error *error) {
    for (size_t i = 0; i + 1 < tally->width; i++)
        if (tally->names.count > 0 && !tally->seen[i])
            return error_set(error, "no record has a field '%s'; check its spelling",
                             tally->fields[i]);
    return true;
}

bool tally_rows(struct tally *tally, struct rows *rows, struct sources *sources, size_t *uneven,
                struct error *error) {
    size_t ignored = 0, count = 0;
    if (!check_fields(tally, error))
        return false;
    struct sorted sorted;
    sorted_init(&sorted, tally);
    struct group *groups = choose_groups(&sorted, &count, error);
    for (size_t i = 0; groups && i < count; i++)
        emit_group(&sorted, &groups[i], rows, sources, uneven ? uneven : &ignored);
    free(groups);
    sorted_free(&sorted);
    return groups != NULL;
}
