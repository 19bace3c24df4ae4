/*
 * The parts of tokenizers: split expressions by hand against PCRE2, where words may be cut, long
 * words, hostile expressions, the interface's promises.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utf8proc.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/random.h"
#include "text/charsmap.h"
#include "text/normal_form.h"
#include "text/pattern.h"
#include "text/token_model.h"
#include "text/tokenizer.h"
#include "text/unicode.h"
#include "text/vocabulary.h"

#define GOLDEN "tests/golden/tokenizers/"

static struct tokenizer *open_golden(const char *name) {
    struct error error = {0};
    char *path = format_text(GOLDEN "%s", name);
    struct tokenizer *tokenizer = tokenizer_open(path, &error);
    if (tokenizer == NULL)
        fail_msg("%s", error.text);
    free(path);
    return tokenizer;
}

static struct text text_in(const struct buffer *buffer) {
    return (struct text){(const char *)buffer->data, buffer->size};
}

/* ---- patterns ---- */

/* Where all matches of an expression end, as text; false where it fails. */
static bool list_matches(const char *expression, bool by_hand, struct text text,
                         struct buffer *list, struct error *error) {
    struct pattern *pattern = pattern_open_expression(text_of(expression), by_hand, error);
    if (pattern == NULL)
        return false;
    struct pattern_search search;
    struct span match;
    pattern_search_start(&search, pattern);
    pattern_search_in(&search, text);
    while (pattern_search_next(&search, &match, error))
        buffer_format(list, "%zu-%zu ", match.start, match.end);
    pattern_search_end(&search);
    pattern_close(pattern);
    return error->text[0] == '\0';
}

static const char *const expressions[] = {GPT2_EXPRESSION, LLAMA3_EXPRESSION, QWEN2_EXPRESSION};

static void assert_same_matches(struct text text) {
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        struct buffer hand = {0}, pcre = {0};
        struct error error = {0};
        assert_true(list_matches(expressions[i], true, text, &hand, &error));
        assert_true(list_matches(expressions[i], false, text, &pcre, &error));
        if (!text_equal(text_in(&hand), text_in(&pcre)))
            fail_msg("expression %zu differs on \"%.*s\"", i, (int)text.size, text.bytes);
        buffer_free(&hand);
        buffer_free(&pcre);
    }
}

static void known_expressions_by_hand_match_as_pcre2_does(void **state) {
    (void)state;
    static const char *const parts[] = {
        " ",      "  ", "\n",     "\r\n", "\t", "a",      "Bc", "'s", "'S",     "'", "'ll", "'T",
        "'RE",    "1",  "23",     "4567", "é",  "中",     "½",  "!",  "-",      "…", "\v",  "'ſ",
        "\u00a0", "٣",  "\u0301", "👍",    "_",  "\u3000", "'v", "'l", "\u2028", "ǅ", "²",   "' "};
    struct random random;
    random_start(&random, &(struct random_name){.seed = 1, .purpose = "parts"});
    for (int i = 0; i < 1500; i++) {
        struct buffer text = {0};
        for (uint64_t count = 1 + random_below(&random, 12); count > 0; count--)
            buffer_append_text(&text, parts[random_below(&random, sizeof parts / sizeof *parts)]);
        assert_same_matches(text_in(&text));
        buffer_free(&text);
    }
}

/* Whether PCRE2's Unicode version has the character. */
static bool pcre2_knows(struct pattern_search *search, int32_t code) {
    struct buffer text = {0};
    struct error error = {0};
    struct span match;
    utf8_append(&text, code);
    pattern_search_in(search, text_in(&text));
    bool known = !pattern_search_next(search, &match, &error);
    buffer_free(&text);
    return known;
}

/* Of the characters that both utf8proc's and PCRE2's Unicode versions have. */
static void every_character_has_the_class_that_pcre2_gives_it(void **state) {
    (void)state;
    struct buffer text = {0};
    struct error error = {0};
    struct pattern_search search;
    struct pattern *unassigned = pattern_open_expression(text_of("\\p{Cn}"), true, &error);
    pattern_search_start(&search, unassigned);
    for (int32_t code = 0; code < 0x110000; code++) {
        bool surrogate = code >= 0xD800 && code < 0xE000;
        if (!surrogate && utf8proc_category(code) != UTF8PROC_CATEGORY_CN &&
            pcre2_knows(&search, code)) {
            buffer_append_text(&text, code % 3 == 0 ? "1" : code % 3 == 1 ? "a" : "!");
            utf8_append(&text, code);
        }
        if (text.size > 50000 || code == 0x10FFFF) {
            assert_same_matches(text_in(&text));
            text.size = 0;
        }
    }
    pattern_search_end(&search);
    pattern_close(unassigned);
    buffer_free(&text);
}

static void expressions_mean_what_they_mean_in_ruby_s_syntax(void **state) {
    (void)state;
    static const struct {
        const char *expression, *text, *matches;
    } cases[] = {
        {"\\s+$", "a  \nb ", "1-3 5-6 "}, /* $ is the end of a line, not of the text alone */
        {"^b", "a\nb", "2-3 "},
        {"a.", "a\nab", "2-4 "},
        {"\\u0041+", "xAA", "1-3 "},
        {"\\s", "\xE1\xA0\x8E \xE3\x80\x80", "3-4 4-7 "}, /* U+180E is none */
        {"\\w+", "a1_\xC3\xA9\xC2\xBD-", "0-7 "},
        {"[^\\w]", "a-", "1-2 "},
        {"x*", "axb", "0-0 1-2 3-3 "}, /* no empty match right behind another */
        {"\\p{Han}+", "a\xE4\xB8\xAD", "1-4 "},
        {"(?i)K", "\xE2\x84\xAAk", "0-3 3-4 "},
        /* + and ? behind an interval, and one without its lower end: as the tokenizers library */
        {"a{1,2}+a", "aaaab", "0-4 "},
        {"a{2}+b", "aaaab aab", "0-5 6-9 "},
        {"a{2,}+a", "aaaa", "0-4 "},
        {"(?:ab){1,2}+c", "ababababc", "0-9 "},
        {"a{1,2}+?b", "aaaaab", "0-6 "},
        {"a{2}++a", "aaaa", "1-4 "},
        {"a{2}?b", "aab b", "0-3 4-5 "},
        {"a{2}??b", "aabb", "0-3 3-4 "},
        {"a{1,2}?b", "aab", "0-3 "},
        {"a{,2}b", "aaabxb", "1-4 5-6 "},
        {"a{,2}+b", "aaaaab", "0-6 "},
        {"\\x{61}{1,2}+a", "aaaab", "0-4 "},
        {"x[a]{1,2}+a", "xaaaab", "0-5 "},
        {"x(a(?:b))(c|(d)){2}+", "xabcdcdc", "0-7 "},
        {"\u00e9{1,2}+\u00e9", "\u00e9\u00e9\u00e9\u00e9", "0-8 "},
        {"\\p{L}{1,3}+1", "abcde1", "0-6 "},
        {"[]a]{2}+", "]a]a]", "0-4 "},
        {"a{2}", "aaa", "0-2 "},
        {"a{,}", "a{,}aa", "0-4 "},
        {"\\{,2}", "{,2}{{,2}", "0-4 5-9 "},
        {"[{,2}]+", "{,2}a", "0-4 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer list = {0};
        struct error error = {0};
        assert_true(list_matches(cases[i].expression, true, text_of(cases[i].text), &list, &error));
        buffer_append(&list, "", 1);
        assert_string_equal((char *)list.data, cases[i].matches);
        buffer_free(&list);
    }
}

static void expressions_that_differ_or_are_wrong_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *expression, *says;
    } cases[] = {{"(?m)a", "(?m) in a regular expression is not supported"},
                 {"[a&&b]", "&& inside [ ]"},
                 {"[a[b]]", "a class within a class"},
                 {"\\h", "the escape \\h"},
                 {"[\\S]", "\\S or \\W inside [ ]"},
                 {"(a", "cannot be read: missing closing parenthesis"},
                 {"\\C", "the escape"},
                 {"(?x)a {2}+", "a quantifier behind an interval under (?x)"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        assert_null(pattern_open_expression(text_of(cases[i].expression), true, &error));
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].says);
    }
}

static void an_expression_that_takes_for_ever_is_stopped(void **state) {
    (void)state;
    char text[64];
    memset(text, 'a', sizeof text);
    static const char *const hostile[] = {"(a+)+[xy]", "(a|aa)+[xy]", "(a*)*[xy]", "(?:a|a)*[xy]"};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct buffer list = {0};
        struct error error = {0};
        assert_false(
            list_matches(hostile[i], true, (struct text){text, sizeof text}, &list, &error));
        assert_non_null(strstr(error.text, "fails on this text: match limit exceeded"));
        buffer_free(&list);
    }
}

/* Of 20 to 40 KiB; `parts` many times in turn, runs of spaces, letters and other signs too. */
static void fill_long(struct random *random, struct buffer *text) {
    static const char *const parts[] = {"the", " weak",  " ", "\n",  "\r\n",
                                        "12",  "\u4e2d", "!", "'ll", "\t"};
    text->size = 0;
    while (text->size < 20000) {
        const char *part = parts[random_below(random, sizeof parts / sizeof *parts)];
        uint64_t times = random_below(random, 40) == 0 ? random_below(random, 5000) : 1;
        for (; times > 0; times--)
            buffer_append_text(text, part);
    }
}

static void long_texts_match_the_same_by_hand_and_by_pcre2(void **state) {
    (void)state;
    struct random random;
    struct buffer text = {0};
    random_start(&random, &(struct random_name){.seed = 3, .purpose = "long texts"});
    for (int i = 0; i < 40; i++) {
        fill_long(&random, &text);
        assert_same_matches(text_in(&text));
    }
    buffer_free(&text);
}

/* What other expressions make of long texts must not depend on how much of it a match was shown:
 * what was in front of a place, and that the text goes on, are seen. */
static void a_match_sees_as_much_of_a_text_as_it_asks_for(void **state) {
    (void)state;
    static const struct {
        const char *expression, *matches;
    } cases[] = {{"b", "3000-3001 "},
                 {"a+$", ""},
                 {"a+(?=b)", "0-3000 "},
                 {"a+\\z", ""},
                 {"a+(?!a)", "0-3000 "},
                 {"(?<=ab)\n", "3001-3002 "},
                 {"(?<=a)$", ""},
                 {"^c", "3002-3003 "},
                 {"\\b", "0-0 3001-3001 3002-3002 3003-3003 "},
                 {"(?:aa)+b\\n|\\n", "0-3002 "},
                 {"[^a]\\n?c?", "3000-3003 "},
                 {"\\Z", "3003-3003 "}};
    struct buffer text = {0};
    for (int i = 0; i < 3000; i++)
        buffer_append_text(&text, "a");
    buffer_append_text(&text, "b\nc");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer list = {0};
        struct error error = {0};
        assert_true(list_matches(cases[i].expression, true, text_in(&text), &list, &error));
        if (!text_equal(text_in(&list), text_of(cases[i].matches)))
            fail_msg("%s: \"%.*s\"", cases[i].expression, (int)list.size, (char *)list.data);
        buffer_free(&list);
    }
    buffer_free(&text);
}

static void an_expression_whose_every_match_looks_far_ahead_is_stopped(void **state) {
    (void)state;
    enum { SIZE = 1000000 };
    char *text = allocate(SIZE, 1);
    memset(text, 'a', SIZE);
    static const char *const hostile[] = {"a(?=[^x]*$)", "a[^x]*x|a", "a(?=a*)", "(?=.*y)a|a"};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct buffer list = {0};
        struct error error = {0};
        assert_false(list_matches(hostile[i], true, (struct text){text, SIZE}, &list, &error));
        assert_non_null(strstr(error.text, "fails on this text: match limit exceeded"));
        buffer_free(&list);
    }
    free(text);
}

/* ---- tables ---- */

/* A file's author cannot know where tokens fall, and nothing that can be seen depends on it. */
static void vocabularies_have_a_seed_each_and_answer_alike(void **state) {
    (void)state;
    enum { TOKENS = 1000 };
    struct vocabulary one = {0}, two = {0};
    struct error error = {0};
    size_t same = 0;
    for (int i = 0; i < TOKENS; i++) {
        char token[24];
        snprintf(token, sizeof token, "token %d", i);
        assert_true(vocabulary_add(&one, text_of(token), i, &error));
        assert_true(vocabulary_add(&two, text_of(token), i, &error));
    }
    for (size_t i = 0; i <= one.mask; i++)
        same += one.table[i] != 0 && one.table[i] == two.table[i];
    assert_in_range(same, 0, TOKENS / 4);
    for (int i = 0; i < TOKENS; i++) {
        assert_int_equal(vocabulary_id(&one, vocabulary_token(&two, i)), i);
        assert_int_equal(vocabulary_id(&two, vocabulary_token(&one, i)), i);
    }
    vocabulary_free(&one);
    vocabulary_free(&two);
}

/* Numbers that fell on one place of every table, whatever its size up to 2^20: multiples of 2^20
 * under the factor's inverse, which a table with a seed scatters. */
static void numbers_chosen_to_collide_are_scattered(void **state) {
    (void)state;
    enum { NUMBERS = 4096, PLACES = 1 << 13 };
    static uint8_t taken[PLACES];
    uint64_t factor = 0x9E3779B97F4A7C15u, inverse = factor, seed = hash_seed();
    for (int i = 0; i < 6; i++)
        inverse *= 2 - factor * inverse;
    size_t different = 0;
    for (uint64_t i = 0; i < NUMBERS; i++) {
        uint64_t number = (i << 20 & UINT32_MAX) * inverse, old = number * factor;
        assert_int_equal((old ^ old >> 32) & (PLACES - 1), 0);
        size_t place = hash_number(seed, number) & (PLACES - 1);
        different += !taken[place];
        taken[place] = 1;
    }
    assert_in_range(different, NUMBERS / 2, NUMBERS);
    assert_true(hash_seed() != seed);
}

/* ---- normalization ---- */

static void normal_forms_are_those_of_utf8proc(void **state) {
    (void)state;
    static const int options[] = {UTF8PROC_STABLE | UTF8PROC_COMPOSE,
                                  UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
                                  UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
                                  UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT};
    static const int32_t starts[] = {0x41,   0xE9,   0x300,  0x316,  0x5B0, 0x1100, 0x1161,
                                     0x11A8, 0xAC00, 0x1E0A, 0xFB00, 0x3B1, 0x345,  0x20,
                                     0x212B, 0xFDFA, 0x9BE,  0x9C7,  0xBD,  0x1D15E};
    struct random random;
    random_start(&random, &(struct random_name){.seed = 2, .purpose = "forms"});
    for (int i = 0; i < 4000; i++) {
        struct buffer text = {0}, out = {0};
        for (uint64_t count = random_below(&random, 12); count > 0; count--)
            utf8_append(&text, starts[random_below(&random, sizeof starts / sizeof *starts)] +
                                   (int32_t)random_below(&random, 4));
        buffer_reserve(&text, 1);
        enum normal_form form = (enum normal_form)(i % 4);
        uint8_t *expected = NULL;
        utf8proc_ssize_t size = utf8proc_map(text.data, (utf8proc_ssize_t)text.size, &expected,
                                             (utf8proc_option_t)options[form]);
        normal_form_append(form, text_in(&text), &out);
        assert_int_equal(out.size, size);
        assert_true(size == 0 || memcmp(out.data, expected, out.size) == 0);
        free(expected);
        buffer_free(&text);
        buffer_free(&out);
    }
}

static void a_text_of_combining_marks_is_sorted_in_time(void **state) {
    (void)state;
    enum { MARKS = 400000 };
    struct buffer text = {0}, out = {0};
    for (int i = 0; i < MARKS; i++)
        utf8_append(&text, i % 2 == 0 ? 0x301 : 0x316); /* classes 230 and 220 */
    normal_form_append(FORM_NFD, text_in(&text), &out);
    size_t size;
    assert_int_equal(out.size, text.size);
    assert_int_equal(utf8_code(out.data, &size), 0x316);
    assert_int_equal(utf8_code(out.data + out.size - 2, &size), 0x301);
    buffer_free(&text);
    buffer_free(&out);
}

/* ---- UTF-8 ---- */

/* As str.lower() has them. */
static void texts_are_brought_to_lower_case(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"Hello W7!", "hello w7!"},
                                           {"ÄÖ ẞ Ж", "äö ß ж"},
                                           {"ΟΔΟΣ ΣΟΦΟΣ. Σ ΣΣ", "οδος σοφος. σ σς"},
                                           {"İ", "i\u0307"},
                                           {"A\xff", "a\ufffd"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer lower = {0};
        utf8_lower(text_of(cases[i][0]), &lower);
        if (!text_equal(text_in(&lower), text_of(cases[i][1])))
            fail_msg("%s: %.*s", cases[i][0], (int)lower.size, (char *)lower.data);
        buffer_free(&lower);
    }
}

static void what_is_not_utf_8_becomes_u_fffd_as_in_python(void **state) {
    (void)state;
    /* b"…".decode(errors="replace") */
    static const struct {
        const char *bytes, *text;
    } cases[] = {{"a\xFF"
                  "b",
                  "a\uFFFDb"},
                 {"\xE4\xBD", "\uFFFD"},
                 {"\xE4\xBD"
                  "a",
                  "\uFFFDa"},
                 {"\xF0\x9F\x98", "\uFFFD"},
                 {"\xF0\x9F\xFF", "\uFFFD\uFFFD"},
                 {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"}, /* a surrogate */
                 {"\xC0\xAF", "\uFFFD\uFFFD"},
                 {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
                 {"\x80", "\uFFFD"}};
    struct tokenizer *tokenizer = open_golden("qwen2");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct token_list ids = {0}, expected = {0};
        struct buffer out = {0};
        assert_true(
            tokenizer_encode(tokenizer, text_of(cases[i].bytes), ENCODE_PLAIN, &ids, &error));
        assert_true(
            tokenizer_encode(tokenizer, text_of(cases[i].text), ENCODE_PLAIN, &expected, &error));
        assert_int_equal(ids.count, expected.count);
        assert_memory_equal(ids.ids, expected.ids, ids.count * sizeof *ids.ids);
        assert_true(tokenizer_decode(tokenizer, ids.ids, ids.count, DECODE_ALL, &out, &error));
        assert_true(text_equal(text_in(&out), text_of(cases[i].text)));
        buffer_free(&out);
        token_list_free(&ids);
        token_list_free(&expected);
    }
    tokenizer_close(tokenizer);
}

/* ---- models ---- */

/* Tokens of the whole text at once, and of the words that it may be cut into. */
static void assert_cuts_change_nothing(const struct token_model *model, struct text text) {
    struct model_scratch scratch = {0};
    struct token_list whole = {0}, cut = {0};
    struct error error = {0};
    assert_true(model->encode(model, &scratch, text, &whole, &error));
    for (size_t at = 0, size; at < text.size; at += size) {
        struct text rest = {text.bytes + at, text.size - at};
        size = word_cuts_next(model->cuts, rest);
        assert_true(model->encode(model, &scratch, (struct text){rest.bytes, size}, &cut, &error));
    }
    assert_int_equal(whole.count, cut.count);
    assert_memory_equal(whole.ids, cut.ids, cut.count * sizeof *cut.ids);
    token_list_free(&whole);
    token_list_free(&cut);
    model_scratch_free(&scratch);
}

static void cutting_where_no_token_reaches_across_changes_no_ids(void **state) {
    (void)state;
    static const char *const parts[] = {"▁", "▁the", "▁▁", "a", "b", "ing",   "(",  ")", ";",  "\n",
                                        "é", "中",   "1",  "2", ".", "solve", "▁i", "n", "er", "<"};
    struct error error = {0};
    json_t *root = json_file(GOLDEN "llama/tokenizer.json", 1 << 20, &error);
    struct vocabulary vocabulary = {0};
    json_t *section = json_object_get(root, "model");
    assert_true(vocabulary_add_json(&vocabulary, json_object_get(section, "vocab"), &error));
    struct token_model *model = bpe_open(section, &vocabulary, false, &error);
    assert_non_null(model);
    assert_non_null(model->cuts);
    assert_int_equal(word_cuts_next(model->cuts, text_of("the▁the")), 3);
    struct random random;
    random_start(&random, &(struct random_name){.seed = 3, .purpose = "cuts"});
    for (int i = 0; i < 3000; i++) {
        struct buffer text = {0};
        for (uint64_t count = 1 + random_below(&random, 80); count > 0; count--)
            buffer_append_text(&text, parts[random_below(&random, sizeof parts / sizeof *parts)]);
        assert_cuts_change_nothing(model, text_in(&text));
        buffer_free(&text);
    }
    model->close(model);
    vocabulary_free(&vocabulary);
    json_decref(root);
}

static void words_of_a_megabyte_are_encoded_in_time(void **state) {
    (void)state;
    enum { SIZE = 1 << 20 };
    static const char *const names[] = {"llama",      "qwen2", "wordpiece",     "unigram",
                                        "sp-unigram", "clip",  "sp-bpe-symbols"};
    char *text = allocate(SIZE, 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tokenizer *tokenizer = open_golden(names[i]);
        for (int fill = 0; fill < 3; fill++) {
            struct token_list ids = {0};
            struct error error = {0};
            memset(text, "ae "[fill], SIZE);
            assert_true(
                tokenizer_encode(tokenizer, (struct text){text, SIZE}, ENCODE_PLAIN, &ids, &error));
            token_list_free(&ids);
        }
        tokenizer_close(tokenizer);
    }
    free(text);
}

/* ---- the interface ---- */

static void special_tokens_are_told_apart(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_golden("roberta");
    int32_t mask = tokenizer_id(tokenizer, text_of("<mask>"));
    assert_int_equal(tokenizer_size(tokenizer), mask + 1);
    assert_true(tokenizer_is_special(tokenizer, mask));
    assert_false(tokenizer_is_special(tokenizer, mask - 1));
    assert_false(tokenizer_is_special(tokenizer, -1));
    assert_true(text_is(tokenizer_token(tokenizer, mask), "<mask>"));
    assert_null(tokenizer_token(tokenizer, mask + 1).bytes);
    assert_int_equal(tokenizer_bos(tokenizer), 0);
    assert_int_equal(tokenizer_eos(tokenizer), 2);
    assert_string_equal(tokenizer_separator(tokenizer), "");
    assert_int_equal(tokenizer_id(tokenizer, text_of("no such")), -1);
    tokenizer_close(tokenizer);
}

static void *encode_often(void *opaque) {
    const struct tokenizer *tokenizer = opaque;
    struct encoder *encoder = encoder_open(tokenizer);
    struct token_list first = {0}, list = {0};
    struct error error = {0};
    struct text text = text_of("The policy's 12 words, 中文 and\n\n   more.");
    bool fine = tokenizer_encode(tokenizer, text, ENCODE_PLAIN, &first, &error);
    for (int i = 0; fine && i < 500; i++) {
        list.count = 0;
        fine = (i % 2 ? encoder_encode(encoder, text, ENCODE_PLAIN, &list, &error)
                      : tokenizer_encode(tokenizer, text, ENCODE_PLAIN, &list, &error)) &&
               list.count == first.count &&
               memcmp(list.ids, first.ids, list.count * sizeof *list.ids) == 0;
    }
    encoder_close(encoder);
    token_list_free(&first);
    token_list_free(&list);
    return fine ? NULL : opaque;
}

static void threads_share_a_tokenizer_of_expressions(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_golden("deepseek");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, tokenizer), 0);
    for (int i = 0; i < 4; i++) {
        void *trouble;
        pthread_join(threads[i], &trouble);
        assert_null(trouble);
    }
    tokenizer_close(tokenizer);
}

static void feed(struct token_stream *stream, struct tokenizer *tokenizer, const char *token,
                 const char *gives) {
    struct buffer out = {0};
    struct error error = {0};
    int32_t id = tokenizer_id(tokenizer, text_of(token));
    assert_true(id >= 0);
    assert_true(token_stream_add(stream, id, &out, &error));
    assert_true(text_equal(text_in(&out), text_of(gives)));
    buffer_free(&out);
}

static void a_stream_gives_characters_as_soon_as_they_are_whole(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_golden("qwen2");
    struct token_stream *stream = token_stream_open(tokenizer, DECODE_ALL);
    struct buffer rest = {0};
    struct error error = {0};
    feed(stream, tokenizer, "a", "a");
    feed(stream, tokenizer, "ä", "");   /* the byte E4 */
    feed(stream, tokenizer, "½", "");   /* BD */
    feed(stream, tokenizer, "ł", "你"); /* A0 */
    feed(stream, tokenizer, "ä", "");
    feed(stream, tokenizer, "b", "\uFFFDb"); /* it will never be whole now */
    feed(stream, tokenizer, "½", "\uFFFD");
    feed(stream, tokenizer, "ä", "");
    assert_false(token_stream_add(stream, 1 << 20, &rest, &error));
    assert_non_null(strstr(error.text, "there is no token 1048576"));
    token_stream_end(stream, &rest);
    assert_true(text_equal(text_in(&rest), text_of("\uFFFD")));
    token_stream_close(stream);
    tokenizer_close(tokenizer);
    buffer_free(&rest);
}

static void a_stream_keeps_runs_of_byte_tokens_together(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_golden("sp-llama");
    struct token_stream *stream = token_stream_open(tokenizer, DECODE_SKIP_SPECIAL);
    struct buffer rest = {0};
    feed(stream, tokenizer, "<s>", "");
    feed(stream, tokenizer, "▁the", "the");
    feed(stream, tokenizer, "▁the", " the");
    feed(stream, tokenizer, "<0xE4>", "");
    feed(stream, tokenizer, "<0xBD>", "");
    feed(stream, tokenizer, "<0xA0>", "");
    feed(stream, tokenizer, "a", "你a");
    feed(stream, tokenizer, "<0xE4>", "");
    feed(stream, tokenizer, "<0x41>", "");
    token_stream_end(stream, &rest);
    assert_true(text_equal(text_in(&rest), text_of("\uFFFD\uFFFD"))); /* as the reference */
    token_stream_close(stream);
    tokenizer_close(tokenizer);
    buffer_free(&rest);
}

static void copy_into(const char *from, const char *folder, const char *name) {
    struct buffer content = {0};
    struct error error = {0};
    char *to = path_join(folder, name);
    assert_true(file_read(from, 1 << 20, &content, &error));
    assert_true(file_write(to, content.data, content.size, &error));
    free(to);
    buffer_free(&content);
}

static size_t count_ids(const char *folder, const char *text) {
    struct error error = {0};
    struct token_list ids = {0};
    struct tokenizer *tokenizer = tokenizer_open(folder, &error);
    if (tokenizer == NULL)
        fail_msg("%s", error.text);
    assert_true(tokenizer_encode(tokenizer, text_of(text), ENCODE_ADD_SPECIAL, &ids, &error));
    size_t count = ids.count;
    token_list_free(&ids);
    tokenizer_close(tokenizer);
    return count;
}

static void a_directory_s_configuration_decides_about_bos_and_json_goes_first(void **state) {
    (void)state;
    char folder[] = "/tmp/lockpick-tokenizer-XXXXXX";
    struct error error = {0};
    assert_non_null(mkdtemp(folder));
    char *config = path_join(folder, "tokenizer_config.json");
    copy_into(GOLDEN "sp-llama/tokenizer.model", folder, "tokenizer.model");
    assert_int_equal(count_ids(folder, "the"), 2);
    assert_true(file_write(config, "{\"add_bos_token\":false}", 23, &error));
    assert_int_equal(count_ids(folder, "the"), 1);
    assert_true(file_write(config, "{\"add_bos_token\":true,\"add_eos_token\":true}", 43, &error));
    assert_int_equal(count_ids(folder, "the"), 3);
    static const char largest[] = "{\"model_max_length\":1000000000000000019884624838656}";
    assert_true(file_write(config, largest, strlen(largest), &error));
    assert_int_equal(count_ids(folder, "the"), 2);
    assert_true(file_write(config, "{\"add_bos_token\":7}", 19, &error));
    assert_null(tokenizer_open(folder, &error));
    assert_non_null(strstr(error.text, "tokenizer_config.json: 'add_bos_token' is neither"));
    copy_into(GOLDEN "wordpiece/tokenizer.json", folder, "tokenizer.json");
    assert_int_equal(count_ids(folder, ""), 2); /* [CLS] and [SEP] */
    assert_true(remove_tree(folder, &error));
    free(config);
}

/* Ids of "the" in a folder with a configuration beside its tokenizer.json. */
static void assert_ids_with(const char *folder, const char *config, const char *ids_as_text) {
    struct error error = {0};
    struct token_list ids = {0};
    struct buffer got = {0};
    char *path = path_join(folder, "tokenizer_config.json");
    assert_true(file_write(path, config, strlen(config), &error));
    struct tokenizer *tokenizer = tokenizer_open(folder, &error);
    if (tokenizer == NULL)
        fail_msg("%s: %s", config, error.text);
    assert_true(tokenizer_encode(tokenizer, text_of("the"), ENCODE_ADD_SPECIAL, &ids, &error));
    for (size_t i = 0; i < ids.count; i++)
        buffer_format(&got, "%d ", ids.ids[i]);
    if (!text_equal(text_in(&got), text_of(ids_as_text)))
        fail_msg("%s: \"%.*s\" is not \"%s\"", config, (int)got.size, (char *)got.data,
                 ids_as_text);
    assert_int_equal(tokenizer_bos(tokenizer),
                     tokenizer_is_special(tokenizer, ids.ids[0]) ? ids.ids[0] : -1);
    token_list_free(&ids);
    buffer_free(&got);
    tokenizer_close(tokenizer);
    free(path);
}

#define LLAMA "{\"tokenizer_class\":\"LlamaTokenizerFast\",\"model_max_length\":" NEVER ","
#define NEVER "1000000000000000019884624838656"
#define DEEPSEEK_BOS                                                                               \
    "\"bos_token\":{\"__type\":\"AddedToken\",\"content\":\"<｜begin▁of▁sentence｜>\"}"
#define DEEPSEEK_EOS "\"eos_token\":\"<｜end▁of▁sentence｜>\""

/* What transformers 4.46 gives for the same folders. */
static void a_llama_class_puts_bos_and_eos_around_as_its_configuration_says(void **state) {
    (void)state;
    char folder[] = "/tmp/lockpick-tokenizer-XXXXXX";
    struct error error = {0};
    assert_non_null(mkdtemp(folder));
    copy_into(GOLDEN "deepseek/tokenizer.json", folder, "tokenizer.json");
    assert_ids_with(folder, "{\"add_bos_token\":true," DEEPSEEK_BOS "}", "85 262 ");
    assert_ids_with(folder, LLAMA DEEPSEEK_BOS "}", "0 85 262 ");
    assert_ids_with(folder, LLAMA "\"add_bos_token\":true," DEEPSEEK_BOS "," DEEPSEEK_EOS "}",
                    "0 85 262 ");
    assert_ids_with(folder, LLAMA "\"add_bos_token\":false," DEEPSEEK_BOS "}", "85 262 ");
    assert_ids_with(folder, LLAMA "\"add_eos_token\":true," DEEPSEEK_BOS "," DEEPSEEK_EOS "}",
                    "0 85 262 1 ");
    assert_ids_with(folder, LLAMA "\"bos_token\":null}", "85 262 ");
    assert_true(remove_tree(folder, &error));
}

static void a_template_stands_where_a_llama_configuration_is_silent(void **state) {
    (void)state;
    char folder[] = "/tmp/lockpick-tokenizer-XXXXXX";
    struct error error = {0};
    assert_non_null(mkdtemp(folder));
    copy_into(GOLDEN "llama/tokenizer.json", folder, "tokenizer.json");
    assert_ids_with(folder, LLAMA "\"legacy\":false}", "1 356 ");
    assert_ids_with(folder, LLAMA "\"add_bos_token\":true}", "1 356 ");
    assert_ids_with(folder, LLAMA "\"add_bos_token\":false}", "356 ");
    assert_ids_with(folder, LLAMA "\"add_eos_token\":true}", "1 356 2 ");
    assert_true(remove_tree(folder, &error));
}

static void a_configuration_that_names_no_token_is_refused(void **state) {
    (void)state;
    char folder[] = "/tmp/lockpick-tokenizer-XXXXXX";
    struct error error = {0};
    static const struct {
        const char *json, *says;
    } cases[] = {
        {LLAMA "\"bos_token\":\"<q>\"}",
         "tokenizer_config.json: bos_token \"<q>\" is to be added, but tokenizer.json has no such"},
        {LLAMA "\"add_eos_token\":true}", "'add_eos_token' is true, but 'eos_token' names no"},
        {LLAMA "\"bos_token\":7}", "'bos_token' is neither a text nor an object"},
        {LLAMA "\"add_bos_token\":\"no\"}", "'add_bos_token' is neither true nor false"},
        {"{\"tokenizer_class\":7}", "'tokenizer_class' is no text"},
        {"{", "tokenizer_config.json: line 1"},
    };
    assert_non_null(mkdtemp(folder));
    char *config = path_join(folder, "tokenizer_config.json");
    copy_into(GOLDEN "deepseek/tokenizer.json", folder, "tokenizer.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(file_write(config, cases[i].json, strlen(cases[i].json), &error));
        assert_null(tokenizer_open(folder, &error));
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].says);
    }
    assert_true(remove_tree(folder, &error));
    free(config);
}

static void write_beside(const char *folder, const char *name, const char *text) {
    struct error error = {0};
    char *path = path_join(folder, name);
    assert_true(file_write(path, text, strlen(text), &error));
    free(path);
}

/* The id of "<pad>" and whether it is special; and that "the<pad>the" has it between what it had.
 */
static void assert_pad(const char *folder, int32_t id, bool special) {
    struct error error = {0};
    struct token_list ids = {0};
    struct tokenizer *tokenizer = tokenizer_open(folder, &error);
    if (tokenizer == NULL)
        fail_msg("%s", error.text);
    assert_int_equal(tokenizer_id(tokenizer, text_of("<pad>")), id);
    assert_int_equal(tokenizer_size(tokenizer), id + 1);
    assert_true(tokenizer_is_special(tokenizer, id) == special);
    assert_true(tokenizer_encode(tokenizer, text_of("the<pad>"), ENCODE_PLAIN, &ids, &error));
    assert_int_equal(ids.count, 2);
    assert_int_equal(ids.ids[1], id);
    token_list_free(&ids);
    tokenizer_close(tokenizer);
}

static void tokens_that_files_beside_a_model_add_are_added(void **state) {
    (void)state;
    char folder[] = "/tmp/lockpick-tokenizer-XXXXXX";
    struct error error = {0};
    assert_non_null(mkdtemp(folder));
    copy_into(GOLDEN "sp-llama/tokenizer.model", folder, "tokenizer.model");
    struct tokenizer *bare = tokenizer_open(folder, &error);
    int32_t next = (int32_t)tokenizer_size(bare);
    tokenizer_close(bare);
    char *ids = format_text("{\"<pad>\":%d}", (int)next);
    char *listed =
        format_text("{\"added_tokens_decoder\":{\"1\":{\"content\":\"<s>\",\"special\":true},"
                    "\"%d\":{\"content\":\"<pad>\",\"special\":true}}}",
                    (int)next);
    write_beside(folder, "added_tokens.json", ids);
    assert_pad(folder, next, false);
    write_beside(folder, "tokenizer_config.json", "{\"pad_token\":\"<pad>\"}");
    assert_pad(folder, next, true);
    write_beside(folder, "tokenizer_config.json", listed);
    assert_pad(folder, next, true);
    write_beside(folder, "added_tokens.json", "{\"ignored\":7}"); /* the configuration lists them */
    assert_pad(folder, next, true);
    static const struct {
        const char *config, *ids, *says;
    } cases[] = {
        {"{\"added_tokens_decoder\":{\"1\":{\"content\":\"<pad>\"}}}", "{}",
         "tokenizer_config.json: added_tokens_decoder: 1: the id of \"<pad>\" is another token's"},
        {"{\"added_tokens_decoder\":{\"9\":{\"content\":\"<pad>\"}}}", "{}",
         "tokenizer_config.json: added_tokens: the id of \"<pad>\" is not what"},
        {"{\"added_tokens_decoder\":{\"x\":{\"content\":\"<pad>\"}}}", "{}", "'x' is no id from 0"},
        {"{}", "{\"<pad>\":-1}",
         "added_tokens.json: the id of \"<pad>\" is no whole number that fits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_beside(folder, "tokenizer_config.json", cases[i].config);
        write_beside(folder, "added_tokens.json", cases[i].ids);
        assert_null(tokenizer_open(folder, &error));
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].says);
    }
    assert_true(remove_tree(folder, &error));
    free(ids);
    free(listed);
}

static void a_damaged_model_is_refused_at_every_length(void **state) {
    (void)state;
    struct buffer content = {0};
    struct error error = {0};
    assert_true(file_read(GOLDEN "sp-unigram/tokenizer.model", 1 << 20, &content, &error));
    size_t refused = 0;
    for (size_t size = 0; size < content.size; size += 1 + size / 200) {
        struct error trouble = {0};
        uint8_t *exact = allocate(size, 1);
        memcpy(exact, content.data, size);
        struct tokenizer *tokenizer =
            tokenizer_parse_model(exact, size, (struct text){"", 0}, &trouble);
        assert_true((tokenizer == NULL) == (trouble.text[0] != '\0'));
        refused += tokenizer == NULL;
        tokenizer_close(tokenizer);
        free(exact);
    }
    assert_true(refused > 100);
    buffer_free(&content);
}

/* Root, child 'a', and that one's child 'a' is itself; each spells something. */
static void a_character_map_that_goes_round_in_circles_matches_a_bounded_prefix(void **state) {
    (void)state;
    enum { UNITS = 512, BASE = 256, LEAF = 1 << 8 };
    uint32_t units[UNITS + 2] = {4 * UNITS, BASE << 10};
    units[1 + (BASE ^ 'a')] = 'a' | LEAF | 'a' << 10;
    memcpy(&units[UNITS + 1], "b", 2);
    struct error error = {0};
    struct text replacement, bytes = {(const char *)units, 4 * (UNITS + 1) + 2};
    struct charsmap *map = charsmap_open(bytes, &error);
    if (map == NULL)
        fail_msg("%s", error.text);
    static char letters[1000];
    memset(letters, 'a', sizeof letters);
    assert_int_equal(charsmap_longest(map, (struct text){letters, 3}, &replacement), 3);
    assert_true(text_equal(replacement, text_of("b")));
    size_t most = charsmap_longest(map, (struct text){letters, sizeof letters}, &replacement);
    assert_in_range(most, 4, 256);
    charsmap_close(map);
}

#define BPE(rest)                                                                                  \
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]" rest

#define SEVENTEEN_A                                                                                \
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaaaaaaaaa\"}"

static void what_is_not_supported_is_named_with_its_section(void **state) {
    (void)state;
    static const struct {
        const char *json, *says;
    } cases[] = {
        {BPE(",\"dropout\":0.1}}"), "model: dropout is 0.1"},
        {BPE(",\"unk_token\":\"x\"}}"), "model: unk_token is not in the vocabulary"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}",
         "model: merges[0]: makes or needs the token \"aa\""},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}",
         "merges[0] is neither"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0}}}", "is another token's too"},
        {BPE("},\"normalizer\":{\"type\":\"Nmt\"}}"), "normalizer: type \"Nmt\" is not supported"},
        {BPE("},\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}}"),
         "pre_tokenizer: type \"UnicodeScripts\" is not supported"},
        {BPE("},\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":"
             "{\"Regex\":\"[a&&b]\"}}}"),
         "pre_tokenizer: Split: \"[a&&b]\": && inside [ ]"},
        {BPE("},\"decoder\":{\"type\":\"CTC\"}}"), "decoder: type \"CTC\" is not supported"},
        {BPE("},\"decoder\":{\"type\":\"Sequence\",\"decoders\":[" SEVENTEEN_A "," SEVENTEEN_A
             "]}}"),
         "decoder: Replace: makes, with those before it, more than 256 bytes of one"},
        {BPE("},\"post_processor\":{\"type\":\"X\"}}"),
         "post_processor: type \"X\" is not supported"},
        {BPE("},\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"c\",9],\"sep\":[\"s\",0]"
             "}}"),
         "post_processor: there is no token 9"},
        {BPE("},\"added_tokens\":[{\"id\":0,\"content\":\"x\"}]}"),
         "added_tokens: the id of \"x\" is not what model.vocab says"},
        {BPE("},\"added_tokens\":[{\"content\":\"x\"}]}"), "added_tokens[0]: 'id' is missing"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1],[\"b\"]]}}",
         "model: vocab: entry 1 is no pair"},
        {"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}", "model: unk_token is not in"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        assert_null(tokenizer_parse(cases[i].json, strlen(cases[i].json), &error));
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].says);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_expressions_by_hand_match_as_pcre2_does),
        cmocka_unit_test(every_character_has_the_class_that_pcre2_gives_it),
        cmocka_unit_test(expressions_mean_what_they_mean_in_ruby_s_syntax),
        cmocka_unit_test(expressions_that_differ_or_are_wrong_are_refused_by_name),
        cmocka_unit_test(an_expression_that_takes_for_ever_is_stopped),
        cmocka_unit_test(long_texts_match_the_same_by_hand_and_by_pcre2),
        cmocka_unit_test(a_match_sees_as_much_of_a_text_as_it_asks_for),
        cmocka_unit_test(an_expression_whose_every_match_looks_far_ahead_is_stopped),
        cmocka_unit_test(vocabularies_have_a_seed_each_and_answer_alike),
        cmocka_unit_test(numbers_chosen_to_collide_are_scattered),
        cmocka_unit_test(normal_forms_are_those_of_utf8proc),
        cmocka_unit_test(a_text_of_combining_marks_is_sorted_in_time),
        cmocka_unit_test(texts_are_brought_to_lower_case),
        cmocka_unit_test(what_is_not_utf_8_becomes_u_fffd_as_in_python),
        cmocka_unit_test(cutting_where_no_token_reaches_across_changes_no_ids),
        cmocka_unit_test(words_of_a_megabyte_are_encoded_in_time),
        cmocka_unit_test(special_tokens_are_told_apart),
        cmocka_unit_test(threads_share_a_tokenizer_of_expressions),
        cmocka_unit_test(a_stream_gives_characters_as_soon_as_they_are_whole),
        cmocka_unit_test(a_stream_keeps_runs_of_byte_tokens_together),
        cmocka_unit_test(a_directory_s_configuration_decides_about_bos_and_json_goes_first),
        cmocka_unit_test(a_llama_class_puts_bos_and_eos_around_as_its_configuration_says),
        cmocka_unit_test(a_template_stands_where_a_llama_configuration_is_silent),
        cmocka_unit_test(a_configuration_that_names_no_token_is_refused),
        cmocka_unit_test(a_character_map_that_goes_round_in_circles_matches_a_bounded_prefix),
        cmocka_unit_test(tokens_that_files_beside_a_model_add_are_added),
        cmocka_unit_test(a_damaged_model_is_refused_at_every_length),
        cmocka_unit_test(what_is_not_supported_is_named_with_its_section),
    };
    return cmocka_run_group_tests_name("tokenizer_parts", tests, NULL, NULL);
}
