/* JSON files from anywhere: no input crashes the parser, and what it accepts is written so that it
 * reads back equal. */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct error error = {0};
    json_t *json = json_parse(bytes, size, &error);
    if (json == NULL)
        return 0;
    struct buffer text = {0};
    json_write(json, &text);
    json_t *again = json_parse(text.data, text.size, &error);
    if (!json_equal(json, again))
        abort();
    int64_t integer;
    double real;
    const char *word;
    json_get_integer(json, "a", true, 0, -5, 5, &integer, &error);
    json_get_real(json, "a", false, 0, &real, &error);
    json_get_text(json, "a", false, NULL, &word, &error);
    json_decref(again);
    json_decref(json);
    buffer_free(&text);
    return 0;
}
