/*
 * Salvage. The file is walked from frame to frame; where none begins, the next magic number is
 * searched. A frame is decompressed as a whole and its checksum tested before any record of it is
 * taken, so what is saved is what was written.
 */
#include "record/salvage.h"

#include <string.h>
#include <sys/stat.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/files.h"
#include "base/tool.h"
#include "record/frames.h"

enum { FRAME_LIMIT = 2 * RECORD_LIMIT }; /* larger frames are counted as damaged */

struct walk {
    const uint8_t *bytes;
    size_t size;
    ZSTD_DCtx *zstd;
    struct buffer content;
    struct record record;
    struct record_writer *writer;
    struct salvage *salvage;
};

/* The size of the skippable frame of ours at `at`; 0 where there is none. */
static size_t mark_size(const struct walk *walk, size_t at) {
    const uint8_t *frame = walk->bytes + at;
    if (walk->size - at < FRAME_HEAD + SIGNATURE_SIZE ||
        (little_endian_32(frame) != MAGIC_PROVENANCE && little_endian_32(frame) != MAGIC_END) ||
        memcmp(frame + FRAME_HEAD, FRAME_SIGNATURE, SIGNATURE_SIZE) != 0)
        return 0;
    size_t size = FRAME_HEAD + (size_t)little_endian_32(frame + 4);
    return size <= walk->size - at ? size : 0;
}

static bool is_zstd(const struct walk *walk, size_t at) {
    return walk->size - at >= 4 && little_endian_32(walk->bytes + at) == MAGIC_ZSTD;
}

static size_t next_start(const struct walk *walk, size_t at) {
    while (at < walk->size && !is_zstd(walk, at) && mark_size(walk, at) == 0)
        at++;
    return at;
}

/* Decompresses into `content`, as far as it goes; true when the frame came to its right end. */
static bool decompress(struct walk *walk, size_t at, size_t size) {
    ZSTD_inBuffer in = {walk->bytes + at, size, 0};
    walk->content.size = 0;
    ZSTD_DCtx_reset(walk->zstd, ZSTD_reset_session_only);
    for (;;) {
        buffer_reserve(&walk->content, ZSTD_DStreamOutSize());
        ZSTD_outBuffer out = {walk->content.data, walk->content.capacity, walk->content.size};
        size_t result = ZSTD_decompressStream(walk->zstd, &out, &in);
        bool moved = out.pos > walk->content.size;
        walk->content.size = out.pos;
        if (result == 0)
            return true;
        if (ZSTD_isError(result) || out.pos > FRAME_LIMIT || (in.pos == in.size && !moved))
            return false;
    }
}

/* Writes the whole records at the start of `content`; true when that was all of it. */
static bool take_records(struct walk *walk, bool *whole, struct error *error) {
    size_t at = 0;
    *whole = true;
    while (at < walk->content.size) {
        bool incomplete;
        struct error ignored = {0};
        size_t size = record_parse_front(&walk->record, walk->content.data + at,
                                         walk->content.size - at, &incomplete, &ignored);
        if (size == 0) {
            *whole = false;
            return true;
        }
        if (!record_writer_add(walk->writer, &walk->record, error))
            return false;
        walk->salvage->records++;
        at += size;
    }
    return true;
}

/* The zstd frame at `*at`; moves behind it, or one byte on where it is damaged. */
static bool take_frame(struct walk *walk, size_t *at, struct error *error) {
    size_t left = walk->size - *at;
    size_t size = ZSTD_findFrameCompressedSize(walk->bytes + *at, left);
    bool whole = true;
    if (!ZSTD_isError(size) && decompress(walk, *at, size)) {
        *at += size;
        if (!take_records(walk, &whole, error))
            return false;
        walk->salvage->frames += !whole;
        return true;
    }
    walk->salvage->frames++;
    bool cut = ZSTD_getErrorCode(size) == ZSTD_error_srcSize_wrong &&
               next_start(walk, *at + 1) == walk->size;
    if (!cut) {
        (*at)++;
        walk->salvage->bytes++;
        return true;
    }
    decompress(walk, *at, left);
    walk->salvage->bytes += left;
    *at = walk->size;
    return take_records(walk, &whole, error);
}

static bool walk_file(struct walk *walk, struct error *error) {
    size_t at = 0, found = 0;
    for (size_t done = 0; at < walk->size; pages_done(walk->bytes, &done, at)) {
        if (stop_requested())
            return error_set(error, "stopped by a signal");
        size_t start = next_start(walk, at), mark;
        walk->salvage->bytes += start - at;
        at = start;
        if (at == walk->size)
            break;
        found++;
        if ((mark = mark_size(walk, at)) > 0)
            at += mark;
        else if (!take_frame(walk, &at, error))
            return false;
    }
    return found > 0 || error_set(error, "holds no frame of a record stream; nothing to save");
}

bool record_salvage(const char *path, struct record_writer *writer, struct salvage *salvage,
                    struct error *error) {
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return error_set(error, "%s: is no regular file; save it into one first", path);
    struct mapped_file file;
    if (!file_map(&file, path, error))
        return false;
    struct walk walk = {.bytes = file.data,
                        .size = file.size,
                        .writer = writer,
                        .salvage = salvage,
                        .zstd = ZSTD_createDCtx()};
    *salvage = (struct salvage){0};
    bool fine = walk.zstd != NULL || error_set(error, "no memory to decompress");
    if (fine) {
        ZSTD_DCtx_setParameter(walk.zstd, ZSTD_d_windowLogMax, WINDOW_LOG_LIMIT);
        fine = walk_file(&walk, error);
    }
    ZSTD_freeDCtx(walk.zstd);
    buffer_free(&walk.content);
    record_free(&walk.record);
    file_unmap(&file);
    return fine || error_place(error, "%s", path);
}
