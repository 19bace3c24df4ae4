/* Row operations against the float64 reference: norm, rotation, SwiGLU, embedding, gathering. */
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
    struct tensor xt = place(f, DTYPE_F32, s.T, s.D, x);
    struct tensor gt = place(f, variant ? DTYPE_BF16 : DTYPE_F32, 1, s.D, gain);
    struct tensor dyt = place(f, DTYPE_F32, s.T, s.D, dy), yt = blank(f, DTYPE_F32, s.T, s.D);
    struct tensor dgt = place(f, DTYPE_F32, 1, s.D, dgain), st = room(f, 1, s.T);
    struct tensor dxt = blank(f, DTYPE_F32, s.T, s.D);
    if (variant)
        dxt = place(f, DTYPE_F32, s.T, s.D, dx);
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

static void check_swiglu(struct fixture *f, struct shape s, int variant) {
    int64_t size = s.T * s.D;
    /* variant 1: gates so large that their exponentials overflow f32 */
    double *x = random_reals(f, 2 * size, variant ? 200 : 4), *dy = random_reals(f, size, 1);
    double *y = zeros(size), *dx = zeros(2 * size);
    struct tensor xt = place(f, DTYPE_F32, s.T, 2 * s.D, x), yt = blank(f, DTYPE_F32, s.T, s.D);
    struct tensor dyt = place(f, DTYPE_F32, s.T, s.D, dy);
    struct tensor dxt = blank(f, DTYPE_F32, s.T, 2 * s.D);
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
    struct tensor xt = place(f, DTYPE_F32, s.T, 3 * C, x), it = place_ids(f, s.T, ids);
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
    struct tensor dwt = place(f, DTYPE_F32, V, s.D, dw), dyt = place(f, DTYPE_F32, s.T, s.D, dy);
    struct tensor yt = blank(f, DTYPE_F32, s.T, s.D), it = place_ids(f, s.T, ids);
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

static void gathered_rows_scatter_back_between_zeros(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    double *x = random_reals(&f, 5 * 3, 1), back[15] = {0};
    struct tensor xt = place(&f, DTYPE_F32, 5, 3, x), y = blank(&f, DTYPE_F32, 2, 3);
    struct tensor rows = place_ids(&f, 2, (int32_t[]){4, 1}), z = blank(&f, DTYPE_F32, 5, 3);
    gather_rows(f.device, y, xt, rows);
    scatter_rows(f.device, z, y, rows);
    expect_success(&f);
    memcpy(back + 12, x + 12, 3 * sizeof *x);
    memcpy(back + 3, x + 3, 3 * sizeof *x);
    expect_near(&f, "gathered", tensor_rows(y, 0, 1), x + 12, 0);
    expect_near(&f, "scattered", z, back, 0);
    expect_untouched_around("scattered", z);
    free(x);
    fixture_close(&f);
}

static void ids_out_of_range_are_named_with_their_place(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
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
    rms_norm_forward(f.device, y, room(&f, 1, 3), y, room(&f, 1, 5), 0);
    expect_failure(&f, "rms_norm_forward: gain is [1,5]; it must be [1,4]");
    swiglu_forward(f.device, y, room(&f, 3, 4));
    expect_failure(&f, "swiglu_forward: gate_up is [3,4]; it must be [3,8]");
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rms_norm_and_its_gradients_equal_the_reference),
        cmocka_unit_test(swiglu_and_its_gradient_equal_the_reference),
        cmocka_unit_test(rotation_equals_the_reference_and_turns_back),
        cmocka_unit_test(embedding_and_its_gradient_equal_the_reference),
        cmocka_unit_test(gathered_rows_scatter_back_between_zeros),
        cmocka_unit_test(ids_out_of_range_are_named_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
