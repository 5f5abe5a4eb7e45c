// What both row solvers do with a row's items: gather them, multiply them with a vector, add them up.
#pragma once

#include "training_dense.h"
#include "training_kernels.h"

namespace tacit::TACIT_ISA {

// Factor rows in half precision.
struct HalfItems {
    const uint16_t* base;
    int64_t wide;
    const uint16_t* row(int32_t item) const { return base + item * wide; }
    F16 at(const uint16_t* row, int64_t d) const { return load_half(row + d); }
    void expect(int32_t item) const {
        const uint16_t* p = row(item);
        for (int64_t d = 0; d < wide; d += 32) fetch(p + d);
    }
};

// Factor rows as they are, scaled as they are read.
struct SingleItems {
    const float* base;
    int64_t k;
    float scale;
    const float* row(int32_t item) const { return base + item * k; }
    F16 at(const float* row, int64_t d) const {
        return mul(broadcast(scale), d + 16 <= k ? load(row + d) : load_part(row + d, k - d));
    }
    void expect(int32_t item) const {
        const float* p = row(item);
        for (int64_t d = 0; d < k; d += 16) fetch(p + d);
    }
};

// Fetches entries' items ahead of the gather, a few at every group of every pass: the rows that come next arrive while
// this one is computed, instead of all at once when they are needed.
template <class Items>
struct Fetcher {
    const Items& source;
    const int32_t* indices;
    int64_t at, limit;  // the next entry to fetch, and where to stop

    TACIT_INLINE void some() {
        const int64_t end = smaller_of(limit, at + group / 2);
        for (; at < end; ++at) source.expect(indices[at]);
    }
};

// Entries that are fetched beyond the end of a row.
constexpr int64_t beyond = 192;

// products[j] = z_j · p for `group` gathered items, which are left expanded in `to`.
template <int G, class Items>
static TACIT_INLINE void gather_group(const Items& source, const int32_t* items, int64_t count, const float* p, int64_t wide,
                                float* to, float* products) {
    decltype(source.row(0)) rows[G];
    for (int i = 0; i < G; ++i) rows[i] = source.row(items[i < count ? i : count - 1]);
    F16 totals[group];
    for (int i = 0; i < group; ++i) totals[i] = zero();
    for (int64_t d = 0; d < wide; d += 16) {
        const F16 x = load(p + d);
#pragma GCC unroll 8
        for (int i = 0; i < G; ++i) {
            const F16 z = source.at(rows[i], d);
            store(to + i * wide + d, z);
            totals[i] = fma(z, x, totals[i]);
        }
    }
    sums(totals, products);
}

template <int G>
static TACIT_INLINE void kept_group(const float* kept, const float* p, int64_t wide, float* products) {
    F16 totals[group];
    for (int i = 0; i < group; ++i) totals[i] = zero();
    for (int64_t d = 0; d < wide; d += 16) {
        const F16 x = load(p + d);
#pragma GCC unroll 8
        for (int i = 0; i < G; ++i) totals[i] = fma(load(kept + i * wide + d), x, totals[i]);
    }
    sums(totals, products);
}

// Products of `count` items that have to be gathered.
template <class Items>
static TACIT_INLINE void gather(const Items& source, const int32_t* items, int64_t count, Fetcher<Items>& fetcher,
                                const float* p, int64_t wide, float* to, float* products) {
    for (int64_t j = 0; j < count; j += group) {
        fetcher.some();
        if (2 * (count - j) > group)
            gather_group<group>(source, items + j, count - j, p, wide, to + j * wide, products + j);
        else
            gather_group<group / 2>(source, items + j, count - j, p, wide, to + j * wide, products + j);
    }
}

// Products of items that were kept expanded.
template <class Items>
static TACIT_INLINE void multiply(const float* kept, int64_t count, Fetcher<Items>& fetcher, const float* p, int64_t wide,
                                  float* products) {
    for (int64_t j = 0; j < count; j += group) {
        fetcher.some();
        if (2 * (count - j) > group)
            kept_group<group>(kept + j * wide, p, wide, products + j);
        else
            kept_group<group / 2>(kept + j * wide, p, wide, products + j);
    }
}

template <int W>
static TACIT_INLINE void add_panel(const float* kept, int64_t count, const float* factors, int64_t wide, float* onto) {
    F16 totals[W];
#pragma GCC unroll 8
    for (int v = 0; v < W; ++v) totals[v] = load(onto + 16 * v);
    for (int64_t j = 0; j < count; ++j) {
        const F16 factor = broadcast(factors[j]);
#pragma GCC unroll 8
        for (int v = 0; v < W; ++v) totals[v] = fma(factor, load(kept + j * wide + 16 * v), totals[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < W; ++v) store(onto + 16 * v, totals[v]);
}

// onto += Σ_j factors[j] z_j, for items that are expanded.
static TACIT_INLINE void add_items(const float* kept, int64_t count, const float* factors, int64_t wide, float* onto) {
    int64_t d = 0;
    for (; d + 16 * width <= wide; d += 16 * width) add_panel<width>(kept + d, count, factors, wide, onto + d);
    for (; d + 32 <= wide; d += 32) add_panel<2>(kept + d, count, factors, wide, onto + d);
    for (; d < wide; d += 16) add_panel<1>(kept + d, count, factors, wide, onto + d);
}

// What a pass over a row's items is for.
//   Residual: factors 1 + w - w s, which add up to b - (Zᵀ W Z) q; the result is the row's share of the objective,
//             Σ (1 + w)(1 - s)² - s² = Σ w (1 - s)² + 1 - 2 s.
//   Step:     factors w t, which add up to (Zᵀ W Z) p; the result is Σ w t².
//   Last:     Step, of which only the result is needed.
enum class Pass { residual, step, last };

template <Pass pass>
static TACIT_INLINE float factors_of(const float* products, const float* weights, int64_t count, float* factors) {
    const F16 one = broadcast(1.0f), two = broadcast(2.0f);
    F16 total = zero();
    for (int64_t j = 0; j < count; j += 16) {
        const int64_t there = smaller_of(16, count - j);
        const F16 w = there == 16 ? load(weights + j) : load_part(weights + j, there);
        const F16 s = there == 16 ? load(products + j) : load_part(products + j, there);
        if (pass == Pass::residual) {
            const F16 miss = sub(one, s), pull = mul(w, miss);
            total = add(total, sub(mul(pull, miss), mul(two, s)));
            store(factors + j, add(one, pull));
        } else {
            const F16 pull = mul(w, s);
            total = fma(pull, s, total);
            if (pass == Pass::step) store(factors + j, pull);
        }
    }
    return sum(total) + (pass == Pass::residual ? static_cast<float>(count) : 0.0f);
}

// One block of items that have to be gathered: its products with p, and its part of the sum.
template <Pass pass, class Items>
static TACIT_INLINE double gathered_block(const Items& source, const int32_t* items, const float* weights, int64_t count,
                                          Fetcher<Items>& fetcher, const float* p, int64_t wide, float* to,
                                          float* products, float* factors, float* onto) {
    gather(source, items, count, fetcher, p, wide, to, products);
    const double total = static_cast<double>(factors_of<pass>(products, weights, count, factors));
    if (pass != Pass::last) add_items(to, count, factors, wide, onto);
    return total;
}

// The same for items that were kept.
template <Pass pass, class Items>
static TACIT_INLINE double kept_block(const float* kept, const float* weights, int64_t count, Fetcher<Items>& fetcher,
                                      const float* p, int64_t wide, float* products, float* factors, float* onto) {
    multiply(kept, count, fetcher, p, wide, products);
    const double total = static_cast<double>(factors_of<pass>(products, weights, count, factors));
    if (pass != Pass::last) add_items(kept, count, factors, wide, onto);
    return total;
}

// A row's items, and where they are kept between passes if they are few enough.
template <class Items>
struct RowItems {
    Items source;
    const int32_t* items;
    const float* weights;
    int64_t count, wide;
    Fetcher<Items>& fetcher;
    float *expanded, *products, *factors;
    bool kept;  // whether `expanded` holds all items now

    template <Pass pass>
    TACIT_INLINE double run(const float* p, float* onto) {
        const int64_t block = item_block(wide);
        const bool fits = count <= kept_items(wide);
        double total = 0.0;
        for (int64_t j = 0; j < count; j += block) {
            const int64_t there = smaller_of(block, count - j);
            float* to = fits ? expanded + j * wide : expanded;
            if (kept)
                total += kept_block<pass>(to, weights + j, there, fetcher, p, wide, products, factors, onto);
            else
                total += gathered_block<pass>(source, items + j, weights + j, there, fetcher, p, wide, to, products,
                                              factors, onto);
        }
        kept = fits;
        return total;
    }
};

// Vectors of one row, each of padded length, in scratch.
struct Vectors {
    float *q, *p, *r, *diagonal, *sum, *other, *items, *products, *factors, *sweep;
};

static inline Vectors vectors_in(float* scratch, int64_t wide) {
    float* at = scratch + 2 * block_rows * wide;
    float* items = at + 8 * wide;
    float* products = items + (kept_items(wide) + 16) * wide;
    return {at,            at + wide,     at + 2 * wide, at + 3 * wide, at + 4 * wide,
            at + 5 * wide, items,         products,      products + item_block(wide) + 16,
            products + 4 * item_block(wide) + 64};
}

static TACIT_INLINE float product_of(const float* a, const float* b, int64_t wide) {
    F16 total = zero();
    for (int64_t d = 0; d < wide; d += 16) total = fma(load(a + d), load(b + d), total);
    return sum(total);
}

template <class Items>
static TACIT_INLINE RowItems<Items> row_items(const Items& source, const Rows& matrix, int64_t row, int64_t wide, Fetcher<Items>& fetcher,
                                              const Vectors& at) {
    const int64_t from = matrix.indptr[row], to = matrix.indptr[row + 1];
    fetcher.at = larger_of(fetcher.at, from);
    fetcher.limit = smaller_of(to + beyond, matrix.entries);
    return {source, matrix.indices + from, matrix.data + from, to - from, wide, fetcher, at.items, at.products, at.factors, false};
}

// The diagonal of a row, and what it and the start contribute: r -= Λ q, and q·Λ q.
static TACIT_INLINE float start_row(const Vectors& at, const float* spectrum, float ridge, int64_t wide) {
    F16 total = zero();
    const F16 shift = broadcast(ridge);
    for (int64_t d = 0; d < wide; d += 16) {
        const F16 floor = broadcast(1e-37f);  // keeps 0 / 0 out of the padding, and of a spectrum without any ridge
        const F16 diagonal = larger(add(load(spectrum + d), shift), floor), q = load(at.q + d);
        store(at.diagonal + d, diagonal);
        const F16 pulled = mul(diagonal, q);
        store(at.r + d, sub(load(at.r + d), pulled));
        total = fma(pulled, q, total);
    }
    return sum(total);
}

// other = r / Λ; the result is r·(r / Λ).
static TACIT_INLINE float direct(const Vectors& at, int64_t wide) {
    F16 total = zero();
    for (int64_t d = 0; d < wide; d += 16) {
        const F16 r = load(at.r + d), y = divide(r, load(at.diagonal + d));
        store(at.other + d, y);
        total = fma(r, y, total);
    }
    return sum(total);
}

// p = other + beta p.
static TACIT_INLINE void turn(const Vectors& at, float beta, int64_t wide) {
    for (int64_t d = 0; d < wide; d += 16)
        store(at.p + d, fma(broadcast(beta), load(at.p + d), load(at.other + d)));
}

// sum = Λ p; the result is p·Λ p.
static TACIT_INLINE float weigh(const Vectors& at, int64_t wide) {
    F16 total = zero();
    for (int64_t d = 0; d < wide; d += 16) {
        const F16 p = load(at.p + d), pulled = mul(load(at.diagonal + d), p);
        store(at.sum + d, pulled);
        total = fma(pulled, p, total);
    }
    return sum(total);
}

// a += factor b.
static TACIT_INLINE void move(float* a, float factor, const float* b, int64_t wide) {
    for (int64_t d = 0; d < wide; d += 16) store(a + d, fma(broadcast(factor), load(b + d), load(a + d)));
}

static TACIT_INLINE void clear(float* a, int64_t wide) {
    for (int64_t d = 0; d < wide; d += 16) store(a + d, zero());
}

}  // namespace tacit::TACIT_ISA
