/* Inside of lib/record: the digest of records' bytes, XXH3-128 in 32 hex digits. */
#ifndef LOCKPICK_RECORD_DIGEST_H
#define LOCKPICK_RECORD_DIGEST_H

#include <stdio.h>
#include <xxhash.h>

enum { DIGEST_TEXT = 33 };

/* As xxhsum prints it: the high half first. */
static inline void digest_text(const XXH3_state_t *state, char text[DIGEST_TEXT]) {
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    snprintf(text, DIGEST_TEXT, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

#endif
