/*
 * What factors are made of: numbers, names, brackets, commands, functions, matrices.
 */
#include <string.h>

#include "grade/math_parse.h"

bool math_starts_factor(const struct math_parser *parser) {
    switch (parser->token->kind) {
    case TOKEN_NUMBER:
    case TOKEN_SYMBOL:
    case TOKEN_CONSTANT:
    case TOKEN_FUNCTION:
    case TOKEN_FRACTION:
    case TOKEN_BINOMIAL:
    case TOKEN_SQUARE_ROOT:
    case TOKEN_ROOT:
    case TOKEN_ACCENT:
    case TOKEN_BLACKBOARD:
    case TOKEN_BEGIN:
    case TOKEN_FLOOR_OPEN:
    case TOKEN_CEIL_OPEN:
    case '(':
    case '[':
    case '{':
        return true;
    case '|':
        return parser->bars == 0;
    default:
        return false;
    }
}

/* ---- brackets ---- */

/* A list whose items are all lists of the same length in square brackets: ASCIIMath's matrix. */
static void become_matrix(struct math_tree *tree, int group) {
    int first = tree->nodes[group].child, columns = tree->nodes[first].count;
    int matrix;

    for (int row = first; row >= 0; row = tree->nodes[row].next)
        if (tree->nodes[row].kind != MATH_GROUP || tree->nodes[row].count != columns ||
            !text_is(tree->nodes[row].text, "[]"))
            return;
    matrix = math_leaf(tree, MATH_MATRIX, columns);
    for (int row = first; row >= 0; row = tree->nodes[row].next)
        for (int entry = tree->nodes[row].child; entry >= 0; entry = tree->nodes[entry].next)
            if (!math_append(tree, matrix, math_alias(tree, entry)))
                return;
    matrix = math_alias(tree, matrix);
    if (matrix >= 0) {
        tree->nodes[group] = tree->nodes[matrix];
    }
}

/* Behind an opening bracket: one thing in brackets is itself, several are a group. */
static int parse_brackets(struct math_parser *parser, char open) {
    struct math_tree *tree = parser->tree;
    bool round = open == '(';
    int inner = math_parse_list(parser);
    char close = parser->token->kind == ')' ? ')' : ']';

    if (inner < 0 || (parser->token->kind != ')' && parser->token->kind != ']'))
        return -1;
    parser->token++;
    if (tree->nodes[inner].kind != MATH_LIST || tree->nodes[inner].detail != ',')
        return round == (close == ')') ? inner : -1;
    tree->nodes[inner].kind = MATH_GROUP;
    tree->nodes[inner].detail = 0;
    tree->nodes[inner].text =
        text_of(round ? (close == ')' ? "()" : "(]") : (close == ')' ? "[)" : "[]"));
    if (parser->ascii && !round && close == ']')
        become_matrix(tree, inner);
    return inner;
}

/* {…} of LaTeX, which only holds together. */
static int parse_braces(struct math_parser *parser) {
    int bars = parser->bars, inner;

    parser->bars = 0;
    inner = math_parse_list(parser);
    parser->bars = bars;
    return math_takes(parser, '}') ? inner : -1;
}

static int parse_angles(struct math_parser *parser) {
    int inner = math_parse_list(parser);

    if (inner < 0 || !math_takes(parser, TOKEN_ANGLE_CLOSE))
        return -1;
    if (parser->tree->nodes[inner].kind == MATH_LIST) {
        parser->tree->nodes[inner].kind = MATH_GROUP;
        parser->tree->nodes[inner].text = text_of("()");
    }
    return inner;
}

static int parse_braced_set(struct math_parser *parser) {
    int inner;

    if (math_takes(parser, TOKEN_SET_CLOSE))
        return math_leaf(parser->tree, MATH_SET, 0);
    inner = math_parse_list(parser);
    if (inner < 0 || !math_takes(parser, TOKEN_SET_CLOSE))
        return -1;
    if (parser->tree->nodes[inner].kind != MATH_LIST)
        return math_unary(parser->tree, MATH_SET, 0, inner);
    parser->tree->nodes[inner].kind = MATH_SET;
    parser->tree->nodes[inner].detail = 0;
    return inner;
}

/* |…|, ⌊…⌋, ⌈…⌉ */
static int parse_enclosed(struct math_parser *parser, int close, enum math_function function) {
    int bars = parser->bars, inner;

    parser->bars = close == '|';
    inner = math_parse_item(parser);
    parser->bars = bars;
    return math_takes(parser, close) ? math_unary(parser->tree, MATH_FUNCTION, function, inner)
                                     : -1;
}

/* ---- matrices ---- */

static bool is_matrix_name(struct text name) {
    static const char *const names[] = {"pmatrix", "bmatrix",     "matrix",
                                        "Bmatrix", "smallmatrix", "array"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_is(name, names[i]))
            return true;
    return false;
}

static int parse_matrix(struct math_parser *parser, struct text name) {
    int matrix = math_leaf(parser->tree, MATH_MATRIX, 0), columns = 0, column = 0;

    if (matrix < 0 || !is_matrix_name(name))
        return -1;
    while (parser->token->kind != TOKEN_FINISH) {
        if (!math_append(parser->tree, matrix, math_parse_item(parser)))
            return -1;
        column++;
        if (math_takes(parser, '&'))
            continue;
        if (columns != 0 && column != columns)
            return -1;
        columns = column;
        column = 0;
        if (!math_takes(parser, TOKEN_ROW) && parser->token->kind != TOKEN_FINISH)
            return -1;
    }
    parser->token++;
    parser->tree->nodes[matrix].detail = columns;
    return columns > 0 && column == 0 ? matrix : -1;
}

/* ---- numbers and names ---- */

/* 0.1\overline{6}, 0.1bar(6): what the digits are, plus the period over nines and zeros. */
static int parse_repeating(struct math_parser *parser, struct text digits) {
    struct math_tree *tree = parser->tree;
    const char *point = memchr(digits.bytes, '.', digits.size);
    size_t places = digits.size - (size_t)(point - digits.bytes) - 1;
    struct text period;
    char below[64];
    int period_node;

    parser->token++;
    if (!math_takes(parser, parser->ascii ? '(' : '{') || parser->token->kind != TOKEN_NUMBER)
        return -1;
    period = parser->token++->text;
    if (!math_takes(parser, parser->ascii ? ')' : '}') || places + period.size > sizeof below ||
        memchr(period.bytes, '.', period.size) != NULL)
        return -1;
    memset(below, '9', period.size);
    memset(below + period.size, '0', places);
    period_node = math_binary(
        tree, MATH_QUOTIENT, math_named(tree, MATH_NUMBER, period),
        math_named(tree, MATH_NUMBER, math_keep(tree, (struct text){below, period.size + places})));
    if (places == 0)
        digits.size--;
    return math_binary(tree, MATH_SUM, math_named(tree, MATH_NUMBER, digits), period_node);
}

static int parse_number(struct math_parser *parser) {
    struct text digits = parser->token++->text;

    if (parser->token->kind == TOKEN_ACCENT && digits.size > 1 &&
        memchr(digits.bytes, '.', digits.size) != NULL &&
        (text_is(parser->token->text, "overline") || text_is(parser->token->text, "bar")))
        return parse_repeating(parser, digits);
    return math_named(parser->tree, MATH_NUMBER, digits);
}

/* Whether a function's arguments follow: "(", or "{(" as computer algebra writes it. */
static bool arguments_follow(const struct math_parser *parser, struct text name) {
    const struct math_token *token = parser->token;

    token += token->kind == '{';
    return token->kind == '(' && !parser->token->spaced && name.size == 1 &&
           strchr("fgh", *name.bytes) != NULL;
}

/* f, g and h before a bracket are functions, not factors. */
static int parse_symbol(struct math_parser *parser) {
    struct text name = parser->token++->text;
    bool braces = parser->token->kind == '{';
    int apply, inner;

    if (!arguments_follow(parser, name))
        return math_named(parser->tree, MATH_SYMBOL, name);
    parser->token += 1 + braces;
    inner = parse_brackets(parser, '(');
    if (braces && !math_takes(parser, '}'))
        return -1;
    apply = math_unary(parser->tree, MATH_FUNCTION, MATH_APPLY, inner);
    if (apply >= 0)
        parser->tree->nodes[apply].text = name;
    return apply;
}

/* ---- functions ---- */

/* The factors that belong to a function without brackets: 3x of sin 3x. */
static int parse_bare_argument(struct math_parser *parser) {
    int left = math_parse_factor(parser);

    while (left >= 0 && math_starts_factor(parser) && parser->token->kind != TOKEN_FUNCTION)
        left = math_binary(parser->tree, MATH_PRODUCT, left, math_parse_factor(parser));
    return left;
}

static int inverse_of(int function) {
    switch (function) {
    case MATH_SIN:
        return MATH_ARCSIN;
    case MATH_COS:
        return MATH_ARCCOS;
    case MATH_TAN:
        return MATH_ARCTAN;
    default:
        return -1;
    }
}

static bool is_minus_one(const struct math_tree *tree, int node) {
    return node >= 0 && tree->nodes[node].kind == MATH_NEGATIVE &&
           text_is(tree->nodes[tree->nodes[node].child].text, "1");
}

/* Puts the argument, or several in brackets, below the function. */
static int apply_function(struct math_tree *tree, int function, int argument, int base) {
    int node = math_leaf(tree, MATH_FUNCTION, function);

    if (node < 0 || argument < 0)
        return -1;
    if (tree->nodes[argument].kind == MATH_GROUP || tree->nodes[argument].kind == MATH_LIST) {
        tree->nodes[node].child = tree->nodes[argument].child;
        tree->nodes[node].count = tree->nodes[argument].count;
    } else if (!math_append(tree, node, argument)) {
        return -1;
    }
    return base == -1 || math_append(tree, node, base) ? node : -1;
}

static int parse_function(struct math_parser *parser, int function) {
    int exponent = -1, base = -1, argument, kind, node;

    if (++parser->nesting > MATH_NESTING)
        return -1;
    for (;;)
        if (function == MATH_LOG && base == -1 && math_takes(parser, '_')) {
            if ((base = math_parse_argument(parser, false)) < 0)
                return -1;
        } else if (exponent == -1 && math_takes(parser, '^')) {
            if ((exponent = math_parse_argument(parser, false)) < 0)
                return -1;
        } else {
            break;
        }
    kind = parser->token->kind;
    argument = kind == '(' || kind == '[' || kind == '{' ? math_parse_primary(parser)
                                                         : parse_bare_argument(parser);
    if (is_minus_one(parser->tree, exponent) && inverse_of(function) >= 0) {
        function = inverse_of(function);
        exponent = -1;
    }
    parser->nesting--;
    node = apply_function(parser->tree, function, argument, base);
    return exponent < 0 ? node : math_binary(parser->tree, MATH_POWER, node, exponent);
}

/* ---- commands ---- */

static int parse_digit(struct math_parser *parser) {
    struct math_token *token = parser->token;
    struct text digit = {token->text.bytes, 1};

    if (token->text.size == 1)
        parser->token++;
    else
        token->text = (struct text){token->text.bytes + 1, token->text.size - 1};
    return math_named(parser->tree, MATH_NUMBER, digit);
}

int math_parse_argument(struct math_parser *parser, bool strict) {
    int node;

    if (++parser->nesting > MATH_NESTING)
        return -1;
    if (strict && parser->token->kind == TOKEN_NUMBER) {
        node = parse_digit(parser);
    } else if (parser->ascii && math_takes(parser, TOKEN_SET_OPEN)) {
        node = math_parse_list(parser);
        node = math_takes(parser, TOKEN_SET_CLOSE) ? node : -1;
    } else if (math_takes(parser, '-')) {
        node = math_unary(parser->tree, MATH_NEGATIVE, 0, math_parse_argument(parser, strict));
    } else {
        node = math_parse_primary(parser);
    }
    parser->nesting--;
    return node;
}

static int parse_square_root(struct math_parser *parser, bool strict) {
    int degree = -1, radicand;

    if (strict && math_takes(parser, '[')) {
        degree = math_parse_item(parser);
        if (degree < 0 || !math_takes(parser, ']'))
            return -1;
    }
    radicand = math_parse_argument(parser, strict);
    return math_binary(parser->tree, MATH_ROOT, radicand,
                       degree >= 0 ? degree : math_small_number(parser->tree, 2));
}

static int parse_accent(struct math_parser *parser, struct text name) {
    int node =
        math_unary(parser->tree, MATH_FUNCTION, MATH_ACCENT, math_parse_argument(parser, false));
    if (node >= 0)
        parser->tree->nodes[node].text = name;
    return node;
}

/* \mathbb{R}: a name that no variable has. */
static int parse_blackboard(struct math_parser *parser) {
    int inner = math_parse_argument(parser, true);

    if (inner < 0 || parser->tree->nodes[inner].kind != MATH_SYMBOL)
        return -1;
    if (text_is(parser->tree->nodes[inner].text, "R"))
        return math_named(parser->tree, MATH_SYMBOL, text_of("RR"));
    return math_named(parser->tree, MATH_SYMBOL,
                      text_is(parser->tree->nodes[inner].text, "Z") ? text_of("ZZ")
                                                                    : text_of("set"));
}

static int parse_two(struct math_parser *parser, bool strict, enum math_kind kind) {
    int first = math_parse_argument(parser, strict);
    int second = first < 0 ? -1 : math_parse_argument(parser, strict);
    int node = math_binary(parser->tree, kind, first, second);

    if (node >= 0 && kind == MATH_FUNCTION)
        parser->tree->nodes[node].detail = MATH_BINOMIAL;
    return node;
}

/* ASCIIMath's root(n)(x). */
static int parse_root(struct math_parser *parser) {
    int degree = math_parse_argument(parser, false);
    int radicand = degree < 0 ? -1 : math_parse_argument(parser, false);
    return math_binary(parser->tree, MATH_ROOT, radicand, degree);
}

static int parse_opened(struct math_parser *parser, int kind) {
    switch (kind) {
    case '(':
    case '[':
        return parse_brackets(parser, (char)kind);
    case '{':
        return parse_braces(parser);
    case '|':
        return parse_enclosed(parser, '|', MATH_ABS);
    case TOKEN_FLOOR_OPEN:
        return parse_enclosed(parser, TOKEN_FLOOR_CLOSE, MATH_FLOOR);
    case TOKEN_CEIL_OPEN:
        return parse_enclosed(parser, TOKEN_CEIL_CLOSE, MATH_CEIL);
    case TOKEN_SET_OPEN:
        return parse_braced_set(parser);
    case TOKEN_ANGLE_OPEN:
        return parse_angles(parser);
    default:
        return -1;
    }
}

static int parse_bare_primary(struct math_parser *parser) {
    const struct math_token *token = parser->token;

    if (token->kind == TOKEN_NUMBER)
        return parse_number(parser);
    if (token->kind == TOKEN_SYMBOL)
        return parse_symbol(parser);
    parser->token++;
    switch (token->kind) {
    case TOKEN_CONSTANT:
        return math_leaf(parser->tree, MATH_CONSTANT, token->detail);
    case TOKEN_FUNCTION:
        return parse_function(parser, token->detail);
    case TOKEN_FRACTION:
        return parse_two(parser, token->strict, MATH_QUOTIENT);
    case TOKEN_BINOMIAL:
        return parse_two(parser, token->strict, MATH_FUNCTION);
    case TOKEN_SQUARE_ROOT:
        return parse_square_root(parser, token->strict);
    case TOKEN_ROOT:
        return parse_root(parser);
    case TOKEN_ACCENT:
        return parse_accent(parser, token->text);
    case TOKEN_BLACKBOARD:
        return parse_blackboard(parser);
    case TOKEN_BEGIN:
        return parse_matrix(parser, token->text);
    case TOKEN_EMPTY_SET:
        return math_leaf(parser->tree, MATH_SET, 0);
    default:
        return parse_opened(parser, token->kind);
    }
}

int math_parse_primary(struct math_parser *parser) {
    int node;

    if (parser->token->kind == TOKEN_END || ++parser->nesting > MATH_NESTING)
        return -1;
    node = parse_bare_primary(parser);
    parser->nesting--;
    return node;
}
