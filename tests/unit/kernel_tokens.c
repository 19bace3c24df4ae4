/* Choosing tokens: greedy, temperature, top-k, top-p, and the log-probability that goes with it. */
#include "include/kernel_fixture.h"

/* Sets up B rows of logits and asks for tokens. */
static void choose(struct fixture *f, int64_t B, int64_t V, double *logits, double *uniform,
                   struct sampling sampling, int32_t *token, float *log_probability) {
    clear(f);
    struct tensor t = arena_tensor(&f->arena, DTYPE_I32, 1, B), p = room(f, 1, B);
    choose_tokens(f->device, t, p, place(f, DTYPE_F32, B, V, logits),
                  uniform != NULL ? place(f, DTYPE_F32, 1, B, uniform) : none, sampling);
    expect_success(f);
    device_download(f->device, token, t);
    device_download(f->device, log_probability, p);
}

static int32_t choose_one(struct fixture *f, int64_t V, const double *logits, double uniform,
                          struct sampling sampling) {
    double copy[64];
    memcpy(copy, logits, (size_t)V * sizeof *copy);
    int32_t token;
    float log_probability;
    choose(f, 1, V, copy, &uniform, sampling, &token, &log_probability);
    return token;
}

static void greedy(struct fixture *f) {
    enum { B = 600, V = 353 };
    double *logits = random_reals(f, B * V, 5);
    int32_t token[B];
    float got[B];
    logits[7] = logits[3] = logits[200] = 9; /* equals: the lowest id */
    choose(f, B, V, logits, NULL, (struct sampling){0, 0, 1}, token, got);
    assert_int_equal(token[0], 3);
    for (int b = 0; b < B; b++) {
        double sum = 0;
        for (int v = 0; v < V; v++) {
            assert_true(logits[b * V + v] <= logits[b * V + token[b]]);
            sum += exp(logits[b * V + v]);
        }
        assert_true(fabs((double)got[b] - logits[b * V + token[b]] + log(sum)) < 1e-6);
    }
    free(logits);
}

static void greedy_takes_the_lowest_of_the_largest(void **state) {
    (void)state;
    on_every_device(greedy);
}

/* Shares .1 .4 .2 .2 .1 in the order of ids: where each interval begins and ends. */
static const double five[5] = {-2.302585092994046, -0.916290731874155, -1.6094379124341003,
                               -1.6094379124341003, -2.302585092994046};

static void intervals(struct fixture *f) {
    static const struct {
        double uniform;
        int32_t token;
    } cases[] = {{0, 0},      {0.0999, 0}, {0.1001, 1}, {0.4999, 1},
                 {0.5001, 2}, {0.7001, 3}, {0.9001, 4}, {0.9999999, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(choose_one(f, 5, five, cases[i].uniform, (struct sampling){1, 0, 1}),
                         cases[i].token);
}

static void a_token_is_drawn_from_its_interval_in_the_order_of_ids(void **state) {
    (void)state;
    on_every_device(intervals);
}

/* Which of the five tokens can come out at all. */
static unsigned reachable(struct fixture *f, struct sampling sampling) {
    unsigned set = 0;
    for (int i = 0; i < 100; i++)
        set |= 1u << choose_one(f, 5, five, (i + 0.5) / 100, sampling);
    return set;
}

static void cuts(struct fixture *f) {
    assert_int_equal(reachable(f, (struct sampling){1, 0, 1}), 0x1f);
    assert_int_equal(reachable(f, (struct sampling){1, 1, 1}), 0x02);
    assert_int_equal(reachable(f, (struct sampling){1, 2, 1}), 0x06); /* a tie: the lower id */
    assert_int_equal(reachable(f, (struct sampling){1, 3, 1}), 0x0e);
    assert_int_equal(reachable(f, (struct sampling){1, 4, 1}), 0x0f);
    assert_int_equal(reachable(f, (struct sampling){1, 99, 1}), 0x1f);
    assert_int_equal(reachable(f, (struct sampling){1, 0, 0.39f}), 0x02);
    assert_int_equal(reachable(f, (struct sampling){1, 0, 0.41f}), 0x06);
    assert_int_equal(reachable(f, (struct sampling){1, 0, 0.61f}), 0x0e);
    assert_int_equal(reachable(f, (struct sampling){1, 0, 0.81f}), 0x0f);
    assert_int_equal(reachable(f, (struct sampling){1, 0, 1e-9f}), 0x02);
    /* Of the three best, with shares .5 .25 .25, two reach 0.74. */
    assert_int_equal(reachable(f, (struct sampling){1, 3, 0.74f}), 0x06);
    assert_int_equal(reachable(f, (struct sampling){1, 3, 0.76f}), 0x0e);
    /* Half the temperature squares the shares: 16 of 26 for the best. */
    assert_int_equal(reachable(f, (struct sampling){0.5f, 0, 0.6f}), 0x02);
    assert_int_equal(reachable(f, (struct sampling){0.5f, 0, 0.63f}), 0x06);
}

static void top_k_and_top_p_cut_off_what_they_say(void **state) {
    (void)state;
    on_every_device(cuts);
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The least share that the cut-offs keep, of all shares in `sorted`, which is sorted here. */
static double least_kept(double *sorted, int64_t V, struct sampling sampling) {
    qsort(sorted, (size_t)V, sizeof *sorted, descending);
    int64_t most = sampling.top_k > 0 ? sampling.top_k : V;
    double total = 0, reached = 0;
    for (int64_t i = 0; i < most; i++)
        total += sorted[i];
    for (int64_t i = 0; i < most; i++) {
        reached += sorted[i];
        if (sampling.top_p < 1 && reached >= (double)sampling.top_p * total)
            return sorted[i];
    }
    return sorted[most - 1];
}

/* The uniform number lies in the token's interval of what is kept; its log-probability is right. */
static void check_draw(const double *z, int64_t V, struct sampling sampling, double uniform,
                       int32_t token, double log_probability) {
    double *share = zeros(V), *sorted = zeros(V), sum = 0, below = 0, kept = 0;
    for (int64_t v = 0; v < V; v++) {
        sum += exp(z[v]);
        sorted[v] = share[v] = exp(z[v] / (double)sampling.temperature);
    }
    double least = least_kept(sorted, V, sampling);
    for (int64_t v = 0; v < V; v++) {
        kept += share[v] >= least ? share[v] : 0;
        below += v < token && share[v] >= least ? share[v] : 0;
    }
    assert_true(share[token] >= least);
    assert_true(below / kept <= uniform + 1e-6);
    assert_true((below + share[token]) / kept >= uniform - 1e-6);
    assert_true(fabs(log_probability - z[token] + log(sum)) < 2e-6);
    free(share), free(sorted);
}

/* A vocabulary of many runs, with and without cut-offs. */
static void check_large(struct fixture *f) {
    enum { B = 24, V = 5003 };
    static const struct sampling kinds[] = {
        {1, 0, 1}, {0.7f, 40, 1}, {1.3f, 0, 0.9f}, {1, 30, 0.8f}, {0.05f, 100, 0.99f},
    };
    double *logits = random_reals(f, B * V, 8), uniform[B];
    for (int b = 0; b < B; b++)
        uniform[b] = (b + 0.5) / B;
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        int32_t token[B];
        float got[B];
        choose(f, B, V, logits, uniform, kinds[kind], token, got);
        for (int b = 0; b < B; b++)
            check_draw(logits + (int64_t)b * V, V, kinds[kind], uniform[b], token[b],
                       (double)got[b]);
    }
    free(logits);
}

static void draws_from_a_large_vocabulary_agree_with_sums_in_f64(void **state) {
    (void)state;
    on_every_device(check_large);
}

static void temperature_changes_shares_but_not_the_log_probability(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    double logits[5], uniform[1] = {0.9999};
    memcpy(logits, five, sizeof logits);
    int32_t token;
    float got;
    choose(&f, 1, 5, logits, uniform, (struct sampling){2, 3, 1}, &token, &got);
    assert_int_equal(token, 3);
    assert_true(fabs((double)got - log(0.2)) < 1e-6);
    /* So cold that its reciprocal is no float: the largest alone. */
    assert_int_equal(choose_one(&f, 5, five, 0.999, (struct sampling){1e-40f, 0, 1}), 1);
    /* Shares 1, 2, √2, √2, 1 of 6.83 at temperature 2: the second ends at .4393. */
    assert_int_equal(choose_one(&f, 5, five, 0.439, (struct sampling){2, 0, 1}), 1);
    assert_int_equal(choose_one(&f, 5, five, 0.440, (struct sampling){2, 0, 1}), 2);
    fixture_close(&f);
}

static void tokens_ruled_out_are_never_drawn(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    const double logits[4] = {-(double)INFINITY, 0, -(double)INFINITY, 0};
    assert_int_equal(choose_one(&f, 4, logits, 0, (struct sampling){1, 0, 1}), 1);
    assert_int_equal(choose_one(&f, 4, logits, 0.99999, (struct sampling){1, 0, 1}), 3);
    assert_int_equal(choose_one(&f, 4, logits, 0.99999, (struct sampling){1, 3, 0.9999f}), 3);
    assert_int_equal(choose_one(&f, 4, logits, 0.5, (struct sampling){0, 0, 1}), 1);
    fixture_close(&f);
}

static void nan_rows(struct fixture *f) {
    static const double bad[3] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (int kind = 0; kind < 3; kind++)
        for (int at = 0; at < 40; at += 13) {
            clear(f);
            double logits[3 * 40] = {0};
            for (int v = 0; v < 40; v++)
                logits[40 + v] = kind == 2 ? bad[2] : 1;
            logits[40 + at] = bad[kind];
            struct tensor t = arena_tensor(&f->arena, DTYPE_I32, 1, 3), p = room(f, 1, 3);
            choose_tokens(f->device, t, p, place(f, DTYPE_F32, 3, 40, logits), none,
                          (struct sampling){0, 0, 1});
            expect_failure(f, "choose_tokens: row 1 of the logits holds a NaN, an infinity or "
                              "nothing finite; the model's weights are damaged or diverged");
        }
}

static void a_row_without_a_distribution_fails(void **state) {
    (void)state;
    on_every_device(nan_rows);
}

static void settings_out_of_range_are_refused(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    struct tensor z = room(&f, 1, 3), t = arena_tensor(&f.arena, DTYPE_I32, 1, 1);
    static const struct sampling wrong[] = {{-1, 0, 1}, {NAN, 0, 1},  {1, -1, 1},
                                            {1, 0, 0},  {1, 0, 1.5f}, {INFINITY, 0, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error;
        choose_tokens(f.device, t, room(&f, 1, 1), z, room(&f, 1, 1), wrong[i]);
        assert_false(device_finish(f.device, &error));
        assert_non_null(strstr(error.text, "they must be at least 0, at least 0, and in (0, 1]"));
    }
    choose_tokens(f.device, t, room(&f, 1, 1), z, none, (struct sampling){1, 0, 1});
    expect_failure(&f, "choose_tokens: uniform has no memory; cut it from an open arena");
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_lowest_of_the_largest),
        cmocka_unit_test(a_token_is_drawn_from_its_interval_in_the_order_of_ids),
        cmocka_unit_test(top_k_and_top_p_cut_off_what_they_say),
        cmocka_unit_test(draws_from_a_large_vocabulary_agree_with_sums_in_f64),
        cmocka_unit_test(temperature_changes_shares_but_not_the_log_probability),
        cmocka_unit_test(tokens_ruled_out_are_never_drawn),
        cmocka_unit_test(a_row_without_a_distribution_fails),
        cmocka_unit_test(settings_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
