/* The texts of errors: filling, and putting places in front. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

bool error_set_errno(struct error *error, const char *format, ...) {
    int reason = errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, ": %s", strerror(reason));
    return false;
}

bool error_place(struct error *error, const char *format, ...) {
    char place[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(place, sizeof place, format, arguments);
    va_end(arguments);
    size_t room = sizeof error->text - 1, used = strlen(place);
    size_t between = used + 2 <= room ? 2 : room - used;
    size_t kept = strnlen(error->text, room - used - between);
    memmove(error->text + used + between, error->text, kept);
    memcpy(error->text + used, ": ", between);
    memcpy(error->text, place, used);
    error->text[used + between + kept] = '\0';
    return false;
}
