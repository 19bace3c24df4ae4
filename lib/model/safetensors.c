/* safetensors: checking and reading mapped files, writing streamed ones. */
#include "model/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_SIZE 8
#define HEADER_LIMIT ((uint64_t)100 * 1000 * 1000) /* as the format's own reader has it */

/* Bytes an element; 0: no dtype of the format. */
static size_t dtype_width(const char *dtype) {
    static const struct {
        const char *name;
        size_t width;
    } known[] = {{"F32", 4}, {"BF16", 2}, {"F16", 2},     {"I16", 2},    {"F64", 8}, {"I64", 8},
                 {"I32", 4}, {"I8", 1},   {"U8", 1},      {"BOOL", 1},   {"U16", 2}, {"U32", 4},
                 {"U64", 8}, {"C64", 8},  {"F8_E4M3", 1}, {"F8_E5M2", 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, dtype) == 0)
            return known[i].width;
    return 0;
}

/* Product of the shape and the width; false where it does not fit. */
static bool entry_bytes(const struct safetensors_entry *entry, uint64_t *bytes) {
    *bytes = dtype_width(entry->dtype);
    bool fits = true;
    for (size_t i = 0; i < entry->dimensions; i++)
        fits = fits && !__builtin_mul_overflow(*bytes, (uint64_t)entry->shape[i], bytes);
    return fits;
}

void safetensors_shape(const struct safetensors_entry *entry, char text[128]) {
    size_t used = (size_t)snprintf(text, 128, "[");
    for (size_t i = 0; i < entry->dimensions && used < 100; i++)
        used +=
            (size_t)snprintf(text + used, 128 - used, "%s%" PRId64, i ? ", " : "", entry->shape[i]);
    snprintf(text + used, 128 - used, "]");
}

/* ---- reading ---- */

static bool read_shape(struct safetensors_entry *entry, const json_t *shape, struct error *error) {
    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_DIMENSIONS)
        return error_set(error, "'shape' is no list of at most %d numbers", SAFETENSORS_DIMENSIONS);
    entry->dimensions = json_array_size(shape);
    for (size_t i = 0; i < entry->dimensions; i++) {
        const json_t *extent = json_array_get(shape, i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return error_set(error, "'shape' has something else than whole numbers from 0 up");
        entry->shape[i] = json_integer_value(extent);
    }
    return true;
}

static bool read_offset(const json_t *offsets, size_t index, uint64_t *offset,
                        struct error *error) {
    const json_t *value = json_array_get(offsets, index);
    if (json_array_size(offsets) != 2 || !json_is_integer(value) || json_integer_value(value) < 0)
        return error_set(error, "'data_offsets' are no two whole numbers from 0 up");
    *offset = (uint64_t)json_integer_value(value);
    return true;
}

/* One member of the header. `data` and `available` are the bytes behind the header. */
static bool read_entry(struct safetensors_entry *entry, const json_t *description,
                       const uint8_t *data, uint64_t available, struct error *error) {
    if (!json_is_object(description))
        return error_set(error, "is no object of dtype, shape and data_offsets");
    if (!json_get_text(description, "dtype", true, NULL, &entry->dtype, error))
        return false;
    if (dtype_width(entry->dtype) == 0)
        return error_set(error, "'%.20s' is no dtype of the format", entry->dtype);
    if (!read_shape(entry, json_object_get(description, "shape"), error))
        return false;
    const json_t *offsets = json_object_get(description, "data_offsets");
    uint64_t start = 0, end = 0, bytes = 0;
    if (!read_offset(offsets, 0, &start, error) || !read_offset(offsets, 1, &end, error))
        return false;
    if (start > end || end > available)
        return error_set(error,
                         "its bytes %" PRIu64 " to %" PRIu64 " do not lie within the %" PRIu64
                         " bytes of data; the file was cut short or its header is wrong",
                         start, end, available);
    if (!entry_bytes(entry, &bytes) || bytes != end - start) {
        char shape[128];
        safetensors_shape(entry, shape);
        return error_set(error, "has %" PRIu64 " bytes, which %s %s does not take", end - start,
                         entry->dtype, shape);
    }
    entry->data = data + start;
    entry->size = (size_t)bytes;
    return true;
}

static int by_place(const void *left, const void *right) {
    const struct safetensors_entry *a = left, *b = right;
    if (a->data != b->data)
        return a->data < b->data ? -1 : 1;
    return (a->size > b->size) - (a->size < b->size);
}

static int by_name(const void *left, const void *right) {
    const struct safetensors_entry *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* Every byte of the data belongs to exactly one tensor. */
static bool check_cover(struct safetensors *tensors, const uint8_t *data, uint64_t available,
                        struct error *error) {
    qsort(tensors->entries, tensors->count, sizeof *tensors->entries, by_place);
    const uint8_t *next = data;
    for (size_t i = 0; i < tensors->count; i++) {
        const struct safetensors_entry *entry = &tensors->entries[i];
        if (entry->data != next)
            return error_set(error, "tensor '%.200s': its bytes %s those of the tensor before it",
                             entry->name,
                             entry->data < next ? "overlap" : "do not follow directly on");
        next += entry->size;
    }
    uint64_t covered = (uint64_t)(next - data);
    if (covered != available)
        return error_set(error, "%" PRIu64 " bytes at the end belong to no tensor",
                         available - covered);
    return true;
}

static bool read_entries(struct safetensors *tensors, const uint8_t *data, uint64_t available,
                         struct error *error) {
    tensors->entries = allocate(json_object_size(tensors->header), sizeof *tensors->entries);
    const char *name;
    json_t *description;
    json_object_foreach(tensors->header, name, description) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        struct safetensors_entry *entry = &tensors->entries[tensors->count++];
        entry->name = name;
        if (!read_entry(entry, description, data, available, error))
            return error_place(error, "tensor '%.200s'", name);
    }
    if (!check_cover(tensors, data, available, error))
        return false;
    qsort(tensors->entries, tensors->count, sizeof *tensors->entries, by_name);
    return true;
}

bool safetensors_parse(struct safetensors *tensors, const void *bytes, size_t size,
                       struct error *error) {
    *tensors = (struct safetensors){0};
    const uint8_t *start = bytes;
    if (size < LENGTH_SIZE)
        return error_set(error, "has %zu bytes; a safetensors file has at least 8", size);
    uint64_t length = 0;
    for (int i = 0; i < LENGTH_SIZE; i++)
        length |= (uint64_t)start[i] << (8 * i);
    uint64_t behind = size - LENGTH_SIZE;
    if (length > behind || length > HEADER_LIMIT)
        return error_set(error,
                         "the header is said to have %" PRIu64 " bytes, but %" PRIu64
                         " are there; it is no safetensors file, or was cut short",
                         length, behind);
    tensors->header = json_parse(start + LENGTH_SIZE, (size_t)length, error);
    if (tensors->header == NULL)
        return error_place(error, "header");
    if (read_entries(tensors, start + LENGTH_SIZE + length, behind - length, error))
        return true;
    safetensors_close(tensors);
    return false;
}

bool safetensors_open(struct safetensors *tensors, const char *path, struct error *error) {
    *tensors = (struct safetensors){0};
    struct mapped_file file;
    if (!file_map(&file, path, error))
        return false;
    bool fine = safetensors_parse(tensors, file.data, file.size, error);
    if (fine) {
        tensors->file = file;
        return true;
    }
    file_unmap(&file);
    return error_place(error, "%s", path);
}

void safetensors_close(struct safetensors *tensors) {
    free(tensors->entries);
    json_decref(tensors->header);
    file_unmap(&tensors->file);
    *tensors = (struct safetensors){0};
}

const struct safetensors_entry *safetensors_find(const struct safetensors *tensors,
                                                 const char *name) {
    if (tensors->count == 0)
        return NULL;
    struct safetensors_entry wanted = {.name = name};
    return bsearch(&wanted, tensors->entries, tensors->count, sizeof wanted, by_name);
}

/* ---- writing ---- */

/* The JSON header; `total` becomes the bytes of all tensors. */
static json_t *describe(const struct safetensors_entry *entries, size_t count, uint64_t *total) {
    /* Readers of other software look for the format's name here. */
    json_t *header = json_pack("{s{ss}}", "__metadata__", "format", "pt");
    *total = 0;
    for (size_t i = 0; i < count; i++) {
        json_t *shape = json_array();
        for (size_t k = 0; k < entries[i].dimensions; k++)
            json_array_append_new(shape, json_integer(entries[i].shape[k]));
        uint64_t bytes = 0;
        entry_bytes(&entries[i], &bytes);
        json_object_set_new(header, entries[i].name,
                            json_pack("{ss so s[II]}", "dtype", entries[i].dtype, "shape", shape,
                                      "data_offsets", (json_int_t)*total,
                                      (json_int_t)(*total + bytes)));
        *total += bytes;
    }
    return header;
}

bool safetensors_create(struct safetensors_writer *writer, const char *path,
                        const struct safetensors_entry *entries, size_t count,
                        struct error *error) {
    *writer = (struct safetensors_writer){0};
    json_t *header = describe(entries, count, &writer->left);
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    /* Padded with spaces, so that the tensors start at a multiple of 8. */
    size_t size = strlen(text), padded = (size + 7) / 8 * 8;
    struct buffer start = {0};
    for (int i = 0; i < LENGTH_SIZE; i++)
        buffer_append(&start, &(uint8_t){(uint8_t)((uint64_t)padded >> (8 * i))}, 1);
    buffer_append(&start, text, size);
    buffer_append(&start, "       ", padded - size);
    free(text);
    bool fine = output_open(&writer->file, path, error);
    if (fine && !output_write(&writer->file, start.data, start.size, error)) {
        output_abandon(&writer->file);
        fine = false;
    }
    buffer_free(&start);
    return fine;
}

bool safetensors_write(struct safetensors_writer *writer, const void *bytes, size_t size,
                       struct error *error) {
    if (size > writer->left)
        return error_set(error, "%s: %zu bytes more than the header says", writer->file.path,
                         (size_t)(size - writer->left));
    writer->left -= size;
    return output_write(&writer->file, bytes, size, error);
}

bool safetensors_commit(struct safetensors_writer *writer, struct error *error) {
    if (writer->left > 0) {
        error_set(error, "%s: %" PRIu64 " bytes fewer than the header says", writer->file.path,
                  writer->left);
        safetensors_abandon(writer);
        return false;
    }
    return output_commit(&writer->file, error);
}

void safetensors_abandon(struct safetensors_writer *writer) {
    output_abandon(&writer->file);
}
