/*
 * Small tokenizers of every class, made by the reference libraries, on texts whose ids and decoded
 * text were recorded (tests/golden/tokenizers.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/files.h"
#include "base/json.h"
#include "text/tokenizer.h"

#define GOLDEN "tests/golden/tokenizers/"
#define LIMIT ((size_t)64 << 20)

static json_t *read_json(const char *path) {
    struct error error = {0};
    json_t *root = json_file(path, LIMIT, &error);
    if (root == NULL)
        fail_msg("%s", error.text);
    return root;
}

static struct text text_at(const json_t *list, size_t i) {
    const json_t *value = json_array_get(list, i);
    return (struct text){json_string_value(value), json_string_length(value)};
}

static void assert_ids(struct encoder *encoder, struct text text, unsigned flags,
                       const json_t *expected, struct token_list *ids, const char *name) {
    struct error error = {0};
    ids->count = 0;
    if (!encoder_encode(encoder, text, flags, ids, &error))
        fail_msg("%s: %s", name, error.text);
    bool same = ids->count == json_array_size(expected);
    for (size_t i = 0; same && i < ids->count; i++)
        same = ids->ids[i] == json_integer_value(json_array_get(expected, i));
    if (!same)
        fail_msg("%s: other ids for \"%.*s\"", name, (int)text.size, text.bytes);
}

/* Whether all of it is UTF-8, as jansson sees it. */
static bool is_utf8(const struct buffer *bytes, size_t from) {
    json_t *text = json_stringn((const char *)bytes->data + from, bytes->size - from);
    json_decref(text);
    return text != NULL;
}

/* The list at once, and one id at a time in whole characters. */
static void assert_decoded(const struct tokenizer *tokenizer, const struct token_list *ids,
                           unsigned flags, struct text expected, const char *name) {
    struct error error = {0};
    struct buffer whole = {0}, pieces = {0};
    struct token_stream *stream = token_stream_open(tokenizer, flags);
    assert_true(tokenizer_decode(tokenizer, ids->ids, ids->count, flags, &whole, &error));
    if (!text_equal((struct text){(char *)whole.data, whole.size}, expected))
        fail_msg("%s: \"%.*s\" instead of \"%.*s\"", name, (int)whole.size, (char *)whole.data,
                 (int)expected.size, expected.bytes);
    for (int again = 0; again < 2; again++) {
        pieces.size = 0;
        for (size_t i = 0; i < ids->count; i++) {
            size_t before = pieces.size;
            assert_true(token_stream_add(stream, ids->ids[i], &pieces, &error));
            assert_true(pieces.size == before || is_utf8(&pieces, before));
        }
        token_stream_end(stream, &pieces);
        assert_true(text_equal((struct text){(char *)pieces.data, pieces.size}, expected));
    }
    token_stream_close(stream);
    buffer_free(&whole);
    buffer_free(&pieces);
}

static void check_folder(const char *name) {
    struct error error = {0};
    char *folder = format_text(GOLDEN "%s", name);
    char *path = format_text(GOLDEN "%s/cases.json", name);
    json_t *cases = read_json(path);
    const json_t *texts = json_object_get(cases, "texts"), *ids = json_object_get(cases, "ids");
    const json_t *plain = json_object_get(cases, "plain");
    struct tokenizer *tokenizer = tokenizer_open(folder, &error);
    if (tokenizer == NULL)
        fail_msg("%s", error.text);
    struct encoder *encoder = encoder_open(tokenizer);
    struct token_list list = {0};
    assert_true(json_array_size(texts) > 30);
    for (size_t i = 0; i < json_array_size(texts); i++) {
        struct text text = text_at(texts, i);
        assert_ids(encoder, text, ENCODE_LITERAL, json_array_get(plain, i), &list, name);
        if (ids == NULL)
            continue;
        assert_ids(encoder, text, ENCODE_ADD_SPECIAL, json_array_get(ids, i), &list, name);
        assert_decoded(tokenizer, &list, DECODE_ALL, text_at(json_object_get(cases, "decoded"), i),
                       name);
        assert_decoded(tokenizer, &list, DECODE_SKIP_SPECIAL,
                       text_at(json_object_get(cases, "skipped"), i), name);
    }
    token_list_free(&list);
    encoder_close(encoder);
    tokenizer_close(tokenizer);
    json_decref(cases);
    free(path);
    free(folder);
}

static void wordpiece_of_bert_type(void **state) {
    (void)state;
    check_folder("wordpiece");
}

static void unigram_with_bytes_and_with_a_character_map(void **state) {
    (void)state;
    check_folder("unigram");
    check_folder("unigram-bytes");
    check_folder("precompiled");
}

static void byte_fallback_bpe_of_llama_type(void **state) {
    (void)state;
    check_folder("llama");
}

static void metaspace_in_its_schemes(void **state) {
    (void)state;
    check_folder("metaspace-first");
    check_folder("metaspace-always");
    check_folder("metaspace-never");
}

static void byte_level_bpe_with_the_splits_of_deepseek_llama_3_and_qwen_2(void **state) {
    (void)state;
    check_folder("deepseek");
    check_folder("llama3");
    check_folder("qwen2");
}

static void byte_level_bpe_of_roberta_type(void **state) {
    (void)state;
    check_folder("roberta");
}

static void byte_level_bpe_that_train_tokenizer_learned(void **state) {
    (void)state;
    check_folder("trained");
}

static void bpe_with_suffixes_behind_words(void **state) {
    (void)state;
    check_folder("clip");
}

static void added_tokens_by_their_rules(void **state) {
    (void)state;
    check_folder("added");
}

static void sentencepiece_models_of_both_kinds(void **state) {
    (void)state;
    check_folder("sp-llama");
    check_folder("sp-bpe-symbols");
    check_folder("sp-unigram");
    check_folder("sp-unigram-bytes");
}

/* One tokenizer that shows where words begin, with each pre-tokenizer in turn. */
static void every_pre_tokenizer_cuts_as_the_reference_cuts(void **state) {
    (void)state;
    json_t *root = read_json(GOLDEN "pre_tokenizers.json");
    json_t *base = json_object_get(root, "tokenizer"), *entry;
    const json_t *texts = json_object_get(root, "texts");
    struct token_list list = {0};
    const char *name;
    assert_int_equal(json_object_size(json_object_get(root, "sections")), 32);
    json_object_foreach(json_object_get(root, "sections"), name, entry) {
        struct error error = {0};
        json_object_set(base, "pre_tokenizer", json_object_get(entry, "section"));
        char *json = json_dumps(base, 0);
        struct tokenizer *tokenizer = tokenizer_parse(json, strlen(json), &error);
        if (tokenizer == NULL)
            fail_msg("%s: %s", name, error.text);
        struct encoder *encoder = encoder_open(tokenizer);
        for (size_t i = 0; i < json_array_size(texts); i++)
            assert_ids(encoder, text_at(texts, i), ENCODE_PLAIN,
                       json_array_get(json_object_get(entry, "ids"), i), &list, name);
        encoder_close(encoder);
        tokenizer_close(tokenizer);
        free(json);
    }
    token_list_free(&list);
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wordpiece_of_bert_type),
        cmocka_unit_test(unigram_with_bytes_and_with_a_character_map),
        cmocka_unit_test(byte_fallback_bpe_of_llama_type),
        cmocka_unit_test(metaspace_in_its_schemes),
        cmocka_unit_test(byte_level_bpe_with_the_splits_of_deepseek_llama_3_and_qwen_2),
        cmocka_unit_test(byte_level_bpe_of_roberta_type),
        cmocka_unit_test(byte_level_bpe_that_train_tokenizer_learned),
        cmocka_unit_test(bpe_with_suffixes_behind_words),
        cmocka_unit_test(added_tokens_by_their_rules),
        cmocka_unit_test(sentencepiece_models_of_both_kinds),
        cmocka_unit_test(every_pre_tokenizer_cuts_as_the_reference_cuts),
    };
    return cmocka_run_group_tests_name("tokenizer_golden", tests, NULL, NULL);
}
