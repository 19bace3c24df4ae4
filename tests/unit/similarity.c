/* Cosines of hostile vectors, thresholds from labels, ratings from log-probabilities. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "grade/rating.h"
#include "grade/similarity.h"

/* A vector of `count` numbers as a value. */
static struct value vector(struct buffer *buffer, const double *numbers, size_t count) {
    buffer->size = 0;
    pack_array(buffer, count);
    for (size_t i = 0; i < count; i++)
        pack_real(buffer, numbers[i]);
    return (struct value){buffer->data, buffer->size};
}

static double cosine_of(const double *a, const double *b, size_t count) {
    struct buffer bytes_a = {0}, bytes_b = {0};
    struct error error = {0};
    double cosine = NAN;

    if (!similarity_cosine(vector(&bytes_a, a, count), vector(&bytes_b, b, count), &cosine, &error))
        fail_msg("%s", error.text);
    buffer_free(&bytes_a);
    buffer_free(&bytes_b);
    return cosine;
}

static void the_cosine_is_that_of_the_angle(void **state) {
    (void)state;
    assert_true(fabs(cosine_of((double[]){1, 2, 3}, (double[]){4, -5, 6}, 3) -
                     12 / sqrt(14.0 * 77.0)) < 1e-15);
    assert_true(cosine_of((double[]){5}, (double[]){0.1}, 1) == 1);
}

static void huge_and_tiny_vectors_neither_overflow_nor_vanish(void **state) {
    (void)state;
    assert_true(fabs(cosine_of((double[]){1e308, 1e308}, (double[]){1e-308, 0}, 2) - sqrt(0.5)) <
                1e-12);
    assert_true(fabs(cosine_of((double[]){5e-324, 5e-324}, (double[]){1, 0}, 2) - sqrt(0.5)) <
                1e-12);
}

static void a_cosine_never_leaves_minus_one_to_one(void **state) {
    (void)state;
    for (int i = 1; i < 2000; i++) {
        double a[] = {i, 1.0 / i, i % 7, sqrt(i)}, b[4];
        for (int j = 0; j < 4; j++)
            b[j] = a[j] * -3.3;
        assert_true(cosine_of(a, a, 4) <= 1);
        assert_true(cosine_of(a, b, 4) >= -1);
        assert_true(cosine_of(a, a, 4) > 1 - 1e-14);
    }
}

static void assert_calibrated(const struct labelled *given, size_t count, double threshold,
                              size_t agreeing) {
    struct labelled labelled[16];
    struct calibration found;
    struct error error = {0};

    memcpy(labelled, given, count * sizeof *given);
    if (!similarity_calibrate(labelled, count, &found, &error))
        fail_msg("%s", error.text);
    assert_int_equal(found.agreeing, agreeing);
    assert_true(fabs(found.threshold - threshold) < 1e-12);
    size_t agree = 0; /* and it does what it says */
    for (size_t i = 0; i < count; i++)
        agree += (given[i].similarity >= found.threshold) == given[i].correct;
    assert_int_equal(agree, agreeing);
}

static void the_threshold_stands_in_the_middle_of_the_gap(void **state) {
    (void)state;
    assert_calibrated((struct labelled[]){{0.9, true}, {0.5, false}}, 2, 0.7, 2);
    assert_calibrated((struct labelled[]){{0.9, true}, {0.1, false}, {0.7, true}, {0.5, false}}, 4,
                      0.6, 4);
}

static void of_gaps_as_good_the_widest_is_taken(void **state) {
    (void)state;
    /* false 0.1, true 0.2, false 0.6, true 0.7: below 0.2 and below 0.7 both agree with three */
    assert_calibrated((struct labelled[]){{0.1, false}, {0.25, true}, {0.6, false}, {0.7, true}}, 4,
                      0.175, 3);
    assert_calibrated((struct labelled[]){{0.1, false}, {0.15, true}, {0.6, false}, {0.9, true}}, 4,
                      0.75, 3);
}

static void equal_similarities_are_never_told_apart(void **state) {
    (void)state;
    assert_calibrated((struct labelled[]){{0.5, true}, {0.5, false}, {0.5, true}, {0.2, false}}, 4,
                      0.35, 3);
}

static void a_useless_similarity_leaves_all_or_none(void **state) {
    (void)state;
    /* the more similar, the worse: better to call all correct, or none */
    assert_calibrated((struct labelled[]){{0.1, true}, {0.2, true}, {0.9, false}}, 3, 0.1, 2);
    assert_calibrated((struct labelled[]){{0.1, true}, {0.8, false}, {0.9, false}}, 3,
                      nextafter(0.9, 1), 2);
}

static void neighbours_without_a_number_between_them_are_told_apart(void **state) {
    (void)state;
    assert_calibrated((struct labelled[]){{0.5, false}, {nextafter(0.5, 1), true}}, 2,
                      nextafter(0.5, 1), 2);
}

static void labels_of_one_kind_are_refused(void **state) {
    struct labelled labelled[] = {{0.5, true}, {0.6, true}};
    struct calibration found;
    struct error error = {0};

    (void)state;
    assert_false(similarity_calibrate(labelled, 2, &found, &error));
    assert_non_null(strstr(error.text, "of 2 labels 2 are true"));
    assert_false(similarity_calibrate(labelled, 0, &found, &error));
}

static void a_rating_is_the_same_however_small_the_probabilities(void **state) {
    struct buffer bytes = {0};
    struct error error = {0};

    (void)state;
    for (double shift = 0; shift > -5000; shift -= 500) {
        struct rating rating;
        bytes.size = 0;
        pack_map(&bytes, 2);
        pack_text(&bytes, text_of("2"));
        pack_real(&bytes, shift - log(4));
        pack_text(&bytes, text_of("4"));
        pack_real(&bytes, shift - log(4.0 / 3));
        assert_true(
            rating_from_logprobs((struct value){bytes.data, bytes.size}, 0, &rating, &error));
        assert_true(fabs(rating.mean - 3.5) < 1e-9);
        assert_true(fabs(rating.score - 0.625) < 1e-9);
        assert_true(fabs(rating.mass - exp(shift)) < 1e-12);
        assert_int_equal(rating.likeliest, 4);
    }
    buffer_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cosine_is_that_of_the_angle),
        cmocka_unit_test(huge_and_tiny_vectors_neither_overflow_nor_vanish),
        cmocka_unit_test(a_cosine_never_leaves_minus_one_to_one),
        cmocka_unit_test(the_threshold_stands_in_the_middle_of_the_gap),
        cmocka_unit_test(of_gaps_as_good_the_widest_is_taken),
        cmocka_unit_test(equal_similarities_are_never_told_apart),
        cmocka_unit_test(a_useless_similarity_leaves_all_or_none),
        cmocka_unit_test(neighbours_without_a_number_between_them_are_told_apart),
        cmocka_unit_test(labels_of_one_kind_are_refused),
        cmocka_unit_test(a_rating_is_the_same_however_small_the_probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
