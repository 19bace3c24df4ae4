/*
 * Multiple choice: which of the choices a model gives the highest next-token logit, whatever else
 * it would rather write (SPEC 2).
 */
#ifndef LOCKPICK_GRADE_CHOICE_H
#define LOCKPICK_GRADE_CHOICE_H

#include "record/record.h"

struct choice_grade {
    struct text found;   /* the choice made; borrowed from the record; empty for none */
    bool correct;        /* it is the reference */
    double score;        /* the reference's probability among the choices; 1 or 0 without logits */
    const char *verdict; /* "match", "different", "none" (the completion begins with no choice) */
};

/*
 * Grades the completion of a record with `choices` and `reference`. `choice_logprobs` is a map from
 * each choice to its log-probability (or logit), or a list in the order of the choices; of equal
 * ones the first is taken. Without it, the choice is the word that the completion begins with,
 * behind white space and opening brackets. White space around choices does not count. Fails where
 * the reference is none of the choices, or a choice lacks its number: that says nothing of the
 * model.
 */
bool choice_compare(const struct record *record, struct choice_grade *grade, struct error *error);

#endif
