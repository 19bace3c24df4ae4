/* Matrix products against the float64 reference: shapes, views, dtypes, addends, accumulation. */
#include "include/kernel_fixture.h"

struct shape {
    int64_t T, N, K;
};

/* One row, few rows, odd sizes, more rows than columns and the reverse, enough for all threads. */
static const struct shape shapes[] = {
    {1, 1, 1},       {1, 53, 128},  {2, 7, 5},      {3, 16, 33},    {4, 384, 128},   {5, 3, 17},
    {6, 31, 64},     {18, 65, 128}, {150, 53, 128}, {67, 130, 259}, {40, 1030, 200}, {3100, 33, 90},
    {10, 4100, 190}, {53, 70, 600}, {401, 97, 257}, {30, 90, 512},  {25, 512, 33},
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

/* The reference takes its time with these: one variant is enough. */
static bool large(struct shape s) {
    return s.T * s.N * s.K > 4000000;
}

/* addend: none, another tensor, y itself. bias: none, f32, bf16. */
static void forward(struct fixture *f, struct shape s, enum dtype type, int addend, int bias) {
    clear(f);
    type = weight_type(f, type);
    double *x = random_reals(f, s.T * s.K, 1), *w = random_reals(f, s.N * s.K, 1);
    double *a = random_reals(f, s.T * s.N, 3), *b = random_reals(f, s.N, 3);
    double *want = zeros(s.T * s.N);
    struct tensor xt = place(f, f->activations, s.T, s.K, x), wt = place(f, type, s.N, s.K, w);
    struct tensor bt = place(f, bias == 2 ? DTYPE_BF16 : DTYPE_F32, 1, s.N, b);
    struct tensor at = place(f, f->activations, s.T, s.N, a),
                  y = blank(f, f->activations, s.T, s.N);
    for (int64_t i = 0; i < s.T * s.N; i++)
        want[i] = (addend > 0 ? a[i] : 0) + (bias > 0 ? b[i % s.N] : 0);
    reference_matmul(want, x, w, s.T, s.N, s.K);
    if (bias == 0)
        bt = none;
    if (addend == 2)
        y = at;
    matmul_forward(f->device, y, xt, wt, bt, addend == 0 ? none : addend == 1 ? at : y);
    expect_success(f);
    expect_near(f, "y", y, want, rounding(f, type, 1e-6));
    expect_untouched_around("y", y);
    if (addend < 2) {
        uint64_t before = bits_of(y);
        matmul_forward(f->device, y, xt, wt, bt, addend == 0 ? none : at);
        assert_int_equal(bits_of(y), before);
    }
    free(x), free(w), free(a), free(b), free(want);
}

static void forward_everywhere(struct fixture *f) {
    for (int i = 0; i < SHAPES; i++)
        for (int addend = 0; addend < 3; addend++) {
            if (large(shapes[i]) && addend != 1)
                continue;
            forward(f, shapes[i], DTYPE_F32, addend, (addend + i) % 3);
            if (!large(shapes[i]))
                forward(f, shapes[i], DTYPE_BF16, addend, (addend + i + 1) % 3);
        }
}

static void a_product_equals_the_reference_with_and_without_bias_and_addend(void **state) {
    (void)state;
    on_every_device(forward_everywhere);
}

static void backward(struct fixture *f, struct shape s, enum dtype type, bool accumulate) {
    clear(f);
    type = weight_type(f, type);
    double *x = random_reals(f, s.T * s.K, 1), *w = random_reals(f, s.N * s.K, 1);
    double *dy = random_reals(f, s.T * s.N, 1), *dw = random_reals(f, s.N * s.K, 3);
    double *dx = random_reals(f, s.T * s.K, 3);
    struct tensor xt = place(f, f->activations, s.T, s.K, x), wt = place(f, type, s.N, s.K, w);
    struct tensor dyt = place(f, f->activations, s.T, s.N, dy);
    struct tensor dwt = blank(f, DTYPE_F32, s.N, s.K);
    struct tensor dxt = blank(f, f->activations, s.T, s.K);
    if (accumulate) {
        dxt = place(f, f->activations, s.T, s.K, dx);
        dwt = place(f, DTYPE_F32, s.N, s.K, dw);
    } else {
        memset(dx, 0, (size_t)(s.T * s.K) * sizeof *dx);
        memset(dw, 0, (size_t)(s.N * s.K) * sizeof *dw);
    }
    reference_matmul_backward(dx, dw, dy, x, w, s.T, s.N, s.K);
    matmul_backward_input(f->device, dxt, dyt, wt, accumulate);
    matmul_backward_weight(f->device, dwt, dyt, xt, accumulate);
    expect_success(f);
    expect_near(f, "dx", dxt, dx, rounding(f, type, 1e-6));
    expect_near(f, "dw", dwt, dw, rounding(f, type, 1e-6));
    expect_untouched_around("dx", dxt);
    expect_untouched_around("dw", dwt);
    free(x);
    free(w);
    free(dy);
    free(dw);
    free(dx);
}

static void backward_everywhere(struct fixture *f) {
    for (int i = 0; i < SHAPES; i++)
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            if (!large(shapes[i]))
                backward(f, shapes[i], DTYPE_F32, accumulate);
            if (!large(shapes[i]) || accumulate)
                backward(f, shapes[i], DTYPE_BF16, accumulate);
        }
}

static void the_gradients_of_a_product_equal_the_reference(void **state) {
    (void)state;
    on_every_device(backward_everywhere);
}

/* Row by row the bits are those of the whole, on either side of the limit between the kernels. */
static void check_rows_alone(struct fixture *f) {
    static const struct shape alone[] = {{8, 50, 128}, {24, 50, 600}, {64, 50, 600}, {64, 70, 128}};
    static const int64_t parts[] = {1, 5, 41, 9}; /* rows, in the same order */
    for (int i = 0; i < 4; i++) {
        clear(f);
        struct shape s = alone[i];
        double *x = random_reals(f, s.T * s.K, 1), *w = random_reals(f, s.N * s.K, 1);
        struct tensor xt = place(f, DTYPE_F32, s.T, s.K, x), y = blank(f, DTYPE_F32, s.T, s.N);
        struct tensor wt = place(f, DTYPE_BF16, s.N, s.K, w), z = blank(f, DTYPE_F32, s.T, s.N);
        matmul_forward(f->device, y, xt, wt, none, none);
        for (int64_t row = 0; row + parts[i] <= s.T; row += parts[i]) {
            struct tensor part = tensor_rows(z, row, parts[i]);
            matmul_forward(f->device, part, tensor_rows(xt, row, parts[i]), wt, none, none);
            expect_success(f);
            assert_int_equal(bits_of(part), bits_of(tensor_rows(y, row, parts[i])));
        }
        free(x), free(w);
    }
}

static void rows_come_out_the_same_whoever_stands_beside_them(void **state) {
    (void)state;
    static const char *const isas[] = {"avx2", "avx512"};
    for (int i = 0; i < 2; i++)
        for (int threads = 1; threads <= 2 && isa_here(isas[i]); threads++) {
            struct fixture f;
            fixture_open(&f, isas[i], threads);
            check_rows_alone(&f);
            fixture_close(&f);
        }
}

/* cuBLASLt may have no algorithm for a shape or how it lies. */
static void products_that_cublaslt_refuses_are_computed_all_the_same(void **state) {
    (void)state;
    if (!shim_here())
        skip();
    setenv("LOCKPICK_SHIM_REFUSES", "all", 1);
    on_device("cuda", "shim", forward_everywhere);
    on_device("cuda", "shim", backward_everywhere);
    unsetenv("LOCKPICK_SHIM_REFUSES");
}

static void check_bias_gradient(struct fixture *f) {
    for (int i = 0; i < SHAPES; i++) {
        clear(f);
        struct shape s = shapes[i];
        double *dy = random_reals(f, s.T * s.N, 1), *dbias = random_reals(f, s.N, 1);
        struct tensor to = place(f, DTYPE_F32, 1, s.N, dbias);
        struct tensor from = place(f, f->activations, s.T, s.N, dy);
        for (int64_t at = 0; at < s.T * s.N; at++)
            dbias[at % s.N] += dy[at];
        bias_backward(f->device, to, from);
        expect_success(f);
        expect_near(f, "dbias", to, dbias, 3e-6);
        expect_untouched_around("dbias", to);
        free(dy), free(dbias);
    }
}

static void the_gradient_of_a_bias_is_the_sum_over_rows(void **state) {
    (void)state;
    on_every_device(check_bias_gradient);
}

static void check_empty(struct fixture *f) {
    clear(f);
    struct tensor x = room(f, 3, 0), w = room(f, 4, 0), y = room(f, 3, 4);
    matmul_forward(f->device, y, x, w, none, none);
    expect_near(f, "y", y, (double[12]){0}, 0);
    device_upload(f->device, y, (float[12]){[5] = 7});
    matmul_forward(f->device, y, x, w, none, y);
    expect_near(f, "y", y, (double[12]){[5] = 7}, 0);
    matmul_forward(f->device, y, x, w, place(f, DTYPE_F32, 1, 4, (double[]){1, 2, 3, 4}), y);
    expect_near(f, "y", y, (double[12]){1, 2, 3, 4, 1, 9, 3, 4, 1, 2, 3, 4}, 0);
    struct tensor dx = room(f, 3, 4), dy = room(f, 3, 0), wide = room(f, 0, 4);
    matmul_backward_input(f->device, dx, dy, wide, false);
    expect_near(f, "dx", dx, (double[12]){0}, 0);
    matmul_forward(f->device, room(f, 0, 4), room(f, 0, 6), room(f, 4, 6), none, none);
    struct tensor dw = room(f, 4, 6);
    device_zero(f->device, dw);
    matmul_backward_weight(f->device, dw, room(f, 0, 4), room(f, 0, 6), true);
    expect_near(f, "dw", dw, (double[24]){0}, 0);
    dw = room(f, 4, 6);
    matmul_backward_weight(f->device, dw, room(f, 0, 4), room(f, 0, 6), false);
    expect_near(f, "dw", dw, (double[24]){0}, 0);
    expect_success(f);
}

static void empty_products_leave_the_addend_or_zero(void **state) {
    (void)state;
    on_every_device(check_empty);
}

static void operands_that_do_not_fit_are_named_with_their_shapes(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    struct tensor x = room(&f, 18, 128), w = room(&f, 384, 64), y = room(&f, 18, 384);
    matmul_forward(f.device, y, x, w, none, none);
    expect_failure(&f, "matmul_forward: x is [18,128] but w is [384,64]; their columns must agree");
    w = room(&f, 384, 128);
    matmul_forward(f.device, tensor_columns(y, 0, 383), x, w, none, none);
    expect_failure(&f, "matmul_forward: y is [18,383]; it must be [18,384]");
    matmul_forward(f.device, y, x, w, room(&f, 1, 383), none);
    expect_failure(&f, "matmul_forward: bias is [1,383]; it must be [1,384]");
    bias_backward(f.device, room(&f, 1, 385), y);
    expect_failure(&f, "bias_backward: dbias is [1,385]; it must be [1,384]");
    matmul_forward(f.device, y, x, w, none, tensor_rows(y, 0, 17));
    expect_failure(&f, "matmul_forward: addend is [17,384]; it must be [18,384]");
    matmul_backward_input(f.device, x, x, w, false);
    expect_failure(&f, "matmul_backward_input: dy is [18,128] but w is [384,128]; the columns of "
                       "dy must be the rows of w");
    matmul_backward_weight(f.device, w, y, tensor_rows(x, 0, 3), true);
    expect_failure(
        &f, "matmul_backward_weight: dy is [18,384] but x is [3,128]; their rows must agree");
    y.type = DTYPE_BF16;
    matmul_forward(f.device, y, x, w, none, none);
    expect_failure(&f, "matmul_forward: y is bf16; it must be f32");
    matmul_forward(f.device, none, x, w, none, none);
    expect_failure(&f, "matmul_forward: y has no memory; cut it from an open arena");
    fixture_close(&f);
}

/* Nobody's arithmetic: bf16 activations on the CPU device, or beside f32 weights. */
static void check_meetings(struct fixture *f) {
    clear(f);
    struct tensor x = blank(f, DTYPE_BF16, 3, 4), y = room(f, 3, 2), w = room(f, 2, 4);
    bool takes = device_activations(f->device, DTYPE_BF16) == DTYPE_BF16;
    matmul_forward(f->device, y, x, w, none, none);
    expect_failure(f, takes ? "matmul_forward: x is bf16 but w is f32; f32 x would be right"
                            : "matmul_forward: x is bf16; it must be f32");
    assert_int_equal(device_activations(f->device, DTYPE_F32), DTYPE_F32);
    if (!takes)
        return;
    matmul_forward(f->device, blank(f, DTYPE_BF16, 3, 2), x, blank(f, DTYPE_BF16, 2, 4), none, y);
    expect_failure(f, "matmul_forward: addend is f32 but y is bf16; they must be alike");
}

static void bf16_activations_meet_bf16_weights_alone(void **state) {
    (void)state;
    on_every_device(check_meetings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_equals_the_reference_with_and_without_bias_and_addend),
        cmocka_unit_test(the_gradients_of_a_product_equal_the_reference),
        cmocka_unit_test(products_that_cublaslt_refuses_are_computed_all_the_same),
        cmocka_unit_test(bf16_activations_meet_bf16_weights_alone),
        cmocka_unit_test(rows_come_out_the_same_whoever_stands_beside_them),
        cmocka_unit_test(the_gradient_of_a_bias_is_the_sum_over_rows),
        cmocka_unit_test(empty_products_leave_the_addend_or_zero),
        cmocka_unit_test(operands_that_do_not_fit_are_named_with_their_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
