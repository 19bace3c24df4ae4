/*
 * Inside of the math graders: what was read, as a tree. Nodes lie in one array and know each other
 * by number, so that a tree is dropped by setting a count to zero. Nothing is evaluated here.
 */
#ifndef LOCKPICK_GRADE_MATH_TREE_H
#define LOCKPICK_GRADE_MATH_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

enum {
    MATH_NODES = 6000,  /* of reference, answer and what a comparison derives from them */
    MATH_CHILDREN = 512 /* of one node */
};

/* Relations in one byte: l at most, g at least, n not equal, e element of, ~ nearly equal. */
enum math_kind {
    MATH_NUMBER,     /* text: digits with at most one point; base: 0, or what a subscript says */
    MATH_SYMBOL,     /* text: its name */
    MATH_CONSTANT,   /* detail: enum math_constant */
    MATH_SUM,        /* children */
    MATH_PRODUCT,    /* children */
    MATH_QUOTIENT,   /* numerator, denominator */
    MATH_POWER,      /* base, exponent */
    MATH_ROOT,       /* radicand, degree */
    MATH_NEGATIVE,   /* child */
    MATH_PLUS_MINUS, /* child; detail: 1 for ±, -1 for ∓ */
    MATH_FUNCTION,   /* detail: enum math_function; arguments; MATH_LOG: argument, base */
    MATH_RATIO,      /* a : b : c */
    MATH_RELATION,   /* operands; text: a byte between each two: = ~ < > l g n e */
    MATH_GROUP,      /* (a, b]: two or more items; text: its two brackets */
    MATH_SET,        /* items */
    MATH_LIST,       /* items; detail: ',' or 'o' (or) or 'a' (and) */
    MATH_JOIN,       /* two sets; detail: 'u' union, 'n' intersection, '\\' difference */
    MATH_MATRIX,     /* entries, row by row; detail: columns */
    MATH_TEXT,       /* text: words, normalized */
};

enum math_constant { MATH_PI, MATH_E, MATH_I, MATH_INFINITY };

enum math_function {
    MATH_SIN,
    MATH_COS,
    MATH_TAN,
    MATH_COT,
    MATH_SEC,
    MATH_CSC,
    MATH_ARCSIN,
    MATH_ARCCOS,
    MATH_ARCTAN,
    MATH_SINH,
    MATH_COSH,
    MATH_TANH,
    MATH_EXP,
    MATH_LN,
    MATH_LOG,
    MATH_ABS,
    MATH_FLOOR,
    MATH_CEIL,
    MATH_FACTORIAL,
    MATH_BINOMIAL,
    MATH_GCD,
    MATH_LCM,
    MATH_MIN,
    MATH_MAX,
    MATH_RE,
    MATH_IM,
    MATH_PERCENT, /* a hundredth, or a mark that may be dropped */
    MATH_DEGREE,  /* π/180, or a mark that may be dropped */
    MATH_APPLY,   /* a function without meaning to us: its name, then its arguments */
    MATH_ACCENT,  /* an overline or the like: its name in text */
};

struct math_node {
    enum math_kind kind;
    int detail;
    int child;        /* the first one; -1 for none */
    int next;         /* sibling; -1 for none */
    int count;        /* of children */
    int base;         /* of a number */
    struct text text; /* in the tree's characters, or static */
    uint64_t hash;    /* of text: who a symbol is */
};

struct math_tree {
    struct math_node *nodes; /* [MATH_NODES] */
    int count;
    struct buffer characters; /* reserved before reading, so that it never moves while in use */
};

void math_tree_init(struct math_tree *tree);
void math_tree_free(struct math_tree *tree);
/* Drops all nodes and makes room for `characters` characters. */
void math_tree_clear(struct math_tree *tree, size_t characters);

/* A node without children, or -1 where the tree is full; all that makes nodes passes -1 on. */
int math_leaf(struct math_tree *tree, enum math_kind kind, int detail);
int math_named(struct math_tree *tree, enum math_kind kind, struct text text);
int math_small_number(struct math_tree *tree, unsigned value);
/* Nodes with one or two children, which must be in no other list: copy them with math_alias(). */
int math_unary(struct math_tree *tree, enum math_kind kind, int detail, int child);
int math_binary(struct math_tree *tree, enum math_kind kind, int first, int second);
/* Puts a child behind the last one; false where either is -1 or there are too many. */
bool math_append(struct math_tree *tree, int parent, int child);
/* The same node under a new number, free to be put elsewhere; its children are shared. */
int math_alias(struct math_tree *tree, int node);
/* Child number `index`; -1 where there is none. */
int math_child(const struct math_tree *tree, int node, int index);
/* Copies characters into the tree's own. */
struct text math_keep(struct math_tree *tree, struct text text);

/* Whether two trees are the same node for node. */
bool math_same(const struct math_tree *tree, int a, int b);
/* Whether a node of that kind (and detail, unless it is -1) stands in the tree. */
bool math_contains(const struct math_tree *tree, int node, enum math_kind kind, int detail);

#endif
