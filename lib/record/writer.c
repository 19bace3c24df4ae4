/*
 * Writing record streams. Records gather until about 1 MiB of them make a frame; frames go to a
 * small pool of compressors (pool.c) and leave it in their order. The cut into frames depends on
 * the records alone, so the bytes are the same however many threads compress.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/files.h"
#include "record/digest.h"
#include "record/frames.h"
#include "record/pool.h"

struct record_writer {
    struct output_file file;
    struct pool *pool;
    struct buffer head; /* provenance, until it is written with the first frame */
    struct buffer *frame;
    uint64_t count;
    uint64_t rejected;
    XXH3_state_t *digest;
    struct buffer sources; /* packed maps */
    size_t source_count;
    struct error failure; /* of a write that failed; every later one tells it again */
};

static void writer_free(struct record_writer *writer) {
    pool_free(writer->pool);
    XXH3_freeState(writer->digest);
    buffer_free(&writer->head);
    buffer_free(&writer->sources);
    free(writer);
}

struct record_writer *record_writer_open(const char *path, const struct provenance *provenance,
                                         int level, struct error *error) {
    struct record_writer *writer = allocate(1, sizeof *writer);
    if (!output_open(&writer->file, path, error)) {
        free(writer);
        return NULL;
    }
    if (isatty(writer->file.descriptor)) {
        error_set(error, "%s: is a terminal, and records are binary; use -o FILE or | records show",
                  writer->file.path);
        output_abandon(&writer->file);
        free(writer);
        return NULL;
    }
    frame_append_provenance(&writer->head, provenance);
    writer->pool = pool_open(POOL_COMPRESS, level == 0 ? DEFAULT_LEVEL : level, POOL_THREADS);
    writer->frame = &pool_input(writer->pool)->in;
    writer->digest = XXH3_createState();
    XXH3_128bits_reset(writer->digest);
    return writer;
}

static bool write_bytes(struct record_writer *writer, const void *bytes, size_t size,
                        struct error *error) {
    if (writer->failure.text[0] != '\0') {
        *error = writer->failure;
        return false;
    }
    if (output_write(&writer->file, bytes, size, error))
        return true;
    writer->failure = *error;
    return false;
}

static bool write_head(struct record_writer *writer, struct error *error) {
    bool fine =
        writer->head.size == 0 || write_bytes(writer, writer->head.data, writer->head.size, error);
    writer->head.size = 0;
    return fine;
}

/* Writes the frames that are compressed; with `all`, waits for those that are not yet. */
static bool write_frames(struct record_writer *writer, bool all, struct error *error) {
    const struct pool_frame *frame;
    while ((frame = pool_take(writer->pool, all || pool_is_full(writer->pool))) != NULL) {
        if (frame->failure != 0) {
            error_set(error, "%s: zstd cannot compress: %s", writer->file.path,
                      ZSTD_getErrorName(frame->failure));
            writer->failure = *error;
            return false;
        }
        if (!write_head(writer, error) ||
            !write_bytes(writer, frame->out.data, frame->out.size, error))
            return false;
    }
    return true;
}

/* Hands the frame in work to the pool and starts the next one. */
static bool close_frame(struct record_writer *writer, struct error *error) {
    if (writer->failure.text[0] != '\0') {
        *error = writer->failure;
        writer->frame->size = 0;
        return false;
    }
    if (writer->frame->size == 0)
        return true;
    XXH3_128bits_update(writer->digest, writer->frame->data, writer->frame->size);
    pool_give(writer->pool, writer->frame->size >= FRAME_TARGET);
    bool fine = write_frames(writer, false, error);
    writer->frame = &pool_input(writer->pool)->in;
    return fine;
}

/* The frame must not keep anything of a record that is refused: it may go on with others. */
static bool record_too_large(size_t size, struct error *error) {
    return size > RECORD_LIMIT &&
           !error_set(error, "a record of %zu bytes; at most %d MiB are written, split it", size,
                      RECORD_LIMIT >> 20);
}

static bool record_added(struct record_writer *writer, struct error *error) {
    writer->count++;
    return writer->frame->size < FRAME_TARGET || close_frame(writer, error);
}

bool record_writer_add(struct record_writer *writer, const struct record *record,
                       struct error *error) {
    size_t before = writer->frame->size;
    record_pack(record, writer->frame);
    if (record_too_large(writer->frame->size - before, error)) {
        writer->frame->size = before;
        return false;
    }
    return record_added(writer, error);
}

bool record_writer_add_packed(struct record_writer *writer, const uint8_t *bytes, size_t size,
                              struct error *error) {
    if (record_too_large(size, error))
        return false;
    buffer_append(writer->frame, bytes, size);
    return record_added(writer, error);
}

bool record_writer_flush(struct record_writer *writer, struct error *error) {
    return close_frame(writer, error) && write_frames(writer, true, error) &&
           write_head(writer, error);
}

void record_writer_add_source(struct record_writer *writer, const char *role, const char *digest) {
    pack_map(&writer->sources, 2);
    pack_text(&writer->sources, text_of("role"));
    pack_text(&writer->sources, text_of(role));
    pack_text(&writer->sources, text_of("digest"));
    pack_text(&writer->sources, text_of(digest));
    writer->source_count++;
}

void record_writer_set_rejected(struct record_writer *writer, uint64_t count) {
    writer->rejected = count;
}

uint64_t record_writer_count(const struct record_writer *writer) {
    return writer->count;
}

static void append_end_mark(const struct record_writer *writer, struct buffer *out) {
    struct buffer map = {0};
    char digest[DIGEST_TEXT];
    digest_text(writer->digest, digest);
    pack_map(&map, 4);
    pack_text(&map, text_of("records"));
    pack_unsigned(&map, writer->count);
    pack_text(&map, text_of("digest"));
    pack_text(&map, text_of(digest));
    pack_text(&map, text_of("sources"));
    pack_array(&map, writer->source_count);
    buffer_append(&map, writer->sources.data, writer->sources.size);
    pack_text(&map, text_of("rejected"));
    pack_unsigned(&map, writer->rejected);
    frame_append_mark(out, MAGIC_END, &map);
    buffer_free(&map);
}

bool record_writer_close(struct record_writer *writer, struct error *error) {
    struct buffer mark = {0};
    bool fine = record_writer_flush(writer, error);
    if (fine) {
        append_end_mark(writer, &mark);
        fine =
            write_bytes(writer, mark.data, mark.size, error) && output_commit(&writer->file, error);
    }
    buffer_free(&mark);
    output_abandon(&writer->file);
    writer_free(writer);
    return fine;
}

void record_writer_abandon(struct record_writer *writer) {
    if (writer == NULL)
        return;
    output_abandon(&writer->file);
    writer_free(writer);
}
