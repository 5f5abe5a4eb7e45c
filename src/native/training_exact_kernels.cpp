// Rows solved exactly: by Cholesky in float64, or by conjugate gradients run until a bound on the error says enough.
//
// Two systems give the same row (push-through identity; see Murphy, "Machine Learning", 2012, section 4.3.4.1):
//   primal, k x k:  (Λ + Zᵀ W Z) q = Zᵀ (1 + w)
//   dual,   d x d:  (W⁻¹ + Z Λ⁻¹ Zᵀ) v = W⁻¹ (1 + w),  q = Λ⁻¹ Zᵀ v
// and the smaller is taken.
//
// The bound.  With A = Λ + Zᵀ W Z ≽ Λ and residual r = b - A q, the error e = A⁻¹ r has
//   |e|² min Λ ≤ eᵀ Λ e ≤ eᵀ A e = rᵀ A⁻¹ r ≤ rᵀ Λ⁻¹ r,
// and the last is what the preconditioned method computes anyway.  It is checked once more on a residual that was
// computed afresh; where float32 cannot reach it, the row is solved by Cholesky.
#include "training_rows.h"
#include "training_threads.h"

namespace tacit::TACIT_ISA {

constexpr float tolerance = 2e-5f;  // of |e| / |q|: a fifth of what is promised

// a = Uᵀ U, in the upper triangle of `a`, (n, n) with rows `stride` apart.  Every inner loop runs along a row.
static void factorise(double* a, int64_t n, int64_t stride) {
    for (int64_t j = 0; j < n; ++j) {
        double* row = a + j * stride;
        const double pivot = __builtin_sqrt(row[j] > 1e-300 ? row[j] : 1e-300);
        for (int64_t c = j; c < n; ++c) row[c] /= pivot;
        for (int64_t i = j + 1; i < n; ++i) {
            const double factor = row[i];
            double* below = a + i * stride;
            for (int64_t c = i; c < n; ++c) below[c] -= factor * row[c];
        }
    }
}

// x = (Uᵀ U)⁻¹ x.
static void substitute(const double* u, int64_t n, int64_t stride, double* x) {
    for (int64_t j = 0; j < n; ++j) {
        const double value = x[j] /= u[j * stride + j];
        for (int64_t i = j + 1; i < n; ++i) x[i] -= u[j * stride + i] * value;
    }
    for (int64_t j = n - 1; j >= 0; --j) {
        double lanes[8] = {};
        int64_t i = j + 1;
        for (; i + 8 <= n; i += 8)
            for (int64_t l = 0; l < 8; ++l) lanes[l] += u[j * stride + i + l] * x[i + l];
        for (; i < n; ++i) lanes[0] += u[j * stride + i] * x[i];
        double total = 0.0;
        for (int64_t l = 0; l < 8; ++l) total += lanes[l];
        x[j] = (x[j] - total) / u[j * stride + j];
    }
}

template <class Items>
static void read_item(const RowItems<Items>& row, int64_t j, float* to) {
    const auto at = row.source.row(row.items[j]);
    for (int64_t d = 0; d < row.wide; d += 16) store(to + d, row.source.at(at, d));
}

// The scratch of one thread.
struct Exact {
    double *system, *items, *right, *diagonal;
    Exact(double* at, int64_t wide)
        : system(at), items(at + wide * wide), right(at + 2 * wide * wide), diagonal(at + 2 * wide * wide + wide) {}
};

template <class Items>
static void solve_primal(const RowItems<Items>& row, int64_t k, const Exact& at, float* buffer, float* q) {
    const int64_t wide = row.wide;
    for (int64_t i = 0; i < k; ++i) {
        for (int64_t c = i; c < k; ++c) at.system[i * wide + c] = 0.0;
        at.system[i * wide + i] = at.diagonal[i];
        at.right[i] = 0.0;
    }
    for (int64_t j = 0; j < row.count; ++j) {
        read_item(row, j, buffer);
        const double weight = row.weights[j];
        for (int64_t c = 0; c < k; ++c) at.items[c] = buffer[c];
        for (int64_t i = 0; i < k; ++i) {
            const double factor = weight * at.items[i];
            double* to = at.system + i * wide;
            for (int64_t c = i; c < k; ++c) to[c] += factor * at.items[c];
            at.right[i] += (1.0 + weight) * at.items[i];
        }
    }
    factorise(at.system, k, wide);
    substitute(at.system, k, wide, at.right);
    for (int64_t d = 0; d < k; ++d) q[d] = static_cast<float>(at.right[d]);
}

template <class Items>
static void solve_dual(const RowItems<Items>& row, int64_t k, const Exact& at, float* buffer, float* q) {
    const int64_t wide = row.wide, n = row.count;
    for (int64_t j = 0; j < n; ++j) {
        read_item(row, j, buffer);
        for (int64_t d = 0; d < k; ++d) at.items[d * wide + j] = buffer[d];
        for (int64_t c = j; c < n; ++c) at.system[j * wide + c] = 0.0;
        const double weight = row.weights[j];
        at.system[j * wide + j] = 1.0 / weight;
        at.right[j] = (1.0 + weight) / weight;
    }
    for (int64_t d = 0; d < k; ++d) {
        const double* z = at.items + d * wide;
        for (int64_t j = 0; j < n; ++j) {
            const double factor = z[j] / at.diagonal[d];
            double* to = at.system + j * wide;
            for (int64_t c = j; c < n; ++c) to[c] += factor * z[c];
        }
    }
    factorise(at.system, n, wide);
    substitute(at.system, n, wide, at.right);
    for (int64_t d = 0; d < k; ++d) {
        double total = 0.0;
        for (int64_t j = 0; j < n; ++j) total += at.items[d * wide + j] * at.right[j];
        q[d] = static_cast<float>(total / at.diagonal[d]);
    }
}

// q = the row's solution, by Cholesky; padding is left alone.
template <class Items>
static void solve_dense(const RowItems<Items>& row, const Gathered& side, float ridge, double* doubles, float* buffer, float* q) {
    const Exact at(doubles, row.wide);
    for (int64_t d = 0; d < side.k; ++d) {
        const double diagonal = static_cast<double>(side.spectrum[d]) + static_cast<double>(ridge);
        at.diagonal[d] = diagonal > 1e-37 ? diagonal : 1e-37;
    }
    if (row.count < side.k)
        solve_dual(row, side.k, at, buffer, q);
    else
        solve_primal(row, side.k, at, buffer, q);
}

// Conjugate gradients from at.q until the bound holds; whether it does.
template <class Items>
static bool solve_by_steps(RowItems<Items>& row, const Vectors& at, const Gathered& side, float ridge, float floor) {
    const int64_t wide = row.wide, most = 24 + smaller_of(row.count, side.k);
    for (int round = 0; round < 3; ++round) {
        clear(at.r, wide);
        row.template run<Pass::residual>(at.q, at.r);
        start_row(at, side.spectrum, ridge, wide);
        float rho = direct(at, wide);
        const float enough = tolerance * tolerance * floor;
        if (round > 0 && rho <= 4.0f * enough * product_of(at.q, at.q, wide)) return true;
        clear(at.p, wide);
        turn(at, 0.0f, wide);
        for (int64_t step = 0; step < most && rho > 0.0f; ++step) {
            const float bend = weigh(at, wide) + static_cast<float>(row.template run<Pass::step>(at.p, at.sum));
            if (!(bend > 0.0f)) return false;
            move(at.q, rho / bend, at.p, wide);
            move(at.r, -rho / bend, at.sum, wide);
            const float next = direct(at, wide);
            if (next <= enough * product_of(at.q, at.q, wide)) break;
            turn(at, next / rho, wide);
            rho = next;
        }
    }
    return false;
}

// Factors below which a row is solved in float64 at once.
constexpr int64_t short_vector = 8;

// at.q = the row's solution.
template <class Items>
static void solve_one(RowItems<Items> row, const Vectors& at, const Gathered& side, float ridge, double* doubles) {
    clear(at.q, row.wide);
    if (row.count == 0) return;
    float floor = __builtin_huge_valf();
    for (int64_t d = 0; d < side.k; ++d) floor = side.spectrum[d] + ridge < floor ? side.spectrum[d] + ridge : floor;
    // A short vector may all but cancel in the sum over its items, and float32 would keep none of its digits.
    if (side.k >= short_vector && floor > 1e-30f && solve_by_steps(row, at, side, ridge, floor)) return;
    clear(at.q, row.wide);
    solve_dense(row, side, ridge, doubles, at.other, at.q);
}

void exact_rows(float* solved, const Gathered& side, const Rows& matrix, const float* basis, float* panels,
                const Work& work, float relaxation, double* losses, float* scratch, double* doubles, int threads) {
    const int64_t k = side.k, wide = padded(k);
    const SingleItems source{side.single, k, side.scale};
    pack(basis, k, panels);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t b = 0; b < work.count; ++b) {
        float *before = scratch + this_thread() * row_scratch(k), *after = before + block_rows * wide;
        Vectors at = vectors_in(before, wide);
        const int64_t from = work.blocks[b] * block_rows, rows = smaller_of(block_rows, work.last - from);
        load_block(solved + from * k, rows, k, 1.0f / side.scale, before);
        rotate_block(before, panels, after, rows, wide);
        for (int64_t r = 0; r < rows; ++r) {
            at.q = after + r * wide;
            const float ridge = matrix.ridge[from + r];
            Fetcher<SingleItems> fetcher{source, matrix.indices, 0, 0};
            RowItems<SingleItems> row = row_items(source, matrix, from + r, wide, fetcher, at);
            clear(at.r, wide);
            const double missed = row.run<Pass::residual>(at.q, at.r);
            losses[from + r - work.first] = missed + static_cast<double>(start_row(at, side.spectrum, ridge, wide));
            clear(at.p, wide);
            if (row.count) solve_dense(row, side, ridge, doubles + this_thread() * exact_scratch(k), at.other, at.p);
            const float share = row.count ? relaxation : 1.0f;
            for (int64_t d = 0; d < wide; d += 16) {
                const F16 q = load(at.q + d);
                store(at.q + d, fma(broadcast(share), sub(load(at.p + d), q), q));
            }
            narrow(at.q, solved + (from + r) * k, k, side.scale);
        }
    }
}

void solve_rows(float* solved, const Gathered& side, const Rows& matrix, int64_t first, int64_t last, float* scratch,
                double* doubles, int threads) {
    const int64_t k = side.k;
    const SingleItems source{side.single, k, side.scale};
#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
    for (int64_t row = first; row < last; ++row) {
        const Vectors at = vectors_in(scratch + this_thread() * row_scratch(k), padded(k));
        Fetcher<SingleItems> fetcher{source, matrix.indices, 0, 0};
        solve_one(row_items(source, matrix, row, padded(k), fetcher, at), at, side, matrix.ridge[row],
                  doubles + this_thread() * exact_scratch(k));
        narrow(at.q, solved + (row - first) * k, k, side.scale);
    }
}

void solve_row(float* out, const Gathered& side, const Rows& matrix, const float* basis, float* scratch, double* doubles) {
    const int64_t k = side.k, wide = padded(k);
    const Vectors at = vectors_in(scratch, wide);
    const SingleItems source{side.single, k, side.scale};
    Fetcher<SingleItems> fetcher{source, matrix.indices, 0, 0};
    solve_one(row_items(source, matrix, 0, wide, fetcher, at), at, side, matrix.ridge[0], doubles);
    // x = Q q: each of its numbers is the product of a row of Q with q.
    float* rows = scratch;
    const SingleItems turned{basis, k, side.scale};
    for (int64_t i = 0; i < k; i += group) {
        int32_t numbers[group];
        for (int64_t j = 0; j < group; ++j) numbers[j] = static_cast<int32_t>(smaller_of(i + j, k - 1));
        gather_group<group>(turned, numbers, group, at.q, wide, rows, at.products);
        for (int64_t j = 0; j < smaller_of(group, k - i); ++j) out[i + j] = at.products[j];
    }
}

}  // namespace tacit::TACIT_ISA
