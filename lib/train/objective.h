/*
 * What is learned: completions, or preferences between two completions of one input (DPO). Here is
 * the arithmetic of one preference.
 */
#ifndef LOCKPICK_TRAIN_OBJECTIVE_H
#define LOCKPICK_TRAIN_OBJECTIVE_H

enum objective_kind { OBJECTIVE_SFT, OBJECTIVE_DPO };
#define OBJECTIVE_KINDS "sft|dpo" /* for OPTION_CHOICE */

/* Where the reference model's log-probabilities come from. */
enum reference_kind {
    REFERENCE_MODEL,  /* it is the model that the run begins from */
    REFERENCE_STREAM, /* the records tell them */
};
#define REFERENCE_KINDS "model|stream"

/* All zero: SFT. */
struct objective {
    int kind;      /* enum objective_kind */
    int reference; /* enum reference_kind, DPO only */
    double beta;   /* DPO only */
};

/* What DPO knows of a pair besides its tokens: the sums of the reference model's log-probabilities
 * over the tokens of each completion. */
struct pair {
    double weight;
    double chosen, rejected;
};

/*
 * DPO (Rafailov et al. 2023, equation 7), each pair with a weight of its own (SPEC 4; the paper's
 * equation 2): with the log-probabilities that the model gives both completions now,
 *
 *     margin = β·((chosen − rejected) − (pair.chosen − pair.rejected))
 *     loss   = −weight · log σ(margin)
 *     slope  = ∂loss/∂chosen = −∂loss/∂rejected = −weight·β·σ(−margin)
 */
struct preference {
    double margin, loss, slope;
};

struct preference preference_of(const struct pair *pair, double beta, double chosen,
                                double rejected);

#endif
