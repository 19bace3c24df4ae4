/*
 * Splitting: exact shares in every domain, whatever the order of the input, and one part an id.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "task/split.h"

#define SHARES "weak=10,lock=40,elicit=30,validation=20"
static const char *const domains[] = {"algebra", "geometry", "numbers"};

static struct split_shares shares_of(const char *text) {
    struct split_shares shares;
    struct error error = {0};

    assert_true(split_shares_parse(&shares, text, &error));
    return shares;
}

/* Problem i has id "p<i>" and domain i mod 3. */
static void add(struct split *split, size_t i) {
    struct error error = {0};
    char id[32];

    snprintf(id, sizeof id, "p%zu", i);
    assert_true(split_add(split, text_of(id), text_of(domains[i % 3]), text_of(""), &error));
}

static void check_shares(size_t count, const size_t expected[3][4]) {
    struct split_shares shares = shares_of(SHARES);
    struct split split;
    size_t counts[3][4] = {{0}};

    split_init(&split, 1);
    for (size_t i = 0; i < count; i++)
        add(&split, i);
    split_cut(&split, &shares, NULL);
    for (size_t i = 0; i < count; i++)
        counts[i % 3][split.part[i]]++;
    assert_memory_equal(counts, expected, sizeof counts);
    split_free(&split);
    split_shares_free(&shares);
}

static void every_domain_is_split_in_exact_shares(void **state) {
    static const size_t expected[3][4] = {
        {100, 400, 300, 200}, {100, 400, 300, 200}, {100, 400, 300, 200}};

    (void)state;
    check_shares(3000, expected);
}

/* 7, 6 and 6 problems: quotas 0.7 2.8 2.1 1.4 and 0.6 2.4 1.8 1.2. */
static void what_does_not_divide_goes_to_the_largest_remainders(void **state) {
    static const size_t expected[3][4] = {{1, 3, 2, 1}, {1, 2, 2, 1}, {1, 2, 2, 1}};

    (void)state;
    check_shares(19, expected);
}

static void an_empty_set_splits_into_nothing(void **state) {
    static const size_t expected[3][4] = {{0}};

    (void)state;
    check_shares(0, expected);
}

static void another_order_of_the_input_gives_the_same_parts(void **state) {
    enum { COUNT = 2000 };
    struct split_shares shares = shares_of(SHARES);
    struct split a, b;
    struct random random;
    size_t order[COUNT];

    (void)state;
    split_init(&a, 5);
    split_init(&b, 5);
    random_start(&random, &(struct random_name){.purpose = "test"});
    random_permutation(&random, COUNT, order);
    for (size_t i = 0; i < COUNT; i++) {
        add(&a, i);
        add(&b, order[i]);
    }
    split_cut(&a, &shares, NULL);
    split_cut(&b, &shares, NULL);
    for (size_t i = 0; i < COUNT; i++)
        assert_string_equal(split_part(&b, &shares, i), split_part(&a, &shares, order[i]));
    split_free(&a);
    split_free(&b);
    split_shares_free(&shares);
}

/* Two independent splits agree on 0.1² + 0.4² + 0.3² + 0.2² = 30 % of the problems. */
static void another_seed_gives_another_split(void **state) {
    enum { COUNT = 3000 };
    struct split_shares shares = shares_of(SHARES);
    struct split a, b;
    size_t same = 0;

    (void)state;
    split_init(&a, 5);
    split_init(&b, 6);
    for (size_t i = 0; i < COUNT; i++) {
        add(&a, i);
        add(&b, i);
    }
    split_cut(&a, &shares, NULL);
    split_cut(&b, &shares, NULL);
    for (size_t i = 0; i < COUNT; i++)
        same += a.part[i] == b.part[i];
    assert_in_range(same, 0.26 * COUNT, 0.34 * COUNT);
    split_free(&a);
    split_free(&b);
    split_shares_free(&shares);
}

static void the_same_id_twice_is_refused_with_the_first_place(void **state) {
    struct split split;
    struct error error = {0};

    (void)state;
    split_init(&split, 0);
    for (size_t i = 0; i < 500; i++)
        add(&split, i);
    assert_false(split_add(&split, text_of("p122"), text_of("geometry"), text_of(""), &error));
    assert_non_null(strstr(error.text, "record 123 "));
    assert_true(split_add(&split, text_of("p500"), text_of("geometry"), text_of(""), &error));
    split_free(&split);
}

static void known_parts_of_known_ids_stay_what_they_are(void **state) {
    static const char expected[] = "veelleelvllwewllvlwe";
    struct split_shares shares = shares_of(SHARES);
    struct split split;
    char parts[21] = "";

    (void)state;
    split_init(&split, 0);
    for (size_t i = 0; i < 20; i++)
        add(&split, i);
    split_cut(&split, &shares, NULL);
    for (size_t i = 0; i < 20; i++)
        parts[i] = split_part(&split, &shares, i)[0];
    assert_string_equal(parts, expected);
    split_free(&split);
    split_shares_free(&shares);
}

static void shares_of_any_sum_and_number_are_read(void **state) {
    struct split_shares shares = shares_of("train=3,test=0.5");

    (void)state;
    assert_int_equal(shares.count, 2);
    assert_string_equal(shares.names[1], "test");
    assert_true(shares.weights[1] == 0.5);
    split_shares_free(&shares);
}

static void shares_that_make_no_sense_are_refused(void **state) {
    static const char *const wrong[] = {"",         "weak",        "weak=",       "=10",
                                        "weak=0",   "weak=-1",     "weak=10,",    "weak=nan",
                                        "weak=inf", "a=1,b=2,a=3", "weak=10;b=3", "weak=1e300"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct split_shares shares;
        struct error error = {0};
        assert_false(split_shares_parse(&shares, wrong[i], &error));
        assert_non_null(strstr(error.text, "share"));
    }
}

/* ---- the dataset's own splits ---- */

#define SOURCES "weak=train,lock=train,elicit=test+train,validation=test"

/* Cuts 60 % train and 40 % test problems by SOURCES; counts[part][0: train, 1: test]. */
static size_t cut_by_sources(size_t count, bool both, size_t counts[4][2]) {
    struct split_shares shares = shares_of(SHARES);
    struct split_sources sources;
    struct error error = {0};
    struct split split;

    assert_true(split_sources_parse(&sources, &shares, SOURCES, &error));
    split_init(&split, 1);
    for (size_t i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof id, "p%zu", i);
        assert_true(split_add(&split, text_of(id), text_of(domains[i % 3]),
                              text_of(both && i % 5 < 3 ? "train" : "test"), &error));
    }
    size_t misplaced = split_cut(&split, &shares, &sources);
    memset(counts, 0, 4 * sizeof *counts);
    for (size_t i = 0; i < count; i++)
        counts[split.part[i]][both && i % 5 < 3 ? 0 : 1]++;
    split_free(&split);
    split_sources_free(&sources);
    split_shares_free(&shares);
    return misplaced;
}

/* 12,000 problems: 7,200 train, 4,800 test. */
static void parts_take_their_problems_from_the_splits_named(void **state) {
    static const size_t expected[4][2] = {{1200, 0}, {4800, 0}, {1200, 2400}, {0, 2400}};
    size_t counts[4][2];

    (void)state;
    assert_int_equal(cut_by_sources(12000, true, counts), 0);
    assert_memory_equal(counts, expected, sizeof counts);
}

static void a_set_of_one_split_gives_all_parts(void **state) {
    static const size_t expected[4][2] = {{0, 300}, {0, 1200}, {0, 900}, {0, 600}};
    size_t counts[4][2];

    (void)state;
    assert_int_equal(cut_by_sources(3000, false, counts), 0);
    assert_memory_equal(counts, expected, sizeof counts);
}

/* One domain with 1 train and 9 test problems: weak or lock must take 4 test ones. */
static void where_a_split_is_too_small_the_rest_is_counted(void **state) {
    struct split_shares shares = shares_of(SHARES);
    struct split_sources sources;
    struct error error = {0};
    struct split split;
    size_t counts[4] = {0};

    (void)state;
    assert_true(split_sources_parse(&sources, &shares, SOURCES, &error));
    split_init(&split, 1);
    for (size_t i = 0; i < 10; i++) {
        char id[32];
        snprintf(id, sizeof id, "p%zu", i);
        assert_true(split_add(&split, text_of(id), text_of(""), text_of(i == 0 ? "train" : "test"),
                              &error));
    }
    assert_int_equal(split_cut(&split, &shares, &sources), 4);
    for (size_t i = 0; i < 10; i++)
        counts[split.part[i]]++;
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 4);
    assert_int_equal(counts[2], 3);
    assert_int_equal(counts[3], 2);
    split_free(&split);
    split_sources_free(&sources);
    split_shares_free(&shares);
}

static void sources_that_are_misspelt_are_refused(void **state) {
    static const char *const texts[] = {"",
                                        "weak",
                                        "weak=",
                                        "=train",
                                        "other=train",
                                        "weak=a,weak=b",
                                        "weak=a++b",
                                        "weak=a,",
                                        "weak=a+",
                                        "weak=1+2+3+4+5+6+7+8+9"};
    struct split_shares shares = shares_of(SHARES);

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct split_sources sources;
        struct error error = {0};
        if (split_sources_parse(&sources, &shares, texts[i], &error))
            fail_msg("'%s' is accepted", texts[i]);
        assert_string_not_equal(error.text, "");
    }
    split_shares_free(&shares);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_domain_is_split_in_exact_shares),
        cmocka_unit_test(what_does_not_divide_goes_to_the_largest_remainders),
        cmocka_unit_test(an_empty_set_splits_into_nothing),
        cmocka_unit_test(another_order_of_the_input_gives_the_same_parts),
        cmocka_unit_test(another_seed_gives_another_split),
        cmocka_unit_test(the_same_id_twice_is_refused_with_the_first_place),
        cmocka_unit_test(known_parts_of_known_ids_stay_what_they_are),
        cmocka_unit_test(shares_of_any_sum_and_number_are_read),
        cmocka_unit_test(shares_that_make_no_sense_are_refused),
        cmocka_unit_test(parts_take_their_problems_from_the_splits_named),
        cmocka_unit_test(a_set_of_one_split_gives_all_parts),
        cmocka_unit_test(where_a_split_is_too_small_the_rest_is_counted),
        cmocka_unit_test(sources_that_are_misspelt_are_refused),
    };

    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
