// Texts in quotes, as the log and the encoder of answers write them.
#pragma once

#include <cstddef>
#include <string>

namespace tacit {

inline constexpr char DIGITS[] = "0123456789abcdef";

// A text as JSON has it, with nothing escaped that need not be.
inline void append_quoted(std::string& out, const char* text, size_t size) {
    out.push_back('"');
    size_t kept = 0;
    for (size_t at = 0; at < size; ++at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text + kept, at - kept);
        kept = at + 1;
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            case '\f': out += "\\f"; break;
            case '\b': out += "\\b"; break;
            default: out += "\\u00", out.push_back(DIGITS[c >> 4]), out.push_back(DIGITS[c & 15]);
        }
    }
    out.append(text + kept, size - kept);
    out.push_back('"');
}

}  // namespace tacit
