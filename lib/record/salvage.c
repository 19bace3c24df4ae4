/*
 * Salvage. The file is walked from frame to frame; where none begins, the next magic number is
 * searched. A frame is decompressed as a whole and its checksum tested before any record of it is
 * taken, so what is saved is what was written.
 */
#include "record/salvage.h"

#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/files.h"
#include "base/tool.h"
#include "record/frames.h"

enum { FRAME_LIMIT = 2 * RECORD_LIMIT }; /* larger frames are counted as damaged */

/*
 * What frames that turn out damaged may cost, in bytes walked over and made: so much in any case,
 * and so much a byte of the file. Damage alone stays far below; only frames made to begin within
 * each other have more, and then the search goes on behind a damaged frame and not within it.
 */
#define EFFORT_OF_A_FILE ((uint64_t)1 << 30)
#define EFFORT_OF_A_BYTE 64

struct walk {
    const uint8_t *bytes;
    size_t size;
    ZSTD_DCtx *zstd;
    struct buffer content;
    struct record record;
    struct record_writer *writer;
    struct salvage *salvage;
    uint64_t effort; /* left for damaged frames */
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

/*
 * Where the zstd frame at `at` ends by the sizes of its blocks (RFC 8878, 3.1.1). False where they
 * make no sense or, *cut then, go beyond the file; *end is how far the walk over them came.
 */
static bool frame_end(const struct walk *walk, size_t at, size_t *end, bool *cut) {
    static const size_t size_bytes[] = {0, 2, 4, 8}, dictionary_bytes[] = {0, 1, 2, 4};
    *end = at;
    *cut = true;
    if (walk->size - at < 5)
        return false;
    uint8_t about = walk->bytes[at + 4];
    bool single = about >> 5 & 1, last = false;
    at += 5 + !single + dictionary_bytes[about & 3] + size_bytes[about >> 6];
    at += single && about >> 6 == 0;
    while (!last) {
        if (at > walk->size || walk->size - at < 3)
            return false;
        *end = at;
        const uint8_t *block = walk->bytes + at;
        uint32_t head = block[0] | (uint32_t)block[1] << 8 | (uint32_t)block[2] << 16;
        unsigned kind = head >> 1 & 3;
        last = head & 1;
        *cut = kind != 3; /* reserved */
        if (!*cut)
            return false;
        at += 3 + (kind == 1 ? 1 : head >> 3); /* 1: one byte, repeated */
    }
    at += about >> 2 & 1 ? 4 : 0;
    *cut = at > walk->size;
    *end = *cut ? *end : at;
    return !*cut;
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
    size_t end;
    bool whole = true, cut;
    bool ends = frame_end(walk, *at, &end, &cut);
    if (ends && decompress(walk, *at, end - *at)) {
        *at = end;
        if (!take_records(walk, &whole, error))
            return false;
        walk->salvage->frames += !whole;
        return true;
    }
    walk->salvage->frames++;
    uint64_t effort = end - *at + (ends ? walk->content.size : 0);
    bool searches = effort <= walk->effort;
    walk->effort -= searches ? effort : walk->effort;
    size_t next = searches || end == *at ? *at + 1 : end;
    if (!cut || next_start(walk, next) < walk->size) {
        walk->salvage->bytes += next - *at;
        *at = next;
        return true;
    }
    decompress(walk, *at, walk->size - *at);
    walk->salvage->bytes += walk->size - *at;
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
                        .effort = EFFORT_OF_A_FILE + EFFORT_OF_A_BYTE * (uint64_t)file.size,
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
