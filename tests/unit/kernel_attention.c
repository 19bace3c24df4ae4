/*
 * Attention against the float64 reference: sequences from one row to several blocks, grouped heads,
 * views of one matrix, both directions; decoding from a paged cache.
 */
#include "include/kernel_fixture.h"

struct layout {
    int32_t offsets[8];
    int64_t count, H, G, C;
    bool causal;
};

static const struct layout layouts[] = {
    {{0, 1}, 1, 1, 1, 1, true},
    {{0, 18, 37, 37, 55}, 4, 4, 4, 32, true},
    {{0, 5, 6, 30}, 3, 6, 2, 16, true},
    {{0, 5, 6, 30}, 3, 6, 3, 10, false},
    {{0, 64, 129, 330}, 3, 4, 2, 24, true},
    {{0, 65, 200}, 2, 2, 1, 64, false},
    {{0, 300, 301}, 2, 2, 2, 7, true},
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
    struct tensor dense = place(f, DTYPE_F32, view.rows, view.columns, values);
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
    p.qkv = blank(f, DTYPE_F32, p.T, p.query + 2 * p.kv);
    p.q_view = fill_view(f, tensor_columns(p.qkv, 0, p.query), p.q);
    p.k_view = fill_view(f, tensor_columns(p.qkv, p.query, p.kv), p.k);
    p.v_view = fill_view(f, tensor_columns(p.qkv, p.query + p.kv, p.kv), p.v);
    p.sequences =
        (struct sequences){place_ids(f, l->count + 1, l->offsets), l->count, longest_of(l)};
    p.shape = (struct attention_shape){l->H, l->G, l->C, (float)scale, l->causal};
    p.reference = (struct reference_attention){
        l->offsets, l->count, l->H, l->G, l->C, (double)p.shape.scale, l->causal};
    return p;
}

static void problem_free(struct problem *p) {
    free(p->q);
    free(p->k);
    free(p->v);
    free(p->dout);
}

static void check_layout(struct fixture *f, const struct layout *l) {
    clear(f);
    struct problem p = problem_make(f, l);
    double *out = zeros(p.T * p.query), *log_sum = zeros(p.T * l->H);
    double *dq = zeros(p.T * p.query), *dk = zeros(p.T * p.kv), *dv = zeros(p.T * p.kv);
    reference_attention(out, log_sum, p.q, p.k, p.v, &p.reference);
    reference_attention_backward(dq, dk, dv, p.dout, p.q, p.k, p.v, &p.reference);

    struct tensor y = blank(f, DTYPE_F32, p.T, p.query), sum = blank(f, DTYPE_F32, p.T, l->H);
    struct tensor gradient = blank(f, DTYPE_F32, p.T, p.query + 2 * p.kv);
    struct tensor gq = tensor_columns(gradient, 0, p.query);
    struct tensor gk = tensor_columns(gradient, p.query, p.kv);
    struct tensor gv = tensor_columns(gradient, p.query + p.kv, p.kv);
    struct tensor dy = place(f, DTYPE_F32, p.T, p.query, p.dout);
    uint64_t bits[2];
    for (int time = 0; time < 2; time++) {
        attention_forward(f->device, y, sum, p.q_view, p.k_view, p.v_view, p.sequences, p.shape);
        attention_backward(f->device, gq, gk, gv, dy, y, sum, p.q_view, p.k_view, p.v_view,
                           p.sequences, p.shape);
        bits[time] = bits_of(y) ^ bits_of(sum) ^ bits_of(gradient);
    }
    expect_success(f);
    expect_near(f, "out", y, out, 1e-6);
    expect_near(f, "log_sum", sum, log_sum, 1e-6);
    expect_near(f, "dq", gq, dq, 3e-6);
    expect_near(f, "dk", gk, dk, 3e-6);
    expect_near(f, "dv", gv, dv, 3e-6);
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
    for (int i = 0; i < LAYOUTS; i++)
        check_layout(f, &layouts[i]);
}

static void attention_and_its_gradients_equal_the_reference(void **state) {
    (void)state;
    on_every_device(check_layouts);
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
                      (struct attention_shape){1, 1, 1, 1, false});
    expect_success(f);
    expect_near(f, "out", out, (double[]){3, 5}, 1e-7);
}

static void large_scores_neither_overflow_nor_vanish(void **state) {
    (void)state;
    on_every_device(huge_scores);
}

/* ---- decoding ---- */

enum { PAGE = 4, PAGES = 400, MOST = PAGES * PAGE };

/* The last is work enough for all threads. */
static const struct layout decoded[] = {
    {{0, 1}, 1, 1, 1, 1, true},
    {{0, 18, 37, 37, 55}, 4, 4, 4, 32, true},
    {{0, 5, 6, 30}, 3, 6, 2, 16, true},
    {{0, 64, 129, 330}, 3, 4, 2, 10, true},
    {{0, 700, 701, 1500}, 3, 16, 4, 70, true},
};

/* Row t of every sequence goes to a page of a shuffled table: rows of the cache, by token. */
static void deal_pages(const struct layout *l, int64_t most_pages, int32_t *table, int32_t *slots,
                       int32_t *lengths, int32_t *last, int64_t *count) {
    int64_t next = 0;
    *count = 0;
    for (int64_t s = 0; s < l->count; s++) {
        int32_t first = l->offsets[s], rows = l->offsets[s + 1] - first;
        for (int32_t t = 0; t < rows; t++) {
            int32_t *page = &table[*count * most_pages + t / PAGE];
            if (t % PAGE == 0)
                *page = (int32_t)(next++ * 77 % PAGES);
            slots[first + t] = *page * PAGE + t % PAGE;
        }
        if (rows == 0)
            continue;
        lengths[*count] = rows;
        last[(*count)++] = first + rows - 1;
    }
}

/* What the last row of a sequence attends to, by the reference. */
static void expect_row(struct fixture *f, const struct problem *p, struct tensor row, int64_t i,
                       int64_t length) {
    const struct reference_attention *a = &p->reference;
    double *want = zeros(p->query), *weights = zeros(length);
    for (int64_t h = 0; h < a->H; h++) {
        reference_probabilities(weights, p->q, p->k, i, i + 1 - length, i + 1, h, a);
        for (int64_t j = 0; j < length; j++)
            for (int64_t c = 0; c < a->C; c++)
                want[h * a->C + c] +=
                    weights[j] * p->v[((i + 1 - length + j) * a->G + h * a->G / a->H) * a->C + c];
    }
    expect_near(f, "a decoded row", row, want, 1e-6);
    free(want);
    free(weights);
}

static void check_decoding(struct fixture *f, const struct layout *l) {
    clear(f);
    struct problem p = problem_make(f, l);
    int64_t most_pages = (longest_of(l) + PAGE - 1) / PAGE, B;
    int32_t table[8 * PAGES] = {0}, slots[MOST], lengths[8], last[8];
    deal_pages(l, most_pages, table, slots, lengths, last, &B);
    struct tensor keys = blank(f, DTYPE_F32, MOST, p.kv), values = blank(f, DTYPE_F32, MOST, p.kv);
    cache_append(f->device, keys, values, p.k_view, p.v_view, place_ids(f, p.T, slots));
    struct tensor pages = arena_tensor(&f->arena, DTYPE_I32, B, most_pages);
    device_upload(f->device, pages, table);
    struct tensor q = blank(f, DTYPE_F32, B, p.query), y = blank(f, DTYPE_F32, B, p.query);
    gather_rows(f->device, q, p.q_view, place_ids(f, B, last));
    attention_decode(f->device, y, q, keys, values, pages, place_ids(f, B, lengths), PAGE, p.shape);
    expect_success(f);
    for (int64_t b = 0; b < B; b++)
        expect_row(f, &p, tensor_rows(y, b, 1), last[b], lengths[b]);
    expect_untouched_around("decoded", y);
    expect_untouched_around("keys", keys);
    problem_free(&p);
}

static void check_all_decoding(struct fixture *f) {
    for (size_t i = 0; i < sizeof decoded / sizeof *decoded; i++)
        check_decoding(f, &decoded[i]);
}

static void decoding_from_pages_equals_the_reference(void **state) {
    (void)state;
    on_every_device(check_all_decoding);
}

static void wrong_offsets_pages_and_lengths_are_named(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    struct attention_shape shape = {2, 1, 4, 0.5f, true};
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
    struct tensor cache = room(&f, 8, 4), one = tensor_rows(q, 0, 1);
    struct tensor pages = place_ids(&f, 2, (int32_t[]){1, 2});
    attention_decode(f.device, one, tensor_rows(q, 1, 1), cache, cache, pages,
                     place_ids(&f, 1, (int32_t[]){9}), 4, shape);
    expect_failure(&f, "attention_decode: sequence 0 has length 9; it must lie in 1 ... 8");
    attention_decode(f.device, one, tensor_rows(q, 1, 1), cache, cache, pages,
                     place_ids(&f, 1, (int32_t[]){5}), 4, shape);
    expect_failure(&f, "attention_decode: pages has 2 at place 1; it must lie in 0 ... 1");
    cache_append(f.device, cache, cache, tensor_rows(k, 0, 1), tensor_rows(k, 1, 1),
                 place_ids(&f, 1, (int32_t[]){8}));
    expect_failure(&f, "cache_append: slots has 8 at place 0; it must lie in 0 ... 7");
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_and_its_gradients_equal_the_reference),
        cmocka_unit_test(large_scores_neither_overflow_nor_vanish),
        cmocka_unit_test(decoding_from_pages_equals_the_reference),
        cmocka_unit_test(wrong_offsets_pages_and_lengths_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
