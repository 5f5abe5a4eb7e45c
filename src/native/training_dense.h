// Products of small dense blocks, shared by the Gram matrix, the rotation and the row solvers.
#pragma once

#include "training_simd.h"

namespace tacit::TACIT_ISA {

#if defined(__AVX512F__)
constexpr int tile_rows = 8, tile_vectors = 2;
#else
constexpr int tile_rows = 4, tile_vectors = 1;
#endif

// c (R, 16 C) = [c +] a b over `depth`: the accumulators fill the registers, each element of `a` is broadcast once and
// each vector of `b` loaded once for R uses (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication",
// 2008, section 4).  The order of additions is that of `depth`, whatever R and C.
template <int R, int C, bool onto>
static inline void tile(const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t b_step, int64_t depth,
                        float* c, int64_t c_row) {
    F16 sums[R][C];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < C; ++v) sums[r][v] = onto ? load(c + r * c_row + 16 * v) : zero();
    for (int64_t d = 0; d < depth; ++d) {
        F16 right[C];
#pragma GCC unroll 4
        for (int v = 0; v < C; ++v) right[v] = load(b + d * b_step + 16 * v);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const F16 left = broadcast(a[r * a_row + d * a_step]);
#pragma GCC unroll 4
            for (int v = 0; v < C; ++v) sums[r][v] = fma(left, right[v], sums[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < C; ++v) store(c + r * c_row + 16 * v, sums[r][v]);
}

// A (k, k) matrix as panels of tile_vectors vectors, each panel contiguous: reading a panel of the matrix itself, a
// whole row apart, would fall on an eighth of the first cache's sets.
static inline void pack(const float* basis, int64_t k, float* panels) {
    const int64_t wide = padded(k), panel = 16 * tile_vectors;
    for (int64_t from = 0; from < wide; from += panel) {
        const int64_t columns = smaller_of(panel, wide - from);
        for (int64_t d = 0; d < wide; ++d)
            for (int64_t c = 0; c < columns; ++c)
                panels[from * wide + d * columns + c] = d < k && from + c < k ? basis[d * k + from + c] : 0.0f;
    }
}

// to = from · basis: block_rows rows of padded length, the basis packed.
static inline void rotate_block(const float* from, const float* panels, float* to, int64_t rows, int64_t wide) {
    const int64_t panel = 16 * tile_vectors;
    for (int64_t column = 0; column < wide; column += panel) {
        const float* b = panels + column * wide;
        if (wide - column >= panel)
            for (int64_t r = 0; r < rows; r += tile_rows)
                tile<tile_rows, tile_vectors, false>(from + r * wide, wide, 1, b, panel, wide, to + r * wide + column, wide);
        else
            for (int64_t r = 0; r < rows; r += tile_rows)
                tile<tile_rows, 1, false>(from + r * wide, wide, 1, b, 16, wide, to + r * wide + column, wide);
    }
}

// Up to block_rows rows into a block, padded and scaled; the rows that are not there are 0.
static inline void load_block(const float* factors, int64_t rows, int64_t k, float scale, float* block) {
    const int64_t wide = padded(k);
    for (int64_t r = 0; r < rows; ++r) widen(factors + r * k, k, block + r * wide, wide, scale);
    const int64_t whole = (rows + tile_rows - 1) / tile_rows * tile_rows;
    for (int64_t i = rows * wide; i < whole * wide; ++i) block[i] = 0.0f;
}

}  // namespace tacit::TACIT_ISA
