// Events as the lines of the log: the same bytes, checksums and keys as `event_log_lines` makes of them, many at once.
#include <stdexcept>

#include "bindings.h"
#include "digests.h"
#include "quoting.h"

namespace tacit {
namespace {

constexpr uint32_t PER_PLACE = 2654435761u;
constexpr size_t GUARD_DIGITS = 8;
constexpr char HEX[] = "0123456789abcdef";

// A column of as many values as there are events.
class Column {
   public:
    Column(nb::list values, size_t size) : values_(std::move(values)) {
        if (nb::len(values_) != size) throw std::invalid_argument("one value per event in each column");
    }
    PyObject* operator[](size_t nth) const { return PyList_GET_ITEM(values_.ptr(), static_cast<Py_ssize_t>(nth)); }

    // A text's bytes in UTF-8; a lone surrogate has none.
    std::pair<const char*, size_t> text(size_t nth) const {
        Py_ssize_t size = 0;
        const char* text = PyUnicode_AsUTF8AndSize((*this)[nth], &size);
        if (text == nullptr) throw nb::python_error();
        return {text, static_cast<size_t>(size)};
    }
    void append_to(std::string& out, size_t nth) const {
        const auto [bytes, size] = text(nth);
        append_quoted(out, bytes, size);
    }

   private:
    nb::list values_;
};

void append_number(std::string& out, PyObject* value) {
    if (value == Py_None) {
        out += "null";
        return;
    }
    const double number = PyFloat_AsDouble(value) + 0.0;  // one form of each number: -0.0 is 0.0
    if (PyErr_Occurred()) throw nb::python_error();
    if (number != number) throw std::invalid_argument("not a number");
    if (number - number != 0) {
        out += number > 0 ? "Infinity" : "-Infinity";
        return;
    }
    char* text = PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr);
    if (text == nullptr) throw nb::python_error();
    out += text;
    PyMem_Free(text);
}

void append_whole(std::string& out, PyObject* value) {
    const long long number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred()) throw nb::python_error();
    out += std::to_string(number);
}

// What the log keeps of some events.
class EventLines {
   public:
    EventLines(nb::list ids, nb::list users, nb::list items, nb::list types, nb::list values, nb::list times,
               nb::list links, nb::list properties, nb::list timed) {
        const size_t size = nb::len(ids);
        const Column id(ids, size), user(users, size), item(items, size), type(types, size), value(values, size),
            at(times, size), link(links, size), more(properties, size), is_timed(timed, size);
        text_.reserve(size * 160);
        for (size_t nth = 0; nth < size; ++nth) {
            const auto [bytes, length] = id.text(nth);
            keys_.push_back(Blake2::of(bytes, length));
            append_quoted(text_, bytes, length);
            for (const Column* each : {&user, &item, &type}) text_.push_back(','), each->append_to(text_, nth);
            text_.push_back(',');
            append_number(text_, value[nth]);
            text_.push_back(',');
            append_whole(text_, at[nth]);
            text_.push_back(',');
            link[nth] == Py_None ? static_cast<void>(text_ += "null") : link.append_to(text_, nth);
            text_.push_back(',');
            more.append_to(text_, nth);
            const int truth = PyObject_IsTrue(is_timed[nth]);
            if (truth < 0) throw nb::python_error();
            text_ += truth ? ",1]" : ",0]";
            end_line();
        }
    }

    size_t size() const { return crcs_.size(); }
    size_t bytes() const { return text_.size(); }

    nb::list keys() const {
        nb::list found;
        for (const int64_t key : keys_) found.append(key);
        return found;
    }

    nb::tuple line(size_t nth) const {
        if (nth >= size()) throw nb::index_error("no such line");
        return nb::make_tuple(nb::bytes(text_.data() + begin(nth), ends_[nth] - begin(nth)), crcs_[nth]);
    }

    // The pieces in which they lie from a place on: the last place, the events and the content of each.
    nb::list pieces(int64_t first, uint32_t seed, size_t most_bytes) const {
        nb::list found;
        std::string held;
        int64_t count = 0, place = first;
        const auto end_piece = [&] {
            found.append(nb::make_tuple(place - 1, count, nb::bytes(held.data(), held.size())));
            held.clear();
            count = 0;
        };
        for (size_t nth = 0; nth < size(); ++nth, ++place) {
            const size_t length = ends_[nth] - begin(nth);
            // As the other writer counts: a newline for the last line, too.
            if (count && held.size() + 1 + length > most_bytes) end_piece();
            if (count++) held.push_back('\n');
            const uint32_t guard = crcs_[nth] + seed + static_cast<uint32_t>(place) * PER_PLACE;
            for (size_t digit = 0; digit < GUARD_DIGITS; ++digit) held.push_back(HEX[guard >> (28 - 4 * digit) & 15]);
            held.append(text_, begin(nth), length);
        }
        if (count) end_piece();
        return found;
    }

   private:
    size_t begin(size_t nth) const { return nth ? ends_[nth - 1] : 0; }

    void end_line() {
        const size_t from = ends_.empty() ? 0 : ends_.back();
        crcs_.push_back(crc32_of(text_.data() + from, text_.size() - from));
        ends_.push_back(text_.size());
    }

    std::string text_;
    std::vector<size_t> ends_;
    std::vector<uint32_t> crcs_;
    std::vector<int64_t> keys_;
};

// What each of some ids is found by.
nb::list event_keys(nb::list ids) {
    const Column id(ids, nb::len(ids));
    nb::list found;
    for (size_t nth = 0; nth < nb::len(ids); ++nth) {
        const auto [bytes, length] = id.text(nth);
        found.append(static_cast<int64_t>(Blake2::of(bytes, length)));
    }
    return found;
}

}  // namespace

void bind_event_lines(nb::module_& m) {
    m.def("event_keys", &event_keys, "ids"_a);
    nb::class_<EventLines>(m, "EventLines")
        .def(nb::init<nb::list, nb::list, nb::list, nb::list, nb::list, nb::list, nb::list, nb::list, nb::list>(),
             "ids"_a, "users"_a, "items"_a, "types"_a, "values"_a, "times"_a, "links"_a, "properties"_a, "timed"_a)
        .def("__len__", &EventLines::size)
        .def("bytes", &EventLines::bytes)
        .def("keys", &EventLines::keys)
        .def("line", &EventLines::line, "nth"_a)
        .def("pieces", &EventLines::pieces, "first"_a, "seed"_a, "most_bytes"_a);
}

}  // namespace tacit
