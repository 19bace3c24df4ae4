/*
 * Characters to tokens. A cursor walks over the text; each kind of beginning (digit, letter,
 * backslash, other sign) has a function that takes what belongs together.
 */
#include "grade/math_token.h"

#include <ctype.h>
#include <string.h>

struct cursor {
    const char *at;
    const char *end;
    const struct math_reading *reading;
    bool ascii;
    bool spaced;
    bool failed;
    int depth; /* of brackets: commas divide there */
    struct math_tree *tree;
    struct math_tokens *tokens;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '~';
}

/* The sign `ahead` places on; zero beyond the end. */
static char peek(const struct cursor *cursor, size_t ahead) {
    return (size_t)(cursor->end - cursor->at) > ahead ? cursor->at[ahead] : 0;
}

static bool looks_at(const struct cursor *cursor, const char *at, const char *string) {
    size_t size = strlen(string);
    return (size_t)(cursor->end - at) >= size && memcmp(at, string, size) == 0;
}

static struct math_token *push(struct cursor *cursor, int kind, int detail, struct text text) {
    struct math_token *token;

    if (cursor->tokens->count >= MATH_TOKENS - 1) {
        cursor->failed = true;
        return &cursor->tokens->items[MATH_TOKENS - 1];
    }
    token = &cursor->tokens->items[cursor->tokens->count++];
    *token =
        (struct math_token){.kind = kind, .detail = detail, .spaced = cursor->spaced, .text = text};
    cursor->spaced = false;
    if (kind == '(' || kind == '[' || kind == TOKEN_SET_OPEN || kind == TOKEN_ANGLE_OPEN)
        cursor->depth++;
    else if (kind == ')' || kind == ']' || kind == TOKEN_SET_CLOSE || kind == TOKEN_ANGLE_CLOSE)
        cursor->depth--;
    return token;
}

static void push_sign(struct cursor *cursor, int kind) {
    push(cursor, kind, 0, (struct text){"", 0});
}

static int last_kind(const struct cursor *cursor) {
    int count = cursor->tokens->count;
    return count > 0 ? cursor->tokens->items[count - 1].kind : TOKEN_END;
}

/* ---- numbers ---- */

/* Exactly three digits. */
static bool three_digits(const struct cursor *cursor, const char *at) {
    for (int i = 0; i < 3; i++)
        if (at + i >= cursor->end || !is_digit(at[i]))
            return false;
    return at + 3 >= cursor->end || !is_digit(at[3]);
}

/* Size of what divides groups of three digits at the cursor; 0 where nothing does. */
static size_t group_separator(struct cursor *cursor) {
    const char *at = cursor->at;
    bool marked = false;

    if (looks_at(cursor, at, "{,}"))
        return three_digits(cursor, at + 3) ? 3 : 0;
    if (at < cursor->end && *at == ',')
        at++;
    while (at < cursor->end)
        if (looks_at(cursor, at, "\\!") || looks_at(cursor, at, "\\,")) {
            marked = true;
            at += 2;
        } else if (is_space(*at)) {
            at++;
        } else {
            break;
        }
    if (!three_digits(cursor, at))
        return 0;
    if (marked)
        return (size_t)(at - cursor->at);
    if (at != cursor->at + 1 || *cursor->at != ',' || cursor->depth > 0)
        return 0;
    cursor->tokens->ambiguous = true;
    return cursor->reading->commas_group ? 1 : 0;
}

static void take_digits(struct cursor *cursor, struct buffer *out) {
    while (cursor->at < cursor->end && is_digit(*cursor->at))
        buffer_append(out, cursor->at++, 1);
}

/* "e-3" behind a number, directly: times a power of ten. */
static void take_exponent(struct cursor *cursor) {
    size_t sign = peek(cursor, 1) == '-' || peek(cursor, 1) == '+';
    const char *digits = cursor->at + 1 + sign, *end = digits;
    bool negative = peek(cursor, 1) == '-';

    if ((peek(cursor, 0) != 'e' && peek(cursor, 0) != 'E') || !is_digit(peek(cursor, 1 + sign)))
        return;
    while (end < cursor->end && is_digit(*end))
        end++;
    if (end < cursor->end && is_letter(*end))
        return;
    push_sign(cursor, '*');
    push(cursor, TOKEN_NUMBER, 0, text_of("10"));
    push_sign(cursor, '^');
    push_sign(cursor, '{');
    if (negative)
        push_sign(cursor, '-');
    push(cursor, TOKEN_NUMBER, 0,
         math_keep(cursor->tree, (struct text){digits, (size_t)(end - digits)}));
    push_sign(cursor, '}');
    cursor->at = end;
}

/* Digits and capital letters with a subscript behind: a number to another base. */
static bool take_based(struct cursor *cursor) {
    const char *end = cursor->at;
    bool letters = false, digits = false;

    for (; end < cursor->end && (is_digit(*end) || (*end >= 'A' && *end <= 'Z')); end++) {
        letters |= !is_digit(*end);
        digits |= is_digit(*end);
    }
    if (!letters || end - cursor->at < 2 || end + 1 >= cursor->end || *end != '_' ||
        !(digits ? is_digit(end[1]) || end[1] == '{'
                 : looks_at(cursor, end, "_{1") || looks_at(cursor, end, "_1")))
        return false;
    push(cursor, TOKEN_NUMBER, 0,
         math_keep(cursor->tree, (struct text){cursor->at, (size_t)(end - cursor->at)}));
    cursor->at = end;
    return true;
}

/* Whether digits under a line follow the point that is next: 0.\overline{3}, 0.bar(3). */
static bool period_follows(const struct cursor *cursor) {
    const char *at = cursor->at + 1;

    if (cursor->ascii)
        return looks_at(cursor, at, "overline(") || looks_at(cursor, at, "bar(");
    return looks_at(cursor, at, "\\overline") || looks_at(cursor, at, "\\bar");
}

static void take_number(struct cursor *cursor) {
    struct buffer *out = &cursor->tree->characters;
    size_t start = out->size, size;

    if (take_based(cursor))
        return;
    take_digits(cursor, out);
    if (out->size - start >= 1 && out->size - start <= 3)
        while ((size = group_separator(cursor)) > 0) {
            cursor->at += size;
            take_digits(cursor, out);
        }
    if (peek(cursor, 0) == '.' && (is_digit(peek(cursor, 1)) || period_follows(cursor))) {
        buffer_append(out, cursor->at++, 1);
        take_digits(cursor, out);
    }
    push(cursor, TOKEN_NUMBER, 0,
         (struct text){(const char *)out->data + start, out->size - start});
    take_exponent(cursor);
}

/* ---- letters ---- */

static void push_word(struct cursor *cursor, const struct math_word *word) {
    push(cursor, word->kind, word->detail, text_of(word->name));
}

static void push_letter(struct cursor *cursor, const char *letter) {
    if (*letter == 'i')
        push(cursor, TOKEN_CONSTANT, MATH_I, (struct text){letter, 1});
    else if (*letter == 'e')
        push(cursor, TOKEN_CONSTANT, MATH_E, (struct text){letter, 1});
    else
        push(cursor, TOKEN_SYMBOL, 0, math_keep(cursor->tree, (struct text){letter, 1}));
}

static void push_unit(struct cursor *cursor, struct text name) {
    push(cursor, TOKEN_WORD, 0, math_keep(cursor->tree, name))->known = true;
}

static void take_ascii_text(struct cursor *cursor);

/* A run of letters outside of \text. */
static void take_letters(struct cursor *cursor) {
    const struct math_word *word;
    struct text run = {cursor->at, 0};
    int before = last_kind(cursor);

    if (take_based(cursor))
        return;
    while (cursor->at + run.size < cursor->end && is_letter(run.bytes[run.size]))
        run.size++;
    if (run.size > 1 && math_word_is_unit(run) &&
        (before == TOKEN_NUMBER || before == TOKEN_WORD || before == '}' || before == ')')) {
        push_unit(cursor, run);
        cursor->at += run.size;
    } else if (cursor->ascii && (word = math_word_front(run)) != NULL) {
        cursor->at += strlen(word->name);
        if (word->kind == TOKEN_TEXT)
            take_ascii_text(cursor);
        else
            push_word(cursor, word);
    } else if (!cursor->ascii && (word = math_word_find(run, WORD_BARE)) != NULL) {
        push_word(cursor, word);
        cursor->at += run.size;
    } else if (cursor->ascii) {
        push_letter(cursor, cursor->at++);
    } else {
        for (size_t i = 0; i < run.size; i++)
            push_letter(cursor, run.bytes + i);
        cursor->at += run.size;
    }
}

/* ---- text ---- */

/* A word as it stands in \text: letters, and points or hyphens between letters ("p.m."). */
static void take_text_word(struct cursor *cursor, const char *end) {
    char word[64];
    size_t size = 0;
    const char *first = cursor->at;

    while (cursor->at < end &&
           (is_letter(*cursor->at) || (strchr(".-'", *cursor->at) != NULL && cursor->at + 1 < end &&
                                       is_letter(cursor->at[1])))) {
        if (is_letter(*cursor->at) && size < sizeof word)
            word[size++] = (char)tolower((unsigned char)*cursor->at);
        cursor->at++;
    }
    if (size == 1 && *first >= 'A' && *first <= 'Z')
        push(cursor, TOKEN_SYMBOL, 0, math_keep(cursor->tree, (struct text){first, 1}));
    else if (size == 3 && memcmp(word, "and", 3) == 0)
        push_sign(cursor, TOKEN_AND);
    else if (size == 2 && memcmp(word, "or", 2) == 0)
        push_sign(cursor, TOKEN_OR);
    else
        push(cursor, TOKEN_WORD, 0, math_keep(cursor->tree, (struct text){word, size}))->known =
            math_word_is_unit((struct text){word, size});
}

static void take_text(struct cursor *cursor, const char *end) {
    while (cursor->at < end && !cursor->failed) {
        char c = *cursor->at;
        if (is_letter(c))
            take_text_word(cursor, end);
        else if (is_digit(c))
            take_number(cursor);
        else {
            if (c != 0 && strchr("(),:;+-=/^", c) != NULL)
                push_sign(cursor, c);
            else
                cursor->spaced = true;
            cursor->at++;
        }
    }
    cursor->spaced = true;
}

/* The end of what opens at `at` (behind the opening sign); NULL where nothing closes it. */
static const char *closing(const struct cursor *cursor, const char *at, char open, char close) {
    int depth = 1;

    for (; at < cursor->end; at++)
        if (*at == open && open != close)
            depth++;
        else if (*at == close && --depth == 0)
            return at;
    return NULL;
}

/* ASCIIMath: text(…), or "…", whose opening sign is next. */
static void take_ascii_text(struct cursor *cursor) {
    char open = peek(cursor, 0), close = open;
    const char *end;

    if (open == '(')
        close = ')';
    else if (open == '{')
        close = '}';
    end = cursor->at < cursor->end ? closing(cursor, cursor->at + 1, open, close) : NULL;
    if (end == NULL) {
        cursor->failed = true;
        return;
    }
    cursor->at++;
    take_text(cursor, end);
    cursor->at = end + 1;
}

/* \mathrm and \operatorname: a function's name, one letter, or a word. */
static bool take_upright(struct cursor *cursor, const char *end) {
    struct text name = {cursor->at, (size_t)(end - cursor->at)};
    const struct math_word *word = math_word_find(name, WORD_COMMAND | WORD_BARE);

    if (word != NULL && word->kind != TOKEN_SKIP)
        push_word(cursor, word);
    else if (name.size == 1 && is_letter(*name.bytes))
        push_letter(cursor, name.bytes);
    else
        return false;
    return true;
}

static void take_text_command(struct cursor *cursor, bool upright) {
    const char *end;

    while (cursor->at < cursor->end && is_space(*cursor->at))
        cursor->at++;
    if (peek(cursor, 0) != '{' || (end = closing(cursor, cursor->at + 1, '{', '}')) == NULL) {
        cursor->failed = true;
        return;
    }
    cursor->at++;
    if (!upright || !take_upright(cursor, end))
        take_text(cursor, end);
    cursor->at = end + 1;
}

/* ---- commands ---- */

/* \begin{name} and \end{name}; the columns of an array are passed over. */
static void take_environment(struct cursor *cursor, int kind) {
    const char *end;
    struct text name;

    if (peek(cursor, 0) != '{' || (end = closing(cursor, cursor->at + 1, '{', '}')) == NULL) {
        cursor->failed = true;
        return;
    }
    name = (struct text){cursor->at + 1, (size_t)(end - cursor->at - 1)};
    cursor->at = end + 1;
    push(cursor, kind, 0, math_keep(cursor->tree, name));
    if (kind == TOKEN_BEGIN && text_is(name, "array") && peek(cursor, 0) == '{' &&
        (end = closing(cursor, cursor->at + 1, '{', '}')) != NULL)
        cursor->at = end + 1;
}

static void take_named_command(struct cursor *cursor) {
    struct text name = {cursor->at, 0};
    const struct math_word *word;

    while (cursor->at < cursor->end && is_letter(*cursor->at))
        cursor->at++;
    name.size = (size_t)(cursor->at - name.bytes);
    word = math_word_find(name, WORD_COMMAND);
    if (word == NULL) {
        cursor->failed = true;
    } else if (word->kind == TOKEN_TEXT) {
        take_text_command(cursor, word->detail != 0);
    } else if (word->kind == TOKEN_BEGIN || word->kind == TOKEN_FINISH) {
        take_environment(cursor, word->kind);
    } else if (word->kind == TOKEN_BESIDE) {
        if (peek(cursor, 0) == '.')
            cursor->at++;
    } else if (word->kind == TOKEN_SKIP) {
        cursor->spaced = true;
    } else {
        push(cursor, word->kind, word->detail, text_of(word->name))->strict = true;
    }
}

static void take_command(struct cursor *cursor) {
    char c = peek(cursor, 1);

    cursor->at++;
    if (is_letter(c)) {
        take_named_command(cursor);
        return;
    }
    if (c != 0)
        cursor->at++;
    switch (c) {
    case '\\':
        push_sign(cursor, TOKEN_ROW);
        break;
    case '{':
        push_sign(cursor, TOKEN_SET_OPEN);
        break;
    case '}':
        push_sign(cursor, TOKEN_SET_CLOSE);
        break;
    case '%':
        push_sign(cursor, TOKEN_PERCENT);
        break;
    case '|':
        push_sign(cursor, '|');
        break;
    default:
        cursor->failed |= c == 0 || strchr("!,;: $()[]\n\t", c) == NULL;
        cursor->spaced |= c != '!';
    }
}

/* ---- other signs ---- */

/* Mathematical signs outside of ASCII, as what they say in LaTeX or plain. */
static bool take_foreign(struct cursor *cursor) {
    static const struct {
        const char *sign;
        int kind, detail;
        const char *name;
    } signs[] = {
        {"°", TOKEN_DEGREE, 0, ""},
        {"π", TOKEN_CONSTANT, MATH_PI, "pi"},
        {"√", TOKEN_SQUARE_ROOT, 0, ""},
        {"∞", TOKEN_CONSTANT, MATH_INFINITY, ""},
        {"≤", TOKEN_AT_MOST, 0, ""},
        {"≥", TOKEN_AT_LEAST, 0, ""},
        {"≠", TOKEN_NOT_EQUAL, 0, ""},
        {"±", TOKEN_PLUS_MINUS, 0, ""},
        {"×", '*', 0, ""},
        {"·", '*', 0, ""},
        {"÷", '/', 0, ""},
        {"−", '-', 0, ""},
        {"–", '-', 0, ""},
        {"∪", TOKEN_JOIN, 'u', ""},
        {"∩", TOKEN_JOIN, 'n', ""},
        {"∈", TOKEN_IN, 0, ""},
        {"≈", '=', '~', ""},
        {"θ", TOKEN_SYMBOL, 0, "theta"},
        {"α", TOKEN_SYMBOL, 0, "alpha"},
        {"β", TOKEN_SYMBOL, 0, "beta"},
        {"∅", TOKEN_EMPTY_SET, 0, ""},
        {"€", TOKEN_SKIP, 0, ""},
        {"£", TOKEN_SKIP, 0, ""},
        {"\u00a0", TOKEN_SKIP, 0, ""},
    };

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (looks_at(cursor, cursor->at, signs[i].sign)) {
            cursor->at += strlen(signs[i].sign);
            if (signs[i].kind == TOKEN_SKIP)
                cursor->spaced = true;
            else
                push(cursor, signs[i].kind, signs[i].detail, text_of(signs[i].name));
            return true;
        }
    return false;
}

/* Signs of several characters. */
static bool take_joined(struct cursor *cursor) {
    struct text two = {cursor->at, 2};
    const struct math_word *word = NULL;

    if (cursor->ascii)
        word = math_word_front((struct text){cursor->at, (size_t)(cursor->end - cursor->at)});
    else if (cursor->end - cursor->at >= 2)
        word = math_word_find(two, WORD_BARE);
    if (word == NULL)
        return false;
    push_word(cursor, word);
    cursor->at += strlen(word->name);
    return true;
}

static void take_sign(struct cursor *cursor) {
    char c = *cursor->at;

    if ((unsigned char)c >= 0x80) {
        cursor->failed |= !take_foreign(cursor);
        return;
    }
    if (take_joined(cursor))
        return;
    if (cursor->ascii && c == '"') {
        take_ascii_text(cursor);
        return;
    }
    cursor->at++;
    if (c == '%')
        push_sign(cursor, TOKEN_PERCENT);
    else if (c == '{' && cursor->ascii)
        push_sign(cursor, TOKEN_SET_OPEN);
    else if (c == '}' && cursor->ascii)
        push_sign(cursor, TOKEN_SET_CLOSE);
    else if (c != 0 && strchr("+-*/^_!()[]{}|,;:=<>&'", c) != NULL)
        push_sign(cursor, c);
    else if (c == '$' || c == '`' || (c == '.' && !is_digit(peek(cursor, 0))))
        cursor->spaced = true;
    else
        cursor->failed = true;
}

/* LaTeX gives itself away. */
static bool has_command(struct text text) {
    for (size_t i = 0; i + 1 < text.size; i++)
        if (text.bytes[i] == '\\' && !is_space(text.bytes[i + 1]))
            return true;
    return false;
}

bool math_tokenize(struct text text, const struct math_reading *reading, struct math_tree *tree,
                   struct math_tokens *tokens) {
    struct cursor cursor = {.at = text.bytes,
                            .end = text.bytes + text.size,
                            .reading = reading,
                            .ascii = reading->format == MATH_ASCIIMATH && !has_command(text),
                            .tree = tree,
                            .tokens = tokens};

    tokens->count = 0;
    tokens->ascii = cursor.ascii;
    if (text.size > MATH_ANSWER_SIZE)
        return false;
    while (cursor.at < cursor.end && !cursor.failed) {
        char c = *cursor.at;
        if (is_space(c)) {
            cursor.at++;
            cursor.spaced = true;
        } else if (is_digit(c) || (c == '.' && is_digit(peek(&cursor, 1)))) {
            take_number(&cursor);
        } else if (is_letter(c)) {
            take_letters(&cursor);
        } else if (c == '\\' && !cursor.ascii) {
            take_command(&cursor);
        } else {
            take_sign(&cursor);
        }
    }
    tokens->items[tokens->count++] = (struct math_token){.kind = TOKEN_END};
    return !cursor.failed && tokens->count > 1;
}
