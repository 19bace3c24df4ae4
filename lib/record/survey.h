/*
 * Streams as a whole: reading one to its end, counting its records by the cheapest way, and
 * describing it in JSON.
 */
#ifndef LOCKPICK_RECORD_SURVEY_H
#define LOCKPICK_RECORD_SURVEY_H

#include "record/stream.h"

/*
 * Reads a stream to its end; with `marks`, record_reader_keep_marks() holds. The caller closes the
 * reader. NULL and an error where the stream is not whole, or a signal asked to stop.
 */
struct record_reader *record_read_through(const char *path, bool marks, struct error *error);

/* The number of records: record_count() where `path` is a regular file, by reading otherwise. */
bool record_count_any(const char *path, uint64_t *count, struct error *error);

/*
 * Appends a line {"stream":…,"records":…,"rejected":…,"digest":…,"segments":[…]} about a reader
 * that record_read_through() returned with its marks. A segment is its provenance and end mark in
 * one.
 */
void record_describe_stream(const struct record_reader *reader, struct buffer *text);

#endif
