/* Checked allocation, growing buffers, and borrowed text. */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t count, size_t size) {
    fprintf(stderr, "lockpick: no memory for %zu times %zu bytes; free some and start again\n",
            count, size);
    _Exit(1);
}

void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (memory == NULL)
        out_of_memory(count, size);
    return memory;
}

void *reallocate(void *old, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(count, size);
    void *memory = realloc(old, bytes ? bytes : 1);
    if (memory == NULL)
        out_of_memory(count, size);
    return memory;
}

void *allocate_sized(size_t count, size_t size, const char *what, struct error *error) {
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (memory == NULL)
        error_set(error, "no memory for %s: %zu times %zu bytes", what, count, size);
    return memory;
}

char *copy_text(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(allocate(size, 1), text, size);
}

char *format_text(const char *format, ...) {
    struct buffer buffer = {0};
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    vsnprintf((char *)buffer_reserve(&buffer, (size_t)size + 1), (size_t)size + 1, format, again);
    va_end(again);
    return (char *)buffer.data;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t extra) {
    size_t needed;
    if (__builtin_add_overflow(buffer->size, extra, &needed))
        out_of_memory(buffer->size, extra);
    if (needed > buffer->capacity || buffer->data == NULL) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity < needed)
            capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
        buffer->data = reallocate(buffer->data, capacity, 1);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t size) {
    uint8_t *place = buffer_reserve(buffer, size);
    if (size > 0)
        memcpy(place, bytes, size);
    buffer->size += size;
}

void buffer_append_text(struct buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    uint8_t *place = buffer_reserve(buffer, (size_t)size + 1);
    vsnprintf((char *)place, (size_t)size + 1, format, again);
    va_end(again);
    buffer->size += (size_t)size;
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

struct text buffer_text(const struct buffer *buffer) {
    return (struct text){(const char *)buffer->data, buffer->size};
}

struct text text_of(const char *string) {
    return (struct text){string, strlen(string)};
}

bool text_equal(struct text a, struct text b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

bool text_is(struct text a, const char *string) {
    return text_equal(a, text_of(string));
}
