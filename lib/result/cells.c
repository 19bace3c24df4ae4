/* Sorted cells: see cells.h. */
#include "result/cells.h"

#include <stdlib.h>

const struct key *sorted_keys(const struct sorted *sorted, size_t position) {
    return sorted->keys + sorted->order[position] * sorted->tally->width;
}

int compare_keys(const struct key *a, const struct key *b, size_t count) {
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

void sorted_init(struct sorted *sorted, const struct tally *tally) {
    const size_t count = tally->names.count;
    *sorted = (struct sorted){.tally = tally};
    sorted->keys = allocate(count * tally->width, sizeof *sorted->keys);
    sorted->order = allocate(count, sizeof *sorted->order);
    sorted->means = allocate(count, sizeof *sorted->means);
    for (size_t i = 0; i < count; i++) {
        const struct text name = names_at(&tally->names, i);
        const uint8_t *at = (const uint8_t *)name.bytes, *end = at + name.size;
        struct error never = {0};
        sorted->order[i] = i;
        for (size_t k = 0; k < tally->width; k++) {
            const size_t size = value_check(at, (size_t)(end - at), &never);
            sorted->keys[i * tally->width + k] = key_unpack((struct value){at, size});
            at += size;
        }
    }
    qsort_r(sorted->order, count, sizeof *sorted->order, compare_cells, sorted);
}

void sorted_free(struct sorted *sorted) {
    free(sorted->keys);
    free(sorted->order);
    free(sorted->means);
}

size_t sorted_run_end(const struct sorted *sorted, size_t start, size_t limit, size_t count) {
    size_t end = start + 1;
    while (end < limit &&
           compare_keys(sorted_keys(sorted, start), sorted_keys(sorted, end), count) == 0)
        end++;
    return end;
}

struct point sorted_measure(const struct sorted *sorted, size_t start, size_t end,
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

bool sorted_place(const struct sorted *sorted, size_t start, size_t count, struct error *error) {
    struct buffer text = {0};
    for (size_t i = 0; i < count; i++) {
        buffer_format(&text, "%s%s=", i ? " " : "", sorted->tally->fields[i]);
        key_print(&sorted_keys(sorted, start)[i], &text);
    }
    if (count > 0)
        error_place(error, "group %.*s", (int)(text.size < 300 ? text.size : 300),
                    (const char *)text.data);
    buffer_free(&text);
    return false;
}
