/* Cross-entropy, divergence, gradient norms and the optimizers against float64, and exact masters
 * in halves. */
#include "include/kernel_fixture.h"

/* ---- cross-entropy ---- */

struct shape {
    int64_t n, V, D;
};

/* Among them work for all threads, and what goes through in several chunks of rows. */
static const struct shape shapes[] = {{1, 1, 1},      {1, 53, 128},  {9, 5, 7},
                                      {4200, 53, 40}, {5, 70000, 2}, {18, 300000, 1}};

enum { SHAPES = sizeof shapes / sizeof *shapes };

static void check_loss(struct fixture *f, struct shape s, enum dtype type, bool gradients) {
    clear(f);
    type = weight_type(f, type);
    double *x = random_reals(f, s.n * s.D, 2), *w = random_reals(f, s.V * s.D, 2);
    double *weights = random_reals(f, s.n, 1), *dw = random_reals(f, s.V * s.D, 0.01);
    double *dx = zeros(s.n * s.D), *want = zeros(s.n);
    int32_t *targets = random_ids(f, s.n, s.V);
    struct tensor xt = place(f, f->activations, s.n, s.D, x), wt = place(f, type, s.V, s.D, w);
    struct tensor weightst = place(f, DTYPE_F32, 1, s.n, weights), got = room(f, 1, s.n);
    struct tensor dxt = blank(f, f->activations, s.n, s.D), dwt = place(f, DTYPE_F32, s.V, s.D, dw);
    reference_cross_entropy(want, dx, dw, x, w, targets, weights, s.n, s.V, s.D);
    uint64_t first = 0;
    if (gradients) {
        cross_entropy(f->device, got, dxt, dwt, xt, wt, place_ids(f, s.n, targets), weightst);
        expect_near(f, "dx", dxt, dx, rounding(f, type, 3e-6));
        expect_near(f, "dw", dwt, dw, rounding(f, type, 3e-6));
        expect_untouched_around("dx", dxt);
        expect_untouched_around("dw", dwt);
        first = bits_of(got);
    }
    cross_entropy(f->device, got, none, none, xt, wt, place_ids(f, s.n, targets), none);
    expect_success(f);
    /* One word in the vocabulary: the logarithm of one, but for rounding. */
    expect_near(f, "log_probability", got, want, rounding(f, type, 1e-6));
    if (gradients)
        assert_int_equal(bits_of(got), first);
    free(x), free(w), free(weights), free(dw), free(dx), free(want), free(targets);
}

static void losses(struct fixture *f) {
    for (int i = 0; i < SHAPES; i++) {
        if (shapes[i].V > 1000 && f->threads != 2)
            continue; /* the reference takes its time with these */
        check_loss(f, shapes[i], DTYPE_F32, true);
        if (i < 4)
            check_loss(f, shapes[i], DTYPE_BF16, true);
    }
}

static void cross_entropy_and_its_gradients_equal_the_reference(void **state) {
    (void)state;
    on_every_device(losses);
}

static void logits_of_hundreds_do_not_overflow(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    double x[1] = {30}, w[3] = {30, -30, 29}, want[1] = {-1800};
    struct tensor got = room(&f, 1, 1);
    cross_entropy(f.device, got, none, none, place(&f, DTYPE_F32, 1, 1, x),
                  place(&f, DTYPE_F32, 3, 1, w), place_ids(&f, 1, (int32_t[]){1}), none);
    expect_success(&f);
    expect_near(&f, "log_probability", got, want, 1e-6);
    fixture_close(&f);
}

/* ---- divergence ---- */

/*
 * Distributions of every kind: spread over the vocabulary, over half of it, on one token alone
 * (then it is cross-entropy), and one that does not sum to 1.
 */
static double *make_distributions(struct fixture *f, int64_t m, int64_t V) {
    double *q = zeros(m * V);
    for (int64_t i = 0; i < m; i++) {
        double sum = 0;
        for (int64_t v = 0; v < V; v++) {
            double drawn = random_real(f) + 1;
            q[i * V + v] = i % 4 == 1 && v % 2 ? 0 : i % 4 == 2 ? v == V / 2 : drawn;
            sum += q[i * V + v];
        }
        for (int64_t v = 0; v < V; v++)
            q[i * V + v] /= i % 4 == 3 ? 2 * sum : sum;
    }
    return q;
}

static void check_divergence(struct fixture *f, struct shape s, enum dtype type, bool gradients) {
    clear(f);
    type = weight_type(f, type);
    int64_t m = s.V > 1000 ? 4 : 7;
    double *x = random_reals(f, s.n * s.D, 2), *w = random_reals(f, s.V * s.D, 2);
    double *weights = random_reals(f, s.n, 1), *dw = random_reals(f, s.V * s.D, 0.01);
    double *dx = zeros(s.n * s.D), *want = zeros(s.n), *q = make_distributions(f, m, s.V);
    int32_t *which = random_ids(f, s.n, m);
    struct tensor xt = place(f, f->activations, s.n, s.D, x), wt = place(f, type, s.V, s.D, w);
    struct tensor qt = place(f, DTYPE_F32, m, s.V, q), idst = place_ids(f, s.n, which);
    struct tensor weightst = place(f, DTYPE_F32, 1, s.n, weights), got = room(f, 1, s.n);
    struct tensor dxt = blank(f, f->activations, s.n, s.D), dwt = place(f, DTYPE_F32, s.V, s.D, dw);
    reference_kl_divergence(want, dx, dw, x, w, q, which, weights, s.n, s.V, s.D);
    uint64_t first = 0;
    if (gradients) {
        kl_divergence(f->device, got, dxt, dwt, xt, wt, qt, idst, weightst);
        expect_near(f, "dx", dxt, dx, rounding(f, type, 3e-6));
        expect_near(f, "dw", dwt, dw, rounding(f, type, 3e-6));
        expect_untouched_around("dx", dxt);
        expect_untouched_around("dw", dwt);
        first = bits_of(got);
    }
    kl_divergence(f->device, got, none, none, xt, wt, qt, idst, none);
    expect_success(f);
    expect_near(f, "divergence", got, want, rounding(f, type, 1e-6));
    if (gradients)
        assert_int_equal(bits_of(got), first);
    free(x), free(w), free(weights), free(dw), free(dx), free(want), free(q), free(which);
}

static void divergences(struct fixture *f) {
    for (int i = 0; i < SHAPES; i++) {
        if (shapes[i].V > 1000 && f->threads != 2)
            continue; /* the reference takes its time with these */
        check_divergence(f, shapes[i], DTYPE_F32, true);
        if (i < 4)
            check_divergence(f, shapes[i], DTYPE_BF16, true);
        check_divergence(f, shapes[i], DTYPE_F32, false);
    }
}

static void the_divergence_and_its_gradients_equal_the_reference(void **state) {
    (void)state;
    on_every_device(divergences);
}

/* What the model says already diverges by nothing, and a token that it all but excludes by no
 * infinity. */
static void check_ends_of_the_divergence(struct fixture *f) {
    clear(f);
    double x[1] = {1}, w[3] = {log(0.5), log(0.3), log(0.2)}, same[3] = {0.5, 0.3, 0.2};
    double far[3] = {100, -100, 0}, only[3] = {0, 1, 0}, want[1] = {200}, one[1] = {1};
    struct tensor xt = place(f, DTYPE_F32, 1, 1, x), got = room(f, 1, 1);
    struct tensor which = place_ids(f, 1, (int32_t[]){0}), dx = room(f, 1, 1);
    struct tensor weight = place(f, DTYPE_F32, 1, 1, one);
    kl_divergence(f->device, got, dx, none, xt, place(f, DTYPE_F32, 3, 1, w),
                  place(f, DTYPE_F32, 1, 3, same), which, weight);
    float *divergence = fetch(f, got), *slope = fetch(f, dx);
    expect_success(f);
    assert_true(fabsf(*divergence) < 1e-6f && fabsf(*slope) < 1e-6f);
    free(divergence), free(slope);
    kl_divergence(f->device, got, none, none, xt, place(f, DTYPE_F32, 3, 1, far),
                  place(f, DTYPE_F32, 1, 3, only), which, none);
    expect_success(f);
    expect_near(f, "divergence", got, want, 1e-6);
}

static void the_divergence_is_zero_at_its_target_and_finite_far_from_it(void **state) {
    (void)state;
    on_every_device(check_ends_of_the_divergence);
}

/* ---- norms ---- */

static void check_norms(struct fixture *f) {
    clear(f);
    double *x = random_reals(f, 1300 * 1251, 3), want = 0, more = 0;
    struct tensor xt = place(f, DTYPE_F32, 1300, 1251, x), sum = room(f, 1, 1);
    struct tensor factor = room(f, 1, 1);
    for (int i = 0; i < 1300 * 1251; i++)
        want += x[i] * x[i];
    sum_of_squares(f->device, sum, xt, false);
    expect_near(f, "sum", sum, &want, 1e-7);
    more = 2 * want;
    sum_of_squares(f->device, sum, xt, true);
    expect_near(f, "accumulated", sum, &more, 1e-7);
    double share = 5 / (sqrt(more) + 1e-6), one = 1;
    clip_factor(f->device, factor, sum, 5);
    expect_near(f, "factor", factor, &share, 1e-6);
    clip_factor(f->device, factor, sum, 1e9f);
    expect_near(f, "factor", factor, &one, 0);
    sum_of_squares(f->device, sum, tensor_rows(xt, 0, 0), false);
    expect_near(f, "of nothing", sum, (double[]){0}, 0);
    expect_success(f);
    free(x);
}

static void gradient_norms_are_summed_and_clipped(void **state) {
    (void)state;
    on_every_device(check_norms);
}

/* ---- optimizers ---- */

static float master_of(uint16_t high, int16_t low) {
    uint32_t bits = ((uint32_t)high << 16) + (uint32_t)(int32_t)low;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void split_master(float x, uint16_t *high, int16_t *low) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    *high = (uint16_t)((bits + 0x8000u) >> 16);
    *low = (int16_t)(uint16_t)bits;
}

struct learning {
    int64_t rows, columns;
    double *w, *m, *v, *g;
    struct learning_weight weight;
    struct tensor first, second, gradient, factor;
    struct optimizer_step step;
};

static struct tensor halves(struct fixture *f, int64_t rows, int64_t columns, const double *w,
                            enum dtype type) {
    struct tensor tensor = blank(f, type, rows, columns);
    uint16_t *all = calloc((size_t)(rows * columns), sizeof *all);
    assert_non_null(all);
    for (int64_t i = 0; i < rows * columns; i++) {
        uint16_t high;
        int16_t low;
        split_master((float)w[i], &high, &low);
        all[i] = type == DTYPE_BF16 ? high : (uint16_t)low;
    }
    device_upload(f->device, tensor, all);
    free(all);
    return tensor;
}

static struct learning learning_make(struct fixture *f, int64_t rows, int64_t columns,
                                     enum dtype weight, enum dtype moments) {
    struct learning l = {.rows = rows, .columns = columns};
    int64_t size = rows * columns;
    l.w = random_reals(f, size, 1);
    l.m = random_reals(f, size, 0.1);
    l.v = random_reals(f, size, 0.1);
    l.g = random_reals(f, size, 1);
    for (int64_t i = 0; i < size; i++) {
        l.v[i] = fabs(l.v[i]);
        l.w[i] = (double)(float)l.w[i];
    }
    l.weight.value = weight == DTYPE_F32 ? place(f, DTYPE_F32, rows, columns, l.w)
                                         : halves(f, rows, columns, l.w, DTYPE_BF16);
    if (weight == DTYPE_BF16)
        l.weight.low = halves(f, rows, columns, l.w, DTYPE_I16);
    l.first = place(f, moments, rows, columns, l.m);
    l.second = place(f, moments, rows, columns, l.v);
    l.gradient = place(f, DTYPE_F32, rows, columns, l.g);
    l.factor = place(f, DTYPE_F32, 1, 1, (double[]){0.5});
    l.step = (struct optimizer_step){1e-3f, 0.9f, 0.99f, 1e-8f, 0.01f, 3};
    return l;
}

static void learning_free(struct learning *l) {
    free(l->w), free(l->m), free(l->v), free(l->g);
}

/* The masters of bf16 halves as floats on the host, to be freed. */
static float *masters_of(struct fixture *f, struct tensor value, struct tensor low) {
    uint16_t *highs = fetch(f, value);
    int16_t *lows = fetch(f, low);
    float *all = calloc((size_t)(value.rows * value.columns), sizeof *all);
    assert_non_null(all);
    for (int64_t i = 0; i < value.rows * value.columns; i++) {
        uint16_t nearest;
        int16_t rest;
        all[i] = master_of(highs[i], lows[i]);
        split_master(all[i], &nearest, &rest);
        if (all[i] == all[i]) {
            assert_int_equal(highs[i], nearest);
            assert_int_equal(lows[i], rest);
        }
    }
    free(highs);
    free(lows);
    return all;
}

/* The master of bf16 halves, or the f32 weight, as a dense f32 tensor. */
static struct tensor masters(struct fixture *f, const struct learning *l) {
    struct tensor value = l->weight.value;
    if (value.type == DTYPE_F32)
        return value;
    float *all = masters_of(f, value, l->weight.low);
    struct tensor result = room(f, l->rows, l->columns);
    device_upload(f->device, result, all);
    free(all);
    return result;
}

static void adamw_by_hand(struct learning *l, double factor) {
    double b1 = (double)l->step.beta1, b2 = (double)l->step.beta2, rate = (double)l->step.rate;
    for (int64_t i = 0; i < l->rows * l->columns; i++) {
        double g = factor * l->g[i];
        l->m[i] = b1 * l->m[i] + (1 - b1) * g;
        l->v[i] = b2 * l->v[i] + (1 - b2) * g * g;
        double m = l->m[i] / (1 - pow(b1, 3)), v = l->v[i] / (1 - pow(b2, 3));
        l->w[i] -=
            rate * ((double)l->step.decay * l->w[i] + m / (sqrt(v) + (double)l->step.epsilon));
    }
}

static void lion_by_hand(struct learning *l, double factor) {
    double b1 = (double)l->step.beta1, b2 = (double)l->step.beta2, rate = (double)l->step.rate;
    for (int64_t i = 0; i < l->rows * l->columns; i++) {
        double g = factor * l->g[i], direction = b1 * l->m[i] + (1 - b1) * g;
        double sign = direction > 0 ? 1 : direction < 0 ? -1 : 0;
        l->w[i] -= rate * (sign + (double)l->step.decay * l->w[i]);
        l->m[i] = b2 * l->m[i] + (1 - b2) * g;
    }
}

/* bf16 moments as f32, for comparison. */
static struct tensor widened(struct fixture *f, struct tensor moment) {
    if (moment.type == DTYPE_F32)
        return moment;
    struct tensor wide = room(f, moment.rows, moment.columns);
    uint16_t *all = fetch(f, moment);
    float *values = calloc((size_t)(moment.rows * moment.columns), sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < moment.rows * moment.columns; i++)
        values[i] = from_bf16(all[i]);
    device_upload(f->device, wide, values);
    free(all);
    free(values);
    return wide;
}

static void check_optimizer(struct fixture *f, int64_t rows, int64_t columns, int kind, bool adam) {
    clear(f);
    enum dtype moments = kind == 2 ? DTYPE_BF16 : DTYPE_F32;
    struct learning l =
        learning_make(f, rows, columns, kind == 0 ? DTYPE_F32 : DTYPE_BF16, moments);
    if (adam) {
        adamw_by_hand(&l, 0.5);
        adamw_update(f->device, l.weight, l.gradient, l.first, l.second, l.factor, l.step);
    } else {
        lion_by_hand(&l, 1);
        lion_update(f->device, l.weight, l.gradient, l.first, none, l.step);
    }
    expect_success(f);
    double near = kind == 2 ? 4e-3 : 1e-6;
    expect_near(f, "the master", masters(f, &l), l.w, 2e-7);
    expect_near(f, "the first moment", widened(f, l.first), l.m, near);
    if (adam)
        expect_near(f, "the second moment", widened(f, l.second), l.v, near);
    learning_free(&l);
}

static void optimizers(struct fixture *f) {
    for (int kind = 0; kind < 3; kind++)
        for (int adam = 0; adam < 2; adam++) {
            check_optimizer(f, 1, 1, kind, adam);
            check_optimizer(f, 3, 37, kind, adam);
            check_optimizer(f, 300, 900, kind, adam);
        }
}

static void adamw_and_lion_equal_their_formulas_on_every_kind_of_weight(void **state) {
    (void)state;
    on_every_device(optimizers);
}

/* Rate 0 gives back every master unchanged, the awkward ones among them. */
static void masters_survive(struct fixture *f) {
    clear(f);
    enum { COUNT = 4096 };
    static const uint32_t awkward[] = {
        0x00000000, 0x80000000, 0x3f808000, 0x3f818000, 0x3f807fff, 0x3f808001, 0x3fffffff,
        0x3f7fffff, 0x7f7fffff, 0xff7fffff, 0x00007fff, 0x00008000, 0x80018000, 0x00800000,
    };
    struct tensor value = arena_tensor(&f->arena, DTYPE_BF16, 1, COUNT);
    struct tensor low = arena_tensor(&f->arena, DTYPE_I16, 1, COUNT);
    struct tensor zero = room(f, 1, COUNT), momentum = room(f, 1, COUNT);
    device_zero(f->device, zero);
    device_zero(f->device, momentum);
    float want[COUNT];
    uint16_t highs[COUNT];
    int16_t lows[COUNT];
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits = (uint32_t)(int32_t)(random_real(f) * 2147483000.0);
        if ((size_t)i < sizeof awkward / sizeof *awkward)
            bits = awkward[i];
        if ((bits & 0x7f800000) == 0x7f800000)
            bits ^= 0x40000000;
        memcpy(&want[i], &bits, sizeof bits);
        split_master(want[i], &highs[i], &lows[i]);
        assert_true(master_of(highs[i], lows[i]) == want[i]);
    }
    device_upload(f->device, value, highs);
    device_upload(f->device, low, lows);
    struct optimizer_step still = {0, 0.9f, 0.99f, 1e-8f, 0, 1};
    lion_update(f->device, (struct learning_weight){value, low}, zero, momentum, none, still);
    expect_success(f);
    float *got = masters_of(f, value, low);
    assert_memory_equal(got, want, sizeof want);
    free(got);
}

static void a_master_in_halves_is_exact(void **state) {
    (void)state;
    on_every_device(masters_survive);
}

static void nan_gradients_show(struct fixture *f) {
    clear(f);
    double w[3] = {1, 2, 3}, g[3] = {0, (double)NAN, 0}, m[3] = {0};
    struct tensor value = halves(f, 1, 3, w, DTYPE_BF16), low = halves(f, 1, 3, w, DTYPE_I16);
    struct optimizer_step step = {1e-3f, 0.9f, 0.99f, 1e-8f, 0, 1};
    struct tensor momentum = place(f, DTYPE_F32, 1, 3, m);
    lion_update(f->device, (struct learning_weight){value, low}, place(f, DTYPE_F32, 1, 3, g),
                momentum, none, step);
    expect_success(f);
    uint16_t *values = fetch(f, value);
    float *moments = fetch(f, momentum);
    assert_true(from_bf16(values[0]) == 1);
    assert_true(isnan(from_bf16(values[1])));
    assert_true(isnan(moments[1]));
    free(values);
    free(moments);
}

static void a_nan_in_a_gradient_shows_in_the_weight(void **state) {
    (void)state;
    on_every_device(nan_gradients_show);
}

/* 2000 updates that are each far below half a unit in the last place of bf16. */
static void tiny_updates_add_up(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    double w[1] = {1}, g[1] = {1}, m[1] = {0}, want[1] = {1 - 2000 * 1.5e-6};
    struct learning l = {.rows = 1, .columns = 1};
    l.weight =
        (struct learning_weight){halves(&f, 1, 1, w, DTYPE_BF16), halves(&f, 1, 1, w, DTYPE_I16)};
    struct tensor gt = place(&f, DTYPE_F32, 1, 1, g), mt = place(&f, DTYPE_BF16, 1, 1, m);
    struct optimizer_step step = {1.5e-6f, 0.9f, 0.99f, 0, 0, 1};
    for (int i = 0; i < 2000; i++)
        lion_update(f.device, l.weight, gt, mt, none, step);
    expect_success(&f);
    expect_near(&f, "the master", masters(&f, &l), want, 1e-4);
    assert_true(from_bf16(*(uint16_t *)l.weight.value.data) < 1);
    fixture_close(&f);
}

static void check_bad_operands(struct fixture *fixture) {
    clear(fixture);
    struct fixture f = *fixture;
    struct tensor w = arena_tensor(&f.arena, DTYPE_BF16, 2, 3), g = room(&f, 2, 3);
    struct tensor low = arena_tensor(&f.arena, DTYPE_I16, 2, 3);
    struct optimizer_step step = {.step = 1};
    lion_update(f.device, (struct learning_weight){w, none}, g, g, none, step);
    expect_failure(&f,
                   "lion_update: the weight's low half has no memory; cut it from an open arena");
    adamw_update(f.device, (struct learning_weight){g, low}, g, g, g, none, step);
    expect_failure(&f, "adamw_update: an f32 weight has a low half; only bf16 weights have one");
    adamw_update(f.device, (struct learning_weight){g, none}, g, w, w, none, step);
    expect_failure(&f, "adamw_update: the first moment is bf16; it must be f32");
    step.step = 0;
    adamw_update(f.device, (struct learning_weight){g, none}, g, g, g, none, step);
    expect_failure(&f, "adamw_update: step 0; steps count from 1");
    cross_entropy(f.device, room(&f, 1, 2), none, none, g, g, place_ids(&f, 2, (int32_t[]){0, 2}),
                  none);
    expect_failure(&f, "cross_entropy: targets has 2 at place 1; it must lie in 0 ... 1");
    cross_entropy(f.device, room(&f, 1, 2), g, none, g, g, place_ids(&f, 2, (int32_t[]){0, 1}),
                  none);
    expect_failure(&f, "cross_entropy: weights has no memory; cut it from an open arena");
    kl_divergence(f.device, room(&f, 1, 2), none, none, g, g, room(&f, 3, 2),
                  place_ids(&f, 2, (int32_t[]){2, 3}), none);
    expect_failure(&f, "kl_divergence: which has 3 at place 1; it must lie in 0 ... 2");
    kl_divergence(f.device, room(&f, 1, 2), none, none, g, g, room(&f, 2, 3),
                  place_ids(&f, 2, (int32_t[]){0, 1}), none);
    expect_failure(&f, "kl_divergence: distributions is [2,3]; it must be [2,2]");
    kl_divergence(f.device, room(&f, 1, 2), none, g, g, g, room(&f, 2, 2),
                  place_ids(&f, 2, (int32_t[]){0, 1}), none);
    expect_failure(&f, "kl_divergence: weights has no memory; cut it from an open arena");
    clip_factor(f.device, room(&f, 1, 1), room(&f, 1, 1), 0);
    expect_failure(&f, "clip_factor: the limit is 0; it must be positive");
}

static void operands_that_do_not_fit_are_named(void **state) {
    (void)state;
    on_every_device(check_bad_operands);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_and_its_gradients_equal_the_reference),
        cmocka_unit_test(logits_of_hundreds_do_not_overflow),
        cmocka_unit_test(the_divergence_and_its_gradients_equal_the_reference),
        cmocka_unit_test(the_divergence_is_zero_at_its_target_and_finite_far_from_it),
        cmocka_unit_test(gradient_norms_are_summed_and_clipped),
        cmocka_unit_test(adamw_and_lion_equal_their_formulas_on_every_kind_of_weight),
        cmocka_unit_test(a_master_in_halves_is_exact),
        cmocka_unit_test(a_nan_in_a_gradient_shows_in_the_weight),
        cmocka_unit_test(tiny_updates_add_up),
        cmocka_unit_test(operands_that_do_not_fit_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
