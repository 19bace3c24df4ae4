/* The types of xxhash that lib/model's headers name, where nothing is hashed. */
#ifndef TESTS_BARE_XXHASH_H
#define TESTS_BARE_XXHASH_H

#include <stdint.h>

typedef struct XXH3_state_s XXH3_state_t;
typedef struct {
    uint8_t digest[16];
} XXH128_canonical_t;

#endif
