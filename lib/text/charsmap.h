/*
 * The precompiled character map of SentencePiece: which character sequences are replaced by what,
 * as a double-array trie (Darts-clone) and a run of replacement strings. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_CHARSMAP_H
#define LOCKPICK_TEXT_CHARSMAP_H

#include "base/error.h"
#include "base/memory.h"

struct charsmap;

/* The bytes are copied. */
struct charsmap *charsmap_open(struct text bytes, struct error *error);
void charsmap_close(struct charsmap *map);

/* The longest prefix of `text` in the map: its size (0: none) and its replacement, borrowed and
 * well formed. */
size_t charsmap_longest(const struct charsmap *map, struct text text, struct text *replacement);

/* Appends the text as the tokenizers library's Precompiled normalizer maps it: whole grapheme
 * clusters of less than six bytes by their shortest prefix in the map, else character by character.
 */
void charsmap_append(const struct charsmap *map, struct text text, struct buffer *out);

/* Appends the bytes of base64 with padding; false for anything else. */
bool charsmap_decode_base64(struct text coded, struct buffer *out);

#endif
