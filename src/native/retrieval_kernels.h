// Retrieval kernels, declared for each instruction set; defined in retrieval_kernels.cpp, which is compiled once for each.
#pragma once

#include <cstdint>

namespace tacit {

constexpr int64_t BLOCK = 64;  // items to a block: a machine word of flags, four registers of AVX-512
constexpr float COARSER = 0.9f * 127.0f / 7.0f;  // one step of four bits in steps of eight; the few clipped cost less than wider steps

// The items in order of falling norm, quantised: x_i ≈ t_i p_i with p_i in -127…127, |x_i - t_i p_i| <= t_i errors[block].
// Rows beyond `items` fill the last block; they are flagged as blocked wherever flags are made.
struct Quantised {
    int64_t items, blocks, k, groups;  // groups = ceil(k / 4)
    const uint8_t* codes;              // (blocks, groups, 64, 4): p + 128, so that AVX-512 VNNI can multiply them
    const float* scales;               // (blocks * 64): t
    const float* errors;               // (blocks): the largest |x - t p| / t, rounded up
    const uint8_t* coarse;             // (blocks, groups / 2 up, 64, 4), or null: p' + 8 in four bits, x_i ≈ (COARSER t_i) p'_i,
                                       // even groups in the low bits, odd groups in the high ones
    const float* coarse_errors;        // (blocks): the largest |x - COARSER t p'| / (COARSER t), rounded up
    const float* norms;                // (blocks): the largest |x|, rounded up; they fall
    const int32_t* positions;          // (blocks * 64): rank in this order -> position in the factors
    const float* factors;              // (any, k): the factors themselves, by position
};

// One query: its factors, what quantising them made of them (y ≈ s q), and what must hold for what it finds.
struct Query {
    const float* factors;   // (k rounded up to 16): y, then zeros
    const int8_t* codes;    // (groups * 4): q, then zeros
    const int16_t* wide;    // the same in 16 bits
    int32_t shift;          // -128 Σ q: takes back what the items' codes have too much
    float scale;            // s
    float length;           // |s q|, rounded up
    float error;            // |y - s q| + (rounding of all that is computed) |y|, rounded up
    float reach;            // |y| with the same roundings: no score exceeds |x| reach + TINY
    int64_t count;          // K
    bool coarse;            // look at four bits first, where there are such codes
    const uint64_t* blocked;  // (blocks): what may not be found, and what is beyond the last item
    const uint64_t* excluded; // flags by position, or null: a few more that may not be found, looked at last

    // The bonus: flags by rank, how many flags stand before each block, and the scores in order of rank.
    const uint64_t* bonus_flags;    // (blocks), or null
    const int32_t* bonus_before;    // (blocks + 1)
    const float* bonus_scores;
};

struct Candidate {
    float upper, lower;  // of the score; equal, and the score itself, once it is settled
    int32_t rank;        // ~rank once settled
    float bonus;
};

// What a search keeps while it runs.
struct Search {
    Candidate* candidates;  // (capacity)
    float* heap;            // (K): the largest lower ends so far, the smallest of them first
    uint64_t* keys;         // (2 * capacity): to sort in
    int64_t capacity;       // at least 4 K + 4 * 64
    int64_t held;           // candidates now
    int64_t heaped;         // lower ends in the heap, at most K
    float threshold;        // K scores are known to be at least this; -inf before
    int64_t next;           // block to go on with; `blocks` at the end
    bool finished;          // nothing from `next` on can matter, bonus apart
    int64_t rescored;       // float32 products computed
};

#define TACIT_RETRIEVAL_KERNELS                                                                              \
    /* The float32 product that every score is: sixteen lanes, multiply, add, lanes summed pairwise. */      \
    float product(const float* factors, const float* query, int64_t k);                                      \
    /* Quantises query.factors into codes (and wide) and fills in the rest of what follows from them. */     \
    void quantise_query(Query* query, int8_t* codes, int16_t* wide, int64_t k);                              \
    /* Goes on with a search up to (not including) a block. */                                               \
    void scan(const Quantised& items, const Query& query, Search* search, int64_t until);                    \
    /* Ends a search: found items and their scores, the best first.  Returns how many. */                    \
    int64_t finish(const Quantised& items, const Query& query, Search* search, int32_t* found, float* scores);

namespace avx512 { TACIT_RETRIEVAL_KERNELS }
namespace avx2 { TACIT_RETRIEVAL_KERNELS }
namespace baseline { TACIT_RETRIEVAL_KERNELS }
}  // namespace tacit
