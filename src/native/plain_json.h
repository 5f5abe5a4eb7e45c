// JSON of the plainest kind: printable ASCII without escapes, numbers of a few digits.  Whatever else there is, is left to
// the reading in Python, which knows every rule.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tacit {

constexpr size_t MOST_ID_BYTES = 256;
constexpr int MOST_WHOLE_DIGITS = 15;  // fewer than what a double holds exactly

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads JSON from its front.  What returns false has met something that is not plain; then nothing else is asked.
class Reader {
   public:
    Reader(const char* from, const char* to) : at_(from), end_(to) {}

    bool is_over() {
        skip_space();
        return at_ == end_;
    }
    bool take(char wanted) {
        skip_space();
        if (at_ == end_ || *at_ != wanted) return false;
        ++at_;
        return true;
    }
    bool take_word(std::string_view word) {
        if (static_cast<size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }
    char next() {
        skip_space();
        return at_ == end_ ? '\0' : *at_;
    }

    // A string of printable ASCII without any escape.
    bool text(std::string_view& found) {
        if (!take('"')) return false;
        const char* const from = at_;
        while (at_ != end_ && *at_ >= 0x20 && *at_ < 0x7F && *at_ != '"' && *at_ != '\\') ++at_;
        if (at_ == end_ || *at_ != '"') return false;
        found = {from, static_cast<size_t>(at_++ - from)};
        return true;
    }

    bool id(std::string_view& found) {
        return text(found) && found.size() <= MOST_ID_BYTES && found.find_first_not_of(' ') != std::string_view::npos;
    }

    // A number of a few digits, without an exponent.
    bool number(double& found) {
        skip_space();
        const char* const from = at_;
        if (at_ != end_ && *at_ == '-') ++at_;
        const char* const whole = at_;
        if (!digits()) return false;
        if (at_ - whole > MOST_WHOLE_DIGITS || (*whole == '0' && at_ - whole > 1)) return false;
        if (at_ != end_ && *at_ == '.') {
            ++at_;
            if (!digits()) return false;
        }
        return std::from_chars(from, at_, found).ptr == at_;
    }

    bool whole(int64_t& found) {
        skip_space();
        const char* const from = at_;
        if (!digits() || at_ - from > 18 || (*from == '0' && at_ - from > 1)) return false;
        return std::from_chars(from, at_, found).ptr == at_;
    }

   private:
    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }
    bool digits() {
        const char* const from = at_;
        while (at_ != end_ && is_digit(*at_)) ++at_;
        return at_ != from;
    }

    const char* at_;
    const char* const end_;
};

}  // namespace tacit
