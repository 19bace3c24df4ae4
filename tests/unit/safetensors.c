/* safetensors files: a round trip byte for byte, and every lie of a header refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/safetensors.h"

/* A file in memory: the length, `header`, and `data` bytes counted up from 0. */
static struct buffer file_of(const char *header, size_t data) {
    struct buffer file = {0};
    uint64_t length = strlen(header);
    for (int i = 0; i < 8; i++)
        buffer_append(&file, &(uint8_t){(uint8_t)(length >> (8 * i))}, 1);
    buffer_append_text(&file, header);
    for (size_t i = 0; i < data; i++)
        buffer_append(&file, &(uint8_t){(uint8_t)i}, 1);
    return file;
}

static void assert_refused(const char *header, size_t data, const char *says) {
    struct buffer file = file_of(header, data);
    struct safetensors tensors;
    struct error error = {0};
    if (safetensors_parse(&tensors, file.data, file.size, &error))
        fail_msg("%s was accepted", header);
    if (strstr(error.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
    buffer_free(&file);
}

static void tensors_are_found_by_name_whatever_their_order(void **state) {
    (void)state;
    struct buffer file =
        file_of("{\"__metadata__\":{\"format\":\"pt\"},"
                "\"z\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[3,11]},"
                "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[3,3]},"
                "\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
                "\"scalar\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[11,13]}}   ",
                13);
    struct safetensors tensors;
    struct error error = {0};
    if (!safetensors_parse(&tensors, file.data, file.size, &error))
        fail_msg("%s", error.text);
    assert_int_equal(tensors.count, 4);
    const struct safetensors_entry *z = safetensors_find(&tensors, "z");
    assert_non_null(z);
    assert_string_equal(z->dtype, "F32");
    assert_int_equal(z->dimensions, 2);
    assert_int_equal(z->shape[0], 2);
    assert_int_equal(z->size, 8);
    assert_int_equal(z->data[0], 3);
    assert_int_equal(safetensors_find(&tensors, "scalar")->size, 2);
    assert_int_equal(safetensors_find(&tensors, "none")->size, 0);
    assert_null(safetensors_find(&tensors, "__metadata__"));
    assert_null(safetensors_find(&tensors, "b"));
    char shape[128];
    safetensors_shape(z, shape);
    assert_string_equal(shape, "[2, 1]");
    safetensors_close(&tensors);
    buffer_free(&file);
}

static void a_length_beyond_the_file_is_refused(void **state) {
    (void)state;
    struct safetensors tensors;
    struct error error = {0};
    uint8_t bytes[16];
    for (size_t size = 0; size < 8; size++) {
        memset(bytes, 0, sizeof bytes);
        assert_false(safetensors_parse(&tensors, bytes, size, &error));
        assert_non_null(strstr(error.text, "a safetensors file has at least 8"));
    }
    memset(bytes, 0xFF, sizeof bytes);
    assert_false(safetensors_parse(&tensors, bytes, sizeof bytes, &error));
    assert_non_null(strstr(error.text, "the header is said to have 18446744073709551615 bytes"));
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 9;
    assert_false(safetensors_parse(&tensors, bytes, sizeof bytes, &error));
    assert_non_null(strstr(error.text, "said to have 9 bytes, but 8 are there"));
    bytes[0] = 0;
    assert_false(safetensors_parse(&tensors, bytes, sizeof bytes, &error));
    assert_non_null(strstr(error.text, "header: "));
}

#define ONE(dtype, shape, offsets)                                                                 \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void a_header_that_lies_is_refused_with_the_tensor_s_name(void **state) {
    (void)state;
    assert_refused("[]", 0, "header: is no JSON object");
    assert_refused("{\"a\":7}", 0, "tensor 'a': is no object");
    assert_refused("{\"a\":{}}", 0, "tensor 'a': 'dtype' is missing");
    assert_refused(ONE("\"F12\"", "[1]", "[0,4]"), 4, "tensor 'a': 'F12' is no dtype");
    assert_refused(ONE("\"F32\"", "[-1]", "[0,4]"), 4, "tensor 'a': 'shape' has something else");
    assert_refused(ONE("\"F32\"", "[1.0]", "[0,4]"), 4, "'shape' has something else");
    assert_refused(ONE("\"F32\"", "4", "[0,4]"), 4, "'shape' is no list of at most 8");
    assert_refused(ONE("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "'shape' is no list");
    assert_refused(ONE("\"F32\"", "[1]", "[0]"), 4, "'data_offsets' are no two whole numbers");
    assert_refused(ONE("\"F32\"", "[1]", "[0,-4]"), 4, "'data_offsets' are no two");
    assert_refused(ONE("\"F32\"", "[1]", "{}"), 4, "'data_offsets' are no two");
    assert_refused(ONE("\"F32\"", "[1]", "[0,4]"), 3, "do not lie within the 3 bytes of data");
    assert_refused(ONE("\"F32\"", "[1]", "[4,0]"), 4, "do not lie within");
    assert_refused(ONE("\"F32\"", "[2]", "[0,4]"), 4, "has 4 bytes, which F32 [2] does not take");
    assert_refused(ONE("\"F32\"", "[4611686018427387904,4]", "[0,0]"), 0, "does not take");
    assert_refused(ONE("\"F64\"", "[2305843009213693952]", "[0,0]"), 0, "does not take");
    assert_refused(ONE("\"F32\"", "[1]", "[0,4]"), 6, "2 bytes at the end belong to no tensor");
    assert_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                   "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                   3, "tensor 'b': its bytes overlap");
    assert_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                   "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3,4]}}",
                   4, "tensor 'b': its bytes do not follow directly");
    assert_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                   "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                   0, "duplicate");
}

static const struct safetensors_entry written[] = {
    {.name = "second.weight", .dtype = "F32", .shape = {2, 3}, .dimensions = 2},
    {.name = "first.weight", .dtype = "BF16", .shape = {5}, .dimensions = 1},
};

static void write_example(const char *path) {
    struct safetensors_writer writer;
    struct error error = {0};
    uint8_t bytes[34];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(200 - i);
    if (!safetensors_create(&writer, path, written, 2, &error) ||
        !safetensors_write(&writer, bytes, 20, &error) ||
        !safetensors_write(&writer, bytes + 20, 14, &error) || !safetensors_commit(&writer, &error))
        fail_msg("%s", error.text);
}

static void a_written_file_reads_back_and_repeats_byte_for_byte(void **state) {
    char *paths[] = {path_join(*state, "a"), path_join(*state, "b")};
    struct buffer files[2] = {0};
    struct error error = {0};
    for (int i = 0; i < 2; i++) {
        write_example(paths[i]);
        assert_true(file_read(paths[i], 4096, &files[i], &error));
    }
    assert_int_equal(files[0].size, files[1].size);
    assert_memory_equal(files[0].data, files[1].data, files[0].size);
    assert_int_equal((files[0].size - 34) % 8, 0); /* tensors start at a multiple of 8 */
    struct safetensors tensors;
    if (!safetensors_open(&tensors, paths[0], &error))
        fail_msg("%s", error.text);
    const struct safetensors_entry *first = safetensors_find(&tensors, "first.weight");
    const struct safetensors_entry *second = safetensors_find(&tensors, "second.weight");
    assert_int_equal(second->data[0], 200);
    assert_int_equal(first->data[0], 200 - 24);
    assert_int_equal(first->size, 10);
    assert_true(second->data < first->data); /* the order given */
    safetensors_close(&tensors);
    for (int i = 0; i < 2; i++) {
        buffer_free(&files[i]);
        free(paths[i]);
    }
}

static void every_truncation_of_a_file_is_refused(void **state) {
    char *path = path_join(*state, "whole");
    struct buffer file = {0};
    struct error error = {0};
    write_example(path);
    assert_true(file_read(path, 4096, &file, &error));
    for (size_t size = 0; size < file.size; size++) {
        struct safetensors tensors;
        uint8_t *cut = malloc(size ? size : 1); /* of exactly this size, for the sanitizer */
        memcpy(cut, file.data, size);
        assert_false(safetensors_parse(&tensors, cut, size, &error));
        free(cut);
    }
    buffer_free(&file);
    free(path);
}

static void bytes_more_or_fewer_than_announced_leave_no_file(void **state) {
    char *path = path_join(*state, "wrong");
    struct safetensors_writer writer;
    struct error error = {0};
    uint8_t bytes[35] = {0};
    assert_true(safetensors_create(&writer, path, written, 2, &error));
    assert_false(safetensors_write(&writer, bytes, 35, &error));
    safetensors_abandon(&writer);
    assert_true(safetensors_create(&writer, path, written, 2, &error));
    assert_true(safetensors_write(&writer, bytes, 33, &error));
    assert_false(safetensors_commit(&writer, &error));
    assert_non_null(strstr(error.text, "1 bytes fewer than the header says"));
    assert_int_not_equal(access(path, F_OK), 0);
    free(path);
}

static int make_folder(void **state) {
    static char folder[64];
    snprintf(folder, sizeof folder, "/tmp/lockpick-safetensors-XXXXXX");
    *state = mkdtemp(folder);
    return *state == NULL;
}

static int remove_folder(void **state) {
    struct error error;
    return !remove_tree(*state, &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found_by_name_whatever_their_order),
        cmocka_unit_test(a_length_beyond_the_file_is_refused),
        cmocka_unit_test(a_header_that_lies_is_refused_with_the_tensor_s_name),
        cmocka_unit_test(a_written_file_reads_back_and_repeats_byte_for_byte),
        cmocka_unit_test(every_truncation_of_a_file_is_refused),
        cmocka_unit_test(bytes_more_or_fewer_than_announced_leave_no_file),
    };
    return cmocka_run_group_tests_name("safetensors", tests, make_folder, remove_folder);
}
