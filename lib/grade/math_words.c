/*
 * The words that have a meaning in answers: LaTeX commands, ASCIIMath's names, functions that are
 * written without a backslash, units.
 */
#include <string.h>

#include "grade/math_token.h"

#define C WORD_COMMAND
#define CA (WORD_COMMAND | WORD_ASCII)
#define CBA (WORD_COMMAND | WORD_BARE | WORD_ASCII)
#define A WORD_ASCII

static const struct math_word words[] = {
    /* functions and constants */
    {"sin", TOKEN_FUNCTION, MATH_SIN, CBA},
    {"cos", TOKEN_FUNCTION, MATH_COS, CBA},
    {"tan", TOKEN_FUNCTION, MATH_TAN, CBA},
    {"cot", TOKEN_FUNCTION, MATH_COT, CBA},
    {"sec", TOKEN_FUNCTION, MATH_SEC, CBA},
    {"csc", TOKEN_FUNCTION, MATH_CSC, CBA},
    {"arcsin", TOKEN_FUNCTION, MATH_ARCSIN, CBA},
    {"arccos", TOKEN_FUNCTION, MATH_ARCCOS, CBA},
    {"arctan", TOKEN_FUNCTION, MATH_ARCTAN, CBA},
    {"sinh", TOKEN_FUNCTION, MATH_SINH, CBA},
    {"cosh", TOKEN_FUNCTION, MATH_COSH, CBA},
    {"tanh", TOKEN_FUNCTION, MATH_TANH, CBA},
    {"exp", TOKEN_FUNCTION, MATH_EXP, CBA},
    {"ln", TOKEN_FUNCTION, MATH_LN, CBA},
    {"log", TOKEN_FUNCTION, MATH_LOG, CBA},
    {"lg", TOKEN_FUNCTION, MATH_LOG, CBA},
    {"abs", TOKEN_FUNCTION, MATH_ABS, CBA},
    {"floor", TOKEN_FUNCTION, MATH_FLOOR, CBA},
    {"ceil", TOKEN_FUNCTION, MATH_CEIL, CBA},
    {"gcd", TOKEN_FUNCTION, MATH_GCD, CBA},
    {"lcm", TOKEN_FUNCTION, MATH_LCM, CBA},
    {"min", TOKEN_FUNCTION, MATH_MIN, CBA},
    {"max", TOKEN_FUNCTION, MATH_MAX, CBA},
    {"Re", TOKEN_FUNCTION, MATH_RE, C},
    {"Im", TOKEN_FUNCTION, MATH_IM, C},
    {"pi", TOKEN_CONSTANT, MATH_PI, CBA},
    {"infty", TOKEN_CONSTANT, MATH_INFINITY, CBA},
    {"infinity", TOKEN_CONSTANT, MATH_INFINITY, CBA},
    {"inf", TOKEN_CONSTANT, MATH_INFINITY, CBA},
    {"oo", TOKEN_CONSTANT, MATH_INFINITY, WORD_BARE | A},
    {"imath", TOKEN_CONSTANT, MATH_I, C},
    {"frac", TOKEN_FRACTION, 0, CBA},
    {"dfrac", TOKEN_FRACTION, 0, C},
    {"tfrac", TOKEN_FRACTION, 0, C},
    {"cfrac", TOKEN_FRACTION, 0, C},
    {"binom", TOKEN_BINOMIAL, 0, CBA},
    {"dbinom", TOKEN_BINOMIAL, 0, C},
    {"tbinom", TOKEN_BINOMIAL, 0, C},
    {"sqrt", TOKEN_SQUARE_ROOT, 0, CBA},
    {"root", TOKEN_ROOT, 0, A},
    /* signs */
    {"cdot", '*', 0, CBA},
    {"times", '*', 0, CA},
    {"ast", '*', 0, C},
    {"div", '/', 0, C},
    {"pm", TOKEN_PLUS_MINUS, 0, CA},
    {"mp", TOKEN_MINUS_PLUS, 0, CA},
    {"le", TOKEN_AT_MOST, 0, CA},
    {"leq", TOKEN_AT_MOST, 0, C},
    {"leqslant", TOKEN_AT_MOST, 0, C},
    {"ge", TOKEN_AT_LEAST, 0, CA},
    {"geq", TOKEN_AT_LEAST, 0, C},
    {"geqslant", TOKEN_AT_LEAST, 0, C},
    {"lt", '<', 0, C},
    {"gt", '>', 0, C},
    {"ne", TOKEN_NOT_EQUAL, 0, CA},
    {"neq", TOKEN_NOT_EQUAL, 0, C},
    {"approx", '=', '~', CA},
    {"equiv", '=', 0, C},
    {"in", TOKEN_IN, 0, CA},
    {"cup", TOKEN_JOIN, 'u', CA},
    {"cap", TOKEN_JOIN, 'n', CA},
    {"bigcup", TOKEN_JOIN, 'u', C},
    {"setminus", TOKEN_JOIN, '\\', CA},
    {"backslash", TOKEN_JOIN, '\\', C},
    {"emptyset", TOKEN_EMPTY_SET, 0, CA},
    {"varnothing", TOKEN_EMPTY_SET, 0, C},
    {"lbrace", TOKEN_SET_OPEN, 0, C},
    {"rbrace", TOKEN_SET_CLOSE, 0, C},
    {"langle", TOKEN_ANGLE_OPEN, 0, C},
    {"rangle", TOKEN_ANGLE_CLOSE, 0, C},
    {"lfloor", TOKEN_FLOOR_OPEN, 0, C},
    {"rfloor", TOKEN_FLOOR_CLOSE, 0, C},
    {"lceil", TOKEN_CEIL_OPEN, 0, C},
    {"rceil", TOKEN_CEIL_CLOSE, 0, C},
    {"lvert", '|', 0, C},
    {"rvert", '|', 0, C},
    {"vert", '|', 0, C},
    {"mid", '|', 0, C},
    {"lbrack", '[', 0, C},
    {"rbrack", ']', 0, C},
    {"colon", ':', 0, C},
    {"circ", TOKEN_DEGREE, 0, CA},
    {"degree", TOKEN_DEGREE, 0, C},
    {"degrees", TOKEN_DEGREE, 0, WORD_BARE | A},
    {"deg", TOKEN_DEGREE, 0, A},
    {"prime", '\'', 0, C},
    {"lor", TOKEN_OR, 0, C},
    {"vee", TOKEN_OR, 0, C},
    {"land", TOKEN_AND, 0, C},
    {"wedge", TOKEN_AND, 0, C},
    {"or", TOKEN_OR, 0, WORD_BARE | A},
    {"and", TOKEN_AND, 0, WORD_BARE | A},
    /* what takes something up */
    {"begin", TOKEN_BEGIN, 0, C},
    {"end", TOKEN_FINISH, 0, C},
    {"overline", TOKEN_ACCENT, 0, CA},
    {"bar", TOKEN_ACCENT, 0, CA},
    {"overrightarrow", TOKEN_ACCENT, 0, C},
    {"overleftrightarrow", TOKEN_ACCENT, 0, C},
    {"underline", TOKEN_SKIP, 0, C},
    {"widehat", TOKEN_ACCENT, 0, C},
    {"hat", TOKEN_ACCENT, 0, CA},
    {"tilde", TOKEN_ACCENT, 0, C},
    {"mathbb", TOKEN_BLACKBOARD, 0, C},
    {"bbb", TOKEN_BLACKBOARD, 0, A},
    {"text", TOKEN_TEXT, 0, CA},
    {"mbox", TOKEN_TEXT, 0, C},
    {"hbox", TOKEN_TEXT, 0, C},
    {"textbf", TOKEN_TEXT, 0, C},
    {"textit", TOKEN_TEXT, 0, C},
    {"textrm", TOKEN_TEXT, 0, C},
    {"textnormal", TOKEN_TEXT, 0, C},
    {"emph", TOKEN_TEXT, 0, C},
    {"mathrm", TOKEN_TEXT, 1, C},
    {"operatorname", TOKEN_TEXT, 1, C},
    {"mathit", TOKEN_SKIP, 0, C},
    {"mathbf", TOKEN_SKIP, 0, C},
    {"boldsymbol", TOKEN_SKIP, 0, C},
    {"vec", TOKEN_SKIP, 0, CA},
    {"boxed", TOKEN_SKIP, 0, C},
    {"displaystyle", TOKEN_SKIP, 0, C},
    {"textstyle", TOKEN_SKIP, 0, C},
    {"limits", TOKEN_SKIP, 0, C},
    {"quad", TOKEN_SKIP, 0, CA},
    {"qquad", TOKEN_SKIP, 0, C},
    {"hspace", TOKEN_SKIP, 0, C},
    {"left", TOKEN_BESIDE, 0, C},
    {"right", TOKEN_BESIDE, 0, C},
    {"middle", TOKEN_BESIDE, 0, C},
    {"big", TOKEN_BESIDE, 0, C},
    {"bigl", TOKEN_BESIDE, 0, C},
    {"bigr", TOKEN_BESIDE, 0, C},
    {"Big", TOKEN_BESIDE, 0, C},
    {"Bigl", TOKEN_BESIDE, 0, C},
    {"Bigr", TOKEN_BESIDE, 0, C},
    {"bigg", TOKEN_BESIDE, 0, C},
    {"Bigg", TOKEN_BESIDE, 0, C},
    /* symbols */
    {"alpha", TOKEN_SYMBOL, 0, CBA},
    {"beta", TOKEN_SYMBOL, 0, CBA},
    {"gamma", TOKEN_SYMBOL, 0, CBA},
    {"delta", TOKEN_SYMBOL, 0, CBA},
    {"epsilon", TOKEN_SYMBOL, 0, CA},
    {"varepsilon", TOKEN_SYMBOL, 0, CA},
    {"zeta", TOKEN_SYMBOL, 0, CA},
    {"eta", TOKEN_SYMBOL, 0, CA},
    {"theta", TOKEN_SYMBOL, 0, CBA},
    {"iota", TOKEN_SYMBOL, 0, CA},
    {"kappa", TOKEN_SYMBOL, 0, CA},
    {"lambda", TOKEN_SYMBOL, 0, CBA},
    {"mu", TOKEN_SYMBOL, 0, CA},
    {"nu", TOKEN_SYMBOL, 0, CA},
    {"xi", TOKEN_SYMBOL, 0, CA},
    {"rho", TOKEN_SYMBOL, 0, CA},
    {"sigma", TOKEN_SYMBOL, 0, CBA},
    {"tau", TOKEN_SYMBOL, 0, CA},
    {"upsilon", TOKEN_SYMBOL, 0, CA},
    {"phi", TOKEN_SYMBOL, 0, CBA},
    {"varphi", TOKEN_SYMBOL, 0, CA},
    {"chi", TOKEN_SYMBOL, 0, CA},
    {"psi", TOKEN_SYMBOL, 0, CA},
    {"omega", TOKEN_SYMBOL, 0, CBA},
    {"Gamma", TOKEN_SYMBOL, 0, CA},
    {"Delta", TOKEN_SYMBOL, 0, CA},
    {"Theta", TOKEN_SYMBOL, 0, CA},
    {"Lambda", TOKEN_SYMBOL, 0, CA},
    {"Phi", TOKEN_SYMBOL, 0, CA},
    {"Psi", TOKEN_SYMBOL, 0, CA},
    {"Omega", TOKEN_SYMBOL, 0, CA},
    {"ell", TOKEN_SYMBOL, 0, C},
    {"angle", TOKEN_SYMBOL, 0, CA},
    {"triangle", TOKEN_SYMBOL, 0, C},
    {"ldots", TOKEN_SYMBOL, 0, CA},
    {"dots", TOKEN_SYMBOL, 0, C},
    {"cdots", TOKEN_SYMBOL, 0, CA},
    /* ASCIIMath's signs and short names */
    {"+-", TOKEN_PLUS_MINUS, 0, A},
    {"-+", TOKEN_MINUS_PLUS, 0, A},
    {"<=", TOKEN_AT_MOST, 0, WORD_BARE | A},
    {">=", TOKEN_AT_LEAST, 0, WORD_BARE | A},
    {"lt=", TOKEN_AT_MOST, 0, A},
    {"gt=", TOKEN_AT_LEAST, 0, A},
    {"!=", TOKEN_NOT_EQUAL, 0, A},
    {"uu", TOKEN_JOIN, 'u', A},
    {"nn", TOKEN_JOIN, 'n', A},
    {"xx", '*', 0, A},
    {"-:", '/', 0, A},
    {"//", '/', 0, A},
    {"**", '*', 0, WORD_BARE | A},
    {"RR", TOKEN_SYMBOL, 'R', A},
    {"ZZ", TOKEN_SYMBOL, 'Z', A},
    {"QQ", TOKEN_SYMBOL, 'Q', A},
    {"NN", TOKEN_SYMBOL, 'N', A},
    {"CC", TOKEN_SYMBOL, 'C', A},
    {"O/", TOKEN_EMPTY_SET, 0, A},
    {"(:", TOKEN_ANGLE_OPEN, 0, A},
    {":)", TOKEN_ANGLE_CLOSE, 0, A},
    {"@", TOKEN_DEGREE, 0, A},
};

static const char *const units[] = {
    "am",         "apples",  "cans",    "cent",     "cents",    "centimeters", "chips",
    "cm",         "cubic",   "day",     "days",     "degree",   "degrees",     "digits",
    "dollar",     "dollars", "edges",   "feet",     "foot",     "ft",          "gallons",
    "games",      "gm",      "gram",    "grams",    "hour",     "hours",       "hr",
    "hrs",        "in",      "inch",    "inches",   "integers", "kg",          "km",
    "kilometers", "kph",     "liters",  "meals",    "meter",    "meters",      "mi",
    "mile",       "miles",   "min",     "minute",   "minutes",  "ml",          "mm",
    "month",      "months",  "mph",     "ounces",   "oz",       "pages",       "pairs",
    "people",     "percent", "pm",      "points",   "pounds",   "lb",          "lbs",
    "rad",        "radians", "sec",     "second",   "seconds",  "sides",       "solutions",
    "sq",         "square",  "squares", "students", "teachers", "times",       "unit",
    "units",      "ways",    "week",    "weeks",    "yard",     "yards",       "yd",
    "year",       "years",   "zeros",   "zeroes",
};

const struct math_word *math_word_find(struct text name, unsigned where) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((words[i].where & where) && name.size > 0 && *name.bytes == *words[i].name &&
            text_is(name, words[i].name))
            return &words[i];
    return NULL;
}

const struct math_word *math_word_front(struct text text) {
    const struct math_word *longest = NULL;
    size_t size = 0;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t own;
        if (text.size == 0 || *words[i].name != *text.bytes)
            continue;
        own = strlen(words[i].name);
        if ((words[i].where & WORD_ASCII) && own > size && own <= text.size &&
            memcmp(words[i].name, text.bytes, own) == 0) {
            longest = &words[i];
            size = own;
        }
    }
    return longest;
}

bool math_word_is_unit(struct text name) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (name.size > 0 && *name.bytes == *units[i] && text_is(name, units[i]))
            return true;
    return false;
}
