/* The common part of all filters: inputs in turn, one output, rejects, progress, sources. */
#include "record/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"

struct filter {
    struct filter_settings settings;
    char **inputs; /* borrowed from argv */
    size_t input_count, input_next;
    struct record_reader *reader; /* of the input in work */
    struct record_writer *writer;
    struct record_writer *rejects;
    uint64_t rejected;
    char place[256]; /* "stream" of the last record read */
    uint64_t number; /* and its number there */
    struct record bad;
    struct progress progress;
    struct error failure; /* of reading: filter_close tells it */
};

static struct provenance provenance_of(const struct invocation *invocation, const uint64_t *seed) {
    return (struct provenance){
        .tool = text_of(invocation->tool->name),
        .version = text_of(LOCKPICK_VERSION),
        .arguments = {(const char *)invocation->arguments.data, invocation->arguments.size},
        .has_seed = seed != NULL,
        .seed = seed != NULL ? *seed : 0,
    };
}

struct record_writer *source_open(const struct invocation *invocation,
                                  const struct filter_settings *settings, const uint64_t *seed,
                                  struct error *error) {
    struct provenance provenance = provenance_of(invocation, seed);

    return record_writer_open(settings->output, &provenance, 0, error);
}

static bool open_input(struct filter *filter, struct error *error) {
    const char *path = filter->input_count > 0 ? filter->inputs[filter->input_next] : NULL;
    filter->reader = record_reader_open(path, error);
    if (filter->reader == NULL)
        return false;
    filter->input_next++;
    snprintf(filter->place, sizeof filter->place, "%s", record_reader_name(filter->reader));
    return true;
}

static void filter_free(struct filter *filter) {
    filter->progress.quiet = true; /* a live line goes, no summary comes */
    progress_finish(&filter->progress, NULL);
    record_reader_close(filter->reader);
    record_writer_abandon(filter->writer);
    record_writer_abandon(filter->rejects);
    record_free(&filter->bad);
    free(filter);
}

struct filter *filter_open(const struct invocation *invocation,
                           const struct filter_settings *settings, size_t first_operand,
                           const uint64_t *seed, struct error *error) {
    struct filter *filter = allocate(1, sizeof *filter);
    size_t operands = invocation->operands.count;
    filter->settings = *settings;
    filter->input_count = operands > first_operand ? operands - first_operand : 0;
    filter->inputs = invocation->operands.items + (filter->input_count > 0 ? first_operand : 0);
    struct provenance provenance = provenance_of(invocation, seed);
    progress_start(&filter->progress, invocation->tool->name, "records", 0, invocation->quiet);
    filter->writer = record_writer_open(settings->output, &provenance, 0, error);
    bool fine = filter->writer != NULL;
    if (fine && settings->rejects != NULL)
        fine = (filter->rejects = record_writer_open(settings->rejects, &provenance, 0, error));
    if (fine && open_input(filter, error))
        return filter;
    filter_free(filter);
    return NULL;
}

/* Notes the stream that was read to its end, and goes on to the next. */
static bool next_input(struct filter *filter, struct error *error) {
    record_writer_add_source(filter->writer, "input", record_reader_digest(filter->reader));
    record_reader_close(filter->reader);
    filter->reader = NULL;
    return filter->input_next >= filter->input_count || open_input(filter, error);
}

static bool reading_failed(struct filter *filter, const struct error *error) {
    filter->failure = *error;
    return false;
}

bool filter_next(struct filter *filter, struct record *record, struct error *error) {
    if (filter->failure.text[0] != '\0') {
        *error = filter->failure;
        return false;
    }
    while (filter->reader != NULL) {
        if (stop_requested()) {
            error_set(error, "%s: stopped by a signal", filter->place);
            return reading_failed(filter, error);
        }
        enum read_result result = record_reader_next(filter->reader, record, error);
        if (result == READ_FAILED)
            return reading_failed(filter, error);
        if (result == READ_RECORD) {
            filter->number = record_reader_count(filter->reader);
            progress_add(&filter->progress, 1, NULL);
            return true;
        }
        if (!next_input(filter, error))
            return reading_failed(filter, error);
    }
    return false;
}

bool filter_write(struct filter *filter, const struct record *record, struct error *error) {
    return record_writer_add(filter->writer, record, error);
}

void filter_place(const struct filter *filter, const struct record *record, char text[512]) {
    char name[96];
    record_describe(record, filter->number, name);
    if (strncmp(name, "id ", 3) == 0)
        snprintf(text, 512, "%s: record %llu (%s)", filter->place,
                 (unsigned long long)filter->number, name);
    else
        snprintf(text, 512, "%s: %s", filter->place, name);
}

bool filter_reject(struct filter *filter, const struct record *record, struct error *error) {
    char place[512];
    filter_place(filter, record, place);
    if (filter->rejects == NULL)
        return error_place(error, "%s", place);
    record_copy(&filter->bad, record);
    record_set_text(&filter->bad, "reject_reason", text_of(error->text));
    struct error trouble = {0};
    if (!record_writer_add(filter->rejects, &filter->bad, &trouble)) {
        *error = trouble;
        return false;
    }
    filter->rejected++;
    if ((int64_t)filter->rejected > filter->settings.max_rejects) {
        error_place(error, "%s", place);
        return error_place(error, "more than %lld bad records, the last",
                           (long long)filter->settings.max_rejects);
    }
    error->text[0] = '\0';
    return true;
}

void filter_add_source(struct filter *filter, const char *role, const char *digest) {
    record_writer_add_source(filter->writer, role, digest);
}

struct record_writer *filter_writer(struct filter *filter) {
    return filter->writer;
}

/* The end of a filter that went well; the rejects are put in place before the output. */
static bool finish(struct filter *filter, struct error *error) {
    record_writer_set_rejected(filter->writer, filter->rejected);
    struct record_writer *rejects = filter->rejects, *writer = filter->writer;
    filter->rejects = NULL;
    if (rejects != NULL && !record_writer_close(rejects, error))
        return false;
    filter->writer = NULL;
    if (!record_writer_close(writer, error))
        return false;
    char detail[64];
    snprintf(detail, sizeof detail, "%llu rejected", (unsigned long long)filter->rejected);
    progress_finish(&filter->progress, filter->rejected > 0 ? detail : NULL);
    filter->progress.live = false;
    return true;
}

/* When too many records were bad, the output does not appear but the rejects are of use. */
static void keep_rejects(struct filter *filter) {
    struct error ignored = {0};
    if (filter->rejects != NULL && filter->rejected > 0)
        record_writer_close(filter->rejects, &ignored);
    else
        record_writer_abandon(filter->rejects);
    filter->rejects = NULL;
}

bool filter_close(struct filter *filter, struct error *error) {
    if (error->text[0] == '\0')
        *error = filter->failure;
    if (error->text[0] == '\0' && stop_requested())
        error_set(error, "stopped by a signal");
    bool fine = error->text[0] == '\0' && finish(filter, error);
    if (!fine)
        keep_rejects(filter);
    filter_free(filter);
    return fine;
}

bool filter_each(struct filter *filter, filter_work *work, void *context, struct error *error) {
    struct record record = {0};
    while (filter_next(filter, &record, error))
        if (!work(context, &record, error) ? !filter_reject(filter, &record, error)
                                           : !filter_write(filter, &record, error))
            break;
    record_free(&record);
    return filter_close(filter, error);
}
