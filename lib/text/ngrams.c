/* Hashed character n-grams. */
#include "text/ngrams.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    SHORTEST = 3,
    LONGEST = 5,
    WORD_LIMIT = 64, /* bytes of a word that count */
};

/* Letters, digits, and everything beyond ASCII. */
static bool in_word(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte >= 0x80;
}

static void add_feature(float *vector, const uint8_t *bytes, size_t size) {
    uint64_t hash = XXH3_64bits_withSeed(bytes, size, size);
    vector[hash % NGRAM_DIMENSIONS] += hash >> 63 ? 1.0f : -1.0f;
}

/* `word` has its marks at both ends. */
static void add_word(float *vector, const uint8_t *word, size_t size) {
    add_feature(vector, word, size);
    for (size_t n = SHORTEST; n <= LONGEST; n++)
        for (size_t i = 0; i + n <= size && n < size; i++)
            add_feature(vector, word + i, n);
}

void ngram_vector(struct text text, float *vector) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    uint8_t word[WORD_LIMIT + 2];
    memset(vector, 0, NGRAM_DIMENSIONS * sizeof *vector);
    for (size_t i = 0; i < text.size;) {
        if (!in_word(bytes[i])) {
            i++;
            continue;
        }
        size_t size = 0;
        word[size++] = '<';
        for (; i < text.size && in_word(bytes[i]); i++)
            if (size <= WORD_LIMIT)
                word[size++] = bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] | 0x20 : bytes[i];
        word[size++] = '>';
        add_word(vector, word, size);
    }
    double total = 0;
    for (size_t i = 0; i < NGRAM_DIMENSIONS; i++) {
        vector[i] = copysignf(sqrtf(fabsf(vector[i])), vector[i]);
        total += (double)vector[i] * (double)vector[i];
    }
    float scale = total > 0 ? (float)(1 / sqrt(total)) : 0;
    for (size_t i = 0; i < NGRAM_DIMENSIONS; i++)
        vector[i] *= scale;
}
