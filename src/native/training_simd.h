// What training needs beside simd.h: division, the ends of rows that are no multiple of sixteen, and many sums at once.
#pragma once

#include "simd.h"
#include "training_shapes.h"

// Into its caller, so that a length known there is a constant here.
#define TACIT_INLINE inline __attribute__((always_inline))

namespace tacit::TACIT_ISA {

// A group is how many items' dot products run side by side: as many chains of additions as hide the latency of one.
// The width is how many vectors an accumulation keeps in registers.  Neither changes a bit of any result.
#if defined(__AVX512F__)
constexpr int group = 8, width = 8;
#else
constexpr int group = 4, width = 4;
#endif

#if defined(__AVX512F__)

static inline F16 divide(F16 a, F16 b) { return {_mm512_div_ps(a.v, b.v)}; }
static inline F16 larger(F16 a, F16 b) { return {_mm512_max_ps(a.v, b.v)}; }
static inline F16 magnitude(F16 a) { return {_mm512_abs_ps(a.v)}; }
static inline F16 load_part(const float* p, int64_t n) {
    return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p)};
}
static inline void store_part(float* p, F16 a, int64_t n) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), a.v);
}
// The sums of eight vectors, each in the order of `sum`: 24 instructions where eight separate sums would take 64.
static inline void sums(const F16* a, float* out) {
    __m512 half[4], quarter[2];
    for (int i = 0; i < 4; ++i)
        half[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a[2 * i].v, a[2 * i + 1].v, 0x44),
                                _mm512_shuffle_f32x4(a[2 * i].v, a[2 * i + 1].v, 0xee));
    for (int i = 0; i < 2; ++i)
        quarter[i] = _mm512_add_ps(_mm512_shuffle_f32x4(half[2 * i], half[2 * i + 1], 0x88),
                                   _mm512_shuffle_f32x4(half[2 * i], half[2 * i + 1], 0xdd));
    const __m512 pair = _mm512_add_ps(_mm512_shuffle_ps(quarter[0], quarter[1], 0x44),
                                      _mm512_shuffle_ps(quarter[0], quarter[1], 0xee));
    const __m512 one = _mm512_add_ps(pair, _mm512_shuffle_ps(pair, pair, 0xb1));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm256_storeu_ps(out, _mm512_castps512_ps256(_mm512_permutexvar_ps(order, one)));
}

#elif defined(__AVX2__)

static inline F16 divide(F16 a, F16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
static inline F16 larger(F16 a, F16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
static inline F16 magnitude(F16 a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
static inline void sums(const F16* a, float* out) {
    __m256 x[4];
    for (int i = 0; i < 4; ++i) x[i] = _mm256_add_ps(a[i].lo, a[i].hi);
    const __m256 left = _mm256_add_ps(_mm256_permute2f128_ps(x[0], x[1], 0x20), _mm256_permute2f128_ps(x[0], x[1], 0x31));
    const __m256 right = _mm256_add_ps(_mm256_permute2f128_ps(x[2], x[3], 0x20), _mm256_permute2f128_ps(x[2], x[3], 0x31));
    const __m256 pair = _mm256_add_ps(_mm256_shuffle_ps(left, right, 0x44), _mm256_shuffle_ps(left, right, 0xee));
    const __m256 one = _mm256_add_ps(pair, _mm256_shuffle_ps(pair, pair, 0xb1));  // per half: i, i, i + 2, i + 2
    float v[8];
    _mm256_storeu_ps(v, one);
    out[0] = v[0];
    out[1] = v[4];
    out[2] = v[2];
    out[3] = v[6];
}

#else

static inline F16 divide(const F16& a, const F16& b) {
    F16 r;
    for (int i = 0; i < 16; ++i) r.v[i] = a.v[i] / b.v[i];
    return r;
}
static inline F16 larger(const F16& a, const F16& b) {
    F16 r;
    for (int i = 0; i < 16; ++i) r.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return r;
}
static inline F16 magnitude(const F16& a) {
    F16 r;
    for (int i = 0; i < 16; ++i) r.v[i] = a.v[i] < 0 ? -a.v[i] : a.v[i];
    return r;
}
static inline void sums(const F16* a, float* out) {
    for (int i = 0; i < group; ++i) out[i] = sum(a[i]);
}

#endif

#if !defined(__AVX512F__)
static inline F16 load_part(const float* p, int64_t n) {
    float v[16] = {};
    for (int64_t i = 0; i < n; ++i) v[i] = p[i];
    return load(v);
}
static inline void store_part(float* p, const F16& a, int64_t n) {
    float v[16];
    store(v, a);
    for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
#endif

// Towards the second cache.  Written out, for GCC takes a function that only fetches ahead for one that does nothing, and
// drops its calls.
static TACIT_INLINE void fetch(const void* p) {
#if defined(__x86_64__)
    asm volatile("prefetcht1 (%0)" : : "r"(p));
#else
    __builtin_prefetch(p, 0, 2);
#endif
}

// A row of `k` floats into one of `wide` (the next multiple of sixteen), zeros behind it, times `scale`.
static inline void widen(const float* from, int64_t k, float* to, int64_t wide, float scale) {
    const F16 factor = broadcast(scale);
    for (int64_t d = 0; d < wide; d += 16)
        store(to + d, mul(factor, d + 16 <= k ? load(from + d) : load_part(from + d, k - d)));
}

// And back.
static inline void narrow(const float* from, float* to, int64_t k, float scale) {
    const F16 factor = broadcast(scale);
    for (int64_t d = 0; d < k; d += 16) {
        if (d + 16 <= k)
            store(to + d, mul(factor, load(from + d)));
        else
            store_part(to + d, mul(factor, load(from + d)), k - d);
    }
}

}  // namespace tacit::TACIT_ISA
