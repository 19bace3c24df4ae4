/*
 * Factors: a primary and what stands behind it, exponents, subscripts, marks and units.
 */
#include <string.h>

#include "grade/math_parse.h"

/* What a subscript says of a number: 2 to 36, 0 for anything else. */
static int number_base(struct text text) {
    int value = 0;

    if (text_is(text, "two"))
        return 2;
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9' || value > 36)
            return 0;
        value = value * 10 + (text.bytes[i] - '0');
    }
    return value >= 2 && value <= 36 ? value : 0;
}

/* 1011_2, and names such as x_1. */
static int parse_subscript(struct math_parser *parser, int base) {
    struct math_tree *tree = parser->tree;
    struct math_node *node = &tree->nodes[base];
    const struct math_token *token = parser->token;
    bool braces = token->kind == '{';
    char name[64];
    size_t size;

    token += braces;
    if ((braces && token[1].kind != '}') || token->text.size == 0)
        return -1;
    parser->token += braces ? 3 : 1;
    if (node->kind == MATH_NUMBER) {
        node->base = node->base == 0 ? number_base(token->text) : 0;
        return node->base != 0 ? base : -1;
    }
    size = node->text.size + 1 + token->text.size;
    if (node->kind != MATH_SYMBOL || size > sizeof name)
        return -1;
    memcpy(name, node->text.bytes, node->text.size);
    name[node->text.size] = '_';
    memcpy(name + node->text.size + 1, token->text.bytes, token->text.size);
    return math_named(tree, MATH_SYMBOL, math_keep(tree, (struct text){name, size}));
}

/* Words behind a value are its unit; so are powers of them and words under a stroke. */
static bool take_unit(struct math_parser *parser) {
    while (parser->token->kind == TOKEN_WORD ||
           (parser->token->kind == '/' && parser->token[1].kind == TOKEN_WORD)) {
        parser->token++;
        if (math_takes(parser, '^') && math_parse_argument(parser, false) < 0)
            return false;
    }
    return parser->token->kind == '(' || !math_starts_factor(parser);
}

/* °C and °F count as °. */
static void take_temperature(struct math_parser *parser) {
    if (parser->token->kind == TOKEN_SYMBOL &&
        (text_is(parser->token->text, "C") || text_is(parser->token->text, "F")))
        parser->token++;
}

static int parse_degrees(struct math_parser *parser, int base) {
    take_temperature(parser);
    return math_unary(parser->tree, MATH_FUNCTION, MATH_DEGREE, base);
}

static int parse_exponent(struct math_parser *parser, int base) {
    int exponent;

    if (math_takes(parser, TOKEN_DEGREE))
        return parse_degrees(parser, base);
    if (parser->token[0].kind == '{' && parser->token[1].kind == TOKEN_DEGREE &&
        parser->token[2].kind == '}') {
        parser->token += 3;
        return parse_degrees(parser, base);
    }
    if (parser->token[0].kind == '{' && parser->token[1].kind == TOKEN_WORD &&
        parser->token[2].kind == '}') {
        parser->token += 3; /* 10^{\text{th}} */
        return base;
    }
    exponent = math_parse_argument(parser, false);
    if (exponent >= 0 && parser->token->kind == '^') {
        if (++parser->nesting > MATH_NESTING)
            return -1;
        parser->token++;
        exponent = parse_exponent(parser, exponent);
        parser->nesting--;
    }
    return math_binary(parser->tree, MATH_POWER, base, exponent);
}

static int parse_prime(struct math_parser *parser, int base) {
    struct text name = parser->tree->nodes[base].text;
    char primed[66];

    if (parser->tree->nodes[base].kind != MATH_SYMBOL || name.size >= sizeof primed)
        return -1;
    memcpy(primed, name.bytes, name.size);
    primed[name.size] = '\'';
    return math_named(parser->tree, MATH_SYMBOL,
                      math_keep(parser->tree, (struct text){primed, name.size + 1}));
}

int math_parse_factor(struct math_parser *parser) {
    int node = math_parse_primary(parser);

    while (node >= 0) {
        if (math_takes(parser, '^'))
            node = parse_exponent(parser, node);
        else if (math_takes(parser, '_'))
            node = parse_subscript(parser, node);
        else if (math_takes(parser, '!'))
            node = math_unary(parser->tree, MATH_FUNCTION, MATH_FACTORIAL, node);
        else if (math_takes(parser, TOKEN_PERCENT))
            node = math_unary(parser->tree, MATH_FUNCTION, MATH_PERCENT, node);
        else if (math_takes(parser, TOKEN_DEGREE))
            node = parse_degrees(parser, node);
        else if (math_takes(parser, '\''))
            node = parse_prime(parser, node);
        else if (parser->token->kind == TOKEN_WORD)
            return take_unit(parser) ? node : -1;
        else
            break;
    }
    return node;
}
