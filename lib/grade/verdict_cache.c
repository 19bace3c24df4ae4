/*
 * An entry: a head of 16 bytes (magic, XXH3-64 of the rest), then verdict, passed, total,
 * microseconds, size of `found`, `found`. Written under a name of its own and renamed; not synced,
 * for what a power cut damages is made again.
 */
#include "grade/verdict_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/files.h"

static const char magic[8] = "LPVERD2\n"; /* changes when judging does: also part of every key */

struct entry {
    char magic[8];
    uint64_t digest; /* of all that follows */
    uint64_t microseconds;
    uint32_t verdict, passed, total, found_size;
    char found[320]; /* found_size bytes of it are written */
};

enum {
    ENTRY_HEAD = offsetof(struct entry, found),
    DIGESTED = offsetof(struct entry, microseconds)
};

struct verdict_cache {
    char *folder;
    struct buffer common; /* what all keys begin with */
};

struct verdict_cache *verdict_cache_open(const char *folder, const char *identity,
                                         const struct code_settings *settings,
                                         struct error *error) {
    struct verdict_cache *cache;

    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        error_set_errno(error, "%s: folder of verdicts", folder);
        return NULL;
    }
    if (!directory_exists(folder)) {
        error_set(error, "%s is no folder; --cache names a folder of verdicts", folder);
        return NULL;
    }
    cache = allocate(1, sizeof *cache);
    cache->folder = copy_text(folder);
    buffer_format(
        &cache->common, "%.8s%s\ncpu %llu idle %llu memory %llu output %llu all %d compile %g\n",
        magic, identity, (unsigned long long)settings->cpu_microseconds,
        (unsigned long long)settings->idle_microseconds, (unsigned long long)settings->memory_bytes,
        (unsigned long long)settings->output_bytes, settings->all_tests, settings->compile_seconds);
    return cache;
}

void verdict_cache_close(struct verdict_cache *cache) {
    if (cache == NULL)
        return;
    free(cache->folder);
    buffer_free(&cache->common);
    free(cache);
}

struct verdict_key verdict_cache_key(const struct verdict_cache *cache, struct text code,
                                     const struct code_tests *tests) {
    struct verdict_key key;
    uint64_t sizes[2] = {code.size, tests->value.size};
    XXH3_state_t *state = XXH3_createState();
    XXH128_canonical_t bytes;

    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, cache->common.data, cache->common.size);
    XXH3_128bits_update(state, sizes, sizeof sizes);
    XXH3_128bits_update(state, code.bytes, code.size);
    XXH3_128bits_update(state, tests->value.bytes, tests->value.size);
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(state));
    XXH3_freeState(state);
    memcpy(key.bytes, bytes.digest, sizeof key.bytes);
    return key;
}

/* FOLDER/ab/cdef…; `directory` is FOLDER/ab. */
static void entry_path(const struct verdict_cache *cache, const struct verdict_key *key,
                       char **directory, char **path) {
    char name[33];

    for (unsigned i = 0; i < sizeof key->bytes; i++)
        snprintf(name + (size_t)2 * i, 3, "%02x", key->bytes[i]);
    *directory = format_text("%s/%.2s", cache->folder, name);
    *path = format_text("%s/%.2s/%s", cache->folder, name, name + 2);
}

static bool is_whole(const struct entry *entry, ssize_t size) {
    return size >= ENTRY_HEAD && memcmp(entry->magic, magic, sizeof magic) == 0 &&
           entry->found_size < sizeof entry->found &&
           (size_t)size == ENTRY_HEAD + entry->found_size && entry->verdict < CODE_VERDICTS &&
           entry->passed <= entry->total &&
           XXH3_64bits((const char *)entry + DIGESTED, (size_t)size - DIGESTED) == entry->digest;
}

bool verdict_cache_get(const struct verdict_cache *cache, const struct verdict_key *key,
                       struct code_grade *grade) {
    struct entry entry;
    char *directory, *path;
    int file;
    ssize_t size;

    entry_path(cache, key, &directory, &path);
    file = open(path, O_RDONLY | O_CLOEXEC);
    free(directory);
    free(path);
    if (file < 0)
        return false;
    size = read(file, &entry, sizeof entry);
    close(file);
    if (!is_whole(&entry, size))
        return false;
    *grade = (struct code_grade){.verdict = (enum code_verdict)entry.verdict,
                                 .passed = entry.passed,
                                 .total = entry.total,
                                 .microseconds = entry.microseconds};
    memcpy(grade->found, entry.found, entry.found_size);
    return true;
}

static bool write_entry(const char *path, const void *bytes, size_t size, struct error *error) {
    char *partial = format_text("%s.%ld", path, syscall(SYS_gettid));
    int file = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool fine = file >= 0 && write(file, bytes, size) == (ssize_t)size;

    if (file >= 0)
        fine = close(file) == 0 && fine;
    if (!fine || rename(partial, path) != 0) {
        fine = error_set_errno(error, "%s: writing a verdict to the cache", path);
        unlink(partial);
    }
    free(partial);
    return fine;
}

bool verdict_cache_put(const struct verdict_cache *cache, const struct verdict_key *key,
                       const struct code_grade *grade, struct error *error) {
    struct entry entry = {.microseconds = grade->microseconds,
                          .verdict = grade->verdict,
                          .passed = grade->passed,
                          .total = grade->total,
                          .found_size = (uint32_t)strlen(grade->found)};
    char *directory, *path;
    bool fine;

    memcpy(entry.magic, magic, sizeof magic);
    memcpy(entry.found, grade->found, entry.found_size);
    entry.digest =
        XXH3_64bits((const char *)&entry + DIGESTED, ENTRY_HEAD + entry.found_size - DIGESTED);
    entry_path(cache, key, &directory, &path);
    fine = mkdir(directory, 0777) == 0 || errno == EEXIST ||
           error_set_errno(error, "%s: folder of verdicts", directory);
    fine = fine && write_entry(path, &entry, ENTRY_HEAD + entry.found_size, error);
    free(directory);
    free(path);
    return fine;
}
