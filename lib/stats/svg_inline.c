/*
 * One pass over the markup with a list of what may come. HTML reads a picture within a page by
 * rules of its own: a title holds HTML, an unknown element ends the picture. So titles hold only
 * text here, and there are no unknown elements.
 */
#include "stats/svg_inline.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "stats/markup.h"

enum { DEPTH_LIMIT = 64, PIXELS_LIMIT = 100000 };

/* What draws, and what gnuplot's pictures define. */
static const char *const known_elements[] = {
    "svg",     "g",      "defs",    "title",       "desc",     "path",           "text",
    "tspan",   "use",    "circle",  "rect",        "line",     "polyline",       "polygon",
    "ellipse", "filter", "feFlood", "feComposite", "clipPath", "linearGradient", "stop"};
enum { KNOWN_COUNT = sizeof known_elements / sizeof known_elements[0] };

struct inlining {
    const char *start, *at, *end;
    const char *prefix, *class_name;
    struct text open[DEPTH_LIMIT]; /* the elements that are open */
    size_t depth;
    bool seen; /* the root has begun */
    struct buffer *out;
    struct error *error;
};

static bool wrong(const struct inlining *work, const char *what) {
    size_t line = 1;
    for (const char *c = work->start; c < work->at; c++)
        line += *c == '\n';
    return error_set(work->error, "line %zu: %s; a picture that plot drew would be right", line,
                     what);
}

static bool starts_with(const struct inlining *work, const char *text) {
    const size_t size = strlen(text);
    return (size_t)(work->end - work->at) >= size && memcmp(work->at, text, size) == 0;
}

/* Moves behind the next `text`. */
static bool skip_past(struct inlining *work, const char *text, const char *what) {
    const char *found = memmem(work->at, (size_t)(work->end - work->at), text, strlen(text));
    if (found == NULL)
        return wrong(work, what);
    work->at = found + strlen(text);
    return true;
}

static void skip_spaces(struct inlining *work) {
    while (work->at < work->end && strchr(" \t\r\n", *work->at) && *work->at)
        work->at++;
}

static bool is_name(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == ':' || c == '.';
}

static struct text read_name(struct inlining *work) {
    const char *start = work->at;
    while (work->at < work->end && is_name(*work->at))
        work->at++;
    return (struct text){start, (size_t)(work->at - start)};
}

static bool is_known(struct text name) {
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (text_is(name, known_elements[i]))
            return true;
    return false;
}

/* Whether all of it is UTF-8 without '<', and each '&' begins one of XML's own references. */
static bool is_plain(struct text text) {
    static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#39;"};
    for (size_t i = 0; i < text.size;) {
        const size_t size = markup_character((const unsigned char *)text.bytes + i, text.size - i);
        if (size == 0 || text.bytes[i] == '<' || text.bytes[i] == '\0')
            return false;
        bool fine = text.bytes[i] != '&';
        for (size_t k = 0; !fine && k < sizeof references / sizeof references[0]; k++)
            fine = text.size - i >= strlen(references[k]) &&
                   memcmp(text.bytes + i, references[k], strlen(references[k])) == 0;
        if (!fine)
            return false;
        i += size;
    }
    return true;
}

/* ---- attributes ---- */

struct attribute {
    struct text name, value;
};

static bool read_attribute(struct inlining *work, struct attribute *attribute) {
    attribute->name = read_name(work);
    skip_spaces(work);
    if (attribute->name.size == 0 || work->at == work->end || *work->at != '=')
        return wrong(work, "no attribute");
    work->at++;
    skip_spaces(work);
    const char quote = work->at < work->end ? *work->at : ' ';
    if (quote != '"' && quote != '\'')
        return wrong(work, "an attribute without quotes");
    const char *start = ++work->at;
    const char *found = memchr(start, quote, (size_t)(work->end - start));
    if (found == NULL)
        return wrong(work, "an attribute without an end");
    attribute->value = (struct text){start, (size_t)(found - start)};
    work->at = found + 1;
    return is_plain(attribute->value) || wrong(work, "an attribute with markup in it");
}

static bool is_id(struct text text) {
    for (size_t i = 0; i < text.size; i++)
        if (!is_name(text.bytes[i]))
            return false;
    return text.size > 0;
}

static void write_attribute(const struct inlining *work, struct text name, const char *before,
                            struct text value, const char *behind) {
    buffer_append_text(work->out, " ");
    buffer_append(work->out, name.bytes, name.size);
    buffer_format(work->out, "=\"%s", before);
    for (size_t i = 0; i < value.size; i++)
        if (value.bytes[i] == '"')
            buffer_append_text(work->out, "&quot;");
        else
            buffer_append(work->out, value.bytes + i, 1);
    buffer_format(work->out, "%s\"", behind);
}

static bool begins(struct text text, const char *start) {
    return text.size >= strlen(start) && strncasecmp(text.bytes, start, strlen(start)) == 0;
}

/* Whatever the case of its letters. */
static bool contains(struct text text, const char *part) {
    for (size_t i = 0; i < text.size; i++)
        if (begins((struct text){text.bytes + i, text.size - i}, part))
            return true;
    return false;
}

/* Ids and references to them get the prefix; what is dropped draws nothing. */
static bool copy_attribute(struct inlining *work, const struct attribute *attribute) {
    const struct text name = attribute->name, value = attribute->value;
    char *before = NULL;
    struct text id = value;
    const char *behind = "";
    if (begins(name, "on"))
        return wrong(work, "an attribute that handles events");
    if (begins(name, "xmlns") || begins(name, "xml:") || begins(name, "aria") ||
        text_is(name, "style") || text_is(name, "class") || text_is(name, "role"))
        return true;
    if (text_is(name, "id")) {
        before = format_text("%s-", work->prefix);
    } else if (text_is(name, "href") || text_is(name, "xlink:href")) {
        if (!begins(value, "#"))
            return wrong(work, "a reference to something outside");
        before = format_text("#%s-", work->prefix);
        id = (struct text){value.bytes + 1, value.size - 1};
    } else if (begins(value, "url(#") && value.bytes[value.size - 1] == ')') {
        before = format_text("url(#%s-", work->prefix);
        id = (struct text){value.bytes + 5, value.size - 6};
        behind = ")";
    } else if (contains(value, "url(") || contains(value, "javascript:")) {
        return wrong(work, "a reference to something outside");
    }
    if (before && !is_id(id)) {
        free(before);
        return wrong(work, "no id");
    }
    write_attribute(work, name, before ? before : "", id, behind);
    free(before);
    return true;
}

/* "0 0 900 560"; the width goes to `width`. */
static bool read_view_box(struct text text, double *width) {
    char copy[128], *at = copy;
    double numbers[4];
    if (text.size >= sizeof copy)
        return false;
    memcpy(copy, text.bytes, text.size);
    copy[text.size] = '\0';
    for (int i = 0; i < 4; i++) {
        char *end;
        numbers[i] = strtod(at, &end);
        if (end == at || !(numbers[i] >= 0 && numbers[i] <= PIXELS_LIMIT))
            return false;
        at = end;
    }
    *width = numbers[2];
    return *at == '\0' && numbers[2] > 0 && numbers[3] > 0;
}

/* ---- elements ---- */

/* Reads up to the '>' of a start tag; `closed` where it ends with "/>". */
static bool copy_attributes(struct inlining *work, bool root, bool *closed) {
    double width = 0;
    for (;;) {
        skip_spaces(work);
        *closed = starts_with(work, "/>");
        if (*closed || starts_with(work, ">")) {
            work->at += *closed ? 2 : 1;
            break;
        }
        struct attribute attribute;
        if (!read_attribute(work, &attribute))
            return false;
        if (root && text_is(attribute.name, "viewBox")) {
            if (!read_view_box(attribute.value, &width))
                return wrong(work, "a viewBox that is no size");
            write_attribute(work, attribute.name, "", attribute.value, "");
        } else if (!root && !copy_attribute(work, &attribute)) {
            return false;
        }
    }
    if (root && width == 0)
        return wrong(work, "no viewBox, without which it cannot be scaled");
    if (root)
        buffer_format(work->out, " class=\"%s\" role=\"img\" style=\"max-width:%.0fpx\"",
                      work->class_name, width * 1.25);
    buffer_append_text(work->out, *closed ? "/>" : ">");
    return true;
}

static bool in_text_element(const struct inlining *work) {
    const struct text *open = work->depth ? &work->open[work->depth - 1] : NULL;
    return open && (text_is(*open, "title") || text_is(*open, "desc"));
}

static bool copy_start(struct inlining *work) {
    work->at++;
    const struct text name = read_name(work);
    const bool root = text_is(name, "svg");
    bool closed = false;
    if (!is_known(name))
        return wrong(work, "an element that may not stand in a page");
    if (root == work->seen || (work->seen && work->depth == 0))
        return wrong(work, root ? "a picture in a picture" : "an element outside the picture");
    if (in_text_element(work))
        return wrong(work, "an element within a title");
    if (work->depth == DEPTH_LIMIT)
        return wrong(work, "elements too deep within each other");
    work->seen = true;
    buffer_append_text(work->out, "<");
    buffer_append(work->out, name.bytes, name.size);
    if (!copy_attributes(work, root, &closed))
        return false;
    if (!closed)
        work->open[work->depth++] = name;
    return true;
}

static bool copy_end(struct inlining *work) {
    work->at += 2;
    const struct text name = read_name(work);
    skip_spaces(work);
    if (!starts_with(work, ">") || work->depth == 0 ||
        !text_equal(name, work->open[work->depth - 1]))
        return wrong(work, "an end without its beginning");
    work->at++;
    work->depth--;
    buffer_append_text(work->out, "</");
    buffer_append(work->out, name.bytes, name.size);
    buffer_append_text(work->out, ">");
    return true;
}

static bool copy_text_between(struct inlining *work) {
    const char *next = memchr(work->at, '<', (size_t)(work->end - work->at));
    const char *end = next ? next : work->end;
    const struct text text = {work->at, (size_t)(end - work->at)};
    if (!is_plain(text))
        return wrong(work, "text with markup in it");
    if (work->depth > 0)
        buffer_append(work->out, text.bytes, text.size);
    else
        for (size_t i = 0; i < text.size; i++)
            if (!strchr(" \t\r\n", text.bytes[i]))
                return wrong(work, "text outside the picture");
    work->at = end;
    return true;
}

static bool copy_next(struct inlining *work) {
    if (starts_with(work, "<?"))
        return skip_past(work, "?>", "an instruction without an end");
    if (starts_with(work, "<!--"))
        return skip_past(work, "-->", "a comment without an end");
    if (starts_with(work, "<!"))
        return wrong(work, "a declaration");
    if (starts_with(work, "</"))
        return copy_end(work);
    if (starts_with(work, "<"))
        return copy_start(work);
    return copy_text_between(work);
}

bool svg_inline(struct text svg, const char *prefix, const char *class_name, struct buffer *out,
                struct error *error) {
    struct inlining work = {.start = svg.bytes,
                            .at = svg.bytes,
                            .end = svg.bytes + svg.size,
                            .prefix = prefix,
                            .class_name = class_name,
                            .out = out,
                            .error = error};
    const size_t before = out->size;
    bool fine = true;
    while (fine && work.at < work.end)
        fine = copy_next(&work);
    if (fine && (!work.seen || work.depth > 0))
        fine = wrong(&work, work.seen ? "it ends within the picture" : "no picture");
    if (!fine)
        out->size = before;
    return fine;
}
