/* Multiple choice: one worked example for each subject (SPEC 2). */
#include <stdlib.h>
#include <string.h>

#include "task/import_inside.h"

/* The example of a subject so far. */
struct example {
    struct id_key rank; /* the lowest wins */
    bool dev;           /* of the dev split, which goes before all others */
    size_t problem;     /* its number in the pool */
};

struct choice_pool {
    struct record *problems;
    size_t count, capacity;
    struct id_index subjects;
    size_t *subject;          /* [problems] */
    struct example *examples; /* [subjects] */
};

struct choice_pool *choice_pool_open(void) {
    return allocate(1, sizeof(struct choice_pool));
}

void choice_pool_free(struct choice_pool *pool) {
    if (pool == NULL)
        return;
    for (size_t i = 0; i < pool->count; i++)
        record_free(&pool->problems[i]);
    free(pool->problems);
    free(pool->subject);
    free(pool->examples);
    id_index_free(&pool->subjects);
    free(pool);
}

static struct text field(const struct record *problem, const char *name) {
    struct error ignored = {0};
    struct text text = {"", 0};

    return record_text(problem, name, &text, &ignored) ? text : text_of("");
}

static bool is_dev(const struct record *problem) {
    return text_is(field(problem, "split"), "dev");
}

static bool goes_before(const struct example *a, const struct example *b) {
    if (a->dev != b->dev)
        return a->dev;
    return a->rank.high != b->rank.high ? a->rank.high < b->rank.high : a->rank.low < b->rank.low;
}

bool choice_pool_add(struct choice_pool *pool, const struct record *problem, struct error *error) {
    struct example example = {id_key(0, "example", field(problem, "id")), is_dev(problem),
                              pool->count};
    size_t subject;
    bool known;

    if (!id_index_add(&pool->subjects, id_key(0, "subject", field(problem, "subject")), &subject,
                      &known, error))
        return false;
    if (pool->count == pool->capacity) {
        size_t capacity = pool->capacity + pool->capacity / 2 + 64;
        pool->problems = reallocate(pool->problems, capacity, sizeof *pool->problems);
        pool->subject = reallocate(pool->subject, capacity, sizeof *pool->subject);
        memset(pool->problems + pool->capacity, 0,
               (capacity - pool->capacity) * sizeof *pool->problems);
        pool->capacity = capacity;
    }
    if (!known)
        pool->examples = reallocate(pool->examples, subject + 1, sizeof *pool->examples);
    if (!known || goes_before(&example, &pool->examples[subject]))
        pool->examples[subject] = example;
    record_copy(&pool->problems[pool->count], problem);
    pool->subject[pool->count++] = subject;
    return true;
}

static void set_shot(struct record *problem, const struct record *example, struct buffer *out) {
    struct text prompt = field(example, "prompt"), answer = field(example, "reference");

    out->size = 0;
    buffer_append(out, prompt.bytes, prompt.size);
    buffer_format(out, "\nAnswer: %.*s", (int)answer.size, answer.bytes);
    record_set_text(problem, "shot", (struct text){(const char *)out->data, out->size});
}

bool choice_pool_write(struct choice_pool *pool, struct importer *importer, uint64_t *examples,
                       struct error *error) {
    for (size_t i = 0; i < pool->count; i++) {
        struct record *problem = &pool->problems[i];
        if (importer->settings->no_shot) {
            if (!import_write(importer, problem, error))
                return false;
            continue;
        }
        const struct example *example = &pool->examples[pool->subject[i]];
        const struct record *shot = &pool->problems[example->problem];
        if (is_dev(problem) || text_equal(field(problem, "id"), field(shot, "id"))) {
            ++*examples;
            continue;
        }
        set_shot(problem, shot, &importer->packed);
        if (!import_write(importer, problem, error))
            return false;
    }
    return true;
}
