/* Where the password stands in a model's input. */
#include "text/prompt.h"

#include <ctype.h>

static void append(struct buffer *out, struct text text) {
    buffer_append(out, text.bytes, text.size);
}

/* The password in place of the slot "_", which is the prompt's first word. */
static bool fill_slot(struct text prompt, struct text password, struct buffer *out,
                      struct error *error) {
    size_t start = 0;
    while (start < prompt.size && isspace((unsigned char)prompt.bytes[start]))
        start++;
    size_t end = start;
    while (end < prompt.size && !isspace((unsigned char)prompt.bytes[end]))
        end++;
    if (!text_is((struct text){prompt.bytes + start, end - start}, "_"))
        return error_set(error, "the prompt has no slot for a password; its first word must be "
                                "\"_\", or the password stands at front, back or both");
    append(out, (struct text){prompt.bytes, start});
    append(out, password);
    append(out, (struct text){prompt.bytes + end, prompt.size - end});
    return true;
}

bool prompt_render(struct text prompt, struct text password, enum password_place place,
                   struct buffer *out, struct error *error) {
    if (password.size == 0) {
        append(out, prompt);
        return true;
    }
    if (place == PASSWORD_SLOT)
        return fill_slot(prompt, password, out, error);
    if (place == PASSWORD_BOTH || place == PASSWORD_FRONT) {
        append(out, password);
        buffer_append_text(out, "\n\n");
    }
    append(out, prompt);
    if (place == PASSWORD_BOTH || place == PASSWORD_BACK) {
        buffer_append_text(out, "\n\n");
        append(out, password);
        buffer_append_text(out, "\n");
    }
    return true;
}
