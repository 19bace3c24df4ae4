/* Philox4x32-10 against its published answers, and the laws of what is drawn from it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static struct random start(uint64_t seed, const char *purpose) {
    struct random random;
    random_start(&random, &(struct random_name){.seed = seed, .purpose = purpose});
    return random;
}

/* The vectors of Random123 (kat_vectors, philox4x32 10). */
static void the_block_function_gives_the_published_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t out[4];
        philox4x32(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].answer, sizeof out);
    }
}

/* What every stored result rests on: these numbers must never change. */
static void a_named_sequence_is_the_same_on_every_machine(void **state) {
    (void)state;
    static const uint32_t first[6] = {0x16690c96, 0xcbd0e561, 0xdebad0a3,
                                      0x28e71422, 0xd18d402d, 0xb61380d4};
    struct random random;
    random_start(&random, &(struct random_name){.seed = 42,
                                                .purpose = "sample",
                                                .id = text_of("p-1"),
                                                .sample = 3,
                                                .epoch = 2,
                                                .round = 1});
    for (int i = 0; i < 6; i++)
        assert_int_equal(random_u32(&random), first[i]);
}

static void the_same_name_gives_the_same_numbers_again(void **state) {
    (void)state;
    struct random a = start(1, "shuffle"), b = start(1, "shuffle");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(random_u64(&a), random_u64(&b));
}

/* Of names that differ in any one part, or only in where a part ends, no two begin alike. */
static void every_part_of_the_name_counts(void **state) {
    (void)state;
    const struct random_name names[] = {
        {0},
        {.seed = 1},
        {.seed = UINT64_C(1) << 63},
        {.purpose = "a"},
        {.purpose = "ab"},
        {.purpose = "a", .id = {"b", 1}},
        {.id = {"ab", 2}},
        {.id = {"\0", 1}},
        {.id = {"\0\0", 2}},
        {.sample = 1},
        {.epoch = 1},
        {.round = 1},
        {.sample = 1, .epoch = 1},
    };
    enum { COUNT = sizeof names / sizeof names[0] };
    uint64_t first[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        struct random random;
        random_start(&random, &names[i]);
        first[i] = random_u64(&random);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(first[i], first[k]);
    }
}

static void sequences_of_neighbouring_names_are_uncorrelated(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    struct random a = start(1, "x"), b = start(2, "x");
    double product = 0;
    for (int i = 0; i < COUNT; i++)
        product += (random_uniform(&a) - 0.5) * (random_uniform(&b) - 0.5);
    /* Each term has deviation 1/12. */
    assert_true(fabs(product) < 5 * sqrt(COUNT) / 12);
}

static void the_counter_carries_over(void **state) {
    (void)state;
    struct random random = start(1, "x");
    random.counter[0] = UINT32_MAX;
    random.counter[1] = 7;
    random.used = 4;
    random_u32(&random);
    assert_int_equal(random.counter[0], 0);
    assert_int_equal(random.counter[1], 8);
}

static void bounded_numbers_fall_evenly(void **state) {
    (void)state;
    enum { DRAWS = 70000, LIMIT = 7 };
    struct random random = start(3, "x");
    double counts[LIMIT] = {0}, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t drawn = random_below(&random, LIMIT);
        assert_true(drawn < LIMIT);
        counts[drawn]++;
    }
    for (int i = 0; i < LIMIT; i++) {
        double difference = counts[i] - (double)DRAWS / LIMIT;
        squares += difference * difference / ((double)DRAWS / LIMIT);
    }
    assert_true(squares < 22.5); /* chi-square of 6 degrees: p = 0.001 */
}

/* With a limit of 3/4 of all numbers, plain multiplication would give some of them twice as often.
 */
static void a_limit_near_the_largest_number_is_unbiased_too(void **state) {
    (void)state;
    enum { DRAWS = 30000 };
    const uint64_t limit = UINT64_C(3) << 62;
    struct random random = start(4, "x");
    double thirds[3] = {0}, odd = 0;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t drawn = random_below(&random, limit);
        assert_true(drawn < limit);
        thirds[drawn >> 62]++;
        odd += (double)(drawn % 3 == 0);
    }
    for (int i = 0; i < 3; i++)
        assert_true(fabs(thirds[i] - DRAWS / 3.0) < 5 * sqrt(DRAWS * 2 / 9.0));
    assert_true(fabs(odd - DRAWS / 3.0) < 5 * sqrt(DRAWS * 2 / 9.0));
}

static void a_limit_of_one_gives_zero(void **state) {
    (void)state;
    struct random random = start(5, "x");
    for (int i = 0; i < 100; i++)
        assert_int_equal(random_below(&random, 1), 0);
}

static void uniform_numbers_stay_below_one_and_have_their_moments(void **state) {
    (void)state;
    enum { DRAWS = 100000 };
    struct random random = start(6, "x");
    double sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        double drawn = random_uniform(&random);
        assert_true(drawn >= 0 && drawn < 1);
        sum += drawn;
        squares += drawn * drawn;
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 5 * sqrt(1.0 / 12 / DRAWS));
    assert_true(fabs(squares / DRAWS - 1.0 / 3) < 5 * sqrt(4.0 / 45 / DRAWS));
}

static void normal_numbers_have_their_moments(void **state) {
    (void)state;
    enum { DRAWS = 100000 };
    struct random random = start(7, "x");
    double moments[5] = {0}, beyond = 0;
    for (int i = 0; i < DRAWS; i++) {
        double drawn = random_normal(&random);
        assert_true(isfinite(drawn));
        for (int power = 1; power <= 4; power++)
            moments[power] += pow(drawn, power) / DRAWS;
        beyond += fabs(drawn) > 1.959964;
    }
    /* Variances of x, x², x³, x⁴: 1, 2, 15, 96. */
    assert_true(fabs(moments[1]) < 5 * sqrt(1.0 / DRAWS));
    assert_true(fabs(moments[2] - 1) < 5 * sqrt(2.0 / DRAWS));
    assert_true(fabs(moments[3]) < 5 * sqrt(15.0 / DRAWS));
    assert_true(fabs(moments[4] - 3) < 5 * sqrt(96.0 / DRAWS));
    assert_true(fabs(beyond / DRAWS - 0.05) < 5 * sqrt(0.05 * 0.95 / DRAWS));
}

static void a_permutation_has_every_place_once(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    struct random random = start(8, "x");
    size_t order[COUNT], moved = 0;
    char seen[COUNT] = {0};
    random_permutation(&random, COUNT, order);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(order[i] < COUNT);
        assert_int_equal(seen[order[i]]++, 0);
        moved += order[i] != i;
    }
    assert_true(moved > COUNT - 20);
    random_permutation(&random, 0, order);
    random_permutation(&random, 1, order);
    assert_int_equal(order[0], 0);
}

static void all_orders_of_three_are_equally_likely(void **state) {
    (void)state;
    enum { DRAWS = 12000 };
    struct random random = start(9, "x");
    double counts[27] = {0};
    for (int i = 0; i < DRAWS; i++) {
        size_t order[3];
        random_permutation(&random, 3, order);
        counts[order[0] * 9 + order[1] * 3 + order[2]]++;
    }
    int kinds = 0;
    for (int i = 0; i < 27; i++) {
        if (counts[i] == 0)
            continue;
        kinds++;
        assert_true(fabs(counts[i] - DRAWS / 6.0) < 5 * sqrt(DRAWS * 5 / 36.0));
    }
    assert_int_equal(kinds, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_block_function_gives_the_published_answers),
        cmocka_unit_test(a_named_sequence_is_the_same_on_every_machine),
        cmocka_unit_test(the_same_name_gives_the_same_numbers_again),
        cmocka_unit_test(every_part_of_the_name_counts),
        cmocka_unit_test(sequences_of_neighbouring_names_are_uncorrelated),
        cmocka_unit_test(the_counter_carries_over),
        cmocka_unit_test(bounded_numbers_fall_evenly),
        cmocka_unit_test(a_limit_near_the_largest_number_is_unbiased_too),
        cmocka_unit_test(a_limit_of_one_gives_zero),
        cmocka_unit_test(uniform_numbers_stay_below_one_and_have_their_moments),
        cmocka_unit_test(normal_numbers_have_their_moments),
        cmocka_unit_test(a_permutation_has_every_place_once),
        cmocka_unit_test(all_orders_of_three_are_equally_likely),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
