// Explanations, as Python sees them: shapes and ranges are checked here.
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <nanobind/stl/optional.h>

#include "bindings.h"
#include "buffers.h"
#include "dispatch.h"
#include "explaining_kernels.h"

namespace tacit {
namespace {

int64_t size(const auto& array) { return static_cast<int64_t>(array.shape(0)); }

void expect(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

void expect_within(Vector<int32_t> positions, int64_t n) {
    for (int64_t j = 0; j < size(positions); ++j)
        expect(positions.data()[j] >= 0 && positions.data()[j] < n, "an item is out of range");
}

void expect_explainable(const Table<float>& rotated, const Vector<double>& diagonal, const Vector<int32_t>& items,
                        const Vector<float>& weights, int64_t explaining) {
    expect(size(diagonal) == static_cast<int64_t>(rotated.shape(1)), "k numbers per row");
    expect(size(items) == size(weights) && explaining >= 0 && explaining <= size(items), "one weight per item");
    expect_within(items, size(rotated));
    for (int64_t j = 0; j < size(weights); ++j)
        expect(weights.data()[j] > 0.0f && weights.data()[j] < std::numeric_limits<float>::infinity(),
               "a weight is not a positive number");
    for (int64_t d = 0; d < size(diagonal); ++d) expect(diagonal.data()[d] > 0.0, "the diagonal is not above 0");
}

nb::ndarray<nb::numpy, float> shares(Table<float> rotated, Vector<double> diagonal, Vector<int32_t> items,
                                     Vector<float> weights, Table<float> wanted, int64_t explaining) {
    const auto k = static_cast<int64_t>(rotated.shape(1)), targets = size(wanted), count = size(items);
    expect(static_cast<int64_t>(wanted.shape(1)) == k, "k numbers per row");
    expect_explainable(rotated, diagonal, items, weights, explaining);
    std::unique_ptr<float[]> out(new float[static_cast<size_t>(std::max<int64_t>(targets * explaining, 1))]);
    {
        const double n = static_cast<double>(count), small = std::min(n, static_cast<double>(k));
        const double operations = n * static_cast<double>(k) * (small + static_cast<double>(targets));
        const UnlockedIfLong unlocked(operations / 4e3);
        const Explained asked{rotated.data(), k, diagonal.data(), items.data(), weights.data(), count,
                              explaining, wanted.data(), targets};
        double* doubles = kept_buffer<double>(prepared_size(k, count) + targets_scratch(k, count));
        const Prepared prepared = prepared_at(doubles, k, count);
        double* scratch = doubles + prepared_size(k, count);
        TACIT_DISPATCH(prepare_history, asked, prepared, scratch);
        TACIT_DISPATCH(explain_targets, asked, prepared, nullptr, out.get(), scratch);
    }
    return owned(out.release(), {static_cast<size_t>(targets), static_cast<size_t>(explaining)});
}

// Of a row the most columns of the largest parts of all that is positive there, the largest first and of equals the
// first: their places and their parts, and how many there are that reach the least.  O(columns most).
int64_t strongest_of(const float* row, int64_t wide, int64_t most, float least, int32_t* place, float* part) {
    double total = 0.0;
    for (int64_t c = 0; c < wide; ++c) total += row[c] > 0.0f ? static_cast<double>(row[c]) : 0.0;
    const double whole = std::max(total, static_cast<double>(std::numeric_limits<float>::min()));
    int64_t found = 0;
    float last = -std::numeric_limits<float>::infinity();  // the least of those found, once there are enough
    for (int64_t c = 0; c < wide; ++c) {
        if (row[c] <= last) continue;  // its share is not larger either, and to divide takes a while
        const float share = row[c] > 0.0f ? static_cast<float>(static_cast<double>(row[c]) / whole) : 0.0f;
        if (!(share >= least) || (found == most && share <= part[most - 1])) continue;
        int64_t at = found < most ? found++ : most - 1;
        for (; at > 0 && part[at - 1] < share; --at) {
            part[at] = part[at - 1];
            place[at] = place[at - 1];
        }
        part[at] = share;
        place[at] = static_cast<int32_t>(c);
        if (found == most) last = row[place[most - 1]];
    }
    return found;
}

// The same of each row, -1 and 0 where there are fewer; what stands for a column is its name, if columns have any.
nb::tuple strongest_rows(const float* rows, int64_t high, int64_t wide, int64_t most, float least, const int32_t* names) {
    std::unique_ptr<int32_t[]> places(new int32_t[static_cast<size_t>(std::max<int64_t>(high * most, 1))]);
    std::unique_ptr<float[]> parts(new float[static_cast<size_t>(std::max<int64_t>(high * most, 1))]);
    for (int64_t r = 0; r < high; ++r) {
        int32_t* place = places.get() + r * most;
        float* part = parts.get() + r * most;
        const int64_t found = strongest_of(rows + r * wide, wide, most, least, place, part);
        for (int64_t f = 0; names && f < found; ++f) place[f] = names[place[f]];
        for (int64_t f = found; f < most; ++f) {
            place[f] = -1;
            part[f] = 0.0f;
        }
    }
    const size_t h = static_cast<size_t>(high), m = static_cast<size_t>(most);
    return nb::make_tuple(owned(places.release(), {h, m}), owned(parts.release(), {h, m}));
}

nb::tuple strongest(Table<float> contributions, int64_t most, float least) {
    expect(most >= 1, "at least one of each row");
    const auto wide = static_cast<int64_t>(contributions.shape(1));
    return strongest_rows(contributions.data(), size(contributions), wide, most, least, nullptr);
}

// A history of which all is at hand that explaining any item by it takes: a few microseconds an item.
class Explainer {
   public:
    Explainer(Table<float> rotated, Vector<double> diagonal, Vector<int32_t> items, Vector<float> weights,
              int64_t explaining)
        : rotated_(rotated),
          items_(items.data(), items.data() + size(items)),
          weights_(weights.data(), weights.data() + size(weights)),
          explaining_(explaining),
          k_(static_cast<int64_t>(rotated.shape(1))),
          doubles_(0) {
        expect_explainable(rotated, diagonal, items, weights, explaining);
        doubles_ = Buffer<double>(prepared_size(k_, size(items)));
        const double n = static_cast<double>(size(items)), small = std::min(n, static_cast<double>(k_));
        const UnlockedIfLong unlocked(n * static_cast<double>(k_) * small / 4e3);
        Explained asked = of_targets(0);
        asked.diagonal = diagonal.data();
        TACIT_DISPATCH(prepare_history, asked, prepared_at(doubles_.get(), k_, asked.count), scratch());
    }

    int64_t memory_bytes() const { return (doubles_.count() + static_cast<int64_t>(items_.size())) * 8; }

    // What `strongest` says of the shares in the scores of some items, with positions of the history's items.
    // Nothing, where one of the items is none of the side.
    std::optional<nb::tuple> strongest_of_targets(Vector<int64_t> targets, int64_t most, float least) {
        expect(most >= 1, "at least one of each row");
        for (int64_t t = 0; t < size(targets); ++t)
            if (targets.data()[t] < 0 || targets.data()[t] >= size(rotated_)) return std::nullopt;
        const int64_t high = size(targets);
        float* shares = kept_buffer<float>(high * explaining_);
        {
            const double n = static_cast<double>(count());
            const UnlockedIfLong unlocked(static_cast<double>(high) * static_cast<double>(k_) * n / 4e3);
            TACIT_DISPATCH(explain_targets, of_targets(high), prepared_at(doubles_.get(), k_, count()), targets.data(),
                           shares, scratch());
        }
        return strongest_rows(shares, high, explaining_, most, least, items_.data());
    }

   private:
    int64_t count() const { return static_cast<int64_t>(items_.size()); }
    double* scratch() const { return kept_buffer<double>(targets_scratch(k_, count())); }
    Explained of_targets(int64_t targets) const {
        return {rotated_.data(), k_, nullptr, items_.data(), weights_.data(), count(), explaining_, rotated_.data(), targets};
    }

    Table<float> rotated_;
    std::vector<int32_t> items_;
    std::vector<float> weights_;
    int64_t explaining_, k_;
    Buffer<double> doubles_;
};

// out[c, r] = matrix[rows[r], columns[c]], 0 where there is no entry: O(rows columns log(entries of a row)).
nb::ndarray<nb::numpy, float> entries(Vector<int64_t> indptr, Vector<int32_t> indices, Vector<float> data,
                                      Vector<int32_t> rows, Vector<int32_t> columns) {
    expect(size(indptr) >= 1 && size(indices) == size(data), "data do not fit");
    expect_within(rows, size(indptr) - 1);
    const int64_t wide = size(rows), high = size(columns);
    std::unique_ptr<float[]> out(new float[static_cast<size_t>(std::max<int64_t>(wide * high, 1))]());
    {
        nb::gil_scoped_release unlocked;
        for (int64_t r = 0; r < wide; ++r) {
            const int32_t row = rows.data()[r];
            const int32_t* begin = indices.data() + indptr.data()[row];
            const int32_t* end = indices.data() + indptr.data()[row + 1];
            for (int64_t c = 0; c < high; ++c) {
                const int32_t* at = std::lower_bound(begin, end, columns.data()[c]);
                if (at != end && *at == columns.data()[c]) out[c * wide + r] = data.data()[at - indices.data()];
            }
        }
    }
    return owned(out.release(), {static_cast<size_t>(high), static_cast<size_t>(wide)});
}

}  // namespace

void bind_explaining(nb::module_& m) {
    m.def("shares", &shares, "rotated"_a, "diagonal"_a, "items"_a.noconvert(), "weights"_a.noconvert(), "wanted"_a,
          "explaining"_a);
    nb::class_<Explainer>(m, "Explainer")
        .def(nb::init<Table<float>, Vector<double>, Vector<int32_t>, Vector<float>, int64_t>(), "rotated"_a, "diagonal"_a,
             "items"_a.noconvert(), "weights"_a.noconvert(), "explaining"_a)
        .def_prop_ro("memory_bytes", &Explainer::memory_bytes)
        .def("strongest", &Explainer::strongest_of_targets, "targets"_a.noconvert(), "most"_a, "least"_a);
    m.def("strongest", &strongest, "contributions"_a, "most"_a, "least"_a);
    m.def("entries", &entries, "indptr"_a, "indices"_a, "data"_a, "rows"_a.noconvert(), "columns"_a.noconvert());
}

}  // namespace tacit
