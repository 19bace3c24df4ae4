/*
 * Normalizers: what is done to a text before it is split. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_NORMALIZER_H
#define LOCKPICK_TEXT_NORMALIZER_H

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "text/sentencepiece_rules.h"

enum { SECTION_DEPTH = 16, SECTION_STEPS = 64 }; /* bounds on a Sequence in tokenizer.json */

struct normalizer;

/* `section` is "normalizer" of tokenizer.json; null or NULL changes nothing. */
struct normalizer *normalizer_open(const json_t *section, struct error *error);
/* A normalizer of one step, SentencePiece's; owns the rules from now on. */
struct normalizer *normalizer_open_sentencepiece(struct sentencepiece_rules *rules);
void normalizer_close(struct normalizer *normalizer);

/* A growing list for the text and one for the step that makes the next; all zero is empty. */
struct normalizer_scratch {
    struct buffer buffers[2];
    bool continues; /* the text goes on where another ended: nothing is prepended */
};

void normalizer_scratch_free(struct normalizer_scratch *scratch);

/* Replaces *text, which is well formed, by what the normalizer makes of it: borrowed from the
 * scratch memory, or unchanged. `at_start`: no text stands before it. */
bool normalizer_run(const struct normalizer *normalizer, struct normalizer_scratch *scratch,
                    bool at_start, struct text *text, struct error *error);

#endif
