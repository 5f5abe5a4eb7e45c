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

// What all targets of one history have in common.
struct Prepared {
    double* system;  // (m, m), the factor of the smaller system: m = min(count, k)
    double* root;    // (k), 1 / √Λ; of the dual
    float* rows;     // (count, padded_row(k)), scaled by that; of the dual
};

#define TACIT_EXPLAINING_KERNELS                                                                                       \
    /* Fills what is `prepared` of a history, to explain any targets by; `doubles` is scratch of targets_scratch. */    \
    void prepare_history(const Explained& asked, const Prepared& prepared, double* doubles);                           \
    /* out[t, j] = (1 + w_j) z_jᵀ A⁻¹ y_t with A = Λ + Zᵀ W Z, (targets, explaining); `doubles` is scratch of           \
       targets_scratch.  y_t is row chosen[t] of `wanted`, or row t where nothing is chosen. */                        \
    void explain_targets(const Explained& asked, const Prepared& prepared, const int64_t* chosen, float* out,          \
                         double* doubles);

namespace tacit {
// Of a row of k floats, in whole registers of sixteen.
constexpr int64_t padded_row(int64_t k) { return (k + 15) / 16 * 16; }
// Right sides that are solved at once.
constexpr int64_t SIDES = 16;
// Doubles that what is prepared of a history takes, and where the parts of it lie.
constexpr int64_t prepared_size(int64_t k, int64_t count) {
    if (count >= k) return k * k;
    return count * count + k + (count * padded_row(k) + 1) / 2;
}
static inline Prepared prepared_at(double* doubles, int64_t k, int64_t count) {
    if (count >= k) return {doubles, nullptr, nullptr};
    double* root = doubles + count * count;
    return {doubles, root, reinterpret_cast<float*>(root + k)};
}
constexpr int64_t targets_scratch(int64_t k, int64_t count) {
    if (count >= k) return k;
    return count + count * SIDES + (padded_row(k) + 1) / 2;
}
namespace avx512 { TACIT_EXPLAINING_KERNELS }
namespace avx2 { TACIT_EXPLAINING_KERNELS }
namespace baseline { TACIT_EXPLAINING_KERNELS }
}  // namespace tacit
