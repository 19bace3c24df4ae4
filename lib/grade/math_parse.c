/*
 * The upper half of the grammar: lists, relations, joins of sets, ratios, sums, terms.
 */
#include "grade/math_parse.h"

#include <string.h>

/* ---- terms ---- */

static int scale_matrix(struct math_tree *tree, int matrix, int factor) {
    int scaled = math_leaf(tree, MATH_MATRIX, tree->nodes[matrix].detail);

    for (int entry = tree->nodes[matrix].child; entry >= 0; entry = tree->nodes[entry].next)
        if (!math_append(
                tree, scaled,
                math_binary(tree, MATH_PRODUCT, math_alias(tree, factor), math_alias(tree, entry))))
            return -1;
    return scaled;
}

int math_multiply(struct math_tree *tree, int a, int b) {
    if (a < 0 || b < 0)
        return -1;
    if (tree->nodes[a].kind == MATH_MATRIX && tree->nodes[b].kind != MATH_MATRIX)
        return scale_matrix(tree, a, b);
    if (tree->nodes[b].kind == MATH_MATRIX && tree->nodes[a].kind != MATH_MATRIX)
        return scale_matrix(tree, b, a);
    return math_binary(tree, MATH_PRODUCT, a, b);
}

static bool is_whole(const struct math_tree *tree, int node) {
    const struct math_node *number = &tree->nodes[node];
    return number->kind == MATH_NUMBER && number->base == 0 &&
           memchr(number->text.bytes, '.', number->text.size) == NULL;
}

/* Of digits without leading zeros. */
static bool is_less(struct text a, struct text b) {
    return a.size != b.size ? a.size < b.size : memcmp(a.bytes, b.bytes, a.size) < 0;
}

/* Whether `number` and the fraction behind it are one mixed number, as in 1\frac{1}{2}. */
static bool is_mixed(const struct math_tree *tree, int number, int fraction) {
    int above, below;

    if (number < 0 || fraction < 0 || tree->nodes[fraction].kind != MATH_QUOTIENT ||
        !is_whole(tree, number))
        return false;
    above = tree->nodes[fraction].child;
    below = tree->nodes[above].next;
    return is_whole(tree, above) && is_whole(tree, below) &&
           is_less(tree->nodes[above].text, tree->nodes[below].text);
}

/* What a percent or degree sign stands behind, and which it is; the node itself and -1 for none. */
static int take_mark_off(struct math_tree *tree, int node, int *mark) {
    const struct math_node *marked;

    *mark = -1;
    if (node < 0)
        return -1;
    marked = &tree->nodes[node];
    if (marked->kind != MATH_FUNCTION ||
        (marked->detail != MATH_PERCENT && marked->detail != MATH_DEGREE))
        return node;
    *mark = marked->detail;
    return math_alias(tree, marked->child);
}

static int put_mark_on(struct math_tree *tree, int node, int mark) {
    return mark < 0 ? node : math_unary(tree, MATH_FUNCTION, mark, node);
}

/*
 * Number and fraction as one mixed number, with the mark behind the fraction behind the whole of
 * it, as in 33\frac{1}{3}\%; -1 where they are none.
 */
static int mix(struct math_tree *tree, int number, int fraction) {
    int mark, bare = take_mark_off(tree, fraction, &mark);

    if (!is_mixed(tree, number, bare))
        return -1;
    return put_mark_on(tree, math_binary(tree, MATH_SUM, number, bare), mark);
}

/* "1 2/3": a number, and behind a space a fraction in one line. */
static bool mixed_follows(const struct math_parser *parser, int left) {
    const struct math_token *token = parser->token;
    return left >= 0 && parser->tree->nodes[left].kind == MATH_NUMBER &&
           token[0].kind == TOKEN_NUMBER && token[0].spaced && token[1].kind == '/' &&
           token[2].kind == TOKEN_NUMBER;
}

static int parse_signed_factor(struct math_parser *parser) {
    if (math_takes(parser, '-')) {
        int factor = math_parse_factor(parser);
        return math_unary(parser->tree, MATH_NEGATIVE, 0, factor);
    }
    math_takes(parser, '+');
    return math_parse_factor(parser);
}

/* ASCIIMath's "1(2)/(3)", which it shows as a mixed number. */
static bool mixed_in_brackets(const struct math_parser *parser, int left) {
    const struct math_token *token = parser->token;
    return parser->ascii && left >= 0 && parser->tree->nodes[left].kind == MATH_NUMBER &&
           token[0].kind == '(' && token[1].kind == TOKEN_NUMBER && token[2].kind == ')' &&
           token[3].kind == '/';
}

/* The rest of a fraction in one line; a mark behind it is the whole fraction's. */
static int parse_divisor(struct math_parser *parser, int above) {
    int mark, below = take_mark_off(parser->tree, math_parse_factor(parser), &mark);
    return put_mark_on(parser->tree, math_binary(parser->tree, MATH_QUOTIENT, above, below), mark);
}

/* A factor that stands beside the left one without a sign. */
static int parse_beside(struct math_parser *parser, int left) {
    bool fraction = parser->token->kind == TOKEN_FRACTION;
    bool one_line = mixed_follows(parser, left), brackets = mixed_in_brackets(parser, left);
    int right, mixed = -1;

    if (!one_line && parser->token->kind == TOKEN_NUMBER && parser->token[-1].kind == TOKEN_NUMBER)
        return -1; /* two numbers in a row mean nothing */
    right = math_parse_factor(parser);
    if ((one_line || brackets) && math_takes(parser, '/'))
        right = parse_divisor(parser, right);
    if (fraction || one_line || brackets)
        mixed = mix(parser->tree, left, right);
    return mixed >= 0 || one_line ? mixed : math_multiply(parser->tree, left, right);
}

static int parse_term(struct math_parser *parser) {
    int left = parse_signed_factor(parser);

    while (left >= 0) {
        if (math_takes(parser, '*'))
            left = math_multiply(parser->tree, left, parse_signed_factor(parser));
        else if (math_takes(parser, '/'))
            left = math_binary(parser->tree, MATH_QUOTIENT, left, parse_signed_factor(parser));
        else if (math_starts_factor(parser))
            left = parse_beside(parser, left);
        else
            break;
    }
    return left;
}

/* ---- sums ---- */

static bool ends_item(int kind) {
    return kind == TOKEN_END || kind == ',' || kind == ';' || kind == TOKEN_OR ||
           kind == TOKEN_AND || kind == '=' || kind == ')' || kind == ']' || kind == '}' ||
           kind == TOKEN_SET_CLOSE || kind == '&' || kind == TOKEN_ROW || kind == TOKEN_FINISH;
}

/* What a token is among words: its text, or the sign itself; nothing where it has no spelling. */
static struct text spelling(const struct math_token *token) {
    static const char percent[] = "%", signs[] = "+-*/^_!([{|:<>&'";
    const char *sign;

    if (token->text.size > 0)
        return token->text;
    if (token->kind == TOKEN_PERCENT)
        return text_of(percent);
    sign = token->kind < TOKEN_NUMBER ? strchr(signs, token->kind) : NULL;
    return (struct text){sign, sign != NULL};
}

/* Words and what stands between them, up to the end of the item; two numbers stay apart. */
static int parse_words(struct math_parser *parser) {
    struct buffer *out = &parser->tree->characters;
    size_t start = out->size;

    for (; !ends_item(parser->token->kind); parser->token++) {
        struct text word = spelling(parser->token);
        bool apart = parser->token->kind == TOKEN_NUMBER && parser->token[-1].kind == TOKEN_NUMBER;
        if (word.size == 0 || out->size + apart + word.size > out->capacity)
            return -1;
        buffer_append(out, " ", apart && out->size > start);
        buffer_append(out, word.bytes, word.size);
    }
    return math_named(parser->tree, MATH_TEXT,
                      (struct text){(const char *)out->data + start, out->size - start});
}

/* A term with the sign in front of it, where there is one. */
static int parse_signed_term(struct math_parser *parser) {
    switch (parser->token->kind) {
    case '-':
        parser->token++;
        return math_unary(parser->tree, MATH_NEGATIVE, 0, parse_term(parser));
    case '+':
        parser->token++;
        return parse_term(parser);
    case TOKEN_PLUS_MINUS:
        parser->token++;
        return math_unary(parser->tree, MATH_PLUS_MINUS, 1, parse_term(parser));
    case TOKEN_MINUS_PLUS:
        parser->token++;
        return math_unary(parser->tree, MATH_PLUS_MINUS, -1, parse_term(parser));
    default:
        return parse_term(parser);
    }
}

static bool starts_signed_term(const struct math_parser *parser) {
    int kind = parser->token->kind;
    return kind == '+' || kind == '-' || kind == TOKEN_PLUS_MINUS || kind == TOKEN_MINUS_PLUS;
}

static int parse_sum(struct math_parser *parser) {
    int first, sum;

    if (parser->token->kind == TOKEN_WORD)
        return parse_words(parser);
    first = parse_signed_term(parser);
    if (first < 0 || !starts_signed_term(parser))
        return first;
    sum = math_unary(parser->tree, MATH_SUM, 0, first);
    while (sum >= 0 && starts_signed_term(parser))
        if (!math_append(parser->tree, sum, parse_signed_term(parser)))
            return -1;
    return sum;
}

/* ---- ratios, joins, relations, lists ---- */

static int parse_ratio(struct math_parser *parser) {
    int left = parse_sum(parser), ratio;

    if (left < 0 || parser->token->kind != ':')
        return left;
    ratio = math_unary(parser->tree, MATH_RATIO, 0, left);
    while (math_takes(parser, ':'))
        if (!math_append(parser->tree, ratio, parse_sum(parser)))
            return -1;
    return ratio;
}

static int parse_set(struct math_parser *parser) {
    int left = parse_ratio(parser);

    while (left >= 0 && parser->token->kind == TOKEN_JOIN) {
        int detail = parser->token->detail;
        parser->token++;
        left = math_binary(parser->tree, MATH_JOIN, left, parse_ratio(parser));
        if (left >= 0)
            parser->tree->nodes[left].detail = detail;
    }
    return left;
}

/* The letter of a relation's sign in the text of its node; zero for other tokens. */
static char relation_letter(const struct math_token *token) {
    switch (token->kind) {
    case '=':
        return token->detail == '~' ? '~' : '=';
    case '<':
    case '>':
        return (char)token->kind;
    case TOKEN_AT_MOST:
        return 'l';
    case TOKEN_AT_LEAST:
        return 'g';
    case TOKEN_NOT_EQUAL:
        return 'n';
    case TOKEN_IN:
        return 'e';
    default:
        return 0;
    }
}

int math_parse_item(struct math_parser *parser) {
    char letters[MATH_NESTING];
    size_t count = 0;
    int left, relation;

    while (math_takes(parser, '='))
        ;
    left = parse_set(parser);
    if (left < 0 || relation_letter(parser->token) == 0)
        return left;
    relation = math_unary(parser->tree, MATH_RELATION, 0, left);
    while (relation >= 0 && relation_letter(parser->token) != 0) {
        if (count == sizeof letters)
            return -1;
        letters[count++] = relation_letter(parser->token++);
        if (!math_append(parser->tree, relation, parse_set(parser)))
            return -1;
    }
    if (relation >= 0)
        parser->tree->nodes[relation].text = math_keep(parser->tree, (struct text){letters, count});
    return relation;
}

static bool takes_separator(struct math_parser *parser, int *detail) {
    bool any = false;

    for (;; parser->token++, any = true)
        switch (parser->token->kind) {
        case TOKEN_OR:
            *detail = 'o';
            break;
        case TOKEN_AND:
            *detail = *detail == 'o' ? 'o' : 'a';
            break;
        case ',':
        case ';':
            break;
        default:
            return any;
        }
}

int math_parse_list(struct math_parser *parser) {
    int detail = ',', first, list;

    if (++parser->nesting > MATH_NESTING)
        return -1;
    first = math_parse_item(parser);
    parser->nesting--;
    if (first < 0 || !takes_separator(parser, &detail) || ends_item(parser->token->kind))
        return first;
    list = math_unary(parser->tree, MATH_LIST, 0, first);
    parser->nesting++;
    do
        if (!math_append(parser->tree, list, math_parse_item(parser)))
            return -1;
    while (takes_separator(parser, &detail) && !ends_item(parser->token->kind));
    parser->nesting--;
    parser->tree->nodes[list].detail = detail;
    return list;
}

int math_parse(struct text text, const struct math_reading *reading, struct math_tree *tree,
               struct math_tokens *tokens) {
    struct math_parser parser = {.tree = tree};
    int root;

    if (!math_tokenize(text, reading, tree, tokens))
        return -1;
    parser.token = tokens->items;
    parser.ascii = tokens->ascii;
    root = math_parse_list(&parser);
    return parser.token->kind == TOKEN_END && !parser.failed ? root : -1;
}
