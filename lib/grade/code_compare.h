/*
 * Whether a program's output is what it should be (SPEC 2): word by word, as white space divides
 * them; decimal numbers are compared after rounding to three decimals.
 */
#ifndef LOCKPICK_GRADE_CODE_COMPARE_H
#define LOCKPICK_GRADE_CODE_COMPARE_H

#include <stdbool.h>

#include "base/memory.h"

struct output_difference {
    size_t word;            /* the first that differs, from 1 */
    struct text got, right; /* borrowed; size 0: that side has ended */
};

/*
 * Two words are equal when they are the same bytes, or when both are decimal numbers, at least one
 * of them with a point or an exponent, and the same after rounding (exactly, half away from zero;
 * −0 is 0). Words of integers alone are compared as they are written: 007 is not 7.
 */
bool code_outputs_equal(struct text got, struct text right, struct output_difference *difference);

#endif
