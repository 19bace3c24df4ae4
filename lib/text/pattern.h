/*
 * What tokenizer.json calls a pattern: a literal text or a regular expression, searched in
 * well-formed text. Expressions are Oniguruma's (Ruby's syntax) in the reference and PCRE2's here;
 * where the two differ the expression is rewritten, or refused by name. The split expressions of
 * GPT-2, Llama 3 and Qwen 2 are recognized by their text and done by hand. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_PATTERN_H
#define LOCKPICK_TEXT_PATTERN_H

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#define GPT2_EXPRESSION                                                                            \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define LLAMA3_EXPRESSION                                                                          \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?"                    \
    "[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define QWEN2_EXPRESSION                                                                           \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?"                         \
    "[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* Part of a text, [start, end). */
struct span {
    size_t start, end;
};

struct pattern;

/* `by_hand` false: PCRE2 even where there is a faster way (tests compare the two). */
struct pattern *pattern_open_expression(struct text expression, bool by_hand, struct error *error);
struct pattern *pattern_open_literal(struct text literal);
/* {"Regex": …}, {"String": …}, or a text, which is literal. */
struct pattern *pattern_open(const json_t *section, struct error *error);
void pattern_close(struct pattern *pattern);

/*
 * One search through one text, match after match; no global state. An empty match right behind
 * another is passed over, as in the reference.
 */
struct pattern_search {
    const struct pattern *pattern;
    struct text text;
    size_t at;
    size_t last_end; /* of the last match; SIZE_MAX: none */
    size_t work;     /* left for matches that look far or take many steps */
    void *match;     /* PCRE2's data */
    void *context;   /* PCRE2's limits */
};

void pattern_search_start(struct pattern_search *search, const struct pattern *pattern);
/* The same search, now in another text. */
void pattern_search_in(struct pattern_search *search, struct text text);
/* False at the end, and on an error: an expression that takes too many steps for one match, or
 * with all matches more than a bound that is linear in the size of the texts. */
bool pattern_search_next(struct pattern_search *search, struct span *match, struct error *error);
void pattern_search_end(struct pattern_search *search);

#endif
