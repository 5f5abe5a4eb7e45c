// Sixteen float lanes, whatever the processor: one AVX-512 register, two of AVX2, or plain code.
//
// Every kernel is written once over `F16` and compiled once per instruction set (TACIT_ISA names the namespace).  Lanes
// and the order of every reduction are the same everywhere, so that AVX-512 and AVX2 agree to the bit and baseline
// differs by the rounding of a multiply-add alone.  Where even that must not differ, use `mul` and `add`, not `fma`.
//
// Nothing here or in the kernels may use an inline function of the C++ library: the linker keeps one copy of those, and
// it might be the one compiled for a processor that is not there.
#pragma once

#include <cstdint>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#ifndef TACIT_ISA
#error "TACIT_ISA must name the instruction set that this file is compiled for"
#endif

namespace tacit::TACIT_ISA {

#if defined(__AVX512F__)

struct F16 {
    __m512 v;
};
static inline F16 zero() { return {_mm512_setzero_ps()}; }
static inline F16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
static inline F16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
static inline void store(float* p, F16 a) { _mm512_storeu_ps(p, a.v); }
static inline F16 add(F16 a, F16 b) { return {_mm512_add_ps(a.v, b.v)}; }
static inline F16 sub(F16 a, F16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
static inline F16 mul(F16 a, F16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
static inline F16 fma(F16 a, F16 b, F16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
static inline F16 load_half(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
static inline void store_half(uint16_t* p, F16 a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}

#elif defined(__AVX2__)

struct F16 {
    __m256 lo, hi;
};
static inline F16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
static inline F16 broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
static inline F16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
static inline void store(float* p, F16 a) {
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}
static inline F16 add(F16 a, F16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
static inline F16 sub(F16 a, F16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
static inline F16 mul(F16 a, F16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
static inline F16 fma(F16 a, F16 b, F16 c) {
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
static inline F16 load_half(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}
static inline void store_half(uint16_t* p, F16 a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT));
}

#else

// GCC's and Clang's own vectors: they become four registers of SSE2 or NEON.
typedef float V16 __attribute__((vector_size(64)));
typedef float LooseV16 __attribute__((vector_size(64), aligned(4), may_alias));

struct F16 {
    V16 v;
};
static inline F16 zero() { return {V16{}}; }
static inline F16 broadcast(float x) { return {x - V16{}}; }
static inline F16 load(const float* p) { return {*reinterpret_cast<const LooseV16*>(p)}; }
static inline void store(float* p, const F16& a) { *reinterpret_cast<LooseV16*>(p) = a.v; }
static inline F16 add(const F16& a, const F16& b) { return {a.v + b.v}; }
static inline F16 sub(const F16& a, const F16& b) { return {a.v - b.v}; }
static inline F16 mul(const F16& a, const F16& b) { return {a.v * b.v}; }
static inline F16 fma(const F16& a, const F16& b, const F16& c) { return {a.v * b.v + c.v}; }

// IEEE half precision in integers, round to nearest even, for processors without F16C.
static inline float half_to_float(uint16_t h) {
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
    uint32_t exponent = (h >> 10) & 0x1fu;
    uint32_t mantissa = h & 0x3ffu;
    uint32_t bits;
    if (exponent == 0) {
        if (mantissa == 0) {
            bits = sign;
        } else {
            exponent = 113;
            while (!(mantissa & 0x400u)) {
                mantissa <<= 1;
                --exponent;
            }
            bits = sign | (exponent << 23) | ((mantissa & 0x3ffu) << 13);
        }
    } else if (exponent == 31) {
        bits = sign | 0x7f800000u | (mantissa << 13);
    } else {
        bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
    }
    float out;
    __builtin_memcpy(&out, &bits, 4);
    return out;
}
static inline uint16_t float_to_half(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x7f800000u) return static_cast<uint16_t>(sign | (magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u));
    if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {  // subnormal: scale so that one unit is 2^-24, then round as the hardware does
        float scaled;
        __builtin_memcpy(&scaled, &magnitude, 4);
        const float units = scaled * 16777216.0f;
        const uint32_t whole = static_cast<uint32_t>(units);
        const float rest = units - static_cast<float>(whole);
        return static_cast<uint16_t>(sign | (whole + (rest > 0.5f || (rest == 0.5f && (whole & 1u)))));
    }
    const uint32_t rebased = magnitude - (112u << 23);
    return static_cast<uint16_t>(sign | ((rebased + 0xfffu + ((rebased >> 13) & 1u)) >> 13));
}
static inline F16 load_half(const uint16_t* p) {
    F16 r;
    for (int i = 0; i < 16; ++i) r.v[i] = half_to_float(p[i]);
    return r;
}
static inline void store_half(uint16_t* p, const F16& a) {
    for (int i = 0; i < 16; ++i) p[i] = float_to_half(a.v[i]);
}

#endif

// The sum of the lanes, always in this order: halves, quarters, pairs.
static inline float sum(F16 a) {
    float v[16];
    store(v, a);
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) v[i] += v[i + width];
    return v[0];
}

}  // namespace tacit::TACIT_ISA
