/* Reading g++'s words. */
#include "grade/code_complaint.h"

#include <ctype.h>
#include <string.h>

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), length = strlen(end);

    return size >= length && strcmp(text + size - length, end) == 0;
}

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

bool complaint_of_linker(const char *line) {
    return strstr(line, "ld returned") != NULL || strstr(line, "undefined reference") != NULL;
}

/* "'c' was not declared in this scope"; I alone is a macro of <complex.h>. */
static bool is_letter(const char *what) {
    return what[0] == '\'' && isalpha((unsigned char)what[1]) && what[1] != 'I' &&
           begins_with(what + 2, "' was not declared");
}

/* "expected ';' before '}' token", "expected '}' at end of input". Behind a name, which may be a
 * macro, g++ says no "token". */
static bool is_punctuation(const char *what) {
    return begins_with(what, "expected '") &&
           (ends_with(what, "' token") || ends_with(what, " at end of input"));
}

/* Not before a comma: offsetof() and the like take types. */
static bool is_operand(const char *what) {
    return begins_with(what, "expected primary-expression before") &&
           (ends_with(what, "')' token") || ends_with(what, "';' token") ||
            ends_with(what, "'}' token") || ends_with(what, "']' token"));
}

bool complaint_is_hopeless(const char *line) {
    const char *what = strstr(line, "error: ");

    if (what == NULL)
        return false;
    what += strlen("error: ");
    return is_letter(what) || is_punctuation(what) || is_operand(what) ||
           begins_with(what, "missing terminating") || begins_with(what, "stray '");
}
