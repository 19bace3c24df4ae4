/*
 * What a compiler's first error tells about trying again with more headers or libraries.
 */
#ifndef LOCKPICK_GRADE_CODE_COMPLAINT_H
#define LOCKPICK_GRADE_CODE_COMPLAINT_H

#include <stdbool.h>

/* Whether the program was compiled, and then lacked something of a library. */
bool complaint_of_linker(const char *line);

/*
 * Whether no declaration and no macro of a standard header could make the program right: a missing
 * semicolon, bracket or operand, an end in the middle, a name of one letter that nobody declared.
 * False where in doubt.
 */
bool complaint_is_hopeless(const char *line);

#endif
