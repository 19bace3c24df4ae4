/*
 * What the tests of lib/kernel share: every instruction set of this machine with one, two and three
 * threads; poisoned memory; tensors as views with gaps whose surroundings must stay untouched; and
 * comparison with a float64 result relative to its norm.
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

#include <cmocka.h>

#include "kernel/kernel.h"
#include "kernel_reference.h"

#define FIXTURE static inline __attribute__((unused))

struct fixture {
    struct device *device;
    struct arena arena;
    int threads;
    const char *isa;
    uint64_t random;
};

enum { ARENA_BYTES = 64 << 20, GAP = 5 };

FIXTURE void fixture_open(struct fixture *fixture, const char *isa, int threads) {
    struct error error = {0};
    *fixture = (struct fixture){.threads = threads, .isa = isa, .random = 88172645463325252u};
    setenv("LOCKPICK_POISON", "1", 1);
    if (isa != NULL)
        setenv("LOCKPICK_ISA", isa, 1);
    fixture->device = device_open("cpu", threads, &error);
    unsetenv("LOCKPICK_ISA");
    if (fixture->device == NULL)
        fail_msg("%s", error.text);
    if (!arena_open(&fixture->arena, fixture->device, ARENA_BYTES, &error))
        fail_msg("%s", error.text);
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

/* Runs `check` for each of them and one, two, three threads. */
FIXTURE void on_every_device(void (*check)(struct fixture *fixture)) {
    static const char *const isas[] = {"baseline", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        for (int threads = 1; threads <= 3 && isa_here(isas[i]); threads++) {
            struct fixture fixture;
            fixture_open(&fixture, isas[i], threads);
            check(&fixture);
            fixture_close(&fixture);
        }
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

/* A poisoned [rows, columns] with GAP columns of its parent on either side. */
FIXTURE struct tensor blank(struct fixture *fixture, enum dtype type, int64_t rows,
                            int64_t columns) {
    struct tensor parent = arena_tensor(&fixture->arena, type, rows, columns + 2 * GAP);
    assert_non_null(parent.data);
    return tensor_columns(parent, GAP, columns);
}

/* The same with values; they are rounded to the dtype, here too, so that both sides start alike. */
FIXTURE struct tensor place(struct fixture *fixture, enum dtype type, int64_t rows, int64_t columns,
                            double *values) {
    struct tensor tensor = blank(fixture, type, rows, columns);
    for (int64_t t = 0; t < rows; t++)
        for (int64_t c = 0; c < columns; c++) {
            float x = (float)values[t * columns + c];
            if (type == DTYPE_BF16) {
                uint16_t half = to_bf16(x);
                ((uint16_t *)tensor.data)[t * tensor.stride + c] = half;
                x = from_bf16(half);
            } else {
                ((float *)tensor.data)[t * tensor.stride + c] = x;
            }
            values[t * columns + c] = (double)x;
        }
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

/* Every value near the wanted one: the distance at most `tolerance` of the norm, none missing; and
 * the poison around a view still there. */
FIXTURE void expect_near(struct fixture *fixture, const char *name, struct tensor tensor,
                         const double *want, double tolerance) {
    double distance = 0, norm = 0;
    for (int64_t t = 0; t < tensor.rows; t++)
        for (int64_t c = 0; c < tensor.columns; c++) {
            double x = (double)((const float *)tensor.data)[t * tensor.stride + c];
            double y = want[t * tensor.columns + c];
            distance += (x - y) * (x - y);
            norm += y * y;
        }
    if (!(sqrt(distance) <= tolerance * sqrt(norm) + 1e-30))
        fail_msg("%s, %d threads: %s is %g of its norm %g away", fixture->isa, fixture->threads,
                 name, sqrt(distance / norm), sqrt(norm));
}

FIXTURE void expect_untouched_around(const char *name, struct tensor view) {
    for (int64_t t = 0; t < view.rows; t++)
        for (int64_t c = 0; c < GAP; c++) {
            const float *row = (const float *)view.data + t * view.stride;
            if (row[c - GAP] == row[c - GAP] || row[view.columns + c] == row[view.columns + c])
                fail_msg("%s: written outside row %lld", name, (long long)t);
        }
}

/* A result that must come out the same, bit for bit, when it is made again. */
FIXTURE uint64_t bits_of(struct tensor tensor) {
    uint64_t hash = 14695981039346656037u;
    size_t size = (size_t)tensor.columns * dtype_size(tensor.type);
    for (int64_t t = 0; t < tensor.rows; t++) {
        const uint8_t *row =
            (const uint8_t *)tensor.data + (size_t)(t * tensor.stride) * dtype_size(tensor.type);
        for (size_t i = 0; i < size; i++)
            hash = (hash ^ row[i]) * 1099511628211u;
    }
    return hash;
}

/* Forgets all tensors: the next case starts with a fresh, poisoned arena. */
FIXTURE void clear(struct fixture *fixture) {
    fixture->arena.used = 0;
}

#endif
