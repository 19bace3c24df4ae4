/* The final answer of a worked solution in LaTeX. */
#ifndef LOCKPICK_TASK_BOXED_H
#define LOCKPICK_TASK_BOXED_H

#include <stdbool.h>

#include "base/memory.h"

/*
 * What stands in the last \boxed{…} or \fbox{…} (or behind the last \boxed without braces, up to
 * the dollar sign), without white space around it; a part of `solution`. False where there is none,
 * its braces do not close, or it is empty. Braces escaped by a backslash do not count.
 */
bool boxed_answer(struct text solution, struct text *answer);

#endif
