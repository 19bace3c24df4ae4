/* Building and reading the skippable frames of a stream. */
#include "record/frames.h"

#include <string.h>
#include <sys/mman.h>

void pages_done(const uint8_t *data, size_t *done, size_t at) {
    enum { CHUNK = 16 << 20 };
    size_t end = at / CHUNK * CHUNK;
    if (end <= *done)
        return;
    madvise((void *)(uintptr_t)(data + *done), end - *done, MADV_DONTNEED);
    *done = end;
}

void frame_append_mark(struct buffer *out, uint32_t magic, const struct buffer *map) {
    uint32_t numbers[2] = {magic, (uint32_t)(SIGNATURE_SIZE + map->size)};
    for (int i = 0; i < 2; i++)
        for (int shift = 0; shift < 32; shift += 8)
            buffer_append(out, &(uint8_t){(uint8_t)(numbers[i] >> shift)}, 1);
    buffer_append(out, FRAME_SIGNATURE, SIGNATURE_SIZE);
    buffer_append(out, map->data, map->size);
}

void frame_append_provenance(struct buffer *out, const struct provenance *provenance) {
    struct record map = {0};
    struct buffer packed = {0};
    record_set_integer(&map, "format", STREAM_FORMAT);
    record_set_text(&map, "tool", provenance->tool);
    record_set_text(&map, "version", provenance->version);
    record_set_text(&map, "arguments", provenance->arguments);
    if (provenance->has_seed)
        record_set_unsigned(&map, "seed", provenance->seed);
    record_pack(&map, &packed);
    frame_append_mark(out, MAGIC_PROVENANCE, &packed);
    buffer_free(&packed);
    record_free(&map);
}

bool frame_read_mark(uint32_t magic, const uint8_t *payload, size_t size, struct record *map,
                     struct error *error) {
    if (size < SIGNATURE_SIZE || memcmp(payload, FRAME_SIGNATURE, SIGNATURE_SIZE) != 0)
        return error_set(error, "a skippable frame that is not lockpick's; a stream holds none");
    if (!record_parse(map, payload + SIGNATURE_SIZE, size - SIGNATURE_SIZE, error))
        return error_place(error, magic == MAGIC_END ? "damaged end mark" : "damaged provenance");
    if (map->count > MARK_FIELDS_LIMIT)
        return error_set(error,
                         "%s with %zu fields; at most %d are read, and 'records salvage' saves the "
                         "records alone",
                         magic == MAGIC_END ? "an end mark" : "provenance", map->count,
                         MARK_FIELDS_LIMIT);
    int64_t format;
    if (magic != MAGIC_PROVENANCE)
        return true;
    if (!record_integer(map, "format", &format, error))
        return error_place(error, "damaged provenance");
    return format == STREAM_FORMAT ||
           error_set(error, "format version %lld; this lockpick reads version %d",
                     (long long)format, STREAM_FORMAT);
}

/* A count in an end mark: never negative, and 0 where `fallback` allows it to be missing. */
static bool read_count(const struct record *map, const char *key, bool required, uint64_t *count,
                       struct error *error) {
    const struct value *value = record_find(map, key);
    *count = 0;
    if ((value == NULL && !required) || (value != NULL && value_unsigned(*value, count)))
        return true;
    return error_set(error, "damaged end mark: \"%s\" should be a count", key);
}

bool frame_read_end(const struct record *map, struct end_mark *mark, struct error *error) {
    if (!read_count(map, "records", true, &mark->records, error) ||
        !read_count(map, "rejected", false, &mark->rejected, error))
        return false;
    if (!record_text(map, "digest", &mark->digest, error))
        return error_place(error, "damaged end mark");
    return mark->digest.size == 32 ||
           error_set(error, "damaged end mark: \"digest\" should be 32 hex digits");
}

bool frame_unexpected(const uint8_t *found, bool in_segment, struct error *error) {
    uint32_t magic = little_endian_32(found);
    if (magic == MAGIC_ZSTD || magic == MAGIC_END)
        return error_set(error, "%s without provenance before it; not a record stream",
                         magic == MAGIC_END ? "an end mark" : "a zstd frame");
    if (magic == MAGIC_PROVENANCE)
        return error_set(error, "a new segment begins but the one before has no end mark");
    if (found[0] == '{')
        return error_set(error, "JSON text, not a record stream; 'records make' makes one of it");
    return error_set(error, "bytes %02x %02x %02x %02x where %s should begin", found[0], found[1],
                     found[2], found[3], in_segment ? "a frame or the end mark" : "a stream");
}
