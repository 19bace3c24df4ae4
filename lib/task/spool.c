/*
 * The spool: chunks of about a megabyte of records, each compressed at zstd's fastest level behind
 * its two sizes; inside, each record stands behind its size.
 */
#include "task/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/tool.h"

enum { CHUNK = 1 << 20, LEVEL = 1 };

struct chunk_head {
    uint64_t plain;
    uint64_t packed;
};

struct spool {
    int descriptor;
    const char *folder;
    struct buffer plain;
    struct buffer packed;
    size_t read; /* bytes of `plain` that were handed out */
};

struct spool *spool_open(struct error *error) {
    const char *folder = getenv("TMPDIR");
    struct spool *spool;
    char *path;
    int descriptor;

    if (folder == NULL || *folder == '\0')
        folder = "/tmp";
    path = format_text("%s/lockpick-XXXXXX", folder);
    descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor < 0) {
        error_set_errno(error, "%s: no temporary file can be made (TMPDIR names another folder)",
                        folder);
        free(path);
        return NULL;
    }
    unlink(path);
    free(path);
    spool = allocate(1, sizeof *spool);
    spool->descriptor = descriptor;
    spool->folder = folder;
    return spool;
}

static bool write_all(struct spool *spool, const void *bytes, size_t size, struct error *error) {
    const uint8_t *next = bytes;

    while (size > 0) {
        ssize_t count = write(spool->descriptor, next, size);
        if (count < 0 && errno == EINTR && !stop_requested())
            continue;
        if (count <= 0)
            return error_set_errno(error, "%s: temporary file (TMPDIR names another folder)",
                                   spool->folder);
        next += count;
        size -= (size_t)count;
    }
    return true;
}

static bool flush_chunk(struct spool *spool, struct error *error) {
    struct chunk_head head = {.plain = spool->plain.size};
    size_t bound = ZSTD_compressBound(spool->plain.size);
    size_t packed;

    if (spool->plain.size == 0)
        return true;
    spool->packed.size = 0;
    packed = ZSTD_compress(buffer_reserve(&spool->packed, bound), bound, spool->plain.data,
                           spool->plain.size, LEVEL);
    if (ZSTD_isError(packed))
        return error_set(error, "temporary file: %s", ZSTD_getErrorName(packed));
    head.packed = packed;
    spool->plain.size = 0;
    return write_all(spool, &head, sizeof head, error) &&
           write_all(spool, spool->packed.data, packed, error);
}

bool spool_add(struct spool *spool, const struct record *record, struct error *error) {
    size_t start = spool->plain.size;
    uint64_t size = 0;

    buffer_append(&spool->plain, &size, sizeof size);
    record_pack(record, &spool->plain);
    size = spool->plain.size - start - sizeof size;
    memcpy(spool->plain.data + start, &size, sizeof size);
    return spool->plain.size < CHUNK || flush_chunk(spool, error);
}

bool spool_rewind(struct spool *spool, struct error *error) {
    if (!flush_chunk(spool, error))
        return false;
    spool->read = 0;
    if (lseek(spool->descriptor, 0, SEEK_SET) != 0)
        return error_set_errno(error, "%s: temporary file", spool->folder);
    return true;
}

/* Exactly `size` bytes; `*ended` where there are none at all. */
static bool read_all(struct spool *spool, void *bytes, size_t size, bool *ended,
                     struct error *error) {
    size_t have = 0;

    *ended = false;
    while (have < size) {
        ssize_t count = read(spool->descriptor, (uint8_t *)bytes + have, size - have);
        if (count < 0 && errno == EINTR && !stop_requested())
            continue;
        if (count < 0)
            return error_set_errno(error, "%s: temporary file", spool->folder);
        if (count == 0) {
            *ended = have == 0;
            return *ended || error_set(error, "%s: temporary file was cut off", spool->folder);
        }
        have += (size_t)count;
    }
    return true;
}

/* False at the end too. */
static bool next_chunk(struct spool *spool, struct error *error) {
    struct chunk_head head;
    size_t plain;
    bool ended;

    if (!read_all(spool, &head, sizeof head, &ended, error) || ended)
        return false;
    spool->plain.size = spool->packed.size = 0;
    if (!read_all(spool, buffer_reserve(&spool->packed, head.packed), head.packed, &ended, error))
        return false;
    plain = ZSTD_decompress(buffer_reserve(&spool->plain, head.plain), head.plain,
                            spool->packed.data, head.packed);
    if (ended || ZSTD_isError(plain) || plain != head.plain)
        return error_set(error, "%s: temporary file does not read back", spool->folder);
    spool->plain.size = plain;
    spool->read = 0;
    return true;
}

bool spool_next(struct spool *spool, struct record *record, struct error *error) {
    const uint8_t *bytes;
    uint64_t size;

    if (spool->read == spool->plain.size && !next_chunk(spool, error))
        return false;
    memcpy(&size, spool->plain.data + spool->read, sizeof size);
    bytes = spool->plain.data + spool->read + sizeof size;
    spool->read += sizeof size + size;
    return record_parse(record, bytes, size, error);
}

void spool_close(struct spool *spool) {
    if (spool == NULL)
        return;
    close(spool->descriptor);
    buffer_free(&spool->plain);
    buffer_free(&spool->packed);
    free(spool);
}
