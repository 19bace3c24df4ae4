/*
 * Comparing answers by their form: what may stand for what, and down to expressions.
 */
#include "grade/math_compare.h"

#include <string.h>

#include "grade/math_small.h"

enum { ITEMS = 256 };

static const struct math_node *at(const struct math_context *context, int node) {
    return &context->tree->nodes[node];
}

/* ---- expressions ---- */

static bool values_related(struct math_context *context, int a, int b,
                           enum math_relation relation) {
    struct math_tree *tree = context->tree;
    enum math_outcome outcome;

    if (a < 0 || b < 0)
        return false;
    outcome = math_numeric_probe(context->numeric, tree, a, b, relation, &context->work);
    if (outcome != MATH_OTHER) {
        enum math_outcome exact = math_exact_compare(tree, a, b, relation, &context->work);
        if (exact != MATH_UNDECIDED)
            return exact == MATH_SAME;
        outcome = math_numeric_confirm(context->numeric, tree, a, b, relation, &context->work);
    }
    return outcome == MATH_SAME;
}

static bool values_equal(struct math_context *context, int a, int b) {
    struct math_small one, other;

    if (a < 0 || b < 0)
        return false;
    if (math_small_value(context->tree, a, &one) && math_small_value(context->tree, b, &other))
        return one.numerator == other.numerator && one.denominator == other.denominator;
    return math_same(context->tree, a, b) || values_related(context, a, b, MATH_VALUES);
}

/* What a percent or degree sign stands behind; the node itself where there is none. */
static int unmarked(struct math_context *context, int node, int *mark) {
    int inner = node;
    bool negative = at(context, node)->kind == MATH_NEGATIVE;

    *mark = -1;
    if (negative)
        inner = at(context, node)->child;
    if (at(context, inner)->kind != MATH_FUNCTION ||
        (at(context, inner)->detail != MATH_PERCENT && at(context, inner)->detail != MATH_DEGREE))
        return node;
    *mark = at(context, inner)->detail;
    inner = at(context, inner)->child;
    return negative ? math_unary(context->tree, MATH_NEGATIVE, 0, math_alias(context->tree, inner))
                    : inner;
}

/* Digits and letters in a row, of a number or of what was taken for a product; false for others. */
static bool spell(const struct math_context *context, int node, struct text *rest) {
    const struct math_node *here = at(context, node);

    if (here->kind == MATH_PRODUCT) {
        for (int child = here->child; child >= 0; child = at(context, child)->next)
            if (!spell(context, child, rest))
                return false;
        return true;
    }
    if ((here->kind != MATH_NUMBER && here->kind != MATH_SYMBOL) || here->base != 0 ||
        here->text.size > rest->size || memcmp(rest->bytes, here->text.bytes, here->text.size) != 0)
        return false;
    *rest = (struct text){rest->bytes + here->text.size, rest->size - here->text.size};
    return true;
}

/* A reference to another base may be answered without naming the base: 221 for 221_3, A5 too. */
static bool same_digits(struct math_context *context, int reference, int answer) {
    struct text digits = at(context, reference)->text;

    if (at(context, reference)->kind == MATH_NEGATIVE && at(context, answer)->kind == MATH_NEGATIVE)
        return same_digits(context, at(context, reference)->child, at(context, answer)->child);
    return at(context, reference)->kind == MATH_NUMBER && at(context, reference)->base != 0 &&
           spell(context, answer, &digits) && digits.size == 0;
}

bool math_expression_equal(struct math_context *context, int reference, int answer) {
    int one, other, reference_bare, answer_bare;

    if (--context->work < 0)
        return false;
    reference_bare = unmarked(context, reference, &one);
    answer_bare = unmarked(context, answer, &other);
    if (one == other)
        return values_equal(context, reference_bare, answer_bare) ||
               same_digits(context, reference, answer);
    return (one == -1 || other == -1) && (values_equal(context, reference_bare, answer_bare) ||
                                          values_equal(context, reference, answer));
}

bool math_difference_equal(struct math_context *context, int left, int right, int other_left,
                           int other_right, enum math_relation relation) {
    struct math_tree *tree = context->tree;
    int one = math_binary(tree, MATH_SUM, math_alias(tree, left),
                          math_unary(tree, MATH_NEGATIVE, 0, math_alias(tree, right)));
    int other = math_binary(tree, MATH_SUM, math_alias(tree, other_left),
                            math_unary(tree, MATH_NEGATIVE, 0, math_alias(tree, other_right)));

    return values_related(context, one, other, relation);
}

/* ---- lists and sets ---- */

/* A copy in which ± is + or - (∓ the other way). */
static int with_sign(struct math_tree *tree, int node, int sign) {
    int copy, child;

    if (!math_contains(tree, node, MATH_PLUS_MINUS, -1))
        return math_alias(tree, node);
    if (tree->nodes[node].kind == MATH_PLUS_MINUS) {
        int inner = with_sign(tree, tree->nodes[node].child, sign);
        return tree->nodes[node].detail == sign ? inner : math_unary(tree, MATH_NEGATIVE, 0, inner);
    }
    copy = math_alias(tree, node);
    if (copy < 0)
        return -1;
    child = tree->nodes[node].child;
    tree->nodes[copy].child = -1;
    tree->nodes[copy].count = 0;
    for (; child >= 0; child = tree->nodes[child].next)
        if (!math_append(tree, copy, with_sign(tree, child, sign)))
            return -1;
    return copy;
}

struct items {
    int nodes[ITEMS];
    int count;
    bool overflow;
};

/* What a list, set, or expression with ± consists of; a set among other items is one of them. */
static void collect(struct math_context *context, int node, bool inside, struct items *items) {
    struct math_tree *tree = context->tree;
    enum math_kind kind;

    if (node < 0 || items->count == ITEMS || --context->work < 0) {
        items->overflow = true;
        return;
    }
    kind = tree->nodes[node].kind;
    if (kind == MATH_LIST || (kind == MATH_SET && !inside) ||
        (kind == MATH_JOIN && tree->nodes[node].detail == 'u')) {
        for (int child = tree->nodes[node].child; child >= 0; child = tree->nodes[child].next)
            collect(context, child, kind != MATH_JOIN, items);
    } else if (math_contains(tree, node, MATH_PLUS_MINUS, -1)) {
        collect(context, with_sign(tree, node, 1), inside, items);
        collect(context, with_sign(tree, node, -1), inside, items);
    } else {
        items->nodes[items->count++] = node;
    }
}

static void drop_repeated(struct math_context *context, struct items *items) {
    int kept = 0;

    for (int i = 0; i < items->count; i++) {
        bool again = false;
        for (int j = 0; j < kept && !again; j++)
            again = math_compare(context, items->nodes[j], items->nodes[i]);
        if (!again)
            items->nodes[kept++] = items->nodes[i];
    }
    items->count = kept;
}

/* Each of one has its own of the other; near places first, for most lists are in order. */
static bool match_items(struct math_context *context, const struct items *one,
                        const struct items *other) {
    bool used[ITEMS] = {false};

    for (int i = 0; i < one->count; i++) {
        bool found = false;
        for (int step = 0; step < other->count && !found; step++) {
            int j = (i + step) % other->count;
            if (!used[j] && math_compare(context, one->nodes[i], other->nodes[j]))
                found = used[j] = true;
        }
        if (!found || context->work < 0)
            return false;
    }
    return true;
}

static bool unordered_equal(struct math_context *context, int reference, int answer) {
    struct items one = {.count = 0}, other = {.count = 0};

    collect(context, reference, false, &one);
    collect(context, answer, false, &other);
    if (one.overflow || other.overflow)
        return false;
    if (at(context, reference)->kind == MATH_SET || at(context, answer)->kind == MATH_SET) {
        drop_repeated(context, &one);
        drop_repeated(context, &other);
    }
    return one.count == other.count && match_items(context, &one, &other);
}

static bool ordered_equal(struct math_context *context, int reference, int answer) {
    int a = at(context, reference)->child, b = at(context, answer)->child;

    if (at(context, reference)->count != at(context, answer)->count)
        return false;
    for (; a >= 0; a = at(context, a)->next, b = at(context, b)->next)
        if (!math_compare(context, a, b))
            return false;
    return true;
}

static bool is_collection(const struct math_context *context, int node) {
    enum math_kind kind = at(context, node)->kind;
    return kind == MATH_LIST || kind == MATH_SET ||
           (kind == MATH_JOIN && at(context, node)->detail == 'u') ||
           (kind != MATH_GROUP && kind != MATH_RELATION && kind != MATH_MATRIX &&
            kind != MATH_JOIN && math_contains(context->tree, node, MATH_PLUS_MINUS, -1));
}

static bool is_tuple(const struct math_context *context, int node) {
    return at(context, node)->kind == MATH_GROUP &&
           (text_is(at(context, node)->text, "()") || at(context, node)->count > 2);
}

/* "1/2 or 0.5" is one answer, written in two ways. */
static bool alternatives_equal(struct math_context *context, int reference, int list) {
    for (int item = at(context, list)->child; item >= 0; item = at(context, item)->next)
        if (!math_compare(context, reference, item))
            return false;
    return true;
}

static bool collections_equal(struct math_context *context, int reference, int answer) {
    if (!is_collection(context, reference) && at(context, answer)->kind == MATH_LIST &&
        at(context, answer)->detail == 'o')
        return alternatives_equal(context, reference, answer);
    /* A list that is written as a tuple, or the other way, keeps its order. */
    if ((at(context, reference)->kind == MATH_LIST && is_tuple(context, answer)) ||
        (at(context, answer)->kind == MATH_LIST && is_tuple(context, reference)))
        return ordered_equal(context, reference, answer);
    return unordered_equal(context, reference, answer);
}

/* ---- equations and inequalities ---- */

static bool is_equation(const struct math_context *context, int node) {
    const struct math_node *here = at(context, node);

    if (here->kind != MATH_RELATION)
        return false;
    for (size_t i = 0; i < here->text.size; i++)
        if (here->text.bytes[i] != '=' && here->text.bytes[i] != '~')
            return false;
    return true;
}

/* What an equation can give a value to: x, f(x), (x, y), words. */
static bool is_name(const struct math_context *context, int node) {
    const struct math_node *here = at(context, node);

    switch (here->kind) {
    case MATH_SYMBOL:
    case MATH_TEXT:
        return true;
    case MATH_FUNCTION:
        return here->detail == MATH_APPLY || here->detail == MATH_ACCENT;
    case MATH_GROUP:
    case MATH_PRODUCT:
        for (int child = here->child; child >= 0; child = at(context, child)->next)
            if (!is_name(context, child) && at(context, child)->kind != MATH_CONSTANT)
                return false;
        return true;
    default:
        return false;
    }
}

/* Whether no name stands in it. */
static bool is_constant(const struct math_context *context, int node) {
    return !math_contains(context->tree, node, MATH_SYMBOL, -1) &&
           !math_contains(context->tree, node, MATH_TEXT, -1) &&
           !math_contains(context->tree, node, MATH_FUNCTION, MATH_APPLY);
}

/*
 * Whether an answer "this = value" says the value: not where this is a multiple of a name, or a
 * name and some more, for then the equation was left unsolved. Nor where it is a factorial: who
 * writes x!=5 may mean that x is anything else.
 */
static bool may_be_asked_for(const struct math_context *context, int node) {
    const struct math_node *here = at(context, node);

    if (here->kind == MATH_NEGATIVE || here->kind == MATH_QUOTIENT ||
        (here->kind == MATH_FUNCTION && here->detail == MATH_FACTORIAL))
        return false;
    for (int child = here->child; child >= 0; child = at(context, child)->next)
        if ((here->kind == MATH_SUM && is_constant(context, child)) ||
            (here->kind == MATH_PRODUCT &&
             (at(context, child)->kind == MATH_NUMBER || !may_be_asked_for(context, child))))
            return false;
    return true;
}

static int last_child(const struct math_context *context, int node) {
    return math_child(context->tree, node, at(context, node)->count - 1);
}

/* The value an equation gives (of several, the last); -1 where it gives none. */
static int value_of(const struct math_context *context, int equation, bool strictly_named) {
    int first = at(context, equation)->child, last = last_child(context, equation);

    if (!strictly_named && !math_contains(context->tree, equation, MATH_SYMBOL, -1))
        return last; /* 3/4 = 0.75 */
    if (strictly_named ? is_name(context, first) : may_be_asked_for(context, first))
        return at(context, last)->kind == MATH_SYMBOL && !is_name(context, first) ? first : last;
    return is_name(context, last) ? first : -1;
}

static bool equations_equal(struct math_context *context, int reference, int answer) {
    int left = at(context, reference)->child, other_left = at(context, answer)->child;
    int right = last_child(context, reference), other_right = last_child(context, answer);

    if (is_name(context, left) && math_same(context->tree, left, other_left) &&
        math_compare(context, right, other_right))
        return true;
    if (at(context, reference)->count != 2 || at(context, answer)->count != 2)
        return ordered_equal(context, reference, answer);
    return math_difference_equal(context, left, right, other_left, other_right, MATH_PROPORTIONAL);
}

char math_mirrored(char letter) {
    static const char pairs[] = "<>lg";
    const char *found = strchr(pairs, letter);
    return found == NULL ? letter : pairs[(found - pairs) ^ 1];
}

/* a < b < c against operands in the same or the opposite order. */
static bool chains_equal(struct math_context *context, int reference, int answer, bool reversed) {
    const struct math_node *one = at(context, reference), *other = at(context, answer);
    int count = one->count;

    if (count != other->count)
        return false;
    for (int i = 0; i < count - 1; i++) {
        char letter = other->text.bytes[reversed ? count - 2 - i : i];
        if (one->text.bytes[i] != (reversed ? math_mirrored(letter) : letter))
            return false;
    }
    for (int i = 0; i < count; i++)
        if (!math_compare(context, math_child(context->tree, reference, i),
                          math_child(context->tree, answer, reversed ? count - 1 - i : i)))
            return false;
    return true;
}

static bool relations_equal(struct math_context *context, int reference, int answer) {
    int left = at(context, reference)->child, right = at(context, left)->next;
    int other_left = at(context, answer)->child, other_right = at(context, other_left)->next;
    char one, other;

    if (is_equation(context, reference) && is_equation(context, answer))
        return equations_equal(context, reference, answer);
    if (chains_equal(context, reference, answer, false) ||
        chains_equal(context, reference, answer, true))
        return true;
    if (at(context, reference)->count != 2 || at(context, answer)->count != 2)
        return false;
    one = *at(context, reference)->text.bytes;
    other = *at(context, answer)->text.bytes;
    if (one == 'n' || one == 'e' || one == '=')
        return one == 'n' && other == 'n' &&
               math_difference_equal(context, left, right, other_left, other_right,
                                     MATH_PROPORTIONAL);
    if (one == other)
        return math_difference_equal(context, left, right, other_left, other_right,
                                     MATH_SAME_DIRECTION);
    return one == math_mirrored(other) && math_difference_equal(context, left, right, other_right,
                                                                other_left, MATH_SAME_DIRECTION);
}

/* What stands in front of the last sign if that is ≈; -1 otherwise. */
static int before_rounding(const struct math_context *context, int equation) {
    const struct math_node *here = at(context, equation);
    return here->text.bytes[here->text.size - 1] == '~'
               ? math_child(context->tree, equation, here->count - 2)
               : -1;
}

/* An equation against something else. */
static bool equation_and_value(struct math_context *context, int reference, int answer) {
    int value;

    if (is_equation(context, reference)) {
        value = value_of(context, reference, true);
        return value >= 0 && at(context, value)->kind != MATH_RELATION &&
               math_compare(context, value, answer);
    }
    value = value_of(context, answer, false);
    if (value >= 0 && math_compare(context, reference, value))
        return true;
    value = before_rounding(context, answer);
    return value >= 0 && math_compare(context, reference, value);
}

/* ---- matrices, tuples, ratios ---- */

/* A matrix against a tuple: a column or row of as many entries, or a tuple of rows. */
static bool matrix_and_tuple(struct math_context *context, int matrix, int tuple, bool turned) {
    int columns = at(context, matrix)->detail, entry = at(context, matrix)->child;
    bool vector = columns == 1 || columns == at(context, matrix)->count;

    for (int item = at(context, tuple)->child; item >= 0; item = at(context, item)->next) {
        bool row = at(context, item)->kind == MATH_GROUP && at(context, item)->count == columns;
        int inner = row ? at(context, item)->child : item;
        if (!row && !vector)
            return false;
        for (; inner >= 0; inner = row ? at(context, inner)->next : -1) {
            if (entry < 0 || !(turned ? math_compare(context, inner, entry)
                                      : math_compare(context, entry, inner)))
                return false;
            entry = at(context, entry)->next;
        }
    }
    return entry < 0;
}

static bool groups_equal(struct math_context *context, int reference, int answer) {
    const struct math_node *one = at(context, reference), *other = at(context, answer);

    if (one->count == 2 && !text_equal(one->text, other->text))
        return false;
    return ordered_equal(context, reference, answer);
}

/* a : b : c is the same as its multiples. */
static bool ratios_equal(struct math_context *context, int reference, int answer) {
    struct math_tree *tree = context->tree;
    int first = at(context, reference)->child, other_first = at(context, answer)->child;

    if (at(context, reference)->count != at(context, answer)->count)
        return false;
    for (int a = at(context, first)->next, b = at(context, other_first)->next; a >= 0;
         a = at(context, a)->next, b = at(context, b)->next)
        if (!values_equal(
                context,
                math_binary(tree, MATH_PRODUCT, math_alias(tree, first), math_alias(tree, b)),
                math_binary(tree, MATH_PRODUCT, math_alias(tree, other_first),
                            math_alias(tree, a))))
            return false;
    return true;
}

/* ---- all together ---- */

static bool is_membership(const struct math_context *context, int node) {
    return at(context, node)->kind == MATH_RELATION && text_is(at(context, node)->text, "e");
}

/* x in S says S. */
static int without_membership(const struct math_context *context, int node) {
    while (is_membership(context, node))
        node = at(context, at(context, node)->child)->next;
    return node;
}

static bool compare_kinds(struct math_context *context, int reference, int answer) {
    enum math_kind one = at(context, reference)->kind, other = at(context, answer)->kind;

    if (one == MATH_RELATION && other == MATH_RELATION)
        return relations_equal(context, reference, answer);
    if (is_equation(context, reference) || is_equation(context, answer))
        return equation_and_value(context, reference, answer);
    if (is_collection(context, reference) || is_collection(context, answer))
        return collections_equal(context, reference, answer);
    if (one == MATH_MATRIX && other == MATH_MATRIX)
        return at(context, reference)->detail == at(context, answer)->detail &&
               ordered_equal(context, reference, answer);
    if (one == MATH_MATRIX && other == MATH_GROUP)
        return matrix_and_tuple(context, reference, answer, false);
    if (one == MATH_GROUP && other == MATH_MATRIX)
        return matrix_and_tuple(context, answer, reference, true);
    if (one == MATH_GROUP && other == MATH_GROUP)
        return groups_equal(context, reference, answer);
    if (one == MATH_RATIO && math_time_differs(context->tree, reference, answer))
        return false;
    if (one == MATH_RATIO && other == MATH_RATIO)
        return ratios_equal(context, reference, answer);
    if (one == MATH_TEXT || other == MATH_TEXT || one == MATH_GROUP || other == MATH_GROUP)
        return false;
    return math_expression_equal(context, reference, answer);
}

bool math_compare(struct math_context *context, int reference, int answer) {
    enum math_outcome outcome;

    if (reference < 0 || answer < 0 || --context->work < 0)
        return false;
    if (is_membership(context, reference) && is_membership(context, answer) &&
        !math_same(context->tree, at(context, reference)->child, at(context, answer)->child))
        return false;
    reference = without_membership(context, reference);
    answer = without_membership(context, answer);
    if (math_same(context->tree, reference, answer))
        return true;
    if (math_is_region(context->tree, reference) || math_is_region(context->tree, answer)) {
        outcome = math_region_compare(context, reference, answer);
        if (outcome != MATH_UNDECIDED)
            return outcome == MATH_SAME;
    }
    return compare_kinds(context, reference, answer);
}
