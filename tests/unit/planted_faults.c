/*
 * Faults planted in copies of the CUDA device's own kernels (tests/cuda/planted) are caught by the
 * execution shim, and the kernels as they are pass the same test: a write outside an allocation or
 * a shared array is an error that names the kernel, a race or a missing barrier shows in results
 * that are others than the sound ones and, for a race, not the same every time.
 */
#include "include/kernel_fixture.h"
#include "include/shim.h"

enum { TRIES = 8 };

/* ---- what the kernels are given ---- */

/* Bits of the results of one run; the tensors are cut from an arena of their very size. */
typedef uint64_t kernel_work(struct fixture *f, struct arena *arena);

static struct tensor given(struct fixture *f, struct arena *arena, enum dtype type, int64_t rows,
                           int64_t columns) {
    struct tensor tensor = arena_tensor(arena, type, rows, columns);
    if (arena->device == NULL)
        return tensor;
    float *wide = calloc((size_t)(rows * columns), sizeof *wide);
    uint16_t *half = calloc((size_t)(rows * columns), sizeof *half);
    assert_non_null(wide);
    assert_non_null(half);
    for (int64_t i = 0; i < rows * columns; i++) {
        wide[i] = (float)(i * 7919 % 2003) / 1001 - 1;
        half[i] = to_bf16(wide[i]);
    }
    device_upload(f->device, tensor, type == DTYPE_BF16 ? (const void *)half : wide);
    free(wide);
    free(half);
    return tensor;
}

static struct tensor listed(struct fixture *f, struct arena *arena, int64_t count,
                            const int32_t *ids) {
    struct tensor tensor = arena_tensor(arena, DTYPE_I32, 1, count);
    if (arena->device != NULL)
        device_upload(f->device, tensor, ids);
    return tensor;
}

/* One sequence of three tiles, in bf16 on the tensor cores. */
static uint64_t attend(struct fixture *f, struct arena *arena) {
    enum { T = 190, H = 2, C = 32 };
    struct tensor x = given(f, arena, DTYPE_BF16, 1, 8), w = given(f, arena, DTYPE_BF16, 8, 8);
    struct tensor y = given(f, arena, DTYPE_BF16, 1, 8);
    struct tensor q = given(f, arena, DTYPE_BF16, T, H * C);
    struct tensor out = given(f, arena, DTYPE_BF16, T, H * C);
    struct tensor log_sum = given(f, arena, DTYPE_F32, T, H);
    struct sequences one = {listed(f, arena, 2, (int32_t[]){0, T}), 1, T};
    if (arena->device == NULL)
        return 0;
    matmul_forward(f->device, y, x, w, none, none); /* weights are bf16 */
    attention_forward(f->device, out, log_sum, q, q, q, one,
                      (struct attention_shape){H, H, C, 0.5f, true, 0});
    return bits_of(out) ^ bits_of(log_sum);
}

/* One row behind what fills three parts of the cache. */
static uint64_t decode(struct fixture *f, struct arena *arena) {
    enum { PLACES = 700, PAGE = 100, H = 2, C = 16 };
    struct tensor q = given(f, arena, DTYPE_F32, 1, H * C);
    struct tensor keys = given(f, arena, DTYPE_F32, PLACES, H * C);
    struct tensor values = given(f, arena, DTYPE_F32, PLACES, H * C);
    struct tensor out = given(f, arena, DTYPE_F32, 1, H * C);
    struct tensor pages =
        listed(f, arena, PLACES / PAGE, (int32_t[PLACES / PAGE]){3, 0, 6, 1, 5, 2, 4});
    struct tensor lengths = listed(f, arena, 1, (int32_t[]){PLACES});
    struct sequences one = {listed(f, arena, 2, (int32_t[]){0, 1}), 1, 1};
    if (arena->device == NULL)
        return 0;
    attention_cached(f->device, out, q, keys, values, pages, lengths, one, PAGE,
                     (struct attention_shape){H, H, C, 0.5f, true, 0});
    return bits_of(out);
}

/* The last slot of the cache, behind which its memory ends. */
static uint64_t append(struct fixture *f, struct arena *arena) {
    enum { SLOTS = 6, WIDTH = 16 };
    struct tensor k = given(f, arena, DTYPE_F32, 2, WIDTH);
    struct tensor slots = listed(f, arena, 2, (int32_t[]){2, SLOTS - 1});
    struct tensor keys = given(f, arena, DTYPE_F32, SLOTS, WIDTH);
    struct tensor values = given(f, arena, DTYPE_F32, SLOTS, WIDTH);
    if (arena->device == NULL)
        return 0;
    cache_append(f->device, keys, values, k, k, slots);
    return bits_of(keys) ^ bits_of(values);
}

static uint64_t choose(struct fixture *f, struct arena *arena) {
    enum { ROWS = 2, VOCABULARY = 600 };
    struct tensor logits = given(f, arena, DTYPE_F32, ROWS, VOCABULARY);
    struct tensor uniform = tensor_columns(given(f, arena, DTYPE_F32, 1, 1999), 1010, ROWS);
    struct tensor token = listed(f, arena, ROWS, (int32_t[ROWS]){0});
    struct tensor value = given(f, arena, DTYPE_F32, 1, ROWS);
    if (arena->device == NULL)
        return 0;
    choose_tokens(f->device, token, value, logits, uniform, (struct sampling){1, 9, 0.8f});
    return bits_of(token) ^ bits_of(value);
}

/* ---- running them ---- */

struct outcome {
    uint64_t bits[TRIES];
    struct error error; /* the last one; empty: none */
    int errors;
};

static struct outcome outcome_of(const char *library, kernel_work *work) {
    struct outcome outcome = {.errors = 0};
    struct error error = {0};
    if (!shim_use(library, true))
        fail_msg("%s is not there; make build-tests builds it", library);
    struct fixture f = {.device = device_open("cuda", 1, &error)};
    if (f.device == NULL)
        fail_msg("%s: %s", library, error.text);
    fixture_now = &f;
    for (int i = 0; i < TRIES; i++) {
        struct arena measure = arena_measure(), arena;
        work(&f, &measure);
        assert_true(arena_open(&arena, f.device, measure.used, &error));
        outcome.bits[i] = work(&f, &arena);
        outcome.errors += !device_finish(f.device, &outcome.error);
        arena_close(&arena);
    }
    device_close(f.device);
    return outcome;
}

/* Results of the kernels as they are: always the same. */
static uint64_t sound_bits(kernel_work *work) {
    struct outcome sound = outcome_of("lib/liblockpick-shim.so", work);
    if (sound.errors > 0)
        fail_msg("%s", sound.error.text);
    for (int i = 1; i < TRIES; i++)
        assert_true(sound.bits[i] == sound.bits[0]);
    return sound.bits[0];
}

static void expect_words(const char *library, kernel_work *work, const char *words) {
    sound_bits(work);
    struct outcome planted = outcome_of(library, work);
    assert_int_equal(planted.errors, TRIES);
    if (strstr(planted.error.text, words) == NULL)
        fail_msg("'%s' lacks '%s'", planted.error.text, words);
}

static void expect_other_results(const char *library, kernel_work *work, bool vary) {
    uint64_t sound = sound_bits(work);
    struct outcome planted = outcome_of(library, work);
    int others = 0, changes = 0;
    for (int i = 0; i < TRIES; i++) {
        others += planted.bits[i] != sound;
        changes += i > 0 && planted.bits[i] != planted.bits[i - 1];
    }
    if (others < TRIES / 2 || (vary && changes == 0))
        fail_msg("%s: %d of %d results are others, %d not those of the run before", library, others,
                 TRIES, changes);
}

static void a_tile_read_before_it_is_whole_shows(void **state) {
    (void)state;
    expect_other_results("planted/attention_tiles.missing-barrier.so", attend, false);
}

static void a_tile_overwritten_while_others_read_it_shows(void **state) {
    (void)state;
    expect_other_results("planted/attention_tiles.race.so", attend, true);
}

static void sums_added_to_before_they_are_there_show(void **state) {
    (void)state;
    expect_other_results("planted/attention_cached.missing-barrier.so", decode, false);
}

static void blocks_that_write_the_same_place_show(void **state) {
    (void)state;
    expect_other_results("planted/attention_cached.race.so", decode, true);
}

static void a_row_written_behind_the_cache_is_reported(void **state) {
    (void)state;
    expect_words("planted/rows.write-outside.so", append,
                 "append<4>: memory was written outside an allocation");
}

static void a_counter_written_behind_its_array_is_reported(void **state) {
    (void)state;
    expect_words("planted/tokens.write-outside-shared.so", choose,
                 "choose_token: shared memory was written outside its array");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_read_before_it_is_whole_shows),
        cmocka_unit_test(a_tile_overwritten_while_others_read_it_shows),
        cmocka_unit_test(sums_added_to_before_they_are_there_show),
        cmocka_unit_test(blocks_that_write_the_same_place_show),
        cmocka_unit_test(a_row_written_behind_the_cache_is_reported),
        cmocka_unit_test(a_counter_written_behind_its_array_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
