/*
 * Row operations against the float64 reference: rotation, SwiGLU, GELU, embedding, gathering, sums.
 */
#include "include/kernel_fixture.h"

struct shape {
    int64_t T, D;
};

/* The last is work enough for all threads. */
static const struct shape shapes[] = {{1, 1}, {2, 7}, {18, 128}, {35, 100}, {67, 33}, {900, 900}};

enum { SHAPES = sizeof shapes / sizeof *shapes };

static void for_shapes(struct fixture *f, void (*check)(struct fixture *, struct shape, int)) {
    for (int i = 0; i < SHAPES; i++)
        for (int variant = 0; variant < 2; variant++) {
            clear(f);
            check(f, shapes[i], variant);
        }
}

static void check_swiglu(struct fixture *f, struct shape s, int variant) {
    int64_t size = s.T * s.D;
    /* variant 1: gates so large that their exponentials overflow f32 */
    double *x = random_reals(f, 2 * size, variant ? 200 : 4), *dy = random_reals(f, size, 1);
    double *y = zeros(size), *dx = zeros(2 * size);
    struct tensor xt = place(f, f->activations, s.T, 2 * s.D, x),
                  yt = blank(f, f->activations, s.T, s.D);
    struct tensor dyt = place(f, f->activations, s.T, s.D, dy);
    struct tensor dxt = blank(f, f->activations, s.T, 2 * s.D);
    reference_swiglu(y, x, s.T, s.D);
    reference_swiglu_backward(dx, dy, x, s.T, s.D);
    swiglu_forward(f->device, yt, xt);
    swiglu_backward(f->device, dxt, dyt, xt);
    expect_success(f);
    /* Where the gate is far below zero the result is next to nothing. */
    if (size > 1 || !variant) {
        expect_near(f, "y", yt, y, 1e-6);
        expect_near(f, "dgate_up", dxt, dx, 1e-6);
    }
    expect_untouched_around("y", yt);
    expect_untouched_around("dgate_up", dxt);
    free(x), free(dy), free(y), free(dx);
}

static void swiglus(struct fixture *f) {
    for_shapes(f, check_swiglu);
}

static void swiglu_and_its_gradient_equal_the_reference(void **state) {
    (void)state;
    on_every_device(swiglus);
}

/* variant 1: the exact form; inputs where Φ is next to nothing, and up to 200 where it is. */
static void check_gelu(struct fixture *f, struct shape s, int variant) {
    int64_t size = s.T * s.D;
    enum gelu_form form = variant ? GELU_EXACT : GELU_TANH;
    double *x = random_reals(f, size, 5), *dy = random_reals(f, size, 1);
    double *y = zeros(size), *dx = zeros(size);
    for (int64_t i = 0; i < size; i += 7)
        x[i] *= 40;
    struct tensor xt = place(f, f->activations, s.T, s.D, x),
                  yt = blank(f, f->activations, s.T, s.D);
    struct tensor dyt = place(f, f->activations, s.T, s.D, dy),
                  dxt = blank(f, f->activations, s.T, s.D);
    for (int64_t i = 0; i < size; i++) {
        y[i] = reference_gelu(x[i], variant);
        dx[i] = dy[i] * reference_gelu_slope(x[i], variant);
    }
    gelu_forward(f->device, yt, xt, form);
    gelu_backward(f->device, dxt, dyt, xt, form);
    expect_success(f);
    if (size > 1) { /* the only one is far below zero or far above */
        expect_near(f, "y", yt, y, 2e-7);
        expect_near(f, "dx", dxt, dx, 1e-6);
    }
    expect_untouched_around("y", yt);
    expect_untouched_around("dx", dxt);
    gelu_backward(f->device, dyt, dyt, xt, form);
    assert_int_equal(bits_of(dyt), bits_of(dxt));
    free(x), free(dy), free(y), free(dx);
}

static void gelus(struct fixture *f) {
    for_shapes(f, check_gelu);
}

static void gelu_and_its_gradient_equal_the_reference(void **state) {
    (void)state;
    on_every_device(gelus);
}

/* Units in the last place, of the result where it is not small and of 1/16 of x where it is. */
static double ulps(double got, double want, double x) {
    int exponent;
    frexp(fmax(fabs(want), fabs(x) / 16), &exponent);
    return fabs(got - want) / ldexp(1, exponent - 24);
}

static void walk(struct fixture *f) {
    enum { N = 20001, HALF = 10000 };
    clear(f);
    double *x = zeros(N);
    for (int i = 0; i < N; i++)
        x[i] = (i - HALF) * 1e-3;
    struct tensor xt = place(f, DTYPE_F32, 1, N, x), y = room(f, 1, N);
    for (int exact = 0; exact < 2; exact++) {
        gelu_forward(f->device, y, xt, exact ? GELU_EXACT : GELU_TANH);
        expect_success(f);
        float *all = fetch(f, y);
        for (int i = 0; i < N; i++) {
            double want = reference_gelu(x[i], exact), got = (double)all[i];
            if (!(ulps(got, want, x[i]) <= 8))
                fail_msg("%s: gelu(%g) is %.9g, not %.9g", f->isa, x[i], got, want);
        }
        free(all);
    }
    free(x);
}

static void gelu_is_right_to_a_few_units_in_the_last_place(void **state) {
    (void)state;
    on_every_device(walk);
}

/* Three heads of D/2·2 columns; variant 1 leaves the last columns of a head alone. */
static void check_rotary(struct fixture *f, struct shape s, int variant) {
    int64_t C = (s.D + 1) / 2 * 2, pairs = variant && C > 2 ? C / 2 - 1 : C / 2, places = 50;
    double *x = random_reals(f, s.T * 3 * C, 1), *cosine = zeros(places * pairs);
    double *sine = zeros(places * pairs);
    for (int64_t i = 0; i < places * pairs; i++) {
        double angle = 100 * random_real(f);
        cosine[i] = cos(angle);
        sine[i] = sin(angle);
    }
    int32_t *ids = random_ids(f, s.T, places);
    struct tensor xt = place(f, f->activations, s.T, 3 * C, x), it = place_ids(f, s.T, ids);
    struct tensor ct = place(f, DTYPE_F32, places, pairs, cosine);
    struct tensor st = place(f, DTYPE_F32, places, pairs, sine);
    double *y = zeros(s.T * 3 * C);
    memcpy(y, x, (size_t)(s.T * 3 * C) * sizeof *y);
    reference_rotary(y, ids, cosine, sine, s.T, 3, C, pairs, false);
    rotary(f->device, xt, it, ct, st, 3, false);
    expect_near(f, "turned", xt, y, 1e-6);
    rotary(f->device, xt, it, ct, st, 3, true);
    expect_success(f);
    expect_near(f, "turned back", xt, x, 1e-6);
    expect_untouched_around("x", xt);
    free(x), free(cosine), free(sine), free(ids), free(y);
}

static void rotations(struct fixture *f) {
    for_shapes(f, check_rotary);
}

static void rotation_equals_the_reference_and_turns_back(void **state) {
    (void)state;
    on_every_device(rotations);
}

/* variant 1: weights in bf16 */
static void check_embedding(struct fixture *f, struct shape s, int variant) {
    enum { V = 11 };
    double *w = random_reals(f, V * s.D, 1), *dw = random_reals(f, V * s.D, 1);
    double *dy = random_reals(f, s.T * s.D, 1), *y = zeros(s.T * s.D);
    int32_t *ids = random_ids(f, s.T, V);
    struct tensor wt = place(f, variant ? DTYPE_BF16 : DTYPE_F32, V, s.D, w);
    struct tensor dwt = place(f, DTYPE_F32, V, s.D, dw),
                  dyt = place(f, f->activations, s.T, s.D, dy);
    struct tensor yt = blank(f, f->activations, s.T, s.D), it = place_ids(f, s.T, ids);
    for (int64_t t = 0; t < s.T; t++)
        for (int64_t d = 0; d < s.D; d++) {
            y[t * s.D + d] = w[ids[t] * s.D + d];
            dw[ids[t] * s.D + d] += dy[t * s.D + d];
        }
    embedding_forward(f->device, yt, it, wt);
    embedding_backward(f->device, dwt, dyt, it);
    expect_success(f);
    expect_near(f, "y", yt, y, 0);
    expect_near(f, "dw", dwt, dw, 1e-6);
    expect_untouched_around("y", yt);
    expect_untouched_around("dw", dwt);
    free(w), free(dw), free(dy), free(y), free(ids);
}

static void embeddings(struct fixture *f) {
    for_shapes(f, check_embedding);
}

static void embedding_and_its_gradient_equal_the_reference(void **state) {
    (void)state;
    on_every_device(embeddings);
}

static void check_gathering(struct fixture *fixture) {
    clear(fixture);
    struct fixture f = *fixture;
    double *x = random_reals(&f, 5 * 3, 1), back[15] = {0};
    struct tensor xt = place(&f, f.activations, 5, 3, x), y = blank(&f, f.activations, 2, 3);
    struct tensor rows = place_ids(&f, 2, (int32_t[]){4, 1}), z = blank(&f, f.activations, 5, 3);
    gather_rows(f.device, y, xt, rows);
    scatter_rows(f.device, z, y, rows);
    expect_success(&f);
    memcpy(back + 12, x + 12, 3 * sizeof *x);
    memcpy(back + 3, x + 3, 3 * sizeof *x);
    expect_near(&f, "gathered", tensor_rows(y, 0, 1), x + 12, 0);
    expect_near(&f, "scattered", z, back, 0);
    expect_untouched_around("scattered", z);
    free(x);
}

static void gathered_rows_scatter_back_between_zeros(void **state) {
    (void)state;
    on_every_device(check_gathering);
}

/* Sequences of 0, 1, 2, … rows and what is left; variant 1 makes rows of length 1 of their means.
 */
static void check_means(struct fixture *f, struct shape s, int variant) {
    int32_t offsets[64] = {0};
    int64_t count = 0, longest = 0;
    while (offsets[count] < s.T) {
        int64_t rows = count < 30 ? count : s.T;
        rows = rows < s.T - offsets[count] ? rows : s.T - offsets[count];
        longest = rows > longest ? rows : longest;
        offsets[count + 1] = offsets[count] + (int32_t)rows;
        count++;
    }
    double *x = random_reals(f, s.T * s.D, 1), *y = zeros(count * s.D);
    struct tensor xt = place(f, f->activations, s.T, s.D, x),
                  yt = blank(f, f->activations, count, s.D);
    struct sequences sequences = {place_ids(f, count + 1, offsets), count, longest};
    for (int64_t i = 0; i < count; i++) {
        double length = 0;
        for (int64_t d = 0; d < s.D; d++) {
            for (int64_t t = offsets[i]; t < offsets[i + 1]; t++)
                y[i * s.D + d] += x[t * s.D + d] / (offsets[i + 1] - offsets[i]);
            length += y[i * s.D + d] * y[i * s.D + d];
        }
        for (int64_t d = 0; variant && length > 0 && d < s.D; d++)
            y[i * s.D + d] /= sqrt(length);
    }
    mean_rows(f->device, yt, xt, sequences);
    if (variant)
        normalize_rows(f->device, yt);
    expect_success(f);
    expect_near(f, "means", yt, y, 1e-6);
    expect_untouched_around("means", yt);
    add_rows(f->device, yt, yt);
    for (int64_t i = 0; i < count * s.D; i++)
        y[i] *= 2;
    expect_near(f, "twice the means", yt, y, 1e-6);
    free(x), free(y);
}

static void means(struct fixture *f) {
    for_shapes(f, check_means);
}

static void means_of_sequences_equal_the_reference(void **state) {
    (void)state;
    on_every_device(means);
}

static void check_bad_ids(struct fixture *fixture) {
    clear(fixture);
    struct fixture f = *fixture;
    struct tensor w = room(&f, 10, 4), y = room(&f, 3, 4), table = room(&f, 8, 1);
    struct tensor ids = place_ids(&f, 3, (int32_t[]){2, 10, 3});
    struct tensor below = place_ids(&f, 3, (int32_t[]){2, 3, -1});
    embedding_forward(f.device, y, ids, w);
    expect_failure(&f, "embedding_forward: tokens has 10 at place 1; it must lie in 0 ... 9");
    embedding_backward(f.device, w, y, below);
    expect_failure(&f, "embedding_backward: tokens has -1 at place 2; it must lie in 0 ... 9");
    gather_rows(f.device, y, w, ids);
    expect_failure(&f, "gather_rows: rows has 10 at place 1; it must lie in 0 ... 9");
    scatter_rows(f.device, w, y, below);
    expect_failure(&f, "scatter_rows: rows has -1 at place 2; it must lie in 0 ... 9");
    rotary(f.device, y, ids, table, table, 2, false);
    expect_failure(&f, "rotary: positions has 10 at place 1; it must lie in 0 ... 7");
    rotary(f.device, y, ids, table, table, 3, false);
    expect_failure(&f, "rotary: x has 4 columns for 3 heads and tables of 1 angles; heads must "
                       "divide the columns, and a head hold two of each angle");
    gelu_forward(f.device, y, y, (enum gelu_form)7);
    expect_failure(&f, "gelu_forward: form 7 is neither GELU_EXACT nor GELU_TANH");
    gelu_backward(f.device, y, y, tensor_rows(y, 0, 2), GELU_TANH);
    expect_failure(&f, "gelu_backward: dy is [3,4]; it must be [2,4]");
    add_rows(f.device, y, w);
    expect_failure(&f, "add_rows: y is [3,4]; it must be [10,4]");
    mean_rows(f.device, y, w, (struct sequences){ids, 2, 4});
    expect_failure(&f, "mean_rows: y is [3,4]; it must be [2,4]");
    mean_rows(f.device, tensor_rows(y, 0, 2), w, (struct sequences){ids, 2, 4});
    expect_failure(&f, "mean_rows: offsets must rise from 0 to the 10 rows, each sequence having "
                       "at most 4");
    swiglu_forward(f.device, y, room(&f, 3, 4));
    expect_failure(&f, "swiglu_forward: gate_up is [3,4]; it must be [3,8]");
}

static void ids_out_of_range_are_named_with_their_place(void **state) {
    (void)state;
    on_every_device(check_bad_ids);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swiglu_and_its_gradient_equal_the_reference),
        cmocka_unit_test(gelu_and_its_gradient_equal_the_reference),
        cmocka_unit_test(gelu_is_right_to_a_few_units_in_the_last_place),
        cmocka_unit_test(rotation_equals_the_reference_and_turns_back),
        cmocka_unit_test(embedding_and_its_gradient_equal_the_reference),
        cmocka_unit_test(means_of_sequences_equal_the_reference),
        cmocka_unit_test(gathered_rows_scatter_back_between_zeros),
        cmocka_unit_test(ids_out_of_range_are_named_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
