/*
 * The one checked way to memory. Small things whose size we choose come from allocate(), which
 * does not return without memory: it ends the process with one line, the only place in the
 * libraries that does, because with Linux's overcommitment no caller could do better. Sizes that
 * an input names come from allocate_sized(), which fails as any other function fails.
 */
#ifndef LOCKPICK_BASE_MEMORY_H
#define LOCKPICK_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* `count` zeroed elements of `size` bytes, owned by the caller, who calls free(). */
void *allocate(size_t count, size_t size) __attribute__((malloc, alloc_size(1, 2)));

/* Grows or shrinks; the bytes beyond the old size are not zeroed. */
void *reallocate(void *old, size_t count, size_t size);

/* Zeroed; NULL and an error that names `what` where the memory is not to be had. */
void *allocate_sized(size_t count, size_t size, const char *what, struct error *error);

char *copy_text(const char *text);

/* printf into memory of its own. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A growing run of bytes. All zero is an empty one; buffer_free() makes it that again. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Room for `extra` more bytes behind size, and where they start; size itself is unchanged. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t extra);
void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_free(struct buffer *buffer);

/* Bytes that belong to somebody else, not ended by a zero. */
struct text {
    const char *bytes;
    size_t size;
};

struct text text_of(const char *string);
/* What is in it by now; it moves when more is put there. */
struct text buffer_text(const struct buffer *buffer);
bool text_equal(struct text a, struct text b);
bool text_is(struct text a, const char *string);

#endif
