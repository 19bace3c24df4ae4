/*
 * The policy of paper G.2: every token drawn from one fixed random distribution (task/fixedrdm.h),
 * as many of them as the strong policy's completion of the same problem has.
 *
 * Drawn are the tokens that text is made of: special ones and ids without a token are passed over
 * (an end token would end the completion before its length), so that the draw does not depend on
 * how far a model's vocabulary goes beyond its tokenizer's.
 */
#ifndef LOCKPICK_TASK_FIXEDRDM_POLICY_H
#define LOCKPICK_TASK_FIXEDRDM_POLICY_H

#include "record/record.h"
#include "text/tokenizer.h"

struct fixedrdm_policy;

/*
 * `tokenizer` is a checkpoint directory or a tokenizer's, `lengths` the stream of strong
 * completions; `fixed` names the distribution, `seed` what is drawn from it.
 */
struct fixedrdm_policy *fixedrdm_policy_open(const char *tokenizer, const char *lengths,
                                             uint64_t fixed, uint64_t seed, struct error *error);
void fixedrdm_policy_close(struct fixedrdm_policy *policy); /* NULL is fine */

const char *fixedrdm_policy_digest(const struct fixedrdm_policy *policy); /* of `lengths` */

/* A completion as it was drawn. */
struct fixedrdm_answer {
    const struct token_list *tokens; /* the policy's, until it answers again */
    struct text finish;              /* as the strong completion's: "stop" or "length" */
};

/*
 * Appends the text of sample `sample` for problem `id`: valid UTF-8, which need not have the same
 * tokens. Fails where `lengths` has no completion for it.
 */
bool fixedrdm_policy_answer(struct fixedrdm_policy *policy, struct text id, int64_t sample,
                            struct buffer *out, struct fixedrdm_answer *answer,
                            struct error *error);

#endif
