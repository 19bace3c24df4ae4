/* Any bytes as a template: refused with a line, or rendered, with every field twice its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

static bool look_up(const void *context, const char *field, struct text *value,
                    struct error *error) {
    if (field[0] == *(const char *)context)
        return error_set(error, "'%s' is missing", field);
    *value = text_of(field);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct text text = {size > 0 ? (const char *)bytes : "", size};
    struct error error = {0};
    struct buffer out = {0};
    struct template *template = template_parse("t", text, &error);

    if (template == NULL) {
        require(strncmp(error.text, "t: line ", 8) == 0);
        return 0;
    }
    if (template_render(template, look_up, "x", text_of("p"), PASSWORD_BOTH, &out, &error))
        require(error.text[0] == '\0');
    else
        require(out.size == 0 && strncmp(error.text, "t: line ", 8) == 0);
    buffer_free(&out);
    template_close(template);
    return 0;
}
