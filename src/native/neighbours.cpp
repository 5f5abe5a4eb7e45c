// Neighbours and sparse products, as Python sees them.
#include "neighbours_kernels.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "bindings.h"
#include "dispatch.h"

namespace tacit {
namespace {

// What a thread works in, and owns.  A product for one user would cost less than the pages of fresh scratch, so that
// scratch is kept for the next call.
struct Workspace {
    int64_t capacity;
    std::unique_ptr<float[]> sums;
    std::unique_ptr<uint64_t[]> marks;
    std::unique_ptr<int32_t[]> touched;
    std::unique_ptr<uint32_t[]> keys;

    explicit Workspace(int64_t n)
        : capacity(n), sums(new float[std::max<int64_t>(n, 1)]()), marks(new uint64_t[n / 64 + 1]()) {}

    NeighbourScratch scratch() { return {sums.get(), marks.get(), touched.get(), keys.get()}; }

    void for_neighbours() {
        if (touched) return;
        touched.reset(new int32_t[capacity + 1]);
        keys.reset(new uint32_t[2 * std::max<int64_t>(capacity, 1)]);
    }
};

class Workspaces {
public:
    Workspaces(int64_t n, int threads, bool for_neighbours) {
        for (int t = 0; t < threads; ++t) {
            lent_.push_back(take(n));
            if (for_neighbours) lent_.back()->for_neighbours();
            scratch_.push_back(lent_.back()->scratch());
        }
    }

    ~Workspaces() {
        const std::lock_guard<std::mutex> lock(guard());
        // Large ones, and those that found neighbours, are not worth holding on to.
        for (auto& each : lent_)
            if (!each->touched && each->capacity <= most_kept && idle().size() < 64) idle().push_back(std::move(each));
    }

    NeighbourScratch* data() { return scratch_.data(); }

private:
    static constexpr int64_t most_kept = 1 << 20;

    static std::mutex& guard() {
        static std::mutex it;
        return it;
    }
    // Never destroyed: threads may still be at work when the program ends.
    static std::vector<std::unique_ptr<Workspace>>& idle() {
        static auto* it = new std::vector<std::unique_ptr<Workspace>>();
        return *it;
    }
    static std::unique_ptr<Workspace> take(int64_t n) {
        const std::lock_guard<std::mutex> lock(guard());
        while (!idle().empty()) {
            auto last = std::move(idle().back());
            idle().pop_back();
            if (last->capacity >= n) return last;
        }
        return std::make_unique<Workspace>(n);
    }

    std::vector<std::unique_ptr<Workspace>> lent_;
    std::vector<NeighbourScratch> scratch_;
};

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

int64_t size(const auto& array) { return static_cast<int64_t>(array.shape(0)); }

// counts[r]: the work of row r, so that a caller can take rows in portions of like length.
nb::ndarray<nb::numpy, int64_t> product_work(Vector<int64_t> indptr, Vector<int32_t> indices, Vector<int64_t> right) {
    require(size(indptr) >= 1 && size(right) >= 1, "row pointers are missing");
    const int64_t rows = size(indptr) - 1;
    std::unique_ptr<int64_t[]> out(new int64_t[std::max<int64_t>(rows, 1)]);
    {
        nb::gil_scoped_release unlocked;
        for (int64_t row = 0; row < rows; ++row) {
            int64_t work = 0;
            for (int64_t at = indptr.data()[row]; at < indptr.data()[row + 1]; ++at)
                work += right.data()[indices.data()[at] + 1] - right.data()[indices.data()[at]];
            out[row] = work;
        }
    }
    return owned(out.release(), {static_cast<size_t>(rows)});
}

// Moves what the slots hold to the front of `items` and `scores`, in order; returns how much that is.
int64_t gather(const int64_t* slots, const int64_t* counts, int64_t rows, const int32_t* from_items,
               const float* from_scores, int32_t* items, float* scores) {
    int64_t filled = 0;
    for (int64_t row = 0; row < rows; ++row) {
        std::memcpy(items + filled, from_items + slots[row], counts[row] * sizeof(int32_t));
        std::memcpy(scores + filled, from_scores + slots[row], counts[row] * sizeof(float));
        filled += counts[row];
    }
    return filled;
}

int64_t neighbours(Vector<int64_t> user_indptr, Vector<int32_t> user_items, Vector<int64_t> item_indptr,
                   Vector<int32_t> item_users, Vector<float> user_weights, Vector<float> source_scales,
                   Vector<float> target_scales, int64_t width, int64_t first, int64_t last, int threads,
                   MutableVector<int64_t> counts, MutableVector<int32_t> items, MutableVector<float> scores,
                   int64_t filled) {
    const int64_t n = size(item_indptr) - 1, rows = last - first;
    require(n >= 0 && first >= 0 && first <= last && last <= n && threads >= 1 && width >= 1, "rows are out of range");
    require(size(user_indptr) - 1 == size(user_weights) && size(source_scales) == n && size(target_scales) == n,
            "weights do not fit the matrix");
    require(size(counts) == n && size(items) == size(scores) && filled >= 0 && filled + rows * width <= size(items),
            "the result has no room");
    const Cooccurrence met{user_indptr.data(),  user_items.data(),    item_indptr.data(),   item_users.data(),
                           user_weights.data(), source_scales.data(), target_scales.data(), n, width};
    nb::gil_scoped_release unlocked;
    Workspaces work(n, threads, true);
    std::vector<int64_t> slots(rows);
    for (int64_t row = 0; row < rows; ++row) slots[row] = row * width;
    // Rows are found where they would stand if all were full, and moved together: `memmove` order is kept by `gather`.
    std::unique_ptr<int32_t[]> found_items(new int32_t[rows * width + 1]);
    std::unique_ptr<float[]> found_scores(new float[rows * width + 1]);
    TACIT_DISPATCH(neighbour_rows, met, first, last, threads, work.data(), found_items.get(), found_scores.get(),
                   counts.data() + first);
    return filled + gather(slots.data(), counts.data() + first, rows, found_items.get(), found_scores.get(),
                           items.data() + filled, scores.data() + filled);
}

nb::tuple product(Vector<int64_t> left_indptr, Vector<int32_t> left_indices, Vector<float> left_data,
                  Vector<int64_t> right_indptr, Vector<int32_t> right_indices, Vector<float> right_data,
                  int64_t columns, int64_t first, int64_t last, int threads) {
    const int64_t rows = last - first;
    require(columns >= 0 && first >= 0 && first <= last && last < size(left_indptr) && threads >= 1,
            "rows are out of range");
    require(size(left_indices) == size(left_data) && size(right_indices) == size(right_data), "data do not fit");
    const SparseRows left{left_indptr.data(), left_indices.data(), left_data.data()};
    const SparseRows right{right_indptr.data(), right_indices.data(), right_data.data()};
    std::unique_ptr<int64_t[]> counts(new int64_t[rows + 1]);
    std::unique_ptr<int32_t[]> found_items;
    std::unique_ptr<float[]> found_scores;
    int64_t total = 0;
    {
        nb::gil_scoped_release unlocked;
        std::vector<int64_t> slots(rows + 1, 0);
        for (int64_t row = 0; row < rows; ++row) {
            int64_t most = 0;
            for (int64_t at = left.indptr[first + row]; at < left.indptr[first + row + 1]; ++at)
                most += right.indptr[left.indices[at] + 1] - right.indptr[left.indices[at]];
            slots[row + 1] = slots[row] + std::min(most, columns);
        }
        std::unique_ptr<int32_t[]> wide_items(new int32_t[slots[rows] + 1]);
        std::unique_ptr<float[]> wide_scores(new float[slots[rows] + 1]);
        Workspaces work(columns, static_cast<int>(std::min<int64_t>(threads, std::max<int64_t>(rows, 1))), false);
        TACIT_DISPATCH(product_rows, left, right, columns, first, last,
                       static_cast<int>(std::min<int64_t>(threads, std::max<int64_t>(rows, 1))), work.data(),
                       slots.data(), wide_items.get(), wide_scores.get(), counts.get());
        for (int64_t row = 0; row < rows; ++row) total += counts[row];
        found_items.reset(new int32_t[total + 1]);
        found_scores.reset(new float[total + 1]);
        gather(slots.data(), counts.get(), rows, wide_items.get(), wide_scores.get(), found_items.get(),
               found_scores.get());
    }
    return nb::make_tuple(owned(counts.release(), {static_cast<size_t>(rows)}),
                          owned(found_items.release(), {static_cast<size_t>(total)}),
                          owned(found_scores.release(), {static_cast<size_t>(total)}));
}

}  // namespace

void bind_neighbours(nb::module_& m) {
    m.def("product_work", &product_work, "indptr"_a, "indices"_a, "right_indptr"_a);
    m.def("neighbours", &neighbours, "user_indptr"_a, "user_items"_a, "item_indptr"_a, "item_users"_a,
          "user_weights"_a, "source_scales"_a, "target_scales"_a, "width"_a, "first"_a, "last"_a, "threads"_a,
          "counts"_a, "items"_a, "scores"_a, "filled"_a);
    m.def("product", &product, "left_indptr"_a, "left_indices"_a, "left_data"_a, "right_indptr"_a, "right_indices"_a,
          "right_data"_a, "columns"_a, "first"_a, "last"_a, "threads"_a);
}

}  // namespace tacit
