// Neighbours kernels, declared for each instruction set; defined in neighbours_kernels.cpp, which is compiled once for each.
#pragma once

#include <cstdint>

namespace tacit {

// What one thread works in.  Zero where it says so on entry, and zero there again on return.
struct NeighbourScratch {
    float* sums;          // (n), zero
    uint64_t* marks;      // (n + 63) / 64, zero
    int32_t* touched;     // (n + 1); neighbour_rows alone
    uint32_t* keys;       // (2 n); neighbour_rows alone
};

// Who met what, from both sides, and the weights of `s_ij = source_i target_j sum_u g_u`.
struct Cooccurrence {
    const int64_t* user_indptr;
    const int32_t* user_items;
    const int64_t* item_indptr;
    const int32_t* item_users;
    const float* user_weights;
    const float* source_scales;
    const float* target_scales;
    int64_t n_items;
    int64_t width;  // the most neighbours of an item, at least 1
};

// Compressed rows with values.
struct SparseRows {
    const int64_t* indptr;
    const int32_t* indices;
    const float* data;
};

}  // namespace tacit

// neighbour_rows: for items first..last-1 the strongest others, ascending by position, `width` slots for each in `items`
// and `scores`, of which `counts` are used.
//
// product_rows: rows first..last-1 of `left @ right`, ascending by column; row r is written from slots[r - first] on and
// `counts` says how many entries it has.  A slot holds as many as the named rows have together, or n if that is less.
#define TACIT_NEIGHBOURS_KERNELS                                                                                        \
    void neighbour_rows(const Cooccurrence& met, int64_t first, int64_t last, int threads, NeighbourScratch* scratch,   \
                        int32_t* items, float* scores, int64_t* counts);                                                \
    void product_rows(const SparseRows& left, const SparseRows& right, int64_t n, int64_t first, int64_t last,          \
                      int threads, NeighbourScratch* scratch, const int64_t* slots, int32_t* columns, float* values,    \
                      int64_t* counts);

namespace tacit {
namespace avx512 { TACIT_NEIGHBOURS_KERNELS }
namespace avx2 { TACIT_NEIGHBOURS_KERNELS }
namespace baseline { TACIT_NEIGHBOURS_KERNELS }
}  // namespace tacit
