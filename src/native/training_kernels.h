// Training kernels, declared for each instruction set; defined in training_*_kernels.cpp, compiled once for each.
//
// All matrices are row-major float32 unless said otherwise; `k` is the length of a factor row.  A `scratch` is for all
// threads: `threads` times what training_shapes.h says.
#pragma once

#include <cstdint>

namespace tacit {

// One side of the factors in the eigenbasis of its Gram matrix, as rows of the other are solved against it.
struct Gathered {
    const uint16_t* half;  // (n, padded k) half precision, times `scale`; null where `single` is to be read instead
    const float* single;   // (n, k), scaled as it is read
    int64_t rows;           // n
    int64_t k;
    float scale;            // a power of two
    const float* spectrum;  // (padded k), of the scaled side, 0 behind k
};

// Rows to solve: compressed sparse rows of weights.
struct Rows {
    const int64_t* indptr;
    const int32_t* indices;
    const float* data;
    const float* ridge;  // (rows), of the scaled system
    int64_t entries;     // how many there are in all: nothing behind may be touched, not even ahead of time
};

// What is to be solved, and in which order; neither order nor grouping changes a bit of the result.
struct Work {
    int64_t first, last;    // the rows
    const int64_t* blocks;  // numbers of blocks of block_rows rows
    int64_t count;          // of them
    const int64_t* long_rows;  // rows that are_long, in groups
    const int64_t* groups;     // (group_count + 1), where each group begins
    int64_t group_count;
};

#define TACIT_TRAINING_KERNELS                                                                                     \
    /* out = (scale · factors)ᵀ (scale · factors), (k, k) float64; *largest = max |factors|. */                     \
    void gram(const float* factors, int64_t rows, int64_t k, float scale, double* out, float* largest,             \
              double* partial, float* scratch, int threads);                                                       \
    /* factors = factors · basis, in place; `panels` is scratch of padded k². */                                    \
    void rotate(float* factors, int64_t rows, int64_t k, const float* basis, float* panels, float* scratch,        \
                int threads);                                                                                      \
    /* The same, and half = scale · factors in half precision, unless null; penalties[block] = Σ ridge |scale row|²; \
       smallest[block] = the least, over rows that are not 0, of a row's largest magnitude, scaled. */              \
    void rotate_fixed(float* factors, int64_t rows, int64_t k, const float* basis, float* panels, float* scratch, \
                        const float* ridge, float scale, uint16_t* half, double* penalties, float* smallest,       \
                        int threads);                                                                              \
    /* Rows of `solved` in the work's blocks: turned by the basis, then moved by `steps` steps of conjugate          \
       gradients, `relaxation` times as far; losses[row - first] = the row's share of the objective before. */      \
    void step_rows(float* solved, const Gathered& side, const Rows& matrix, const float* basis, float* panels,     \
                   const Work& work, int steps, float relaxation, double* losses, float* scratch, int threads);                                                      \
    /* As step_rows, but every row is solved exactly. */                                                           \
    void exact_rows(float* solved, const Gathered& side, const Rows& matrix, const float* basis, float* panels,    \
                    const Work& work, float relaxation, double* losses, float* scratch, double* doubles,           \
                    int threads);                                                                                  \
    /* solved[row - first] = the solution of each row, to 1e-4 of its norm or better, in the eigenbasis. */         \
    void solve_rows(float* solved, const Gathered& side, const Rows& matrix, int64_t first, int64_t last,          \
                    float* scratch, double* doubles, int threads);                                                 \
    /* out = basis · solution of one row. */                                                                       \
    void solve_row(float* out, const Gathered& side, const Rows& matrix, const float* basis, float* scratch,       \
                   double* doubles);

namespace avx512 { TACIT_TRAINING_KERNELS }
namespace avx2 { TACIT_TRAINING_KERNELS }
namespace baseline { TACIT_TRAINING_KERNELS }
}  // namespace tacit
