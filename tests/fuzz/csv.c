/* Any bytes as a table: refused with a field, or rows whose written form reads back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* All fields in quotes. */
static void write_row(const struct csv_row *row, struct buffer *out) {
    for (size_t i = 0; i < row->count; i++) {
        struct text field = csv_field(row, i);
        buffer_append_text(out, i > 0 ? ",\"" : "\"");
        for (size_t j = 0; j < field.size; j++)
            buffer_append(out, "\"\"", field.bytes[j] == '"' ? 2 : 0),
                buffer_append(out, field.bytes + j, field.bytes[j] == '"' ? 0 : 1);
        buffer_append_text(out, "\"");
    }
}

/* Feeds the lines of `text`; false where a row is refused. */
static bool read_row(struct csv_row *row, struct text text) {
    struct error error = {0};

    csv_clear(row);
    for (;;) {
        const char *newline = memchr(text.bytes, '\n', text.size);
        size_t size = newline != NULL ? (size_t)(newline - text.bytes) : text.size;
        if (!csv_feed(row, (struct text){text.bytes, size}, ',', &error)) {
            require(strncmp(error.text, "field ", 6) == 0);
            return false;
        }
        if (newline == NULL || !row->open)
            return true;
        text.bytes += size + 1;
        text.size -= size + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct csv_row row = {0}, again = {0};
    struct buffer out = {0};

    if (memchr(size > 0 ? (const char *)bytes : "", '\r', size) == NULL &&
        read_row(&row, (struct text){size > 0 ? (const char *)bytes : "", size}) && !row.open) {
        write_row(&row, &out);
        require(read_row(&again, (struct text){(char *)out.data, out.size}) && !again.open);
        require(row.count == again.count && row.text.size == again.text.size);
        require(row.text.size == 0 || memcmp(row.text.data, again.text.data, row.text.size) == 0);
    }
    csv_free(&row);
    csv_free(&again);
    buffer_free(&out);
    return 0;
}
