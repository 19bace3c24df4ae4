/* Any bytes as a picture: refused with a line and nothing appended, or made into one that passes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stats/svg_inline.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const struct text svg = {size > 0 ? (const char *)bytes : "", size};
    struct error error = {0};
    struct buffer out = {0}, again = {0};
    if (!svg_inline(svg, "p", "wide", &out, &error)) {
        require(out.size == 0 && strncmp(error.text, "line ", 5) == 0);
        buffer_free(&out);
        return 0;
    }
    require(out.size > 4 && memcmp(out.data, "<svg", 4) == 0);
    /* What came out could come in, and has nothing of what may not stand in a page. */
    require(
        svg_inline((struct text){(const char *)out.data, out.size}, "p", "wide", &again, &error));
    buffer_append(&out, "", 1);
    require(strcasestr((const char *)out.data, "<script") == NULL);
    buffer_free(&out);
    buffer_free(&again);
    return 0;
}
