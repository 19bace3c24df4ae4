/* Hashed n-grams: what they see of a text and what not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/ngrams.h"

static double cosine(const char *a, const char *b) {
    float x[NGRAM_DIMENSIONS], y[NGRAM_DIMENSIONS];
    double sum = 0;
    ngram_vector(text_of(a), x);
    ngram_vector(text_of(b), y);
    for (int i = 0; i < NGRAM_DIMENSIONS; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

static void a_vector_has_unit_length_unless_there_is_nothing_to_see(void **state) {
    (void)state;
    assert_true(fabs(cosine("one", "one") - 1) < 1e-6);
    assert_true(fabs(cosine("Überlauf 溢れ", "Überlauf 溢れ") - 1) < 1e-6);
    assert_true(cosine("", "") == 0);
    assert_true(cosine(" .,;\n", "one") == 0);
}

static void similar_spelling_is_closer_than_other_words(void **state) {
    (void)state;
    assert_true(cosine("the loop iterates", "loops iterate") >
                cosine("the loop iterates", "integer overflow") + 0.2);
}

static void case_order_and_punctuation_do_not_count(void **state) {
    (void)state;
    assert_true(fabs(cosine("Off-by-one error", "error: by one, OFF!") - 1) < 1e-6);
}

static void a_word_without_end_is_bounded(void **state) {
    (void)state;
    char long_word[4096];
    for (size_t i = 0; i < sizeof long_word - 1; i++)
        long_word[i] = 'x';
    long_word[sizeof long_word - 1] = '\0';
    assert_true(fabs(cosine(long_word, long_word) - 1) < 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vector_has_unit_length_unless_there_is_nothing_to_see),
        cmocka_unit_test(similar_spelling_is_closer_than_other_words),
        cmocka_unit_test(case_order_and_punctuation_do_not_count),
        cmocka_unit_test(a_word_without_end_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
