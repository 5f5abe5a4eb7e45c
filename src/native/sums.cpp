// Sparse times dense, as Python sees it.  Shapes are checked here, values by the engine.
#include <stdexcept>

#include "bindings.h"
#include "buffers.h"
#include "dispatch.h"
#include "sums_kernels.h"
#include "training_shapes.h"

namespace tacit {
namespace {

// Factor rows in half precision, to be added up.
class HalfRows {
   public:
    HalfRows(Table<float> factors, float scale, int threads)
        : rows_(static_cast<int64_t>(factors.shape(0))), k_(static_cast<int64_t>(factors.shape(1))), scale_(scale),
          half_(Spare::take(rows_ * padded(k_))) {
        nb::gil_scoped_release unlocked;
        TACIT_DISPATCH(halve_rows, factors.data(), rows_, k_, scale, half_->get(), threads);
    }
    ~HalfRows() { Spare::give(std::move(half_)); }

    // The rows [first, first + len(out)) of matrix · factors.
    void sums(Vector<int64_t> indptr, Vector<int32_t> indices, Vector<float> data, MutableTable<float> out, int64_t first,
              int threads) const {
        const auto rows = static_cast<int64_t>(indptr.shape(0)) - 1, entries = static_cast<int64_t>(indices.shape(0));
        const int64_t last = first + static_cast<int64_t>(out.shape(0));
        if (first < 0 || last > rows) throw std::invalid_argument("rows out of range");
        if (indptr.data()[rows] != entries || static_cast<int64_t>(data.shape(0)) != entries)
            throw std::invalid_argument("one weight per entry");
        if (static_cast<int64_t>(out.shape(1)) != k_) throw std::invalid_argument("k numbers per row");
        const Rows matrix{indptr.data(), indices.data(), data.data(), nullptr, entries};
        TACIT_DISPATCH(sum_rows, out.data(), half_->get(), k_, matrix, first, last, 1.0f / scale_, threads);
    }

   private:
    int64_t rows_, k_;
    float scale_;
    std::unique_ptr<Buffer<uint16_t>> half_;
};

}  // namespace

void bind_sums(nb::module_& m) {
    using Unlocked = nb::call_guard<nb::gil_scoped_release>;
    nb::class_<HalfRows>(m, "HalfRows")
        .def(nb::init<Table<float>, float, int>(), "factors"_a, "scale"_a, "threads"_a)
        .def("sums", &HalfRows::sums, "indptr"_a, "indices"_a, "data"_a, "out"_a, "first"_a, "threads"_a, Unlocked());
}

}  // namespace tacit
