/* Keys: read from the environment, hidden everywhere else. */
#include "remote/secret.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

char *secret_from_environment(const char *variable, struct error *error) {
    const char *value = getenv(variable);
    size_t size;

    while (value != NULL && isspace((unsigned char)*value))
        value++;
    if (value == NULL || *value == '\0') {
        error_set(error,
                  "the environment variable %s is not set; it should hold the endpoint's key",
                  variable);
        return NULL;
    }
    size = strlen(value);
    while (isspace((unsigned char)value[size - 1]))
        size--;
    for (size_t i = 0; i < size; i++)
        if (value[i] <= ' ' || value[i] > '~') {
            error_set(error,
                      "the environment variable %s holds no key: character %zu is no "
                      "printable ASCII",
                      variable, i + 1);
            return NULL;
        }
    return format_text("%.*s", (int)size, value);
}

void secret_free(char *secret) {
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

/* ---- hiding ---- */

/* What "uXXXX" at `at` stands for; −1: no such thing stands there. */
static int unicode_escape(const char *at, const char *end) {
    char digits[5] = "";

    if (end - at < 5 || *at != 'u')
        return -1;
    memcpy(digits, at + 1, 4);
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? (int)strtol(digits, NULL, 16) : -1;
}

/*
 * The size of a character and all that escapes it, any number of backslashes: for there are texts
 * of JSON in texts of JSON. 0 at the end.
 */
static size_t escaped_size(const char *text, const char *end, int *character) {
    const char *at = text;
    bool escaped = false;
    int value = -1;

    for (; at < end; escaped = true) {
        value = escaped ? unicode_escape(at, end) : -1;
        if (*at != '\\' && value != '\\')
            break;
        at += *at == '\\' ? 1 : 5;
    }
    if (at >= end)
        return 0;
    *character = value >= 0 ? value : (unsigned char)*at;
    return (size_t)(at - text) + (value >= 0 ? 5 : 1);
}

/*
 * The size of the secret that begins at `text`, escaped or not; 0: it does not stand there.
 * Backslashes count on neither side, for what reads them passes over them.
 */
static size_t secret_size(const char *secret, const char *text, const char *end) {
    size_t size = 0;

    for (; *secret != '\0'; secret++) {
        int character = 0;
        size_t step;
        if (*secret == '\\')
            continue;
        step = escaped_size(text + size, end, &character);
        if (step == 0 || character != (unsigned char)*secret)
            return 0;
        size += step;
    }
    return size;
}

void secret_hide(const char *secret, char *bytes, size_t size) {
    char *end = bytes + size;

    if (secret == NULL)
        return;
    for (size_t step; bytes < end; bytes += step) {
        int passed_over;
        size_t found = secret_size(secret, bytes, end);
        memset(bytes, '*', found);
        step = found > 0 ? found : escaped_size(bytes, end, &passed_over);
        if (step == 0)
            return; /* nothing but backslashes up to the end */
    }
}
