/*
 * safetensors files: 8 bytes that give the size of a JSON header (little endian), the header, and
 * the tensors' bytes, row-major, little endian, without gaps. The header maps each tensor's name to
 * its dtype, shape and byte range; "__metadata__" holds strings. The reader maps a file and trusts
 * nothing in it; the writer streams.
 */
#ifndef LOCKPICK_MODEL_SAFETENSORS_H
#define LOCKPICK_MODEL_SAFETENSORS_H

#include "base/files.h"
#include "base/json.h"

#define SAFETENSORS_DIMENSIONS 8

struct safetensors_entry {
    const char *name;  /* belongs to the header */
    const char *dtype; /* as the format writes it: "F32", "BF16", "I16", … */
    int64_t shape[SAFETENSORS_DIMENSIONS];
    size_t dimensions;
    const uint8_t *data; /* into the mapping; need not be aligned */
    size_t size;         /* bytes: product of the shape times the dtype's width */
};

struct safetensors {
    struct mapped_file file; /* empty when parsed from memory */
    json_t *header;
    struct safetensors_entry *entries; /* in order of name (strcmp) */
    size_t count;
};

/* Maps and checks a file: every range within it, no overlap, no gap, sizes as shapes say. */
bool safetensors_open(struct safetensors *tensors, const char *path, struct error *error);
/* The same of bytes that stay the caller's and must outlive it. */
bool safetensors_parse(struct safetensors *tensors, const void *bytes, size_t size,
                       struct error *error);
void safetensors_close(struct safetensors *tensors);
/* NULL where there is none of that name. */
const struct safetensors_entry *safetensors_find(const struct safetensors *tensors,
                                                 const char *name);
/* "[2, 3]" for messages. */
void safetensors_shape(const struct safetensors_entry *entry, char text[128]);

/* Writes a file: open with names, dtypes and shapes of all tensors (their data and size are not
 * looked at), then all bytes in that order, then commit. The same input gives the same bytes. */
struct safetensors_writer {
    struct output_file file;
    uint64_t left; /* bytes still to come */
};

bool safetensors_create(struct safetensors_writer *writer, const char *path,
                        const struct safetensors_entry *entries, size_t count, struct error *error);
bool safetensors_write(struct safetensors_writer *writer, const void *bytes, size_t size,
                       struct error *error);
bool safetensors_commit(struct safetensors_writer *writer, struct error *error);
void safetensors_abandon(struct safetensors_writer *writer);

#endif
