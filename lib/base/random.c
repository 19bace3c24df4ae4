/* Philox4x32-10 and what is drawn from it. */
#include "base/random.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void put_u64(struct buffer *name, uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    buffer_append(name, bytes, sizeof bytes);
}

/* Each part carries its length, so that no two names give the same bytes. */
void random_start(struct random *random, const struct random_name *name) {
    struct buffer bytes = {0};
    struct text purpose = text_of(name->purpose ? name->purpose : "");
    put_u64(&bytes, name->seed);
    put_u64(&bytes, purpose.size);
    buffer_append(&bytes, purpose.bytes, purpose.size);
    put_u64(&bytes, name->id.size);
    buffer_append(&bytes, name->id.bytes, name->id.size);
    put_u64(&bytes, name->sample);
    put_u64(&bytes, name->epoch);
    put_u64(&bytes, name->round);
    XXH128_hash_t hash = XXH3_128bits(bytes.data, bytes.size);
    buffer_free(&bytes);
    *random = (struct random){
        .key = {(uint32_t)hash.low64, (uint32_t)(hash.low64 >> 32)},
        .counter = {0, 0, (uint32_t)hash.high64, (uint32_t)(hash.high64 >> 32)},
        .used = 4,
    };
}

uint32_t random_u32(struct random *random) {
    if (random->used == 4) {
        philox4x32(random->counter, random->key, random->block);
        if (++random->counter[0] == 0)
            random->counter[1]++;
        random->used = 0;
    }
    return random->block[random->used++];
}

uint64_t random_u64(struct random *random) {
    uint64_t low = random_u32(random);
    return low | (uint64_t)random_u32(random) << 32;
}

double random_uniform(struct random *random) {
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

/* Lemire's multiplication with rejection of the short first stretch. */
uint64_t random_below(struct random *random, uint64_t limit) {
    unsigned __int128 product = (unsigned __int128)random_u64(random) * limit;
    if ((uint64_t)product < limit) {
        uint64_t threshold = -limit % limit;
        while ((uint64_t)product < threshold)
            product = (unsigned __int128)random_u64(random) * limit;
    }
    return (uint64_t)(product >> 64);
}

double random_normal(struct random *random) {
    double radius = sqrt(-2 * log(1 - random_uniform(random)));
    return radius * cos(2 * M_PI * random_uniform(random));
}

void random_permutation(struct random *random, size_t count, size_t *order) {
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)random_below(random, i);
        size_t swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
}
