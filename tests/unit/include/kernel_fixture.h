/*
 * What the tests of lib/kernel share: every instruction set of this machine with one, two and three
 * threads, and the CUDA device, under the execution shim where the build has it; poisoned memory;
 * tensors as views with gaps whose surroundings must stay untouched; and comparison with a float64
 * result relative to its norm. Nothing here assumes that the host can read a device's memory.
 *
 * LOCKPICK_TEST_DEVICE=cuda tests that device alone, as it is: `make gpu-test` on a machine that
 * has one.
 */
#ifndef TESTS_KERNEL_FIXTURE_H
#define TESTS_KERNEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/kernel.h"
#include "kernel_reference.h"
#include "shim.h"

struct fixture {
    struct device *device;
    struct arena arena;
    int threads;
    const char *isa;
    enum dtype activations; /* what checks give operations as activations */
    uint64_t random;
};

enum { ARENA_BYTES = 64 << 20, GAP = 5 };

/* Whose memory the functions below that have no fixture read. */
static struct fixture *fixture_now;

FIXTURE void fixture_begin(struct fixture *fixture, const char *device, const char *isa,
                           int threads) {
    struct error error = {0};
    *fixture = (struct fixture){.threads = threads, .isa = isa, .random = 88172645463325252u};
    setenv("LOCKPICK_POISON", "1", 1);
    fixture->device = device_open(device, threads, &error);
    if (fixture->device == NULL)
        fail_msg("%s", error.text);
    if (!arena_open(&fixture->arena, fixture->device, ARENA_BYTES, &error))
        fail_msg("%s", error.text);
    fixture_now = fixture;
}

FIXTURE const char *only_device(void) {
    const char *only = getenv("LOCKPICK_TEST_DEVICE");
    return only != NULL && *only != 0 ? only : NULL;
}

FIXTURE void fixture_open(struct fixture *fixture, const char *isa, int threads) {
    if (isa != NULL)
        setenv("LOCKPICK_ISA", isa, 1);
    fixture_begin(fixture, "cpu", isa, threads);
    unsetenv("LOCKPICK_ISA");
}

FIXTURE void fixture_close(struct fixture *fixture) {
    arena_close(&fixture->arena);
    device_close(fixture->device);
}

/* The instruction sets that this machine has. */
FIXTURE bool isa_here(const char *isa) {
    struct error error = {0};
    setenv("LOCKPICK_ISA", isa, 1);
    struct device *device = device_open("cpu", 1, &error);
    unsetenv("LOCKPICK_ISA");
    device_close(device);
    return device != NULL;
}

/* With f32 activations, and with bf16 ones where the device takes them. */
FIXTURE void on_device(const char *device, const char *isa, void (*check)(struct fixture *)) {
    struct fixture fixture;
    fixture_begin(&fixture, device, isa, 2);
    check(&fixture);
    fixture.activations = device_activations(fixture.device, DTYPE_BF16);
    fixture.isa = "bf16 activations";
    if (fixture.activations == DTYPE_BF16)
        check(&fixture);
    fixture_close(&fixture);
}

/* Runs `check` for each of them and one, two, three threads, and for the CUDA device. */
FIXTURE void on_every_device(void (*check)(struct fixture *fixture)) {
    static const char *const isas[] = {"baseline", "avx2", "avx512"};
    if (only_device() != NULL) {
        on_device(only_device(), only_device(), check);
        return;
    }
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        for (int threads = 1; threads <= 3 && isa_here(isas[i]); threads++) {
            struct fixture fixture;
            fixture_open(&fixture, isas[i], threads);
            check(&fixture);
            fixture_close(&fixture);
        }
    if (shim_here())
        on_device("cuda", "shim", check);
}

/* What a weight must be that meets activations: bf16 ones meet no other. */
FIXTURE enum dtype weight_type(const struct fixture *fixture, enum dtype type) {
    return fixture->activations == DTYPE_BF16 ? DTYPE_BF16 : type;
}

/* What a result may be away that went through weights of that type. */
FIXTURE double rounding(const struct fixture *fixture, enum dtype weight, double otherwise) {
    bool rounds = strcmp(device_name(fixture->device), "cpu") != 0;
    return rounds && weight == DTYPE_BF16 ? 6e-3 : otherwise;
}

FIXTURE void expect_success(struct fixture *fixture) {
    struct error error = {0};
    if (!device_finish(fixture->device, &error))
        fail_msg("%s, %d threads: %s", fixture->isa, fixture->threads, error.text);
}

FIXTURE void expect_failure(struct fixture *fixture, const char *text) {
    struct error error = {0};
    assert_false(device_finish(fixture->device, &error));
    assert_string_equal(error.text, text);
}

/* ---- numbers ---- */

FIXTURE double random_real(struct fixture *fixture) {
    fixture->random ^= fixture->random << 13;
    fixture->random ^= fixture->random >> 7;
    fixture->random ^= fixture->random << 17;
    return (double)(fixture->random >> 11) / 4503599627370496.0 - 1; /* [-1, 1) */
}

FIXTURE double *zeros(int64_t count) {
    double *values = calloc((size_t)(count > 0 ? count : 1), sizeof *values);
    assert_non_null(values);
    return values;
}

FIXTURE double *random_reals(struct fixture *fixture, int64_t count, double size) {
    double *values = zeros(count);
    for (int64_t i = 0; i < count; i++)
        values[i] = size * random_real(fixture);
    return values;
}

FIXTURE int32_t *random_ids(struct fixture *fixture, int64_t count, int64_t limit) {
    int32_t *ids = calloc((size_t)count + 1, sizeof *ids);
    assert_non_null(ids);
    for (int64_t i = 0; i < count; i++)
        ids[i] = (int32_t)((random_real(fixture) + 1) / 2 * (double)limit);
    return ids;
}

FIXTURE uint16_t to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

FIXTURE float from_bf16(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- tensors ---- */

/*
 * Columns of the parent on either side of a view: GAP, or on the CUDA device 8 where that lets
 * kernels move four columns at a time.
 */
FIXTURE int64_t gap_beside(const struct fixture *fixture, int64_t columns) {
    bool packs = columns % 4 == 0 && strcmp(device_name(fixture->device), "cpu") != 0;
    return packs ? 8 : GAP;
}

/* A poisoned [rows, columns] with a gap on either side. */
FIXTURE struct tensor blank(struct fixture *fixture, enum dtype type, int64_t rows,
                            int64_t columns) {
    int64_t gap = gap_beside(fixture, columns);
    struct tensor parent = arena_tensor(&fixture->arena, type, rows, columns + 2 * gap);
    assert_non_null(parent.data);
    return tensor_columns(parent, gap, columns);
}

/* The same with values; they are rounded to the dtype, here too, so that both sides start alike. */
FIXTURE struct tensor place(struct fixture *fixture, enum dtype type, int64_t rows, int64_t columns,
                            double *values) {
    struct tensor tensor = blank(fixture, type, rows, columns);
    int64_t count = rows * columns;
    float *wide = calloc((size_t)count + 1, sizeof *wide);
    uint16_t *half = calloc((size_t)count + 1, sizeof *half);
    assert_non_null(wide);
    assert_non_null(half);
    for (int64_t i = 0; i < count; i++) {
        wide[i] = (float)values[i];
        half[i] = to_bf16(wide[i]);
        values[i] = (double)(type == DTYPE_BF16 ? from_bf16(half[i]) : wide[i]);
    }
    device_upload(fixture->device, tensor, type == DTYPE_BF16 ? (const void *)half : wide);
    free(wide);
    free(half);
    return tensor;
}

FIXTURE struct tensor place_ids(struct fixture *fixture, int64_t count, const int32_t *ids) {
    struct tensor tensor = arena_tensor(&fixture->arena, DTYPE_I32, 1, count);
    assert_non_null(tensor.data);
    device_upload(fixture->device, tensor, ids);
    return tensor;
}

/* A [1,count] or [T,H] that operations take without a gap as well. */
FIXTURE struct tensor room(struct fixture *fixture, int64_t rows, int64_t columns) {
    struct tensor tensor = arena_tensor(&fixture->arena, DTYPE_F32, rows, columns);
    assert_non_null(tensor.data);
    return tensor;
}

static const struct tensor none = {0};

/* The rows of a tensor packed on the host, to be freed. */
FIXTURE void *fetch(struct fixture *fixture, struct tensor tensor) {
    void *copy = calloc((size_t)(tensor.rows * tensor.columns) + 1, dtype_size(tensor.type));
    assert_non_null(copy);
    device_download(fixture->device, copy, tensor);
    return copy;
}

/* The same as f32, whatever of the two it is. */
FIXTURE float *fetch_wide(struct fixture *fixture, struct tensor tensor) {
    void *copy = fetch(fixture, tensor);
    if (tensor.type == DTYPE_F32)
        return copy;
    size_t count = (size_t)(tensor.rows * tensor.columns);
    float *wide = calloc(count + 1, sizeof *wide);
    assert_non_null(wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = from_bf16(((const uint16_t *)copy)[i]);
    free(copy);
    return wide;
}

/* Every value near the wanted one: the distance at most `tolerance` of the norm, and half a unit in
 * the last place where it was rounded to bf16, none missing; and the poison around a view still
 * there. */
FIXTURE void expect_near(struct fixture *fixture, const char *name, struct tensor tensor,
                         const double *want, double tolerance) {
    double distance = 0, norm = 0;
    float *got = fetch_wide(fixture, tensor);
    if (tensor.type == DTYPE_BF16)
        tolerance += 1.0 / 256;
    for (int64_t i = 0; i < tensor.rows * tensor.columns; i++) {
        distance += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        norm += want[i] * want[i];
    }
    free(got);
    if (!(sqrt(distance) <= tolerance * sqrt(norm) + 1e-30))
        fail_msg("%s, %d threads: %s is %g of its norm %g away", fixture->isa, fixture->threads,
                 name, sqrt(distance / norm), sqrt(norm));
}

FIXTURE void expect_untouched_around(const char *name, struct tensor view) {
    int64_t gap = gap_beside(fixture_now, view.columns);
    struct tensor whole = tensor_columns(view, -gap, view.columns + 2 * gap);
    float *got = fetch_wide(fixture_now, whole);
    for (int64_t t = 0; t < view.rows; t++)
        for (int64_t c = 0; c < gap; c++) {
            const float *row = got + t * whole.columns;
            if (row[c] == row[c] || row[view.columns + gap + c] == row[view.columns + gap + c])
                fail_msg("%s, %s: written outside row %lld", fixture_now->isa, name, (long long)t);
        }
    free(got);
}

/* A result that must come out the same, bit for bit, when it is made again. */
FIXTURE uint64_t bits_of(struct tensor tensor) {
    uint64_t hash = 14695981039346656037u;
    size_t size = (size_t)(tensor.rows * tensor.columns) * dtype_size(tensor.type);
    uint8_t *bytes = fetch(fixture_now, tensor);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    free(bytes);
    return hash;
}

/* Forgets all tensors: the next case starts with a fresh, poisoned arena. */
FIXTURE void clear(struct fixture *fixture) {
    fixture->arena.used = 0;
}

#endif
