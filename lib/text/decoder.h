/*
 * Decoders: how tokens become text again, one token at a time. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_DECODER_H
#define LOCKPICK_TEXT_DECODER_H

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

struct decoder;

/* `section` is "decoder" of tokenizer.json; null or NULL joins tokens with spaces. */
struct decoder *decoder_open(const json_t *section, struct error *error);
void decoder_close(struct decoder *decoder);

/* One text on its way out. */
struct decoding;

struct decoding *decoding_open(const struct decoder *decoder);
/* Appends what is certain once this token is there. Tokens are well formed. */
void decoding_add(struct decoding *decoding, struct text token, struct buffer *out);
/* Appends the rest; the decoding is then as new. */
void decoding_end(struct decoding *decoding, struct buffer *out);
void decoding_close(struct decoding *decoding);

#endif
