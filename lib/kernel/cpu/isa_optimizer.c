/*
 * AdamW and Lion in one pass over a run of a weight: master, gradient and moments are read once and
 * written once. Compiled per instruction set.
 *
 * A bf16 weight's master is its two halves: bits = (value << 16) + low. Back into halves: the value
 * is (bits + 0x8000) >> 16, the nearest bf16, and what is left fits a signed 16-bit number. In the
 * middle between two bf16 the one further from zero is taken, because the other would leave +32768.
 */
#include "kernel/cpu/isa.h"
#include "kernel/cpu/vector.h"

/* What the run is made of: constants wherever the body is inlined. */
struct layout {
    bool wide_weight, wide_moments, adam;
};

INLINE vector square_root(vector x) {
    vector y;
    for (int lane = 0; lane < LANES; lane++)
        y[lane] = __builtin_sqrtf(x[lane]);
    return y;
}

INLINE vector load_master(const void *value, const int16_t *low, int64_t at, const bool wide) {
    if (wide)
        return load((const float *)value + at);
    halves high;
    signed_halves rest;
    memcpy(&high, (const uint16_t *)value + at, sizeof high);
    memcpy(&rest, low + at, sizeof rest);
    words bits = (__builtin_convertvector(high, words) << 16) +
                 (words) __builtin_convertvector(rest, integers);
    return (vector)bits;
}

INLINE void store_master(void *value, int16_t *low, int64_t at, vector master, const bool wide) {
    if (wide) {
        store((float *)value + at, master);
        return;
    }
    /* A NaN keeps its own pattern: rounding up could carry it into another number. */
    words bits = (words)blend(master == master, master, (vector)((integers){0} + 0x7fc00000));
    halves high = __builtin_convertvector((bits + 0x8000u) >> 16, halves);
    halves rest = __builtin_convertvector(bits & 0xffffu, halves);
    memcpy((uint16_t *)value + at, &high, sizeof high);
    memcpy(low + at, &rest, sizeof rest);
}

INLINE vector load_moment(const void *moment, int64_t at, const bool wide) {
    return wide ? load((const float *)moment + at) : load_bf16((const uint16_t *)moment + at);
}

/* To the nearest bf16, ties to even. */
INLINE void store_moment(void *moment, int64_t at, vector x, const bool wide) {
    if (wide) {
        store((float *)moment + at, x);
        return;
    }
    words bits = (words)blend(x == x, x, (vector)((integers){0} + 0x7fc00000));
    halves rounded = __builtin_convertvector((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, halves);
    memcpy((uint16_t *)moment + at, &rounded, sizeof rounded);
}

INLINE vector adamw_step(vector w, vector g, vector *m, vector *v, const struct update *u) {
    *m = u->beta1 * *m + (1.0f - u->beta1) * g;
    *v = u->beta2 * *v + (1.0f - u->beta2) * g * g;
    vector change = (*m * u->correction1) / (square_root(*v * u->correction2) + u->epsilon);
    return w - u->rate * (u->decay * w + change);
}

INLINE vector lion_step(vector w, vector g, vector *m, const struct update *u) {
    vector direction = u->beta1 * *m + (1.0f - u->beta1) * g;
    vector one = splat(1.0f);
    vector sign = blend(direction > 0, one, blend(direction < 0, -one, direction));
    *m = u->beta2 * *m + (1.0f - u->beta2) * g;
    return w - u->rate * (sign + u->decay * w);
}

/* LANES elements from `at`. */
INLINE void update_lanes(const struct update_run *run, const struct update *u, int64_t at,
                         const struct layout layout) {
    vector w = load_master(run->value, run->low, at, layout.wide_weight);
    vector g = load(run->gradient + at) * u->factor;
    vector m = load_moment(run->first, at, layout.wide_moments);
    if (layout.adam) {
        vector v = load_moment(run->second, at, layout.wide_moments);
        w = adamw_step(w, g, &m, &v, u);
        store_moment(run->second, at, v, layout.wide_moments);
    } else {
        w = lion_step(w, g, &m, u);
    }
    store_moment(run->first, at, m, layout.wide_moments);
    store_master(run->value, run->low, at, w, layout.wide_weight);
}

/* The elements behind the last whole vector, by way of a copy with room for one. */
INLINE void update_rest(const struct update_run *run, const struct update *u, int64_t at,
                        const struct layout layout) {
    float value[LANES] = {0}, first[LANES] = {0}, second[LANES] = {0}, gradient[LANES] = {0};
    int16_t low[LANES] = {0};
    size_t rest = (size_t)(run->count - at);
    size_t weight_size = layout.wide_weight ? 4 : 2, moment_size = layout.wide_moments ? 4 : 2;
    uint8_t *places[3] = {(uint8_t *)run->value + (size_t)at * weight_size,
                          (uint8_t *)run->first + (size_t)at * moment_size,
                          layout.adam ? (uint8_t *)run->second + (size_t)at * moment_size : NULL};
    memcpy(value, places[0], rest * weight_size);
    memcpy(first, places[1], rest * moment_size);
    if (layout.adam)
        memcpy(second, places[2], rest * moment_size);
    if (!layout.wide_weight)
        memcpy(low, run->low + at, rest * sizeof *low);
    memcpy(gradient, run->gradient + at, rest * sizeof *gradient);
    struct update_run copy = {.value = value,
                              .low = low,
                              .gradient = gradient,
                              .first = first,
                              .second = second,
                              .wide_moments = layout.wide_moments,
                              .count = LANES};
    update_lanes(&copy, u, 0, layout);
    memcpy(places[0], value, rest * weight_size);
    memcpy(places[1], first, rest * moment_size);
    if (layout.adam)
        memcpy(places[2], second, rest * moment_size);
    if (!layout.wide_weight)
        memcpy(run->low + at, low, rest * sizeof *low);
}

INLINE void update_all(const struct update_run *run, const struct update *u,
                       const struct layout layout) {
    int64_t at = 0;
    for (; at + LANES <= run->count; at += LANES)
        update_lanes(run, u, at, layout);
    if (at < run->count)
        update_rest(run, u, at, layout);
}

static void update(const struct update_run *run, const struct update *u) {
    bool adam = run->second != NULL;
    if (run->low == NULL && adam)
        update_all(run, u, (struct layout){true, true, true});
    else if (run->low == NULL)
        update_all(run, u, (struct layout){true, true, false});
    else if (run->wide_moments && adam)
        update_all(run, u, (struct layout){false, true, true});
    else if (run->wide_moments)
        update_all(run, u, (struct layout){false, true, false});
    else if (adam)
        update_all(run, u, (struct layout){false, false, true});
    else
        update_all(run, u, (struct layout){false, false, false});
}

extern const struct optimizer_kernels ISA_NAME(optimizer_kernels);
const struct optimizer_kernels ISA_NAME(optimizer_kernels) = {.update = update};
