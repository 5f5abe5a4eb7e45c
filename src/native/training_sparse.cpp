// The transposition of a sparse matrix: a counting sort in parallel, whose result no number of threads changes.
#include "training_sparse.h"

#include <algorithm>

#include "training_threads.h"

namespace tacit {

void count_columns(const int32_t* indices, int64_t entries, int64_t columns, int64_t* counts) {
    std::fill(counts, counts + columns, int64_t{0});
    for (int64_t e = 0; e < entries; ++e) ++counts[indices[e]];
}

// Each thread takes a contiguous share of the rows and counts its columns; a running sum over columns, and within a
// column over threads, says where each share's entries of a column begin; then each share is dealt out in order.
// (Knuth, The Art of Computer Programming, volume 3, section 5.2, algorithm D, with one table of counts per share.)
void transpose(const int64_t* indptr, const int32_t* indices, const float* data, int64_t rows, int64_t columns,
               int64_t* out_indptr, int32_t* out_indices, float* out_data, int64_t* positions, int threads) {
    const int64_t entries = indptr[rows];
    const auto first_row = [&](int64_t share) {
        return std::lower_bound(indptr, indptr + rows, share * entries / threads) - indptr;
    };
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int share = 0; share < threads; ++share) {
        const int64_t from = indptr[first_row(share)], to = share + 1 < threads ? indptr[first_row(share + 1)] : entries;
        count_columns(indices + from, to - from, columns, positions + share * columns);
    }
    int64_t at = 0;
    for (int64_t c = 0; c < columns; ++c) {
        out_indptr[c] = at;
        for (int share = 0; share < threads; ++share) {
            const int64_t count = positions[share * columns + c];
            positions[share * columns + c] = at;
            at += count;
        }
    }
    out_indptr[columns] = at;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int share = 0; share < threads; ++share) {
        const int64_t last = share + 1 < threads ? first_row(share + 1) : rows;
        int64_t* next = positions + share * columns;
        for (int64_t row = first_row(share); row < last; ++row)
            for (int64_t e = indptr[row]; e < indptr[row + 1]; ++e) {
                const int64_t to = next[indices[e]]++;
                out_indices[to] = static_cast<int32_t>(row);
                out_data[to] = data[e];
            }
    }
}

}  // namespace tacit
