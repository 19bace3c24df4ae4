/* Any bytes as a line of JSON: refused at a column, or the same value after another round. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct buffer packed = {0}, text = {0}, again = {0};
    struct error error = {0};
    if (json_read_value((struct text){(const char *)bytes, size}, &packed, &error)) {
        require(value_check(packed.data, packed.size, &error) == packed.size);
        json_write_value((struct value){packed.data, packed.size}, &text);
        require(memchr(text.data, '\n', text.size) == NULL);
        require(json_read_value((struct text){(char *)text.data, text.size}, &again, &error));
        require(packed.size == again.size && memcmp(packed.data, again.data, packed.size) == 0);
    } else {
        require(strncmp(error.text, "column ", 7) == 0 && packed.size == 0);
    }
    buffer_free(&packed);
    buffer_free(&text);
    buffer_free(&again);
    return 0;
}
