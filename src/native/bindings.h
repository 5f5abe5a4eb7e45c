// What the binding files share: array types, and the parts that module.cpp puts together.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace nb = nanobind;
using namespace nb::literals;

namespace tacit {

template <typename T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Table = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <typename T>
using MutableVector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using MutableTable = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// A NumPy array that owns `values`, allocated with new[].
template <typename T>
nb::ndarray<nb::numpy, T> owned(T* values, std::initializer_list<size_t> shape) {
    nb::capsule owner(values, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return nb::ndarray<nb::numpy, T>(values, shape, owner);
}

// A text of ASCII, for which nothing has to be looked for.
inline nb::object ascii_text(std::string_view text) {
    PyObject* made = PyUnicode_New(static_cast<Py_ssize_t>(text.size()), 127);
    if (made == nullptr) throw nb::python_error();
    std::memcpy(PyUnicode_1BYTE_DATA(made), text.data(), text.size());
    return nb::steal(made);
}

// Lets other threads run while a kernel works, if that takes longer than they take turns at anyway (a millisecond in the
// server): whoever gives up the interpreter for less waits for a whole turn of another thread to get it back.
class UnlockedIfLong {
public:
    explicit UnlockedIfLong(double microseconds) {
        if (microseconds > 500.0) released_.emplace();
    }

private:
    std::optional<nb::gil_scoped_release> released_;
};

void bind_training(nb::module_& m);
void bind_retrieval(nb::module_& m);
void bind_sums(nb::module_& m);
void bind_neighbours(nb::module_& m);
void bind_explaining(nb::module_& m);
void bind_event_lines(nb::module_& m);
void bind_plain_events(nb::module_& m);
void bind_item_texts(nb::module_& m);

}  // namespace tacit
