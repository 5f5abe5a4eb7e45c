// Sizes that the training kernels and their binding agree on.  All depend on shapes alone, never on the number of
// threads, so that every sum is taken in the same order however many threads share the work.
#pragma once

#include <cstdint>

namespace tacit {

static inline int64_t padded(int64_t k) { return (k + 15) / 16 * 16; }
static inline int64_t smaller_of(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t larger_of(int64_t a, int64_t b) { return a > b ? a : b; }

// Rows that are turned, or solved, together: the unit of work that threads take.
constexpr int64_t block_rows = 32;

// Gram: float32 tiles gather `gram_rows` rows, then are added to a float64 sum; a matrix has at most 16 such sums.
constexpr int64_t gram_rows = 1024, gram_block = 64;
static inline int64_t gram_share(int64_t rows) {
    const int64_t share = (rows + 15) / 16;
    return larger_of(gram_rows, (share + gram_rows - 1) / gram_rows * gram_rows);
}
static inline int64_t gram_shares(int64_t rows) { return (rows + gram_share(rows) - 1) / gram_share(rows); }
// Floats that a thread of `gram` needs: a block of rows, a tile sum.
static inline int64_t gram_scratch(int64_t k) { return (gram_block + padded(k)) * padded(k); }
// Floats that a thread of `rotate` needs: a block before and after.
static inline int64_t rotate_scratch(int64_t k) { return 2 * block_rows * padded(k); }

// Items of a row that are handled at a time: 32 KiB of float32, which stay in the first cache.
static inline int64_t item_block(int64_t wide) { return larger_of(16, 8192 / wide / 16 * 16); }
// Items of a row that are kept expanded to float32 between passes: 768 KiB, part of the second cache.
static inline int64_t kept_items(int64_t wide) { return larger_of(item_block(wide), 196608 / wide); }
// Factor rows that a sweep over long rows reads at a time: 512 KiB in half precision, a part of the second cache.
static inline int64_t sweep_rows(int64_t wide) { return larger_of(64, 262144 / wide); }
// Whether a row is solved in a sweep: it is too long to be kept, and meets each part of the sweep several times.
static inline bool is_long(int64_t entries, int64_t fixed_rows, int64_t wide) {
    return entries > kept_items(wide) && entries * sweep_rows(wide) >= 8 * fixed_rows;
}
// Long rows that one thread takes along in a sweep, and the floats it needs for them.
constexpr int64_t sweep_width = 1024;
static inline int64_t sweep_scratch(int64_t k) { return sweep_width * 5 * padded(k); }
// Floats that a thread of the row solvers needs: vectors, kept items with slack for a group, coefficients.
static inline int64_t row_scratch(int64_t k) {
    const int64_t wide = padded(k);
    return rotate_scratch(k) + 8 * wide + (kept_items(wide) + 16) * wide + 4 * item_block(wide) + 64 + sweep_scratch(k);
}
// Doubles that a thread of the exact row solver needs: the smaller system, the items by dimension, four vectors.
static inline int64_t exact_scratch(int64_t k) { return 2 * padded(k) * padded(k) + 4 * padded(k); }

}  // namespace tacit
