/*
 * Inside of lib/record: the three kinds of frames that a stream consists of, and the contents of
 * the two skippable ones. lockpick-records(5) describes the same for third parties.
 */
#ifndef LOCKPICK_RECORD_FRAMES_H
#define LOCKPICK_RECORD_FRAMES_H

#include "record/stream.h"

enum {
    MAGIC_PROVENANCE = 0x184D2A57,
    MAGIC_END = 0x184D2A58,
    FRAME_HEAD = 8,           /* magic and payload size of a skippable frame */
    STREAM_FORMAT = 1,        /* the format version of provenance */
    FRAME_TARGET = 1 << 20,   /* bytes of records that close a frame */
    MARK_LIMIT = 16 << 20,    /* payload of a skippable frame */
    MARK_FIELDS_LIMIT = 1000, /* fields of a mark, which has about ten */
    WINDOW_LOG_LIMIT = 27,    /* zstd's own default for streaming: 128 MiB */
    RECORD_LIMIT = 256 << 20, /* bytes of one record */
    DEFAULT_LEVEL = 1, /* half the time of level 3, 1 to 12 % larger: tests/bench/RESULTS.md */
};

static const uint32_t MAGIC_ZSTD = 0xFD2FB528;

/* What every payload of ours starts with: other skippable frames are not ours. */
#define FRAME_SIGNATURE "lockpick"
enum { SIGNATURE_SIZE = 8 };

/* What an end mark says. */
struct end_mark {
    uint64_t records;
    uint64_t rejected;
    struct text digest; /* borrowed */
};

static inline uint32_t little_endian_32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/*
 * Gives back the pages of a mapped file from *done to `at`, once they are many; a long file would
 * otherwise count wholly as memory of ours. They can be read again.
 */
void pages_done(const uint8_t *data, size_t *done, size_t at);

/* Appends a whole skippable frame around a msgpack map. */
void frame_append_mark(struct buffer *out, uint32_t magic, const struct buffer *map);

void frame_append_provenance(struct buffer *out, const struct provenance *provenance);

/*
 * The map in a payload, after checking the signature and every byte of it; for provenance the
 * format version too.
 */
bool frame_read_mark(uint32_t magic, const uint8_t *payload, size_t size, struct record *map,
                     struct error *error);
bool frame_read_end(const struct record *map, struct end_mark *mark, struct error *error);

/* Says what stands where a frame should begin; `found` are its first four bytes. */
bool frame_unexpected(const uint8_t *found, bool in_segment, struct error *error);

#endif
