/*
 * Sets of real numbers as sorted pieces that do not touch. Ends are nodes of the tree, compared by
 * value.
 */
#include <string.h>

#include "grade/math_compare.h"

enum { PIECES = 24 };

struct end {
    int node;     /* -1: infinite */
    bool closed;  /* the end belongs to the piece */
    int infinite; /* -1 or 1 where node is -1 */
};

struct piece {
    struct end low, high;
};

struct region {
    struct piece pieces[PIECES];
    int count;
    int variable; /* the symbol's node of an inequality, -1 before one was seen */
};

static bool build(struct math_context *context, int node, struct region *out);

/* ---- order ---- */

/* -1, 0, 1, or 2 where it cannot be told. */
static int compare_ends(struct math_context *context, const struct end *a, const struct end *b) {
    if (a->node < 0 || b->node < 0) {
        int left = a->node < 0 ? a->infinite : 0, right = b->node < 0 ? b->infinite : 0;
        return left < right ? -1 : left > right;
    }
    return math_numeric_order(context->numeric, context->tree, a->node, b->node, &context->work);
}

static bool is_infinite(const struct math_tree *tree, int node, int *sign) {
    if (tree->nodes[node].kind == MATH_NEGATIVE &&
        is_infinite(tree, tree->nodes[node].child, sign)) {
        *sign = -*sign;
        return true;
    }
    *sign = 1;
    return tree->nodes[node].kind == MATH_CONSTANT && tree->nodes[node].detail == MATH_INFINITY;
}

static struct end make_end(const struct math_tree *tree, int node, bool closed) {
    int sign;

    if (is_infinite(tree, node, &sign))
        return (struct end){.node = -1, .infinite = sign};
    return (struct end){.node = node, .closed = closed};
}

/* ---- operations ---- */

static void swap_pieces(struct piece *a, struct piece *b) {
    struct piece other = *a;
    *a = *b;
    *b = other;
}

static bool sort(struct math_context *context, struct region *region) {
    for (int i = 1; i < region->count; i++)
        for (int j = i; j > 0; j--) {
            struct piece *left = &region->pieces[j - 1], *right = &region->pieces[j];
            int order = compare_ends(context, &left->low, &right->low);
            if (order == 2)
                return false;
            if (order < 0 || (order == 0 && (left->low.closed || !right->low.closed)))
                break;
            swap_pieces(left, right);
        }
    return true;
}

/* Sorts, and joins pieces that overlap or touch. */
static bool settle(struct math_context *context, struct region *region) {
    int kept = 0;

    if (!sort(context, region))
        return false;
    for (int i = 1; i < region->count; i++) {
        struct piece *last = &region->pieces[kept], *next = &region->pieces[i];
        int gap = compare_ends(context, &last->high, &next->low), order;
        if (gap == 2)
            return false;
        if (gap < 0 || (gap == 0 && !last->high.closed && !next->low.closed)) {
            region->pieces[++kept] = *next;
            continue;
        }
        order = compare_ends(context, &last->high, &next->high);
        if (order == 2)
            return false;
        if (order < 0)
            last->high = next->high;
        else if (order == 0)
            last->high.closed |= next->high.closed;
    }
    region->count = region->count > 0 ? kept + 1 : 0;
    return true;
}

static bool add_piece(struct region *region, struct end low, struct end high) {
    if (region->count == PIECES)
        return false;
    region->pieces[region->count++] = (struct piece){low, high};
    return true;
}

/* What is outside of a settled region. */
static bool complement(const struct region *region, struct region *out) {
    struct end low = {.node = -1, .infinite = -1};

    out->count = 0;
    for (int i = 0; i < region->count; i++) {
        struct end high = region->pieces[i].low;
        if (high.node >= 0) {
            high.closed = !high.closed;
            if (!add_piece(out, low, high))
                return false;
        }
        low = region->pieces[i].high;
        low.closed = !low.closed;
        if (low.node < 0)
            return true;
    }
    return add_piece(out, low, (struct end){.node = -1, .infinite = 1});
}

static bool unite(struct math_context *context, struct region *out, const struct region *other) {
    for (int i = 0; i < other->count; i++)
        if (!add_piece(out, other->pieces[i].low, other->pieces[i].high))
            return false;
    return settle(context, out);
}

/* By way of the complements' union. */
static bool intersect(struct math_context *context, struct region *out,
                      const struct region *other) {
    struct region outside = {0}, far = {0};

    return complement(out, &outside) && complement(other, &far) && unite(context, &outside, &far) &&
           complement(&outside, out);
}

/* ---- building ---- */

/* (a, b] and the like; false where a > b. */
static bool build_interval(struct math_context *context, const struct math_node *node,
                           struct region *out) {
    const struct math_tree *tree = context->tree;
    struct end low = make_end(tree, node->child, node->text.bytes[0] == '[');
    struct end high = make_end(tree, tree->nodes[node->child].next, node->text.bytes[1] == ']');
    int order = compare_ends(context, &low, &high);

    if (node->count != 2 || order >= 0)
        return order == 0 && low.closed && high.closed && low.node >= 0 &&
               add_piece(out, low, high);
    return add_piece(out, low, high);
}

static bool build_points(struct math_context *context, const struct math_node *node,
                         struct region *out) {
    for (int child = node->child; child >= 0; child = context->tree->nodes[child].next) {
        struct end end = make_end(context->tree, child, true);
        if (end.node < 0 || compare_ends(context, &end, &end) != 0 || !add_piece(out, end, end))
            return false;
    }
    return settle(context, out);
}

static bool same_variable(const struct math_tree *tree, struct region *out, int node) {
    if (out->variable < 0)
        out->variable = node;
    return math_same(tree, out->variable, node);
}

/* One sign of a relation: the symbol on one side, a constant on the other. */
static bool build_half(struct math_context *context, int left, char letter, int right,
                       struct region *out) {
    const struct math_tree *tree = context->tree;
    bool below, closed;
    struct end end, low = {.node = -1, .infinite = -1}, high = {.node = -1, .infinite = 1};

    if (tree->nodes[left].kind != MATH_SYMBOL) {
        int other = left;
        left = right;
        right = other;
        letter = math_mirrored(letter);
    }
    if (tree->nodes[left].kind != MATH_SYMBOL || !same_variable(tree, out, left))
        return false;
    below = letter == '<' || letter == 'l';
    closed = letter == 'l' || letter == 'g';
    end = make_end(tree, right, closed);
    if (compare_ends(context, &end, &end) != 0)
        return false;
    if (letter == 'n')
        return end.node >= 0 && add_piece(out, low, end) && add_piece(out, end, high);
    return below ? add_piece(out, low, end) : add_piece(out, end, high);
}

static bool build_relation(struct math_context *context, const struct math_node *node,
                           struct region *out) {
    const struct math_tree *tree = context->tree;
    int left = node->child;

    if (text_is(node->text, "e"))
        return build(context, tree->nodes[left].next, out);
    for (size_t i = 0; i < node->text.size; i++) {
        struct region half = {.variable = out->variable};
        int right = tree->nodes[left].next;
        if (strchr("<>lgn", node->text.bytes[i]) == NULL ||
            !build_half(context, left, node->text.bytes[i], right, &half))
            return false;
        out->variable = half.variable;
        if (i == 0)
            *out = half;
        else if (!intersect(context, out, &half))
            return false;
        left = right;
    }
    return true;
}

/* Inequalities joined by "or" (or commas), or by "and". */
static bool build_list(struct math_context *context, const struct math_node *node,
                       struct region *out) {
    bool first = true;

    for (int child = node->child; child >= 0; child = context->tree->nodes[child].next) {
        struct region own = {.variable = out->variable};
        if (context->tree->nodes[child].kind != MATH_RELATION || !build(context, child, &own))
            return false;
        out->variable = own.variable;
        if (first)
            *out = own;
        else if (!(node->detail == 'a' ? intersect(context, out, &own) : unite(context, out, &own)))
            return false;
        first = false;
    }
    return true;
}

static bool build_join(struct math_context *context, const struct math_node *node,
                       struct region *out) {
    struct region other = {.variable = -1}, outside = {0};

    if (!build(context, node->child, out) ||
        !build(context, context->tree->nodes[node->child].next, &other))
        return false;
    switch (node->detail) {
    case 'u':
        return unite(context, out, &other);
    case 'n':
        return intersect(context, out, &other);
    default:
        return complement(&other, &outside) && intersect(context, out, &outside);
    }
}

static bool build(struct math_context *context, int node, struct region *out) {
    const struct math_node *here = &context->tree->nodes[node];

    if (--context->work < 0)
        return false;
    switch (here->kind) {
    case MATH_GROUP:
        return build_interval(context, here, out);
    case MATH_SET:
        return build_points(context, here, out);
    case MATH_JOIN:
        return build_join(context, here, out);
    case MATH_RELATION:
        return build_relation(context, here, out);
    case MATH_LIST:
        return build_list(context, here, out);
    case MATH_SYMBOL:
        return text_is(here->text, "RR") && add_piece(out, (struct end){.node = -1, .infinite = -1},
                                                      (struct end){.node = -1, .infinite = 1});
    default:
        return false;
    }
}

/* ---- comparing ---- */

static bool same_end(struct math_context *context, const struct end *a, const struct end *b) {
    return a->closed == b->closed && compare_ends(context, a, b) == 0;
}

enum math_outcome math_region_compare(struct math_context *context, int reference, int answer) {
    struct region one = {.variable = -1}, other = {.variable = -1};

    if (!build(context, reference, &one) || !build(context, answer, &other))
        return MATH_UNDECIDED;
    if (one.count != other.count || (one.variable >= 0 && other.variable >= 0 &&
                                     !math_same(context->tree, one.variable, other.variable)))
        return MATH_OTHER;
    for (int i = 0; i < one.count; i++)
        if (!same_end(context, &one.pieces[i].low, &other.pieces[i].low) ||
            !same_end(context, &one.pieces[i].high, &other.pieces[i].high))
            return MATH_OTHER;
    return MATH_SAME;
}

bool math_is_region(const struct math_tree *tree, int node) {
    const struct math_node *here = &tree->nodes[node];

    switch (here->kind) {
    case MATH_JOIN:
        return true;
    case MATH_GROUP:
        return here->count == 2 && (!text_is(here->text, "()") ||
                                    math_contains(tree, node, MATH_CONSTANT, MATH_INFINITY));
    case MATH_RELATION:
        if (text_is(here->text, "e"))
            return math_is_region(tree, tree->nodes[here->child].next);
        return memchr(here->text.bytes, '=', here->text.size) == NULL;
    case MATH_LIST:
        return (here->detail != ',' || here->count > 1) &&
               tree->nodes[here->child].kind == MATH_RELATION && math_is_region(tree, here->child);
    case MATH_SYMBOL:
        return text_is(here->text, "RR");
    default:
        return false;
    }
}
