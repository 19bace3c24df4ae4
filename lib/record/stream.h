/*
 * Record streams: reading and writing. A stream is a series of segments; each is a skippable frame
 * with provenance, zstd frames of whole records, and a skippable frame as end mark (DESIGN 2).
 */
#ifndef LOCKPICK_RECORD_STREAM_H
#define LOCKPICK_RECORD_STREAM_H

#include "record/record.h"

/* ---- writing ---- */

struct record_writer;

/* What a segment says of its making: tool, version, the arguments that determine the output. */
struct provenance {
    struct text tool;
    struct text version;
    struct text arguments; /* "--name=value\n" lines */
    bool has_seed;
    uint64_t seed;
};

/*
 * `path` NULL or "-": standard output; refused when that is a terminal. A regular file appears at
 * record_writer_close(). `level` 0: the default, chosen by measurement (tests/bench/RESULTS.md).
 */
struct record_writer *record_writer_open(const char *path, const struct provenance *provenance,
                                         int level, struct error *error);
bool record_writer_add(struct record_writer *writer, const struct record *record,
                       struct error *error);
/* The same for a record that is packed already (checked by whoever packed it). */
bool record_writer_add_packed(struct record_writer *writer, const uint8_t *bytes, size_t size,
                              struct error *error);
/* Ends the frame in work and pushes it out, so that a reader down the pipe sees what is there. */
bool record_writer_flush(struct record_writer *writer, struct error *error);
/* For the end mark: a stream or checkpoint that was read. `digest` is 32 hex digits. */
void record_writer_add_source(struct record_writer *writer, const char *role, const char *digest);
void record_writer_set_rejected(struct record_writer *writer, uint64_t count);
uint64_t record_writer_count(const struct record_writer *writer);
/* Writes the end mark and puts the file in place. Frees the writer either way. */
bool record_writer_close(struct record_writer *writer, struct error *error);
/* Frees the writer; a regular file does not appear, a pipe lacks its end mark. NULL is fine. */
void record_writer_abandon(struct record_writer *writer);

/* ---- reading ---- */

struct record_reader;

enum read_result { READ_RECORD, READ_END, READ_FAILED };

/* `path` NULL or "-": standard input. */
struct record_reader *record_reader_open(const char *path, struct error *error);
/*
 * The next record, borrowed until the next call. Errors name the stream, the record's number
 * (from 1), and for a stream that was cut off the number of whole records seen.
 */
enum read_result record_reader_next(struct record_reader *reader, struct record *record,
                                    struct error *error);
uint64_t record_reader_count(const struct record_reader *reader); /* records read so far */
const char *record_reader_name(const struct record_reader *reader);
/* After READ_END: XXH3-128 of all records' bytes over all segments, as 32 hex digits. */
const char *record_reader_digest(const struct record_reader *reader);
/* The rejected records that the end marks read so far speak of. */
uint64_t record_reader_rejected(const struct record_reader *reader);
/*
 * Keeps the maps of provenance and end marks from here on; afterwards record_reader_marks() are
 * all of them, packed one behind the other in their order (provenance has `format`, end marks have
 * `records`).
 */
void record_reader_keep_marks(struct record_reader *reader);
struct value record_reader_marks(const struct record_reader *reader);
void record_reader_close(struct record_reader *reader);

/*
 * Number of records in the regular file `path`, from the end marks alone, without decompressing;
 * false where it is no regular file or not a whole stream.
 */
bool record_count(const char *path, uint64_t *count, struct error *error);

#endif
