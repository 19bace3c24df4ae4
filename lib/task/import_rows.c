/* What all readers of rows share: marks, places, encoding. */
#include "task/import_rows.h"

#include <string.h>

#include "record/json.h"

struct text row_past_mark(struct text line, uint64_t number) {
    if (number == 1 && line.size >= 3 && memcmp(line.bytes, "\xef\xbb\xbf", 3) == 0)
        return (struct text){line.bytes + 3, line.size - 3};
    return line;
}

bool row_is_blank(struct text line) {
    size_t blanks = 0;

    while (blanks < line.size && line.bytes[blanks] != '\0' && strchr(" \t\r", line.bytes[blanks]))
        blanks++;
    return blanks == line.size;
}

bool row_refuse(const struct row_sink *sink, struct text line, const char *place,
                struct error *error) {
    error_place(error, "%s", place);
    return sink->refuse(sink->context, line, error);
}

size_t row_utf8_prefix(struct text text) {
    size_t at = 0;

    while (at < text.size) {
        size_t length = utf8_length((const uint8_t *)text.bytes + at, text.size - at);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

bool row_check_text(const char *field, struct text text, struct error *error) {
    size_t at = row_utf8_prefix(text);

    return at == text.size ||
           error_set(error, "field '%.80s': byte %zu is no UTF-8; convert the file to UTF-8", field,
                     at + 1);
}
