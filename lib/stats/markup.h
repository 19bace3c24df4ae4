/* Text that others wrote, in XML and HTML: shown as it is, never obeyed. */
#ifndef LOCKPICK_STATS_MARKUP_H
#define LOCKPICK_STATS_MARKUP_H

#include "base/memory.h"

/* The length of the UTF-8 character at `bytes`, 0 where there is none that XML may hold. */
size_t markup_character(const unsigned char *bytes, size_t left);

/*
 * Appends a text so that it can stand between tags and in quoted attributes. Control characters
 * become spaces, what is no UTF-8 the replacement character.
 */
void markup_escape(struct text text, struct buffer *out);

#endif
