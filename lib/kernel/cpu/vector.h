/*
 * Vectors of the instruction set that the including isa_*.c is compiled for, through the vector
 * extensions of gcc and clang: f32 lanes, loads and stores at any address, bf16 lanes, selection,
 * sums, and the exponential. Only isa_*.c include this file.
 */
#ifndef LOCKPICK_KERNEL_CPU_VECTOR_H
#define LOCKPICK_KERNEL_CPU_VECTOR_H

#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#ifndef ISA
#error "isa_*.c are compiled with -DISA=baseline, avx2 or avx512"
#endif

#define ISA_PASTE(name, isa) name##_##isa
#define ISA_EXPAND(name, isa) ISA_PASTE(name, isa)
#define ISA_NAME(name) ISA_EXPAND(name, ISA)

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

typedef float vector __attribute__((vector_size(LANES * 4)));
typedef int32_t integers __attribute__((vector_size(LANES * 4)));
typedef uint32_t naturals __attribute__((vector_size(LANES * 4)));
typedef uint32_t words __attribute__((vector_size(LANES * 4)));
typedef uint16_t halves __attribute__((vector_size(LANES * 2)));
typedef int16_t signed_halves __attribute__((vector_size(LANES * 2)));
typedef float half_vector __attribute__((vector_size(LANES * 2))); /* half the lanes */
typedef double doubles __attribute__((vector_size(LANES * 4)));    /* as many */
typedef float quad __attribute__((vector_size(16)));

#define INLINE static inline __attribute__((always_inline, unused))

INLINE vector splat(float x) {
    return x - (vector){0};
}

INLINE vector load(const float *x) {
    vector v;
    memcpy(&v, x, sizeof v);
    return v;
}

INLINE void store(float *y, vector v) {
    memcpy(y, &v, sizeof v);
}

#if defined(__AVX512F__)

/* The first n < LANES floats, `fill` behind them. */
INLINE vector load_part(const float *x, int64_t n, float fill) {
    return (vector)_mm512_mask_loadu_ps((__m512)splat(fill), (__mmask16)((1u << n) - 1), x);
}

INLINE void store_part(float *y, vector v, int64_t n) {
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << n) - 1), (__m512)v);
}

#else

/* n < LANES floats. (memcpy of a size that is not constant becomes a slow string instruction.) */
INLINE void copy_part(float *to, const float *from, int64_t n) {
    int64_t done = 0;
#pragma GCC unroll 4
    for (int64_t size = LANES / 2; size > 0; size /= 2)
        if (n & size) {
            memcpy(to + done, from + done, (size_t)size * sizeof *to);
            done += size;
        }
}

INLINE vector load_part(const float *x, int64_t n, float fill) {
    float part[LANES];
    store(part, splat(fill));
    copy_part(part, x, n);
    return load(part);
}

INLINE void store_part(float *y, vector v, int64_t n) {
    float part[LANES];
    store(part, v);
    copy_part(y, part, n);
}

#endif

/* All bits set in the first n lanes. */
INLINE integers first_lanes(int64_t n) {
    static const int32_t order[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    integers lanes;
    memcpy(&lanes, order, sizeof lanes);
    return lanes < (int32_t)(n < LANES ? n : LANES);
}

INLINE vector widen(halves h) {
    return (vector)(__builtin_convertvector(h, words) << 16);
}

INLINE vector load_bf16(const uint16_t *x) {
    halves h;
    memcpy(&h, x, sizeof h);
    return widen(h);
}

INLINE vector blend(integers mask, vector yes, vector no) {
    return (vector)(((integers)yes & mask) | ((integers)no & ~mask));
}

INLINE vector larger(vector a, vector b) {
    return blend(a > b, a, b);
}

/* Lanes folded to four, to be summed in one more step. */
INLINE quad fold(vector v) {
#if defined(__AVX512F__)
    typedef float octet __attribute__((vector_size(32)));
    octet o = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
              __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(o, o, 0, 1, 2, 3) + __builtin_shufflevector(o, o, 4, 5, 6, 7);
#elif defined(__AVX2__)
    return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    return v;
#endif
}

INLINE float sum(vector v) {
    quad q = fold(v);
    return (q[0] + q[1]) + (q[2] + q[3]);
}

INLINE float largest_lane(vector v) {
#if defined(__AVX512F__)
    v = larger(v,
               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
#endif
#if defined(__AVX2__)
    quad q = __builtin_shufflevector(v, v, 0, 1, 2, 3),
         r = __builtin_shufflevector(v, v, 4, 5, 6, 7);
    float a = q[0] > r[0] ? q[0] : r[0], b = q[1] > r[1] ? q[1] : r[1];
    float c = q[2] > r[2] ? q[2] : r[2], d = q[3] > r[3] ? q[3] : r[3];
#else
    float a = v[0], b = v[1], c = v[2], d = v[3];
#endif
    a = a > b ? a : b;
    c = c > d ? c : d;
    return a > c ? a : c;
}

/* The four sums of four vectors. */
INLINE quad sums(vector a, vector b, vector c, vector d) {
    quad p = fold(a), q = fold(b), r = fold(c), s = fold(d);
    quad pq = __builtin_shufflevector(p, q, 0, 4, 1, 5) + __builtin_shufflevector(p, q, 2, 6, 3, 7);
    quad rs = __builtin_shufflevector(r, s, 0, 4, 1, 5) + __builtin_shufflevector(r, s, 2, 6, 3, 7);
    return __builtin_shufflevector(pq, rs, 0, 1, 4, 5) +
           __builtin_shufflevector(pq, rs, 2, 3, 6, 7);
}

/*
 * exp(x) to about 1.5 units in the last place: x = n·ln 2 + r with |r| ≤ ln 2 / 2 (ln 2 in two
 * parts, Cody and Waite 1980), a polynomial of degree 6 in r (Cephes expf), and n added to the
 * exponent. Below −87.3 the result is 0; above 88.3 it stays 2.2e38; a NaN stays one.
 */
INLINE vector exponential(vector x) {
    const vector magic = splat(12582912.0f); /* 1.5·2²³: adding it rounds to an integer */
    integers tiny = x < -87.3f;
    x = blend(x > 88.3f, splat(88.3f), x);
    vector n = x * 1.44269504088896341f + magic;
    naturals exponent = (naturals)n << 23; /* magic leaves by the top */
    n -= magic;
    vector r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vector p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    vector power = (vector)(exponent + 0x3f800000u);
    return (vector)((integers)(p * power) & ~tiny);
}

#endif
