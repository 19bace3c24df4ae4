/* Reading pairs, and the file of their reference. */
#include "train/pairs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"

/* ---- records ---- */

static bool read_weight(const struct record *record, double *weight, struct error *error) {
    const struct value *field = record_find(record, "weight");
    *weight = 1;
    if (field == NULL || value_type(*field) == VALUE_NIL)
        return true;
    if (!record_real(record, "weight", weight, error))
        return false;
    return (*weight >= 0 && *weight < INFINITY) ||
           error_set(error, "weight: is %g; a number from 0 would be right", *weight);
}

static bool read_log_probability(const struct record *record, const char *key, double *value,
                                 struct error *error) {
    if (record_find(record, key) == NULL)
        return error_set(error,
                         "no field \"%s\"; the reference model's log-probability, or --reference "
                         "model, would be right",
                         key);
    return record_real(record, key, value, error) &&
           (isfinite(*value) || error_set(error, "%s: is no finite number", key));
}

static bool read_numbers(const struct examples *examples, const struct record *record,
                         struct pair *pair, struct error *error) {
    return read_weight(record, &pair->weight, error) &&
           (examples->objective.reference == REFERENCE_MODEL ||
            (read_log_probability(record, "chosen_logprob", &pair->chosen, error) &&
             read_log_probability(record, "rejected_logprob", &pair->rejected, error)));
}

static bool read_tokens(struct examples *examples, const struct record *record,
                        struct example both[2], struct error *error) {
    static const struct example_fields fields[2] = {
        {.completion = "chosen", .finish = "chosen_finish"},
        {.completion = "rejected", .finish = "rejected_finish"}};
    for (int i = 0; i < 2; i++)
        if (!examples_encode(examples, record, &fields[i], &both[i], error))
            return error_place(error, "%s", fields[i].completion);
    int64_t rows = (int64_t)both[0].tokens + both[1].tokens - 2;
    return examples->max_rows == 0 || rows <= examples->max_rows ||
           error_set(error,
                     "a pair of %lld tokens does not fit a micro-batch of %lld; a larger "
                     "--micro-batch would be right",
                     (long long)rows, (long long)examples->max_rows);
}

bool examples_add_pair(struct examples *examples, const struct record *record,
                       struct error *error) {
    size_t start = examples->tokens.count;
    struct pair pair = {0};
    struct example both[2];
    if (!read_numbers(examples, record, &pair, error) ||
        !read_tokens(examples, record, both, error)) {
        examples->tokens.count = start;
        return false;
    }
    examples_keep(examples, both, &pair);
    XXH3_64bits_update(examples->digest, &pair, sizeof pair);
    return true;
}

/* ---- the reference ---- */

/* [pairs, 2]: of chosen and rejected ones; the caller frees it. */
static double *collect(const struct examples *examples) {
    double *values = allocate(2 * examples->count, sizeof *values);
    for (size_t i = 0; i < examples->count; i++) {
        values[2 * i] = examples->pairs[i].chosen;
        values[2 * i + 1] = examples->pairs[i].rejected;
    }
    return values;
}

void examples_reference_digest(const struct examples *examples, char digest[17]) {
    double *values = collect(examples);
    snprintf(digest, 17, "%016llx",
             (unsigned long long)XXH3_64bits(values, 2 * examples->count * sizeof *values));
    free(values);
}

static struct safetensors_entry entry_of(const struct examples *examples) {
    return (struct safetensors_entry){.name = "reference",
                                      .dtype = "F64",
                                      .shape = {(int64_t)examples->count, 2},
                                      .dimensions = 2};
}

bool examples_save_reference(const struct examples *examples, const char *path,
                             struct error *error) {
    struct safetensors_writer writer;
    struct safetensors_entry entry = entry_of(examples);
    if (!safetensors_create(&writer, path, &entry, 1, error))
        return false;
    double *values = collect(examples);
    bool fine = safetensors_write(&writer, values, 2 * examples->count * sizeof *values, error);
    free(values);
    if (fine)
        return safetensors_commit(&writer, error);
    safetensors_abandon(&writer);
    return false;
}

bool examples_load_reference(struct examples *examples, const char *path, struct error *error) {
    struct safetensors file;
    if (!safetensors_open(&file, path, error))
        return false;
    const struct safetensors_entry *entry = safetensors_find(&file, "reference");
    bool fine = entry != NULL && strcmp(entry->dtype, "F64") == 0 &&
                entry->size == 2 * examples->count * sizeof(double);
    for (size_t i = 0; fine && i < examples->count; i++) {
        memcpy(&examples->pairs[i].chosen, entry->data + 16 * i, sizeof(double));
        memcpy(&examples->pairs[i].rejected, entry->data + 16 * i + 8, sizeof(double));
    }
    safetensors_close(&file);
    return fine || error_set(error, "%s: has no tensor 'reference' of %zu pairs (F64 [%zu, 2])",
                             path, examples->count, examples->count);
}
