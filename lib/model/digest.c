/* The digest of a checkpoint, in pieces that threads make independently (storage.h says how). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/storage.h"

size_t digest_pieces(size_t bytes) {
    return (bytes + DIGEST_PIECE - 1) / DIGEST_PIECE;
}

/* ---- a piece ---- */

void piece_start(struct piece_hash *hash) {
    *hash = (struct piece_hash){.state = XXH3_createState(), .zero = true};
    XXH3_128bits_reset(hash->state);
}

static bool is_zero(const uint8_t *bytes, size_t size) {
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

void piece_add(struct piece_hash *hash, const void *bytes, size_t size) {
    hash->zero = hash->zero && is_zero(bytes, size);
    XXH3_128bits_update(hash->state, bytes, size);
}

void piece_finish(struct piece_hash *hash, struct piece_digest *digest) {
    XXH128_canonicalFromHash(&digest->digest, XXH3_128bits_digest(hash->state));
    digest->zero = hash->zero;
    XXH3_freeState(hash->state);
    hash->state = NULL;
}

/* ---- the whole ---- */

void digest_start(struct digest *digest, bool skip_zeros) {
    *digest = (struct digest){.state = XXH3_createState(), .skip_zeros = skip_zeros, .empty = true};
    XXH3_128bits_reset(digest->state);
}

void digest_tensor(struct digest *digest, const struct stored_tensor *stored, const char *dtype,
                   const struct piece_digest *pieces, size_t count) {
    char line[192];
    int size = snprintf(line, sizeof line, "%s %s %" PRId64 " %" PRId64 "\n", stored->name, dtype,
                        stored->rows, stored->columns);
    XXH3_128bits_update(digest->state, line, (size_t)size);
    for (size_t i = 0; i < count; i++) {
        if (digest->skip_zeros && pieces[i].zero)
            continue;
        if (digest->skip_zeros) { /* which of the pieces it is */
            size = snprintf(line, sizeof line, "%zu ", i);
            XXH3_128bits_update(digest->state, line, (size_t)size);
        }
        XXH3_128bits_update(digest->state, pieces[i].digest.digest, sizeof pieces[i].digest.digest);
        digest->empty = false;
    }
}

static void write_hex(struct digest *digest, char hex[33]) {
    XXH128_hash_t hash = XXH3_128bits_digest(digest->state);
    snprintf(hex, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
    XXH3_freeState(digest->state);
    digest->state = NULL;
}

void digest_low(struct digest *digest, char hex[33]) {
    bool empty = digest->empty;
    write_hex(digest, hex);
    if (empty)
        hex[0] = '\0';
}

void digest_whole(struct digest *digest, const char low[33], char hex[33]) {
    if (low[0] != '\0') {
        XXH3_128bits_update(digest->state, "low ", 4);
        XXH3_128bits_update(digest->state, low, 32);
    }
    write_hex(digest, hex);
}
