/* Recordings: they repeat their operations, and refuse what cannot be one. */
#include "include/kernel_fixture.h"

enum { ROWS = 5, WIDTH = 24, VOCABULARY = 40, RUNS = 4 };

/* A product, a norm, the logits and the tokens chosen from them. */
struct work {
    struct tensor x, w, bias, y, normed, scale, gain, output, logits, uniform, tokens, values;
};

static struct work work_of(struct fixture *f) {
    enum dtype type = weight_type(f, DTYPE_F32);
    double *numbers = random_reals(f, VOCABULARY * WIDTH, 1);
    struct work work = {
        .x = blank(f, f->activations, ROWS, WIDTH),
        .w = place(f, type, WIDTH, WIDTH, numbers),
        .bias = place(f, type, 1, WIDTH, numbers + 7),
        .y = blank(f, f->activations, ROWS, WIDTH),
        .normed = blank(f, f->activations, ROWS, WIDTH),
        .scale = room(f, 1, ROWS),
        .gain = place(f, type, 1, WIDTH, numbers + 3),
        .output = place(f, type, VOCABULARY, WIDTH, numbers),
        .logits = blank(f, DTYPE_F32, ROWS, VOCABULARY),
        .uniform = place(f, DTYPE_F32, 1, ROWS, (double[ROWS]){0.1, 0.9, 0.5, 0.3, 0.7}),
        .tokens = arena_tensor(&f->arena, DTYPE_I32, 1, ROWS),
        .values = room(f, 1, ROWS),
    };
    free(numbers);
    return work;
}

static void enqueue(struct fixture *f, const struct work *work) {
    matmul_forward(f->device, work->y, work->x, work->w, work->bias, none);
    rms_norm_forward(f->device, work->normed, work->scale, work->y, work->gain, 1e-5f);
    matmul_forward(f->device, work->logits, work->normed, work->output, none, none);
    choose_tokens(f->device, work->tokens, work->values, work->logits, work->uniform,
                  (struct sampling){.temperature = 1, .top_k = 9, .top_p = 0.9f});
}

static void new_input(struct fixture *f, struct work *work) {
    double *numbers = random_reals(f, ROWS * WIDTH, 1);
    float wide[ROWS * WIDTH];
    uint16_t half[ROWS * WIDTH];
    for (int i = 0; i < ROWS * WIDTH; i++) {
        wide[i] = (float)numbers[i];
        half[i] = to_bf16(wide[i]);
    }
    device_upload(f->device, work->x,
                  f->activations == DTYPE_BF16 ? (const void *)half : (const void *)wide);
    free(numbers);
}

static struct recording *record(struct fixture *f, const struct work *work) {
    struct error error = {0};
    recording_begin(f->device);
    enqueue(f, work);
    struct recording *recording = recording_end(f->device, &error);
    if (recording == NULL)
        fail_msg("%s: %s", f->isa, error.text);
    return recording;
}

static void check_repeating(struct fixture *f) {
    clear(f);
    struct work work = work_of(f);
    new_input(f, &work);
    enqueue(f, &work);
    uint64_t first = bits_of(work.logits);
    new_input(f, &work);
    struct recording *recording = record(f, &work);
    assert_true(bits_of(work.logits) == first); /* nothing has run */
    for (int i = 0; i < RUNS; i++) {
        new_input(f, &work);
        assert_true(recording_valid(f->device, recording));
        recording_run(f->device, recording);
        uint64_t logits = bits_of(work.logits), tokens = bits_of(work.tokens);
        uint64_t values = bits_of(work.values);
        assert_true(logits != first);
        enqueue(f, &work);
        assert_true(bits_of(work.logits) == logits);
        assert_true(bits_of(work.tokens) == tokens);
        assert_true(bits_of(work.values) == values);
    }
    expect_success(f);
    recording_free(f->device, recording);
}

static const char *recording_device(void) {
    return only_device() != NULL ? only_device() : shim_here() ? "cuda" : NULL;
}

static void a_recording_repeats_its_operations_on_what_the_tensors_hold_then(void **state) {
    (void)state;
    if (recording_device() == NULL)
        skip();
    on_device(recording_device(), "recorded", check_repeating);
}

/* ---- what is refused ---- */

static void upload(struct fixture *f, struct work *work) {
    device_upload(f->device, work->x, work);
}

static void download(struct fixture *f, struct work *work) {
    char bytes[ROWS * WIDTH * sizeof(float)];
    device_download(f->device, bytes, work->x);
}

static void wait_for_all(struct fixture *f, struct work *work) {
    struct error error = {0};
    (void)work;
    assert_false(device_finish(f->device, &error));
    assert_non_null(strstr(error.text, "device_finish: operations are being recorded"));
}

static void open_arena(struct fixture *f, struct work *work) {
    struct error error = {0};
    struct arena arena;
    (void)work;
    assert_false(arena_open(&arena, f->device, 1 << 10, &error));
    assert_non_null(strstr(error.text, "arena_open: operations are being recorded"));
}

static void begin_again(struct fixture *f, struct work *work) {
    (void)work;
    recording_begin(f->device);
}

static void need_scratch(struct fixture *f, struct work *work) {
    struct tensor targets = arena_tensor(&f->arena, DTYPE_I32, 1, ROWS);
    cross_entropy(f->device, work->values, none, none, work->normed, work->output, targets, none);
}

static void operands_that_do_not_fit(struct fixture *f, struct work *work) {
    matmul_forward(f->device, work->y, work->x, work->output, none, none);
}

static void check_refusals(struct fixture *f) {
    static const struct {
        void (*call)(struct fixture *, struct work *);
        const char *words;
    } calls[] = {
        {upload, "device_upload: operations are being recorded; recording_end() goes first"},
        {download, "device_download: operations are being recorded; recording_end() goes first"},
        {wait_for_all, "device_finish: operations are being recorded"},
        {open_arena, "arena_open: operations are being recorded"},
        {begin_again, "recording_begin: operations are being recorded"},
        {need_scratch, "of scratch are needed on cuda while recording, and it has 0; run the "
                       "operations once before"},
        {operands_that_do_not_fit, "matmul_forward: "},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct error error = {0};
        clear(f);
        struct work work = work_of(f);
        new_input(f, &work);
        enqueue(f, &work);
        recording_begin(f->device);
        enqueue(f, &work);
        calls[i].call(f, &work);
        assert_null(recording_end(f->device, &error));
        if (strstr(error.text, calls[i].words) == NULL)
            fail_msg("'%s' lacks '%s'", error.text, calls[i].words);
        recording_free(f->device, record(f, &work)); /* and then it goes on as before */
        expect_success(f);
    }
}

static void what_cannot_be_recorded_is_refused_by_name(void **state) {
    (void)state;
    if (recording_device() == NULL)
        skip();
    struct fixture fixture;
    fixture_begin(&fixture, recording_device(), "recorded", 1);
    check_refusals(&fixture);
    fixture_close(&fixture);
}

/* Memory that grows may stay where it is: then the recording still holds. */
static void a_recording_never_runs_on_scratch_memory_that_has_gone(void **state) {
    (void)state;
    if (recording_device() == NULL)
        skip();
    struct fixture f;
    fixture_begin(&f, recording_device(), "recorded", 1);
    double *numbers = random_reals(&f, 4096 * WIDTH, 1);
    struct tensor dy = place(&f, DTYPE_F32, 4096, WIDTH, numbers);
    struct tensor small = tensor_rows(dy, 0, 8), sums = room(&f, 1, WIDTH),
                  other = room(&f, 1, WIDTH);
    struct error error = {0};
    bias_backward(f.device, sums, small);
    recording_begin(f.device);
    device_zero(f.device, sums);
    bias_backward(f.device, sums, small);
    struct recording *recording = recording_end(f.device, &error);
    assert_non_null(recording);
    recording_run(f.device, recording);
    uint64_t bits = bits_of(sums);
    bias_backward(f.device, other, dy);
    bool valid = recording_valid(f.device, recording);
    recording_run(f.device, recording);
    if (valid)
        assert_true(bits_of(sums) == bits);
    else
        expect_failure(&f, "recording_run: the scratch memory has moved since; record it anew");
    expect_success(&f);
    recording_free(f.device, recording);
    free(numbers);
    fixture_close(&f);
}

static void the_cpu_says_that_it_cannot_record(void **state) {
    (void)state;
    struct error error = {0};
    struct device *device = device_open("cpu", 1, &error);
    assert_false(device_records(device));
    recording_begin(device);
    assert_null(recording_end(device, &error));
    assert_string_equal(error.text,
                        "recording_begin: cpu cannot record; run the operations one by one");
    assert_true(device_finish(device, &error));
    device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_repeats_its_operations_on_what_the_tensors_hold_then),
        cmocka_unit_test(what_cannot_be_recorded_is_refused_by_name),
        cmocka_unit_test(a_recording_never_runs_on_scratch_memory_that_has_gone),
        cmocka_unit_test(the_cpu_says_that_it_cannot_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
