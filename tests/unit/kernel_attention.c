/*
 * Attention against the float64 reference: sequences from one row to several blocks, grouped heads,
 * views of one matrix, windows, both directions; the paged cache.
 */
#include "include/kernel_fixture.h"

struct layout {
    int32_t offsets[8];
    int64_t count, H, G, C;
    bool causal;
    int64_t window;
};

static const struct layout layouts[] = {
    {{0, 1}, 1, 1, 1, 1, true},
    {{0, 18, 37, 37, 55}, 4, 4, 4, 32, true},
    {{0, 5, 6, 30}, 3, 6, 2, 16, true},
    {{0, 5, 6, 30}, 3, 6, 3, 10, false},
    {{0, 64, 129, 330}, 3, 4, 2, 24, true},
    {{0, 65, 200}, 2, 2, 1, 64, false},
    {{0, 300, 301}, 2, 2, 2, 7, true},
    {{0, 1, 70, 330}, 3, 2, 1, 16, true, 2},
    {{0, 64, 129, 500}, 3, 4, 2, 24, true, 65},
    {{0, 300, 301}, 2, 2, 2, 7, true, 130},
};

enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static int64_t longest_of(const struct layout *layout) {
    int64_t longest = 0;
    for (int64_t s = 0; s < layout->count; s++)
        if (layout->offsets[s + 1] - layout->offsets[s] > longest)
            longest = layout->offsets[s + 1] - layout->offsets[s];
    return longest;
}

/* q, k, v side by side in one matrix, as the transformer has them. */
struct problem {
    double *q, *k, *v, *dout;
    struct tensor qkv, q_view, k_view, v_view;
    struct sequences sequences;
    struct attention_shape shape;
    struct reference_attention reference;
    int64_t T, query, kv; /* rows, columns of q, columns of k */
};

static struct tensor fill_view(struct fixture *f, struct tensor view, double *values) {
    struct tensor dense = place(f, f->activations, view.rows, view.columns, values);
    device_copy(f->device, view, dense);
    return view;
}

static struct problem problem_make(struct fixture *f, const struct layout *l) {
    struct problem p = {.T = l->offsets[l->count], .query = l->H * l->C, .kv = l->G * l->C};
    double scale = 1 / sqrt((double)l->C);
    p.q = random_reals(f, p.T * p.query, 4);
    p.k = random_reals(f, p.T * p.kv, 4);
    p.v = random_reals(f, p.T * p.kv, 1);
    p.dout = random_reals(f, p.T * p.query, 1);
    p.qkv = blank(f, f->activations, p.T, p.query + 2 * p.kv);
    p.q_view = fill_view(f, tensor_columns(p.qkv, 0, p.query), p.q);
    p.k_view = fill_view(f, tensor_columns(p.qkv, p.query, p.kv), p.k);
    p.v_view = fill_view(f, tensor_columns(p.qkv, p.query + p.kv, p.kv), p.v);
    p.sequences =
        (struct sequences){place_ids(f, l->count + 1, l->offsets), l->count, longest_of(l)};
    p.shape = (struct attention_shape){l->H, l->G, l->C, (float)scale, l->causal, l->window};
    p.reference = (struct reference_attention){
        l->offsets, l->count, l->H, l->G, l->C, (double)p.shape.scale, l->causal, l->window};
    return p;
}

static void problem_free(struct problem *p) {
    free(p->q);
    free(p->k);
    free(p->v);
    free(p->dout);
}

/*
 * With bf16 weights, as operations that see no weight learn from the last product, the CUDA device
 * rounds to bf16 what it multiplies.
 */
static bool narrows(struct fixture *f, enum dtype weight) {
    double one[1] = {1};
    struct tensor x = place(f, DTYPE_F32, 1, 1, one), w = place(f, weight, 1, 1, one);
    matmul_forward(f->device, room(f, 1, 1), x, w, none, none);
    return rounding(f, weight, 0) > 0;
}

static void check_layout(struct fixture *f, const struct layout *l, enum dtype weight) {
    clear(f);
    /* The backward pass begins from what forward rounded. */
    double coarse = narrows(f, weight) || f->activations == DTYPE_BF16 ? 2e-2 : 0;
    struct problem p = problem_make(f, l);
    double *out = zeros(p.T * p.query), *log_sum = zeros(p.T * l->H);
    double *dq = zeros(p.T * p.query), *dk = zeros(p.T * p.kv), *dv = zeros(p.T * p.kv);
    reference_attention(out, log_sum, p.q, p.k, p.v, &p.reference);
    reference_attention_backward(dq, dk, dv, p.dout, p.q, p.k, p.v, &p.reference);

    struct tensor y = blank(f, f->activations, p.T, p.query), sum = blank(f, DTYPE_F32, p.T, l->H);
    struct tensor gradient = blank(f, f->activations, p.T, p.query + 2 * p.kv);
    struct tensor gq = tensor_columns(gradient, 0, p.query);
    struct tensor gk = tensor_columns(gradient, p.query, p.kv);
    struct tensor gv = tensor_columns(gradient, p.query + p.kv, p.kv);
    struct tensor dy = place(f, f->activations, p.T, p.query, p.dout);
    uint64_t bits[2];
    for (int time = 0; time < 2; time++) {
        attention_forward(f->device, y, sum, p.q_view, p.k_view, p.v_view, p.sequences, p.shape);
        attention_backward(f->device, gq, gk, gv, dy, y, sum, p.q_view, p.k_view, p.v_view,
                           p.sequences, p.shape);
        bits[time] = bits_of(y) ^ bits_of(sum) ^ bits_of(gradient);
    }
    expect_success(f);
    expect_near(f, "out", y, out, 1e-6 + coarse / 3);
    expect_near(f, "log_sum", sum, log_sum, 1e-6 + coarse / 3);
    expect_near(f, "dq", gq, dq, 3e-6 + coarse);
    expect_near(f, "dk", gk, dk, 3e-6 + coarse);
    expect_near(f, "dv", gv, dv, 3e-6 + coarse);
    expect_untouched_around("out", y);
    expect_untouched_around("log_sum", sum);
    expect_untouched_around("the gradient", gradient);
    assert_int_equal(bits[0], bits[1]);
    problem_free(&p);
    free(out);
    free(log_sum);
    free(dq);
    free(dk);
    free(dv);
}

static void check_layouts(struct fixture *f) {
    /* Of rounded rows not the first: the gradient of a score that is alone is nothing. */
    for (int i = f->activations == DTYPE_F32 ? 0 : 1; i < LAYOUTS; i++)
        check_layout(f, &layouts[i], DTYPE_F32);
}

static void attention_and_its_gradients_equal_the_reference(void **state) {
    (void)state;
    on_every_device(check_layouts);
}

static void check_rounded_layouts(struct fixture *f) {
    static const struct layout wide[] = {{{0, 3, 3, 140}, 3, 4, 1, 128, true},
                                         {{0, 70, 139}, 2, 2, 2, 80, false},
                                         {{0, 200}, 1, 2, 1, 100, true, 70},
                                         {{0, 64, 129, 200}, 3, 4, 2, 24, true, 65},
                                         {{0, 90}, 1, 1, 1, 130, true}};
    if (!narrows(f, DTYPE_BF16))
        return; /* the same as with f32 */
    /* Not the first: the gradient of a score that is alone is nothing, or rounding. */
    for (int i = 1; i < LAYOUTS; i += 2)
        check_layout(f, &layouts[i], DTYPE_BF16);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        check_layout(f, &wide[i], DTYPE_BF16);
}

static void attention_with_bf16_weights_is_the_same_but_for_rounding(void **state) {
    (void)state;
    on_every_device(check_rounded_layouts);
}

/* Scores of ±400: no overflow, and the largest takes all. */
static void huge_scores(struct fixture *f) {
    clear(f);
    struct tensor q = room(f, 2, 1), k = room(f, 2, 1), v = room(f, 2, 1), out = room(f, 2, 1);
    struct sequences sequences = {place_ids(f, 2, (int32_t[]){0, 2}), 1, 2};
    device_upload(f->device, q, (float[]){20, -20});
    device_upload(f->device, k, (float[]){20, -20});
    device_upload(f->device, v, (float[]){3, 5});
    attention_forward(f->device, out, room(f, 2, 1), q, k, v, sequences,
                      (struct attention_shape){1, 1, 1, 1, false, 0});
    expect_success(f);
    expect_near(f, "out", out, (double[]){3, 5}, 1e-7);
}

static void large_scores_neither_overflow_nor_vanish(void **state) {
    (void)state;
    on_every_device(huge_scores);
}

/* ---- the cache ---- */

enum { PAGE = 4, PAGES = 600, MOST = PAGES * PAGE };

/*
 * Sequences in the cache, and how many of their last rows ask. The last but one is work enough for
 * all threads.
 */
static const struct cached_layout {
    struct layout layout;
    int32_t rows[8];
} cached[] = {
    {{{0, 1}, 1, 1, 1, 1, true}, {1}},
    {{{0, 18, 37, 55}, 3, 4, 4, 32, true}, {1, 1, 1}},
    {{{0, 5, 6, 30}, 3, 6, 2, 16, true}, {5, 1, 3}},
    {{{0, 64, 129, 330}, 3, 4, 2, 10, true}, {1, 65, 101}},
    {{{0, 513, 1537, 1540}, 3, 2, 1, 20, true}, {1, 1, 2}},
    {{{0, 200, 1400}, 2, 2, 2, 7, true, 40}, {150, 1}},
    {{{0, 1300, 1500}, 2, 4, 2, 12, true, 600}, {1, 70}},
    {{{0, 700, 701, 1500}, 3, 16, 4, 70, true}, {1, 1, 70}},
    {{{0, 130}, 1, 2, 1, 8, true}, {130}},
    {{{0, 600, 601, 680}, 3, 4, 1, 64, true}, {1, 1, 1}},
    {{{0, 290}, 1, 10, 1, 128, true}, {1}},
    {{{0, 700, 1000}, 2, 2, 2, 96, true, 300}, {1, 1}},
};

/* What one call needs: the cache filled, the page table, the asking rows behind one another. */
struct cached_problem {
    struct problem problem;
    struct tensor keys, values, q, out;
    int32_t table[8 * PAGES], offsets[8], lengths[8];
    int64_t most_pages;
};

/* Row t of every sequence goes to a page of a shuffled table. */
static void cached_make(struct fixture *f, const struct cached_layout *c,
                        struct cached_problem *to) {
    const struct layout *l = &c->layout;
    int32_t slots[MOST], rows[MOST], next = 0, asking = 0;
    memset(to, 0, sizeof *to);
    to->problem = problem_make(f, l);
    to->most_pages = (longest_of(l) + PAGE - 1) / PAGE;
    for (int64_t s = 0; s < l->count; s++) {
        int32_t first = l->offsets[s], length = l->offsets[s + 1] - first;
        to->lengths[s] = length;
        to->offsets[s] = asking;
        for (int32_t t = 0; t < length; t++) {
            int32_t *page = &to->table[s * to->most_pages + t / PAGE];
            if (t % PAGE == 0)
                *page = next++ * 77 % PAGES;
            slots[first + t] = *page * PAGE + t % PAGE;
            if (t >= length - c->rows[s])
                rows[asking++] = first + t;
        }
        to->offsets[s + 1] = asking;
    }
    const struct problem *p = &to->problem;
    to->keys = blank(f, f->activations, MOST, p->kv);
    to->values = blank(f, f->activations, MOST, p->kv);
    cache_append(f->device, to->keys, to->values, p->k_view, p->v_view, place_ids(f, p->T, slots));
    to->q = blank(f, f->activations, asking, p->query);
    to->out = blank(f, f->activations, asking, p->query);
    gather_rows(f->device, to->q, p->q_view, place_ids(f, asking, rows));
}

/* Sequences first … first + count − 1 of the problem, `skipped` of the first one's rows left out.
 */
static struct tensor cached_call(struct fixture *f, const struct cached_problem *c, int64_t first,
                                 int64_t count, int32_t skipped, int32_t dropped) {
    int32_t offsets[9] = {0};
    int64_t longest = 0;
    for (int64_t s = 0; s < count; s++) {
        int32_t rows = c->offsets[first + s + 1] - c->offsets[first + s];
        rows -= s == 0 ? skipped + dropped : 0;
        offsets[s + 1] = offsets[s] + rows;
        longest = rows > longest ? rows : longest;
    }
    int32_t lengths[8];
    memcpy(lengths, c->lengths + first, (size_t)count * sizeof *lengths);
    lengths[0] -= dropped;
    struct tensor pages = arena_tensor(&f->arena, DTYPE_I32, count, c->most_pages);
    device_upload(f->device, pages, c->table + first * c->most_pages);
    int64_t row = c->offsets[first] + skipped;
    struct tensor out = tensor_rows(c->out, row, offsets[count]);
    attention_cached(f->device, out, tensor_rows(c->q, row, offsets[count]), c->keys, c->values,
                     pages, place_ids(f, count, lengths),
                     (struct sequences){place_ids(f, count + 1, offsets), count, longest}, PAGE,
                     c->problem.shape);
    expect_success(f);
    return out;
}

/* The last `rows` rows of a sequence, by the reference. */
static double *last_rows(const struct problem *p, int64_t sequence, int64_t rows) {
    const struct reference_attention *a = &p->reference;
    int64_t end = a->offsets[sequence + 1];
    double *want = zeros(rows * p->query), *weights = zeros(end);
    for (int64_t i = end - rows; i < end; i++)
        for (int64_t h = 0; h < a->H; h++) {
            int64_t first = reference_first(a, sequence, i);
            double *to = want + ((i + rows - end) * a->H + h) * a->C;
            reference_probabilities(weights, p->q, p->k, i, first, i + 1, h, a);
            for (int64_t j = first; j <= i; j++)
                for (int64_t c = 0; c < a->C; c++)
                    to[c] += weights[j - first] * p->v[(j * a->G + h * a->G / a->H) * a->C + c];
        }
    free(weights);
    return want;
}

static void check_cached(struct fixture *f, const struct cached_layout *c, enum dtype weight) {
    clear(f);
    double coarse = narrows(f, weight) ? 2e-2 : 0;
    struct cached_problem at;
    cached_make(f, c, &at);
    cached_call(f, &at, 0, c->layout.count, 0, 0);
    for (int64_t s = 0; s < c->layout.count; s++) {
        double *want = last_rows(&at.problem, s, c->rows[s]);
        expect_near(f, "a sequence's rows", tensor_rows(at.out, at.offsets[s], c->rows[s]), want,
                    1e-6 + coarse / 3);
        free(want);
    }
    expect_untouched_around("out", at.out);
    expect_untouched_around("keys", at.keys);
    problem_free(&at.problem);
}

static void check_all_cached(struct fixture *f) {
    for (size_t i = 0; i < sizeof cached / sizeof *cached; i++)
        for (enum dtype weight = DTYPE_F32; weight <= DTYPE_BF16; weight++)
            if (weight == DTYPE_F32 ||
                ((i % 3 == 2 || cached[i].layout.C % 32 == 0) && narrows(f, weight)))
                check_cached(f, &cached[i], weight);
}

static void attention_over_pages_equals_the_reference(void **state) {
    (void)state;
    on_every_device(check_all_cached);
}

static void check_neighbours(struct fixture *f) {
    for (size_t i = 0; i < sizeof cached / sizeof *cached; i++) {
        clear(f);
        struct cached_problem at;
        cached_make(f, &cached[i], &at);
        uint64_t bits = bits_of(cached_call(f, &at, 0, cached[i].layout.count, 0, 0));
        for (int64_t s = 0; s < cached[i].layout.count; s++)
            cached_call(f, &at, s, 1, 0, 0);
        assert_int_equal(bits_of(at.out), bits);
        problem_free(&at.problem);
    }
}

static void a_sequence_comes_out_the_same_whoever_shares_its_batch(void **state) {
    (void)state;
    on_every_device(check_neighbours);
}

static void check_chunks(struct fixture *f) {
    static const struct cached_layout prompt = {{{0, 300}, 1, 4, 2, 12, true, 90}, {300}};
    for (enum dtype weight = DTYPE_F32; weight <= DTYPE_BF16; weight++) {
        clear(f);
        narrows(f, weight);
        struct cached_problem at;
        cached_make(f, &prompt, &at);
        uint64_t bits = bits_of(cached_call(f, &at, 0, 1, 0, 0));
        cached_call(f, &at, 0, 1, 0, 263);
        cached_call(f, &at, 0, 1, 37, 101);
        cached_call(f, &at, 0, 1, 199, 0);
        assert_int_equal(bits_of(at.out), bits);
        problem_free(&at.problem);
    }
}

static void a_prompt_comes_out_the_same_however_it_is_cut_into_chunks(void **state) {
    (void)state;
    on_every_device(check_chunks);
}

static void check_bad_layouts(struct fixture *fixture) {
    clear(fixture);
    struct fixture f = *fixture;
    struct attention_shape shape = {2, 1, 4, 0.5f, true, 0};
    struct tensor q = room(&f, 6, 8), k = room(&f, 6, 4), sum = room(&f, 6, 2);
    struct sequences s = {place_ids(&f, 3, (int32_t[]){0, 4, 5}), 2, 4};
    attention_forward(f.device, q, sum, q, k, k, s, shape);
    expect_failure(&f, "attention_forward: offsets must rise from 0 to the 6 rows, each sequence "
                       "having at most 4");
    s.offsets = place_ids(&f, 3, (int32_t[]){0, 7, 6});
    attention_backward(f.device, q, k, k, q, q, sum, q, k, k, s, shape);
    expect_failure(&f, "attention_backward: offsets must rise from 0 to the 6 rows, each sequence "
                       "having at most 4");
    shape.kv_heads = 3;
    attention_forward(f.device, q, sum, q, k, k, s, shape);
    expect_failure(&f,
                   "attention_forward: 2 heads of 4 columns over 3 key/value heads; all must be "
                   "positive and the key/value heads divide the heads");
    shape.kv_heads = 1;
    shape.window = -1;
    attention_forward(f.device, q, sum, q, k, k, s, shape);
    expect_failure(&f, "attention_forward: a window of -1 rows; it must be at least 0, and 0 "
                       "unless causal");
    shape = (struct attention_shape){2, 1, 4, 0.5f, false, 3};
    attention_forward(f.device, q, sum, q, k, k, s, shape);
    expect_failure(&f, "attention_forward: a window of 3 rows, not causal; it must be at least 0, "
                       "and 0 unless causal");
    shape = (struct attention_shape){2, 1, 4, 0.5f, true, 0};
    struct tensor cache = room(&f, 8, 4), one = tensor_rows(q, 0, 1), two = tensor_rows(q, 1, 1);
    struct tensor pages = place_ids(&f, 2, (int32_t[]){1, 2});
    s = (struct sequences){place_ids(&f, 2, (int32_t[]){0, 1}), 1, 1};
    attention_cached(f.device, one, two, cache, cache, pages, place_ids(&f, 1, (int32_t[]){9}), s,
                     4, shape);
    expect_failure(&f, "attention_cached: sequence 0 has 1 rows and length 9; it must have at "
                       "least one row, and a length from its rows to 8");
    attention_cached(f.device, one, two, cache, cache, pages, place_ids(&f, 1, (int32_t[]){0}), s,
                     4, shape);
    expect_failure(&f, "attention_cached: sequence 0 has 1 rows and length 0; it must have at "
                       "least one row, and a length from its rows to 8");
    attention_cached(f.device, one, two, cache, cache, pages, place_ids(&f, 1, (int32_t[]){5}), s,
                     4, shape);
    expect_failure(&f, "attention_cached: pages has 2 at place 1; it must lie in 0 ... 1");
    /* A page that the window has left behind, one of many. */
    int32_t many[90] = {[70] = 7};
    shape.window = 3;
    attention_cached(f.device, one, two, cache, cache, place_ids(&f, 90, many),
                     place_ids(&f, 1, (int32_t[]){4 * 90}), s, 4, shape);
    expect_failure(&f, "attention_cached: pages has 7 at place 70; it must lie in 0 ... 1");
    shape.window = 0;
    attention_cached(f.device, one, two, cache, cache, pages, place_ids(&f, 1, (int32_t[]){4}), s,
                     3, shape);
    expect_failure(&f, "attention_cached: pages of 3 places in a cache of 8 rows; the page size "
                       "must divide the rows");
    shape.causal = false;
    attention_cached(f.device, one, two, cache, cache, pages, place_ids(&f, 1, (int32_t[]){4}), s,
                     4, shape);
    expect_failure(&f, "attention_cached: the shape is not causal; a cache knows no rows to come, "
                       "set causal");
    cache_append(f.device, cache, cache, tensor_rows(k, 0, 1), tensor_rows(k, 1, 1),
                 place_ids(&f, 1, (int32_t[]){8}));
    expect_failure(&f, "cache_append: slots has 8 at place 0; it must lie in 0 ... 7");
    shape.causal = true;
    struct tensor empty = tensor_rows(cache, 0, 0), page = tensor_columns(pages, 0, 1);
    attention_cached(f.device, one, two, empty, empty, page, place_ids(&f, 1, (int32_t[]){2}), s, 4,
                     shape);
    expect_failure(&f, "attention_cached: pages has 1 at place 0; it must lie in 0 ... -1");
    /* What is behind the first mistake runs, or is left out, and finds others. */
    cache_append(f.device, cache, cache, tensor_rows(k, 0, 1), tensor_rows(k, 1, 1),
                 place_ids(&f, 1, (int32_t[]){9}));
    attention_cached(f.device, one, two, cache, cache, pages, place_ids(&f, 1, (int32_t[]){8}), s,
                     4, shape);
    expect_failure(&f, "cache_append: slots has 9 at place 0; it must lie in 0 ... 7");
}

static void wrong_offsets_pages_and_lengths_are_named(void **state) {
    (void)state;
    on_every_device(check_bad_layouts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_and_its_gradients_equal_the_reference),
        cmocka_unit_test(attention_with_bf16_weights_is_the_same_but_for_rounding),
        cmocka_unit_test(large_scores_neither_overflow_nor_vanish),
        cmocka_unit_test(attention_over_pages_equals_the_reference),
        cmocka_unit_test(a_sequence_comes_out_the_same_whoever_shares_its_batch),
        cmocka_unit_test(a_prompt_comes_out_the_same_however_it_is_cut_into_chunks),
        cmocka_unit_test(wrong_offsets_pages_and_lengths_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
