/*
 * Policies that draw every token from one distribution, as many of them as the strong policy's
 * completion of the same problem has: from a fixed random one (paper G.2, task/fixedrdm.h), or from
 * the uniform one.
 *
 * Drawn are the tokens that text is made of: special ones and ids without a token are passed over
 * (an end token would end the completion before its length), so that the draw does not depend on
 * how far a model's vocabulary goes beyond its tokenizer's.
 */
#ifndef LOCKPICK_TASK_RANDOM_TOKENS_H
#define LOCKPICK_TASK_RANDOM_TOKENS_H

#include "record/record.h"
#include "text/tokenizer.h"

struct random_tokens;

/*
 * `tokenizer` is a checkpoint directory or a tokenizer's, `lengths` the stream of strong
 * completions; `fixed` is the seed that names fixedrdm's distribution, or NULL where all tokens are
 * as likely; `seed` names what is drawn.
 */
struct random_tokens *random_tokens_open(const char *tokenizer, const char *lengths,
                                         const uint64_t *fixed, uint64_t seed, struct error *error);
void random_tokens_close(struct random_tokens *policy); /* NULL is fine */

const char *random_tokens_digest(const struct random_tokens *policy); /* of `lengths` */

/* A completion as it was drawn. */
struct random_answer {
    const struct token_list *tokens; /* the policy's, until it answers again */
    struct text finish;              /* as the strong completion's: "stop" or "length" */
};

/*
 * Appends the text of sample `sample` for problem `id`: valid UTF-8, which need not have the same
 * tokens. Fails where `lengths` has no completion for it.
 */
bool random_tokens_answer(struct random_tokens *policy, struct text id, int64_t sample,
                          struct buffer *out, struct random_answer *answer, struct error *error);

#endif
