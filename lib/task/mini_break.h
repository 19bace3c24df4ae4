/*
 * What can be wrong with a little program in one way: every break that its parameters allow, how
 * bad it is, and one sentence that says what is wrong.
 */
#ifndef LOCKPICK_TASK_MINI_BREAK_H
#define LOCKPICK_TASK_MINI_BREAK_H

#include "task/mini_program.h"

enum mini_break_kind {
    BREAK_OPERATOR,
    BREAK_CONSTANT,  /* of a step, off by one */
    BREAK_COMPARED,  /* the constant of the test, off by one */
    BREAK_BOUNDARY,  /* "less than" for "at most", and the like */
    BREAK_RELATION,  /* the opposite or another test */
    BREAK_BRANCHES,  /* swapped */
    BREAK_INITIAL,   /* value of a sum */
    BREAK_FIRST,     /* value of a loop, or its number of rounds, off by one */
    BREAK_LAST,      /* value of a loop left out */
    BREAK_UNREAD,    /* a number that is not read */
    BREAK_ORDER,     /* of what is read */
    BREAK_COUNTING,  /* for adding, or adding for counting */
    BREAK_DIRECTION, /* smallest for largest */
    BREAK_IGNORED,   /* one number of an extreme */
};
enum { BREAK_KINDS = BREAK_IGNORED + 1 };

struct mini_break {
    enum mini_break_kind kind;
    unsigned place;              /* the step, where it is one of two */
    struct mini_program program; /* the broken one */
};

enum { MINI_BREAKS = 32, MINI_WORDINGS = 3 };

/*
 * All breaks of `program`, some of which may do nothing on a given input; how many. The first is
 * always another operator of the first step.
 */
unsigned mini_breaks(const struct mini_program *program, struct mini_break breaks[MINI_BREAKS]);

/* "operator", "constant", … */
const char *mini_break_name(enum mini_break_kind kind);

/* What a judge gives such a program, 2 to 4 of 5. */
int mini_break_rating(enum mini_break_kind kind);

/*
 * Appends one sentence about the break of `right`: which, where, with which values. The wordings
 * say the same in the same words for what matters, in another order.
 */
void mini_break_explain(const struct mini_program *right, const struct mini_break *broken,
                        unsigned wording, struct buffer *out);

#endif
