/* What became of each problem: see outcomes.h. */
#include "result/outcomes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result/cells.h"

static int compare_texts(struct text a, struct text b) {
    const int order = memcmp(a.bytes, b.bytes, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_ids(const void *a, const void *b, void *context) {
    const struct names *ids = context;
    return compare_texts(names_at(ids, *(const size_t *)a), names_at(ids, *(const size_t *)b));
}

/* Fills the sorted ids; the place of each problem, by its number in the tally, is the caller's. */
static size_t *place_problems(struct outcomes *outcomes, const struct tally *tally) {
    const size_t count = tally->problems.count;
    size_t *order = allocate(count + 1, sizeof *order),
           *places = allocate(count + 1, sizeof *places);
    outcomes->problems = count;
    outcomes->ids = allocate(count + 1, sizeof *outcomes->ids);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    struct names ids = tally->problems;
    qsort_r(order, count, sizeof *order, compare_ids, &ids);
    for (size_t i = 0; i < count; i++) {
        places[order[i]] = i;
        outcomes->ids[i] = names_at(&tally->problems, order[i]);
    }
    free(order);
    return places;
}

/* By problem, and by sum, so that sums are added in an order of their own. */
static int compare_terms(const void *a, const void *b) {
    const struct term *x = a, *y = b;
    if (x->problem != y->problem)
        return x->problem > y->problem ? 1 : -1;
    return (x->sum > y->sum) - (x->sum < y->sum);
}

/* Sorts and merges terms of single records; how many problems there are. */
static size_t merge_terms(struct term *terms, size_t count) {
    size_t merged = 0;
    qsort(terms, count, sizeof *terms, compare_terms);
    for (size_t i = 0; i < count; i++) {
        if (merged == 0 || terms[merged - 1].problem != terms[i].problem) {
            terms[merged++] = terms[i];
            continue;
        }
        terms[merged - 1].sum += terms[i].sum;
        terms[merged - 1].count++;
    }
    return merged;
}

static void gather_row(struct outcome_row *row, const struct tally *tally,
                       const struct sources *sources, const struct source *source,
                       const size_t *places) {
    const bool locked = source->subset == TALLY_LOCKED;
    size_t records = 0, end = 0;
    for (size_t i = 0; i < source->count; i++)
        records += tally->cells[sources->cells[source->first + i]].count;
    *row = (struct outcome_row){.seeds = source->count};
    row->terms = allocate(records + 1, sizeof *row->terms);
    row->seed_ends = allocate(source->count + 1, sizeof *row->seed_ends);
    for (size_t i = 0; i < source->count; i++) {
        const struct cell *cell = &tally->cells[sources->cells[source->first + i]];
        const size_t start = end;
        for (size_t r = 0; r < cell->count; r++)
            if (!locked || cell->outcomes[r].locked)
                row->terms[end++] = (struct term){(uint32_t)places[cell->outcomes[r].problem], 1,
                                                  cell->outcomes[r].quantity};
        end = start + merge_terms(row->terms + start, end - start);
        row->seed_ends[i] = end;
    }
}

void outcomes_gather(struct outcomes *outcomes, const struct tally *tally,
                     const struct sources *sources) {
    *outcomes = (struct outcomes){.count = sources->count};
    outcomes->rows = allocate(sources->count + 1, sizeof *outcomes->rows);
    size_t *places = place_problems(outcomes, tally);
    for (size_t i = 0; i < sources->count; i++)
        gather_row(&outcomes->rows[i], tally, sources, &sources->items[i], places);
    free(places);
}

void outcomes_free(struct outcomes *outcomes) {
    for (size_t i = 0; i < outcomes->count; i++) {
        free(outcomes->rows[i].terms);
        free(outcomes->rows[i].seed_ends);
    }
    free(outcomes->rows);
    free(outcomes->ids);
    *outcomes = (struct outcomes){0};
}

double outcome_row_mean(const struct outcome_row *row, const uint32_t *times) {
    double means = 0;
    size_t at = 0;
    for (size_t seed = 0; seed < row->seeds; seed++) {
        double sum = 0, count = 0;
        for (; at < row->seed_ends[seed]; at++) {
            const struct term *term = &row->terms[at];
            sum += times[term->problem] * term->sum;
            count += (double)times[term->problem] * term->count;
        }
        means += count > 0 ? sum / count : NAN;
    }
    return means / (double)row->seeds;
}

void outcome_row_values(const struct outcome_row *row, double *values, uint32_t *seeds) {
    const size_t count = row->seeds > 0 ? row->seed_ends[row->seeds - 1] : 0;
    for (size_t i = 0; i < count; i++)
        seeds[row->terms[i].problem] = 0;
    for (size_t i = 0; i < count; i++) {
        const struct term *term = &row->terms[i];
        const double here = term->sum / term->count;
        values[term->problem] = seeds[term->problem]++ ? values[term->problem] + here : here;
    }
    /* The sum over seeds becomes the mean, once a problem. */
    for (size_t i = 0; i < count; i++) {
        const uint32_t problem = row->terms[i].problem;
        if (seeds[problem] > 0)
            values[problem] /= seeds[problem];
        seeds[problem] = 0;
    }
}
