/*
 * The float64 reference that devices are tested against, itself tested: each of its gradients
 * against central differences of its forward pass.
 */
#include "include/kernel_fixture.h"

/* A scalar function of `values`; `context` says the rest. */
typedef double scalar(void *context);

/* ∂f/∂values[i] by central differences equals gradient[i] for every i. */
static void expect_gradient(const char *name, scalar *f, void *context, double *values,
                            const double *gradient, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        double kept = values[i], step = 1e-5;
        values[i] = kept + step;
        double above = f(context);
        values[i] = kept - step;
        double below = f(context);
        values[i] = kept;
        double slope = (above - below) / (2 * step);
        if (!(fabs(slope - gradient[i]) <= 1e-8 * (1 + fabs(slope))))
            fail_msg("%s[%lld]: gradient %.12g but slope %.12g", name, (long long)i, gradient[i],
                     slope);
    }
}

enum { T = 7, N = 5, K = 6, MOST = 512 };

/* Inputs, what multiplies the outputs to make a scalar, and room for outputs. */
struct inputs {
    double x[MOST], w[MOST], more[MOST], dy[MOST], y[MOST], extra[MOST];
    int32_t ids[T];
    struct reference_attention attention;
};

static void fill(struct inputs *in, struct fixture *fixture) {
    memset(in, 0, sizeof *in);
    for (int i = 0; i < MOST; i++) {
        in->x[i] = 2 * random_real(fixture);
        in->w[i] = random_real(fixture);
        in->more[i] = random_real(fixture);
        in->dy[i] = random_real(fixture);
    }
}

static double weighted(const struct inputs *in, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += in->y[i] * in->dy[i];
    return sum;
}

static double matmul_scalar(void *context) {
    struct inputs *in = context;
    memset(in->y, 0, sizeof in->y);
    reference_matmul(in->y, in->x, in->w, T, N, K);
    return weighted(in, T * N);
}

static void the_matrix_product_has_its_slope(void **state) {
    struct fixture *fixture = *state;
    struct inputs in;
    fill(&in, fixture);
    double dx[T * K] = {0}, dw[N * K] = {0};
    reference_matmul_backward(dx, dw, in.dy, in.x, in.w, T, N, K);
    expect_gradient("dx", matmul_scalar, &in, in.x, dx, T * K);
    expect_gradient("dw", matmul_scalar, &in, in.w, dw, N * K);
}

static double rms_norm_scalar(void *context) {
    struct inputs *in = context;
    reference_rms_norm(in->y, in->extra, in->x, in->w, T, K, 1e-3);
    return weighted(in, T * K);
}

static void the_rms_norm_has_its_slope(void **state) {
    struct inputs in;
    fill(&in, *state);
    rms_norm_scalar(&in);
    double dx[T * K] = {0}, dgain[K] = {0};
    reference_rms_norm_backward(dx, dgain, in.dy, in.x, in.w, in.extra, T, K);
    expect_gradient("dx", rms_norm_scalar, &in, in.x, dx, T * K);
    expect_gradient("dgain", rms_norm_scalar, &in, in.w, dgain, K);
}

/* Gain in w, bias in more. */
static double layer_norm_scalar(void *context) {
    struct inputs *in = context;
    reference_layer_norm(in->y, in->extra, in->extra + T, in->x, in->w, in->more, T, K, 1e-3);
    return weighted(in, T * K);
}

static void the_layer_norm_has_its_slope(void **state) {
    struct inputs in;
    fill(&in, *state);
    layer_norm_scalar(&in);
    double dx[T * K] = {0}, dgain[K] = {0}, dbias[K] = {0};
    reference_layer_norm_backward(dx, dgain, dbias, in.dy, in.x, in.w, in.extra, in.extra + T, T,
                                  K);
    expect_gradient("dx", layer_norm_scalar, &in, in.x, dx, T * K);
    expect_gradient("dgain", layer_norm_scalar, &in, in.w, dgain, K);
    expect_gradient("dbias", layer_norm_scalar, &in, in.more, dbias, K);
}

/* The first id chooses the form. */
static double gelu_scalar(void *context) {
    struct inputs *in = context;
    for (int i = 0; i < T; i++)
        in->y[i] = reference_gelu(in->x[i], in->ids[0]);
    return weighted(in, T);
}

static void gelu_has_its_slope(void **state) {
    for (int exact = 0; exact < 2; exact++) {
        struct inputs in;
        fill(&in, *state);
        in.ids[0] = exact;
        double dx[T];
        for (int i = 0; i < T; i++)
            dx[i] = in.dy[i] * reference_gelu_slope(in.x[i], exact);
        expect_gradient("dx", gelu_scalar, &in, in.x, dx, T);
    }
}

/* Tables of angles in w and more, two heads of six columns of which four turn. */
static double rotary_scalar(void *context) {
    struct inputs *in = context;
    memcpy(in->y, in->x, sizeof in->y);
    reference_rotary(in->y, in->ids, in->w, in->more, T, 2, 6, 2, false);
    return weighted(in, T * 12);
}

static void the_rotation_turned_back_is_its_slope(void **state) {
    struct inputs in;
    fill(&in, *state);
    for (int i = 0; i < 2 * T; i++) {
        double angle = in.w[i];
        in.w[i] = cos(angle);
        in.more[i] = sin(angle);
    }
    for (int i = 0; i < T; i++)
        in.ids[i] = T - 1 - i;
    double dx[T * 12];
    memcpy(dx, in.dy, sizeof dx);
    reference_rotary(dx, in.ids, in.w, in.more, T, 2, 6, 2, true);
    expect_gradient("dx", rotary_scalar, &in, in.x, dx, T * 12);
}

static double swiglu_scalar(void *context) {
    struct inputs *in = context;
    reference_swiglu(in->y, in->x, T, K);
    return weighted(in, T * K);
}

static void swiglu_has_its_slope(void **state) {
    struct inputs in;
    fill(&in, *state);
    double dx[T * 2 * K] = {0};
    reference_swiglu_backward(dx, in.dy, in.x, T, K);
    expect_gradient("dgate_up", swiglu_scalar, &in, in.x, dx, T * 2 * K);
}

static double attention_scalar(void *context) {
    struct inputs *in = context;
    memset(in->y, 0, sizeof in->y);
    reference_attention(in->y, in->extra, in->x, in->w, in->more, &in->attention);
    return weighted(in, T * 4 * 3);
}

static void attention_has_its_slope(void **state) {
    static const int32_t offsets[] = {0, 2, 2, T};
    /* all rows, causal, causal with a window */
    for (int kind = 0; kind < 3; kind++) {
        struct inputs in;
        fill(&in, *state);
        in.attention = (struct reference_attention){.offsets = offsets,
                                                    .sequences = 3,
                                                    .H = 4,
                                                    .G = 2,
                                                    .C = 3,
                                                    .scale = 0.6,
                                                    .causal = kind > 0,
                                                    .window = kind == 2 ? 3 : 0};
        double dq[T * 12] = {0}, dk[T * 6] = {0}, dv[T * 6] = {0};
        reference_attention_backward(dq, dk, dv, in.dy, in.x, in.w, in.more, &in.attention);
        expect_gradient("dq", attention_scalar, &in, in.x, dq, T * 12);
        expect_gradient("dk", attention_scalar, &in, in.w, dk, T * 6);
        expect_gradient("dv", attention_scalar, &in, in.more, dv, T * 6);
    }
}

static double cross_entropy_scalar(void *context) {
    struct inputs *in = context;
    return reference_cross_entropy(in->y, NULL, NULL, in->x, in->w, in->ids, in->more, T, N, K);
}

static void cross_entropy_has_its_slope(void **state) {
    struct inputs in;
    fill(&in, *state);
    for (int i = 0; i < T; i++)
        in.ids[i] = i % N;
    double dx[T * K] = {0}, dw[N * K] = {0};
    reference_cross_entropy(in.y, dx, dw, in.x, in.w, in.ids, in.more, T, N, K);
    expect_gradient("dx", cross_entropy_scalar, &in, in.x, dx, T * K);
    expect_gradient("dw", cross_entropy_scalar, &in, in.w, dw, N * K);
}

/* Three distributions in `extra`, each with a token that it does not want; they do not all sum to
 * 1. */
static double kl_divergence_scalar(void *context) {
    struct inputs *in = context;
    return reference_kl_divergence(in->y, NULL, NULL, in->x, in->w, in->extra, in->ids, in->more, T,
                                   N, K);
}

static void the_divergence_has_its_slope(void **state) {
    struct inputs in;
    fill(&in, *state);
    for (int i = 0; i < 3 * N; i++)
        in.extra[i] = i % (N + 1) == 2 ? 0 : fabs(in.dy[i]);
    for (int i = 0; i < T; i++)
        in.ids[i] = i % 3;
    double dx[T * K] = {0}, dw[N * K] = {0};
    reference_kl_divergence(in.y, dx, dw, in.x, in.w, in.extra, in.ids, in.more, T, N, K);
    expect_gradient("dx", kl_divergence_scalar, &in, in.x, dx, T * K);
    expect_gradient("dw", kl_divergence_scalar, &in, in.w, dw, N * K);
}

int main(void) {
    static struct fixture fixture = {.random = 2463534242u};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(the_matrix_product_has_its_slope, &fixture),
        cmocka_unit_test_prestate(the_rms_norm_has_its_slope, &fixture),
        cmocka_unit_test_prestate(the_layer_norm_has_its_slope, &fixture),
        cmocka_unit_test_prestate(gelu_has_its_slope, &fixture),
        cmocka_unit_test_prestate(the_rotation_turned_back_is_its_slope, &fixture),
        cmocka_unit_test_prestate(swiglu_has_its_slope, &fixture),
        cmocka_unit_test_prestate(attention_has_its_slope, &fixture),
        cmocka_unit_test_prestate(cross_entropy_has_its_slope, &fixture),
        cmocka_unit_test_prestate(the_divergence_has_its_slope, &fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
