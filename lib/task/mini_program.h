/*
 * The little C++ programs of the tasks mini-code, mini-critique and mini-judge: seven families,
 * each described by a few parameters. From the same parameters come the statement of the problem,
 * the text of a program, and the output for an input, worked out here and never by running the
 * text. A program that was broken on purpose (task/mini_break.h) has other parameters, and nothing
 * else.
 */
#ifndef LOCKPICK_TASK_MINI_PROGRAM_H
#define LOCKPICK_TASK_MINI_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/random.h"

enum mini_family {
    MINI_ARITHMETIC, /* a * C ± b ± D, or a * C * b ± D */
    MINI_CONDITION,  /* one of two expressions of a */
    MINI_EXTREME,    /* the largest or smallest of three, then two operations */
    MINI_RANGE,      /* the sum over first … n of i OP C */
    MINI_REPEAT,     /* the same two operations a few times */
    MINI_LIST,       /* sum or number of those of n read numbers that pass a test */
    MINI_DIGITS,     /* the same of the digits of a number */
};
enum { MINI_FAMILIES = MINI_DIGITS + 1 };

enum mini_operator { MINI_PLUS, MINI_MINUS, MINI_TIMES };
enum { MINI_OPERATORS = MINI_TIMES + 1 };

enum mini_relation {
    MINI_LESS,
    MINI_GREATER,
    MINI_AT_MOST,
    MINI_AT_LEAST,
    MINI_EQUAL,
    MINI_DIVISIBLE,
    MINI_ALWAYS, /* no test at all */
};

enum { MINI_LEAST = 2, MINI_MOST = 20 }; /* constants of a correct program */

struct mini_step {
    enum mini_operator operator;
    int constant;
};

/*
 * steps: arithmetic: the first step's constant multiplies the first variable, its operator joins
 * the second; condition: one in each branch; extreme and repeat: both in turn; range: the first,
 * on each i; list and digits: the first, on the result.
 */
struct mini_program {
    enum mini_family family;
    unsigned names; /* which letters stand for what is read, below MINI_NAMES */
    struct mini_step steps[2];
    enum mini_relation relation; /* condition, range, list, digits */
    int constant;                /* … and what it compares with */
    int first;                   /* range: the first i; repeat: how often */
    bool second_first;           /* arithmetic: b * C ± a ± D */
    bool smallest, counts;       /* extreme; list, digits */
    /* What only a broken program has. */
    int initial;       /* what a sum begins with */
    bool short_by_one; /* the loop leaves out its last value */
    bool swapped;      /* the branches */
    bool unread;       /* the last number is not read */
    bool reversed;     /* the first two are read in the other order */
    bool ignores;      /* an extreme, its last number */
};

enum { MINI_NAMES = 5, MINI_NUMBERS = 8 };

/* What a program reads. */
struct mini_input {
    int count;
    int numbers[MINI_NUMBERS]; /* list: how many, then the numbers */
};

/* How a program is written, where there is a choice. */
struct mini_style {
    unsigned letters;
    bool while_loop, turned;
};

void mini_program_draw(struct mini_program *program, struct random *random);
void mini_style_draw(struct mini_style *style, struct random *random);
void mini_input_draw(const struct mini_program *program, struct mini_input *input,
                     struct random *random);

/* "condition", "list", … and the difficulty, 1 to 4. */
const char *mini_family_name(enum mini_family family);
int mini_family_level(enum mini_family family);
/* The letter of the variable that is read at `place`, 0 to 2. */
char mini_name(const struct mini_program *program, unsigned place);

int64_t mini_program_output(const struct mini_program *program, const struct mini_input *input);

/* Append the problem's statement, and a C++ program. */
void mini_program_statement(const struct mini_program *program, struct buffer *out);
void mini_program_write(const struct mini_program *program, const struct mini_style *style,
                        struct buffer *out);

#endif
