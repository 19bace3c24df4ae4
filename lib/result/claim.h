/*
 * Claims: sentences of a description that the numbers bear out or not. One claim in JSON:
 *
 *     {"say": "SFT on 64 demonstrations recovers most of the gap on {task}",
 *      "for_each": {"task": ["mini-math", "mini-code"]},
 *      "value": {"gap": {"where": {"method": "sft", "k": 64}}},
 *      "at_least": 0.5}
 *
 * `value` and what it is compared with are numbers as measure.h has them. Comparisons: "at_least",
 * "at_most", "above" and "below" (by more than `by`), "between": [V, V], "about" (`within` so
 * much). `for_each` makes a claim for every combination of values, each of which is a condition on
 * all rows and stands in the sentence for {field}. `source` is "paper" where the paper says so
 * (the default), "ours" where only we do; `paper` is the number that the paper gives, as text.
 */
#ifndef LOCKPICK_RESULT_CLAIM_H
#define LOCKPICK_RESULT_CLAIM_H

#include "result/measure.h"

enum verdict {
    VERDICT_HOLDS,
    VERDICT_FAILS,
    VERDICT_UNDECIDED,  /* only bounds are known, and they leave it open */
    VERDICT_UNMEASURED, /* rows are missing */
    VERDICTS,
};

struct claim {
    char *say;
    char *numbers; /* ours, what was expected, and by how much they differ */
    char *paper;   /* the paper's number, or NULL */
    bool of_paper;
    enum verdict verdict;
};

/* All zero is an empty list. */
struct claims {
    struct claim *items;
    size_t count;
    size_t counts[VERDICTS];
};

/*
 * Checks a JSON list of claims; NULL is an empty one. `labels`, an object or NULL, says what a
 * value of `for_each` is called in the sentence. False: a mistake in the description.
 */
bool claims_check(const json_t *list, const struct measuring *measuring, const json_t *labels,
                  struct claims *claims, struct error *error);
void claims_free(struct claims *claims);

#endif
