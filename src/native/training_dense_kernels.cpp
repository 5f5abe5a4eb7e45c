// The dense part of half an iteration: the Gram matrix of the fixed side, and the turn into its eigenbasis.
//
// Every row's system holds YᵀY (Hu, Koren and Volinsky, ICDM 2008, section 4).  With YᵀY = Q D Qᵀ, and both sides
// turned (Z = Y Q, q = Qᵀ x), products are unchanged, z·q = y·x, and what all rows share is the diagonal D.
#include "training_dense.h"
#include "training_kernels.h"
#include "training_threads.h"

namespace tacit::TACIT_ISA {

// Onto `tiles`, the upper triangle of blockᵀ block.
static void add_block(const float* block, int64_t rows, int64_t wide, float* tiles) {
    const int64_t panel = 16 * tile_vectors;
    for (int64_t i = 0; i < wide; i += tile_rows)
        for (int64_t j = i / panel * panel; j < wide; j += panel) {
            if (wide - j >= panel)
                tile<tile_rows, tile_vectors, true>(block + i, 1, wide, block + j, wide, rows, tiles + i * wide + j, wide);
            else
                tile<tile_rows, 1, true>(block + i, 1, wide, block + j, wide, rows, tiles + i * wide + j, wide);
        }
}

// The float32 tiles onto the float64 sum, and back to 0.
static void flush(float* tiles, int64_t wide, double* onto) {
    for (int64_t i = 0; i < wide; ++i)
        for (int64_t j = i / 64 * 64; j < wide; ++j) {
            onto[i * wide + j] += static_cast<double>(tiles[i * wide + j]);
            tiles[i * wide + j] = 0.0f;
        }
}

static float gram_of(const float* factors, int64_t rows, int64_t k, float scale, double* out, float* scratch) {
    const int64_t wide = padded(k);
    float *block = scratch, *tiles = scratch + gram_block * wide;
    for (int64_t i = 0; i < wide * wide; ++i) tiles[i] = 0.0f, out[i] = 0.0;
    F16 largest = zero();
    for (int64_t from = 0; from < rows; from += gram_block) {
        const int64_t count = smaller_of(gram_block, rows - from);
        for (int64_t r = 0; r < count; ++r) {
            const float* row = factors + (from + r) * k;
            if (from + r + gram_block < rows)
                for (int64_t d = 0; d < k; d += 16) fetch(row + gram_block * k + d);
            for (int64_t d = 0; d < wide; d += 16) {
                const F16 x = d + 16 <= k ? load(row + d) : load_part(row + d, k - d);
                largest = larger(magnitude(x), largest);
                store(block + r * wide + d, mul(broadcast(scale), x));
            }
        }
        add_block(block, count, wide, tiles);
        if ((from + gram_block) % gram_rows == 0 || from + gram_block >= rows) flush(tiles, wide, out);
    }
    float lanes[16], result = 0.0f;
    store(lanes, largest);
    for (int i = 0; i < 16; ++i) result = lanes[i] > result ? lanes[i] : result;
    return result;
}

void gram(const float* factors, int64_t rows, int64_t k, float scale, double* out, float* largest, double* partial,
          float* scratch, int threads) {
    const int64_t wide = padded(k), share = gram_share(rows), shares = gram_shares(rows);
    float most = 0.0f;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) reduction(max : most)
    for (int64_t s = 0; s < shares; ++s) {
        const int64_t from = s * share, count = smaller_of(share, rows - from);
        const float found = gram_of(factors + from * k, count, k, scale, partial + s * wide * wide,
                                    scratch + this_thread() * gram_scratch(k));
        most = found > most ? found : most;
    }
    *largest = most;
    for (int64_t i = 0; i < k; ++i)
        for (int64_t j = i; j < k; ++j) {
            double total = 0.0;
            for (int64_t s = 0; s < shares; ++s) total += partial[(s * wide + i) * wide + j];
            out[i * k + j] = out[j * k + i] = total;
        }
}

void rotate(float* factors, int64_t rows, int64_t k, const float* basis, float* panels, float* scratch, int threads) {
    const int64_t wide = padded(k), blocks = (rows + block_rows - 1) / block_rows;
    pack(basis, k, panels);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
    for (int64_t b = 0; b < blocks; ++b) {
        float *before = scratch + this_thread() * rotate_scratch(k), *after = before + block_rows * wide;
        float* at = factors + b * block_rows * k;
        const int64_t count = smaller_of(block_rows, rows - b * block_rows);
        load_block(at, count, k, 1.0f, before);
        rotate_block(before, panels, after, count, wide);
        for (int64_t r = 0; r < count; ++r) narrow(after + r * wide, at + r * k, k, 1.0f);
    }
}

// One scaled row in half precision (where `to` is not null); its squared length and its largest magnitude, both scaled.
static float halve(const float* row, int64_t wide, float scale, uint16_t* to, float* largest) {
    F16 squares = zero(), most = zero();
    for (int64_t d = 0; d < wide; d += 16) {
        const F16 x = load(row + d), scaled = mul(x, broadcast(scale));
        if (to) store_half(to + d, scaled);
        squares = fma(scaled, scaled, squares);
        most = larger(magnitude(scaled), most);
    }
    float lanes[16];
    store(lanes, most);
    *largest = 0.0f;
    for (int i = 0; i < 16; ++i) *largest = lanes[i] > *largest ? lanes[i] : *largest;
    return sum(squares);
}

void rotate_fixed(float* factors, int64_t rows, int64_t k, const float* basis, float* panels, float* scratch,
                    const float* ridge, float scale, uint16_t* half, double* penalties, float* smallest, int threads) {
    const int64_t wide = padded(k), blocks = (rows + block_rows - 1) / block_rows;
    pack(basis, k, panels);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
    for (int64_t b = 0; b < blocks; ++b) {
        float *before = scratch + this_thread() * rotate_scratch(k), *after = before + block_rows * wide;
        const int64_t first = b * block_rows, count = smaller_of(block_rows, rows - first);
        load_block(factors + first * k, count, k, 1.0f, before);
        rotate_block(before, panels, after, count, wide);
        double penalty = 0.0;
        float least = __builtin_huge_valf(), largest;
        for (int64_t r = 0; r < count; ++r) {
            narrow(after + r * wide, factors + (first + r) * k, k, 1.0f);
            const float squares = halve(after + r * wide, wide, scale, half ? half + (first + r) * wide : nullptr, &largest);
            penalty += static_cast<double>(ridge[first + r]) * squares;
            if (largest > 0.0f && largest < least) least = largest;
        }
        penalties[b] = penalty;
        smallest[b] = least;
    }
}

}  // namespace tacit::TACIT_ISA
