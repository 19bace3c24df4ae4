/* msgpack values: what is accepted, what is refused, and what reading them gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/value.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__})
#define CHECK(...)                                                                                 \
    value_check(BYTES(__VA_ARGS__), sizeof BYTES(__VA_ARGS__), &(struct error){.text = ""})
#define VALUE(...) ((struct value){BYTES(__VA_ARGS__), sizeof BYTES(__VA_ARGS__)})

static void every_kind_of_head_is_measured_right(void **state) {
    (void)state;
    assert_int_equal(CHECK(0x00), 1);
    assert_int_equal(CHECK(0x7f), 1);
    assert_int_equal(CHECK(0xe0), 1);
    assert_int_equal(CHECK(0x80), 1);
    assert_int_equal(CHECK(0x90), 1);
    assert_int_equal(CHECK(0xa0), 1);
    assert_int_equal(CHECK(0xa2, 'h', 'i'), 3);
    assert_int_equal(CHECK(0x92, 0x01, 0xa1, 'x'), 4);
    assert_int_equal(CHECK(0x81, 0xa1, 'k', 0xc0), 4);
    assert_int_equal(CHECK(0xc0), 1);
    assert_int_equal(CHECK(0xc2), 1);
    assert_int_equal(CHECK(0xc3), 1);
    assert_int_equal(CHECK(0xc4, 1, 9), 3);
    assert_int_equal(CHECK(0xc5, 0, 1, 9), 4);
    assert_int_equal(CHECK(0xc6, 0, 0, 0, 1, 9), 6);
    assert_int_equal(CHECK(0xc7, 1, 5, 9), 4);
    assert_int_equal(CHECK(0xc8, 0, 1, 5, 9), 5);
    assert_int_equal(CHECK(0xc9, 0, 0, 0, 1, 5, 9), 7);
    assert_int_equal(CHECK(0xca, 0, 0, 0, 0), 5);
    assert_int_equal(CHECK(0xcb, 0, 0, 0, 0, 0, 0, 0, 0), 9);
    assert_int_equal(CHECK(0xcc, 1), 2);
    assert_int_equal(CHECK(0xcd, 1, 1), 3);
    assert_int_equal(CHECK(0xce, 1, 1, 1, 1), 5);
    assert_int_equal(CHECK(0xcf, 1, 1, 1, 1, 1, 1, 1, 1), 9);
    assert_int_equal(CHECK(0xd0, 1), 2);
    assert_int_equal(CHECK(0xd1, 1, 1), 3);
    assert_int_equal(CHECK(0xd2, 1, 1, 1, 1), 5);
    assert_int_equal(CHECK(0xd3, 1, 1, 1, 1, 1, 1, 1, 1), 9);
    assert_int_equal(CHECK(0xd4, 1, 1), 3);
    assert_int_equal(CHECK(0xd5, 1, 1, 1), 4);
    assert_int_equal(CHECK(0xd6, 1, 1, 1, 1, 1), 6);
    assert_int_equal(CHECK(0xd7, 1, 1, 1, 1, 1, 1, 1, 1, 1), 10);
    assert_int_equal(CHECK(0xd9, 1, 'x'), 3);
    assert_int_equal(CHECK(0xda, 0, 1, 'x'), 4);
    assert_int_equal(CHECK(0xdb, 0, 0, 0, 1, 'x'), 6);
    assert_int_equal(CHECK(0xdc, 0, 1, 0xc0), 4);
    assert_int_equal(CHECK(0xdd, 0, 0, 0, 1, 0xc0), 6);
    assert_int_equal(CHECK(0xde, 0, 1, 0xa0, 0xc0), 5);
    assert_int_equal(CHECK(0xdf, 0, 0, 0, 1, 0xa0, 0xc0), 7);
}

static void only_the_first_value_is_measured(void **state) {
    (void)state;
    assert_int_equal(CHECK(0xa1, 'x', 0xc1, 0xc1), 2);
}

static void a_length_is_believed_only_as_far_as_bytes_are_there(void **state) {
    (void)state;
    assert_int_equal(CHECK(0xdb, 0xff, 0xff, 0xff, 0xff, 'x'), 0);
    assert_int_equal(CHECK(0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0), 0);
    assert_int_equal(CHECK(0xdf, 0x00, 0x0f, 0xff, 0xff, 0xc0), 0);
    assert_int_equal(CHECK(0xc9, 0xff, 0xff, 0xff, 0xff, 5), 0);
    assert_int_equal(CHECK(0xa5, 'h', 'i'), 0);
    assert_int_equal(CHECK(0xcb, 0, 0), 0);
    assert_int_equal(CHECK(0xda, 0), 0);
    struct error error = {0};
    assert_int_equal(value_check(NULL, 0, &error), 0);
    assert_true(error.text[0] != '\0');
}

static void the_byte_that_msgpack_never_uses_is_refused_with_its_place(void **state) {
    (void)state;
    struct error error = {0};
    assert_int_equal(value_check(BYTES(0x92, 0x00, 0xc1), 3, &error), 0);
    assert_non_null(strstr(error.text, "byte 2"));
}

static void a_map_too_large_to_search_for_duplicates_is_refused(void **state) {
    (void)state;
    struct error error = {0};
    assert_int_equal(value_check(BYTES(0xdf, 0xff, 0xff, 0xff, 0xff), 5, &error), 0);
    assert_non_null(strstr(error.text, "1048576"));
}

static void nesting_is_refused_one_below_the_limit(void **state) {
    (void)state;
    uint8_t bytes[VALUE_DEPTH + 2];
    struct error error = {0};
    memset(bytes, 0x91, sizeof bytes);
    bytes[VALUE_DEPTH] = 0xc0;
    assert_int_equal(value_check(bytes, VALUE_DEPTH + 1, &error), VALUE_DEPTH + 1);
    bytes[VALUE_DEPTH] = 0x91;
    bytes[VALUE_DEPTH + 1] = 0xc0;
    assert_int_equal(value_check(bytes, VALUE_DEPTH + 2, &error), 0);
    assert_non_null(strstr(error.text, "nested"));
}

/* A map of `count` keys "k0" …, the last of them being `last`. */
static void pack_keys(struct buffer *buffer, size_t count, const char *last) {
    pack_map(buffer, count);
    for (size_t i = 0; i < count; i++) {
        char *key = i + 1 < count ? format_text("k%zu", i) : copy_text(last);
        pack_text(buffer, text_of(key));
        pack_nil(buffer);
        free(key);
    }
}

static void a_key_that_comes_twice_is_refused_in_small_and_large_maps(void **state) {
    (void)state;
    static const size_t counts[] = {2, 16, 64, 65, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct buffer buffer = {0};
        struct error error = {0};
        pack_keys(&buffer, counts[i], "k0");
        assert_int_equal(value_check(buffer.data, buffer.size, &error), 0);
        assert_non_null(strstr(error.text, "\"k0\""));
        buffer.size = 0;
        pack_keys(&buffer, counts[i], "other");
        assert_int_equal(value_check(buffer.data, buffer.size, &error), buffer.size);
        buffer_free(&buffer);
    }
}

static void keys_that_differ_in_length_or_type_are_not_the_same(void **state) {
    (void)state;
    assert_int_equal(CHECK(0x83, 0xa1, 'a', 1, 0xa2, 'a', 'a', 1, 0xa0, 1), 9 + 1);
    assert_int_equal(CHECK(0x82, 0x01, 1, 0x01, 2), 5); /* only text keys are compared */
    assert_int_equal(CHECK(0x82, 0xa1, 'a', 0x81, 0xa1, 'b', 1, 0xa1, 'b', 1), 10);
}

static void integers_read_back_over_their_whole_range(void **state) {
    (void)state;
    static const int64_t numbers[] = {
        0,   1,    127,  128,    255,    256,         65535,     65536,     -1,     -32,
        -33, -128, -129, -32768, -32769, -2147483648, INT64_MIN, INT64_MAX, 1 << 30};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buffer buffer = {0};
        struct error error = {0};
        int64_t back;
        uint64_t large;
        double real;
        pack_integer(&buffer, numbers[i]);
        struct value value = {buffer.data, buffer.size};
        assert_int_equal(value_check(buffer.data, buffer.size, &error), buffer.size);
        assert_true(value_integer(value, &back) && back == numbers[i]);
        assert_true(value_unsigned(value, &large) == (numbers[i] >= 0));
        assert_true(value_real(value, &real) && real == (double)numbers[i]);
        buffer_free(&buffer);
    }
    int64_t back;
    assert_true(value_integer(VALUE(0xd1, 0xff, 0xfe), &back) && back == -2);
    assert_true(value_integer(VALUE(0xd3, 0, 0, 0, 0, 0, 0, 0, 5), &back) && back == 5);
}

static void an_integer_of_two_to_the_63_is_unsigned_only(void **state) {
    (void)state;
    struct buffer buffer = {0};
    int64_t narrow;
    uint64_t wide;
    pack_unsigned(&buffer, 1ull << 63);
    struct value value = {buffer.data, buffer.size};
    assert_false(value_integer(value, &narrow));
    assert_true(value_unsigned(value, &wide) && wide == 1ull << 63);
    buffer_free(&buffer);
}

static void types_do_not_pass_for_each_other(void **state) {
    (void)state;
    int64_t integer;
    bool boolean;
    struct text text;
    double real;
    struct value_walk walk;
    struct value one = VALUE(0x01), word = VALUE(0xa1, 'x'), half = VALUE(0xca, 0x3f, 0, 0, 0);
    assert_false(value_integer(half, &integer));
    assert_true(value_real(half, &real) && real == 0.5);
    assert_false(value_real(word, &real));
    assert_false(value_boolean(one, &boolean));
    assert_true(value_boolean(VALUE(0xc3), &boolean) && boolean);
    assert_false(value_text(VALUE(0xc4, 1, 'x'), &text));
    assert_false(value_binary(word, &text));
    assert_true(value_text(word, &text) && text_is(text, "x"));
    assert_false(value_array(VALUE(0x80), &walk, NULL));
    assert_false(value_map(VALUE(0x90), &walk, NULL));
    assert_string_equal(value_type_name(value_type(half)), "real");
}

static void a_walk_passes_over_what_elements_contain(void **state) {
    (void)state;
    struct value array = VALUE(0x93, 0x82, 0xa1, 'a', 0x92, 1, 2, 0xa1, 'b', 3, 0xc0, 0xa1, 'z');
    struct value_walk walk;
    struct value element;
    uint64_t count;
    assert_true(value_array(array, &walk, &count));
    assert_int_equal(count, 3);
    assert_true(value_next(&walk, &element) && element.size == 9);
    assert_true(value_next(&walk, &element) && value_type(element) == VALUE_NIL);
    assert_true(value_next(&walk, &element) && element.size == 2);
    assert_false(value_next(&walk, &element));
}

static void a_walk_over_a_map_gives_keys_and_values(void **state) {
    (void)state;
    struct value map = VALUE(0x82, 0xa1, 'a', 0x91, 7, 0x05, 0xc3);
    struct value_walk walk;
    struct value element;
    struct text key;
    assert_true(value_map(map, &walk, NULL));
    assert_true(value_next_pair(&walk, &key, &element) && text_is(key, "a") && element.size == 2);
    assert_true(value_next_pair(&walk, &key, &element) && key.bytes == NULL);
    assert_false(value_next_pair(&walk, &key, &element));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_head_is_measured_right),
        cmocka_unit_test(only_the_first_value_is_measured),
        cmocka_unit_test(a_length_is_believed_only_as_far_as_bytes_are_there),
        cmocka_unit_test(the_byte_that_msgpack_never_uses_is_refused_with_its_place),
        cmocka_unit_test(a_map_too_large_to_search_for_duplicates_is_refused),
        cmocka_unit_test(nesting_is_refused_one_below_the_limit),
        cmocka_unit_test(a_key_that_comes_twice_is_refused_in_small_and_large_maps),
        cmocka_unit_test(keys_that_differ_in_length_or_type_are_not_the_same),
        cmocka_unit_test(integers_read_back_over_their_whole_range),
        cmocka_unit_test(an_integer_of_two_to_the_63_is_unsigned_only),
        cmocka_unit_test(types_do_not_pass_for_each_other),
        cmocka_unit_test(a_walk_passes_over_what_elements_contain),
        cmocka_unit_test(a_walk_over_a_map_gives_keys_and_values),
    };
    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
