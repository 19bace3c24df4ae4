/* Drawing examples without replacement. */
#include "remote/shots.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "record/stream.h"

struct shots {
    struct record *records;
    size_t size;
    int64_t count;
    uint64_t seed;
    char digest[33];
    size_t *order;
    const struct record **drawn;
};

static bool read_all(struct shots *shots, struct record_reader *reader, struct error *error) {
    struct record record = {0};
    enum read_result result;

    while ((result = record_reader_next(reader, &record, error)) == READ_RECORD) {
        if (shots->size == SHOT_LIMIT) {
            error_set(error, "%s: more than %d examples", record_reader_name(reader), SHOT_LIMIT);
            break;
        }
        shots->records = reallocate(shots->records, shots->size + 1, sizeof *shots->records);
        shots->records[shots->size] = (struct record){0};
        record_copy(&shots->records[shots->size++], &record);
    }
    record_free(&record);
    if (result != READ_END)
        return false;
    snprintf(shots->digest, sizeof shots->digest, "%s", record_reader_digest(reader));
    return true;
}

struct shots *shots_open(const char *path, int64_t count, uint64_t seed, struct error *error) {
    struct record_reader *reader = record_reader_open(path, error);
    struct shots *shots;
    bool fine;

    if (reader == NULL)
        return NULL;
    shots = allocate(1, sizeof *shots);
    shots->count = count;
    shots->seed = seed;
    fine = read_all(shots, reader, error);
    record_reader_close(reader);
    if (fine && (size_t)count > shots->size)
        fine = error_set(error, "%s: has %zu examples, --shots asks for %lld", path, shots->size,
                         (long long)count);
    if (!fine) {
        shots_close(shots);
        return NULL;
    }
    shots->order = allocate(shots->size, sizeof *shots->order);
    shots->drawn = allocate((size_t)count, sizeof *shots->drawn);
    return shots;
}

void shots_close(struct shots *shots) {
    if (shots == NULL)
        return;
    for (size_t i = 0; i < shots->size; i++)
        record_free(&shots->records[i]);
    free(shots->records);
    free(shots->order);
    free((void *)shots->drawn);
    free(shots);
}

const char *shots_digest(const struct shots *shots) {
    return shots->digest;
}

bool shots_draw(struct shots *shots, const struct record *record,
                const struct record *const **drawn, struct error *error) {
    struct random random;
    struct text id = {0}, other = {0};
    size_t used = 0;

    if (!record_text(record, "id", &id, error))
        return false;
    random_start(&random, &(struct random_name){.seed = shots->seed, .purpose = "shots", .id = id});
    random_permutation(&random, shots->size, shots->order);
    for (size_t i = 0; i < shots->size && used < (size_t)shots->count; i++) {
        const struct record *example = &shots->records[shots->order[i]];
        const struct value *name = record_find(example, "id");
        if (name == NULL || !value_text(*name, &other) || !text_equal(id, other))
            shots->drawn[used++] = example;
    }
    *drawn = shots->drawn;
    return used == (size_t)shots->count ||
           error_set(error, "one of the few examples has this record's own id; one more would be "
                            "right");
}
