/* The cache of answers: names of entries, reading, writing. */
#include "remote/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/files.h"
#include "base/tool.h"
#include "record/stream.h"

struct cache {
    char *folder;
    char *endpoint;
};

/* ---- the folder ---- */

/* Makes a folder and those above it. */
static bool make_folders(const char *path, struct error *error) {
    char *copy = copy_text(path);
    bool fine = true;

    for (char *slash = copy; fine && slash != NULL;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        fine = mkdir(copy, 0700) == 0 || errno == EEXIST;
        if (slash != NULL)
            *slash = '/';
    }
    if (!fine)
        error_set_errno(error, "%s: cannot be made", path);
    else if (!directory_exists(path))
        fine = error_set(error, "%s: is no folder", path);
    free(copy);
    return fine;
}

static char *default_folder(struct error *error) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (base != NULL && base[0] == '/')
        return path_join(base, "lockpick/ask");
    if (home != NULL && home[0] == '/')
        return path_join(home, ".cache/lockpick/ask");
    error_set(error, "neither XDG_CACHE_HOME nor HOME names a folder for the cache of answers; "
                     "--cache FOLDER does");
    return NULL;
}

struct cache *cache_open(const char *folder, const char *endpoint, struct error *error) {
    char *path = folder != NULL ? copy_text(folder) : default_folder(error);
    struct cache *cache;

    if (path == NULL || !make_folders(path, error)) {
        free(path);
        return NULL;
    }
    cache = allocate(1, sizeof *cache);
    cache->folder = path;
    cache->endpoint = copy_text(endpoint);
    return cache;
}

void cache_close(struct cache *cache) {
    if (cache == NULL)
        return;
    free(cache->folder);
    free(cache->endpoint);
    free(cache);
}

/* ---- keys ---- */

void cache_key(const struct cache *cache, const struct cache_question *question, char key[33]) {
    struct buffer bytes = {0};
    XXH128_hash_t hash;

    buffer_format(&bytes, "%s\n%s\n%llu\n", cache->endpoint, question->kind,
                  (unsigned long long)question->sample);
    buffer_append(&bytes, question->body.bytes, question->body.size);
    hash = XXH3_128bits(bytes.data, bytes.size);
    snprintf(key, 33, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    buffer_free(&bytes);
}

static char *entry_path(const struct cache *cache, const struct cache_question *question) {
    char key[33];

    cache_key(cache, question, key);
    return format_text("%s/%.2s/%s.rec", cache->folder, key, key + 2);
}

/* ---- entries ---- */

/* Whether the record's field is that text. */
static bool says(const struct record *record, const char *field, struct text wanted) {
    struct error ignored = {0};
    struct text found = {0};

    return record_text(record, field, &found, &ignored) && text_equal(found, wanted);
}

static bool answers(const struct cache *cache, const struct cache_question *question,
                    const struct record *record) {
    struct error ignored = {0};
    int64_t sample = 0;

    return says(record, "endpoint", text_of(cache->endpoint)) &&
           says(record, "kind", text_of(question->kind)) &&
           record_integer(record, "sample", &sample, &ignored) &&
           sample == (int64_t)question->sample && says(record, "request", question->body);
}

/* The stream is read to its end, which is where its digest is checked. */
static bool read_entry(const struct cache *cache, const struct cache_question *question,
                       struct record_reader *reader, struct buffer *answer) {
    struct record record = {0};
    struct error ignored = {0};
    struct text text = {0};
    bool fine = record_reader_next(reader, &record, &ignored) == READ_RECORD &&
                answers(cache, question, &record) &&
                record_text(&record, "answer", &text, &ignored);

    answer->size = 0;
    if (fine)
        buffer_append(answer, text.bytes, text.size);
    fine = fine && record_reader_next(reader, &record, &ignored) == READ_END;
    record_free(&record);
    return fine;
}

bool cache_find(const struct cache *cache, const struct cache_question *question,
                struct buffer *answer) {
    char *path = entry_path(cache, question);
    struct error ignored = {0};
    struct record_reader *reader = record_reader_open(path, &ignored);
    bool found = reader != NULL && read_entry(cache, question, reader, answer);

    record_reader_close(reader);
    free(path);
    return found;
}

/* Writes a stream of one record through a descriptor. */
static bool write_record(int descriptor, const struct record *record, struct error *error) {
    struct provenance provenance = {.tool = text_of("ask"), .version = text_of(LOCKPICK_VERSION)};
    char place[64];
    struct record_writer *writer;

    snprintf(place, sizeof place, "/proc/self/fd/%d", descriptor);
    writer = record_writer_open(place, &provenance, 0, error);
    if (writer == NULL)
        return false;
    if (record_writer_add(writer, record, error))
        return record_writer_close(writer, error);
    record_writer_abandon(writer);
    return false;
}

/*
 * The entry gets its name when it is complete, but is not synced: that would take longer than many
 * an answer, and what a power cut damages is asked again.
 */
static bool write_entry(const char *path, const struct record *record, struct error *error) {
    char *partial = format_text("%s.XXXXXX", path);
    int descriptor = mkostemp(partial, O_CLOEXEC);
    bool fine = descriptor >= 0 && write_record(descriptor, record, error);

    if (descriptor < 0)
        error_set_errno(error, "%s: cannot be written", path);
    else
        close(descriptor);
    if (fine && rename(partial, path) != 0)
        fine = error_set_errno(error, "%s: cannot be put in place", path);
    if (!fine && descriptor >= 0)
        unlink(partial);
    free(partial);
    return fine;
}

bool cache_store(const struct cache *cache, const struct cache_question *question,
                 struct text answer, struct error *error) {
    char *path = entry_path(cache, question);
    char *slash = strrchr(path, '/');
    struct record record = {0};
    bool fine;

    record_set_text(&record, "endpoint", text_of(cache->endpoint));
    record_set_text(&record, "kind", text_of(question->kind));
    record_set_integer(&record, "sample", (int64_t)question->sample);
    record_set_text(&record, "request", question->body);
    record_set_text(&record, "answer", answer);
    *slash = '\0';
    fine = make_folders(path, error);
    *slash = '/';
    fine = fine && write_entry(path, &record, error);
    record_free(&record);
    free(path);
    return fine || error_place(error, "cache of answers");
}
