/* Base64 both ways; decoding accepts the one canonical spelling only. */
#include "record/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct text bytes, struct buffer *out) {
    const uint8_t *in = (const uint8_t *)bytes.bytes;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t three = (uint32_t)in[i] << 16;
        three |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        three |= left > 2 ? (uint32_t)in[i + 2] : 0;
        char four[4];
        for (int j = 0; j < 4; j++)
            four[j] = alphabet[three >> (18 - 6 * j) & 63];
        if (left < 2)
            four[2] = '=';
        if (left < 3)
            four[3] = '=';
        buffer_append(out, four, 4);
    }
}

static bool decode_four(const char *four, size_t digits, struct buffer *out) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *found = i < digits ? memchr(alphabet, four[i], 64) : alphabet;
        if (found == NULL || (i >= digits && four[i] != '='))
            return false;
        bits = bits << 6 | (uint32_t)(found - alphabet);
    }
    uint8_t three[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
    buffer_append(out, three, digits - 1);
    return digits == 4 || (digits == 3 ? three[2] == 0 : three[1] == 0 && three[2] == 0);
}

bool base64_decode(struct text coded, struct buffer *out) {
    size_t before = out->size;
    bool fine = coded.size % 4 == 0;
    for (size_t i = 0; fine && i < coded.size; i += 4) {
        const char *four = coded.bytes + i;
        size_t digits = 4;
        if (i + 4 == coded.size)
            digits = four[3] != '=' ? 4 : four[2] != '=' ? 3 : 2;
        fine = decode_four(four, digits, out);
    }
    if (!fine)
        out->size = before;
    return fine;
}
