/* The JSON bridge: what round-trips, and what is refused where. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "record/json.h"

/* The JSON of the value that `json` stands for. */
static void assert_becomes(const char *json, const char *expected) {
    struct buffer packed = {0}, text = {0};
    struct error error = {0};
    if (!json_read_value(text_of(json), &packed, &error))
        fail_msg("%s: %s", json, error.text);
    assert_int_equal(value_check(packed.data, packed.size, &error), packed.size);
    json_write_value((struct value){packed.data, packed.size}, &text);
    buffer_append(&text, "", 1);
    assert_string_equal((char *)text.data, expected);
    buffer_free(&packed);
    buffer_free(&text);
}

static void assert_stays(const char *json) {
    assert_becomes(json, json);
}

/* The value's bytes through JSON and back; returns the JSON. */
static void assert_round_trip(const struct buffer *packed, const char *expected) {
    struct buffer text = {0}, back = {0};
    struct error error = {0};
    json_write_value((struct value){packed->data, packed->size}, &text);
    struct text line = {(char *)text.data, text.size};
    if (expected != NULL)
        assert_true(text_is(line, expected));
    if (!json_read_value(line, &back, &error))
        fail_msg("%.*s: %s", (int)text.size, (char *)text.data, error.text);
    assert_int_equal(back.size, packed->size);
    assert_memory_equal(back.data, packed->data, packed->size);
    buffer_free(&text);
    buffer_free(&back);
}

static void assert_refused(const char *json, const char *place, const char *reason) {
    struct buffer packed = {0};
    struct error error = {0};
    pack_nil(&packed);
    assert_false(json_read_value(text_of(json), &packed, &error));
    if (strncmp(error.text, place, strlen(place)) != 0 || strstr(error.text, reason) == NULL)
        fail_msg("%s: '%s' is no '%s … %s'", json, error.text, place, reason);
    assert_int_equal(packed.size, 1);
    buffer_free(&packed);
}

static void plain_json_stays_as_it_is(void **state) {
    (void)state;
    assert_stays("null");
    assert_stays("true");
    assert_stays("[]");
    assert_stays("{}");
    assert_stays("[1,[2,{\"a\":[]}],\"x\"]");
    assert_stays("{\"a\":{\"b\":{\"c\":null}},\"\":0}");
    assert_becomes(" { \"a\" :\t[ 1 , 2 ] } ", "{\"a\":[1,2]}");
}

static void integers_are_exact_over_the_whole_range(void **state) {
    (void)state;
    assert_stays("-9223372036854775808");
    assert_stays("9223372036854775807");
    assert_stays("9223372036854775808");
    assert_stays("18446744073709551615");
    assert_stays("9007199254740993");
    assert_becomes("-0", "0");
    assert_refused("18446744073709551616", "column 1", "outside");
    assert_refused("-9223372036854775809", "column 1", "outside");
    assert_refused("[1,123456789012345678901234567890]", "column 4", "outside");
}

static void reals_come_back_as_the_same_reals(void **state) {
    (void)state;
    assert_stays("1.0");
    assert_stays("-0.0");
    assert_stays("0.1");
    assert_stays("1e+300");
    assert_stays("5e-324");
    assert_stays("1.7976931348623157e+308");
    assert_stays("2.2250738585072014e-308");
    assert_stays("0.30000000000000004");
    assert_stays("123456789.12345679");
    assert_becomes("1e0", "1.0");
    assert_becomes("10E-1", "1.0");
    assert_refused("1e999", "column 1", "too large");
}

static void any_bits_of_a_real_come_back(void **state) {
    (void)state;
    uint64_t bits = 0x9e3779b97f4a7c15;
    for (int i = 0; i < 20000; i++) {
        struct buffer packed = {0};
        double number;
        bits = bits * 6364136223846793005 + 1442695040888963407;
        memcpy(&number, &bits, sizeof number);
        pack_real(&packed, number);
        assert_round_trip(&packed, NULL);
        buffer_free(&packed);
    }
}

static void numbers_that_are_none_stand_behind_a_marker(void **state) {
    (void)state;
    assert_stays("{\"$real\":\"nan\"}");
    assert_stays("[{\"$real\":\"inf\"},{\"$real\":\"-inf\"}]");
    assert_stays("{\"$real\":\"fff8000000000001\"}");
    assert_refused("{\"$real\":\"NaN\"}", "column 10", "should be");
    assert_refused("{\"$real\":1}", "column 10", "string");
}

static void binary_and_other_bytes_stand_behind_a_marker(void **state) {
    (void)state;
    assert_stays("{\"$binary\":\"\"}");
    assert_stays("{\"$binary\":\"AAEC/w==\"}");
    assert_stays("{\"$text\":\"/w==\"}");
    assert_stays("{\"$extension\":[-1,\"AAECAw==\"]}");
    assert_stays("{\"$extension\":[127,\"\"]}");
    assert_becomes("{\"$text\":\"aGk=\"}", "\"hi\"");
    assert_refused("{\"$binary\":\"AAEC/w=\"}", "column 12", "base64");
    assert_refused("{\"$binary\":\"AAEC/x==\"}", "column 12", "base64");
    assert_refused("{\"$binary\":\"A=EC\"}", "column 12", "base64");
    assert_refused("{\"$binary\":\"AAEC\",\"b\":1}", "column 18", "alone");
    assert_refused("{\"$extension\":[128,\"\"]}", "column 16", "type");
}

static void maps_that_look_like_markers_are_escaped(void **state) {
    (void)state;
    struct buffer packed = {0};
    pack_map(&packed, 1);
    pack_text(&packed, text_of("$binary"));
    pack_text(&packed, text_of("AAEC"));
    assert_round_trip(&packed, "{\"$map\":[[\"$binary\",\"AAEC\"]]}");
    packed.size = 0;
    pack_map(&packed, 2);
    pack_integer(&packed, 1);
    pack_boolean(&packed, true);
    pack_text(&packed, (struct text){"\xff", 1});
    pack_array(&packed, 0);
    assert_round_trip(&packed, "{\"$map\":[[1,true],[{\"$text\":\"/w==\"},[]]]}");
    buffer_free(&packed);
    assert_stays("{\"a\":1,\"$binary\":2}"); /* only the first key marks */
    assert_becomes("{\"$schema\":1,\"b\":2}", "{\"$map\":[[\"$schema\",1],[\"b\",2]]}");
    assert_stays("{\"$map\":[[{\"$map\":[[1,2]]},3]]}");
    assert_becomes("{\"$map\":[]}", "{}");
    assert_refused("{\"$map\":[[\"a\",1],[\"a\",2]]}", "column 9", "twice");
}

static void text_is_escaped_where_a_terminal_would_obey_it(void **state) {
    (void)state;
    assert_stays("\"\\u0000\\u0001\\b\\t\\n\\f\\r\\u001b\\\"\\\\\\u007f\\u0085\"");
    assert_becomes("\"\\/\\u00e9\\u4e2d\\ud83d\\ude00\"",
                   "\"/\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"");
    assert_stays("\"\xc2\xa0\xc2\xb1\"");
}

static void text_that_is_none_is_refused(void **state) {
    (void)state;
    assert_refused("\"\\ud83d\"", "column 2", "surrogate");
    assert_refused("\"\\ud83d\\u0041\"", "column 2", "surrogate");
    assert_refused("\"ab\\ude00\"", "column 4", "surrogate");
    assert_refused("\"\\u12g4\"", "column 6", "hex");
    assert_refused("\"\\x41\"", "column 3", "escape");
    assert_refused("\"a\nb\"", "column 3", "control");
    assert_refused("\"\xff\"", "column 2", "UTF-8");
    assert_refused("\"\xc0\x80\"", "column 2", "UTF-8");
    assert_refused("\"\xed\xa0\x80\"", "column 2", "UTF-8");
    assert_refused("\"\xf4\x90\x80\x80\"", "column 2", "UTF-8");
    assert_refused("\"abc", "column 5", "closing quote");
}

static void bad_syntax_is_refused_at_its_column(void **state) {
    (void)state;
    assert_refused("", "column 1", "ends here");
    assert_refused("{\"a\":1", "column 7", "}");
    assert_refused("{\"a\" 1}", "column 6", "colon");
    assert_refused("{a:1}", "column 2", "quotes");
    assert_refused("{\"a\":1,}", "column 8", "quotes");
    assert_refused("[1,]", "column 4", "value");
    assert_refused("[1 2]", "column 4", "]");
    assert_refused("01", "column 2", "0");
    assert_refused("1.", "column 3", "digit");
    assert_refused("+1", "column 1", "value");
    assert_refused("NaN", "column 1", "value");
    assert_refused("nul", "column 1", "value");
    assert_refused("1 2", "column 3", "nothing more");
    assert_refused("{\"a\":1,\"b\":2,\"a\":3}", "column 14", "\"a\" comes twice");
}

static void a_record_is_an_object(void **state) {
    (void)state;
    struct buffer packed = {0};
    struct error error = {0};
    assert_false(json_read_record(text_of("[1]"), &packed, &error));
    assert_non_null(strstr(error.text, "object"));
    assert_false(json_read_record(text_of("{\"$binary\":\"\"}"), &packed, &error));
    assert_false(json_read_record(text_of("{\"$map\":[[1,2]]}"), &packed, &error));
    assert_int_equal(packed.size, 0);
    assert_true(json_read_record(text_of("{\"$map\":[[\"$a\",2]]}"), &packed, &error));
    buffer_free(&packed);
}

static void many_keys_are_searched_for_duplicates(void **state) {
    (void)state;
    struct buffer json = {0}, packed = {0};
    struct error error = {0};
    buffer_append_text(&json, "{");
    for (int i = 0; i < 300; i++)
        buffer_format(&json, "\"k%d\":0,", i);
    buffer_append_text(&json, "\"k17\":0}");
    struct text line = {(char *)json.data, json.size};
    assert_false(json_read_value(line, &packed, &error));
    assert_non_null(strstr(error.text, "\"k17\" comes twice"));
    buffer_free(&json);
    buffer_free(&packed);
}

/* `depth` arrays around `inner`. */
static void nest(struct buffer *json, int depth, const char *inner) {
    json->size = 0;
    for (int i = 0; i < depth; i++)
        buffer_append_text(json, "[");
    buffer_append_text(json, inner);
    for (int i = 0; i < depth; i++)
        buffer_append_text(json, "]");
    buffer_append(json, "", 1);
}

static void nesting_is_as_deep_as_msgpack_may_be(void **state) {
    (void)state;
    struct buffer json = {0};
    nest(&json, VALUE_DEPTH, "{\"$binary\":\"AAEC\"}"); /* a leaf, though JSON spells it so */
    assert_stays((char *)json.data);
    nest(&json, VALUE_DEPTH, "{}");
    assert_refused((char *)json.data, "column 65", "nested");
    nest(&json, VALUE_DEPTH, "{\"$map\":[[1,2]]}");
    assert_refused((char *)json.data, "column", "nested");
    nest(&json, 100000, "");
    assert_refused((char *)json.data, "column 65", "nested");
    buffer_free(&json);
}

static void all_values_come_back_from_json(void **state) {
    (void)state;
    struct buffer packed = {0};
    pack_map(&packed, 6);
    pack_text(&packed, text_of("nil"));
    pack_nil(&packed);
    pack_text(&packed, text_of("list"));
    pack_array(&packed, 3);
    pack_integer(&packed, -70000);
    pack_unsigned(&packed, UINT64_MAX);
    pack_real(&packed, -INFINITY);
    pack_text(&packed, text_of("bytes"));
    pack_binary(&packed, (struct text){"\0\1\2\3", 4});
    pack_text(&packed, text_of("bad"));
    pack_text(&packed, (struct text){"a\xc3", 2});
    pack_text(&packed, text_of("extension"));
    pack_extension(&packed, -128, (struct text){"12345678", 8});
    pack_text(&packed, (struct text){"a\0b", 3});
    pack_map(&packed, 0);
    assert_round_trip(&packed, NULL);
    buffer_free(&packed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_json_stays_as_it_is),
        cmocka_unit_test(integers_are_exact_over_the_whole_range),
        cmocka_unit_test(reals_come_back_as_the_same_reals),
        cmocka_unit_test(any_bits_of_a_real_come_back),
        cmocka_unit_test(numbers_that_are_none_stand_behind_a_marker),
        cmocka_unit_test(binary_and_other_bytes_stand_behind_a_marker),
        cmocka_unit_test(maps_that_look_like_markers_are_escaped),
        cmocka_unit_test(text_is_escaped_where_a_terminal_would_obey_it),
        cmocka_unit_test(text_that_is_none_is_refused),
        cmocka_unit_test(bad_syntax_is_refused_at_its_column),
        cmocka_unit_test(a_record_is_an_object),
        cmocka_unit_test(many_keys_are_searched_for_duplicates),
        cmocka_unit_test(nesting_is_as_deep_as_msgpack_may_be),
        cmocka_unit_test(all_values_come_back_from_json),
    };
    return cmocka_run_group_tests_name("json bridge", tests, NULL, NULL);
}
