/*
 * Errors as values. A library function that fails returns false or NULL and fills one of these;
 * it never prints and never exits. The text is one line: "where: what is wrong; what would be
 * right". The innermost function says what, each caller that knows a place puts it in front.
 */
#ifndef LOCKPICK_BASE_ERROR_H
#define LOCKPICK_BASE_ERROR_H

#include <stdbool.h>

struct error {
    char text[1024]; /* empty: no error so far */
};

/* Fills the text and returns false, so that `return error_set(error, …);` is the idiom. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with ": " and the meaning of errno behind it. */
bool error_set_errno(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts a place in front, "place: text", and returns false. */
bool error_place(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
