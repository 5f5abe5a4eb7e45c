// A version's items as answers write them: found by the ids that a question names, joined instead of serialised.
//
// All of an item lies in one place, its id, its title and its categories, as JSON; who looks for a hundred of them calls
// for every place before it looks at the first, for they lie far apart.
#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include "bindings.h"
#include "plain_json.h"
#include "quoting.h"

namespace tacit {
namespace {

constexpr std::string_view BEFORE_ID = "{\"item_id\":\"", BEFORE_TITLE = "\",\"title\":", SHARE = ",\"share\":";
constexpr std::string_view BEFORE_CATEGORIES = ",\"categories\":[", BEFORE_SCORE = "],\"score\":";
constexpr double LARGEST = 1e9;  // with six decimals, a double holds every number below it exactly
constexpr int64_t DEFAULT_EXPLAIN = 10, DEFAULT_SHOWN = 100;

uint64_t hash_of(std::string_view text) {
    uint64_t hash = 0x9E3779B97F4A7C15u ^ text.size();
    while (!text.empty()) {
        uint64_t part = 0;
        const size_t some = std::min<size_t>(text.size(), sizeof part);
        std::memcpy(&part, text.data(), some);
        hash = (hash ^ part) * 0xFF51AFD7ED558CCDu;
        hash ^= hash >> 32;
        text.remove_prefix(some);
    }
    return hash;
}

bool is_plain_id(std::string_view text) {
    if (text.size() > MOST_ID_BYTES || text.find_first_not_of(' ') == std::string_view::npos) return false;
    for (const char c : text)
        if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\') return false;
    return true;
}

std::string_view utf8(PyObject* text) {
    Py_ssize_t size = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (bytes == nullptr) throw nb::python_error();
    return {bytes, static_cast<size_t>(size)};
}

// A number of so many decimals at most, as the encoder of answers writes a double; false for one that is too large.
bool append_number(std::string& out, double number, int decimals) {
    double unit = 1.0;
    for (int i = 0; i < decimals; ++i) unit *= 10.0;
    const double scaled = std::nearbyint(number * unit);
    if (!(std::fabs(scaled) < LARGEST * unit)) return false;
    if (std::signbit(scaled)) out.push_back('-');
    const auto digits = static_cast<uint64_t>(std::fabs(scaled)), one = static_cast<uint64_t>(unit);
    if (digits != 0 && decimals == 6 && digits < 10) {  // below 1e-5
        out.push_back(static_cast<char>('0' + digits));
        out += "e-6";
        return true;
    }
    out += std::to_string(digits / one);
    out.push_back('.');
    uint64_t rest = digits % one;
    char fraction[8];
    for (int i = decimals; i-- > 0; rest /= 10) fraction[i] = static_cast<char>('0' + rest % 10);
    int kept = decimals;
    while (kept > 1 && fraction[kept - 1] == '0') --kept;
    out.append(fraction, static_cast<size_t>(kept));
    return true;
}

// What a question asks: candidates, each once, as they lie in its body, and what goes with them.
struct Question {
    std::vector<std::string_view> ids;
    std::vector<uint64_t> hashes;
    bool filter_seen = false;
    int64_t explain = DEFAULT_EXPLAIN, shown = DEFAULT_SHOWN;

    // Whether a body is one such question, and a plain one.
    bool read(std::string_view body, int64_t most, int64_t most_explained) {
        Reader in(body.data(), body.data() + body.size());
        if (!in.take('{')) return false;
        unsigned seen = 0;
        std::string_view name;
        do {
            if (!in.text(name) || !in.take(':')) return false;
            unsigned field = 0;
            bool holds = false;
            if (name == "candidates")
                field = 1, holds = candidates(in, most);
            else if (name == "filter_seen")
                field = 2, holds = flag(in, filter_seen);
            else if (name == "explain")
                field = 4, holds = in.whole(explain) && explain <= most_explained;
            else if (name == "shown")
                field = 8, holds = in.whole(shown) && shown >= 1 && shown <= most;
            if (!holds || seen & field) return false;
            seen |= field;
        } while (in.take(','));
        return in.take('}') && in.is_over() && seen & 1;
    }

   private:
    static bool flag(Reader& in, bool& found) {
        found = in.next() == 't';
        return in.take_word(found ? "true" : "false");
    }

    bool candidates(Reader& in, int64_t most) {
        if (!in.take('[')) return false;
        std::string_view id;
        int64_t given = 0;
        do {
            if (!in.id(id) || ++given > most) return false;
            ids.push_back(id);
            hashes.push_back(hash_of(id));
        } while (in.take(','));
        leave_out_repeated();
        return in.take(']');
    }

    void leave_out_repeated() {
        std::vector<uint32_t> places(std::bit_ceil(2 * ids.size()));
        size_t kept = 0;
        for (size_t i = 0; i < ids.size(); ++i) {
            size_t at = hashes[i] & (places.size() - 1);
            while (places[at] && ids[places[at] - 1] != ids[i]) at = (at + 1) & (places.size() - 1);
            if (places[at]) continue;
            ids[kept] = ids[i];
            hashes[kept] = hashes[i];
            places[at] = static_cast<uint32_t>(++kept);
        }
        ids.resize(kept);
        hashes.resize(kept);
    }
};

// Texts of some items that are told instead of a version's: position -> what it begins with, and its categories.
class Instead {
   public:
    explicit Instead(std::optional<nb::dict> texts) : texts_(std::move(texts)) {}

    std::optional<std::pair<std::string_view, std::string_view>> of(int32_t position) const {
        if (!texts_) return {};
        const nb::int_ key(position);
        PyObject* found = PyDict_GetItemWithError(texts_->ptr(), key.ptr());
        if (found == nullptr) return {};
        const auto pair = nb::cast<std::pair<nb::bytes, nb::bytes>>(nb::handle(found));
        return {{{pair.first.c_str(), pair.first.size()}, {pair.second.c_str(), pair.second.size()}}};
    }

   private:
    std::optional<nb::dict> texts_;
};

class ItemTexts {
   public:
    ItemTexts(const nb::list& ids, const nb::list& titles, const nb::list& categories) {
        const size_t count = nb::len(ids);
        if (nb::len(titles) != count || nb::len(categories) != count || count >= UINT32_MAX / 4)
            throw std::invalid_argument("one title and one tuple of categories for each id");
        entries_.reserve(count);
        slots_.assign(std::bit_ceil(std::max<size_t>(2 * count, 16)), 0);
        for (size_t i = 0; i < count; ++i) {
            const auto nth = static_cast<Py_ssize_t>(i);
            add(PyList_GET_ITEM(ids.ptr(), nth), PyList_GET_ITEM(titles.ptr(), nth),
                PyList_GET_ITEM(categories.ptr(), nth));
        }
        texts_.shrink_to_fit();
    }

    size_t size() const { return entries_.size(); }
    size_t memory_bytes() const {
        return texts_.capacity() + entries_.capacity() * sizeof(Entry) + slots_.size() * sizeof(uint64_t);
    }

    // Positions of the candidates of a plain question, -1 for those that are none of these items; their ids; whether what
    // was seen is left out, how many are told why and how many shown.  Nothing for any other body.
    nb::object question(const nb::bytes& body, int64_t most, int64_t most_explained) const {
        Question asked;
        if (!asked.read({body.c_str(), body.size()}, most, most_explained)) return nb::none();
        const size_t count = asked.ids.size();
        std::unique_ptr<int32_t[]> found(new int32_t[count]);
        find(asked, found.get());
        nb::object ids = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(count)));
        for (size_t i = 0; i < count; ++i)
            PyTuple_SET_ITEM(ids.ptr(), static_cast<Py_ssize_t>(i), ascii_text(asked.ids[i]).release().ptr());
        return nb::make_tuple(owned(found.release(), {count}), ids, asked.filter_seen, asked.explain, asked.shown);
    }

    // Positions, scores and ids by score, the best first, equal ones in the order given; nothing if a score is no number.
    static nb::object ranked(Vector<int32_t> positions, Vector<float> scores, const nb::tuple& ids) {
        const size_t count = positions.shape(0);
        if (scores.shape(0) != count || nb::len(ids) != count)
            throw std::invalid_argument("one score and one id for each position");
        const float* score = scores.data();
        std::vector<uint32_t> places(count);
        for (size_t i = 0; i < count; ++i) {
            if (std::isnan(score[i])) return nb::none();
            places[i] = static_cast<uint32_t>(i);
        }
        std::stable_sort(places.begin(), places.end(), [score](uint32_t a, uint32_t b) { return score[a] > score[b]; });
        std::unique_ptr<int32_t[]> own(new int32_t[count]);
        std::unique_ptr<float[]> by(new float[count]);
        nb::object named = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(count)));
        for (size_t i = 0; i < count; ++i) {
            own[i] = positions.data()[places[i]];
            by[i] = score[places[i]];
            PyObject* id = PyTuple_GET_ITEM(ids.ptr(), static_cast<Py_ssize_t>(places[i]));
            PyTuple_SET_ITEM(named.ptr(), static_cast<Py_ssize_t>(i), Py_NewRef(id));
        }
        return nb::make_tuple(owned(own.release(), {count}), owned(by.release(), {count}), named);
    }

    // The items of an answer, with a comma between them; nothing where a number is too large to be written here.
    nb::object written(Vector<int32_t> positions, Vector<float> scores, Table<int32_t> reasons, Table<float> shares,
                       std::optional<nb::dict> said) const {
        const size_t count = positions.shape(0), told = reasons.shape(0), most = reasons.shape(1);
        if (scores.shape(0) != count || told > count || shares.shape(0) != told || shares.shape(1) != most)
            throw std::invalid_argument("one score for each item, one share for each reason");
        const Instead instead(std::move(said));
        call_for(reasons.data(), told * most);
        call_for(positions.data(), count);
        std::string out;
        out.reserve(160 * count + 96 * told * most + 64);
        for (size_t i = 0; i < count; ++i) {
            if (i) out.push_back(',');
            append_item(out, positions.data()[i], instead);
            const float score = scores.data()[i];
            if (std::isnan(score))
                out += "null";
            else if (!append_number(out, static_cast<double>(score), 6))
                return nb::none();
            out += ",\"because\":[";
            const size_t row = i * most;
            if (i < told && !append_reasons(out, reasons.data() + row, shares.data() + row, most, instead))
                return nb::none();
            out += "]}";
        }
        return nb::bytes(out.data(), out.size());
    }

   private:
    struct Entry {
        uint64_t at;              // where its text begins
        uint32_t named, whole;    // how long that is with its title, and with all of it
        uint32_t id;              // how long its id is; 0 for one that no plain question can name
    };

    void add(PyObject* id, PyObject* title, PyObject* categories) {
        const std::string_view own = utf8(id), called = utf8(title);
        const uint64_t at = texts_.size();
        texts_ += BEFORE_ID.substr(0, BEFORE_ID.size() - 1);
        append_quoted(texts_, own.data(), own.size());
        texts_ += BEFORE_TITLE.substr(1);
        append_quoted(texts_, called.data(), called.size());
        const auto named = static_cast<uint32_t>(texts_.size() - at);
        texts_ += BEFORE_CATEGORIES;
        if (!PyTuple_Check(categories)) throw std::invalid_argument("categories are tuples");
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(categories); ++i) {
            const std::string_view name = utf8(PyTuple_GET_ITEM(categories, i));
            if (i) texts_.push_back(',');
            append_quoted(texts_, name.data(), name.size());
        }
        texts_ += BEFORE_SCORE;
        const bool is_plain = is_plain_id(own);
        entries_.push_back({at, named, static_cast<uint32_t>(texts_.size() - at),
                            is_plain ? static_cast<uint32_t>(own.size()) : 0});
        if (is_plain) keep(hash_of(own), static_cast<uint32_t>(entries_.size()));
    }

    std::string_view id(const Entry& entry) const { return {texts_.data() + entry.at + BEFORE_ID.size(), entry.id}; }
    size_t first_slot(uint64_t hash) const { return hash & (slots_.size() - 1); }

    // Of items with one id the last is kept, as in the version's own table.
    void keep(uint64_t hash, uint32_t number) {
        const uint64_t tag = hash >> 32 << 32;
        for (size_t at = first_slot(hash);; at = (at + 1) & (slots_.size() - 1)) {
            const uint64_t slot = slots_[at];
            const bool is_same = slot >> 32 << 32 == tag && slot != 0 &&
                                 id(entries_[static_cast<uint32_t>(slot) - 1]) == id(entries_[number - 1]);
            if (slot != 0 && !is_same) continue;
            slots_[at] = tag | number;
            return;
        }
    }

    void find(const Question& asked, int32_t* found) const {
        const size_t count = asked.ids.size();
        for (size_t i = 0; i < count; ++i) __builtin_prefetch(slots_.data() + first_slot(asked.hashes[i]));
        for (size_t i = 0; i < count; ++i) {
            const auto number = static_cast<uint32_t>(slots_[first_slot(asked.hashes[i])]);
            if (number) __builtin_prefetch(entries_.data() + number - 1);
        }
        for (size_t i = 0; i < count; ++i) {
            const auto number = static_cast<uint32_t>(slots_[first_slot(asked.hashes[i])]);
            if (number) __builtin_prefetch(texts_.data() + entries_[number - 1].at);
        }
        for (size_t i = 0; i < count; ++i) found[i] = position(asked.ids[i], asked.hashes[i]);
    }

    int32_t position(std::string_view wanted, uint64_t hash) const {
        for (size_t at = first_slot(hash); slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
            const auto number = static_cast<uint32_t>(slots_[at]);
            if (slots_[at] >> 32 == hash >> 32 && id(entries_[number - 1]) == wanted)
                return static_cast<int32_t>(number - 1);
        }
        return -1;
    }

    const Entry& entry(int32_t position) const {
        if (position < 0 || static_cast<size_t>(position) >= entries_.size())
            throw std::invalid_argument("a position is no item's");
        return entries_[static_cast<size_t>(position)];
    }

    void call_for(const int32_t* positions, size_t count) const {
        for (size_t i = 0; i < count; ++i)
            if (positions[i] >= 0) __builtin_prefetch(&entry(positions[i]));
        for (size_t i = 0; i < count; ++i) {
            if (positions[i] < 0) continue;
            const Entry& own = entry(positions[i]);
            for (uint32_t line = 0; line < own.whole; line += 64) __builtin_prefetch(texts_.data() + own.at + line);
        }
    }

    void append_item(std::string& out, int32_t position, const Instead& instead) const {
        const Entry& own = entry(position);
        if (const auto said = instead.of(position)) {
            out += said->first;
            out += said->second;
        } else {
            out.append(texts_, own.at, own.whole);
        }
    }

    bool append_reasons(std::string& out, const int32_t* items, const float* shares, size_t most,
                        const Instead& instead) const {
        bool is_first = true;
        for (size_t i = 0; i < most; ++i) {
            if (items[i] < 0) continue;
            const Entry& own = entry(items[i]);
            if (!is_first) out.push_back(',');
            is_first = false;
            if (const auto said = instead.of(items[i]))
                out += said->first;
            else
                out.append(texts_, own.at, own.named);
            out += SHARE;
            if (!append_number(out, static_cast<double>(shares[i]), 4)) return false;
            out.push_back('}');
        }
        return true;
    }

    std::string texts_;
    std::vector<Entry> entries_;
    std::vector<uint64_t> slots_;  // the upper half of an id's hash, and one more than its position
};

}  // namespace

void bind_item_texts(nb::module_& m) {
    nb::class_<ItemTexts>(m, "ItemTexts")
        .def(nb::init<const nb::list&, const nb::list&, const nb::list&>(), "ids"_a, "titles"_a, "categories"_a)
        .def("__len__", &ItemTexts::size)
        .def_prop_ro("memory_bytes", &ItemTexts::memory_bytes)
        .def("question", &ItemTexts::question, "body"_a, "most"_a, "most_explained"_a)
        .def_static("ranked", &ItemTexts::ranked, "positions"_a.noconvert(), "scores"_a.noconvert(), "ids"_a)
        .def("written", &ItemTexts::written, "positions"_a.noconvert(), "scores"_a.noconvert(), "reasons"_a.noconvert(),
             "shares"_a.noconvert(), "said"_a.none());
}

}  // namespace tacit
