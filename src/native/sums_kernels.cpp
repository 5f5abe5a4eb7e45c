// A sparse matrix times a dense one: for each row the weighted sum of its columns' factors.
//
// One multiply-add per entry and factor, and one read of half a factor row: a fifth of what half an iteration computes.  A
// panel of a sum stays in registers while the row's entries go by; every panel reads cache lines of its own.
#include "sums_kernels.h"

#include "training_rows.h"

namespace tacit::TACIT_ISA {

void halve_rows(const float* factors, int64_t rows, int64_t k, float scale, uint16_t* half, int threads) {
    const int64_t wide = padded(k);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        const float* from = factors + row * k;
        for (int64_t d = 0; d < wide; d += 16) {
            const F16 x = d + 16 <= k ? load(from + d) : load_part(from + d, k - d);
            store_half(half + row * wide + d, mul(broadcast(scale), x));
        }
    }
}

// Entries that are fetched ahead of the one in use.
constexpr int64_t ahead = 24;

// Panel [d, d + 16 W) of one row's sum.  The first panel of a row fetches what comes next, whichever row it is of.
template <int W>
static TACIT_INLINE void sum_panel(const HalfItems& source, const Rows& matrix, int64_t row, int64_t d, int64_t k, float unit,
                                   float* out) {
    const int64_t from = matrix.indptr[row], to = matrix.indptr[row + 1];
    F16 totals[W];
    for (int v = 0; v < W; ++v) totals[v] = zero();
    for (int64_t j = from; j < to; ++j) {
        if (d == 0 && j + ahead < matrix.entries) source.expect(matrix.indices[j + ahead]);
        const uint16_t* z = source.row(matrix.indices[j]) + d;
        const F16 weight = broadcast(matrix.data[j]);
#pragma GCC unroll 8
        for (int v = 0; v < W; ++v) totals[v] = fma(weight, load_half(z + 16 * v), totals[v]);
    }
    for (int v = 0; v < W; ++v) {
        const int64_t at = d + 16 * v;
        const F16 total = mul(broadcast(unit), totals[v]);
        if (at + 16 <= k)
            store(out + at, total);
        else if (at < k)
            store_part(out + at, total, k - at);
    }
}

void sum_rows(float* out, const uint16_t* half, int64_t k, const Rows& matrix, int64_t first, int64_t last, float unit,
              int threads) {
    const int64_t wide = padded(k);
    const HalfItems source{half, wide};
#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
    for (int64_t row = first; row < last; ++row) {
        float* to = out + (row - first) * k;
        int64_t d = 0;
        for (; d + 16 * width <= wide; d += 16 * width) sum_panel<width>(source, matrix, row, d, k, unit, to);
        for (; d < wide; d += 16) sum_panel<1>(source, matrix, row, d, k, unit, to);
    }
}

}  // namespace tacit::TACIT_ISA
