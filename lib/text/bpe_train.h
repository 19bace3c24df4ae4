/*
 * Training a byte-level BPE vocabulary: texts are cut into words as Hugging Face's Digits
 * (individual) and ByteLevel cut them, a word starts as its bytes, and the pair of neighbours that
 * stands most often in all words becomes a token, again and again. Of pairs that are equally
 * frequent the one whose left, then right token comes first by its bytes is taken, so that the
 * result depends on nothing but the words and how often each comes.
 */
#ifndef LOCKPICK_TEXT_BPE_TRAIN_H
#define LOCKPICK_TEXT_BPE_TRAIN_H

#include "base/error.h"
#include "base/memory.h"

struct bpe_trainer;

/* Token texts have ids in this order: end, begin, specials; then the 256 bytes, then merges. */
struct bpe_training {
    int64_t vocabulary;    /* tokens, all of them counted */
    const char *end;       /* ends a completion; always id 0 */
    const char *begin;     /* stands before every text; NULL: none */
    const char **specials; /* [special_count] further tokens that no text is cut into */
    size_t special_count;
};

/* Fails where special tokens come twice or are single characters, or the vocabulary has no room for
 * them and the bytes. The settings must outlive the trainer. */
struct bpe_trainer *bpe_trainer_open(const struct bpe_training *training, struct error *error);
/* Counts the words of a text. Fails on text that is not UTF-8. */
bool bpe_trainer_add(struct bpe_trainer *trainer, struct text text, struct error *error);
/*
 * Appends the tokenizer.json. `size` is the number of tokens in it: the vocabulary asked for, or
 * fewer where the words have become one token each before that.
 */
bool bpe_trainer_finish(struct bpe_trainer *trainer, struct buffer *out, int64_t *size,
                        struct error *error);
void bpe_trainer_close(struct bpe_trainer *trainer); /* NULL is fine */

#endif
