/* Word-level tokenizers: ids as the reference gives them, and every fault of a file refused. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"
#include "text/tokenizer.h"

#define HEAD                                                                                       \
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],"               \
    "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"                        \
    "\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"WordLevel\",\"vocab\":"
#define TAIL ",\"unk_token\":\"<unk>\"}}"

static const char small[] = HEAD "{\"_\":0,\"|\":1,\"f0\":2,\"pass\":4,\"ü\":3}" TAIL;
static const char with_unknown[] = HEAD "{\"a\":0,\"<unk>\":1}" TAIL;

static struct tokenizer *parsed(const char *json) {
    struct error error = {0};
    struct tokenizer *tokenizer = tokenizer_parse(json, strlen(json), &error);
    if (tokenizer == NULL)
        fail_msg("%s", error.text);
    return tokenizer;
}

static void assert_ids(const char *json, const char *text, const int32_t *ids, size_t count) {
    struct tokenizer *tokenizer = parsed(json);
    struct token_list list = {0};
    struct error error = {0};
    if (!tokenizer_encode(tokenizer, text_of(text), ENCODE_PLAIN, &list, &error))
        fail_msg("%s", error.text);
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(list.ids[i], ids[i]);
    token_list_free(&list);
    tokenizer_close(tokenizer);
}

static void words_between_any_white_space_become_their_ids(void **state) {
    (void)state;
    assert_ids(small, "_ | f0 ü pass", (int32_t[]){0, 1, 2, 3, 4}, 5);
    assert_ids(small, "  _\t|\n\n f0\r\n", (int32_t[]){0, 1, 2}, 3);
    assert_ids(small, "", NULL, 0);
    assert_ids(small, " \n ", NULL, 0);
}

/* The 25 characters at which the tokenizers library (0.22) splits. */
static void every_unicode_white_space_splits_and_nothing_else(void **state) {
    (void)state;
    static const char *const spaces[] = {"\t",           "\n",           "\v",
                                         "\f",           "\r",           " ",
                                         "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80",
                                         "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82",
                                         "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85",
                                         "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88",
                                         "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
                                         "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
                                         "\xE3\x80\x80"};
    static const char *const others[] = {"\x1C",         "\x1F", "\xE2\x80\x8B",
                                         "\xEF\xBB\xBF", "\xC2", "\xE2\x80"};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        char text[16];
        snprintf(text, sizeof text, "_%s|", spaces[i]);
        assert_ids(small, text, (int32_t[]){0, 1}, 2);
    }
    struct tokenizer *tokenizer = parsed(small);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[16];
        struct token_list list = {0};
        struct error error = {0};
        snprintf(text, sizeof text, "_%s|", others[i]);
        assert_false(tokenizer_encode(tokenizer, text_of(text), ENCODE_PLAIN, &list, &error));
        token_list_free(&list);
    }
    tokenizer_close(tokenizer);
}

static void an_unknown_word_is_quoted_bounded_and_escaped(void **state) {
    (void)state;
    struct tokenizer *tokenizer = parsed(small);
    struct token_list list = {0};
    struct error error = {0};
    token_list_add(&list, 7);
    assert_false(tokenizer_encode(tokenizer, text_of("_ | f77 |"), ENCODE_PLAIN, &list, &error));
    assert_string_equal(error.text,
                        "the word \"f77\" is not among the 5 of the tokenizer's vocabulary");
    assert_int_equal(list.count, 1); /* what was there before */
    char text[5000];
    memset(text, 'x', sizeof text);
    assert_false(
        tokenizer_encode(tokenizer, (struct text){text, sizeof text}, ENCODE_PLAIN, &list, &error));
    assert_true(strlen(error.text) < 120);
    assert_non_null(strstr(error.text, "xxx…\""));
    assert_false(
        tokenizer_encode(tokenizer, text_of("a\x1b[2J\xff\xc2\x9bü"), ENCODE_PLAIN, &list, &error));
    assert_non_null(strstr(error.text, "\"a\\x1b[2J\\xff\\xc2\\x9bü\""));
    token_list_free(&list);
    tokenizer_close(tokenizer);
}

static void an_unknown_word_is_the_unknown_token_where_the_vocabulary_has_one(void **state) {
    (void)state;
    assert_ids(with_unknown, "a b a", (int32_t[]){0, 1, 0}, 3);
}

static void decoding_joins_words_with_one_space(void **state) {
    (void)state;
    struct tokenizer *tokenizer = parsed(small);
    struct buffer out = {0};
    struct error error = {0};
    buffer_append_text(&out, "<");
    assert_true(tokenizer_decode(tokenizer, (int32_t[]){4, 3, 0}, 3, DECODE_ALL, &out, &error));
    assert_true(tokenizer_decode(tokenizer, NULL, 0, DECODE_ALL, &out, &error));
    assert_int_equal(out.size, strlen("<pass ü _"));
    assert_memory_equal(out.data, "<pass ü _", out.size);
    assert_false(tokenizer_decode(tokenizer, (int32_t[]){0, 5}, 2, DECODE_ALL, &out, &error));
    assert_string_equal(error.text, "there is no token 5; ids go from 0 to 4");
    out.size = 0;
    assert_true(
        tokenizer_decode(tokenizer, (int32_t[]){5, 3, 999999}, 3, DECODE_PADDED, &out, &error));
    assert_int_equal(out.size, strlen("ü"));
    assert_false(tokenizer_decode(tokenizer, (int32_t[]){-1}, 1, DECODE_PADDED, &out, &error));
    assert_false(tokenizer_decode(tokenizer, (int32_t[]){-1}, 1, DECODE_ALL, &out, &error));
    assert_int_equal(tokenizer_id(tokenizer, text_of("f0")), 2);
    assert_int_equal(tokenizer_id(tokenizer, text_of("f")), -1);
    assert_int_equal(tokenizer_size(tokenizer), 5);
    assert_string_equal(tokenizer_separator(tokenizer), " ");
    buffer_free(&out);
    tokenizer_close(tokenizer);
}

static void a_vocabulary_of_many_words_finds_each_of_them(void **state) {
    (void)state;
    enum { WORDS = 5000 };
    struct buffer json = {0};
    buffer_append_text(&json, HEAD "{");
    for (int i = 0; i < WORDS; i++)
        buffer_format(&json, "%s\"w%d\":%d", i ? "," : "", i, WORDS - 1 - i);
    buffer_append(&json, "}" TAIL, sizeof "}" TAIL);
    struct tokenizer *tokenizer = parsed((const char *)json.data);
    for (int i = 0; i < WORDS; i++) {
        char word[16];
        snprintf(word, sizeof word, "w%d", i);
        assert_int_equal(tokenizer_id(tokenizer, text_of(word)), WORDS - 1 - i);
    }
    tokenizer_close(tokenizer);
    buffer_free(&json);
}

static void what_is_not_supported_is_named(void **state) {
    (void)state;
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"[]", "is no JSON object"},
        {"{}", "there is no object \"model\""},
        {"{\"model\":{\"vocab\":{}}}", "model: 'type' is missing"},
        {"{\"model\":{\"type\":\"Chars\",\"vocab\":{}}}",
         "model: type \"Chars\" is not supported; BPE, WordPiece, Unigram and WordLevel are"},
        {"{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}}", "pre_tokenizer is \"none\""},
        {"{\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{\"type\":\"WordLevel\","
         "\"vocab\":{\"a\":0}}}",
         "pre_tokenizer is \"Whitespace\"; a WordLevel tokenizer is supported with "
         "\"WhitespaceSplit\""},
        {"{\"normalizer\":{\"type\":\"Lowercase\"},\"model\":{\"type\":\"WordLevel\"}}",
         "normalizer is set"},
        {"{\"post_processor\":{},\"model\":{\"type\":\"WordLevel\"}}", "post_processor is set"},
        {"{\"decoder\":{},\"model\":{\"type\":\"WordLevel\"}}", "decoder is set"},
        {"{\"added_tokens\":[{\"id\":1}],\"model\":{\"type\":\"WordLevel\"}}",
         "added_tokens is not an empty list"},
        {HEAD "{}" TAIL, "model.vocab must be an object of 1 to"},
        {HEAD "[1]" TAIL, "model.vocab must be an object of 1 to"},
        {HEAD "{\"a\":0,\"b\":0}" TAIL, "is another word's too"},
        {HEAD "{\"a\":0,\"b\":2}" TAIL, "the id of \"b\" is beyond the number of words"},
        {HEAD "{\"a\":-1}" TAIL, "the id of \"a\" is not a whole number"},
        {HEAD "{\"a\":0.5}" TAIL, "the id of \"a\" is not a whole number"},
        {HEAD "{\"a\":9223372036854775807}" TAIL, "is beyond the number of words"},
        {HEAD "{\"a\":0,\"a\":1}" TAIL, "duplicate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct tokenizer *tokenizer = tokenizer_parse(cases[i].json, strlen(cases[i].json), &error);
        assert_null(tokenizer);
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].says);
    }
}

/* What transformers 5 makes of a word-level tokenizer when it saves it. */
static void a_template_is_accepted_when_it_adds_nothing(void **state) {
    (void)state;
    static const char format[] =
        "{\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},\"post_processor\":{\"type\":"
        "\"TemplateProcessing\",\"single\":[%s{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
        "\"special_tokens\":{}},\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}}";
    char *json = format_text(format, "");
    assert_ids(json, "a a", (int32_t[]){0, 0}, 2);
    free(json);
    json = format_text(format, "{\"SpecialToken\":{\"id\":\"a\",\"type_id\":0}},");
    struct error error = {0};
    assert_null(tokenizer_parse(json, strlen(json), &error));
    assert_non_null(strstr(error.text, "post_processor is set"));
    free(json);
}

static void a_path_may_name_the_file_or_its_directory(void **state) {
    (void)state;
    char directory[] = "/tmp/lockpick-tokenizer-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char *path = path_join(directory, "tokenizer.json");
    struct error error = {0};
    assert_null(tokenizer_open(directory, &error));
    assert_non_null(strstr(error.text, "tokenizer.json: cannot be read"));
    assert_true(file_write(path, small, strlen(small), &error));
    const char *const names[] = {directory, path};
    for (int i = 0; i < 2; i++) {
        struct tokenizer *tokenizer = tokenizer_open(names[i], &error);
        assert_non_null(tokenizer);
        tokenizer_close(tokenizer);
    }
    assert_true(remove_tree(directory, &error));
    free(path);
}

static void *encode_often(void *opaque) {
    const struct tokenizer *tokenizer = opaque;
    for (int i = 0; i < 2000; i++) {
        struct token_list list = {0};
        struct error error = {0};
        if (!tokenizer_encode(tokenizer, text_of("_ | f0 pass"), ENCODE_PLAIN, &list, &error) ||
            list.count != 4 || list.ids[3] != 4)
            return opaque;
        token_list_free(&list);
    }
    return NULL;
}

static void threads_share_a_tokenizer(void **state) {
    (void)state;
    struct tokenizer *tokenizer = parsed(small);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_between_any_white_space_become_their_ids),
        cmocka_unit_test(every_unicode_white_space_splits_and_nothing_else),
        cmocka_unit_test(an_unknown_word_is_quoted_bounded_and_escaped),
        cmocka_unit_test(an_unknown_word_is_the_unknown_token_where_the_vocabulary_has_one),
        cmocka_unit_test(decoding_joins_words_with_one_space),
        cmocka_unit_test(a_vocabulary_of_many_words_finds_each_of_them),
        cmocka_unit_test(what_is_not_supported_is_named),
        cmocka_unit_test(a_template_is_accepted_when_it_adds_nothing),
        cmocka_unit_test(a_path_may_name_the_file_or_its_directory),
        cmocka_unit_test(threads_share_a_tokenizer),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
