/* Turning JSON lines into records. */
#include "record/json_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "record/json.h"
#include "record/lines.h"

struct json_lines {
    struct filter_settings settings;
    struct record_writer *writer, *rejects;
    uint64_t rejected;
    struct buffer packed; /* the record in work */
    struct progress progress;
};

struct json_lines *json_lines_open(const struct filter_settings *settings,
                                   const struct provenance *provenance, bool quiet,
                                   struct error *error) {
    struct json_lines *lines = allocate(1, sizeof *lines);
    lines->settings = *settings;
    lines->writer = record_writer_open(settings->output, provenance, 0, error);
    bool fine = lines->writer != NULL;
    if (fine && settings->rejects != NULL)
        fine = (lines->rejects = record_writer_open(settings->rejects, provenance, 0, error));
    if (!fine) {
        record_writer_abandon(lines->writer);
        free(lines);
        return NULL;
    }
    progress_start(&lines->progress, "records make", "records", 0, quiet);
    return lines;
}

/* The line is no record, for the reason in `error`. */
static bool reject(struct json_lines *lines, const struct line_reader *reader, struct text line,
                   struct error *error) {
    error_place(error, "line %llu", (unsigned long long)line_reader_number(reader));
    error_place(error, "%s", line_reader_name(reader));
    if (lines->rejects == NULL)
        return false;
    struct record bad = {0};
    struct error trouble = {0};
    record_set_text(&bad, "line", line);
    record_set_text(&bad, "reject_reason", text_of(error->text));
    bool fine = record_writer_add(lines->rejects, &bad, &trouble);
    record_free(&bad);
    lines->rejected++;
    if (!fine)
        *error = trouble;
    else if ((int64_t)lines->rejected > lines->settings.max_rejects)
        fine = error_place(error, "more than %lld bad records, the last",
                           (long long)lines->settings.max_rejects);
    else
        error->text[0] = '\0';
    return fine;
}

static bool is_blank(struct text line) {
    size_t blanks = 0;
    while (blanks < line.size && line.bytes[blanks] != '\0' && strchr(" \t\r", line.bytes[blanks]))
        blanks++;
    return blanks == line.size;
}

static bool add_line(struct json_lines *lines, const struct line_reader *reader, struct text line,
                     struct error *error) {
    if (is_blank(line))
        return true;
    lines->packed.size = 0;
    if (!json_read_record(line, &lines->packed, error))
        return reject(lines, reader, line, error);
    progress_add(&lines->progress, 1, NULL);
    return record_writer_add_packed(lines->writer, lines->packed.data, lines->packed.size, error);
}

bool json_lines_add(struct json_lines *lines, const char *path, struct error *error) {
    struct text line;
    struct line_reader *reader = line_reader_open(path, error);
    bool fine = reader != NULL;
    while (fine && line_reader_next(reader, &line, error)) {
        fine = add_line(lines, reader, line, error);
        if (fine && stop_requested())
            fine = error_set(error, "%s: stopped by a signal", line_reader_name(reader));
    }
    line_reader_close(reader);
    return fine && error->text[0] == '\0';
}

/* Puts the rejects in place before the output, or alone where there are any and it failed. */
static bool close_streams(struct json_lines *lines, bool fine, struct error *error) {
    struct error ignored = {0};
    if (fine && lines->rejects != NULL)
        fine = record_writer_close(lines->rejects, error);
    else if (lines->rejected > 0)
        record_writer_close(lines->rejects, &ignored);
    else
        record_writer_abandon(lines->rejects);
    record_writer_set_rejected(lines->writer, lines->rejected);
    if (fine)
        return record_writer_close(lines->writer, error);
    record_writer_abandon(lines->writer);
    return false;
}

bool json_lines_close(struct json_lines *lines, struct error *error) {
    bool fine = close_streams(lines, error->text[0] == '\0', error);
    char detail[64];
    snprintf(detail, sizeof detail, "%llu rejected", (unsigned long long)lines->rejected);
    lines->progress.quiet = lines->progress.quiet || !fine;
    progress_finish(&lines->progress, lines->rejected > 0 ? detail : NULL);
    buffer_free(&lines->packed);
    free(lines);
    return fine;
}
