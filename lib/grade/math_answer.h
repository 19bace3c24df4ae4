/*
 * Answers to mathematical problems: taking one out of a completion, and telling whether it is the
 * reference in another writing.
 *
 * Equality has two levels. The lower one is that of the MATH data set (Hendrycks et al., 2021): two
 * strings are equal after a fixed normalization. The upper one accepts all of that, and reads both
 * sides (math_parse.h) into trees that are compared as what they mean (math_compare.h): numbers
 * and expressions exactly where that is decidable (math_exact.h), otherwise by their values at
 * pseudo-random points to hundreds of bits (math_numeric.h).
 *
 * Whatever the input, a comparison does a bounded amount of work, counted in operations and not in
 * time, so that a verdict never depends on the machine.
 */
#ifndef LOCKPICK_GRADE_MATH_ANSWER_H
#define LOCKPICK_GRADE_MATH_ANSWER_H

#include <stdbool.h>

#include "base/memory.h"

enum math_format { MATH_LATEX, MATH_ASCIIMATH };
enum math_equivalence { MATH_STRING, MATH_SYMBOLIC };

enum math_verdict {
    MATH_DIFFERENT,       /* both were read, and are not the same */
    MATH_UNPARSED,        /* other strings, and one of the two is not mathematics we can read */
    MATH_EQUAL,           /* the same by what it means */
    MATH_EQUAL_AS_STRING, /* the same after normalization */
};

const char *math_verdict_name(enum math_verdict verdict);

/*
 * The answer a completion ends with, borrowed from it: what the last \boxed{} or \fbox{} whose
 * braces are balanced holds; else what follows the last "the answer is" (Spanish "la respuesta es",
 * "answer:" and "####" too), up to the end of the sentence; else the whole completion when it is
 * one short line. Of such a sentence or line the first formula, without its dollar signs, or the
 * first with those that are joined to it: "$1$ or $2$". False: there is none.
 */
bool math_answer_extract(struct text completion, struct text *answer);

/* Working memory of comparisons, for one thread; all of a grader's comparisons share it. */
struct math_grader;

struct math_grader *math_grader_open(enum math_format format, enum math_equivalence equivalence);
void math_grader_close(struct math_grader *grader); /* NULL is fine */

/*
 * Compares. `reference_read` (may be NULL) tells whether the reference was read as mathematics;
 * where it was not, only equality of strings counts. In MATH_ASCIIMATH, a side without LaTeX
 * commands is read as ASCIIMath.
 */
enum math_verdict math_equivalent(struct math_grader *grader, struct text reference,
                                  struct text answer, bool *reference_read);

/* Appends the string as the MATH data set's rules normalize it (math_string.c lists them). */
void math_string_normalize(struct text answer, struct buffer *out);

/*
 * Appends the string without what only dresses words: white space, dollar signs, \text and its
 * like, a final full stop, brackets around one letter. True: it is words, and case means nothing.
 */
bool math_words_normalize(struct text answer, struct buffer *out);

#endif
