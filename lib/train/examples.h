/*
 * Training examples: token ids of input and completion, held in two flat arrays. The loss stands on
 * completion tokens only (SPEC 3). What is learned there are the tokens themselves or, where a
 * record has `targets`, distributions. With DPO a record is a pair of examples (pairs.h).
 */
#ifndef LOCKPICK_TRAIN_EXAMPLES_H
#define LOCKPICK_TRAIN_EXAMPLES_H

#include <xxhash.h>

#include "model/config.h"
#include "record/record.h"
#include "train/objective.h"
#include "train/targets.h"

struct example {
    size_t start;      /* of its tokens in examples.tokens */
    int32_t tokens;    /* input, completion, end token */
    int32_t predicted; /* how many at the end carry the loss; at least 1, less than tokens */
    struct wanted wanted;
};

struct examples {
    const struct tokenizer *tokenizer; /* borrowed */
    const struct model_config *config; /* borrowed */
    int64_t max_completion;            /* completion tokens; what is longer is cut there */
    int64_t max_rows; /* rows of a micro-batch, which an example must fit; 0: no bound */
    struct token_list tokens;
    struct objective objective; /* whether records are examples, or pairs of them */
    struct targets targets;
    struct example *items; /* one a record; with DPO two, the chosen one first */
    struct pair *pairs;    /* with DPO, one a record */
    size_t count;          /* records */
    size_t capacity;
    XXH3_state_t *digest; /* over all examples ever added, forgotten ones too */
};

void examples_open(struct examples *examples, const struct tokenizer *tokenizer,
                   const struct model_config *config, int64_t max_completion);
void examples_close(struct examples *examples);

/*
 * Adds one record: `input` (or `prompt` where there is no input), then `completion`, then the
 * model's end token where it has one and the completion was not cut off (`finish` "length", or
 * longer than max_completion). With fixed or uniform `targets` the completion may be the ids of
 * `token_ids` in place of text; with told ones it is one token that stands for all of them, and no
 * end. Fails on missing fields, unknown tokens, nothing to predict, or more tokens than the model
 * has positions or a micro-batch has rows.
 */
bool examples_add(struct examples *examples, const struct record *record, struct error *error);
/* With which fields a completion comes. */
struct example_fields {
    const char *completion, *finish;
    bool targets; /* `targets` and `token_ids` too */
};

/* For pairs: encodes input and completion behind all tokens so far, and checks them. On failure the
 * caller takes the tokens back. */
bool examples_encode(struct examples *examples, const struct record *record,
                     const struct example_fields *fields, struct example *example,
                     struct error *error);
/* Keeps a record's examples, and its pair where they are two, and takes their tokens into the
 * digest. */
void examples_keep(struct examples *examples, const struct example *items, const struct pair *pair);

/* Forgets all examples but keeps their digest: for streams, a batch at a time. */
void examples_forget(struct examples *examples);
/* 16 hex digits of all examples added so far. */
void examples_digest(const struct examples *examples, char digest[17]);

#endif
