// What each item of a history adds to a score (Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback
// Datasets", ICDM 2008, section 5, equation 7), in float64, through the smaller of two systems:
//   primal, k x k:  A = Λ + Zᵀ W Z,          x_t = A⁻¹ y_t,                        share = (1 + w_j) z_jᵀ x_t
//   dual,   d x d:  B = W⁻¹ + Z Λ⁻¹ Zᵀ,      v_t = B⁻¹ Z Λ⁻¹ y_t  (push-through),  share = (1 + w_j) v_tj / w_j
// Both are symmetric and positive definite.  O(d k min(d, k) + min(d, k)³ + targets d k), no thread but the caller's.
#include "explaining_kernels.h"

namespace tacit::TACIT_ISA {

// a = Uᵀ U, in the upper triangle of `a`, (n, n).  Every inner loop runs along a row.
static void factorise(double* a, int64_t n) {
    for (int64_t j = 0; j < n; ++j) {
        double* row = a + j * n;
        const double pivot = __builtin_sqrt(row[j] > 1e-300 ? row[j] : 1e-300);
        for (int64_t c = j; c < n; ++c) row[c] /= pivot;
        for (int64_t i = j + 1; i < n; ++i) {
            const double factor = row[i];
            double* below = a + i * n;
            for (int64_t c = i; c < n; ++c) below[c] -= factor * row[c];
        }
    }
}

// x = (Uᵀ U)⁻¹ x.
static void substitute(const double* u, int64_t n, double* x) {
    for (int64_t j = 0; j < n; ++j) {
        const double value = x[j] /= u[j * n + j];
        for (int64_t i = j + 1; i < n; ++i) x[i] -= u[j * n + i] * value;
    }
    for (int64_t j = n - 1; j >= 0; --j) {
        double lanes[8] = {};
        int64_t i = j + 1;
        for (; i + 8 <= n; i += 8)
            for (int64_t l = 0; l < 8; ++l) lanes[l] += u[j * n + i + l] * x[i + l];
        for (; i < n; ++i) lanes[0] += u[j * n + i] * x[i];
        double total = 0.0;
        for (int64_t l = 0; l < 8; ++l) total += lanes[l];
        x[j] = (x[j] - total) / u[j * n + j];
    }
}

// a += factor * row ⊗ row, in the upper triangle.
static void add_square(double* a, int64_t n, const double* row, double factor) {
    for (int64_t i = 0; i < n; ++i) {
        const double left = factor * row[i];
        double* to = a + i * n;
        for (int64_t c = i; c < n; ++c) to[c] += left * row[c];
    }
}

static void explain_dual(const Explained& asked, float* out, double* doubles) {
    const int64_t n = asked.count, k = asked.k;
    double *system = doubles, *columns = doubles + n * n, *right = columns + k * n;
    for (int64_t i = 0; i < n * n; ++i) system[i] = 0.0;
    for (int64_t j = 0; j < n; ++j) {
        const float* z = asked.rotated + static_cast<int64_t>(asked.items[j]) * k;
        for (int64_t d = 0; d < k; ++d) columns[d * n + j] = static_cast<double>(z[d]);
        system[j * n + j] = 1.0 / static_cast<double>(asked.weights[j]);
    }
    for (int64_t d = 0; d < k; ++d) add_square(system, n, columns + d * n, 1.0 / asked.diagonal[d]);
    factorise(system, n);
    for (int64_t t = 0; t < asked.targets; ++t) {
        for (int64_t j = 0; j < n; ++j) right[j] = 0.0;
        for (int64_t d = 0; d < k; ++d) {
            const double factor = static_cast<double>(asked.wanted[t * k + d]) / asked.diagonal[d];
            for (int64_t j = 0; j < n; ++j) right[j] += factor * columns[d * n + j];
        }
        substitute(system, n, right);
        for (int64_t j = 0; j < asked.explaining; ++j) {
            const double weight = asked.weights[j];
            out[t * asked.explaining + j] = static_cast<float>((1.0 + weight) / weight * right[j]);
        }
    }
}

static void explain_primal(const Explained& asked, float* out, double* doubles) {
    const int64_t k = asked.k;
    double *system = doubles, *row = doubles + k * k, *right = row + k;
    for (int64_t i = 0; i < k * k; ++i) system[i] = 0.0;
    for (int64_t d = 0; d < k; ++d) system[d * k + d] = asked.diagonal[d];
    for (int64_t j = 0; j < asked.count; ++j) {
        const float* z = asked.rotated + static_cast<int64_t>(asked.items[j]) * k;
        for (int64_t d = 0; d < k; ++d) row[d] = static_cast<double>(z[d]);
        add_square(system, k, row, static_cast<double>(asked.weights[j]));
    }
    factorise(system, k);
    for (int64_t t = 0; t < asked.targets; ++t) {
        for (int64_t d = 0; d < k; ++d) right[d] = static_cast<double>(asked.wanted[t * k + d]);
        substitute(system, k, right);
        for (int64_t j = 0; j < asked.explaining; ++j) {
            const float* z = asked.rotated + static_cast<int64_t>(asked.items[j]) * k;
            double lanes[8] = {};
            int64_t d = 0;
            for (; d + 8 <= k; d += 8)
                for (int64_t l = 0; l < 8; ++l) lanes[l] += static_cast<double>(z[d + l]) * right[d + l];
            for (; d < k; ++d) lanes[0] += static_cast<double>(z[d]) * right[d];
            double total = 0.0;
            for (int64_t l = 0; l < 8; ++l) total += lanes[l];
            out[t * asked.explaining + j] = static_cast<float>((1.0 + static_cast<double>(asked.weights[j])) * total);
        }
    }
}

void explain_scores(const Explained& asked, float* out, double* doubles) {
    if (asked.count < asked.k)
        explain_dual(asked, out, doubles);
    else
        explain_primal(asked, out, doubles);
}

}  // namespace tacit::TACIT_ISA
