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
    assert_true(split_add(split, text_of(id), text_of(domains[i % 3]), &error));
}

static void check_shares(size_t count, const size_t expected[3][4]) {
    struct split_shares shares = shares_of(SHARES);
    struct split split;
    size_t counts[3][4] = {{0}};

    split_init(&split, 1);
    for (size_t i = 0; i < count; i++)
        add(&split, i);
    split_cut(&split, &shares);
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
    split_cut(&a, &shares);
    split_cut(&b, &shares);
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
    split_cut(&a, &shares);
    split_cut(&b, &shares);
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
    assert_false(split_add(&split, text_of("p122"), text_of("geometry"), &error));
    assert_non_null(strstr(error.text, "record 123 "));
    assert_true(split_add(&split, text_of("p500"), text_of("geometry"), &error));
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
    split_cut(&split, &shares);
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
    };

    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
