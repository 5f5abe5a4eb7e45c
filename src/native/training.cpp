// Training, as Python sees it.  Shapes are checked here, values (positions in range, finite numbers) by the engine.
#include <nanobind/stl/pair.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bindings.h"
#include "buffers.h"
#include "dispatch.h"
#include "training_kernels.h"
#include "training_shapes.h"
#include "training_sparse.h"

namespace tacit {
namespace {

void expect(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

using Ids = Vector<int32_t>;

Rows rows_of(const Vector<int64_t>& indptr, const Ids& indices, const Vector<float>& data, const Vector<float>& ridge) {
    expect(indptr.shape(0) == ridge.shape(0) + 1, "one ridge per row");
    expect(indices.shape(0) == data.shape(0), "one weight per entry");
    expect(indptr.data()[ridge.shape(0)] == static_cast<int64_t>(indices.shape(0)), "the last pointer is the number of entries");
    return {indptr.data(), indices.data(), data.data(), ridge.data(), static_cast<int64_t>(indices.shape(0))};
}

// The spectrum behind which the kernels expect zeros.
std::vector<float> widened(const float* spectrum, int64_t k) {
    std::vector<float> wide(static_cast<size_t>(padded(k)), 0.0f);
    std::copy(spectrum, spectrum + k, wide.begin());
    return wide;
}

// The work on rows [first, last): blocks with a longer row first, so that none is left to one thread at the end, and the
// long rows in groups of which each thread gets several.
class Plan {
   public:
    Plan(const int64_t* indptr, int64_t first, int64_t last, int64_t fixed_rows, int64_t k, bool sweeps, int threads)
        : first_(first), last_(last), indptr_(indptr) {
        std::vector<std::pair<int64_t, int64_t>> blocks;
        for (int64_t b = first / block_rows; b * block_rows < last; ++b) {
            int64_t longest = 0;
            for (int64_t r = b * block_rows; r < std::min(last, (b + 1) * block_rows); ++r) {
                const bool swept = sweeps && is_long(length(r), fixed_rows, padded(k));
                if (swept) long_rows_.push_back(r);
                longest = std::max(longest, swept ? 0 : length(r));
            }
            blocks.emplace_back(longest < 1024 ? 0 : -longest, b);
        }
        std::sort(blocks.begin(), blocks.end());
        for (const auto& block : blocks) blocks_.push_back(block.second);
        group(threads);
    }

    Work work() const {
        return {first_, last_, blocks_.data(), static_cast<int64_t>(blocks_.size()), long_rows_.data(), groups_.data(),
                static_cast<int64_t>(groups_.size()) - 1};
    }

   private:
    int64_t length(int64_t row) const { return indptr_[row + 1] - indptr_[row]; }

    // As few groups as there are threads: the more rows share a sweep, the more often each part of it is used.  Dealt
    // out forth and back from the longest, the groups have about the same number of entries.
    void group(int threads) {
        std::sort(long_rows_.begin(), long_rows_.end(), [this](int64_t a, int64_t b) {
            return length(a) != length(b) ? length(a) > length(b) : a < b;
        });
        const auto rows = static_cast<int64_t>(long_rows_.size());
        const int64_t rounds = (rows + threads * sweep_width - 1) / (threads * sweep_width), groups = rounds * threads;
        std::vector<int64_t> dealt;
        groups_.push_back(0);
        for (int64_t g = 0; g < groups; ++g) {
            for (int64_t i = 0, turn = 0; i < rows; i += groups, ++turn) {
                const int64_t pick = i + (turn % 2 == 0 ? g : groups - 1 - g);
                if (pick < rows) dealt.push_back(long_rows_[static_cast<size_t>(pick)]);
            }
            groups_.push_back(static_cast<int64_t>(dealt.size()));
        }
        long_rows_ = std::move(dealt);
    }

    int64_t first_, last_;
    const int64_t* indptr_;
    std::vector<int64_t> blocks_, long_rows_, groups_;
};

// The side that half an iteration holds fixed: turned into its eigenbasis, and copied to half precision.
class FixedRows {
   public:
    FixedRows(MutableTable<float> factors, Table<float> basis, Vector<float> spectrum, float scale, bool halved)
        : factors_(factors), basis_(basis), spectrum_(widened(spectrum.data(), static_cast<int64_t>(spectrum.shape(0)))),
          scale_(scale), k_(static_cast<int64_t>(factors.shape(1))), panels_(padded(k_) * padded(k_)) {
        expect(basis.shape(0) == factors.shape(1) && basis.shape(1) == factors.shape(1), "the basis is (k, k)");
        expect(spectrum.shape(0) == factors.shape(1), "the spectrum is (k,)");
        if (halved) half_ = Spare::take(static_cast<int64_t>(factors.shape(0)) * padded(k_));
    }
    ~FixedRows() { Spare::give(std::move(half_)); }

    void drop_half() { half_.reset(); }

    // `penalty` is the sum so far: additions have one order, however the rows are cut into portions.
    std::pair<double, float> turn(double penalty, int64_t first, int64_t last, Vector<float> ridge, int threads) {
        expect(first >= 0 && last <= static_cast<int64_t>(factors_.shape(0)) && first <= last, "rows out of range");
        expect(ridge.shape(0) == factors_.shape(0), "one ridge per row");
        const int64_t rows = last - first, blocks = (rows + block_rows - 1) / block_rows, wide = padded(k_);
        std::vector<double> penalties(static_cast<size_t>(blocks));
        std::vector<float> smallest(static_cast<size_t>(blocks));
        Buffer<float> scratch(threads * rotate_scratch(k_));
        uint16_t* half = half_ ? half_->get() + first * wide : nullptr;
        TACIT_DISPATCH(rotate_fixed, factors_.data() + first * k_, rows, k_, basis_.data(), panels_.get(), scratch.get(),
                       ridge.data() + first, scale_, half, penalties.data(), smallest.data(), threads);
        float least = std::numeric_limits<float>::infinity();
        for (double p : penalties) penalty += p;
        for (float s : smallest) least = std::min(least, s);
        return {penalty, least};
    }

    // `loss` is the sum so far, as above.
    double step(double loss, MutableTable<float> solved, Vector<int64_t> indptr, Ids indices, Vector<float> data, Vector<float> ridge,
                int64_t first, int64_t last, int steps, float relaxation, bool exact, int threads) {
        const Rows rows = rows_of(indptr, indices, data, ridge);
        expect(solved.shape(0) == ridge.shape(0) && static_cast<int64_t>(solved.shape(1)) == k_, "solved is (rows, k)");
        expect(first >= 0 && first % block_rows == 0 && first <= last && last <= static_cast<int64_t>(ridge.shape(0)),
               "rows out of range");
        const auto fixed_rows = static_cast<int64_t>(factors_.shape(0));
        const Plan plan(rows.indptr, first, last, fixed_rows, k_, !exact, threads);
        std::vector<double> losses(static_cast<size_t>(last - first));
        float* scratch = scratch_of(threads * row_scratch(k_));
        const Gathered side{half_ ? half_->get() : nullptr, factors_.data(), fixed_rows, k_, scale_, spectrum_.data()};
        if (exact) {
            Buffer<double> doubles(threads * exact_scratch(k_));
            TACIT_DISPATCH(exact_rows, solved.data(), side, rows, basis_.data(), panels_.get(), plan.work(), relaxation, losses.data(), scratch, doubles.get(), threads);
        } else {
            TACIT_DISPATCH(step_rows, solved.data(), side, rows, basis_.data(), panels_.get(), plan.work(), steps, relaxation, losses.data(), scratch, threads);
        }
        for (double one : losses) loss += one;
        return loss;
    }

   private:
    float* scratch_of(int64_t count) {
        if (!scratch_ || scratch_->count() < count) scratch_ = std::make_unique<Buffer<float>>(count);
        return scratch_->get();
    }

    MutableTable<float> factors_;
    Table<float> basis_;
    std::vector<float> spectrum_;
    float scale_;
    int64_t k_;
    Buffer<float> panels_;
    std::unique_ptr<Buffer<uint16_t>> half_;
    std::unique_ptr<Buffer<float>> scratch_;
};

std::pair<nb::ndarray<nb::numpy, double>, float> gram_matrix(Table<float> factors, float scale, int threads) {
    const auto rows = static_cast<int64_t>(factors.shape(0)), k = static_cast<int64_t>(factors.shape(1));
    std::unique_ptr<double[]> out(new double[static_cast<size_t>(k * k)]());
    float largest = 0.0f;
    if (rows > 0) {
        nb::gil_scoped_release unlocked;
        Buffer<double> partial(gram_shares(rows) * padded(k) * padded(k));
        Buffer<float> scratch(threads * gram_scratch(k));
        TACIT_DISPATCH(gram, factors.data(), rows, k, scale, out.get(), &largest, partial.get(), scratch.get(), threads);
    }
    return {owned(out.release(), {static_cast<size_t>(k), static_cast<size_t>(k)}), largest};
}

void rotate_rows(MutableTable<float> factors, Table<float> basis, int threads) {
    const auto k = static_cast<int64_t>(factors.shape(1));
    expect(basis.shape(0) == factors.shape(1) && basis.shape(1) == factors.shape(1), "the basis is (k, k)");
    Buffer<float> panels(padded(k) * padded(k)), scratch(threads * rotate_scratch(k));
    TACIT_DISPATCH(rotate, factors.data(), static_cast<int64_t>(factors.shape(0)), k, basis.data(), panels.get(),
                   scratch.get(), threads);
}

void transpose_into(Vector<int64_t> indptr, Ids indices, Vector<float> data, MutableVector<int64_t> out_indptr,
                    MutableVector<int32_t> out_indices, MutableVector<float> out_data, int threads) {
    const auto rows = static_cast<int64_t>(indptr.shape(0)) - 1, columns = static_cast<int64_t>(out_indptr.shape(0)) - 1;
    expect(indices.shape(0) == data.shape(0) && out_indices.shape(0) == data.shape(0) && out_data.shape(0) == data.shape(0),
           "as many entries out as in");
    expect(indptr.data()[rows] == static_cast<int64_t>(data.shape(0)), "the last pointer is the number of entries");
    Buffer<int64_t> positions(threads * columns);
    transpose(indptr.data(), indices.data(), data.data(), rows, columns, out_indptr.data(), out_indices.data(),
              out_data.data(), positions.get(), threads);
}

void solve_range(Table<float> rotated, Vector<float> spectrum, float scale, Vector<int64_t> indptr, Ids indices,
                 Vector<float> data, Vector<float> ridge, MutableTable<float> out, int64_t first, int threads) {
    const auto k = static_cast<int64_t>(rotated.shape(1)), last = first + static_cast<int64_t>(out.shape(0));
    const Rows rows = rows_of(indptr, indices, data, ridge);
    expect(out.shape(1) == rotated.shape(1) && spectrum.shape(0) == rotated.shape(1), "k numbers per row");
    expect(first >= 0 && last <= static_cast<int64_t>(ridge.shape(0)), "rows out of range");
    const std::vector<float> wide = widened(spectrum.data(), k);
    Buffer<float> scratch(threads * row_scratch(k));
    Buffer<double> doubles(threads * exact_scratch(k));
    TACIT_DISPATCH(solve_rows, out.data(), Gathered{nullptr, rotated.data(), static_cast<int64_t>(rotated.shape(0)), k, scale, wide.data()}, rows, first, last,
                   scratch.get(), doubles.get(), threads);
}

nb::ndarray<nb::numpy, float> solve_single(Table<float> rotated, Table<float> basis, Vector<float> spectrum, float scale,
                                           Ids items, Vector<float> weights, float ridge) {
    const auto n = static_cast<int64_t>(rotated.shape(0)), k = static_cast<int64_t>(rotated.shape(1));
    const auto count = static_cast<int64_t>(items.shape(0));
    expect(weights.shape(0) == items.shape(0), "one weight per item");
    expect(basis.shape(0) == rotated.shape(1) && basis.shape(1) == rotated.shape(1), "the basis is (k, k)");
    expect(spectrum.shape(0) == rotated.shape(1), "the spectrum is (k,)");
    for (int64_t j = 0; j < count; ++j) {
        if (items.data()[j] < 0 || items.data()[j] >= n) throw nb::index_error("an item is out of range");
        const float w = weights.data()[j];
        if (!(w > 0.0f && w < std::numeric_limits<float>::infinity())) throw nb::value_error("a weight is not a positive number");
    }
    std::vector<int32_t> ascending(items.data(), items.data() + count);
    std::sort(ascending.begin(), ascending.end());
    if (std::adjacent_find(ascending.begin(), ascending.end()) != ascending.end())
        throw nb::value_error("an item stands there twice");
    std::unique_ptr<float[]> out(new float[static_cast<size_t>(k)]);
    {
        const UnlockedIfLong unlocked(static_cast<double>(k) * static_cast<double>(k + 32 * count) / 4e3);
        const int64_t wide = padded(k), floats = row_scratch(k);
        float* scratch = kept_buffer<float>(floats + wide);
        std::copy(spectrum.data(), spectrum.data() + k, scratch + floats);
        std::fill(scratch + floats + k, scratch + floats + wide, 0.0f);
        const int64_t indptr[2] = {0, count};
        TACIT_DISPATCH(solve_row, out.get(), Gathered{nullptr, rotated.data(), n, k, scale, scratch + floats},
                       Rows{indptr, items.data(), weights.data(), &ridge, count}, basis.data(), scratch,
                       kept_buffer<double>(exact_scratch(k)));
    }
    return owned(out.release(), {static_cast<size_t>(k)});
}

}  // namespace

void bind_training(nb::module_& m) {
    using Unlocked = nb::call_guard<nb::gil_scoped_release>;
    m.def("gram", &gram_matrix, "factors"_a, "scale"_a, "threads"_a);
    m.def("rotate", &rotate_rows, "factors"_a, "basis"_a, "threads"_a, Unlocked());
    m.def("transpose", &transpose_into, "indptr"_a, "indices"_a, "data"_a, "out_indptr"_a, "out_indices"_a, "out_data"_a,
          "threads"_a, Unlocked());
    m.def("solve_rows", &solve_range, "rotated"_a, "spectrum"_a, "scale"_a, "indptr"_a, "indices"_a, "data"_a, "ridge"_a,
          "out"_a, "first"_a, "threads"_a, Unlocked());
    m.def("solve_row", &solve_single, "rotated"_a, "basis"_a, "spectrum"_a, "scale"_a,
          "items"_a.noconvert(), "weights"_a.noconvert(), "ridge"_a);  // a conversion would cut 3.7 to 3 in silence
    m.attr("BLOCK_ROWS") = static_cast<int>(block_rows);
    nb::class_<FixedRows>(m, "FixedRows")
        .def(nb::init<MutableTable<float>, Table<float>, Vector<float>, float, bool>(), "factors"_a, "basis"_a, "spectrum"_a,
             "scale"_a, "halved"_a)
        .def("drop_half", &FixedRows::drop_half)
        .def("turn", &FixedRows::turn, "penalty"_a, "first"_a, "last"_a, "ridge"_a, "threads"_a, Unlocked())
        .def("step", &FixedRows::step, "loss"_a, "solved"_a, "indptr"_a, "indices"_a, "data"_a, "ridge"_a, "first"_a, "last"_a,
             "steps"_a, "relaxation"_a, "exact"_a, "threads"_a, Unlocked());
}

}  // namespace tacit
