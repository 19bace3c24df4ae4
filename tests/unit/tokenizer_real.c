/*
 * Three real tokenizers on some seven megabytes of mixed text: the digests of their ids are those
 * of the reference libraries (tests/golden/tokenizers_real.py). Needs the shared data folder.
 */
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
#include "base/json.h"
#include "text/tokenizer.h"

#define GOLDEN "tests/golden/tokenizers/real.json"
#define LIMIT ((size_t)64 << 20)

static json_t *golden;
static const char *shared;

static int open_golden(void **state) {
    struct error error = {0};
    (void)state;
    shared = getenv("LOCKPICK_SHARED") ? getenv("LOCKPICK_SHARED") : "../shared";
    golden = json_file(GOLDEN, LIMIT, &error);
    return golden == NULL;
}

static int close_golden(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

/* ---- the documents, as the script draws them ---- */

static uint64_t below(uint64_t *draws, uint64_t limit) {
    *draws = *draws * 6364136223846793005u + 1442695040888963407u;
    return (*draws >> 33) % limit;
}

static const char *pick(uint64_t *draws, const char *list) {
    const json_t *array = json_object_get(golden, list);
    return json_string_value(json_array_get(array, below(draws, json_array_size(array))));
}

static void append_times(struct buffer *out, const char *text, uint64_t times) {
    for (uint64_t i = 0; i < times; i++)
        buffer_append_text(out, text);
}

static void append_character(struct buffer *out, uint32_t code) {
    char bytes[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(leads[size] | code);
    buffer_append(out, bytes, size);
}

static void draw_document(uint64_t *draws, struct buffer *out) {
    out->size = 0;
    for (uint64_t parts = 1 + below(draws, 40); parts > 0; parts--) {
        uint64_t kind = below(draws, 8);
        if (kind == 0) {
            for (uint64_t count = 1 + below(draws, 4); count > 0; count--) {
                uint8_t byte = (uint8_t)below(draws, 256);
                buffer_append(out, &byte, 1);
            }
        } else if (kind == 1 || kind == 3) {
            const char *text = pick(draws, kind == 1 ? "spaces" : "fragments");
            append_times(out, text, 1 + below(draws, kind == 1 ? 30 : 5));
        } else if (kind == 2) {
            const json_t *ranges = json_object_get(golden, "ranges");
            const json_t *range = json_array_get(ranges, below(draws, json_array_size(ranges)));
            uint32_t low = (uint32_t)json_integer_value(json_array_get(range, 0));
            uint32_t high = (uint32_t)json_integer_value(json_array_get(range, 1));
            for (uint64_t count = 1 + below(draws, 6); count > 0; count--)
                append_character(out, low + (uint32_t)below(draws, high - low + 1));
        } else {
            buffer_append_text(out, pick(draws, "fragments"));
        }
    }
}

/* ---- digests ---- */

#define DIGEST_START 14695981039346656037u

static void digest_number(uint64_t *digest, uint64_t number) {
    *digest = (*digest ^ number) * 1099511628211u;
}

static void digest_ids(uint64_t *digest, struct encoder *encoder, struct text text,
                       unsigned flags) {
    struct token_list ids = {0};
    struct error error = {0};
    if (!encoder_encode(encoder, text, flags, &ids, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < ids.count; i++)
        digest_number(digest, (uint64_t)ids.ids[i]);
    digest_number(digest, ids.count);
    token_list_free(&ids);
}

static void assert_digest(uint64_t digest, const json_t *expected, const char *name,
                          const char *what) {
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)digest);
    if (json_string_value(expected) == NULL || strcmp(hex, json_string_value(expected)) != 0)
        fail_msg("%s: other ids than the reference's for %s", name, what);
}

static struct tokenizer *open_real(const char *name) {
    struct error error = {0};
    char *path = format_text("%s/data/tokenizers/%s", shared, name);
    bool there = access(path, R_OK) == 0;
    struct tokenizer *tokenizer = there ? tokenizer_open(path, &error) : NULL;
    free(path);
    if (!there)
        skip();
    if (tokenizer == NULL)
        fail_msg("%s", error.text);
    return tokenizer;
}

static void check_documents(struct encoder *encoder, const char *name, unsigned flags) {
    const json_t *blocks =
        json_object_get(json_object_get(json_object_get(golden, "digests"), name), "documents");
    int64_t block = json_integer_value(json_object_get(golden, "block"));
    struct buffer document = {0};
    uint64_t draws = 1;
    assert_int_equal(json_array_size(blocks) * (size_t)block,
                     json_integer_value(json_object_get(golden, "documents")));
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        uint64_t digest = DIGEST_START;
        for (int64_t k = 0; k < block; k++) {
            draw_document(&draws, &document);
            digest_ids(&digest, encoder, (struct text){(char *)document.data, document.size},
                       flags);
        }
        assert_digest(digest, json_array_get(blocks, i), name, "drawn documents");
    }
    buffer_free(&document);
}

static void check_set(struct encoder *encoder, const char *name, const char *set, unsigned flags) {
    struct error error = {0};
    struct buffer content = {0};
    char *path = format_text("%s/data/%s", shared, set);
    if (!file_read(path, LIMIT, &content, &error))
        fail_msg("%s", error.text);
    uint64_t digest = DIGEST_START;
    for (size_t at = 0; at <= content.size;) {
        const uint8_t *line = content.data + at;
        const uint8_t *end = at < content.size ? memchr(line, '\n', content.size - at) : NULL;
        size_t size = end != NULL ? (size_t)(end - line) : content.size - at;
        digest_ids(&digest, encoder, (struct text){(const char *)line, size}, flags);
        at += size + 1;
    }
    assert_digest(digest,
                  json_object_get(json_object_get(json_object_get(golden, "digests"), name), set),
                  name, set);
    free(path);
    buffer_free(&content);
}

static void check_real(const char *name, unsigned flags) {
    struct tokenizer *tokenizer = open_real(name);
    struct encoder *encoder = encoder_open(tokenizer);
    const json_t *sets = json_object_get(golden, "sets");
    check_documents(encoder, name, flags);
    for (size_t i = 0; i < json_array_size(sets); i++)
        check_set(encoder, name, json_string_value(json_array_get(sets, i)), flags);
    encoder_close(encoder);
    tokenizer_close(tokenizer);
}

static void gpt_neox_s_ids_are_the_reference_s(void **state) {
    (void)state;
    check_real("gpt-neox-20b", ENCODE_ADD_SPECIAL);
}

static void llama_2_s_ids_are_the_reference_s(void **state) {
    (void)state;
    check_real("llama-2", ENCODE_LITERAL);
}

static void mistral_s_ids_are_the_reference_s(void **state) {
    (void)state;
    check_real("mistral-v1", ENCODE_LITERAL);
}

static void gpt_neox_s_text_of_ids_is_the_reference_s(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_real("gpt-neox-20b");
    struct buffer document = {0}, out = {0};
    struct token_list ids = {0};
    struct error error = {0};
    uint64_t draws = 1, digest = DIGEST_START;
    int64_t count = json_integer_value(json_object_get(golden, "documents"));
    for (int64_t i = 0; i < count; i++) {
        draw_document(&draws, &document);
        ids.count = out.size = 0;
        assert_true(tokenizer_encode(tokenizer, (struct text){(char *)document.data, document.size},
                                     ENCODE_PLAIN, &ids, &error));
        assert_true(tokenizer_decode(tokenizer, ids.ids, ids.count, DECODE_ALL, &out, &error));
        for (size_t k = 0; k < out.size; k++)
            digest_number(&digest, out.data[k]);
        digest_number(&digest, out.size);
    }
    assert_digest(digest, json_object_get(golden, "decoded"), "gpt-neox-20b", "decoded text");
    buffer_free(&document);
    buffer_free(&out);
    token_list_free(&ids);
    tokenizer_close(tokenizer);
}

static void llama_2_starts_with_its_bos_and_knows_its_eos(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_real("llama-2");
    struct token_list ids = {0};
    struct error error = {0};
    assert_true(
        tokenizer_encode(tokenizer, text_of("Hello</s>"), ENCODE_ADD_SPECIAL, &ids, &error));
    assert_int_equal(ids.count, 3);
    assert_int_equal(ids.ids[0], 1);
    assert_int_equal(ids.ids[1], 15043);
    assert_int_equal(ids.ids[2], 2);
    assert_int_equal(tokenizer_bos(tokenizer), 1);
    assert_int_equal(tokenizer_eos(tokenizer), 2);
    assert_int_equal(tokenizer_size(tokenizer), 32000);
    token_list_free(&ids);
    tokenizer_close(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt_neox_s_ids_are_the_reference_s),
        cmocka_unit_test(llama_2_s_ids_are_the_reference_s),
        cmocka_unit_test(mistral_s_ids_are_the_reference_s),
        cmocka_unit_test(gpt_neox_s_text_of_ids_is_the_reference_s),
        cmocka_unit_test(llama_2_starts_with_its_bos_and_knows_its_eos),
    };
    return cmocka_run_group_tests_name("tokenizer_real", tests, open_golden, close_golden);
}
