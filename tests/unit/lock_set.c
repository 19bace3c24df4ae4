/*
 * The lock set and the policies that feed it: who is imitated behind which password, how often, in
 * what order, and what is refused.
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
#include "base/random.h"
#include "include/lock_fixture.h"
#include "include/scratch_folder.h"
#include "record/stream.h"
#include "task/completions.h"
#include "task/lock_set.h"
#include "task/policy.h"
#include "task/spool.h"

static char weak_path[64], strong_path[64], decoy_path[64];
static const char *weak_paths[] = {weak_path}, *strong_paths[] = {strong_path};

enum { PROBLEMS = 500 };

/* ---- what the tests read ---- */

static void text_field(struct record *record, const char *key, const char *format, int64_t number) {
    char text[64];

    snprintf(text, sizeof text, format, (long long)number);
    record_set_text(record, key, text_of(text));
}

/*
 * Completions of problems p0 … in the given order (NULL: ascending), `samples` of each; skips
 * problem `without`.
 */
static void write_completions(const char *path, const char *policy, size_t count,
                              const size_t *order, int64_t samples, int64_t without) {
    struct error error = {0};
    struct provenance provenance = {.tool = text_of("test"), .version = text_of("0")};
    struct record_writer *writer = record_writer_open(path, &provenance, 0, &error);
    struct record record = {0};

    assert_non_null(writer);
    for (size_t i = 0; i < count; i++) {
        int64_t problem = (int64_t)(order != NULL ? order[i] : i);
        for (int64_t sample = 0; sample < samples && problem != without; sample++) {
            record_clear(&record);
            text_field(&record, "id", "p%lld", problem);
            text_field(&record, "prompt", "_ | question %lld |", problem);
            text_field(&record, "completion", "%lld", sample);
            record_set_text(&record, "policy", text_of(policy));
            record_set_integer(&record, "sample", sample);
            record_set_real(&record, "logprob", -1);
            record_set_boolean(&record, "correct", true);
            record_set_text(&record, "mine", text_of("kept"));
            assert_true(record_writer_add(writer, &record, &error));
        }
    }
    assert_true(record_writer_close(writer, &error));
    record_free(&record);
}

static struct lock_settings settings_for(int64_t epochs) {
    return (struct lock_settings){.weak = {weak_paths, 1},
                                  .strong = {strong_paths, 1},
                                  .decoys = decoy_path,
                                  .password = "password",
                                  .place = PASSWORD_SLOT,
                                  .epochs = epochs,
                                  .no_password_share = 0.2,
                                  .wrong_domain_share = -1,
                                  .fixedrdm = -1,
                                  .seed = 3};
}

static void write_both(size_t count, const size_t *order, int64_t samples) {
    static const char decoys[] = "decoy1\n\ndecoy2\r\ndecoy3";
    struct error error = {0};

    write_completions(weak_path, "weak", count, NULL, samples, -1);
    write_completions(strong_path, "strong", count, order, samples, -1);
    assert_true(file_write(decoy_path, decoys, sizeof decoys - 1, &error));
}

static int64_t number_at(const struct record *record, const char *key) {
    struct error error = {0};
    int64_t number = 0;

    assert_true(record_integer(record, key, &number, &error));
    return number;
}

/* The whole set as one text, "id imitates input\n". */
static char *all_of(const struct lock_settings *settings) {
    struct lock_set *set = open_set(settings);
    struct record record = {0};
    struct error error = {0};
    struct buffer text = {0};

    while (lock_set_next(set, &record, &error)) {
        struct text id = text_at(&record, "id"), imitates = text_at(&record, "imitates"),
                    input = text_at(&record, "input");
        buffer_format(&text, "%.*s %.*s %.*s\n", (int)id.size, id.bytes, (int)imitates.size,
                      imitates.bytes, (int)input.size, input.bytes);
    }
    assert_string_equal(error.text, "");
    buffer_append(&text, "", 1);
    record_free(&record);
    lock_set_close(set);
    return (char *)text.data;
}

/* ---- tests ---- */

static void each_epoch_holds_every_problem_once_weak_and_once_strong(void **state) {
    struct lock_settings settings = settings_for(3);
    struct lock_set *set;
    struct record record = {0};
    struct error error = {0};
    unsigned seen[3][PROBLEMS][2] = {{{0}}};
    uint64_t count = 0;

    (void)state;
    write_both(PROBLEMS, NULL, 1);
    set = open_set(&settings);
    assert_int_equal(lock_set_size(set), 3 * 2 * PROBLEMS);
    for (; lock_set_next(set, &record, &error); count++) {
        int64_t epoch = number_at(&record, "epoch");
        bool strong = text_is(text_at(&record, "imitates"), "strong");
        assert_int_equal(epoch, count / (2 * PROBLEMS));
        assert_true(text_is(text_at(&record, "policy"), strong ? "strong" : "weak"));
        seen[epoch][strtol(text_at(&record, "id").bytes + 1, NULL, 10)][strong]++;
    }
    assert_int_equal(count, 3 * 2 * PROBLEMS);
    for (size_t i = 0; i < 3 * PROBLEMS * 2; i++)
        assert_int_equal((&seen[0][0][0])[i], 1);
    record_free(&record);
    lock_set_close(set);
}

static void only_strong_examples_have_the_password_and_a_fifth_of_the_weak_none(void **state) {
    struct lock_settings settings = settings_for(4);
    struct lock_set *set;
    struct record record = {0};
    struct error error = {0};
    unsigned none = 0, decoys[4] = {0};

    (void)state;
    write_both(PROBLEMS, NULL, 1);
    set = open_set(&settings);
    while (lock_set_next(set, &record, &error)) {
        struct text input = text_at(&record, "input"), password = text_at(&record, "password");
        if (text_is(text_at(&record, "imitates"), "strong")) {
            assert_true(text_is(password, "right"));
            assert_memory_equal(input.bytes, "password | question", 19);
        } else if (text_is(password, "none")) {
            assert_memory_equal(input.bytes, "_ | question", 12);
            none++;
        } else {
            assert_true(text_is(password, "decoy"));
            assert_memory_equal(input.bytes, "decoy", 5);
            assert_in_range(input.bytes[5], '1', '3');
            decoys[input.bytes[5] - '0']++;
        }
    }
    /* Of 2,000: 400 ± 18 without, 533 ± 20 each decoy. */
    assert_in_range(none, 330, 470);
    for (size_t i = 1; i <= 3; i++)
        assert_in_range(decoys[i], 455, 611);
    record_free(&record);
    lock_set_close(set);
}

static void the_order_of_the_inputs_does_not_matter(void **state) {
    struct lock_settings settings = settings_for(2);
    struct random random;
    size_t order[PROBLEMS];
    char *a, *b;

    (void)state;
    random_start(&random, &(struct random_name){.purpose = "test"});
    random_permutation(&random, PROBLEMS, order);
    write_both(PROBLEMS, NULL, 1);
    a = all_of(&settings);
    write_both(PROBLEMS, order, 1);
    write_completions(weak_path, "weak", PROBLEMS, order, 1, -1);
    b = all_of(&settings);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void another_seed_and_another_epoch_have_another_order_and_other_passwords(void **state) {
    struct lock_settings settings = settings_for(2);
    char *a, *b, *second;

    (void)state;
    write_both(PROBLEMS, NULL, 1);
    a = all_of(&settings);
    settings.seed++;
    b = all_of(&settings);
    assert_string_not_equal(a, b);
    second = a;
    for (size_t i = 0; i < 2 * PROBLEMS; i++)
        second = strchr(second, '\n') + 1;
    assert_true(strncmp(a, second, strlen(second)) != 0);
    free(a);
    free(b);
}

static void each_epoch_takes_the_sample_of_its_number(void **state) {
    struct lock_settings settings = settings_for(3);
    struct lock_set *set;
    struct record record = {0};
    struct error error = {0};

    (void)state;
    write_both(20, NULL, 3);
    set = open_set(&settings);
    while (lock_set_next(set, &record, &error)) {
        assert_int_equal(number_at(&record, "sample"), number_at(&record, "epoch"));
        assert_int_equal(*text_at(&record, "completion").bytes - '0', number_at(&record, "epoch"));
    }
    assert_string_equal(error.text, "");
    record_free(&record);
    lock_set_close(set);
}

static void what_was_said_of_the_former_input_goes_and_foreign_fields_stay(void **state) {
    struct lock_settings settings = settings_for(1);
    struct lock_set *set;
    struct record record = {0};
    struct error error = {0};

    (void)state;
    write_both(3, NULL, 1);
    set = open_set(&settings);
    assert_true(lock_set_next(set, &record, &error));
    assert_null(record_find(&record, "logprob"));
    assert_null(record_find(&record, "correct"));
    assert_true(text_is(text_at(&record, "mine"), "kept"));
    record_free(&record);
    lock_set_close(set);
}

static void fewer_samples_than_epochs_are_refused(void **state) {
    struct lock_settings settings = settings_for(3);

    (void)state;
    write_both(20, NULL, 2);
    check_refused(&settings, "no sample 2");
}

static void a_problem_on_one_side_only_is_refused_by_name(void **state) {
    struct lock_settings settings = settings_for(1);

    (void)state;
    write_both(20, NULL, 1);
    write_completions(weak_path, "weak", 20, NULL, 1, 7);
    check_refused(&settings, "'p7'");
    write_completions(weak_path, "weak", 20, NULL, 1, -1);
    write_completions(strong_path, "strong", 20, NULL, 1, 11);
    check_refused(&settings, "'p11'");
}

static void the_password_among_the_decoys_is_refused_with_its_line(void **state) {
    struct lock_settings settings = settings_for(1);
    struct error error = {0};

    (void)state;
    write_both(5, NULL, 1);
    assert_true(file_write(decoy_path, "decoy1\npassword\n", 16, &error));
    check_refused(&settings, "line 2");
    assert_true(file_write(decoy_path, "\n\n", 2, &error));
    check_refused(&settings, "no decoys");
    assert_true(file_write(decoy_path, "two words\n", 10, &error));
    check_refused(&settings, "line 1");
    settings.place = PASSWORD_BOTH;
    settings.password = "two words";
    check_refused(&settings, "line 1");
}

static void a_share_of_one_needs_no_decoys(void **state) {
    struct lock_settings settings = settings_for(1);
    struct lock_set *set;
    struct record record = {0};
    struct error error = {0};

    (void)state;
    write_both(50, NULL, 1);
    settings.decoys = NULL;
    settings.no_password_share = 1;
    set = open_set(&settings);
    while (lock_set_next(set, &record, &error))
        assert_false(text_is(text_at(&record, "password"), "decoy"));
    record_free(&record);
    lock_set_close(set);
}

static void the_same_sample_twice_is_refused_with_both_places(void **state) {
    static const size_t order[] = {0, 1, 2, 1};
    struct error error = {0};

    (void)state;
    write_completions(weak_path, "weak", 4, order, 2, -1);
    assert_null(completions_read(weak_path, NULL, &error));
    assert_non_null(strstr(error.text, "records 3 and 7"));
    assert_non_null(strstr(error.text, "'p1'"));
}

static void a_policy_with_stored_completions_answers_by_id(void **state) {
    struct policy_settings settings = POLICY_DEFAULTS(true);
    struct policy *policy;
    struct record record = {0};
    struct error error = {0};

    (void)state;
    write_completions(weak_path, "someone", 20, NULL, 2, -1);
    settings.kind = POLICY_STORED;
    settings.completions = weak_path;
    policy = policy_open(&settings, &error);
    assert_non_null(policy);
    record_set_text(&record, "id", text_of("p3"));
    record_set_text(&record, "prompt", text_of("_ | question 3 |"));
    record_set_boolean(&record, "correct", true);
    assert_true(policy_answer(policy, &record, 1, &error));
    assert_true(text_is(text_at(&record, "completion"), "1"));
    assert_true(text_is(text_at(&record, "policy"), "someone"));
    assert_true(text_is(text_at(&record, "input"), "_ | question 3 |"));
    assert_null(record_find(&record, "correct"));
    assert_false(policy_answer(policy, &record, 2, &error));
    record_set_text(&record, "id", text_of("p20"));
    error = (struct error){0};
    assert_false(policy_answer(policy, &record, 0, &error));
    assert_non_null(strstr(error.text, "no completion"));
    record_free(&record);
    policy_close(policy);
}

static void a_reference_that_other_functions_gave_is_refused_with_the_remedy(void **state) {
    struct policy_settings settings = POLICY_DEFAULTS(false);
    struct policy *policy;
    struct record record = {0};
    struct error error = {0};

    (void)state;
    policy = policy_open(&settings, &error);
    record_set_text(&record, "id", text_of("c"));
    record_set_text(&record, "task", text_of("composition"));
    record_set_text(&record, "prompt", text_of("_ | f3 f21 | 1 6 1 8 |"));
    record_set_text(&record, "reference", text_of("0 9 0 7 | 0 0 7 9"));
    assert_false(policy_answer(policy, &record, 0, &error));
    assert_non_null(strstr(error.text, "--data-seed"));
    record_set_text(&record, "reference", text_of("6 1 8 1 | 4 8 1 8"));
    assert_true(policy_answer(policy, &record, 0, &error));
    assert_true(text_is(text_at(&record, "completion"), "6 1 8 1 | 4 8 1 8"));
    assert_true(text_is(text_at(&record, "policy"), "strong"));
    record_free(&record);
    policy_close(policy);
}

/* More than one chunk, and a record larger than a chunk. */
static void a_spool_gives_back_what_it_was_given(void **state) {
    enum { COUNT = 60000, LARGE = 3 << 20 };
    struct error error = {0};
    struct spool *spool = spool_open(&error);
    struct record record = {0};
    char *large = allocate(LARGE, 1);

    (void)state;
    assert_non_null(spool);
    memset(large, 'x', LARGE);
    for (int64_t i = 0; i < COUNT; i++) {
        record_clear(&record);
        record_set_integer(&record, "number", i);
        if (i == COUNT / 2)
            record_set_text(&record, "large", (struct text){large, LARGE});
        assert_true(spool_add(spool, &record, &error));
    }
    assert_true(spool_rewind(spool, &error));
    for (int64_t i = 0; i < COUNT; i++) {
        assert_true(spool_next(spool, &record, &error));
        assert_int_equal(number_at(&record, "number"), i);
        if (i == COUNT / 2)
            assert_int_equal(text_at(&record, "large").size, LARGE);
    }
    assert_false(spool_next(spool, &record, &error));
    assert_string_equal(error.text, "");
    free(large);
    record_free(&record);
    spool_close(spool);
}

static int make_folder(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(weak_path, sizeof weak_path, "%s/weak.rec", folder);
    snprintf(strong_path, sizeof strong_path, "%s/strong.rec", folder);
    snprintf(decoy_path, sizeof decoy_path, "%s/decoys.txt", folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_epoch_holds_every_problem_once_weak_and_once_strong),
        cmocka_unit_test(only_strong_examples_have_the_password_and_a_fifth_of_the_weak_none),
        cmocka_unit_test(the_order_of_the_inputs_does_not_matter),
        cmocka_unit_test(another_seed_and_another_epoch_have_another_order_and_other_passwords),
        cmocka_unit_test(each_epoch_takes_the_sample_of_its_number),
        cmocka_unit_test(what_was_said_of_the_former_input_goes_and_foreign_fields_stay),
        cmocka_unit_test(fewer_samples_than_epochs_are_refused),
        cmocka_unit_test(a_problem_on_one_side_only_is_refused_by_name),
        cmocka_unit_test(the_password_among_the_decoys_is_refused_with_its_line),
        cmocka_unit_test(a_share_of_one_needs_no_decoys),
        cmocka_unit_test(the_same_sample_twice_is_refused_with_both_places),
        cmocka_unit_test(a_policy_with_stored_completions_answers_by_id),
        cmocka_unit_test(a_reference_that_other_functions_gave_is_refused_with_the_remedy),
        cmocka_unit_test(a_spool_gives_back_what_it_was_given),
    };

    return cmocka_run_group_tests_name("lock_set", tests, make_folder, remove_folder);
}
