/*
 * The table of pairs and their counts.
 */
#include "text/bpe_pairs.h"

#include <stdlib.h>

#include "base/memory.h"

enum { FIRST_SLOTS = 1024 };

/* The pair's place, or the free one where it would be. */
static struct token_pair *slot_of(const struct token_pairs *pairs, int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t mask = pairs->slot_count - 1, at;

    key *= 0x9E3779B97F4A7C15u;
    at = (key ^ key >> 32) & mask;
    while (pairs->slots[at].left >= 0 &&
           (pairs->slots[at].left != left || pairs->slots[at].right != right))
        at = (at + 1) & mask;
    return &pairs->slots[at];
}

static void grow(struct token_pairs *pairs) {
    struct token_pairs old = *pairs;

    pairs->slot_count = old.slot_count > 0 ? 2 * old.slot_count : FIRST_SLOTS;
    pairs->slots = allocate(pairs->slot_count, sizeof *pairs->slots);
    for (size_t i = 0; i < pairs->slot_count; i++)
        pairs->slots[i].left = -1;
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i].left >= 0)
            *slot_of(pairs, old.slots[i].left, old.slots[i].right) = old.slots[i];
    free(old.slots);
}

void token_pairs_add(struct token_pairs *pairs, int32_t left, int32_t right, int64_t count) {
    struct token_pair *slot;

    if (2 * (pairs->used + 1) > pairs->slot_count)
        grow(pairs);
    slot = slot_of(pairs, left, right);
    if (slot->left < 0) {
        *slot = (struct token_pair){.left = left, .right = right};
        pairs->used++;
    }
    slot->count += count;
}

void token_pairs_bar(struct token_pairs *pairs, int32_t left, int32_t right) {
    slot_of(pairs, left, right)->barred = true;
}

void token_pairs_free(struct token_pairs *pairs) {
    free(pairs->slots);
    *pairs = (struct token_pairs){0};
}
