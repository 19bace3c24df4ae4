/*
 * Any bytes as a record stream; and, since checksums and digests keep the fuzzer out of the
 * records, any bytes as the records of a stream that is otherwise right (first byte odd).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "record/digest.h"
#include "record/frames.h"
#include "record/salvage.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* How many records the bytes are; −1 where they are none. */
static int64_t parse_all(const uint8_t *bytes, size_t size) {
    struct record record = {0};
    struct error error = {0};
    int64_t count = 0;
    bool incomplete;
    while (size > 0 && count >= 0) {
        size_t used = record_parse_front(&record, bytes, size, &incomplete, &error);
        count = used > 0 ? count + 1 : -1;
        bytes += used;
        size -= used;
    }
    record_free(&record);
    return count;
}

/* Puts the bytes as one frame into a stream that counts them right where they are records. */
static void wrap(const uint8_t *bytes, size_t size, bool size_known, int64_t count,
                 struct buffer *stream) {
    struct provenance provenance = {text_of("fuzz"), text_of("1"), {NULL, 0}, false, 0};
    frame_append_provenance(stream, &provenance);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, size_known);
    size_t bound = ZSTD_compressBound(size);
    buffer_reserve(stream, bound);
    stream->size += ZSTD_compress2(context, stream->data + stream->size, bound, bytes, size);
    ZSTD_freeCCtx(context);
    struct buffer map = {0};
    char digest[DIGEST_TEXT];
    XXH3_state_t *hash = XXH3_createState();
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, bytes, size);
    digest_text(hash, digest);
    XXH3_freeState(hash);
    pack_map(&map, 2);
    pack_text(&map, text_of("records"));
    pack_unsigned(&map, count > 0 ? (uint64_t)count : 0);
    pack_text(&map, text_of("digest"));
    pack_text(&map, text_of(digest));
    frame_append_mark(stream, MAGIC_END, &map);
    buffer_free(&map);
}

/* Reads the stream at `path`; whether it is whole, and how many records were read. */
static bool read_all(const char *path, uint64_t *count) {
    struct record record = {0};
    struct error error = {0};
    struct record_reader *reader = record_reader_open(path, &error);
    enum read_result result;
    while ((result = record_reader_next(reader, &record, &error)) == READ_RECORD)
        ;
    if ((result == READ_FAILED) != (error.text[0] != '\0'))
        abort();
    *count = record_reader_count(reader);
    record_reader_close(reader);
    record_free(&record);
    return result == READ_END;
}

static void salvage(const char *path, uint64_t at_least) {
    struct provenance provenance = {text_of("fuzz"), text_of("1"), {NULL, 0}, false, 0};
    struct error error = {0};
    struct salvage saved;
    struct record_writer *writer = record_writer_open("/dev/null", &provenance, 0, &error);
    if (record_salvage(path, writer, &saved, &error) && saved.records < at_least)
        abort();
    record_writer_abandon(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static int file = -1;
    static char path[32];
    struct buffer stream = {0};
    struct error error = {0};
    int64_t expected = -1;
    if (size == 0)
        return 0;
    if (file < 0)
        file = memfd_create("stream", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (bytes[0] & 1) {
        expected = parse_all(bytes + 1, size - 1);
        wrap(bytes + 1, size - 1, bytes[0] & 2, expected, &stream);
    } else {
        buffer_append(&stream, bytes + 1, size - 1);
    }
    if (ftruncate(file, 0) != 0 ||
        pwrite(file, stream.data, stream.size, 0) != (ssize_t)stream.size)
        abort();
    uint64_t count, counted;
    bool whole = read_all(path, &count);
    if ((bytes[0] & 1) && whole != (expected >= 0))
        abort();
    if (whole && (!record_count(path, &counted, &error) || counted != count))
        abort();
    if (whole)
        salvage(path, count);
    else
        salvage(path, 0);
    buffer_free(&stream);
    return 0;
}
