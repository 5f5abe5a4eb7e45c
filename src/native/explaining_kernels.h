// Kernels of explanations, declared for each instruction set; defined in explaining_kernels.cpp.
#pragma once

#include <cstdint>

// What a score is taken apart into: rows of the fixed side, what they weigh, and what is to be explained.
struct Explained {
    const float* rotated;    // (n, k), the fixed side in the eigenbasis
    int64_t k;
    const double* diagonal;  // (k), spectrum and ridge, above 0
    const int32_t* items;    // (count), rows of the fixed side
    const float* weights;    // (count), above 0
    int64_t count;
    int64_t explaining;      // how many of them, from the first on, own a share
    const float* wanted;     // (targets, k), in the eigenbasis
    int64_t targets;
};

#define TACIT_EXPLAINING_KERNELS                                                                                       \
    /* out[t, j] = (1 + w_j) z_jᵀ A⁻¹ y_t with A = Λ + Zᵀ W Z, (targets, explaining); `doubles` is scratch of           \
       explaining_scratch. */                                                                                          \
    void explain_scores(const Explained& asked, float* out, double* doubles);

namespace tacit {
// Of a row of k floats, in whole registers of sixteen.
constexpr int64_t padded_row(int64_t k) { return (k + 15) / 16 * 16; }
// Right sides that are solved at once.
constexpr int64_t SIDES = 16;
constexpr int64_t explaining_scratch(int64_t k, int64_t count) {
    if (count >= k) return k * k + 3 * k;
    return count * count + count + k + count * SIDES + ((count + 1) * padded_row(k) + 1) / 2;
}
namespace avx512 { TACIT_EXPLAINING_KERNELS }
namespace avx2 { TACIT_EXPLAINING_KERNELS }
namespace baseline { TACIT_EXPLAINING_KERNELS }
}  // namespace tacit
