/*
 * Completions in memory: one arena of packed records, and a table of them sorted by id and sample.
 */
#include "task/completions.h"

#include <stdlib.h>
#include <string.h>

#include "base/tool.h"
#include "record/stream.h"
#include "task/id_index.h"

struct entry {
    size_t id;       /* number */
    int64_t sample;  /* −1 until it is known */
    uint32_t stream; /* number */
    uint32_t size;   /* at most 256 MiB: readers see to it */
    uint64_t place;  /* record number in the stream, from 1 */
    size_t offset;   /* in the arena */
};

struct stream {
    char *name;
    char digest[33];
};

struct completions {
    struct stream *streams;
    size_t stream_count;
    char *name; /* of all streams */
    struct id_index ids;
    struct buffer arena;
    struct entry *entries; /* sorted by id, then sample */
    size_t count, capacity;
    size_t *first; /* [ids + 1], into entries */
};

static bool keeps(const char *const *keep, struct text key) {
    static const char *const always[] = {"id", "completion", "sample", NULL};

    for (const char *const *name = always; *name != NULL; name++)
        if (text_is(key, *name))
            return true;
    for (const char *const *name = keep; *name != NULL; name++)
        if (text_is(key, *name))
            return true;
    return false;
}

/* Packs the fields to keep; `scratch` holds the picked record. */
static void pack_kept(struct completions *completions, const struct record *record,
                      const char *const *keep, struct record *scratch) {
    if (keep == NULL) {
        record_pack(record, &completions->arena);
        return;
    }
    record_clear(scratch);
    for (size_t i = 0; i < record->count; i++) {
        char key[64];
        struct text name = record->fields[i].key;
        if (!keeps(keep, name) || name.size >= sizeof key)
            continue;
        memcpy(key, name.bytes, name.size);
        key[name.size] = '\0';
        record_set_value(scratch, key, record->fields[i].value);
    }
    record_pack(scratch, &completions->arena);
}

static bool add_record(struct completions *completions, const struct record *record, uint64_t place,
                       const char *const *keep, struct record *scratch, struct error *error) {
    struct entry entry = {
        .sample = -1, .stream = (uint32_t)completions->stream_count, .place = place};
    struct text id, completion;
    bool known;

    if (!record_text(record, "id", &id, error) ||
        !record_text(record, "completion", &completion, error) ||
        !id_index_add(&completions->ids, id_key(0, "id", id), &entry.id, &known, error))
        return false;
    if (record_find(record, "sample") != NULL) {
        if (!record_integer(record, "sample", &entry.sample, error))
            return false;
        if (entry.sample < 0)
            return error_set(error, "field 'sample' is %lld; 0 or more would be right",
                             (long long)entry.sample);
    }
    entry.offset = completions->arena.size;
    pack_kept(completions, record, keep, scratch);
    entry.size = (uint32_t)(completions->arena.size - entry.offset);
    if (completions->count == completions->capacity) {
        completions->capacity += completions->capacity / 2 + 64;
        completions->entries =
            reallocate(completions->entries, completions->capacity, sizeof entry);
    }
    completions->entries[completions->count++] = entry;
    return true;
}

static bool read_records(struct completions *completions, struct record_reader *reader,
                         const char *const *keep, struct error *error) {
    const char *name = record_reader_name(reader);
    struct record record = {0}, scratch = {0};
    enum read_result result;
    bool fine = true;

    while (fine && (result = record_reader_next(reader, &record, error)) == READ_RECORD) {
        uint64_t place = record_reader_count(reader);
        fine = add_record(completions, &record, place, keep, &scratch, error);
        if (!fine) {
            char what[96];
            record_describe(&record, place, what);
            error_place(error, "%s: record %llu (%s)", name, (unsigned long long)place, what);
        } else if (stop_requested()) {
            fine = error_set(error, "%s: stopped by a signal", name);
        }
    }
    record_free(&record);
    record_free(&scratch);
    return fine && result == READ_END;
}

static bool read_stream(struct completions *completions, const char *path, const char *const *keep,
                        struct error *error) {
    struct record_reader *reader = record_reader_open(path, error);
    struct stream stream = {0};

    if (reader == NULL)
        return false;
    bool fine = read_records(completions, reader, keep, error);
    if (fine) {
        stream.name = copy_text(record_reader_name(reader));
        memcpy(stream.digest, record_reader_digest(reader), sizeof stream.digest - 1);
        completions->streams = reallocate(completions->streams, completions->stream_count + 1,
                                          sizeof *completions->streams);
        completions->streams[completions->stream_count++] = stream;
    }
    record_reader_close(reader);
    return fine;
}

/* "a.rec, b.rec" */
static void join_names(struct completions *completions) {
    struct buffer name = {0};

    for (size_t i = 0; i < completions->stream_count; i++)
        buffer_format(&name, "%s%s", i > 0 ? ", " : "", completions->streams[i].name);
    buffer_append(&name, "", 1);
    completions->name = (char *)name.data;
}

/* ---- the table ---- */

/* Records without a sample number take their place among those of their id. */
static void number_samples(struct completions *completions) {
    int64_t *seen = allocate(completions->ids.count + 1, sizeof *seen);

    for (size_t i = 0; i < completions->count; i++) {
        struct entry *entry = &completions->entries[i];
        if (entry->sample < 0)
            entry->sample = seen[entry->id];
        seen[entry->id]++;
    }
    free(seen);
}

static int by_id_and_sample(const void *a, const void *b) {
    const struct entry *left = a, *right = b;

    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    if (left->sample != right->sample)
        return left->sample < right->sample ? -1 : 1;
    if (left->stream != right->stream)
        return left->stream < right->stream ? -1 : 1;
    return left->place < right->place ? -1 : left->place > right->place;
}

static void parse_entry(const struct completions *completions, const struct entry *entry,
                        struct record *record) {
    struct error ignored = {0};

    /* These bytes were packed here from a record that had been checked. */
    record_parse(record, completions->arena.data + entry->offset, entry->size, &ignored);
}

static bool twice(const struct completions *completions, const struct entry *entry,
                  struct error *error) {
    const char *first = completions->streams[entry[0].stream].name;
    const char *second = completions->streams[entry[1].stream].name;
    unsigned long long one = entry[0].place, other = entry[1].place;
    struct record record = {0};
    struct text id = {0};
    int size;

    parse_entry(completions, entry, &record);
    record_text(&record, "id", &id, error);
    size = id.size < 80 ? (int)id.size : 80;
    error_set(error,
              "both are sample %lld of id '%.*s'; one completion for each sample, and an id of its "
              "own for each problem, would be right",
              (long long)entry->sample, size, id.bytes);
    record_free(&record);
    return entry[0].stream == entry[1].stream
               ? error_place(error, "%s: records %llu and %llu", first, one, other)
               : error_place(error, "record %llu of %s and record %llu of %s", one, first, other,
                             second);
}

static bool sort_table(struct completions *completions, struct error *error) {
    number_samples(completions);
    if (completions->count > 0)
        qsort(completions->entries, completions->count, sizeof *completions->entries,
              by_id_and_sample);
    completions->first = allocate(completions->ids.count + 1, sizeof *completions->first);
    for (size_t i = 0; i < completions->count; i++) {
        const struct entry *entry = &completions->entries[i];
        if (i + 1 < completions->count && entry[1].id == entry->id &&
            entry[1].sample == entry->sample)
            return twice(completions, entry, error);
        completions->first[entry->id + 1] = i + 1;
    }
    return true;
}

/* ---- using it ---- */

struct completions *completions_read_all(const char *const *paths, size_t count,
                                         const char *const *keep, struct error *error) {
    struct completions *completions = allocate(1, sizeof *completions);
    bool fine = true;

    for (size_t i = 0; fine && i < count; i++)
        fine = read_stream(completions, paths[i], keep, error);
    join_names(completions);
    if (fine && sort_table(completions, error))
        return completions;
    completions_free(completions);
    return NULL;
}

struct completions *completions_read(const char *path, const char *const *keep,
                                     struct error *error) {
    return completions_read_all(&path, 1, keep, error);
}

void completions_free(struct completions *completions) {
    if (completions == NULL)
        return;
    id_index_free(&completions->ids);
    buffer_free(&completions->arena);
    free(completions->entries);
    free(completions->first);
    for (size_t i = 0; i < completions->stream_count; i++)
        free(completions->streams[i].name);
    free(completions->streams);
    free(completions->name);
    free(completions);
}

const char *completions_name(const struct completions *completions) {
    return completions->name;
}

const char *completions_digest(const struct completions *completions, size_t stream) {
    return stream < completions->stream_count ? completions->streams[stream].digest : NULL;
}

size_t completions_ids(const struct completions *completions) {
    return completions->ids.count;
}

bool completions_find(const struct completions *completions, struct text id, size_t *number) {
    return id_index_find(&completions->ids, id_key(0, "id", id), number);
}

size_t completions_samples(const struct completions *completions, size_t number) {
    return completions->first[number + 1] - completions->first[number];
}

bool completions_get(const struct completions *completions, size_t number, int64_t sample,
                     struct record *record, struct error *error) {
    size_t low = completions->first[number], high = completions->first[number + 1];
    const struct entry *entries = completions->entries;

    if (high - low > 1) {
        size_t end = high;
        while (low < high) { /* the first of at least that sample */
            size_t middle = low + (high - low) / 2;
            if (entries[middle].sample < sample)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == end || entries[low].sample != sample)
            return error_set(error,
                             "%s has %zu samples of this id, but no sample %lld; one sample for "
                             "all, or one for each, would be right",
                             completions->name, completions_samples(completions, number),
                             (long long)sample);
    }
    parse_entry(completions, &entries[low], record);
    return true;
}

void completions_at(const struct completions *completions, size_t number, size_t index,
                    struct record *record) {
    parse_entry(completions, &completions->entries[completions->first[number] + index], record);
}
