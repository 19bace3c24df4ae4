/*
 * How often pairs of tokens stand beside each other: an open-addressed table by the pair of ids.
 * Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_BPE_PAIRS_H
#define LOCKPICK_TEXT_BPE_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct token_pair {
    int32_t left, right; /* left −1: a free place */
    int64_t count;       /* 0: no longer there */
    bool barred;         /* must not become a token */
};

/* All zero is an empty table. */
struct token_pairs {
    struct token_pair *slots; /* [slot_count], at most half of them taken */
    size_t slot_count, used;
};

/* Adds `count`, which may be negative, to what the pair has. */
void token_pairs_add(struct token_pairs *pairs, int32_t left, int32_t right, int64_t count);
/* Bars a pair that was added. */
void token_pairs_bar(struct token_pairs *pairs, int32_t left, int32_t right);
void token_pairs_free(struct token_pairs *pairs);

#endif
