/* The best N of a stream: a heap with the worst of those kept at its root. See best.h. */
#include "task/best.h"

#include <stdlib.h>

#include "base/random.h"

struct candidate {
    double grade;
    uint64_t draw[2]; /* decides among equal grades */
    uint64_t place;   /* in the stream */
    struct buffer packed;
};

struct best {
    const struct best_settings *settings;
    struct candidate *heap;
    size_t count, capacity;
    uint64_t seen;
};

struct best *best_new(const struct best_settings *settings) {
    struct best *best = allocate(1, sizeof *best);
    best->settings = settings;
    return best;
}

void best_free(struct best *best) {
    if (best == NULL)
        return;
    for (size_t i = 0; i < best->count; i++)
        buffer_free(&best->heap[i].packed);
    free(best->heap);
    free(best);
}

static bool is_better(const struct candidate *a, const struct candidate *b) {
    if (a->grade != b->grade)
        return a->grade > b->grade;
    for (int i = 0; i < 2; i++)
        if (a->draw[i] != b->draw[i])
            return a->draw[i] > b->draw[i];
    return a->place < b->place;
}

static void swap(struct candidate *a, struct candidate *b) {
    const struct candidate held = *a;
    *a = *b;
    *b = held;
}

static void sift_up(struct best *best, size_t at) {
    struct candidate *heap = best->heap;
    for (; at > 0 && is_better(&heap[(at - 1) / 2], &heap[at]); at = (at - 1) / 2)
        swap(&heap[(at - 1) / 2], &heap[at]);
}

static void sift_down(struct best *best, size_t at) {
    struct candidate *heap = best->heap;
    for (size_t child; (child = 2 * at + 1) < best->count; at = child) {
        if (child + 1 < best->count && is_better(&heap[child], &heap[child + 1]))
            child++;
        if (!is_better(&heap[at], &heap[child]))
            break;
        swap(&heap[at], &heap[child]);
    }
}

static bool draw(const struct best_settings *settings, const struct record *record,
                 struct candidate *candidate, struct error *error) {
    struct random random;
    struct random_name name = {
        .seed = settings->seed, .purpose = "select-best", .round = settings->round};
    int64_t sample;
    if (!record_text(record, "id", &name.id, error) ||
        !grade_integer(record, "sample", 0, &sample, error))
        return false;
    name.sample = (uint64_t)sample;
    random_start(&random, &name);
    candidate->draw[0] = random_u64(&random);
    candidate->draw[1] = random_u64(&random);
    return true;
}

/* In the place of the worst where there are enough; that one's memory serves again. */
static void keep(struct best *best, struct candidate *candidate, const struct record *record) {
    const bool full = best->count == best->settings->keep;
    if (full) {
        candidate->packed = best->heap[0].packed;
        candidate->packed.size = 0;
    } else if (best->count == best->capacity) {
        best->capacity = best->capacity ? 2 * best->capacity : 64;
        best->heap = reallocate(best->heap, best->capacity, sizeof *best->heap);
    }
    record_pack(record, &candidate->packed);
    if (full) {
        best->heap[0] = *candidate;
        sift_down(best, 0);
    } else {
        best->heap[best->count] = *candidate;
        sift_up(best, best->count++);
    }
}

bool best_add(struct best *best, const struct record *record, struct error *error) {
    const struct best_settings *settings = best->settings;
    struct candidate candidate = {.place = best->seen};
    double correct = 1;
    if (!grade_read(record, settings->by, &candidate.grade, error) ||
        (settings->only_correct && !grade_read(record, GRADE_CORRECT, &correct, error)) ||
        !draw(settings, record, &candidate, error))
        return false;
    best->seen++;
    if (correct > 0 && settings->keep > 0 &&
        (best->count < settings->keep || is_better(&candidate, &best->heap[0])))
        keep(best, &candidate, record);
    return true;
}

static int compare_places(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

size_t best_finish(struct best *best) {
    if (best->count > 0)
        qsort(best->heap, best->count, sizeof *best->heap, compare_places);
    return best->count;
}

struct value best_at(const struct best *best, size_t number) {
    const struct buffer *packed = &best->heap[number].packed;
    return (struct value){packed->data, packed->size};
}
