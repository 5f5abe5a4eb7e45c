// What each item of a history adds to a score (Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback
// Datasets", ICDM 2008, section 5, equation 7), through the smaller of two systems, solved in float64:
//   primal, k x k:  A = Λ + Zᵀ W Z,          x_t = A⁻¹ y_t,                        share = (1 + w_j) z_jᵀ x_t
//   dual,   d x d:  B = W⁻¹ + Z Λ⁻¹ Zᵀ,      v_t = B⁻¹ Z Λ⁻¹ y_t  (push-through),  share = (1 + w_j) v_tj / w_j
// Both are symmetric and positive definite.  O(d k min(d, k) + min(d, k)³ + targets d k), no thread but the caller's.
#include "explaining_kernels.h"
#include "simd.h"

namespace tacit::TACIT_ISA {

// Takes the part of some finished rows off what follows in a row: below[c] -= Σ rows[r][at] rows[r][c].
template <int64_t SOME>
static inline void take_off(double* __restrict below, const double* __restrict rows, int64_t n, int64_t at) {
    double factors[SOME];
    for (int64_t r = 0; r < SOME; ++r) factors[r] = rows[r * n + at];
    for (int64_t c = at; c < n; ++c) {
        double total = 0.0;
        for (int64_t r = 0; r < SOME; ++r) total += factors[r] * rows[r * n + c];
        below[c] -= total;
    }
}

// a = Uᵀ U, in the upper triangle of `a`, (n, n).  Every inner loop runs along a row, and takes off four rows at once.
static void factorise(double* a, int64_t n) {
    constexpr int64_t together = 4;
    for (int64_t first = 0; first < n; first += together) {
        const int64_t end = first + together < n ? first + together : n;
        for (int64_t j = first; j < end; ++j) {
            double* row = a + j * n;
            const double inverse = 1.0 / __builtin_sqrt(row[j] > 1e-300 ? row[j] : 1e-300);
            for (int64_t c = j; c < n; ++c) row[c] *= inverse;
            for (int64_t i = j + 1; i < end; ++i) take_off<1>(a + i * n, row, n, i);
        }
        for (int64_t i = end; i < n; ++i) take_off<together>(a + i * n, a + first * n, n, i);
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

static const float* wanted_row(const Explained& asked, const int64_t* chosen, int64_t t) {
    return asked.wanted + (chosen ? chosen[t] : t) * asked.k;
}

// scaled[d] = row[d] / √Λ[d], padded with zeros: of a row of the fixed side, nowhere above 1.
static void scale(const float* row, const double* root, float* scaled, int64_t k) {
    for (int64_t d = 0; d < k; ++d) scaled[d] = static_cast<float>(static_cast<double>(row[d]) * root[d]);
    for (int64_t d = k; d < padded_row(k); ++d) scaled[d] = 0.0f;
}

// to[j] = right · rows[j], four rows at a time.
static void products(const float* right, const float* rows, int64_t first, int64_t n, int64_t wide, double* to) {
    int64_t j = first;
    for (; j + 4 <= n; j += 4) {
        const float* at = rows + j * wide;
        F16 a = zero(), b = zero(), c = zero(), e = zero();
        for (int64_t d = 0; d < wide; d += 16) {
            const F16 x = load(right + d);
            a = fma(x, load(at + d), a);
            b = fma(x, load(at + wide + d), b);
            c = fma(x, load(at + 2 * wide + d), c);
            e = fma(x, load(at + 3 * wide + d), e);
        }
        to[j] = static_cast<double>(sum(a));
        to[j + 1] = static_cast<double>(sum(b));
        to[j + 2] = static_cast<double>(sum(c));
        to[j + 3] = static_cast<double>(sum(e));
    }
    for (; j < n; ++j) {
        F16 a = zero();
        for (int64_t d = 0; d < wide; d += 16) a = fma(load(right + d), load(rows + j * wide + d), a);
        to[j] = static_cast<double>(sum(a));
    }
}

// X = (Uᵀ U)⁻¹ X of so many right sides at once, (n, SIDES): loops run in whole registers.
static void substitute_all(const double* __restrict u, int64_t n, double* __restrict x) {
    constexpr int64_t lanes = SIDES;
    double here[lanes];
    for (int64_t j = 0; j < n; ++j) {
        const double inverse = 1.0 / u[j * n + j];
        for (int64_t l = 0; l < lanes; ++l) here[l] = x[j * lanes + l] *= inverse;
        for (int64_t i = j + 1; i < n; ++i) {
            const double factor = u[j * n + i];
            for (int64_t l = 0; l < lanes; ++l) x[i * lanes + l] -= factor * here[l];
        }
    }
    for (int64_t j = n - 1; j >= 0; --j) {
        for (int64_t l = 0; l < lanes; ++l) here[l] = x[j * lanes + l];
        for (int64_t i = j + 1; i < n; ++i) {
            const double factor = u[j * n + i];
            for (int64_t l = 0; l < lanes; ++l) here[l] -= factor * x[i * lanes + l];
        }
        const double inverse = 1.0 / u[j * n + j];
        for (int64_t l = 0; l < lanes; ++l) x[j * lanes + l] = here[l] * inverse;
    }
}

// The products of rows are float32 of numbers up to 1; the system, to which 1 / w is added, is solved in float64.
static void prepare_dual(const Explained& asked, const Prepared& prepared) {
    const int64_t n = asked.count, k = asked.k, wide = padded_row(k);
    // The rows lie far apart: all are called for before the first is used.
    for (int64_t j = 0; j < n; ++j)
        for (int64_t d = 0; d < k; d += 16) __builtin_prefetch(asked.rotated + static_cast<int64_t>(asked.items[j]) * k + d);
    for (int64_t d = 0; d < k; ++d) prepared.root[d] = 1.0 / __builtin_sqrt(asked.diagonal[d]);
    for (int64_t j = 0; j < n; ++j)
        scale(asked.rotated + static_cast<int64_t>(asked.items[j]) * k, prepared.root, prepared.rows + j * wide, k);
    for (int64_t j = 0; j < n; ++j) {
        products(prepared.rows + j * wide, prepared.rows, j, n, wide, prepared.system + j * n);
        prepared.system[j * n + j] += 1.0 / static_cast<double>(asked.weights[j]);
    }
    factorise(prepared.system, n);
}

static void prepare_primal(const Explained& asked, const Prepared& prepared, double* row) {
    const int64_t k = asked.k;
    double* system = prepared.system;
    for (int64_t i = 0; i < k * k; ++i) system[i] = 0.0;
    for (int64_t d = 0; d < k; ++d) system[d * k + d] = asked.diagonal[d];
    for (int64_t j = 0; j < asked.count; ++j) {
        const float* z = asked.rotated + static_cast<int64_t>(asked.items[j]) * k;
        for (int64_t d = 0; d < k; ++d) row[d] = static_cast<double>(z[d]);
        add_square(system, k, row, static_cast<double>(asked.weights[j]));
    }
    factorise(system, k);
}

static void explain_dual(const Explained& asked, const Prepared& prepared, const int64_t* chosen, float* out,
                         double* doubles) {
    const int64_t n = asked.count, k = asked.k, wide = padded_row(k);
    double *right = doubles, *sides = right + n;
    float* target = reinterpret_cast<float*>(sides + n * SIDES);
    for (int64_t first = 0; first < asked.targets; first += SIDES) {
        const int64_t some = asked.targets - first < SIDES ? asked.targets - first : SIDES;
        for (int64_t i = 0; i < n * SIDES; ++i) sides[i] = 0.0;
        for (int64_t t = 0; t < some; ++t) {
            scale(wanted_row(asked, chosen, first + t), prepared.root, target, k);
            products(target, prepared.rows, 0, n, wide, right);
            for (int64_t j = 0; j < n; ++j) sides[j * SIDES + t] = right[j];
        }
        substitute_all(prepared.system, n, sides);
        for (int64_t j = 0; j < asked.explaining; ++j) {
            const double weight = asked.weights[j], own = (1.0 + weight) / weight;
            for (int64_t t = 0; t < some; ++t)
                out[(first + t) * asked.explaining + j] = static_cast<float>(own * sides[j * SIDES + t]);
        }
    }
}

static void explain_primal(const Explained& asked, const Prepared& prepared, const int64_t* chosen, float* out,
                           double* right) {
    const int64_t k = asked.k;
    for (int64_t t = 0; t < asked.targets; ++t) {
        const float* wanted = wanted_row(asked, chosen, t);
        for (int64_t d = 0; d < k; ++d) right[d] = static_cast<double>(wanted[d]);
        substitute(prepared.system, k, right);
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

void prepare_history(const Explained& asked, const Prepared& prepared, double* doubles) {
    if (asked.count < asked.k)
        prepare_dual(asked, prepared);
    else
        prepare_primal(asked, prepared, doubles);
}

void explain_targets(const Explained& asked, const Prepared& prepared, const int64_t* chosen, float* out,
                     double* doubles) {
    // The rows lie far apart here as well.
    for (int64_t t = 0; chosen && t < asked.targets; ++t)
        for (int64_t d = 0; d < asked.k; d += 16) __builtin_prefetch(wanted_row(asked, chosen, t) + d);
    if (asked.count < asked.k)
        explain_dual(asked, prepared, chosen, out, doubles);
    else
        explain_primal(asked, prepared, chosen, out, doubles);
}

}  // namespace tacit::TACIT_ISA
