/*
 * Comparisons of mathematical answers a second, on one core:
 *
 *     bench_math [PAIRS]
 *
 * PAIRS holds two lines a pair, the reference and an answer; otherwise pairs made here, in the
 * proportions in which forms occur among the answers of the MATH test set, half of them other
 * writings of the reference and half other values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/progress.h"
#include "base/random.h"
#include "grade/math_answer.h"

enum { MADE = 20000, REPEATS = 5, LIMIT = 1 << 28 };

struct pairs {
    struct buffer text; /* reference and answer in turn, a line each */
    size_t count;
};

/* ---- pairs made here ---- */

static void add(struct pairs *pairs, const char *reference, const char *answer) {
    buffer_format(&pairs->text, "%s\n%s\n", reference, answer);
    pairs->count++;
}

/* One pair of the form that `kind` in [0, 100) falls on; `off` is what the answer is wrong by. */
static void make_pair(struct pairs *pairs, int kind, int a, int b, int off) {
    char reference[256], answer[256];
    int c = a + 2;

    if (kind < 45) {
        snprintf(reference, sizeof reference, "%d", a * b);
        snprintf(answer, sizeof answer, "%d.0", a * b + off);
    } else if (kind < 65) {
        snprintf(reference, sizeof reference, "\\frac{%d}{%d}", a, b);
        snprintf(answer, sizeof answer, "\\dfrac{%d}{%d}", 3 * a + off, 3 * b);
    } else if (kind < 75) {
        snprintf(reference, sizeof reference, "%d\\sqrt{%d}", a, b);
        snprintf(answer, sizeof answer, "\\sqrt{%d}", a * a * b + off);
    } else if (kind < 81) {
        snprintf(reference, sizeof reference, "(%d,\\frac{%d}{7})", a, b);
        snprintf(answer, sizeof answer, "\\left(%d.0, %d/7\\right)", a + off, b);
    } else if (kind < 87) {
        snprintf(reference, sizeof reference, "x^2+%dx+%d", a + c, a * c);
        snprintf(answer, sizeof answer, "(x+%d)(x+%d)", a + off, c);
    } else if (kind < 91) {
        snprintf(reference, sizeof reference, "\\frac{%d\\pi}{%d}", a, b);
        snprintf(answer, sizeof answer, "%d\\pi/%d", a + off, b);
    } else if (kind < 94) {
        snprintf(reference, sizeof reference, "\\begin{pmatrix} %d \\\\ %d/3 \\end{pmatrix}", a, b);
        snprintf(answer, sizeof answer, "\\begin{bmatrix} %d \\\\ \\frac{%d}{3} \\end{bmatrix}", a,
                 b + off);
    } else if (kind < 97) {
        snprintf(reference, sizeof reference, "(-\\infty,%d]\\cup(%d,\\infty)", a, a + b);
        snprintf(answer, sizeof answer, "x\\le %d \\text{ or } x>%d", a + off, a + b);
    } else {
        snprintf(reference, sizeof reference, "%d+\\sqrt{%d},%d-\\sqrt{%d}", a, b, a, b);
        snprintf(answer, sizeof answer, "%d \\pm \\sqrt{%d}", a, b + off);
    }
    add(pairs, reference, answer);
}

static void make_pairs(struct pairs *pairs) {
    struct random random;

    random_start(&random, &(struct random_name){.purpose = "bench math"});
    for (int i = 0; i < MADE; i++) {
        int a = 2 + (int)random_below(&random, 97), b = 2 + (int)random_below(&random, 97);
        make_pair(pairs, (int)random_below(&random, 100), a, b, i & 1);
    }
}

static void read_pairs(struct pairs *pairs, const char *path) {
    struct error error = {0};

    if (!file_read(path, LIMIT, &pairs->text, &error)) {
        fprintf(stderr, "bench_math: %s\n", error.text);
        exit(1);
    }
    for (size_t i = 0; i < pairs->text.size; i++)
        pairs->count += pairs->text.data[i] == '\n';
    pairs->count /= 2;
}

/* ---- measuring ---- */

static struct text next_line(const char **at) {
    struct text line = {*at, strcspn(*at, "\n")};
    *at += line.size + 1;
    return line;
}

static double seconds_of(const struct pairs *pairs, enum math_equivalence equivalence,
                         size_t *equal) {
    struct math_grader *grader = math_grader_open(MATH_LATEX, equivalence);
    const char *at = (const char *)pairs->text.data;
    double start = monotonic_seconds();

    *equal = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        struct text reference = next_line(&at), answer = next_line(&at);
        *equal += math_equivalent(grader, reference, answer, NULL) >= MATH_EQUAL;
    }
    math_grader_close(grader);
    return monotonic_seconds() - start;
}

static void measure(const struct pairs *pairs, enum math_equivalence equivalence,
                    const char *name) {
    double best = 1e9;
    size_t equal = 0;

    for (int i = 0; i < REPEATS; i++) {
        double seconds = seconds_of(pairs, equivalence, &equal);
        best = seconds < best ? seconds : best;
    }
    printf("%-9s pairs=%zu equal=%zu comparisons_per_s=%.0f\n", name, pairs->count, equal,
           (double)pairs->count / best);
}

int main(int argc, char **argv) {
    struct pairs pairs = {0};

    if (argc > 1)
        read_pairs(&pairs, argv[1]);
    else
        make_pairs(&pairs);
    buffer_append(&pairs.text, "", 1);
    measure(&pairs, MATH_STRING, "string");
    measure(&pairs, MATH_SYMBOLIC, "symbolic");
    buffer_free(&pairs.text);
    return 0;
}
