/* Cosine similarity and its threshold. */
#include "grade/similarity.h"

#include <math.h>
#include <stdlib.h>

/* ---- cosine ---- */

static bool next_number(struct value_walk *walk, double *number) {
    struct value element;

    return value_next(walk, &element) && value_real(element, number) && isfinite(*number);
}

/* The largest magnitude: dividing by it keeps the squares of huge and tiny numbers in range. */
static bool largest_of(struct value vector, double *largest, uint64_t *count, struct error *error) {
    struct value_walk walk;
    double number;

    *largest = 0;
    *count = 0;
    if (value_type(vector) != VALUE_ARRAY || !value_array(vector, &walk, count))
        return error_set(error, "is %s; an array of numbers would be right",
                         value_type_name(value_type(vector)));
    for (uint64_t i = 0; i < *count; i++) {
        if (!next_number(&walk, &number))
            return error_set(error, "element %llu is no finite number", (unsigned long long)i + 1);
        *largest = fmax(*largest, fabs(number));
    }
    return *largest > 0 || error_set(error, *count == 0 ? "is empty; it should have the numbers of "
                                                          "a vector"
                                                        : "is all zeros and has no direction");
}

bool similarity_cosine(struct value a, struct value b, double *cosine, struct error *error) {
    double largest_a, largest_b, product = 0, square_a = 0, square_b = 0, x = 0, y = 0;
    uint64_t count_a, count_b;
    struct value_walk walk_a, walk_b;

    if (!largest_of(a, &largest_a, &count_a, error))
        return error_place(error, "field 'embedding'");
    if (!largest_of(b, &largest_b, &count_b, error))
        return error_place(error, "field 'reference_embedding'");
    if (count_a != count_b)
        return error_set(error,
                         "'embedding' has %llu numbers, 'reference_embedding' %llu; embeddings of "
                         "one model would be right",
                         (unsigned long long)count_a, (unsigned long long)count_b);
    value_array(a, &walk_a, &count_a);
    value_array(b, &walk_b, &count_b);
    while (next_number(&walk_a, &x) && next_number(&walk_b, &y)) {
        x /= largest_a;
        y /= largest_b;
        product += x * y;
        square_a += x * x;
        square_b += y * y;
    }
    /* of one root, so that equal vectors give 1 to the last bit */
    *cosine = fmax(-1, fmin(1, product / sqrt(square_a * square_b)));
    return true;
}

/* ---- calibration ---- */

static int by_similarity(const void *a, const void *b) {
    double x = ((const struct labelled *)a)->similarity;
    double y = ((const struct labelled *)b)->similarity;

    return (x > y) - (x < y);
}

/* A place for the threshold below labelled[above], and how wide the gap there is. */
static void place_threshold(const struct labelled *labelled, size_t count, size_t above,
                            double *threshold, double *width) {
    *width = 0;
    if (above == 0) {
        *threshold = labelled[0].similarity;
    } else if (above == count) {
        *threshold = nextafter(labelled[count - 1].similarity, INFINITY);
    } else {
        double low = labelled[above - 1].similarity, high = labelled[above].similarity;
        *width = high - low;
        *threshold = low + *width / 2;
        if (*threshold <= low) /* there is no number between them */
            *threshold = high;
    }
}

bool similarity_calibrate(struct labelled *labelled, size_t count, struct calibration *calibration,
                          struct error *error) {
    size_t correct = 0, agreeing;
    double widest = -1;

    *calibration = (struct calibration){0};
    for (size_t i = 0; i < count; i++)
        correct += labelled[i].correct;
    if (correct == 0 || correct == count)
        return error_set(error, "of %zu labels %zu are true; some of each kind would be right",
                         count, correct);
    qsort(labelled, count, sizeof *labelled, by_similarity);
    agreeing = correct; /* with the threshold below all */
    for (size_t i = 0; i <= count; i++) {
        double threshold, width;
        if (i > 0)
            agreeing = labelled[i - 1].correct ? agreeing - 1 : agreeing + 1;
        if (i > 0 && i < count && labelled[i - 1].similarity == labelled[i].similarity)
            continue; /* no threshold tells them apart */
        place_threshold(labelled, count, i, &threshold, &width);
        if (agreeing > calibration->agreeing ||
            (agreeing == calibration->agreeing && width > widest)) {
            *calibration = (struct calibration){threshold, agreeing};
            widest = width;
        }
    }
    return true;
}
