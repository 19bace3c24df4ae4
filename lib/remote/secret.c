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

void secret_hide(const char *secret, char *bytes, size_t size) {
    size_t length = secret != NULL ? strlen(secret) : 0;
    char *end = bytes + size;

    if (length == 0)
        return;
    while ((bytes = memmem(bytes, (size_t)(end - bytes), secret, length)) != NULL) {
        memset(bytes, '*', length);
        bytes += length;
    }
}
