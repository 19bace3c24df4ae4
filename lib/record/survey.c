/* Reading, counting and describing whole streams. */
#include "record/survey.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/tool.h"
#include "record/json.h"

struct record_reader *record_read_through(const char *path, bool marks, struct error *error) {
    struct record record = {0};
    struct record_reader *reader = record_reader_open(path, error);
    if (reader == NULL)
        return NULL;
    if (marks)
        record_reader_keep_marks(reader);
    enum read_result result;
    while ((result = record_reader_next(reader, &record, error)) == READ_RECORD)
        if (stop_requested()) {
            error_set(error, "%s: stopped by a signal", record_reader_name(reader));
            break;
        }
    record_free(&record);
    if (result == READ_END)
        return reader;
    record_reader_close(reader);
    return NULL;
}

bool record_count_any(const char *path, uint64_t *count, struct error *error) {
    struct stat status;
    if (path != NULL && stat(path, &status) == 0 && S_ISREG(status.st_mode))
        return record_count(path, count, error);
    struct record_reader *reader = record_read_through(path, false, error);
    if (reader == NULL)
        return false;
    *count = record_reader_count(reader);
    record_reader_close(reader);
    return true;
}

/* Sets all fields of `mark` in `segment`. */
static void merge(struct record *segment, const struct record *mark) {
    for (size_t i = 0; i < mark->count; i++) {
        const struct field *field = &mark->fields[i];
        char *key = format_text("%.*s", (int)field->key.size, field->key.bytes);
        record_set_value(segment, key, field->value);
        free(key);
    }
}

/* The segments as one packed array. */
static void pack_segments(struct value marks, struct buffer *packed) {
    struct record segment = {0}, mark = {0};
    struct buffer segments = {0};
    struct error ignored = {0};
    size_t count = 0, size;
    bool incomplete;
    while ((size = record_parse_front(&mark, marks.bytes, marks.size, &incomplete, &ignored)) > 0) {
        if (record_find(&mark, "format") != NULL)
            record_clear(&segment);
        merge(&segment, &mark);
        if (record_find(&mark, "records") != NULL) {
            record_pack(&segment, &segments);
            count++;
        }
        marks = (struct value){marks.bytes + size, marks.size - size};
    }
    pack_array(packed, count);
    buffer_append(packed, segments.data, segments.size);
    buffer_free(&segments);
    record_free(&segment);
    record_free(&mark);
}

void record_describe_stream(const struct record_reader *reader, struct buffer *text) {
    struct record about = {0};
    struct buffer segments = {0};
    pack_segments(record_reader_marks(reader), &segments);
    record_set_text(&about, "stream", text_of(record_reader_name(reader)));
    record_set_unsigned(&about, "records", record_reader_count(reader));
    record_set_unsigned(&about, "rejected", record_reader_rejected(reader));
    record_set_text(&about, "digest", text_of(record_reader_digest(reader)));
    record_set_value(&about, "segments", (struct value){segments.data, segments.size});
    json_write_record(&about, text);
    buffer_append(text, "\n", 1);
    record_free(&about);
    buffer_free(&segments);
}
