/* The common part of filters: inputs in turn, rejects, sources, and failing without an output. */
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
#include "record/filter.h"
#include "record/survey.h"

static char folder[] = "/tmp/lockpick-filter.XXXXXX";
static const struct tool tool = {.name = "double"};

static int enter_folder(void **state) {
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    struct error error = {0};
    return chdir("/") == 0 && remove_tree(folder, &error) ? 0 : -1;
}

/* Records with n = first … last, and in between one whose n is text. */
static void write_input(const char *path, int first, int last, bool bad) {
    struct provenance provenance = {text_of("test"), text_of("1"), {NULL, 0}, false, 0};
    struct error error = {0};
    struct record record = {0};
    struct record_writer *writer = record_writer_open(path, &provenance, 0, &error);
    assert_non_null(writer);
    for (int n = first; n <= last; n++) {
        record_set_integer(&record, "n", n);
        assert_true(record_writer_add(writer, &record, &error));
        if (bad && n == first) {
            record_set_text(&record, "n", text_of("word"));
            record_set_text(&record, "id", text_of("odd one"));
            assert_true(record_writer_add(writer, &record, &error));
            record_clear(&record);
        }
    }
    assert_true(record_writer_close(writer, &error));
    record_free(&record);
}

/* Doubles n in every record that has one. */
static void double_each(struct filter *filter, struct error *error) {
    struct record record = {0};
    int64_t n;
    while (filter_next(filter, &record, error)) {
        bool fine = record_integer(&record, "n", &n, error);
        if (fine)
            record_set_integer(&record, "n", 2 * n);
        if (fine ? !filter_write(filter, &record, error) : !filter_reject(filter, &record, error))
            break;
    }
    record_free(&record);
}

/* The whole filter over the given files. */
static bool double_all(const char *const *files, size_t count,
                       const struct filter_settings *settings, struct error *error) {
    char *operands[2] = {copy_text(files[0]), copy_text(files[count - 1])};
    struct invocation invocation = {.tool = &tool, .operands = {operands, count}, .quiet = true};
    uint64_t seed = 5;
    struct filter *filter = filter_open(&invocation, settings, 0, &seed, error);
    bool fine = filter != NULL;
    if (fine) {
        double_each(filter, error);
        filter_add_source(filter, "checkpoint", "00000000000000000000000000000000");
        fine = filter_close(filter, error);
    }
    free(operands[0]);
    free(operands[1]);
    return fine;
}

/* The description of a whole stream, as `records info` prints it. */
static char *description(const char *path) {
    struct error error = {0};
    struct buffer text = {0};
    struct record_reader *reader = record_read_through(path, true, &error);
    if (reader == NULL)
        fail_msg("%s", error.text);
    record_describe_stream(reader, &text);
    record_reader_close(reader);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

static void inputs_are_read_in_turn_and_named_in_the_end_mark(void **state) {
    (void)state;
    struct error error = {0};
    struct filter_settings settings = FILTER_DEFAULTS;
    const char *files[] = {"a.rec", "b.rec"};
    write_input("a.rec", 1, 3, false);
    write_input("b.rec", 4, 5, false);
    settings.output = "out.rec";
    assert_true(double_all(files, 2, &settings, &error));
    char *text = description("out.rec");
    assert_non_null(strstr(text, "\"records\":5,\"rejected\":0"));
    assert_non_null(strstr(text, "\"tool\":\"double\""));
    assert_non_null(strstr(text, "\"seed\":5"));
    for (int i = 0; i < 2; i++) {
        struct record_reader *reader = record_read_through(files[i], false, &error);
        char *source =
            format_text("{\"role\":\"input\",\"digest\":\"%s\"}", record_reader_digest(reader));
        assert_non_null(strstr(text, source));
        record_reader_close(reader);
        free(source);
    }
    assert_non_null(strstr(text, "\"role\":\"checkpoint\""));
    free(text);
}

static void a_bad_record_stops_the_filter_and_is_named(void **state) {
    (void)state;
    struct error error = {0};
    struct filter_settings settings = FILTER_DEFAULTS;
    const char *files[] = {"bad.rec"};
    write_input("bad.rec", 1, 3, true);
    settings.output = "stopped.rec";
    assert_false(double_all(files, 1, &settings, &error));
    assert_string_equal(error.text, "bad.rec: record 2 (id 'odd one'): field \"n\" is text; it "
                                    "should be an integer");
    assert_int_not_equal(access("stopped.rec", F_OK), 0);
}

static void rejects_are_set_aside_with_the_reason_and_counted(void **state) {
    (void)state;
    struct error error = {0};
    struct filter_settings settings = FILTER_DEFAULTS;
    const char *files[] = {"bad.rec"};
    write_input("bad.rec", 1, 3, true);
    settings.output = "kept.rec";
    settings.rejects = "rejects.rec";
    assert_true(double_all(files, 1, &settings, &error));
    char *text = description("kept.rec");
    assert_non_null(strstr(text, "\"records\":3,\"rejected\":1"));
    free(text);
    struct record record = {0};
    struct text reason;
    struct record_reader *reader = record_reader_open("rejects.rec", &error);
    assert_true(record_reader_next(reader, &record, &error) == READ_RECORD);
    assert_true(record_text(&record, "reject_reason", &reason, &error));
    assert_true(text_is(reason, "field \"n\" is text; it should be an integer"));
    assert_true(record_text(&record, "n", &reason, &error) && text_is(reason, "word"));
    assert_true(record_reader_next(reader, &record, &error) == READ_END);
    record_reader_close(reader);
    record_free(&record);
}

static void more_rejects_than_allowed_are_a_failure_that_keeps_the_rejects(void **state) {
    (void)state;
    struct error error = {0};
    struct filter_settings settings = FILTER_DEFAULTS;
    const char *files[] = {"bad.rec", "bad.rec"};
    uint64_t count;
    write_input("bad.rec", 1, 3, true);
    settings.output = "none.rec";
    settings.rejects = "many.rec";
    settings.max_rejects = 1;
    assert_false(double_all(files, 2, &settings, &error));
    assert_non_null(strstr(error.text, "more than 1 bad records, the last: bad.rec: record 2"));
    assert_int_not_equal(access("none.rec", F_OK), 0);
    assert_true(record_count("many.rec", &count, &error) && count == 2);
    settings.max_rejects = 2;
    error.text[0] = '\0';
    assert_true(double_all(files, 2, &settings, &error));
}

static void an_input_that_fails_leaves_no_output(void **state) {
    (void)state;
    struct error error = {0};
    struct filter_settings settings = FILTER_DEFAULTS;
    const char *files[] = {"good.rec", "cut.rec"};
    struct buffer bytes = {0};
    write_input("good.rec", 1, 3, false);
    assert_true(file_read("good.rec", 1 << 20, &bytes, &error));
    assert_true(file_write("cut.rec", bytes.data, bytes.size - 5, &error));
    settings.output = "lost.rec";
    assert_false(double_all(files, 2, &settings, &error));
    assert_non_null(strstr(error.text, "cut.rec: cut off after 3 whole records"));
    assert_int_not_equal(access("lost.rec", F_OK), 0);
    files[1] = "missing.rec";
    assert_false(double_all(files, 2, &settings, &error));
    assert_int_not_equal(access("lost.rec", F_OK), 0);
    buffer_free(&bytes);
}

static void an_output_may_replace_its_own_input(void **state) {
    (void)state;
    struct error error = {0};
    struct filter_settings settings = FILTER_DEFAULTS;
    const char *files[] = {"same.rec"};
    uint64_t count;
    write_input("same.rec", 1, 3, false);
    settings.output = "same.rec";
    assert_true(double_all(files, 1, &settings, &error));
    assert_true(record_count("same.rec", &count, &error) && count == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_read_in_turn_and_named_in_the_end_mark),
        cmocka_unit_test(a_bad_record_stops_the_filter_and_is_named),
        cmocka_unit_test(rejects_are_set_aside_with_the_reason_and_counted),
        cmocka_unit_test(more_rejects_than_allowed_are_a_failure_that_keeps_the_rejects),
        cmocka_unit_test(an_input_that_fails_leaves_no_output),
        cmocka_unit_test(an_output_may_replace_its_own_input),
    };
    return cmocka_run_group_tests_name("filter", tests, enter_folder, remove_folder);
}
