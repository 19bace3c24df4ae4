/* Finishing an SVG picture: see svg.h. */
#include "stats/svg.h"

#include <string.h>

#include "stats/markup.h"

/* Where `part` starts at or behind `from`; the size of the buffer for nowhere. */
static size_t find(const struct buffer *buffer, size_t from, const char *part) {
    if (from >= buffer->size)
        return buffer->size;
    const uint8_t *at = memmem(buffer->data + from, buffer->size - from, part, strlen(part));
    return at ? (size_t)(at - buffer->data) : buffer->size;
}

bool svg_finish(struct buffer *svg, const char *title, const char *description,
                struct error *error) {
    static const char root[] = "<svg", end[] = "</desc>";
    const size_t start = find(svg, 0, root);
    const size_t titled = find(svg, start, "<title>");
    const size_t ended = find(svg, titled, end);
    if (ended == svg->size)
        return error_set(error, "gnuplot: its SVG has no title and description to replace");
    struct buffer made = {0};
    buffer_append(&made, svg->data, start);
    buffer_append_text(&made, "<svg role=\"img\" style=\"max-width:100%;height:auto\"");
    buffer_append(&made, svg->data + start + strlen(root), titled - start - strlen(root));
    buffer_append_text(&made, "<title>");
    markup_escape(text_of(title), &made);
    buffer_append_text(&made, "</title>\n<desc>");
    markup_escape(text_of(description), &made);
    buffer_append(&made, svg->data + ended, svg->size - ended);
    buffer_free(svg);
    *svg = made;
    return true;
}
