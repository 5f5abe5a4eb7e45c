// Exact top-K by inner product, most items never looked at in full.
//
// Scan.  Items x and query y are quantised to eight bits, x = t p + e, y = s q + f, so that
//     x·y = t s (p·q) + e·(s q) + x·f,   and   |x·y - t s (p·q)| <= |e| |s q| + |x| |f|        (Cauchy-Schwarz).
// p·q is an exact integer.  An item matters only if the upper end of this interval reaches the K-th best score; the
// K-th largest lower end is known to be reached by K items, which makes it a threshold before one score is computed.
// Items stand in order of falling norm and |x·y| <= |x||y|, so the scan stops at the first block that cannot reach the
// threshold at all (the norm stop of exact maximum inner product search: Teflioudi et al., LEMP, SIGMOD 2015, §4.1).
// What is left, usually little more than K items, gets its float32 product from the factors themselves.
//
// Four bits.  A catalogue beyond the second-level cache is read at the speed of memory, and multiplied much faster.  A
// single query for few items therefore reads a plane of four-bit codes first, half as many bytes, with the same bound
// (its |e| is some 15 times as large).  Where a few of a block reach the threshold their scores are computed, where many do
// the eight bits are looked at.
//
// Rounding.  A score is the *computed* float32 product: ceil(k/16) + 4 roundings on any path from a factor to the sum,
// so it is off by at most (ceil(k/16) + 5) u |x||y|, u = 2^-24 (Higham, Accuracy and Stability, §3.1).  The bound itself
// is computed in float32 with less than ten roundings of values below 2 |x||y|.  `Query::error` carries
// 2 u (ceil(k/16) + 24) |y| for both; what underflows is below TINY, and below |x| 2^-126, which is in it too.
// Comparisons keep what is equal, so ties come out by position.
#include "retrieval_kernels.h"

#include "retrieval_candidates.h"

namespace tacit::TACIT_ISA {

namespace {

#if defined(__AVX512F__)

constexpr int FEW = 3;  // more candidates than this in a block are sifted by their eight bits

// Items whose scores will be computed once their rows have come from memory, and whether four bits are worth their time:
// a block ruled out earns one, an item computed costs one, a block sifted again three.  In debt, they rest,
// each time for twice as long.
struct Pending {
    int32_t ranks[AHEAD + FEW];
    int64_t count = 0, credit = 0, rest = 16, resting_until = 0;

    void charge(int cost, int64_t block) {
        credit -= cost;
        if (credit >= -32) return;
        credit = 0;
        resting_until = block + rest;
        rest *= 2;
    }
};

static inline void hold_pending(const Quantised& items, const Query& query, Search* search, Pending* pending) {
    for (int64_t i = 0; i < pending->count; ++i) {
        Candidate candidate = {INFINITE, -INFINITE, pending->ranks[i], 0.0f};
        settle(items, query, search, &candidate);
        hold(query, search, candidate);
    }
    pending->count = 0;
}

// Whether four bits were enough for a block: none of its items can matter, or a few, which are now pending.
static inline bool settled_coarsely(const Quantised& items, const Query& query, Search* search, int64_t block, uint64_t open,
                                    Bound b, Pending* pending) {
    if (block < pending->resting_until) return false;
    const int64_t bytes = (items.groups + 1) / 2 * 4 * BLOCK;
    b.spread = items.coarse_errors[block] * query.length;
    uint64_t flags =
        reaching_coarsely(items.coarse + bytes * block, items.groups, query, items.scales + BLOCK * block, b) & open;
    const int passed = __builtin_popcountll(flags);
    if (!passed) {
        pending->credit += pending->credit < 32;
        return true;
    }
    pending->charge(passed > FEW ? 3 : passed, block);
    if (passed > FEW) return false;
    for (; flags; flags &= flags - 1) {
        const int32_t rank = static_cast<int32_t>(BLOCK * block + __builtin_ctzll(flags));
        if (is_excluded(items, query, rank)) continue;
        prefetch_row(items, rank);
        pending->ranks[pending->count++] = rank;
    }
    if (pending->count >= AHEAD) hold_pending(items, query, search, pending);
    return true;
}

#else

struct Pending {};
static inline void hold_pending(const Quantised&, const Query&, Search*, Pending*) {}
static inline bool settled_coarsely(const Quantised&, const Query&, Search*, int64_t, uint64_t, Bound, Pending*) {
    return false;  // here the products take as long as the bytes
}

#endif

// What rounding may do to a score when a bonus is added, and to the two ends when it is added to them.
static inline float bonus_rounding(float bonus) { return (bonus < 0 ? -bonus : bonus) * 4.8e-7f; }  // 8 u

static inline void hold_bonus(const Quantised& items, const Query& query, Search* search, int64_t block, Bound b,
                              const float* middles) {
    uint64_t flags = query.bonus_flags[block];
    const float* scores = query.bonus_scores + query.bonus_before[block];
    for (; flags; flags &= flags - 1, ++scores) {
        const int i = __builtin_ctzll(flags);
        if (query.blocked[block] >> i & 1 || is_excluded(items, query, BLOCK * block + i)) continue;
        const float half = items.scales[BLOCK * block + i] * b.spread + b.rest + bonus_rounding(*scores);
        const float middle = middles[i] + *scores;
        hold(query, search, {middle + half, middle - half, static_cast<int32_t>(BLOCK * block + i), *scores});
    }
}

// The items with a bonus that stand behind the norm stop: all that is known of their products is |x||y|.
static inline void hold_bonus_behind(const Quantised& items, const Query& query, Search* search) {
    for (int64_t block = search->next; block < items.blocks; ++block) {
        if (!query.bonus_flags[block]) continue;
        const float middles[BLOCK] = {};
        if (is_full(*search)) make_room(items, query, search);
        hold_bonus(items, query, search, block, {0.0f, 0.0f, items.norms[block] * query.reach + TINY, 0.0f}, middles);
    }
}

}  // namespace

float product(const float* factors, const float* query, int64_t k) {
    F16 lanes = zero();
    int64_t d = 0;
    for (; d + 16 <= k; d += 16) lanes = add(lanes, mul(load(factors + d), load(query + d)));
    if (d < k) {
        float rest[16] = {};
        for (int64_t i = d; i < k; ++i) rest[i - d] = factors[i];
        lanes = add(lanes, mul(load(rest), load(query + d)));
    }
    return sum(lanes);
}

void quantise_query(Query* query, int8_t* codes, int16_t* wide, int64_t k) {
    float largest = 0.0f;
    for (int64_t d = 0; d < k; ++d) {
        const float size = __builtin_fabsf(query->factors[d]);
        largest = size > largest ? size : largest;
    }
    const float scale = largest / 127.0f > TINY ? largest / 127.0f : TINY;
    const double inverse = 1.0 / scale;
    double all = 0.0, kept = 0.0, lost = 0.0;
    int32_t total = 0;
    for (int64_t d = 0; d < k; ++d) {
        const double y = query->factors[d];
        const double nearest = (y * inverse + 6755399441055744.0) - 6755399441055744.0;  // 1.5 * 2^52: rounds to whole
        const double code = nearest > 127.0 ? 127.0 : nearest < -127.0 ? -127.0 : nearest;
        const double part = code * scale, rest = y - part;
        all += y * y;
        kept += part * part;
        lost += rest * rest;
        wide[d] = static_cast<int16_t>(code);
        codes[d] = static_cast<int8_t>(code);
        total += wide[d];
    }
    const double norm = __builtin_sqrt(all) * ROUND_UP;
    const double rounding = static_cast<double>((k + 15) / 16 + 24) / (1 << 23);
    query->codes = codes;
    query->wide = wide;
    query->shift = -128 * total;
    query->scale = scale;
    query->length = static_cast<float>(__builtin_sqrt(kept) * ROUND_UP) + TINY;
    query->error = static_cast<float>((__builtin_sqrt(lost) + rounding * norm) * ROUND_UP) + TINY;
    query->reach = static_cast<float>((1.0 + rounding) * norm * ROUND_UP) + TINY;
}

void scan(const Quantised& items, const Query& query, Search* search, int64_t until) {
    float middles[BLOCK];
    Pending pending;
    const bool coarse = query.coarse && items.coarse;
    int64_t block = search->next;
    for (; block < until; ++block) {
        const float norm = items.norms[block];
        if (norm * query.reach + TINY < search->threshold) {
            search->finished = true;
            break;
        }
        const uint64_t bonus = query.bonus_flags ? query.bonus_flags[block] : 0;
        const uint64_t open = ~query.blocked[block];
        if (!open) continue;
        const Bound b = {query.scale, items.errors[block] * query.length, norm * query.error + TINY, search->threshold};
        const bool done = coarse && !bonus && settled_coarsely(items, query, search, block, open, b, &pending);
        if (!done) {
            const uint8_t* codes = items.codes + 4 * BLOCK * items.groups * block;
            const uint64_t flags = reaching(codes, items.groups, query, items.scales + BLOCK * block, b, middles);
            if (flags & open & ~bonus) hold_flagged(items, query, search, block, flags & open & ~bonus, b, middles);
            if (bonus & open) hold_bonus(items, query, search, block, b, middles);
        }
        if (is_full(*search)) make_room(items, query, search);
    }
    hold_pending(items, query, search, &pending);
    search->next = block;
}

int64_t finish(const Quantised& items, const Query& query, Search* search, int32_t* found, float* scores) {
    if (query.bonus_flags) hold_bonus_behind(items, query, search);
    drop_below(search, search->threshold);
    // The most promising first: each settled score may spare the rest.
    for (int64_t i = 0; i < search->held; ++i) search->keys[i] = key_of(search->candidates[i].upper, static_cast<int32_t>(i));
    const uint64_t* order = sort_keys(search->keys, search->held);
    uint64_t* settled = order == search->keys ? search->keys + search->held : search->keys;
    int64_t size = 0;
    float worst = -INFINITE;  // of the first K settled: K scores are at least this
    for (int64_t i = 0; i < search->held; ++i) {
        Candidate* candidate = search->candidates + static_cast<uint32_t>(order[i]);
        if (size >= query.count && candidate->upper < worst) break;
        if (i + AHEAD < search->held) prefetch_row(items, search->candidates[static_cast<uint32_t>(order[i + AHEAD])].rank);
        const float score = settle(items, query, search, candidate);
        settled[size++] = key_of(score, position_of(items, *candidate));
        if (size <= query.count) worst = size == 1 || score < worst ? score : worst;
    }
    if (settled != search->keys) {
        for (int64_t i = 0; i < size; ++i) search->keys[i] = settled[i];
    }
    const uint64_t* best = sort_keys(search->keys, size);
    const int64_t count = size < query.count ? size : query.count;
    for (int64_t i = 0; i < count; ++i) {
        found[i] = static_cast<int32_t>(best[i] & 0xffffffffu);
        scores[i] = score_of(best[i]);
    }
    return count;
}

}  // namespace tacit::TACIT_ISA
