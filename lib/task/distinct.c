/*
 * A permutation of 0 … size − 1 from a generalized Feistel network (Black and Rogaway, "Ciphers
 * with arbitrary finite domains", CT-RSA 2002): a number is split into a pair (l, r) of
 * [0, left) × [0, right); each round adds to one half a Philox number of the other, modulo its
 * range, which can be undone, so that all rounds together permute the pairs. Pairs that stand for
 * numbers beyond the size are walked through until one within comes up.
 */
#include "task/distinct.h"

#include <math.h>

enum { ROUNDS = 6 }; /* each changes both halves */

void distinct_start(struct distinct *distinct, uint64_t size, const struct random_name *name) {
    struct random random;

    random_start(&random, name);
    distinct->size = size;
    distinct->left = (uint64_t)sqrt((double)size);
    if (distinct->left == 0)
        distinct->left = 1;
    distinct->right = (size - 1) / distinct->left + 1;
    for (int i = 0; i < 2; i++)
        distinct->key[i] = random_u32(&random);
    for (int i = 0; i < 2; i++)
        distinct->salt[i] = random_u32(&random);
}

/*
 * A number of [0, limit) that depends on `half` and the step. The multiplication favours some
 * numbers by at most limit / 2⁶⁴.
 */
static uint64_t mixed(const struct distinct *distinct, uint64_t half, uint32_t step,
                      uint64_t limit) {
    uint32_t counter[4] = {(uint32_t)half, (uint32_t)(half >> 32), distinct->salt[0],
                           distinct->salt[1] ^ step};
    uint32_t block[4];
    uint64_t number;

    philox4x32(counter, distinct->key, block);
    number = (uint64_t)block[1] << 32 | block[0];
    return (uint64_t)(((unsigned __int128)number * limit) >> 64);
}

static uint64_t permuted_pair(const struct distinct *distinct, uint64_t number) {
    uint64_t l = number / distinct->right;
    uint64_t r = number % distinct->right;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        l = (l + mixed(distinct, r, 2 * round, distinct->left)) % distinct->left;
        r = (r + mixed(distinct, l, 2 * round + 1, distinct->right)) % distinct->right;
    }
    return l * distinct->right + r;
}

uint64_t distinct_at(const struct distinct *distinct, uint64_t place) {
    uint64_t number = place;

    do
        number = permuted_pair(distinct, number);
    while (number >= distinct->size);
    return number;
}
