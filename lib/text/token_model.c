/* What token models share: scratch memory, places to cut, bytes as tokens and as characters. */
#include "text/token_model.h"

#include <stdio.h>
#include <string.h>

#include "text/unicode.h"

void model_scratch_free(struct model_scratch *scratch) {
    buffer_free(&scratch->symbols);
    buffer_free(&scratch->pairs);
    buffer_free(&scratch->text);
}

/* ---- cuts ---- */

static inline unsigned cut_class(const uint8_t *at) {
    if (at[0] < 0x80)
        return at[0];
    return at[0] == 0xE2 && at[1] == 0x96 && at[2] == 0x81 ? 128 : 129;
}

void word_cuts_join(struct word_cuts *cuts, struct text token) {
    const uint8_t *bytes = (const uint8_t *)token.bytes;
    size_t i = 0;
    while (i < token.size) {
        size_t next = i + utf8_step(bytes + i);
        if (next < token.size)
            cuts->joined[cut_class(bytes + i)][cut_class(bytes + next)] = true;
        i = next;
    }
}

size_t word_cuts_next(const struct word_cuts *cuts, struct text text) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    unsigned class = cut_class(bytes);
    size_t i = utf8_step(bytes);
    while (i < text.size) {
        unsigned next = cut_class(bytes + i);
        if (!cuts->joined[class][next])
            break;
        class = next;
        i += utf8_step(bytes + i);
    }
    return i;
}

/* ---- bytes ---- */

int32_t byte_token_id(const struct vocabulary *vocabulary, unsigned byte) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", byte & 0xFF);
    return vocabulary_id(vocabulary, text_of(name));
}

/* Bytes that do not stand for themselves, in three runs: 00–20, 7F–A0, AD. */
int32_t byte_level_character(unsigned byte) {
    if (byte <= 0x20)
        return 0x100 + (int32_t)byte;
    if (byte >= 0x7F && byte <= 0xA0)
        return 0x121 + (int32_t)byte - 0x7F;
    return byte == 0xAD ? 0x143 : (int32_t)byte;
}

int byte_level_byte(int32_t code) {
    if (code >= 0x100 && code <= 0x120)
        return code - 0x100;
    if (code >= 0x121 && code <= 0x142)
        return code - 0x121 + 0x7F;
    if (code == 0x143)
        return 0xAD;
    bool itself = (code > 0x20 && code < 0x7F) || (code > 0xA0 && code <= 0xFF && code != 0xAD);
    return itself ? code : -1;
}
