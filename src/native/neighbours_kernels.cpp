// Sparse products, one row at a time: sums in a dense array per thread, and the few columns that were reached.
//
// Gustavson, "Two fast algorithms for sparse matrices: multiplication and permuted transposition" (ACM TOMS 1978): the
// work of a row is the number of additions, whatever the width.  Every sum runs over ascending users (or in the order of
// the history), with a multiplication and an addition rounded apart, so that neither threads nor processors change a bit.
#include "neighbours_kernels.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include "simd.h"

namespace tacit::TACIT_ISA {
namespace {

inline int thread_number() {
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

inline uint32_t bits_of(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    return bits;
}

// Sums user weights over everybody who met `item`, by what else they met.  Returns how many items were touched.
int64_t co_met(const Cooccurrence& met, int64_t item, NeighbourScratch s) {
    int64_t n = 0;
    const int64_t stop = met.item_indptr[item + 1];
    for (int64_t at = met.item_indptr[item]; at < stop; ++at) {
        if (at + 4 < stop) __builtin_prefetch(met.user_items + met.user_indptr[met.item_users[at + 4]]);
        const int32_t user = met.item_users[at];
        const float weight = met.user_weights[user];
        if (!(weight > 0)) continue;  // a sum of 0 must mean that nobody came by
        for (int64_t e = met.user_indptr[user], end = met.user_indptr[user + 1]; e < end; ++e) {
            const int32_t other = met.user_items[e];
            const float sum = s.sums[other];
            s.touched[n] = other;  // one slot more than items: written before it is known whether it counts
            n += sum == 0;
            s.sums[other] = sum + weight;
        }
    }
    return n;
}

struct Threshold {
    uint32_t key;   // everything above it is kept
    int64_t equal;  // and as many of those that equal it
};

// The `keep`-th largest of n > keep keys, by radix: eleven bits, eleven, ten.  `spare` holds n keys.
Threshold kth_largest(const uint32_t* keys, int64_t n, int64_t keep, uint32_t* spare) {
    const int shifts[3] = {21, 10, 0};
    const uint32_t masks[3] = {0x7ff, 0x7ff, 0x3ff};
    uint32_t histogram[2048];
    uint32_t found = 0;
    for (int level = 0; level < 3; ++level) {
        const int shift = shifts[level];
        const uint32_t mask = masks[level];
        __builtin_memset(histogram, 0, sizeof histogram);
        for (int64_t t = 0; t < n; ++t) ++histogram[(keys[t] >> shift) & mask];
        uint32_t digit = mask;
        while (histogram[digit] < keep) keep -= histogram[digit--];
        found |= digit << shift;
        int64_t left = 0;
        for (int64_t t = 0; t < n; ++t) {
            const uint32_t key = keys[t];
            spare[left] = key;  // in place from the second level on: never ahead of what is read
            left += ((key >> shift) & mask) == digit;
        }
        keys = spare;
        n = left;
    }
    return {found, keep};
}

// Turns sums into similarities, in place, and lists them as keys: positive floats order like their bits.
int64_t similarities(const Cooccurrence& met, int64_t item, int64_t touched, NeighbourScratch s) {
    const float source = met.source_scales[item];
    s.sums[item] = 0;  // never its own neighbour
    for (int64_t t = 0; t < touched; ++t) {
        const int32_t other = s.touched[t];
        const float value = (source * met.target_scales[other]) * s.sums[other];
        s.sums[other] = value;
        s.keys[t] = bits_of(value);
    }
    return touched;
}

// Writes the marked columns in ascending order as long as the threshold admits them, and clears the marks.
int64_t take_marked(int64_t n_items, Threshold least, NeighbourScratch s, int32_t* items, float* scores) {
    int64_t count = 0;
    for (int64_t word = 0; word < (n_items + 63) / 64; ++word) {
        uint64_t marks = s.marks[word];
        if (!marks) continue;
        s.marks[word] = 0;
        for (; marks; marks &= marks - 1) {
            const int64_t column = word * 64 + __builtin_ctzll(marks);
            if (bits_of(s.sums[column]) == least.key && least.equal-- <= 0) continue;
            items[count] = static_cast<int32_t>(column);
            scores[count++] = s.sums[column];
        }
    }
    return count;
}

int64_t neighbour_row(const Cooccurrence& met, int64_t item, NeighbourScratch s, int32_t* items, float* scores) {
    const int64_t touched = similarities(met, item, co_met(met, item, s), s);
    Threshold least = {1, touched};  // the smallest number above 0: what underflowed is no neighbour
    if (touched > met.width) least = kth_largest(s.keys, touched, met.width, s.keys + met.n_items);
    if (least.key == 0) least = {1, touched};
    for (int64_t t = 0; t < touched; ++t)
        if (s.keys[t] >= least.key) s.marks[s.touched[t] >> 6] |= uint64_t{1} << (s.touched[t] & 63);
    const int64_t count = take_marked(met.n_items, least, s, items, scores);
    for (int64_t t = 0; t < touched; ++t) s.sums[s.touched[t]] = 0;
    return count;
}

int64_t product_row(const SparseRows& left, const SparseRows& right, int64_t row, int64_t n, NeighbourScratch s,
                    int32_t* columns, float* values) {
    for (int64_t at = left.indptr[row]; at < left.indptr[row + 1]; ++at) {
        const float weight = left.data[at];
        const int64_t from = right.indptr[left.indices[at]], to = right.indptr[left.indices[at] + 1];
        for (int64_t e = from; e < to; ++e) {
            const int32_t column = right.indices[e];
            s.sums[column] = s.sums[column] + weight * right.data[e];
            s.marks[column >> 6] |= uint64_t{1} << (column & 63);
        }
    }
    int64_t count = 0;
    for (int64_t word = 0; word < (n + 63) / 64; ++word) {
        uint64_t marks = s.marks[word];
        if (!marks) continue;
        s.marks[word] = 0;
        for (; marks; marks &= marks - 1) {
            const int64_t column = word * 64 + __builtin_ctzll(marks);
            columns[count] = static_cast<int32_t>(column);
            values[count++] = s.sums[column];
            s.sums[column] = 0;
        }
    }
    return count;
}

}  // namespace

void neighbour_rows(const Cooccurrence& met, int64_t first, int64_t last, int threads, NeighbourScratch* scratch,
                    int32_t* items, float* scores, int64_t* counts) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
    for (int64_t item = first; item < last; ++item) {
        const int64_t slot = (item - first) * met.width;
        counts[item - first] = neighbour_row(met, item, scratch[thread_number()], items + slot, scores + slot);
    }
}

void product_rows(const SparseRows& left, const SparseRows& right, int64_t n, int64_t first, int64_t last, int threads,
                  NeighbourScratch* scratch, const int64_t* slots, int32_t* columns, float* values, int64_t* counts) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
    for (int64_t row = first; row < last; ++row) {
        const int64_t slot = slots[row - first];
        counts[row - first] = product_row(left, right, row, n, scratch[thread_number()], columns + slot, values + slot);
    }
}

}  // namespace tacit::TACIT_ISA
