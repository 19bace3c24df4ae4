/*
 * Counting the records of a file at rest: hopping from frame to frame and adding up what the end
 * marks say. Nothing is decompressed, but a file that is not whole is still noticed.
 */
#include <sys/stat.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/files.h"
#include "record/frames.h"

/* Where the walk stands, and what it has added up. */
struct hop {
    const struct mapped_file *file;
    size_t at;
    bool in_segment;
    uint64_t segments;
    uint64_t count;
};

static bool cut_off(const struct hop *hop, struct error *error) {
    return error_set(error,
                     "cut off at byte %zu, no end mark; make it again, or let "
                     "'records salvage' save the whole records",
                     hop->at);
}

static bool hop_mark(struct hop *hop, uint32_t magic, struct record *map, struct error *error) {
    size_t left = hop->file->size - hop->at;
    if (left < FRAME_HEAD)
        return cut_off(hop, error);
    const uint8_t *frame = hop->file->data + hop->at;
    size_t size = little_endian_32(frame + 4);
    if (size > MARK_LIMIT)
        return error_set(error, "a skippable frame of %zu bytes; at most %d are read", size,
                         MARK_LIMIT);
    if (size > left - FRAME_HEAD)
        return cut_off(hop, error);
    struct end_mark mark = {0};
    if (!frame_read_mark(magic, frame + FRAME_HEAD, size, map, error) ||
        (magic == MAGIC_END && !frame_read_end(map, &mark, error)))
        return error_place(error, "byte %zu", hop->at);
    hop->count += mark.records;
    hop->segments++;
    hop->in_segment = magic == MAGIC_PROVENANCE;
    hop->at += FRAME_HEAD + size;
    return true;
}

static bool hop_frame(struct hop *hop, struct record *map, struct error *error) {
    size_t left = hop->file->size - hop->at;
    if (left < 4)
        return cut_off(hop, error);
    const uint8_t *frame = hop->file->data + hop->at;
    uint32_t magic = little_endian_32(frame);
    if (magic == (hop->in_segment ? MAGIC_END : MAGIC_PROVENANCE))
        return hop_mark(hop, magic, map, error);
    if (!hop->in_segment || magic != MAGIC_ZSTD) {
        frame_unexpected(frame, hop->in_segment, error);
        return error_place(error, "byte %zu", hop->at);
    }
    size_t size = ZSTD_findFrameCompressedSize(frame, left);
    if (ZSTD_isError(size) && ZSTD_getErrorCode(size) == ZSTD_error_srcSize_wrong)
        return cut_off(hop, error);
    if (ZSTD_isError(size))
        return error_set(error, "byte %zu: damaged: %s; 'records salvage' saves the whole records",
                         hop->at, ZSTD_getErrorName(size));
    hop->at += size;
    return true;
}

bool record_count(const char *path, uint64_t *count, struct error *error) {
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return error_set(error, "%s: is no regular file; its records have to be read", path);
    struct mapped_file file;
    if (!file_map(&file, path, error))
        return false;
    struct hop hop = {.file = &file};
    struct record map = {0};
    bool fine = file.size > 0 || error_set(error, "empty: zero bytes are no record stream");
    for (size_t done = 0; fine && hop.at < file.size; pages_done(file.data, &done, hop.at))
        fine = hop_frame(&hop, &map, error);
    if (fine && hop.in_segment)
        fine = cut_off(&hop, error);
    record_free(&map);
    file_unmap(&file);
    *count = hop.count;
    return fine || error_place(error, "%s", path);
}
