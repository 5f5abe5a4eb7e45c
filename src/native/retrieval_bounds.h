// Which of the 64 items of a block can reach the threshold: integer products of codes, made intervals.
#pragma once

#include "retrieval_kernels.h"
#include "simd.h"

namespace tacit::TACIT_ISA {

constexpr float INFINITE = __builtin_inff();
constexpr float TINY = 1.17549435e-38f;        // 2^-126
constexpr double ROUND_UP = 1.0 + 1.0 / (1 << 20);  // makes up for every rounding of a double sum and of its conversion

struct Bound {
    float scale;       // s
    float spread;      // errors[block] * |s q|: the interval is t (spread) + rest to both sides
    float rest;        // |x| error + TINY
    float threshold;
};

#if defined(__AVX512F__)

static inline __m512i four_codes(const int8_t* codes) {
    int32_t four;
    __builtin_memcpy(&four, codes, 4);
    return _mm512_set1_epi32(four);
}

// sums += products of 64 codes with four of the query, for sixteen items.  In assembly because GCC 12 copies a sum to and
// fro around the intrinsic.
static inline void add_products(__m512i& sums, __m512i items, __m512i four) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(items), "v"(four));
}

// The sums of 64 items, in two halves, made bounds.
struct Sums {
    __m512i a0, a1, a2, a3, b0, b1, b2, b3;
};

static inline Sums first_sums(int32_t shift) {
    const __m512i start = _mm512_set1_epi32(shift), nothing = _mm512_setzero_si512();
    return {start, start, start, start, nothing, nothing, nothing, nothing};
}

static inline uint64_t bounded(const Sums& sums, const float* scales, float step, Bound b, float* middles) {
    const __m512i whole[4] = {_mm512_add_epi32(sums.a0, sums.b0), _mm512_add_epi32(sums.a1, sums.b1),
                              _mm512_add_epi32(sums.a2, sums.b2), _mm512_add_epi32(sums.a3, sums.b3)};
    uint64_t flags = 0;
    for (int j = 0; j < 4; ++j) {
        const __m512 t = _mm512_mul_ps(_mm512_loadu_ps(scales + 16 * j), _mm512_set1_ps(step));
        const __m512 middle = _mm512_mul_ps(t, _mm512_mul_ps(_mm512_set1_ps(b.scale), _mm512_cvtepi32_ps(whole[j])));
        const __m512 half = _mm512_add_ps(_mm512_mul_ps(t, _mm512_set1_ps(b.spread)), _mm512_set1_ps(b.rest));
        _mm512_storeu_ps(middles + 16 * j, middle);
        const uint64_t some = _mm512_cmp_ps_mask(_mm512_add_ps(middle, half), _mm512_set1_ps(b.threshold), _CMP_GE_OQ);
        flags |= some << (16 * j);
    }
    return flags;
}

static inline uint64_t reaching(const uint8_t* codes, int64_t groups, const Query& query, const float* scales, Bound b,
                                float* middles) {
    // Eight sums under way, of the even and the odd groups: a multiply-add takes longer than its turn comes round in four.
    Sums s = first_sums(query.shift);
    int64_t g = 0;
    for (; g + 2 <= groups; g += 2, codes += 512) {
        const __m512i even = four_codes(query.codes + 4 * g), odd = four_codes(query.codes + 4 * g + 4);
        add_products(s.a0, _mm512_loadu_si512(codes), even);
        add_products(s.a1, _mm512_loadu_si512(codes + 64), even);
        add_products(s.a2, _mm512_loadu_si512(codes + 128), even);
        add_products(s.a3, _mm512_loadu_si512(codes + 192), even);
        add_products(s.b0, _mm512_loadu_si512(codes + 256), odd);
        add_products(s.b1, _mm512_loadu_si512(codes + 320), odd);
        add_products(s.b2, _mm512_loadu_si512(codes + 384), odd);
        add_products(s.b3, _mm512_loadu_si512(codes + 448), odd);
    }
    if (g < groups) {
        const __m512i last = four_codes(query.codes + 4 * g);
        add_products(s.a0, _mm512_loadu_si512(codes), last);
        add_products(s.a1, _mm512_loadu_si512(codes + 64), last);
        add_products(s.a2, _mm512_loadu_si512(codes + 128), last);
        add_products(s.a3, _mm512_loadu_si512(codes + 192), last);
    }
    return bounded(s, scales, 1.0f, b, middles);
}

static inline void add_both(__m512i& low, __m512i& high, const uint8_t* codes, __m512i even, __m512i odd) {
    const __m512i pairs = _mm512_loadu_si512(codes), mask = _mm512_set1_epi8(15);
    add_products(low, _mm512_and_si512(pairs, mask), even);
    add_products(high, _mm512_and_si512(_mm512_srli_epi16(pairs, 4), mask), odd);
}

// The same from four bits: shift is -128 Σ q for eight, so -8 Σ q is a sixteenth of it.
static inline uint64_t reaching_coarsely(const uint8_t* codes, int64_t groups, const Query& query, const float* scales,
                                         Bound b) {
    Sums s = first_sums(query.shift / 16);
    for (int64_t g = 0; g < groups; g += 2, codes += 256) {
        const __m512i even = four_codes(query.codes + 4 * g), odd = four_codes(query.codes + 4 * g + 4);
        add_both(s.a0, s.b0, codes, even, odd);
        add_both(s.a1, s.b1, codes + 64, even, odd);
        add_both(s.a2, s.b2, codes + 128, even, odd);
        add_both(s.a3, s.b3, codes + 192, even, odd);
    }
    float middles[BLOCK];
    return bounded(s, scales, COARSER, b, middles);
}

#elif defined(__AVX2__)

// Two partial sums for each of eight items, in two registers, made one sum each, in order.
static inline __m256i paired(__m256i a, __m256i b) {
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), _MM_SHUFFLE(3, 1, 2, 0));
}

static inline uint32_t reaching_eight(__m256i sums, const float* scales, Bound b, float* middles) {
    const __m256 t = _mm256_loadu_ps(scales);
    const __m256 middle = _mm256_mul_ps(t, _mm256_mul_ps(_mm256_set1_ps(b.scale), _mm256_cvtepi32_ps(sums)));
    const __m256 half = _mm256_add_ps(_mm256_mul_ps(t, _mm256_set1_ps(b.spread)), _mm256_set1_ps(b.rest));
    _mm256_storeu_ps(middles, middle);
    const __m256 reached = _mm256_cmp_ps(_mm256_add_ps(middle, half), _mm256_set1_ps(b.threshold), _CMP_GE_OQ);
    return static_cast<uint32_t>(_mm256_movemask_ps(reached));
}

static inline uint64_t reaching(const uint8_t* codes, int64_t groups, const Query& query, const float* scales, Bound b,
                                float* middles) {
    uint64_t flags = 0;
    for (int j = 0; j < 4; ++j) {  // sixteen items at a time: eight bits are widened, so that no product saturates
        __m256i sums[4] = {};
        for (int64_t g = 0; g < groups; ++g) {
            long long four;
            __builtin_memcpy(&four, query.wide + 4 * g, 8);
            const __m256i q = _mm256_set1_epi64x(four);
            const uint8_t* c = codes + 4 * BLOCK * g + 64 * j;
            for (int i = 0; i < 4; ++i) {
                const __m256i p = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(c + 16 * i)));
                sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(p, q));
            }
        }
        const __m256i shift = _mm256_set1_epi32(query.shift);
        const __m256i first = _mm256_add_epi32(paired(sums[0], sums[1]), shift);
        const __m256i second = _mm256_add_epi32(paired(sums[2], sums[3]), shift);
        const uint64_t some = reaching_eight(first, scales + 16 * j, b, middles + 16 * j) |
                              reaching_eight(second, scales + 16 * j + 8, b, middles + 16 * j + 8) << 8;
        flags |= some << (16 * j);
    }
    return flags;
}

#else

static inline uint64_t reaching(const uint8_t* codes, int64_t groups, const Query& query, const float* scales, Bound b,
                                float* middles) {
    int32_t sums[BLOCK];
    for (int64_t i = 0; i < BLOCK; ++i) sums[i] = query.shift;
    for (int64_t g = 0; g < groups; ++g) {
        const int16_t* q = query.wide + 4 * g;
        const uint8_t* c = codes + 4 * BLOCK * g;
        for (int64_t i = 0; i < BLOCK; ++i)
            sums[i] += c[4 * i] * q[0] + c[4 * i + 1] * q[1] + c[4 * i + 2] * q[2] + c[4 * i + 3] * q[3];
    }
    uint64_t flags = 0;
    for (int64_t i = 0; i < BLOCK; ++i) {
        middles[i] = scales[i] * (b.scale * static_cast<float>(sums[i]));
        const float upper = middles[i] + (scales[i] * b.spread + b.rest);
        flags |= static_cast<uint64_t>(upper >= b.threshold) << i;
    }
    return flags;
}

#endif

}  // namespace tacit::TACIT_ISA
