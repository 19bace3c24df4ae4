/* The book of cache pages: what is shared, what is given anew, in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "infer/pages.h"

static void fill(int32_t *tokens, int32_t first) {
    for (int32_t i = 0; i < PAGE_SIZE; i++)
        tokens[i] = first + i;
}

static void pages_are_given_until_all_are_held(void **state) {
    (void)state;
    struct pages *pages = pages_open(3);
    bool seen[3] = {false};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pages_available(pages), 3 - i);
        int32_t page = pages_take(pages);
        assert_in_range(page, 0, 2);
        assert_false(seen[page]);
        seen[page] = true;
    }
    assert_int_equal(pages_take(pages), -1);
    pages_release(pages, 1);
    assert_int_equal(pages_available(pages), 1);
    assert_int_equal(pages_take(pages), 1);
    pages_close(pages);
}

static void a_published_page_is_found_by_its_parent_and_all_its_tokens(void **state) {
    (void)state;
    struct pages *pages = pages_open(8);
    int32_t first[PAGE_SIZE], second[PAGE_SIZE], other[PAGE_SIZE];
    fill(first, 0);
    fill(second, 100);
    fill(other, 0);
    other[PAGE_SIZE - 1]++;
    int32_t a = pages_take(pages), b = pages_take(pages);
    assert_int_equal(pages_find(pages, -1, first), -1);
    pages_publish(pages, a, -1, first);
    pages_publish(pages, b, a, second);
    assert_int_equal(pages_find(pages, -1, first), a);
    assert_int_equal(pages_find(pages, a, second), b);
    assert_int_equal(pages_find(pages, -1, second), -1);
    assert_int_equal(pages_find(pages, b, second), -1);
    assert_int_equal(pages_find(pages, -1, other), -1);
    pages_close(pages);
}

static void a_published_page_outlives_its_holders_until_its_place_is_needed(void **state) {
    (void)state;
    struct pages *pages = pages_open(2);
    int32_t tokens[PAGE_SIZE];
    fill(tokens, 7);
    int32_t a = pages_take(pages);
    pages_publish(pages, a, -1, tokens);
    pages_release(pages, a);
    assert_int_equal(pages_available(pages), 2);
    assert_int_equal(pages_find(pages, -1, tokens), a);
    pages_release(pages, a);
    assert_true(pages_take(pages) >= 0);
    assert_true(pages_take(pages) >= 0);
    assert_int_equal(pages_find(pages, -1, tokens), -1);
    pages_close(pages);
}

static void a_page_goes_before_the_one_it_stands_behind(void **state) {
    (void)state;
    struct pages *pages = pages_open(2);
    int32_t first[PAGE_SIZE], second[PAGE_SIZE];
    fill(first, 0);
    fill(second, 100);
    int32_t a = pages_take(pages), b = pages_take(pages);
    pages_publish(pages, a, -1, first);
    pages_publish(pages, b, a, second);
    pages_release(pages, a); /* the parent is given back first */
    pages_release(pages, b);
    assert_int_equal(pages_take(pages), b);
    assert_int_equal(pages_find(pages, -1, first), a);
    pages_close(pages);
}

static void two_equal_pages_are_known_once(void **state) {
    (void)state;
    struct pages *pages = pages_open(4);
    int32_t tokens[PAGE_SIZE];
    fill(tokens, 3);
    int32_t a = pages_take(pages), b = pages_take(pages);
    pages_publish(pages, a, -1, tokens);
    pages_publish(pages, b, -1, tokens);
    assert_int_equal(pages_find(pages, -1, tokens), a);
    pages_release(pages, b);
    assert_int_equal(pages_take(pages), b); /* it was never published, so it is free */
    pages_close(pages);
}

/* Chains of random sequences come and go; every page is either held or can be had. */
static void no_page_is_ever_lost(void **state) {
    (void)state;
    enum { PAGES = 40, SEQUENCES = 6, DEPTH = 5 };
    struct pages *pages = pages_open(PAGES);
    struct random random;
    random_start(&random, &(struct random_name){.seed = 5, .purpose = "test"});
    int32_t chain[SEQUENCES][DEPTH];
    int length[SEQUENCES] = {0};
    for (int round = 0; round < 20000; round++) {
        int s = (int)random_below(&random, SEQUENCES);
        for (int i = 0; i < length[s]; i++)
            pages_release(pages, chain[s][i]);
        length[s] = (int)random_below(&random, DEPTH + 1);
        for (int i = 0; i < length[s]; i++) {
            int32_t tokens[PAGE_SIZE], parent = i > 0 ? chain[s][i - 1] : -1;
            fill(tokens, (int32_t)random_below(&random, 3));
            int32_t page = pages_find(pages, parent, tokens);
            if (page < 0) {
                page = pages_take(pages);
                assert_in_range(page, 0, PAGES - 1);
                if (random_below(&random, 4) > 0)
                    pages_publish(pages, page, parent, tokens);
            }
            chain[s][i] = page;
        }
    }
    for (int s = 0; s < SEQUENCES; s++)
        for (int i = 0; i < length[s]; i++)
            pages_release(pages, chain[s][i]);
    assert_int_equal(pages_available(pages), PAGES);
    for (int i = 0; i < PAGES; i++)
        assert_true(pages_take(pages) >= 0);
    assert_int_equal(pages_take(pages), -1);
    pages_close(pages);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_given_until_all_are_held),
        cmocka_unit_test(a_published_page_is_found_by_its_parent_and_all_its_tokens),
        cmocka_unit_test(a_published_page_outlives_its_holders_until_its_place_is_needed),
        cmocka_unit_test(a_page_goes_before_the_one_it_stands_behind),
        cmocka_unit_test(two_equal_pages_are_known_once),
        cmocka_unit_test(no_page_is_ever_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
