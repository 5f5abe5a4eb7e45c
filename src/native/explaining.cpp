// Explanations, as Python sees them: shapes and ranges are checked here.
#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>

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

nb::ndarray<nb::numpy, float> shares(Table<float> rotated, Vector<double> diagonal, Vector<int32_t> items,
                                     Vector<float> weights, Table<float> wanted, int64_t explaining) {
    const auto k = static_cast<int64_t>(rotated.shape(1)), targets = size(wanted);
    expect(size(diagonal) == k && static_cast<int64_t>(wanted.shape(1)) == k, "k numbers per row");
    expect(size(items) == size(weights) && explaining >= 0 && explaining <= size(items), "one weight per item");
    expect_within(items, size(rotated));
    for (int64_t j = 0; j < size(weights); ++j)
        expect(weights.data()[j] > 0.0f && weights.data()[j] < std::numeric_limits<float>::infinity(),
               "a weight is not a positive number");
    for (int64_t d = 0; d < k; ++d) expect(diagonal.data()[d] > 0.0, "the diagonal is not above 0");
    std::unique_ptr<float[]> out(new float[static_cast<size_t>(std::max<int64_t>(targets * explaining, 1))]);
    {
        const double n = static_cast<double>(size(items)), small = std::min(n, static_cast<double>(k));
        const double operations = n * static_cast<double>(k) * (small + static_cast<double>(targets));
        const UnlockedIfLong unlocked(operations / 4e3);
        const Explained asked{rotated.data(), k, diagonal.data(), items.data(), weights.data(), size(items),
                              explaining, wanted.data(), targets};
        TACIT_DISPATCH(explain_scores, asked, out.get(), kept_buffer<double>(explaining_scratch(k, size(items))));
    }
    return owned(out.release(), {static_cast<size_t>(targets), static_cast<size_t>(explaining)});
}

// Of each row the most columns of the largest parts of all that is positive there, the largest first and of equals the
// first: their places and their parts, -1 and 0 where there are fewer that reach the least.  O(rows columns most).
nb::tuple strongest(Table<float> contributions, int64_t most, float least) {
    expect(most >= 1, "at least one of each row");
    const int64_t high = size(contributions), wide = static_cast<int64_t>(contributions.shape(1));
    std::unique_ptr<int32_t[]> places(new int32_t[static_cast<size_t>(std::max<int64_t>(high * most, 1))]);
    std::unique_ptr<float[]> parts(new float[static_cast<size_t>(std::max<int64_t>(high * most, 1))]);
    for (int64_t r = 0; r < high; ++r) {
        const float* row = contributions.data() + r * wide;
        int32_t* place = places.get() + r * most;
        float* part = parts.get() + r * most;
        double total = 0.0;
        for (int64_t c = 0; c < wide; ++c) total += row[c] > 0.0f ? static_cast<double>(row[c]) : 0.0;
        const double whole = std::max(total, static_cast<double>(std::numeric_limits<float>::min()));
        int64_t found = 0;
        for (int64_t c = 0; c < wide; ++c) {
            const float share = row[c] > 0.0f ? static_cast<float>(static_cast<double>(row[c]) / whole) : 0.0f;
            if (!(share >= least) || (found == most && share <= part[most - 1])) continue;
            int64_t at = found < most ? found++ : most - 1;
            for (; at > 0 && part[at - 1] < share; --at) {
                part[at] = part[at - 1];
                place[at] = place[at - 1];
            }
            part[at] = share;
            place[at] = static_cast<int32_t>(c);
        }
        for (; found < most; ++found) {
            place[found] = -1;
            part[found] = 0.0f;
        }
    }
    const size_t h = static_cast<size_t>(high), m = static_cast<size_t>(most);
    return nb::make_tuple(owned(places.release(), {h, m}), owned(parts.release(), {h, m}));
}

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
    m.def("strongest", &strongest, "contributions"_a, "most"_a, "least"_a);
    m.def("entries", &entries, "indptr"_a, "indices"_a, "data"_a, "rows"_a.noconvert(), "columns"_a.noconvert());
}

}  // namespace tacit
