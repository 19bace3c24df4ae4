/*
 * grade-critique: whether a critique is close enough to the reference critique, by the cosine of
 * their embeddings.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/tool.h"
#include "grade/similarity.h"
#include "record/filter.h"

#define DEFAULT_THRESHOLD 0.8

static double threshold = NAN; /* none was given */
static const char *labelled_path;
static struct filter_settings settings = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_REAL,
     .letter = 't',
     .name = "threshold",
     .argument = "X",
     .target = &threshold,
     .help = "correct from this similarity on (default 0.8, for text-embedding-3-large)",
     .minimum = -1,
     .maximum = 1},
    {.kind = OPTION_FILE,
     .letter = 'c',
     .name = "calibrate",
     .argument = "FILE",
     .target = &labelled_path,
     .help = "take the threshold that agrees best with the field 'label' of these records"},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "grade-critique",
    .usage = "[options] [FILE ...]",
    .summary = "Grades critiques by the similarity of their embeddings to the reference's.",
    .options = options,
};

static bool similarity_of(const struct record *record, double *similarity, struct error *error) {
    const struct value *mine = record_find(record, "embedding");
    const struct value *reference = record_find(record, "reference_embedding");

    if (mine == NULL || reference == NULL)
        return error_set(error, "field '%s' is missing; embed or ask --embed adds it",
                         mine == NULL ? "embedding" : "reference_embedding");
    return similarity_cosine(*mine, *reference, similarity, error);
}

/* ---- calibration ---- */

struct labels {
    struct labelled *items;
    size_t count, capacity;
};

static bool read_labels(struct record_reader *reader, struct labels *labels, struct error *error) {
    struct record record = {0};
    enum read_result result;

    while ((result = record_reader_next(reader, &record, error)) == READ_RECORD) {
        struct labelled item = {0};
        if (!similarity_of(&record, &item.similarity, error) ||
            !record_boolean(&record, "label", &item.correct, error)) {
            char name[96];
            record_describe(&record, record_reader_count(reader), name);
            error_place(error, "%s: %s", record_reader_name(reader), name);
            break;
        }
        if (labels->count == labels->capacity) {
            labels->capacity = labels->capacity * 2 + 64;
            labels->items = reallocate(labels->items, labels->capacity, sizeof *labels->items);
        }
        labels->items[labels->count++] = item;
    }
    record_free(&record);
    return result == READ_END;
}

/* Sets the threshold, and notes it among the arguments that determine the output. */
static bool calibrate(struct invocation *invocation, struct error *error) {
    struct record_reader *reader = record_reader_open(labelled_path, error);
    struct labels labels = {0};
    struct calibration found = {0};
    bool fine;

    if (reader == NULL)
        return false;
    fine = read_labels(reader, &labels, error);
    if (fine && !similarity_calibrate(labels.items, labels.count, &found, error))
        fine = error_place(error, "%s", record_reader_name(reader));
    record_reader_close(reader);
    if (fine) {
        threshold = found.threshold;
        tool_say(invocation, "threshold %.6g agrees with %zu of %zu labels", threshold,
                 found.agreeing, labels.count);
        buffer_format(&invocation->arguments, "--threshold=%.17g\n", threshold);
    }
    free(labels.items);
    return fine;
}

/* ---- grading ---- */

/* Whether there is a completion, and not a letter or digit in it: embedders have nothing to go by.
 */
static bool says_nothing(const struct record *record) {
    const struct value *completion = record_find(record, "completion");
    struct text text;

    if (completion == NULL || !value_text(*completion, &text))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (isalnum((unsigned char)text.bytes[i]) || (unsigned char)text.bytes[i] >= 0x80)
            return false;
    return true;
}

static bool grade(void *unused, struct record *record, struct error *error) {
    bool empty = says_nothing(record);
    double similarity = 0;

    (void)unused;
    if (!empty && !similarity_of(record, &similarity, error))
        return false;
    bool correct = !empty && similarity >= threshold;
    record_begin_group(record, GROUP_GRADED);
    record_set_boolean(record, "correct", correct);
    record_set_real(record, "score", similarity);
    record_set_text(record, "verdict", text_of(empty ? "empty" : correct ? "close" : "distant"));
    return true;
}

static bool grade_stream(const struct invocation *invocation, struct error *error) {
    struct filter *filter = filter_open(invocation, &settings, 0, NULL, error);
    return filter != NULL && filter_each(filter, grade, NULL, error);
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};

    tool_start(&invocation, &tool, argc, argv);
    if (labelled_path != NULL && !isnan(threshold))
        tool_misused(&invocation, "--threshold and --calibrate exclude each other");
    if (isnan(threshold))
        threshold = DEFAULT_THRESHOLD;
    if ((labelled_path != NULL && !calibrate(&invocation, &error)) ||
        !grade_stream(&invocation, &error))
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
