/*
 * SVG pictures from elsewhere, made fit to stand inside a page: only elements that draw, no
 * scripts, no handlers, no styles, no references to anything outside the picture, names of their
 * own. What is anything else is refused, not mended.
 */
#ifndef LOCKPICK_STATS_SVG_INLINE_H
#define LOCKPICK_STATS_SVG_INLINE_H

#include "base/memory.h"

/*
 * Appends the picture's <svg> element. Ids get `prefix` (letters, digits and hyphens) in front, so
 * that several pictures stand in one page; of the root only the viewBox is kept. `class_name` is
 * the class that it gets. Fails, with the line, and appends nothing, where the text is no such
 * picture.
 */
bool svg_inline(struct text svg, const char *prefix, const char *class_name, struct buffer *out,
                struct error *error);

#endif
