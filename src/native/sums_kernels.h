// Kernels of sparse times dense, declared for each instruction set; defined in sums_kernels.cpp.
#pragma once

#include <cstdint>

#include "training_kernels.h"

#define TACIT_SUMS_KERNELS                                                                                            \
    /* half = scale · factors in half precision, (rows, padded k). */                                                 \
    void halve_rows(const float* factors, int64_t rows, int64_t k, float scale, uint16_t* half, int threads);         \
    /* out[row - first] = unit · Σ_j data[j] half[indices[j]], (last - first, k); `matrix.ridge` is not read. */       \
    void sum_rows(float* out, const uint16_t* half, int64_t k, const Rows& matrix, int64_t first, int64_t last,       \
                  float unit, int threads);

namespace tacit {
namespace avx512 { TACIT_SUMS_KERNELS }
namespace avx2 { TACIT_SUMS_KERNELS }
namespace baseline { TACIT_SUMS_KERNELS }
}  // namespace tacit
