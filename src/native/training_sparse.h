// The sparse part of training: no instruction set of its own, so compiled once.
#pragma once

#include <cstdint>

namespace tacit {

// counts[c] = entries of column c.
void count_columns(const int32_t* indices, int64_t entries, int64_t columns, int64_t* counts);

// The matrix by columns, by counting sort: O(entries + rows + columns · threads).  Rows come out ascending in each
// column, whatever the number of threads.  `positions` is scratch of threads · columns.
void transpose(const int64_t* indptr, const int32_t* indices, const float* data, int64_t rows, int64_t columns,
               int64_t* out_indptr, int32_t* out_indices, float* out_data, int64_t* positions, int threads);

}  // namespace tacit
