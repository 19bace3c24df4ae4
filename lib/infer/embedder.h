/*
 * Texts to vectors: a sentence encoder checkpoint, or the built-in hashed n-grams. Records are
 * gathered until a batch is full, and leave in order with their vectors.
 */
#ifndef LOCKPICK_INFER_EMBEDDER_H
#define LOCKPICK_INFER_EMBEDDER_H

#include "model/sentence_encoder.h"
#include "record/filter.h"
#include "text/tokenizer.h"

struct embedder_settings {
    const char *model;            /* directory; NULL: hashed n-grams */
    const char *name;             /* for the field `embedder`; NULL: the directory's own name */
    const char *text, *reference; /* fields; reference NULL: none */
    int pooling;                  /* 0: as the checkpoint says; else 1 + enum pooling_kind */
    int64_t batch;                /* records at once */
};

struct embedder;

/* Borrows the filter, and the model and tokenizer, which are NULL for n-grams. */
struct embedder *embedder_open(struct filter *filter, struct model *model,
                               const struct tokenizer *tokenizer,
                               const struct embedder_settings *settings, struct error *error);
void embedder_close(struct embedder *embedder);

/* Takes a record (copied); writes when a batch is full. One without the text, or whose text is not
 * text, is rejected; a text longer than the encoder reads is cut, which is counted. */
bool embedder_add(struct embedder *embedder, const struct record *record, struct error *error);
/* Writes what is still waiting. */
bool embedder_flush(struct embedder *embedder, struct error *error);

/* Texts that were cut so far. */
int64_t embedder_cut(const struct embedder *embedder);

#endif
