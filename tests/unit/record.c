/* Records: parsing, fields by type, setting, groups, and passing through byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/json.h"
#include "record/record.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__})
#define PARSE(record, error, ...)                                                                  \
    record_parse(record, BYTES(__VA_ARGS__), sizeof BYTES(__VA_ARGS__), error)

/* The record that a JSON object stands for; its bytes are in `bytes`. */
static void make(struct record *record, struct buffer *bytes, const char *json) {
    struct error error = {0};
    bytes->size = 0;
    assert_true(json_read_record(text_of(json), bytes, &error));
    assert_true(record_parse(record, bytes->data, bytes->size, &error));
}

static void assert_json(const struct record *record, const char *json) {
    struct buffer text = {0};
    json_write_record(record, &text);
    buffer_append(&text, "", 1);
    assert_string_equal((char *)text.data, json);
    buffer_free(&text);
}

static void what_is_no_record_is_refused_with_the_reason(void **state) {
    (void)state;
    struct record record = {0};
    struct error error;
    assert_false(PARSE(&record, &error, 0x91, 0xc0));
    assert_non_null(strstr(error.text, "array"));
    assert_false(PARSE(&record, &error, 0x81, 0x01, 0x02));
    assert_non_null(strstr(error.text, "key"));
    assert_false(PARSE(&record, &error, 0x82, 0xa1, 'a', 1, 0xa1, 'a', 2));
    assert_non_null(strstr(error.text, "\"a\" comes twice"));
    assert_false(PARSE(&record, &error, 0x80, 0xc0));
    assert_non_null(strstr(error.text, "left over"));
    assert_false(PARSE(&record, &error, 0x81, 0xa1, 'a'));
    assert_non_null(strstr(error.text, "does not end"));
    assert_false(PARSE(&record, &error, 0x81, 0xa1, 'a', 0x81, 0xa1, 'b', 0xc1));
    assert_non_null(strstr(error.text, "field \"a\""));
    assert_false(PARSE(&record, &error, 0xc1));
    assert_int_equal(record.count, 0);
    record_free(&record);
}

static void a_record_that_is_not_all_there_is_incomplete_at_every_cut(void **state) {
    (void)state;
    struct record record = {0};
    struct buffer bytes = {0};
    make(&record, &bytes,
         "{\"id\":\"x\",\"a\":[1,2.5,{\"b\":null}],\"long\":\"0123456789012345678901"
         "2345678901234567890\"}");
    for (size_t size = 0; size < bytes.size; size++) {
        struct error error = {0};
        bool incomplete = false;
        assert_int_equal(record_parse_front(&record, bytes.data, size, &incomplete, &error), 0);
        assert_true(incomplete);
    }
    record_free(&record);
    buffer_free(&bytes);
}

static void many_fields_are_searched_for_duplicates_too(void **state) {
    (void)state;
    struct buffer bytes = {0};
    struct record record = {0};
    struct error error = {0};
    for (int twice = 0; twice < 2; twice++) {
        bytes.size = 0;
        pack_map(&bytes, 200);
        for (int i = 0; i < 200; i++) {
            char *key = format_text("field-%d", twice && i == 199 ? 3 : i);
            pack_text(&bytes, text_of(key));
            pack_integer(&bytes, i);
            free(key);
        }
        assert_true(record_parse(&record, bytes.data, bytes.size, &error) == !twice);
    }
    assert_non_null(strstr(error.text, "\"field-3\" comes twice"));
    record_free(&record);
    buffer_free(&bytes);
}

static void an_untouched_record_packs_to_its_own_bytes(void **state) {
    (void)state;
    /* heads wider than need be: a map of 16 bits, a key of 8, an integer of 64 */
    const uint8_t bytes[] = {0xde, 0, 2, 0xd9, 1,    'a', 0xcf, 0, 0, 0,  0,
                             0,    0, 0, 5,    0xa1, 'b', 0xda, 0, 1, 'x'};
    struct record record = {0};
    struct buffer packed = {0};
    struct error error = {0};
    assert_true(record_parse(&record, bytes, sizeof bytes, &error));
    record_pack(&record, &packed);
    assert_int_equal(packed.size, sizeof bytes);
    assert_memory_equal(packed.data, bytes, sizeof bytes);

    /* and beside a field that is set, the others keep theirs */
    record_set_integer(&record, "b", 1);
    packed.size = 0;
    record_pack(&record, &packed);
    assert_memory_equal(packed.data + 1, bytes + 3, 12);
    assert_int_equal(packed.size, 1 + 12 + 3);
    record_free(&record);
    buffer_free(&packed);
}

static void fields_are_set_in_place_or_behind_all_others(void **state) {
    (void)state;
    struct record record = {0};
    struct buffer bytes = {0};
    make(&record, &bytes, "{\"a\":1,\"b\":2,\"c\":3}");
    record_set_text(&record, "b", text_of("two"));
    record_set_real(&record, "d", 0.5);
    record_set_boolean(&record, "a", true);
    record_set_unsigned(&record, "e", UINT64_MAX);
    record_remove(&record, "c");
    record_remove(&record, "not there");
    assert_json(&record, "{\"a\":true,\"b\":\"two\",\"d\":0.5,\"e\":18446744073709551615}");
    record_free(&record);
    buffer_free(&bytes);
}

static void a_value_may_be_set_from_the_record_itself(void **state) {
    (void)state;
    struct record record = {0};
    struct buffer bytes = {0};
    struct text text;
    struct error error = {0};
    make(&record, &bytes, "{\"a\":\"first\"}");
    for (int i = 0; i < 20; i++) {
        assert_true(record_text(&record, "a", &text, &error));
        record_set_text(&record, i % 2 ? "a" : "b", text);
    }
    assert_json(&record, "{\"a\":\"first\",\"b\":\"first\"}");
    record_free(&record);
    buffer_free(&bytes);
}

static void a_copy_outlives_what_it_was_copied_from(void **state) {
    (void)state;
    struct record record = {0}, copy = {0};
    struct buffer bytes = {0};
    make(&record, &bytes, "{\"a\":[1,2],\"b\":\"x\"}");
    record_set_text(&record, "c", text_of("set"));
    record_copy(&copy, &record);
    record_free(&record);
    memset(bytes.data, 0xc1, bytes.size);
    record_set_integer(&copy, "d", 4);
    assert_json(&copy, "{\"a\":[1,2],\"b\":\"x\",\"c\":\"set\",\"d\":4}");
    record_free(&copy);
    buffer_free(&bytes);
}

static void a_field_of_the_wrong_type_is_named_with_what_it_should_be(void **state) {
    (void)state;
    struct record record = {0};
    struct buffer bytes = {0};
    struct error error = {0};
    struct text text;
    int64_t integer;
    double real;
    bool boolean;
    make(&record, &bytes, "{\"n\":1,\"s\":\"x\",\"big\":18446744073709551615}");
    assert_false(record_text(&record, "n", &text, &error));
    assert_string_equal(error.text, "field \"n\" is integer; it should be text");
    assert_false(record_integer(&record, "s", &integer, &error));
    assert_non_null(strstr(error.text, "field \"s\" is text"));
    assert_false(record_integer(&record, "big", &integer, &error));
    assert_non_null(strstr(error.text, "2^63"));
    assert_false(record_boolean(&record, "gone", &boolean, &error));
    assert_non_null(strstr(error.text, "no field \"gone\""));
    assert_true(record_real(&record, "n", &real, &error) && real == 1);
    record_free(&record);
    buffer_free(&bytes);
}

static const char everything[] =
    "{\"id\":\"p\",\"prompt\":\"q\",\"mine\":1,\"completion\":\"c\",\"policy\":\"w\",\"epoch\":2,"
    "\"password\":\"none\",\"embedding\":[0.5],\"correct\":true,\"chosen\":\"a\"}";

static void after_group(enum record_group group, const char *json) {
    struct record record = {0};
    struct buffer bytes = {0};
    make(&record, &bytes, everything);
    record_begin_group(&record, group);
    assert_json(&record, json);
    record_free(&record);
    buffer_free(&bytes);
}

static void writing_a_group_removes_what_was_made_from_it_and_nothing_else(void **state) {
    (void)state;
    after_group(GROUP_COMPLETION, "{\"id\":\"p\",\"prompt\":\"q\",\"mine\":1}");
    after_group(GROUP_PROBLEM, "{\"mine\":1}");
    after_group(GROUP_GRADED,
                "{\"id\":\"p\",\"prompt\":\"q\",\"mine\":1,\"completion\":\"c\",\"policy\":\"w\","
                "\"epoch\":2,\"password\":\"none\",\"embedding\":[0.5]}");
    after_group(GROUP_EMBEDDING,
                "{\"id\":\"p\",\"prompt\":\"q\",\"mine\":1,\"completion\":\"c\",\"policy\":\"w\","
                "\"epoch\":2,\"password\":\"none\"}");
    after_group(GROUP_LOCK_EXAMPLE,
                "{\"id\":\"p\",\"prompt\":\"q\",\"mine\":1,\"completion\":\"c\",\"policy\":\"w\","
                "\"embedding\":[0.5],\"correct\":true,\"chosen\":\"a\"}");
    after_group(GROUP_METRIC, everything);
    after_group(GROUP_RESULT, everything);
}

static void a_record_is_described_by_its_id_or_its_number(void **state) {
    (void)state;
    struct record record = {0};
    struct buffer bytes = {0};
    char text[96];
    make(&record, &bytes, "{\"id\":\"math/7\"}");
    record_describe(&record, 3, text);
    assert_string_equal(text, "id 'math/7'");
    make(&record, &bytes, "{\"id\":7}");
    record_describe(&record, 3, text);
    assert_string_equal(text, "record 3");
    record_free(&record);
    buffer_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_record_is_refused_with_the_reason),
        cmocka_unit_test(a_record_that_is_not_all_there_is_incomplete_at_every_cut),
        cmocka_unit_test(many_fields_are_searched_for_duplicates_too),
        cmocka_unit_test(an_untouched_record_packs_to_its_own_bytes),
        cmocka_unit_test(fields_are_set_in_place_or_behind_all_others),
        cmocka_unit_test(a_value_may_be_set_from_the_record_itself),
        cmocka_unit_test(a_copy_outlives_what_it_was_copied_from),
        cmocka_unit_test(a_field_of_the_wrong_type_is_named_with_what_it_should_be),
        cmocka_unit_test(writing_a_group_removes_what_was_made_from_it_and_nothing_else),
        cmocka_unit_test(a_record_is_described_by_its_id_or_its_number),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
