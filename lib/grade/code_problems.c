/* One arena, and a table sorted by id. */
#include "grade/code_problems.h"

#include <stdlib.h>
#include <string.h>

#include "base/tool.h"
#include "record/stream.h"

struct problem {
    size_t id, tests, prompt; /* offsets in the arena */
    size_t id_size, tests_size, prompt_size;
};

struct code_problems {
    char *name;
    char digest[33];
    struct buffer arena;
    struct problem *items;
    size_t count, capacity;
};

static size_t store(struct code_problems *problems, const void *bytes, size_t size) {
    buffer_append(&problems->arena, bytes, size);
    return problems->arena.size - size;
}

static bool add_problem(struct code_problems *problems, const struct record *record,
                        struct error *error) {
    const struct value *tests = record_find(record, "tests");
    struct text id = {0}, prompt = {0};
    struct error ignored = {0};

    if (!record_text(record, "id", &id, error))
        return false;
    if (tests == NULL)
        return error_set(error, "field 'tests' is missing; problems to be joined have it");
    if (!record_text(record, "prompt", &prompt, &ignored))
        prompt.size = 0;
    if (problems->count == problems->capacity) {
        problems->capacity += problems->capacity / 2 + 64;
        problems->items = reallocate(problems->items, problems->capacity, sizeof *problems->items);
    }
    problems->items[problems->count++] = (struct problem){
        .id = store(problems, id.bytes, id.size),
        .tests = store(problems, tests->bytes, tests->size),
        .prompt = store(problems, prompt.bytes, prompt.size),
        .id_size = id.size,
        .tests_size = tests->size,
        .prompt_size = prompt.size,
    };
    return true;
}

static bool read_all(struct code_problems *problems, struct record_reader *reader,
                     struct error *error) {
    struct record record = {0};
    enum read_result result = READ_FAILED;
    bool fine = true;

    while (fine && (result = record_reader_next(reader, &record, error)) == READ_RECORD) {
        fine = add_problem(problems, &record, error);
        if (!fine) {
            char what[96];
            record_describe(&record, record_reader_count(reader), what);
            error_place(error, "%s: %s", problems->name, what);
        } else if (stop_requested()) {
            fine = error_set(error, "%s: stopped by a signal", problems->name);
        }
    }
    record_free(&record);
    if (!fine || result != READ_END)
        return false;
    memcpy(problems->digest, record_reader_digest(reader), sizeof problems->digest - 1);
    return true;
}

static struct text id_of(const struct code_problems *problems, const struct problem *problem) {
    return (struct text){(const char *)problems->arena.data + problem->id, problem->id_size};
}

static int compare_ids(struct text a, struct text b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.bytes, b.bytes, common) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_id(const void *a, const void *b, void *problems) {
    return compare_ids(id_of(problems, a), id_of(problems, b));
}

static bool same_tests(const struct code_problems *problems, const struct problem *a,
                       const struct problem *b) {
    return a->tests_size == b->tests_size &&
           memcmp(problems->arena.data + a->tests, problems->arena.data + b->tests,
                  a->tests_size) == 0;
}

static bool sort_table(struct code_problems *problems, struct error *error) {
    if (problems->count > 0)
        qsort_r(problems->items, problems->count, sizeof *problems->items, by_id, problems);
    for (size_t i = 1; i < problems->count; i++) {
        const struct problem *before = &problems->items[i - 1], *item = &problems->items[i];
        struct text id = id_of(problems, item);
        if (compare_ids(id_of(problems, before), id) == 0 && !same_tests(problems, before, item))
            return error_set(error,
                             "%s: id '%.*s' comes with two sets of tests; one would be right",
                             problems->name, id.size < 80 ? (int)id.size : 80, id.bytes);
    }
    return true;
}

struct code_problems *code_problems_read(const char *path, struct error *error) {
    struct record_reader *reader = record_reader_open(path, error);
    struct code_problems *problems;
    bool fine;

    if (reader == NULL)
        return NULL;
    problems = allocate(1, sizeof *problems);
    problems->name = copy_text(record_reader_name(reader));
    fine = read_all(problems, reader, error);
    record_reader_close(reader);
    if (fine && sort_table(problems, error))
        return problems;
    code_problems_free(problems);
    return NULL;
}

void code_problems_free(struct code_problems *problems) {
    if (problems == NULL)
        return;
    buffer_free(&problems->arena);
    free(problems->items);
    free(problems->name);
    free(problems);
}

const char *code_problems_digest(const struct code_problems *problems) {
    return problems->digest;
}

bool code_problems_find(const struct code_problems *problems, struct text id, struct value *tests,
                        struct text *prompt, struct error *error) {
    size_t low = 0, high = problems->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct problem *item = &problems->items[middle];
        int order = compare_ids(id_of(problems, item), id);
        if (order == 0) {
            *tests = (struct value){problems->arena.data + item->tests, item->tests_size};
            *prompt =
                (struct text){(const char *)problems->arena.data + item->prompt, item->prompt_size};
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return error_set(error, "%s has no problem of this id", problems->name);
}
