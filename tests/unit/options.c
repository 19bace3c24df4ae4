/* Option tables: every kind of option, its ranges, and the canonical arguments for provenance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/options.h"

static struct {
    bool flag, quiet;
    const char *text, *file;
    int64_t integer, count;
    double real;
    uint64_t seed;
    int choice;
    struct text_list texts;
} got;

static const struct option_entry table[] = {
    {OPTION_FLAG, 'g', "flag", NULL, &got.flag, "a flag"},
    {OPTION_FLAG, 'q', "quiet", NULL, &got.quiet, "a silent one", .flags = OPTION_SILENT},
    {OPTION_TEXT, 't', "text", "TEXT", &got.text, "a text"},
    {OPTION_FILE, 'o', "output", "FILE", &got.file, "a file"},
    {OPTION_INTEGER, 'n', "number", "N", &got.integer, "any whole number"},
    {OPTION_INTEGER, 0, "count", "N", &got.count, "a bounded one", .minimum = 1, .maximum = 1e6},
    {OPTION_REAL, 'r', "real", "X", &got.real, "a number", .minimum = 0, .maximum = 1},
    {OPTION_SEED, 's', "seed", "N", &got.seed, "a seed"},
    {OPTION_CHOICE, 'c', "choice", NULL, &got.choice, "one of three", .choices = "one|two|three"},
    {OPTION_TEXTS, 0, "word", "WORD", &got.texts, "several"},
    {OPTION_END},
};

/* What the last parse gave. */
static struct operands operands;
static struct buffer canonical;
static struct error error;
static char **arguments; /* a copy: getopt reorders argv, and texts point into it */
static size_t argument_count;

static void forget(void) {
    for (size_t i = 0; i < argument_count; i++)
        free(arguments[i]);
    free(arguments);
    arguments = NULL;
    argument_count = 0;
    text_list_free(&got.texts);
    buffer_free(&canonical);
}

static int forget_after(void **state) {
    (void)state;
    forget();
    return 0;
}

/* Parses words, ended by NULL, with all targets at recognizable defaults. */
static bool parse(const char *first, ...) {
    forget();
    memset(&got, 0, sizeof got);
    got.integer = -1;
    got.real = 0.5;
    got.text = "default";
    got.choice = 2;
    error.text[0] = '\0';
    arguments = allocate(32, sizeof *arguments);
    arguments[argument_count++] = copy_text("tool");
    va_list words;
    va_start(words, first);
    for (const char *word = first; word != NULL; word = va_arg(words, const char *))
        arguments[argument_count++] = copy_text(word);
    va_end(words);
    return options_parse(table, (int)argument_count, arguments, &operands, &canonical, &error);
}

static void assert_canonical(const char *expected) {
    buffer_append(&canonical, "", 1);
    assert_string_equal((char *)canonical.data, expected);
}

static void assert_refused(bool parsed, const char *says) {
    assert_false(parsed);
    assert_string_equal(error.text, says);
}

static void without_arguments_all_defaults_stay(void **state) {
    (void)state;
    assert_true(parse(NULL));
    assert_int_equal(operands.count, 0);
    assert_int_equal(canonical.size, 0);
    assert_int_equal(got.integer, -1);
    assert_true(got.real == 0.5);
    assert_string_equal(got.text, "default");
    assert_int_equal(got.choice, 2);
    assert_false(got.flag);
}

static void every_kind_is_read_in_its_long_form(void **state) {
    (void)state;
    assert_true(parse("--flag", "--text", "a b", "--output=x", "--number", "-12", "--count=7",
                      "--real=0.25", "--seed=18446744073709551615", "--choice=two", "--word=x",
                      "--word", "y", NULL));
    assert_true(got.flag);
    assert_string_equal(got.text, "a b");
    assert_string_equal(got.file, "x");
    assert_int_equal(got.integer, -12);
    assert_int_equal(got.count, 7);
    assert_true(got.real == 0.25);
    assert_true(got.seed == UINT64_MAX);
    assert_int_equal(got.choice, 1);
    assert_int_equal(got.texts.count, 2);
    assert_string_equal(got.texts.items[0], "x");
    assert_string_equal(got.texts.items[1], "y");
}

static void letters_can_stand_together(void **state) {
    (void)state;
    assert_true(parse("-gqn5", "-c", "one", "-ttext", NULL));
    assert_true(got.flag);
    assert_true(got.quiet);
    assert_int_equal(got.integer, 5);
    assert_int_equal(got.choice, 0);
    assert_string_equal(got.text, "text");
}

static void the_beginning_of_a_name_will_do_where_it_is_the_only_one(void **state) {
    (void)state;
    assert_true(parse("--fl", "--nu=3", "--q", NULL));
    assert_true(got.flag);
    assert_int_equal(got.integer, 3);
    assert_refused(parse("--c=one", NULL),
                   "there is no option --c=one, or it is an ambiguous beginning");
}

static void operands_may_stand_anywhere_and_anything_follows_two_dashes(void **state) {
    (void)state;
    assert_true(parse("a", "--flag", "b", "-", "--", "--text", "-g", NULL));
    assert_true(got.flag);
    assert_string_equal(got.text, "default");
    static const char *const expected[] = {"a", "b", "-", "--text", "-g"};
    assert_int_equal(operands.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(operands.items[i], expected[i]);
}

static void the_last_of_several_counts(void **state) {
    (void)state;
    assert_true(parse("-n1", "-t", "x", "-n2", "--text=y", NULL));
    assert_int_equal(got.integer, 2);
    assert_string_equal(got.text, "y");
    assert_canonical("--text=y\n--number=2\n");
}

static void canonical_arguments_stand_in_the_order_of_the_table(void **state) {
    (void)state;
    assert_true(
        parse("--word=b", "-s7", "--word=a", "-r", "0.50", "in.rec", "-g", "--count=1k", NULL));
    assert_canonical("--flag\n--count=1k\n--real=0.50\n--seed=7\n--word=b\n--word=a\n");
}

static void files_and_silent_options_have_no_part_in_provenance(void **state) {
    (void)state;
    assert_true(parse("-o", "x", "-q", "-n", "4", NULL));
    assert_canonical("--number=4\n");
}

static void a_canonical_argument_is_one_line(void **state) {
    (void)state;
    assert_true(parse("--text=a\nb\\n", "--word=", NULL));
    assert_canonical("--text=a\\nb\\\\n\n--word=\n");
}

static void unknown_options_are_named(void **state) {
    (void)state;
    assert_refused(parse("--nothing", NULL),
                   "there is no option --nothing, or it is an ambiguous beginning");
    assert_refused(parse("x", "--flag", "--nothing=5", "y", NULL),
                   "there is no option --nothing=5, or it is an ambiguous beginning");
    assert_refused(parse("-x", NULL), "there is no option -x");
    assert_refused(parse("operand", "--flag", "-gx", NULL), "there is no option -x");
    assert_refused(parse("--quiet", "-xg", NULL), "there is no option -x");
}

static void a_missing_argument_is_named(void **state) {
    (void)state;
    assert_refused(parse("operand", "--text", NULL), "--text needs an argument");
    assert_refused(parse("--flag", "-gt", NULL), "-t needs an argument");
    assert_refused(parse("--flag=1", NULL), "--flag takes no argument");
}

static void numbers_are_held_within_their_range(void **state) {
    (void)state;
    assert_true(parse("--count=1", NULL));
    assert_true(parse("--count=1M", NULL));
    assert_int_equal(got.count, 1000000);
    assert_refused(parse("--count=0", NULL),
                   "--count: 0 is out of range; 1 to 1e+06 would be right");
    assert_refused(parse("--count=1000001", NULL),
                   "--count: 1000001 is out of range; 1 to 1e+06 would be right");
    assert_true(parse("--real=1", NULL));
    assert_refused(parse("--real=1.0000001", NULL),
                   "--real: 1.0000001 is out of range; 0 to 1 would be right");
    assert_refused(parse("--real=-1e-9", NULL),
                   "--real: -1e-9 is out of range; 0 to 1 would be right");
}

static void what_is_no_number_is_said_so(void **state) {
    (void)state;
    static const char *const not_whole[] = {"",
                                            "x",
                                            "1.5",
                                            "1e3",
                                            "5x",
                                            "1kk",
                                            "k",
                                            "0x10",
                                            "9223372036854775808",
                                            "9223372036854776k"};
    for (size_t i = 0; i < sizeof not_whole / sizeof not_whole[0]; i++) {
        assert_false(parse("--number", not_whole[i], NULL));
        assert_non_null(strstr(error.text, "is no whole number"));
    }
    static const char *const not_real[] = {"", "x", "1,5", "nan", "inf", "-inf", "1e999", "0.5 "};
    for (size_t i = 0; i < sizeof not_real / sizeof not_real[0]; i++) {
        assert_false(parse("--real", not_real[i], NULL));
        assert_non_null(strstr(error.text, "is no number"));
    }
    static const char *const not_seed[] = {"",  "x", "-1", " -1", "+1", "18446744073709551616",
                                           "1k"};
    for (size_t i = 0; i < sizeof not_seed / sizeof not_seed[0]; i++) {
        assert_false(parse("--seed", not_seed[i], NULL));
        assert_non_null(strstr(error.text, "is no seed"));
    }
}

static void suffixes_are_powers_of_a_thousand(void **state) {
    (void)state;
    int64_t value;
    assert_true(parse_integer("2k", &value) && value == 2000);
    assert_true(parse_integer("-3M", &value) && value == -3000000);
    assert_true(parse_integer("4G", &value) && value == INT64_C(4000000000));
    assert_true(parse_integer("-9223372036854775808", &value) && value == INT64_MIN);
    double real;
    assert_true(parse_real("1.5e-6", &real) && real == 1.5e-6);
    assert_false(parse_real("1k", &real));
}

static void a_choice_is_one_of_the_words_in_full(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "tw", "twofold", "Two", "one|two", "|"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(parse("--choice", wrong[i], NULL));
        assert_non_null(strstr(error.text, "one of one|two|three would be right"));
        assert_int_equal(got.choice, 2);
    }
    assert_true(parse("--choice=three", NULL));
    assert_int_equal(got.choice, 2);
}

static void the_help_lists_every_option_within_its_width(void **state) {
    (void)state;
    static const struct option_entry wide[] = {
        {OPTION_FLAG, 'g', "flag", NULL, &got.flag, "a flag"},
        {OPTION_TEXT, 0, "a-name-that-takes-up-the-column", "TEXT", &got.text, "its help below"},
        {OPTION_CHOICE, 0, "choice", NULL, &got.choice, "words", .choices = "one|two"},
        {OPTION_INTEGER, 'n', "number", "N", &got.integer,
         "a long description that goes on and on until it does not fit into what is left of the "
         "line and has to go on in the next"},
        {OPTION_END},
    };
    struct buffer text = {0};
    options_describe(wide, &text);
    buffer_append(&text, "", 1);
    assert_string_equal(
        (char *)text.data,
        "  -g, --flag                  a flag\n"
        "      --a-name-that-takes-up-the-column TEXT\n"
        "                              its help below\n"
        "      --choice one|two        words\n"
        "  -n, --number N              a long description that goes on and on until it does not "
        "fit "
        "into\n"
        "                              what is left of the line and has to go on in the next\n");
    buffer_free(&text);
}

#define PARSING(test) cmocka_unit_test_teardown(test, forget_after)

int main(void) {
    const struct CMUnitTest tests[] = {
        PARSING(without_arguments_all_defaults_stay),
        PARSING(every_kind_is_read_in_its_long_form),
        PARSING(letters_can_stand_together),
        PARSING(the_beginning_of_a_name_will_do_where_it_is_the_only_one),
        PARSING(operands_may_stand_anywhere_and_anything_follows_two_dashes),
        PARSING(the_last_of_several_counts),
        PARSING(canonical_arguments_stand_in_the_order_of_the_table),
        PARSING(files_and_silent_options_have_no_part_in_provenance),
        PARSING(a_canonical_argument_is_one_line),
        PARSING(unknown_options_are_named),
        PARSING(a_missing_argument_is_named),
        PARSING(numbers_are_held_within_their_range),
        PARSING(what_is_no_number_is_said_so),
        PARSING(suffixes_are_powers_of_a_thousand),
        PARSING(a_choice_is_one_of_the_words_in_full),
        PARSING(the_help_lists_every_option_within_its_width),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
