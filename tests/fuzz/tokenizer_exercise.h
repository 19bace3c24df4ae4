/* What the two tokenizer targets do with a tokenizer that could be read. */
#ifndef TOKENIZER_EXERCISE_H
#define TOKENIZER_EXERCISE_H

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

static inline void decode_twice(const struct tokenizer *tokenizer, const struct token_list *ids,
                                unsigned flags) {
    struct error error = {0};
    struct buffer whole = {0}, pieces = {0};
    if (!tokenizer_decode(tokenizer, ids->ids, ids->count, flags, &whole, &error))
        abort();
    struct token_stream *stream = token_stream_open(tokenizer, flags);
    for (size_t i = 0; i < ids->count; i++)
        if (!token_stream_add(stream, ids->ids[i], &pieces, &error))
            abort();
    token_stream_end(stream, &pieces);
    token_stream_close(stream);
    if (whole.size != pieces.size ||
        (whole.size > 0 && memcmp(whole.data, pieces.data, whole.size) != 0))
        abort();
    buffer_free(&whole);
    buffer_free(&pieces);
}

static inline void encode_twice(const struct tokenizer *tokenizer, struct text text,
                                unsigned flags) {
    struct error error = {0};
    struct token_list first = {0}, second = {0};
    struct encoder *encoder = encoder_open(tokenizer);
    bool fine = tokenizer_encode(tokenizer, text, flags, &first, &error);
    /* An encoder with its words remembered gives the same, twice. */
    for (int i = 0; i < 2; i++) {
        second.count = 0;
        if (encoder_encode(encoder, text, flags, &second, &error) != fine ||
            second.count != first.count)
            abort();
        for (size_t k = 0; k < first.count; k++)
            if (first.ids[k] != second.ids[k] || first.ids[k] < 0 ||
                first.ids[k] >= tokenizer_size(tokenizer))
                abort();
    }
    if (!fine && error.text[0] == '\0')
        abort();
    decode_twice(tokenizer, &first, DECODE_ALL);
    decode_twice(tokenizer, &first, DECODE_SKIP_SPECIAL);
    encoder_close(encoder);
    token_list_free(&first);
    token_list_free(&second);
}

static inline void exercise(const struct tokenizer *tokenizer, struct text bytes) {
    static const char text[] = "The  caf\xC3\xA9's <s>42</s> \xE4\xBD\xA0\xE5\xA5\xBD e\xCC\x81 "
                               "\xE2\x96\x81x \xFF\xF0\x9F\x98\x80\n\tend ";
    /* The file as text, the front of it where it is long: slowness shows on short texts too. */
    bytes.size = bytes.size > 2000 ? 2000 : bytes.size;
    encode_twice(tokenizer, bytes, ENCODE_PLAIN);
    encode_twice(tokenizer, (struct text){text, sizeof text - 1}, ENCODE_ADD_SPECIAL);
    encode_twice(tokenizer, (struct text){text, sizeof text - 1}, ENCODE_LITERAL);
    struct token_list all = {0};
    for (int32_t id = 0; id < tokenizer_size(tokenizer) && id < 2000; id++) {
        struct text token = tokenizer_token(tokenizer, id);
        if (token.bytes != NULL)
            token_list_add(&all, id);
    }
    decode_twice(tokenizer, &all, DECODE_ALL);
    token_list_free(&all);
}

#endif
