/*
 * Inside of the math graders: expressions by their values (math_ball.h). Variables get values that
 * are drawn from a hash of their name and the number of the point, so that both sides get the same
 * and every run does.
 *
 * A difference found is certain. Equality is taken from several points and hundreds of bits: first
 * where all variables are positive, then where some are negative and both sides stay real.
 */
#ifndef LOCKPICK_GRADE_MATH_NUMERIC_H
#define LOCKPICK_GRADE_MATH_NUMERIC_H

#include "grade/math_ball.h"
#include "grade/math_exact.h"

struct math_numeric;

struct math_numeric *math_numeric_open(void);
void math_numeric_close(struct math_numeric *numeric);

/*
 * One point and few bits: OTHER is certain, SAME and UNDECIDED say that it is worth looking closer.
 * `work` is the budget, drawn down.
 */
enum math_outcome math_numeric_probe(struct math_numeric *numeric, const struct math_tree *tree,
                                     int a, int b, enum math_relation relation, long *work);
/* Several points and many bits. */
enum math_outcome math_numeric_confirm(struct math_numeric *numeric, const struct math_tree *tree,
                                       int a, int b, enum math_relation relation, long *work);

/*
 * The order of two real constants: -1, 0 (the same to some hundred bits), 1; 2 where one of them is
 * no real constant, or it cannot be told.
 */
int math_numeric_order(struct math_numeric *numeric, const struct math_tree *tree, int a, int b,
                       long *work);

#endif
