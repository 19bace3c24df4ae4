/* Devices and arenas: names, instruction sets, failures that stick, memory, views. */
#include "include/kernel_fixture.h"

static void expect_no_device(const char *name, int threads, const char *text) {
    struct error error = {0};
    assert_null(device_open(name, threads, &error));
    assert_string_equal(error.text, text);
}

static void unknown_devices_are_refused_with_the_known_ones(void **state) {
    (void)state;
    expect_no_device("gpu", 1,
                     "device gpu: there is no such device; use cpu, cuda, cuda:N or auto");
    expect_no_device("cuda:x", 1, "device cuda:x: there is no such device; use cuda or cuda:N");
    expect_no_device("cpu", -1, "device cpu: -1 threads; use 1 to 1024, or 0 for all cores");
}

static void a_cuda_library_that_is_not_there_is_named(void **state) {
    (void)state;
    struct error error = {0};
    setenv("LOCKPICK_CUDA_LIBRARY", "/nowhere/cuda.so", 1);
    assert_null(device_open("cuda:1", 1, &error));
    assert_memory_equal(error.text, "device cuda:1: no CUDA library (/nowhere/cuda.so: ", 50);
    assert_non_null(strstr(error.text, "; build with nvcc, or use --device cpu"));
    struct device *device = device_open("auto", 1, &error);
    assert_string_equal(device_name(device), "cpu");
    device_close(device);
    unsetenv("LOCKPICK_CUDA_LIBRARY");
}

static void the_shim_is_a_device_with_memory_that_ends(void **state) {
    (void)state;
    struct error error = {0};
    struct arena arena;
    if (!shim_here())
        skip();
    assert_null(device_open("cuda:1", 1, &error));
    assert_string_equal(error.text, "device cuda:1: 1 CUDA devices here (no error); use --device "
                                    "cpu or another number");
    struct device *device = device_open("cuda", 1, &error);
    assert_non_null(device);
    assert_string_equal(device_name(device), "cuda");
    assert_memory_equal(device_description(device), "cuda execution shim on the host, ", 33);
    assert_false(arena_open(&arena, device, device_memory(device) << 1, &error));
    assert_non_null(strstr(error.text, "(out of memory); use a smaller batch or model"));
    assert_true(arena_open(&arena, device, 1 << 20, &error));
    arena_close(&arena);
    device_close(device);
    unsetenv("LOCKPICK_CUDA_LIBRARY");
}

/* Copies larger than the pinned buffers, in whole rows and in parts of one. */
static void check_copies(struct fixture *f) {
    static const struct {
        int64_t rows, columns;
    } sizes[] = {{3, 5}, {1, 5000000}, {2, 4500000}, {700, 9001}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        clear(f);
        int64_t count = sizes[i].rows * sizes[i].columns;
        float *from = calloc((size_t)count, sizeof *from);
        assert_non_null(from);
        for (int64_t j = 0; j < count; j++)
            from[j] = (float)(j % 16777213);
        struct tensor to = blank(f, DTYPE_F32, sizes[i].rows, sizes[i].columns);
        device_upload(f->device, to, from);
        float *back = fetch(f, to);
        expect_success(f);
        assert_memory_equal(back, from, (size_t)count * sizeof *from);
        expect_untouched_around("the copy", to);
        free(from);
        free(back);
    }
}

static void copies_of_any_size_arrive_whole(void **state) {
    (void)state;
    on_every_device(check_copies);
}

/* CUDA takes no distance of 2 GiB between rows: that of a single one must not reach it. */
static void check_distant_row(struct fixture *f) {
    enum { COUNT = 5 };
    const float from[COUNT] = {1, 2, 3, 4, 5}, nothing[COUNT] = {0};
    clear(f);
    struct tensor one = blank(f, DTYPE_F32, 1, COUNT), other = blank(f, DTYPE_F32, 1, COUNT);
    one.stride = other.stride = INT32_MAX;
    device_upload(f->device, one, from);
    device_copy(f->device, other, one);
    device_zero(f->device, one);
    float *copied = fetch(f, other), *zeroed = fetch(f, one);
    expect_success(f);
    assert_memory_equal(copied, from, sizeof from);
    assert_memory_equal(zeroed, nothing, sizeof nothing);
    free(copied);
    free(zeroed);
}

static void a_row_whose_next_would_lie_far_away_is_copied(void **state) {
    (void)state;
    on_every_device(check_distant_row);
}

/* More threads than there are pinned slots, each with a tensor of several. */
static void check_copies_at_once(struct fixture *f) {
    enum { THREADS = 20, COUNT = 650001 };
    struct tensor tensors[THREADS];
    static float from[THREADS][COUNT], back[THREADS][COUNT];
    clear(f);
    memset(back, 0, sizeof back);
    for (int i = 0; i < THREADS; i++) {
        tensors[i] = arena_tensor(&f->arena, DTYPE_F32, 1, COUNT);
        for (int j = 0; j < COUNT; j++)
            from[i][j] = (float)(i * 1000 + j % 977);
    }
#pragma omp parallel for num_threads(THREADS) schedule(static, 1)
    for (int i = 0; i < THREADS; i++) {
        device_upload(f->device, tensors[i], from[i]);
        device_download(f->device, back[i], tensors[i]);
    }
    expect_success(f);
    for (int i = 0; i < THREADS; i++)
        assert_memory_equal(back[i], from[i], sizeof back[i]);
}

static void copies_by_many_threads_at_once_arrive_whole(void **state) {
    (void)state;
    on_every_device(check_copies_at_once);
}

static void auto_is_the_cpu_and_says_what_it_runs_on(void **state) {
    (void)state;
    struct error error;
    setenv("LOCKPICK_CUDA_LIBRARY", "/nowhere/cuda.so", 1); /* this machine may have a GPU */
    struct device *device = device_open("auto", 2, &error);
    unsetenv("LOCKPICK_CUDA_LIBRARY");
    assert_non_null(device);
    assert_string_equal(device_name(device), "cpu");
    assert_int_equal(device_threads(device), 2);
    assert_memory_equal(device_description(device), "cpu ", 4);
    assert_non_null(strstr(device_description(device), ", 2 threads, OpenBLAS "));
    assert_true(device_memory(device) > 1 << 20);
    device_close(device);
    device = device_open("cpu", 0, &error);
    assert_true(device_threads(device) >= 1);
    device_close(device);
}

static void the_instruction_set_can_be_forced_and_a_wrong_one_is_named(void **state) {
    (void)state;
    struct error error = {0};
    setenv("LOCKPICK_ISA", "baseline", 1);
    struct device *device = device_open("cpu", 1, &error);
    assert_memory_equal(device_description(device), "cpu baseline, 1 thread, ", 24);
    device_close(device);
    setenv("LOCKPICK_ISA", "mmx", 1);
    assert_null(device_open("cpu", 1, &error));
    assert_memory_equal(error.text, "LOCKPICK_ISA=mmx: ", 18);
    assert_non_null(strstr(error.text, "use baseline"));
    unsetenv("LOCKPICK_ISA");
}

static void the_first_failure_sticks_until_it_is_reported(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    struct tensor x = room(&f, 2, 2), y = room(&f, 3, 2);
    device_zero(f.device, x);
    device_zero(f.device, y);
    device_copy(f.device, x, y);
    device_copy(f.device, tensor_rows(y, 0, 1), x);
    device_upload(f.device, x, (float[]){1, 2, 3, 4}); /* not done */
    expect_failure(&f, "device_copy: the destination is [2,2]; it must be [3,2]");
    expect_near(&f, "x", x, (double[4]){0}, 0);
    expect_success(&f);
    device_upload(f.device, x, (float[]){1, 2, 3, 4});
    expect_near(&f, "x", x, (double[4]){1, 2, 3, 4}, 0);
    fixture_close(&f);
}

static void an_arena_measured_is_an_arena_that_fits(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    struct arena measure = arena_measure();
    assert_null(arena_tensor(&measure, DTYPE_F32, 3, 5).data);
    arena_tensor(&measure, DTYPE_BF16, 1, 1);
    arena_tensor(&measure, DTYPE_I32, 0, 7);
    arena_tensor(&measure, DTYPE_I16, 7, 31);
    struct arena arena;
    struct error error;
    assert_true(arena_open(&arena, f.device, measure.used, &error));
    struct tensor first = arena_tensor(&arena, DTYPE_F32, 3, 5);
    struct tensor second = arena_tensor(&arena, DTYPE_BF16, 1, 1);
    assert_int_equal((uintptr_t)first.data % 64, 0);
    assert_int_equal((uintptr_t)second.data % 64, 0);
    assert_true(((float *)first.data)[14] != ((float *)first.data)[14]); /* poisoned */
    assert_int_equal(*(uint16_t *)second.data, 0xffff);
    assert_non_null(arena_tensor(&arena, DTYPE_I32, 0, 7).data);
    assert_non_null(arena_tensor(&arena, DTYPE_I16, 7, 31).data);
    assert_int_equal(arena.used, measure.used);
    expect_success(&f);
    assert_null(arena_tensor(&arena, DTYPE_F32, 1, 1).data);
    expect_failure(&f, "arena_tensor: f32 [1,1] does not fit into the 0 bytes left of 576; measure "
                       "the arena with arena_measure()");
    arena_close(&arena);
    arena_close(&arena); /* nothing left to free */
    fixture_close(&f);
}

static void sizes_beyond_all_memory_fail_cleanly(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    struct arena arena, measure = arena_measure();
    struct error error = {0};
    arena_tensor(&measure, DTYPE_F32, INT64_MAX / 2, INT64_MAX / 2);
    assert_true(measure.used == SIZE_MAX);
    arena_tensor(&measure, DTYPE_F32, 1, 1);
    assert_true(measure.used == SIZE_MAX);
    assert_false(arena_open(&arena, f.device, measure.used, &error));
    assert_non_null(strstr(error.text, "no memory for an arena of 18446744073709551615 bytes"));
    arena_close(&arena);
    assert_null(arena_tensor(&f.arena, DTYPE_F32, INT64_MAX, 8).data);
    assert_false(device_finish(f.device, &error));
    assert_null(arena_tensor(&f.arena, DTYPE_F32, -1, 8).data);
    assert_false(device_finish(f.device, &error));
    fixture_close(&f);
}

static void views_move_between_host_and_device_without_their_gaps(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 1);
    struct tensor whole = blank(&f, DTYPE_F32, 3, 4), view = tensor_columns(whole, 1, 2);
    float up[6] = {1, 2, 3, 4, 5, 6}, down[6] = {0};
    device_zero(f.device, whole);
    device_upload(f.device, view, up);
    device_download(f.device, down, view);
    assert_memory_equal(down, up, sizeof up);
    expect_near(&f, "whole", whole, (double[]){0, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0}, 0);
    device_zero(f.device, tensor_rows(view, 1, 1));
    expect_near(&f, "whole", whole, (double[]){0, 1, 2, 0, 0, 0, 0, 0, 0, 5, 6, 0}, 0);
    expect_untouched_around("whole", whole);
    struct tensor copy = blank(&f, DTYPE_F32, 3, 2);
    device_copy(f.device, copy, view);
    expect_near(&f, "copy", copy, (double[]){1, 2, 0, 0, 5, 6}, 0);
    expect_untouched_around("copy", copy);
    expect_success(&f);
    fixture_close(&f);
}

static void dtypes_have_sizes_and_names(void **state) {
    (void)state;
    assert_int_equal(dtype_size(DTYPE_F32), 4);
    assert_int_equal(dtype_size(DTYPE_BF16), 2);
    assert_int_equal(dtype_size(DTYPE_I16), 2);
    assert_int_equal(dtype_size(DTYPE_I32), 4);
    assert_string_equal(dtype_name(DTYPE_F32), "f32");
    assert_string_equal(dtype_name(DTYPE_BF16), "bf16");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_devices_are_refused_with_the_known_ones),
        cmocka_unit_test(a_cuda_library_that_is_not_there_is_named),
        cmocka_unit_test(the_shim_is_a_device_with_memory_that_ends),
        cmocka_unit_test(copies_of_any_size_arrive_whole),
        cmocka_unit_test(a_row_whose_next_would_lie_far_away_is_copied),
        cmocka_unit_test(copies_by_many_threads_at_once_arrive_whole),
        cmocka_unit_test(auto_is_the_cpu_and_says_what_it_runs_on),
        cmocka_unit_test(the_instruction_set_can_be_forced_and_a_wrong_one_is_named),
        cmocka_unit_test(the_first_failure_sticks_until_it_is_reported),
        cmocka_unit_test(an_arena_measured_is_an_arena_that_fits),
        cmocka_unit_test(sizes_beyond_all_memory_fail_cleanly),
        cmocka_unit_test(views_move_between_host_and_device_without_their_gaps),
        cmocka_unit_test(dtypes_have_sizes_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
