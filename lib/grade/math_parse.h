/*
 * Inside of the math graders: an answer to a tree, by recursive descent.
 *
 *     list      item { (, ; and or) item }
 *     item      set { (= < > ≤ ≥ ≠ ∈) set }
 *     set       ratio { (∪ ∩ \) ratio }
 *     ratio     sum { : sum }
 *     sum       [sign] term { (+ - ±) term }      or words
 *     term      factor { [* or /] factor }
 *     factor    primary { ^exponent, _subscript, !, %, °, unit }
 *
 * Units, currency and layout leave no trace in the tree.
 */
#ifndef LOCKPICK_GRADE_MATH_PARSE_H
#define LOCKPICK_GRADE_MATH_PARSE_H

#include "grade/math_token.h"

enum { MATH_NESTING = 40 /* deeper is refused */ };

struct math_parser {
    struct math_token *token; /* the next one */
    struct math_tree *tree;
    int nesting;
    int bars; /* open |: the next one closes */
    bool ascii;
    bool failed;
};

/* The root of what `text` says, or -1 where it cannot be read. */
int math_parse(struct text text, const struct math_reading *reading, struct math_tree *tree,
               struct math_tokens *tokens);

/* Inside of the parser; each returns a node or -1. */
int math_parse_list(struct math_parser *parser);
int math_parse_item(struct math_parser *parser);
int math_parse_factor(struct math_parser *parser);
int math_parse_primary(struct math_parser *parser);
/* What a command takes up: {…}, (…) in ASCIIMath, or one thing (one digit, where strict). */
int math_parse_argument(struct math_parser *parser, bool strict);
bool math_starts_factor(const struct math_parser *parser);
/* a·b, with a factor of a matrix multiplied into its entries. */
int math_multiply(struct math_tree *tree, int a, int b);

static inline bool math_takes(struct math_parser *parser, int kind) {
    if (parser->token->kind != kind)
        return false;
    parser->token++;
    return true;
}

#endif
