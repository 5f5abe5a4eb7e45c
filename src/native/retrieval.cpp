// Retrieval, as Python sees it.
#include "bindings.h"
#include "dispatch.h"
#include "retrieval_index.h"
#include "retrieval_kernels.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/unique_ptr.h>

#include <limits>
#include <optional>

namespace tacit {
namespace {

constexpr int64_t MOST = 1000;
constexpr int64_t AT_ONCE = 32;       // queries that share the codes while these are in cache
constexpr int64_t COARSE_MOST = 64;   // items sought: for more, too many pass the four-bit codes
constexpr int64_t MANY = 8;           // more than this part of the items excluded, and whole blocks are passed over
constexpr int64_t CACHED = 16 << 10;  // bytes of codes: they stay in the first-level cache from one query to the next

struct Entries {  // of one query: positions, and scores for a bonus
    const int32_t* items = nullptr;
    const float* scores = nullptr;
    int64_t count = 0;
};

struct Job {  // one query as it was asked
    const float* factors;
    int64_t count;
    Entries excluded, bonus;
    bool has_bonus = false;
    bool alone = true;  // not in a group, which has the codes in cache
};

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

// What is remembered between the queries of one thread, so that a query allocates nothing.
class Workspace {
public:
    // Throws std::invalid_argument for a query that cannot be asked.
    void begin(const Prepared& index, const Filter* only, const Job& job) {
        const Shelf& shelf = only && only->compacted ? only->shelf : index.shelf;
        items_ = shelf.view(index.factors);
        query_ = {};
        load_factors(job);
        query_.count = std::max<int64_t>(std::min(job.count, shelf.items), 1);
        query_.coarse = job.alone && job.count <= COARSE_MOST;
        const bool whole = !only || only->compacted;
        query_.blocked = whole ? shelf.blocked.data() : only->blocked.data();
        if (job.excluded.count * MANY > index.shelf.items)
            exclude(index, only, job.excluded);
        else if (job.excluded.count)
            mark(index.shelf.items, job.excluded);
        if (job.has_bonus) add_bonus(index, only, job.bonus);
        begin_search();
    }

    bool scan_until(int64_t block) {
        TACIT_DISPATCH(scan, items_, query_, &search_, std::min(block, items_.blocks));
        return search_.finished || search_.next >= items_.blocks;
    }

    int64_t finish(int32_t* found, float* scores) { return TACIT_DISPATCH(finish, items_, query_, &search_, found, scores); }

    int64_t blocks() const { return items_.blocks; }
    int64_t blocks_at_once() const { return std::max<int64_t>(CACHED / (4 * BLOCK * items_.groups), 1); }
    int64_t count() const { return query_.count; }
    int64_t scanned() const { return std::min(search_.next * BLOCK, items_.items); }
    int64_t rescored() const { return search_.rescored; }

private:
    void load_factors(const Job& job) {
        const int64_t k = items_.k, padded = (k + 15) / 16 * 16;
        factors_.assign(padded, 0.0f);
        codes_.assign(padded, 0);
        wide_.assign(padded, 0);
        std::memcpy(factors_.data(), job.factors, k * sizeof(float));
        query_.factors = factors_.data();
        TACIT_DISPATCH(quantise_query, &query_, codes_.data(), wide_.data(), k);
        if (!(query_.reach <= 1.01 * LARGEST_NORM)) refuse("a query is not finite, or its norm is beyond 2^63");
    }

    static void check(int32_t position, int64_t items) {
        if (position < 0 || position >= items) refuse("position " + std::to_string(position) + " is no item's");
    }

    void mark(int64_t items, const Entries& excluded) {
        marks_.assign(blocks_of(items), 0);
        for (int64_t i = 0; i < excluded.count; ++i) {
            const int32_t position = excluded.items[i];
            check(position, items);
            marks_[position / 64] |= uint64_t{1} << (position % 64);
        }
        query_.excluded = marks_.data();
    }

    int64_t rank_of(const Prepared& index, const Filter* only, int32_t position) const {
        check(position, index.shelf.items);
        const int64_t rank = index.ranks[position];
        return only && only->compacted ? only->rank(rank) : rank;
    }

    void exclude(const Prepared& index, const Filter* only, const Entries& excluded) {
        blocked_.resize(items_.blocks + 1);
        std::copy(query_.blocked, query_.blocked + items_.blocks, blocked_.begin());
        const int64_t nowhere = items_.blocks * BLOCK;  // one word more takes what the filter rules out, without a branch
        for (int64_t i = 0; i < excluded.count; ++i) {
            const int64_t found = rank_of(index, only, excluded.items[i]);
            const int64_t rank = found < 0 ? nowhere : found;
            blocked_[rank / BLOCK] |= uint64_t{1} << (rank % BLOCK);
        }
        query_.blocked = blocked_.data();
    }

    // Scores in order of rank: flag them, count the flags, then put each where the count says.
    void add_bonus(const Prepared& index, const Filter* only, const Entries& bonus) {
        flags_.assign(items_.blocks, 0);
        before_.resize(items_.blocks + 1);
        bonus_.resize(bonus.count);
        for (int64_t i = 0; i < bonus.count; ++i) {
            if (i && bonus.items[i] <= bonus.items[i - 1]) refuse("the items of a bonus must ascend");
            if (!(std::fabs(bonus.scores[i]) <= LARGEST_BONUS)) refuse("a bonus is not finite, or beyond 2^126");
            const int64_t rank = rank_of(index, only, bonus.items[i]);
            if (rank >= 0) flags_[rank / BLOCK] |= uint64_t{1} << (rank % BLOCK);
        }
        before_[0] = 0;
        for (int64_t b = 0; b < items_.blocks; ++b) before_[b + 1] = before_[b] + __builtin_popcountll(flags_[b]);
        for (int64_t i = 0; i < bonus.count; ++i) {
            const int64_t rank = rank_of(index, only, bonus.items[i]);
            if (rank < 0) continue;
            const uint64_t below = flags_[rank / BLOCK] & ((uint64_t{1} << (rank % BLOCK)) - 1);
            bonus_[before_[rank / BLOCK] + __builtin_popcountll(below)] = bonus.scores[i];
        }
        query_.bonus_flags = flags_.data();
        query_.bonus_before = before_.data();
        query_.bonus_scores = bonus_.data();
    }

    void begin_search() {
        const int64_t capacity = 4 * query_.count + 4 * BLOCK;
        if (static_cast<int64_t>(candidates_.size()) < capacity) {
            candidates_.resize(capacity);
            heap_.resize(capacity);
            keys_.resize(2 * capacity);
        }
        search_ = {};
        search_.candidates = candidates_.data();
        search_.heap = heap_.data();
        search_.keys = keys_.data();
        search_.capacity = capacity;
        search_.threshold = -std::numeric_limits<float>::infinity();
    }

    Quantised items_{};
    Query query_{};
    Search search_{};
    std::vector<float> factors_, bonus_, heap_;
    std::vector<int8_t> codes_;
    std::vector<int16_t> wide_;
    std::vector<uint64_t> blocked_, marks_, flags_, keys_;
    std::vector<int32_t> before_;
    std::vector<Candidate> candidates_;
};

// One for each query of a group, made once in each thread.
Workspace& workspace(int64_t which) {
    thread_local Workspace spaces[AT_ONCE];
    return spaces[which];
}

using Positions = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Offsets = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Values = Vector<float>;

struct Rows {  // a sparse matrix with a row for each query
    std::optional<Offsets> starts;
    std::optional<Positions> items;
    std::optional<Values> scores;

    bool present() const { return starts.has_value(); }
    Entries row(int64_t i) const {
        if (!present()) return {};
        const int64_t start = starts->data()[i];
        return {items->data() + start, scores ? scores->data() + start : nullptr, starts->data()[i + 1] - start};
    }
    void check(int64_t queries, int64_t first, int64_t last) const {
        if (!present()) return;
        if (!items || static_cast<int64_t>(starts->shape(0)) != queries + 1) refuse("a sparse matrix has another number of rows");
        const int64_t entries = static_cast<int64_t>(items->shape(0));
        if (scores && static_cast<int64_t>(scores->shape(0)) != entries) refuse("positions and scores differ in number");
        for (int64_t i = first; i < last; ++i)
            if (starts->data()[i] < 0 || starts->data()[i] > starts->data()[i + 1]) refuse("row pointers fall");
        if (starts->data()[last] > entries) refuse("row pointers leave the entries");
    }
};

class ItemIndex {
public:
    ItemIndex(Table<float> factors, int threads, int64_t coarse_from) : factors_(factors) {
        if (static_cast<int64_t>(factors.shape(1)) < 1 || static_cast<int64_t>(factors.shape(1)) > LARGEST_WIDTH)
            refuse("there must be 1 to 8,192 factors");
        nb::gil_scoped_release unlocked;
        prepared_ = std::make_unique<Prepared>(factors.data(), static_cast<int64_t>(factors.shape(0)),
                                               static_cast<int64_t>(factors.shape(1)), std::max(threads, 1),
                                               isa() == Isa::avx512 ? coarse_from : std::numeric_limits<int64_t>::max());
    }

    int64_t memory_bytes() const { return prepared_->shelf.bytes() + prepared_->ranks.bytes(); }
    int64_t items() const { return prepared_->shelf.items; }
    int64_t k() const { return prepared_->shelf.k; }

    bool prepared(const Filter& only) const { return only.index == prepared_->id; }

    std::unique_ptr<Filter> filter(Vector<bool> mask) const {
        if (static_cast<int64_t>(mask.shape(0)) != items()) refuse("the mask has another number of items");
        nb::gil_scoped_release unlocked;
        return prepared_->filter(mask.data());
    }

    nb::tuple search(Vector<float> query, int64_t count, std::optional<Positions> excluded, const Filter* only,
                     std::optional<Positions> bonus_items, std::optional<Values> bonus_scores) const {
        check_shape(query.shape(0), only);
        check_count(count);
        Job job{query.data(), count, {}, {}, bonus_items.has_value()};
        if (excluded) job.excluded = {excluded->data(), nullptr, static_cast<int64_t>(excluded->shape(0))};
        if (bonus_items) {
            if (!bonus_scores || bonus_scores->shape(0) != bonus_items->shape(0)) refuse("positions and scores differ in number");
            job.bonus = {bonus_items->data(), bonus_scores->data(), static_cast<int64_t>(bonus_items->shape(0))};
        }
        Workspace& space = workspace(0);
        int32_t found[MOST];
        float scores[MOST];
        int64_t size;
        {
            // At 40 GB/s, a byte for each factor; most searches end long before.
            const UnlockedIfLong unlocked(static_cast<double>(items()) * static_cast<double>(k()) / 40e3);
            space.begin(*prepared_, only, job);
            space.scan_until(space.blocks());
            size = space.finish(found, scores);
        }
        int32_t* out_items = new int32_t[size];
        float* out_scores = new float[size];
        std::memcpy(out_items, found, size * sizeof(int32_t));
        std::memcpy(out_scores, scores, size * sizeof(float));
        return nb::make_tuple(owned(out_items, {static_cast<size_t>(size)}), owned(out_scores, {static_cast<size_t>(size)}),
                              space.scanned(), space.rescored());
    }

    // Queries first…last - 1, into their rows of `found` and `scores`.  Returns how many items were scanned and rescored.
    nb::tuple search_many(Table<float> queries, Positions counts, int64_t first, int64_t last, Rows excluded,
                          const Filter* only, Rows bonus, MutableTable<int32_t> found, MutableTable<float> scores,
                          int threads) const {
        const int64_t all = static_cast<int64_t>(queries.shape(0)), width = static_cast<int64_t>(found.shape(1));
        check_shape(queries.shape(1), only);
        if (first < 0 || last > all || first > last) refuse("the range leaves the queries");
        if (static_cast<int64_t>(counts.shape(0)) != all || static_cast<int64_t>(found.shape(0)) != all ||
            static_cast<int64_t>(scores.shape(0)) != all || static_cast<int64_t>(scores.shape(1)) != width)
            refuse("queries, counts and lists differ in number");
        excluded.check(all, first, last);
        bonus.check(all, first, last);
        for (int64_t i = first; i < last; ++i) {
            check_count(counts.data()[i]);
            if (counts.data()[i] > width) refuse("a count is beyond the width of the lists");
        }
        int64_t scanned = 0, rescored = 0;
        std::string wrong;
        {
            nb::gil_scoped_release unlocked;
            const int64_t groups = (last - first + AT_ONCE - 1) / AT_ONCE;
#pragma omp parallel for num_threads(std::max(threads, 1)) schedule(dynamic, 1) reduction(+ : scanned, rescored)
            for (int64_t g = 0; g < groups; ++g) {
                try {
                    const int64_t start = first + g * AT_ONCE, size = std::min(AT_ONCE, last - start);
                    for (int64_t i = 0; i < size; ++i)
                        workspace(i).begin(*prepared_, only, {queries.data() + (start + i) * k(), counts.data()[start + i],
                                                              excluded.row(start + i), bonus.row(start + i), bonus.present(), false});
                    scan_together(size);
                    for (int64_t i = 0; i < size; ++i) {
                        write(workspace(i), found.data() + (start + i) * width, scores.data() + (start + i) * width, width);
                        scanned += workspace(i).scanned();
                        rescored += workspace(i).rescored();
                    }
                } catch (const std::exception& error) {  // none may leave the loop
#pragma omp critical(tacit_retrieval)
                    wrong = error.what();
                }
            }
        }
        if (!wrong.empty()) refuse(wrong);
        return nb::make_tuple(scanned, rescored);
    }

    // The scores themselves, for tests and for reasons: (positions,) float32.
    nb::ndarray<nb::numpy, float> products(Vector<float> query, Positions positions) const {
        check_shape(query.shape(0), nullptr);
        const int64_t size = static_cast<int64_t>(positions.shape(0));
        std::vector<float> padded((k() + 15) / 16 * 16, 0.0f);
        std::memcpy(padded.data(), query.data(), k() * sizeof(float));
        for (int64_t i = 0; i < size; ++i)
            if (positions.data()[i] < 0 || positions.data()[i] >= items()) refuse("a position is no item's");
        // The rows lie far apart: all are called for before the first is used, as far as the processor keeps a list.
        for (int64_t i = 0; i < std::min<int64_t>(size, 16); ++i)
            for (int64_t d = 0; d < k(); d += 16) __builtin_prefetch(prepared_->factors + positions.data()[i] * k() + d);
        float* out = new float[size];
        for (int64_t i = 0; i < size; ++i)
            out[i] = TACIT_DISPATCH(product, prepared_->factors + positions.data()[i] * k(), padded.data(), k());
        return owned(out, {static_cast<size_t>(size)});
    }

private:
    void check_shape(size_t width, const Filter* only) const {
        if (static_cast<int64_t>(width) != k()) refuse("a query has " + std::to_string(width) + " factors, not " + std::to_string(k()));
        if (only && !prepared(*only)) refuse("the filter belongs to another index");
    }

    static void check_count(int64_t count) {
        if (count < 1 || count > MOST) refuse("a count of " + std::to_string(count) + " is not within 1 to 1,000");
    }

    static void scan_together(int64_t size) {
        bool done[AT_ONCE] = {};
        int64_t left = size;
        for (int64_t until = 0; left;) {
            until += workspace(0).blocks_at_once();
            for (int64_t i = 0; i < size; ++i)
                if (!done[i] && workspace(i).scan_until(until)) {
                    done[i] = true;
                    --left;
                }
        }
    }

    static void write(Workspace& space, int32_t* found, float* scores, int64_t width) {
        const int64_t size = space.finish(found, scores);
        std::fill(found + size, found + width, -1);
        std::fill(scores + size, scores + width, -std::numeric_limits<float>::infinity());
    }

    Table<float> factors_;  // held, so that they outlive the index
    std::unique_ptr<Prepared> prepared_;
};

Rows rows_of(std::optional<Offsets> starts, std::optional<Positions> items, std::optional<Values> scores) {
    return {std::move(starts), std::move(items), std::move(scores)};
}

}  // namespace

void bind_retrieval(nb::module_& m) {
    nb::class_<Filter>(m, "ItemFilter")
        .def_prop_ro("allowed", [](const Filter& filter) { return filter.allowed; })
        .def_prop_ro("memory_bytes", &Filter::bytes);
    nb::class_<ItemIndex>(m, "ItemIndex")
        .def(nb::init<Table<float>, int, int64_t>(), nb::arg("factors").noconvert(), "threads"_a, "coarse_from"_a)
        .def_prop_ro("memory_bytes", &ItemIndex::memory_bytes)
        .def("filter", &ItemIndex::filter, nb::arg("mask").noconvert())
        .def("prepared", &ItemIndex::prepared, "only"_a)
        .def("products", &ItemIndex::products, nb::arg("query").noconvert(), nb::arg("positions").noconvert())
        .def("search", &ItemIndex::search, nb::arg("query").noconvert(), "count"_a, nb::arg("excluded").noconvert().none(),
             nb::arg("only").none(), nb::arg("bonus_items").noconvert().none(), nb::arg("bonus_scores").noconvert().none())
        .def("search_many",
             [](const ItemIndex& index, Table<float> queries, Positions counts, int64_t first, int64_t last,
                std::optional<Offsets> excluded_starts, std::optional<Positions> excluded_items, const Filter* only,
                std::optional<Offsets> bonus_starts, std::optional<Positions> bonus_items, std::optional<Values> bonus_scores,
                MutableTable<int32_t> found, MutableTable<float> scores, int threads) {
                 return index.search_many(queries, counts, first, last, rows_of(excluded_starts, excluded_items, std::nullopt),
                                          only, rows_of(bonus_starts, bonus_items, bonus_scores), found, scores, threads);
             },
             nb::arg("queries").noconvert(), nb::arg("counts").noconvert(), "first"_a, "last"_a,
             nb::arg("excluded_starts").noconvert().none(), nb::arg("excluded_items").noconvert().none(),
             nb::arg("only").none(), nb::arg("bonus_starts").noconvert().none(), nb::arg("bonus_items").noconvert().none(),
             nb::arg("bonus_scores").noconvert().none(), nb::arg("found").noconvert(), nb::arg("scores").noconvert(),
             "threads"_a);
}

}  // namespace tacit
