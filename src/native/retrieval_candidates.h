// What a scan holds: candidates with their intervals, the K-th best lower end as threshold, and how they are settled.
#pragma once

#include "retrieval_bounds.h"

namespace tacit::TACIT_ISA {

// Scores as integers of the opposite order, positions below: the smaller key is the better item, and no two are equal.
static inline uint64_t key_of(float score, int32_t position) {
    uint32_t bits;
    __builtin_memcpy(&bits, &score, 4);
    bits = bits & 0x80000000u ? bits : ~(bits | 0x80000000u);
    return static_cast<uint64_t>(bits) << 32 | static_cast<uint32_t>(position);
}

static inline float score_of(uint64_t key) {
    uint32_t bits = static_cast<uint32_t>(key >> 32);
    bits = bits & 0x80000000u ? bits : ~(bits | 0x80000000u);
    float score;
    __builtin_memcpy(&score, &bits, 4);
    return score;
}

template <typename T>
static inline void swap(T* a, T* b) {
    const T c = *a;
    *a = *b;
    *b = c;
}

// Eight keys in order, without a branch: each goes where the number of smaller ones says.
static inline void sort_eight(uint64_t* keys) {
    uint64_t sorted[8];
    for (int i = 0; i < 8; ++i) {
        int smaller = 0;
        for (int j = 0; j < 8; ++j) smaller += keys[j] < keys[i];
        sorted[smaller] = keys[i];
    }
    __builtin_memcpy(keys, sorted, sizeof sorted);
}

static inline void sort_few(uint64_t* keys, int64_t size) {
    for (int64_t i = 1; i < size; ++i) {
        const uint64_t key = keys[i];
        int64_t j = i;
        for (; j > 0 && keys[j - 1] > key; --j) keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

static inline void merge(const uint64_t* a, const uint64_t* a_end, const uint64_t* b, const uint64_t* b_end, uint64_t* to) {
    while (a < a_end && b < b_end) {
        const uint64_t x = *a, y = *b;
        const bool first = x < y;
        *to++ = first ? x : y;
        a += first;
        b += !first;
    }
    while (a < a_end) *to++ = *a++;
    while (b < b_end) *to++ = *b++;
}

// Merge sort of distinct keys, ascending, in O(n log n) always; `keys` has room for as many again.  Returns the sorted ones.
static inline uint64_t* sort_keys(uint64_t* keys, int64_t size) {
    int64_t start = 0;
    for (; start + 8 <= size; start += 8) sort_eight(keys + start);
    sort_few(keys + start, size - start);
    uint64_t *from = keys, *to = keys + size;
    for (int64_t width = 8; width < size; width *= 2) {
        for (start = 0; start < size; start += 2 * width) {
            const int64_t middle = start + width < size ? start + width : size;
            const int64_t end = start + 2 * width < size ? start + 2 * width : size;
            merge(from + start, from + middle, from + middle, from + end, to + start);
        }
        swap(&from, &to);
    }
    return from;
}

static inline float settle(const Quantised& items, const Query& query, Search* search, Candidate* candidate) {
    if (candidate->rank >= 0) {
        const float* row = items.factors + items.positions[candidate->rank] * items.k;
        const float score = product(row, query.factors, items.k) + candidate->bonus;
        *candidate = {score, score, ~candidate->rank, candidate->bonus};
        ++search->rescored;
    }
    return candidate->upper;
}

static inline int32_t position_of(const Quantised& items, const Candidate& candidate) {
    return items.positions[candidate.rank < 0 ? ~candidate.rank : candidate.rank];
}

static inline void sift_down(float* heap, int64_t size, int64_t place) {
    const float value = heap[place];
    for (int64_t child; (child = 2 * place + 1) < size; place = child) {
        child += child + 1 < size && heap[child + 1] < heap[child];
        if (heap[child] >= value) break;
        heap[place] = heap[child];
    }
    heap[place] = value;
}

// Takes note of a lower end: the K-th largest of all so far is the threshold.
static inline void note_lower(const Query& query, Search* search, float lower) {
    if (search->heaped < query.count) {
        search->heap[search->heaped++] = lower;
        if (search->heaped < query.count) return;
        for (int64_t i = query.count / 2 - 1; i >= 0; --i) sift_down(search->heap, query.count, i);
    } else if (lower > search->heap[0]) {
        search->heap[0] = lower;
        sift_down(search->heap, query.count, 0);
    }
    search->threshold = search->heap[0];
}

static inline void drop_below(Search* search, float threshold) {
    int64_t kept = 0;
    for (int64_t i = 0; i < search->held; ++i)
        if (search->candidates[i].upper >= threshold) search->candidates[kept++] = search->candidates[i];
    search->held = kept;
}

// For when intervals overlap so much (equal scores, a query of zeros) that hardly any can be dropped: settles all, keeps
// the K best, whose scores make the heap.
static inline void settle_all(const Quantised& items, const Query& query, Search* search) {
    for (int64_t i = 0; i < search->held; ++i) {
        const float score = settle(items, query, search, search->candidates + i);
        search->keys[i] = key_of(score, position_of(items, search->candidates[i]));
    }
    const uint64_t* best = sort_keys(search->keys, search->held);
    const uint64_t last = best[query.count - 1];
    for (int64_t i = 0; i < query.count; ++i) search->heap[i] = score_of(best[query.count - 1 - i]);
    int64_t kept = 0;
    for (int64_t i = 0; i < search->held; ++i) {
        const Candidate candidate = search->candidates[i];
        if (key_of(candidate.upper, position_of(items, candidate)) <= last) search->candidates[kept++] = candidate;
    }
    search->held = kept;
    search->threshold = search->heap[0];
}

// Makes room for a block's worth of candidates.
static inline void make_room(const Quantised& items, const Query& query, Search* search) {
    drop_below(search, search->threshold);
    if (search->held > search->capacity / 2) settle_all(items, query, search);
}

static inline bool is_full(const Search& search) { return search.held > search.capacity - 2 * BLOCK; }

constexpr int64_t AHEAD = 6;  // rows on their way from memory while one is multiplied

static inline void prefetch_row(const Quantised& items, int32_t rank) {
    if (rank < 0) return;
    const float* row = items.factors + items.positions[rank] * items.k;
    for (int64_t d = 0; d < items.k; d += 16) __builtin_prefetch(row + d);
}

static inline void hold(const Query& query, Search* search, Candidate candidate) {
    if (candidate.upper < search->threshold) return;
    search->candidates[search->held++] = candidate;
    note_lower(query, search, candidate.lower);
}

// A few exclusions are cheaper to ask about when an item comes up than to bring into the order of the scan beforehand.
static inline bool is_excluded(const Quantised& items, const Query& query, int64_t rank) {
    if (!query.excluded) return false;
    const int32_t position = items.positions[rank];
    return query.excluded[position / 64] >> (position % 64) & 1;
}

static inline void hold_flagged(const Quantised& items, const Query& query, Search* search, int64_t block, uint64_t flags, Bound b,
                                const float* middles) {
    for (; flags; flags &= flags - 1) {
        const int i = __builtin_ctzll(flags);
        const float half = items.scales[BLOCK * block + i] * b.spread + b.rest;
        if (middles[i] + half < search->threshold || is_excluded(items, query, BLOCK * block + i)) continue;
        hold(query, search, {middles[i] + half, middles[i] - half, static_cast<int32_t>(BLOCK * block + i), 0.0f});
    }
}

}  // namespace tacit::TACIT_ISA
