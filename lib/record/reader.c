/*
 * Reading record streams. A small frame that states its size, as all of ours do, is awaited whole
 * and decompressed in one go by the pool, which runs ahead as far as input is there: while the
 * records of one frame are parsed, the next is being decompressed. Any other frame goes through the
 * window, piece by piece, and a record that is not complete yet is carried over. Nothing grows
 * further than bytes truly arrive.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/tool.h"
#include "record/digest.h"
#include "record/frames.h"
#include "record/pool.h"

enum {
    INPUT_START = 256 << 10,
    FRAME_IN_ONE_GO = 4 << 20, /* frames up to this size are awaited whole */
    THREADS_AHEAD = 2,
    RESCAN_FREELY = 256 << 10, /* longer carry-overs are looked at again only when doubled */
};

struct record_reader {
    char *name;
    int descriptor;
    uint8_t *input;
    size_t input_at, input_end, input_capacity;
    uint64_t input_offset; /* in the stream, of input[0] */
    bool input_over;

    const uint8_t *next, *end; /* records to be parsed, in a frame of the pool or the window */
    struct pool *pool;
    uint8_t *window;
    size_t window_capacity;
    ZSTD_DCtx *zstd;
    bool in_segment;
    bool in_frame;         /* of which the window holds a part */
    uint64_t frame_offset; /* where the frame in work begins */
    uint64_t segments;
    uint64_t count, segment_count;
    uint64_t rejected;
    XXH3_state_t *all, *segment; /* digests of all records, and of this segment's */
    char digest[DIGEST_TEXT];
    enum read_result last;
    struct error failure; /* of the read that failed: every later one tells it again */
    struct record mark;
    bool keep_marks;
    struct buffer marks;
};

/* ---- opening, closing, telling ---- */

struct record_reader *record_reader_open(const char *path, struct error *error) {
    bool standard = path == NULL || strcmp(path, "-") == 0;
    int descriptor = STDIN_FILENO;
    struct stat status;
    if (!standard && (descriptor = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        error_set_errno(error, "%s: cannot be read", path);
        return NULL;
    }
    if (fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
        if (!standard)
            close(descriptor);
        error_set(error, "%s: is a directory; a record stream would be right",
                  standard ? "standard input" : path);
        return NULL;
    }
    struct record_reader *reader = allocate(1, sizeof *reader);
    reader->name = copy_text(standard ? "standard input" : path);
    reader->descriptor = descriptor;
    reader->input_capacity = INPUT_START;
    reader->input = reallocate(NULL, reader->input_capacity, 1);
    reader->pool = pool_open(POOL_DECOMPRESS, 0, THREADS_AHEAD);
    reader->zstd = ZSTD_createDCtx();
    reader->all = XXH3_createState();
    reader->segment = XXH3_createState();
    if (reader->zstd == NULL || reader->all == NULL || reader->segment == NULL) {
        error_set(error, "%s: no memory to decompress", reader->name);
        record_reader_close(reader);
        return NULL;
    }
    ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_LIMIT);
    XXH3_128bits_reset(reader->all);
    reader->last = READ_RECORD;
    return reader;
}

void record_reader_close(struct record_reader *reader) {
    if (reader == NULL)
        return;
    if (reader->descriptor != STDIN_FILENO)
        close(reader->descriptor);
    pool_free(reader->pool);
    ZSTD_freeDCtx(reader->zstd);
    XXH3_freeState(reader->all);
    XXH3_freeState(reader->segment);
    record_free(&reader->mark);
    buffer_free(&reader->marks);
    free(reader->input);
    free(reader->window);
    free(reader->name);
    free(reader);
}

uint64_t record_reader_count(const struct record_reader *reader) {
    return reader->count;
}

uint64_t record_reader_rejected(const struct record_reader *reader) {
    return reader->rejected;
}

const char *record_reader_name(const struct record_reader *reader) {
    return reader->name;
}

const char *record_reader_digest(const struct record_reader *reader) {
    return reader->digest;
}

void record_reader_keep_marks(struct record_reader *reader) {
    reader->keep_marks = true;
}

struct value record_reader_marks(const struct record_reader *reader) {
    return (struct value){reader->marks.data, reader->marks.size};
}

/* ---- compressed bytes ---- */

static size_t input_left(const struct record_reader *reader) {
    return reader->input_end - reader->input_at;
}

static uint64_t input_place(const struct record_reader *reader) {
    return reader->input_offset + reader->input_at;
}

/* Reads once more; false on failure. At the end of the input `input_over` is set. */
static bool input_more(struct record_reader *reader, struct error *error) {
    if (reader->input_at > 0) {
        memmove(reader->input, reader->input + reader->input_at, input_left(reader));
        reader->input_offset += reader->input_at;
        reader->input_end -= reader->input_at;
        reader->input_at = 0;
    }
    if (reader->input_end == reader->input_capacity) {
        reader->input_capacity *= 2;
        reader->input = reallocate(reader->input, reader->input_capacity, 1);
    }
    for (;;) {
        ssize_t got = read(reader->descriptor, reader->input + reader->input_end,
                           reader->input_capacity - reader->input_end);
        if (got >= 0) {
            reader->input_end += (size_t)got;
            reader->input_over = got == 0;
            return true;
        }
        if (errno == EINTR && stop_requested())
            return error_set(error, "stopped by a signal");
        if (errno != EINTR)
            return error_set_errno(error, "cannot be read");
    }
}

/* Waits until `size` bytes are there or the input is over. */
static bool input_await(struct record_reader *reader, size_t size, struct error *error) {
    while (input_left(reader) < size && !reader->input_over)
        if (!input_more(reader, error))
            return false;
    return true;
}

static bool cut_off(const struct record_reader *reader, struct error *error) {
    return error_set(error,
                     "cut off after %llu whole records, no end mark; make it again, or let "
                     "'records salvage' save them",
                     (unsigned long long)reader->count);
}

static bool at_byte(const struct record_reader *reader, uint64_t offset, struct error *error) {
    return error_place(error, "byte %llu, after %llu records", (unsigned long long)offset,
                       (unsigned long long)reader->count);
}

static void digest_add(struct record_reader *reader, const uint8_t *bytes, size_t size) {
    XXH3_128bits_update(reader->all, bytes, size);
    if (reader->segments > 1) /* in the first segment both are the same */
        XXH3_128bits_update(reader->segment, bytes, size);
}

static bool damaged(const struct record_reader *reader, size_t code, struct error *error) {
    error_set(error, "damaged: %s; 'records salvage' saves the whole records",
              ZSTD_getErrorName(code));
    return at_byte(reader, reader->frame_offset, error);
}

/* ---- small frames, in one go ---- */

/* What the input begins with, as far as it is there. */
enum ahead { AHEAD_FRAME, AHEAD_UNFINISHED, AHEAD_OTHER };

static enum ahead look(const struct record_reader *reader, size_t *size, size_t *content) {
    enum { LONGEST_HEAD = 18 };
    const uint8_t *at = reader->input + reader->input_at;
    size_t left = input_left(reader);
    bool more = !reader->input_over && left < FRAME_IN_ONE_GO;
    if (left >= 4 && little_endian_32(at) != MAGIC_ZSTD)
        return AHEAD_OTHER;
    unsigned long long stated = ZSTD_getFrameContentSize(at, left);
    if (stated == ZSTD_CONTENTSIZE_ERROR && left < LONGEST_HEAD && more)
        return AHEAD_UNFINISHED;
    if (stated > FRAME_IN_ONE_GO) /* unknown and error are larger still */
        return AHEAD_OTHER;
    *content = (size_t)stated;
    *size = ZSTD_findFrameCompressedSize(at, left);
    if (!ZSTD_isError(*size))
        return AHEAD_FRAME;
    return ZSTD_getErrorCode(*size) == ZSTD_error_srcSize_wrong && more ? AHEAD_UNFINISHED
                                                                        : AHEAD_OTHER;
}

static void give_frame(struct record_reader *reader, size_t size, size_t content) {
    struct pool_frame *frame = pool_input(reader->pool);
    buffer_append(&frame->in, reader->input + reader->input_at, size);
    frame->content_size = content;
    frame->place = input_place(reader);
    reader->input_at += size;
    pool_give(reader->pool, pool_waiting(reader->pool) > 0);
}

static bool readable(const struct record_reader *reader) {
    struct pollfd input = {.fd = reader->descriptor, .events = POLLIN};
    return !reader->input_over && poll(&input, 1, 0) > 0;
}

/* Gives the pool what it can be given without waiting for input. */
static bool look_ahead(struct record_reader *reader, struct error *error) {
    size_t size, content;
    while (reader->in_segment && pool_waiting(reader->pool) <= THREADS_AHEAD) {
        enum ahead ahead = look(reader, &size, &content);
        if (ahead == AHEAD_FRAME)
            give_frame(reader, size, content);
        else if (ahead == AHEAD_OTHER || !readable(reader))
            return true;
        else if (!input_more(reader, error))
            return false;
    }
    return true;
}

/* Goes to the records of the oldest frame in the pool. */
static bool take_frame(struct record_reader *reader, struct error *error) {
    const struct pool_frame *frame = pool_take(reader->pool, true);
    reader->frame_offset = frame->place;
    if (frame->failure != 0)
        return damaged(reader, frame->failure, error);
    reader->next = frame->out.data;
    reader->end = frame->out.data + frame->out.size;
    digest_add(reader, frame->out.data, frame->out.size);
    return true;
}

/* ---- other frames, piece by piece ---- */

static size_t left_to_parse(const struct record_reader *reader) {
    return (size_t)(reader->end - reader->next);
}

/* Moves what is left to parse to the front of the window, with room for `size` bytes behind it. */
static bool window_reserve(struct record_reader *reader, size_t size, struct error *error) {
    size_t left = left_to_parse(reader);
    if (left > 0)
        memmove(reader->window, reader->next, left);
    if (reader->window_capacity - left < size) {
        uint8_t *window = realloc(reader->window, left + size);
        if (window == NULL)
            return error_set(error, "no memory for %zu bytes of one record", left + size);
        reader->window = window;
        reader->window_capacity = left + size;
    }
    reader->next = reader->window;
    reader->end = reader->window + left;
    return true;
}

static bool window_enter(struct record_reader *reader, struct error *error) {
    ZSTD_DCtx_reset(reader->zstd, ZSTD_reset_session_only);
    reader->frame_offset = input_place(reader);
    reader->in_frame = true;
    return window_reserve(reader, FRAME_TARGET, error);
}

/* One step of decompression, from the input that is there. */
static bool window_step(struct record_reader *reader, struct error *error) {
    size_t used = left_to_parse(reader);
    ZSTD_inBuffer in = {reader->input + reader->input_at, input_left(reader), 0};
    ZSTD_outBuffer out = {reader->window, reader->window_capacity, used};
    size_t result = ZSTD_decompressStream(reader->zstd, &out, &in);
    if (ZSTD_isError(result))
        return damaged(reader, result, error);
    digest_add(reader, reader->window + used, out.pos - used);
    reader->input_at += in.pos;
    reader->end = reader->window + out.pos;
    reader->in_frame = result != 0;
    return true;
}

/*
 * Decompresses until at least `wanted` more bytes are in the window, or the frame ends, or the
 * input does; no bytes more in a frame that has not ended is a failure.
 */
static bool window_continue(struct record_reader *reader, size_t wanted, struct error *error) {
    if (!window_reserve(reader, wanted, error))
        return false;
    size_t before = left_to_parse(reader);
    for (;;) {
        if (!window_step(reader, error))
            return false;
        if (!reader->in_frame || left_to_parse(reader) - before >= wanted)
            return true;
        if (input_left(reader) > 0)
            continue;
        if (!reader->input_over && !input_more(reader, error))
            return false;
        if (reader->input_over && input_left(reader) == 0)
            return left_to_parse(reader) > before || cut_off(reader, error);
    }
}

/* ---- marks ---- */

/* Compares the end mark with what was read. */
static bool segment_end(struct record_reader *reader, struct error *error) {
    struct end_mark mark;
    if (!frame_read_end(&reader->mark, &mark, error))
        return false;
    char digest[DIGEST_TEXT];
    digest_text(reader->segments > 1 ? reader->segment : reader->all, digest);
    if (mark.records != reader->segment_count)
        return error_set(error, "the end mark counts %llu records but %llu are there",
                         (unsigned long long)mark.records,
                         (unsigned long long)reader->segment_count);
    if (memcmp(mark.digest.bytes, digest, 32) != 0)
        return error_set(error, "the records' digest is %s, not the %.32s of the end mark", digest,
                         mark.digest.bytes);
    reader->rejected += mark.rejected;
    reader->in_segment = false;
    return true;
}

static void segment_start(struct record_reader *reader) {
    reader->in_segment = true;
    reader->segments++;
    reader->segment_count = 0;
    XXH3_128bits_reset(reader->segment);
}

/* Provenance or an end mark, from its magic number on. */
static bool read_mark(struct record_reader *reader, uint32_t magic, struct error *error) {
    if (!input_await(reader, FRAME_HEAD, error))
        return false;
    if (input_left(reader) < FRAME_HEAD)
        return cut_off(reader, error);
    size_t size = little_endian_32(reader->input + reader->input_at + 4);
    if (size > MARK_LIMIT) {
        error_set(error, "a skippable frame of %zu bytes; at most %d are read", size, MARK_LIMIT);
        return at_byte(reader, input_place(reader), error);
    }
    if (!input_await(reader, FRAME_HEAD + size, error))
        return false;
    if (input_left(reader) < FRAME_HEAD + size)
        return cut_off(reader, error);
    const uint8_t *payload = reader->input + reader->input_at + FRAME_HEAD;
    bool fine = frame_read_mark(magic, payload, size, &reader->mark, error);
    if (fine && magic == MAGIC_PROVENANCE)
        segment_start(reader);
    else if (fine)
        fine = segment_end(reader, error);
    if (!fine)
        return at_byte(reader, input_place(reader), error);
    if (reader->keep_marks)
        record_pack(&reader->mark, &reader->marks);
    record_clear(&reader->mark);
    reader->input_at += FRAME_HEAD + size;
    return true;
}

/* The input is over: rightly so between segments, after at least one. */
static bool stream_end(struct record_reader *reader, struct error *error) {
    if (reader->in_segment || input_left(reader) > 0)
        return cut_off(reader, error);
    if (reader->segments == 0)
        return error_set(error, "empty: zero bytes are no record stream; what should have written "
                                "it failed");
    digest_text(reader->all, reader->digest);
    return true;
}

/* A zstd frame, with none before it in the pool: whole into the pool, or into the window. */
static bool enter_frame(struct record_reader *reader, struct error *error) {
    size_t size, content;
    enum ahead ahead;
    while ((ahead = look(reader, &size, &content)) == AHEAD_UNFINISHED)
        if (!input_more(reader, error))
            return false;
    if (ahead == AHEAD_OTHER)
        return window_enter(reader, error);
    give_frame(reader, size, content);
    return true;
}

static bool enter_or_refuse(struct record_reader *reader, struct error *error) {
    uint8_t first[4] = {0};
    size_t left = input_left(reader);
    memcpy(first, reader->input + reader->input_at, left < 4 ? left : 4);
    uint32_t magic = little_endian_32(first);
    if (magic == (reader->in_segment ? MAGIC_END : MAGIC_PROVENANCE))
        return read_mark(reader, magic, error);
    if (reader->in_segment && magic == MAGIC_ZSTD)
        return enter_frame(reader, error);
    frame_unexpected(first, reader->in_segment, error);
    return at_byte(reader, input_place(reader), error);
}

/* Goes one frame on, of whatever kind: READ_RECORD where there was one. */
static enum read_result next_frame(struct record_reader *reader, struct error *error) {
    if (!look_ahead(reader, error))
        return READ_FAILED;
    if (pool_waiting(reader->pool) > 0)
        return take_frame(reader, error) ? READ_RECORD : READ_FAILED;
    if (!input_await(reader, 4, error))
        return READ_FAILED;
    if (input_left(reader) < 4 && (reader->segments > 0 || input_left(reader) == 0))
        return stream_end(reader, error) ? READ_END : READ_FAILED;
    return enter_or_refuse(reader, error) ? READ_RECORD : READ_FAILED;
}

/* ---- records ---- */

/* A record that is not all there: more of its frame is needed. */
static bool carry_over(struct record_reader *reader, struct error *error) {
    size_t left = left_to_parse(reader);
    if (!reader->in_frame) {
        error_set(error, "record %llu does not end with its frame; a frame holds whole records",
                  (unsigned long long)reader->count + 1);
        return at_byte(reader, reader->frame_offset, error);
    }
    if (left > RECORD_LIMIT)
        return error_set(error, "record %llu is larger than %d MiB; split it",
                         (unsigned long long)reader->count + 1, RECORD_LIMIT >> 20);
    size_t wanted = left <= RESCAN_FREELY ? 1 : left;
    if (wanted > (size_t)RECORD_LIMIT + 1 - left)
        wanted = (size_t)RECORD_LIMIT + 1 - left;
    return window_continue(reader, wanted, error);
}

/* The record at `next`; READ_RECORD with *parsed false when there was too little of it. */
static enum read_result parse_next(struct record_reader *reader, struct record *record,
                                   bool *parsed, struct error *error) {
    bool incomplete;
    size_t size =
        record_parse_front(record, reader->next, left_to_parse(reader), &incomplete, error);
    *parsed = size > 0;
    if (*parsed) {
        reader->next += size;
        reader->count++;
        reader->segment_count++;
        return READ_RECORD;
    }
    if (!incomplete)
        error_place(error, "record %llu", (unsigned long long)reader->count + 1);
    return incomplete && carry_over(reader, error) ? READ_RECORD : READ_FAILED;
}

static enum read_result read_next(struct record_reader *reader, struct record *record,
                                  struct error *error) {
    for (;;) {
        enum read_result result;
        bool parsed = false;
        if (reader->next < reader->end)
            result = parse_next(reader, record, &parsed, error);
        else if (reader->in_frame)
            result = window_continue(reader, 1, error) ? READ_RECORD : READ_FAILED;
        else
            result = next_frame(reader, error);
        if (parsed || result != READ_RECORD)
            return result;
    }
}

enum read_result record_reader_next(struct record_reader *reader, struct record *record,
                                    struct error *error) {
    if (reader->last == READ_RECORD) {
        reader->last = read_next(reader, record, error);
        if (reader->last == READ_FAILED) {
            error_place(error, "%s", reader->name);
            reader->failure = *error;
        }
    } else if (reader->last == READ_FAILED) {
        *error = reader->failure;
    }
    if (reader->last != READ_RECORD)
        record_clear(record);
    return reader->last;
}
