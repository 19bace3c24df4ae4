/* Norms of rows and of heads, with their gradients, against the float64 reference. */
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

/* variant 1: gain in bf16, dx accumulates. */
static void check_rms_norm(struct fixture *f, struct shape s, int variant) {
    int64_t size = s.T * s.D;
    double *x = random_reals(f, size, 2), *gain = random_reals(f, s.D, 2);
    double *dy = random_reals(f, size, 1), *dx = random_reals(f, size, 1);
    double *dgain = random_reals(f, s.D, 1), *y = zeros(size), *scale = zeros(s.T);
    struct tensor xt = place(f, f->activations, s.T, s.D, x);
    struct tensor gt = place(f, variant ? DTYPE_BF16 : DTYPE_F32, 1, s.D, gain);
    struct tensor dyt = place(f, f->activations, s.T, s.D, dy),
                  yt = blank(f, f->activations, s.T, s.D);
    struct tensor dgt = place(f, DTYPE_F32, 1, s.D, dgain), st = room(f, 1, s.T);
    struct tensor dxt = blank(f, f->activations, s.T, s.D);
    if (variant)
        dxt = place(f, f->activations, s.T, s.D, dx);
    else
        memset(dx, 0, (size_t)size * sizeof *dx);
    double epsilon = (double)1e-5f;
    reference_rms_norm(y, scale, x, gain, s.T, s.D, epsilon);
    reference_rms_norm_backward(dx, dgain, dy, x, gain, scale, s.T, s.D);
    rms_norm_forward(f->device, yt, st, xt, gt, 1e-5f);
    rms_norm_backward(f->device, dxt, dgt, dyt, xt, gt, st, variant);
    expect_success(f);
    expect_near(f, "y", yt, y, 1e-6);
    expect_near(f, "scale", st, scale, 1e-6);
    /* One column: the two parts of dx cancel but for epsilon. */
    expect_near(f, "dx", dxt, dx, s.D == 1 ? 1e-1 : 2e-6);
    expect_near(f, "dgain", dgt, dgain, 2e-6);
    expect_untouched_around("y", yt);
    expect_untouched_around("dx", dxt);
    free(x), free(gain), free(dy), free(dx), free(dgain), free(y), free(scale);
}

static void rms_norms(struct fixture *f) {
    for_shapes(f, check_rms_norm);
}

static void the_rms_norm_and_its_gradients_equal_the_reference(void **state) {
    (void)state;
    on_every_device(rms_norms);
}

/* variant 1: gain and bias in bf16, dx accumulates; every other shape has no bias. */
static void check_layer_norm(struct fixture *f, struct shape s, int variant) {
    int64_t size = s.T * s.D;
    enum dtype type = variant ? DTYPE_BF16 : DTYPE_F32;
    bool biased = s.D % 2 == 0;
    double *x = random_reals(f, size, 2), *gain = random_reals(f, s.D, 2);
    double *bias = random_reals(f, s.D, 1), *dbias = random_reals(f, s.D, 1);
    double *dy = random_reals(f, size, 1), *dx = random_reals(f, size, 1);
    double *dgain = random_reals(f, s.D, 1), *y = zeros(size), *mean = zeros(2 * s.T);
    for (int64_t i = 0; i < size; i++)
        x[i] += 3;
    struct tensor xt = place(f, f->activations, s.T, s.D, x), gt = place(f, type, 1, s.D, gain);
    struct tensor bt = place(f, type, 1, s.D, bias), yt = blank(f, f->activations, s.T, s.D);
    struct tensor dyt = place(f, f->activations, s.T, s.D, dy),
                  dxt = blank(f, f->activations, s.T, s.D);
    struct tensor dgt = place(f, DTYPE_F32, 1, s.D, dgain), mt = room(f, 1, s.T);
    struct tensor dbt = place(f, DTYPE_F32, 1, s.D, dbias), st = room(f, 1, s.T);
    if (variant)
        dxt = place(f, f->activations, s.T, s.D, dx);
    else
        memset(dx, 0, (size_t)size * sizeof *dx);
    reference_layer_norm(y, mean, mean + s.T, x, gain, biased ? bias : NULL, s.T, s.D,
                         (double)1e-5f);
    reference_layer_norm_backward(dx, dgain, biased ? dbias : NULL, dy, x, gain, mean, mean + s.T,
                                  s.T, s.D);
    layer_norm_forward(f->device, yt, mt, st, xt, gt, biased ? bt : none, 1e-5f);
    layer_norm_backward(f->device, dxt, dgt, biased ? dbt : none, dyt, xt, gt, mt, st, variant);
    expect_success(f);
    expect_near(f, "y", yt, y, 1e-6);
    expect_near(f, "mean", mt, mean, 1e-6);
    expect_near(f, "scale", st, mean + s.T, 2e-6);
    if (s.D > 1) /* of a single column nothing is left but rounding */
        expect_near(f, "dx", dxt, dx, 3e-6);
    expect_near(f, "dgain", dgt, dgain, 3e-6);
    expect_near(f, "dbias", dbt, dbias, 2e-6);
    expect_untouched_around("y", yt);
    expect_untouched_around("dx", dxt);
    free(x), free(gain), free(bias), free(dbias), free(dy), free(dx), free(dgain), free(y);
    free(mean);
}

static void layer_norms(struct fixture *f) {
    for_shapes(f, check_layer_norm);
}

static void the_layer_norm_and_its_gradients_equal_the_reference(void **state) {
    (void)state;
    on_every_device(layer_norms);
}

/* Three heads of D columns, each a row to the reference; variant 1: gain in bf16, in place. */
static void check_head_norm(struct fixture *f, struct shape s, int variant) {
    int64_t rows = 3 * s.T, size = rows * s.D;
    double *x = random_reals(f, size, 2), *gain = random_reals(f, s.D, 2), *dx = zeros(size);
    double *dy = random_reals(f, size, 1), *dgain = random_reals(f, s.D, 1), *y = zeros(size);
    double *scale = zeros(rows);
    struct tensor xt = place(f, f->activations, s.T, 3 * s.D, x);
    struct tensor gt = place(f, variant ? DTYPE_BF16 : DTYPE_F32, 1, s.D, gain);
    struct tensor dyt = place(f, f->activations, s.T, 3 * s.D, dy);
    struct tensor dgt = place(f, DTYPE_F32, 1, s.D, dgain), st = blank(f, DTYPE_F32, s.T, 3);
    struct tensor dxt = variant ? dyt : blank(f, f->activations, s.T, 3 * s.D);
    struct tensor yt = blank(f, f->activations, s.T, 3 * s.D);
    reference_rms_norm(y, scale, x, gain, rows, s.D, (double)1e-5f);
    reference_rms_norm_backward(dx, dgain, dy, x, gain, scale, rows, s.D);
    head_norm_forward(f->device, yt, st, xt, gt, 3, 1e-5f);
    head_norm_backward(f->device, dxt, dgt, dyt, xt, gt, st, 3);
    if (variant)
        head_norm_forward(f->device, yt = xt, st, xt, gt, 3, 1e-5f);
    expect_success(f);
    expect_near(f, "y", yt, y, 1e-6);
    expect_near(f, "scale", st, scale, 1e-6);
    expect_near(f, "dx", dxt, dx, s.D == 1 ? 1e-1 : 2e-6);
    expect_near(f, "dgain", dgt, dgain, 3e-6);
    expect_untouched_around("y", yt);
    expect_untouched_around("dx", dxt);
    expect_untouched_around("scale", st);
    free(x), free(gain), free(dx), free(dy), free(dgain), free(y), free(scale);
}

static void head_norms(struct fixture *f) {
    for_shapes(f, check_head_norm);
}

static void norms_of_heads_and_their_gradients_equal_the_reference(void **state) {
    (void)state;
    on_every_device(head_norms);
}

static void operands_that_do_not_fit_are_named(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    struct tensor y = room(&f, 3, 4), scale = room(&f, 1, 3), gain = room(&f, 1, 4);
    rms_norm_forward(f.device, y, room(&f, 1, 3), y, room(&f, 1, 5), 0);
    expect_failure(&f, "rms_norm_forward: gain is [1,5]; it must be [1,4]");
    layer_norm_forward(f.device, y, scale, scale, y, gain, room(&f, 1, 3), 0);
    expect_failure(&f, "layer_norm_forward: bias is [1,3]; it must be [1,4]");
    layer_norm_backward(f.device, y, gain, gain, y, y, gain, scale, room(&f, 1, 2), false);
    expect_failure(&f, "layer_norm_backward: scale is [1,2]; it must be [1,3]");
    head_norm_forward(f.device, y, scale, y, gain, 3, 0);
    expect_failure(&f, "head_norm_forward: x has 4 columns for 3 heads; heads must be at least 1 "
                       "and divide the columns");
    head_norm_backward(f.device, y, gain, y, y, gain, scale, 2);
    expect_failure(&f, "head_norm_backward: gain is [1,4]; it must be [1,2]");
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rms_norm_and_its_gradients_equal_the_reference),
        cmocka_unit_test(the_layer_norm_and_its_gradients_equal_the_reference),
        cmocka_unit_test(norms_of_heads_and_their_gradients_equal_the_reference),
        cmocka_unit_test(operands_that_do_not_fit_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
