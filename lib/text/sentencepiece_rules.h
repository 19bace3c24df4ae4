/*
 * How SentencePiece normalizes: its character map, then white space. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_SENTENCEPIECE_RULES_H
#define LOCKPICK_TEXT_SENTENCEPIECE_RULES_H

#include <stdbool.h>

#include "base/memory.h"

struct charsmap;
struct added_tokens;

struct sentencepiece_rules {
    struct charsmap *map;      /* NULL: characters stay as they are; owned */
    bool dummy_prefix;         /* a space in front of the text */
    bool remove_extra;         /* spaces in front, behind, and all but one between go */
    bool escape;               /* a space is written as U+2581 */
    struct added_tokens *kept; /* user-defined symbols, which no rule touches; NULL: none; owned */
};

/* Appends the normalized text; the prefix only where it is `at_start` of all the text. */
void sentencepiece_normalize(const struct sentencepiece_rules *rules, struct text text,
                             bool at_start, struct buffer *out);
void sentencepiece_rules_close(struct sentencepiece_rules *rules);

#endif
