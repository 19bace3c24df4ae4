/*
 * Inside of the math graders: characters to tokens, for LaTeX (with the plain writing that people
 * mix into it) and for ASCIIMath. Both give the same tokens, so that there is one parser.
 */
#ifndef LOCKPICK_GRADE_MATH_TOKEN_H
#define LOCKPICK_GRADE_MATH_TOKEN_H

#include "grade/math_answer.h"
#include "grade/math_tree.h"

enum { MATH_TOKENS = 2048, MATH_ANSWER_SIZE = 8192 /* a longer answer is not read */ };

/* Signs of one character are their own kind: + - * / ^ _ ! ( ) [ ] { } | , ; : = < > & ' */
enum math_token_kind {
    TOKEN_END = 0,
    TOKEN_NUMBER = 256, /* text: digits and at most one point, without grouping */
    TOKEN_SYMBOL,       /* text */
    TOKEN_WORD,         /* text, of letters, as it stands in \text; known: it is a unit */
    TOKEN_CONSTANT,     /* detail: enum math_constant */
    TOKEN_FUNCTION,     /* detail: enum math_function */
    TOKEN_FRACTION,     /* takes two arguments, as \frac does */
    TOKEN_BINOMIAL,
    TOKEN_SQUARE_ROOT, /* \sqrt, or the word */
    TOKEN_ROOT,        /* ASCIIMath's root(n)(x) */
    TOKEN_ACCENT,      /* takes one argument; text: its name */
    TOKEN_BLACKBOARD,  /* \mathbb */
    TOKEN_BEGIN,       /* text: the environment */
    TOKEN_FINISH,
    TOKEN_ROW,        /* \\ */
    TOKEN_SET_OPEN,   /* \{ */
    TOKEN_SET_CLOSE,  /* \} */
    TOKEN_ANGLE_OPEN, /* \langle */
    TOKEN_ANGLE_CLOSE,
    TOKEN_FLOOR_OPEN,
    TOKEN_FLOOR_CLOSE,
    TOKEN_CEIL_OPEN,
    TOKEN_CEIL_CLOSE,
    TOKEN_AT_MOST,
    TOKEN_AT_LEAST,
    TOKEN_NOT_EQUAL,
    TOKEN_IN,
    TOKEN_JOIN, /* detail: 'u', 'n' or '\\' */
    TOKEN_PLUS_MINUS,
    TOKEN_MINUS_PLUS,
    TOKEN_PERCENT,
    TOKEN_DEGREE,
    TOKEN_OR,
    TOKEN_AND,
    TOKEN_EMPTY_SET,
    /* Only inside the tokenizer: commands that mean something to it. */
    TOKEN_SKIP,   /* dresses, means nothing */
    TOKEN_BESIDE, /* \left and the like: the sign behind it stands for itself */
    TOKEN_TEXT,   /* \text and the like */
};

struct math_token {
    int kind;
    int detail;
    bool spaced; /* white space stood in front */
    bool strict; /* LaTeX's own command: an argument without braces is one digit */
    bool known;
    struct text text;
};

/*
 * How to read what has several readings: in "1,234" at the top level the comma groups digits, or
 * divides a list.
 */
struct math_reading {
    enum math_format format;
    bool commas_group;
};

struct math_tokens {
    struct math_token *items; /* [MATH_TOKENS] */
    int count;
    bool ascii;     /* the text is ASCIIMath */
    bool ambiguous; /* the reading of a comma mattered */
};

/*
 * Cuts `text` up; texts of tokens lie in the tree's characters (for which there must be room for
 * twice the text) or are static. The last token is TOKEN_END. False: too long, or a sign or
 * command that is unknown.
 */
bool math_tokenize(struct text text, const struct math_reading *reading, struct math_tree *tree,
                   struct math_tokens *tokens);

/* ---- words (math_words.c) ---- */

struct math_word {
    const char *name;
    int kind;
    int detail;
    unsigned where; /* a set of the following */
};

enum {
    WORD_COMMAND = 1, /* behind a backslash */
    WORD_BARE = 2,    /* as a run of letters in LaTeX */
    WORD_ASCII = 4,   /* in ASCIIMath */
};

/* The word `name` where it may stand in such a place; NULL otherwise. */
const struct math_word *math_word_find(struct text name, unsigned where);
/* The longest ASCIIMath word or sign that `text` begins with; NULL where none does. */
const struct math_word *math_word_front(struct text text);
/* Whether the letters name a unit of measure or of counting that may stand behind a number. */
bool math_word_is_unit(struct text name);

#endif
