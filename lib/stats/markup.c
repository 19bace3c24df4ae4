/* Escaping text for XML and HTML: see markup.h. */
#include "stats/markup.h"

size_t markup_character(const unsigned char *bytes, size_t left) {
    const unsigned char first = bytes[0];
    const size_t size = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
    if (size == 0 || size > left)
        return 0;
    unsigned code = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    const bool too_long = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return too_long || surrogate || code > 0x10ffff || (code & 0xfffe) == 0xfffe ? 0 : size;
}

static const char *escape_of(unsigned char byte) {
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return byte < 0x20 || byte == 0x7f ? " " : NULL;
    }
}

void markup_escape(struct text text, struct buffer *out) {
    const unsigned char *bytes = (const unsigned char *)text.bytes;
    for (size_t i = 0; i < text.size;) {
        const size_t size = markup_character(bytes + i, text.size - i);
        const char *escape = escape_of(bytes[i]);
        if (size == 0)
            buffer_append_text(out, "\xef\xbf\xbd");
        else if (escape)
            buffer_append_text(out, escape);
        else
            buffer_append(out, bytes + i, size);
        i += size ? size : 1;
    }
}
