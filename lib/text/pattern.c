/* Patterns: literals, known split expressions by hand, all others by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "text/split_scan.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

#define LONGEST_EXPRESSION 16384
/* Steps of one match. The expressions of real tokenizers stay far below. */
#define STEP_LIMIT 2000000
#define HEAP_LIMIT_KIB 65536
#define MOST_NESTED 50
/* What every match may have: bytes to look at, steps. More of either, in turn up to all of the text
 * and STEP_LIMIT, is work that a text bounds: so much for all its matches, and so much a byte. */
#define FIRST_WINDOW 256
#define FIRST_STEPS 2000
#define WORK_A_TEXT (2 * (size_t)STEP_LIMIT)
#define WORK_A_BYTE 128

struct pattern {
    struct buffer literal;
    split_scanner scanner; /* NULL: not done by hand */
    pcre2_code *code;      /* NULL: a literal */
    pcre2_match_context *context;
};

/* ---- from Oniguruma's syntax to PCRE2's ---- */

/* White space, of which PCRE2 has another idea (U+180E), for use inside a class. */
#define SPACES                                                                                     \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"    \
    "\\x{205f}\\x{3000}"
/* Oniguruma's word characters: letters and digits by exception too, and raised ones and fractions.
 */
#define WORDS                                                                                      \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}"                    \
    "\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}\\xb2\\xb3\\xb9\\xbc-\\xbe"

static bool not_supported(const char *what, struct error *error) {
    return error_set(error, "%s in a regular expression is not supported", what);
}

/* The escape at expression[i] (the character behind the backslash); returns what it took. */
static size_t rewrite_escape(struct text expression, size_t i, bool in_class, struct buffer *out,
                             struct error *error) {
    char c = expression.bytes[i];
    const char *set = c == 's' || c == 'S' ? SPACES : c == 'w' || c == 'W' ? WORDS : NULL;
    bool negated = c == 'S' || c == 'W';
    if (c == 'h' || c == 'H' || c == 'y' || c == 'Y' || c == 'O' || c == 'C') {
        not_supported("the escape \\h, \\y, \\O or \\C", error);
        return 0;
    }
    if (set != NULL && in_class && negated) {
        not_supported("\\S or \\W inside [ ]", error);
        return 0;
    }
    if (set != NULL) {
        buffer_format(out, in_class ? "%s" : negated ? "[^%s]" : "[%s]", set);
        return 1;
    }
    if (c == 'u' && i + 4 < expression.size) {
        buffer_format(out, "\\x{%.4s}", expression.bytes + i + 1);
        return 5;
    }
    buffer_append_text(out, "\\");
    buffer_append(out, &c, 1);
    return 1;
}

/* "(?m" means another thing in Ruby's syntax. */
static bool has_option_m(struct text rest) {
    if (rest.size < 3 || rest.bytes[0] != '(' || rest.bytes[1] != '?')
        return false;
    for (size_t i = 2; i < rest.size && strchr("imx-", rest.bytes[i]) != NULL && rest.bytes[i]; i++)
        if (rest.bytes[i] == 'm')
            return true;
    return false;
}

/* Where what a quantifier would repeat begins in `out`, and the groups that are open. */
struct atoms {
    size_t last;
    size_t groups[MOST_NESTED];
    size_t depth;
    bool extended; /* (?x): a space may stand before a quantifier */
};

/* "(?x" and "(?ix" but not "(?-x". */
static bool has_option_x(struct text rest) {
    size_t i = 2;
    while (i < rest.size && (rest.bytes[i] == 'i' || rest.bytes[i] == 'm'))
        i++;
    return rest.size > i && rest.bytes[0] == '(' && rest.bytes[1] == '?' && rest.bytes[i] == 'x';
}

/* Takes note of the character at the front of `rest`, which is no escape and in no class. */
static bool note_atom(struct atoms *atoms, struct text rest, size_t place, struct error *error) {
    char c = *rest.bytes;
    if (c == '(' && atoms->depth == MOST_NESTED)
        return error_set(error, "a regular expression with more than %d groups in each other",
                         MOST_NESTED);
    if (c == '(')
        atoms->groups[atoms->depth++] = place;
    else if (c == ')' && atoms->depth > 0)
        atoms->last = atoms->groups[--atoms->depth];
    else if (memchr(")*+?{", c, 5) == NULL && (c & 0xC0) != 0x80)
        atoms->last = place;
    atoms->extended = atoms->extended || has_option_x(rest);
    return true;
}

/* Puts a group around the last atom, and what is to repeat it behind that. */
static void wrap(const struct atoms *atoms, const char *quantifier, struct buffer *out) {
    size_t size = out->size - atoms->last;
    buffer_append_text(out, "(?:");
    uint8_t *start = out->data + atoms->last;
    memmove(start + 3, start, size);
    memcpy(start, "(?:", 3);
    buffer_format(out, ")%s", quantifier);
}

/*
 * An interval at the front of `rest`: {,m} is {0,m}; behind it, + repeats the whole and is not
 * possessive, and behind {n} alone ? makes the whole optional and is not lazy. *took is 0 where
 * there is no interval.
 */
static bool rewrite_interval(struct text rest, const struct atoms *atoms, struct buffer *out,
                             size_t *took, struct error *error) {
    *took = 0;
    static const char digits[] = "0123456789";
    char copy[24] = "";
    memcpy(copy, rest.bytes, rest.size < sizeof copy - 1 ? rest.size : sizeof copy - 1);
    size_t low = strspn(copy + 1, digits), high = 0, size = 1 + low;
    bool comma = copy[size] == ',';
    if (comma)
        high = strspn(copy + ++size, digits);
    size += high;
    if (copy[0] != '{' || copy[size] != '}' || low + high == 0)
        return true;
    size++;
    bool again = copy[size] == '+', optional = copy[size] == '?' && !comma;
    if (atoms->extended && (again || optional))
        return not_supported("a quantifier behind an interval under (?x)", error);
    buffer_append_text(out, low == 0 ? "{0" : "{");
    buffer_append(out, copy + 1, size - 1);
    if (again || optional)
        wrap(atoms, again ? "+" : "?", out);
    *took = size + (again || optional);
    return true;
}

/* The braces of \p{L}, \x{41}, \k<name> and the like behind the escape, which ends at `i`. */
static size_t escape_argument(struct text expression, size_t i) {
    char letter = expression.bytes[i - 1], opening = i < expression.size ? expression.bytes[i] : 0;
    char closing = opening == '{' ? '}' : opening == '<' ? '>' : 0;
    if (memchr("pPxokgN", letter, 7) == NULL || closing == 0)
        return 0;
    const char *end = memchr(expression.bytes + i, closing, expression.size - i);
    return end != NULL ? (size_t)(end + 1 - (expression.bytes + i)) : 0;
}

/* The escape at expression[i], a backslash, with what belongs to it; returns what it took. */
static size_t rewrite_escaped(struct text expression, size_t i, bool in_class, struct buffer *out,
                              struct error *error) {
    size_t took = rewrite_escape(expression, i + 1, in_class, out, error);
    if (took == 0)
        return 0;
    size_t argument = took == 1 ? escape_argument(expression, i + 2) : 0;
    buffer_append(out, expression.bytes + i + 2, argument);
    return 1 + took + argument;
}

/* The class that begins with the [ at expression[i]; returns what it took, 0 on an error. */
static size_t rewrite_class(struct text expression, size_t i, struct buffer *out,
                            struct error *error) {
    size_t at = i + 1 + (i + 1 < expression.size && expression.bytes[i + 1] == '^'), first = at;
    buffer_append(out, expression.bytes + i, at - i);
    while (at < expression.size) {
        const char *c = expression.bytes + at;
        bool more = at + 1 < expression.size;
        if (*c == '[' && !not_supported("a class within a class, [[ ]],", error))
            return 0;
        if (*c == '&' && more && c[1] == '&' && !not_supported("&& inside [ ]", error))
            return 0;
        size_t took = *c == '\\' && more ? rewrite_escaped(expression, at, true, out, error) : 1;
        if (took == 0)
            return 0;
        if (*c != '\\' || !more)
            buffer_append(out, c, 1);
        at += took;
        if (*c == ']' && at - 1 > first)
            break;
    }
    return at - i;
}

static bool rewrite(struct text expression, struct buffer *out, struct error *error) {
    struct atoms atoms = {0};
    for (size_t i = 0, took; i < expression.size; i += took) {
        struct text rest = {expression.bytes + i, expression.size - i};
        if (has_option_m(rest))
            return not_supported("(?m)", error);
        if (!rewrite_interval(rest, &atoms, out, &took, error))
            return false;
        if (took > 0)
            continue;
        if (!note_atom(&atoms, rest, out->size, error))
            return false;
        if (*rest.bytes == '\\' && rest.size > 1)
            took = rewrite_escaped(expression, i, false, out, error);
        else if (*rest.bytes == '[')
            took = rewrite_class(expression, i, out, error);
        else
            buffer_append(out, rest.bytes, took = 1);
        if (took == 0)
            return false;
    }
    return true;
}

/* ---- opening ---- */

static bool compile(struct pattern *pattern, struct text expression, struct error *error) {
    struct buffer rewritten = {0};
    int number;
    size_t place;
    if (!rewrite(expression, &rewritten, error)) {
        buffer_free(&rewritten);
        return false;
    }
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, MOST_NESTED);
    pcre2_set_max_pattern_length(context, (size_t)8 * LONGEST_EXPRESSION);
    pattern->code = pcre2_compile(rewritten.data, rewritten.size,
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                                  &number, &place, context);
    pcre2_compile_context_free(context);
    buffer_free(&rewritten);
    if (pattern->code == NULL) {
        PCRE2_UCHAR message[128];
        pcre2_get_error_message(number, message, sizeof message);
        return error_set(error, "a regular expression cannot be read: %s", (char *)message);
    }
    pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    pattern->context = pcre2_match_context_create(NULL);
    pcre2_set_heap_limit(pattern->context, HEAP_LIMIT_KIB);
    return true;
}

struct pattern *pattern_open_expression(struct text expression, bool by_hand, struct error *error) {
    if (expression.size > LONGEST_EXPRESSION) {
        error_set(error, "a regular expression of %zu bytes; at most %d are supported",
                  expression.size, LONGEST_EXPRESSION);
        return NULL;
    }
    struct pattern *pattern = allocate(1, sizeof *pattern);
    pattern->scanner = by_hand ? split_scanner_of(expression) : NULL;
    if (compile(pattern, expression, error))
        return pattern;
    struct buffer quoted = {0};
    quote_for_message(expression, &quoted);
    error_place(error, "%.*s", (int)quoted.size, (const char *)quoted.data);
    buffer_free(&quoted);
    pattern_close(pattern);
    return NULL;
}

struct pattern *pattern_open_literal(struct text literal) {
    struct pattern *pattern = allocate(1, sizeof *pattern);
    buffer_append(&pattern->literal, literal.bytes, literal.size);
    return pattern;
}

struct pattern *pattern_open(const json_t *section, struct error *error) {
    const json_t *expression = json_object_get(section, "Regex");
    const json_t *literal = json_is_string(section) ? section : json_object_get(section, "String");
    if (json_is_string(expression))
        return pattern_open_expression(
            (struct text){json_string_value(expression), json_string_length(expression)}, true,
            error);
    if (json_is_string(literal))
        return pattern_open_literal(
            (struct text){json_string_value(literal), json_string_length(literal)});
    error_set(error, "pattern is neither {\"Regex\": text} nor {\"String\": text}");
    return NULL;
}

void pattern_close(struct pattern *pattern) {
    if (pattern == NULL)
        return;
    buffer_free(&pattern->literal);
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->context);
    free(pattern);
}

/* ---- searching ---- */

void pattern_search_start(struct pattern_search *search, const struct pattern *pattern) {
    *search =
        (struct pattern_search){.pattern = pattern, .last_end = SIZE_MAX, .work = WORK_A_TEXT};
    if (pattern->code == NULL || pattern->scanner != NULL)
        return;
    search->match = pcre2_match_data_create(1, NULL);
    search->context = pcre2_match_context_copy(pattern->context);
}

void pattern_search_in(struct pattern_search *search, struct text text) {
    search->text = text;
    search->at = 0;
    search->last_end = SIZE_MAX;
    search->work += WORK_A_BYTE * text.size;
}

void pattern_search_end(struct pattern_search *search) {
    pcre2_match_data_free(search->match);
    pcre2_match_context_free(search->context);
}

static bool next_literal(struct pattern_search *search, struct span *match) {
    const struct buffer *literal = &search->pattern->literal;
    if (literal->size == 0 || search->at >= search->text.size)
        return false;
    const char *found = memmem(search->text.bytes + search->at, search->text.size - search->at,
                               literal->data, literal->size);
    if (found == NULL)
        return false;
    match->start = (size_t)(found - search->text.bytes);
    match->end = match->start + literal->size;
    search->at = match->end;
    return true;
}

static bool spend(struct pattern_search *search, size_t work) {
    if (work > search->work)
        return false;
    search->work -= work;
    return true;
}

/* PCRE2's answer where the text ends at `end`; unless that is its real end, PCRE2_ERROR_PARTIAL
 * where that end was looked at. Steps are given by and by. */
static int match_up_to(struct pattern_search *search, size_t end) {
    uint32_t partial = end < search->text.size ? PCRE2_PARTIAL_HARD : 0;
    for (uint32_t steps = FIRST_STEPS;; steps *= 10) {
        pcre2_set_match_limit(search->context, steps);
        int result =
            pcre2_match(search->pattern->code, (const uint8_t *)search->text.bytes, end, search->at,
                        PCRE2_NO_UTF_CHECK | partial, search->match, search->context);
        if (result != PCRE2_ERROR_MATCHLIMIT || steps >= STEP_LIMIT ||
            !spend(search, (size_t)10 * steps))
            return result;
    }
}

/*
 * PCRE2's answer. Its steps do not count what simple repetitions run over, so that an expression
 * like a(?=[^x]*$) would look at the whole text at each of its places: a match sees a window, which
 * grows where that does not suffice, and all that is seen counts.
 */
static int match_next(struct pattern_search *search) {
    const uint8_t *bytes = (const uint8_t *)search->text.bytes;
    size_t left = search->text.size - search->at;
    for (size_t window = FIRST_WINDOW; window < left; window *= 2) {
        size_t end = utf8_back(bytes, search->at + window + 1);
        int result = match_up_to(search, end);
        bool certain = result >= 0 && pcre2_get_ovector_pointer(search->match)[1] < end;
        if (certain ||
            (result < 0 && result != PCRE2_ERROR_PARTIAL && result != PCRE2_ERROR_NOMATCH))
            return result;
        if (!spend(search, 2 * window))
            return PCRE2_ERROR_MATCHLIMIT;
    }
    return match_up_to(search, search->text.size);
}

static bool next_expression(struct pattern_search *search, struct span *match,
                            struct error *error) {
    const uint8_t *bytes = (const uint8_t *)search->text.bytes;
    while (search->at <= search->text.size) {
        int result = match_next(search);
        if (result == PCRE2_ERROR_NOMATCH)
            return false;
        if (result < 0) {
            PCRE2_UCHAR message[128];
            pcre2_get_error_message(result, message, sizeof message);
            return error_set(error,
                             "a regular expression of the tokenizer fails on this text: %s; an "
                             "expression without nested repetitions and without repetitions that "
                             "look far ahead would be right",
                             (char *)message);
        }
        const size_t *ends = pcre2_get_ovector_pointer(search->match);
        *match = (struct span){ends[0], ends[1]};
        bool empty = match->end <= match->start; /* \K can turn a match around */
        if (empty && search->last_end == match->end) {
            search->at = match->end < search->text.size ? match->end + utf8_step(bytes + match->end)
                                                        : search->text.size + 1;
            continue;
        }
        match->start = empty ? match->end : match->start;
        search->at = search->last_end = match->end;
        return true;
    }
    return false;
}

bool pattern_search_next(struct pattern_search *search, struct span *match, struct error *error) {
    const struct pattern *pattern = search->pattern;
    if (pattern->scanner != NULL) {
        if (search->at >= search->text.size)
            return false;
        match->start = search->at;
        match->end = search->at =
            pattern->scanner((const uint8_t *)search->text.bytes, search->text.size, search->at);
        return true;
    }
    if (pattern->code == NULL)
        return next_literal(search, match);
    return next_expression(search, match, error);
}
