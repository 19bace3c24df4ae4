/*
 * The split expressions that most models use, written out by hand. Each of them matches every
 * character of a text, so one function that finds the end of the match at a place is all there is.
 * Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_SPLIT_SCAN_H
#define LOCKPICK_TEXT_SPLIT_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* Where the match that starts at `at` < size ends; the text is well formed. */
typedef size_t (*split_scanner)(const uint8_t *bytes, size_t size, size_t at);

/* NULL for an expression that has none. */
split_scanner split_scanner_of(struct text expression);

#endif
