// Bodies with nothing but plain events, read and judged at once.  Whatever is not certainly in order is not judged here:
// then the whole body is left to the judgement in Python, which knows every rule and every word about what broke it.
#include <nanobind/stl/tuple.h>

#include <cmath>
#include <optional>
#include <string_view>
#include <tuple>

#include "bindings.h"
#include "plain_json.h"

namespace tacit {
namespace {

constexpr int64_t DAY_MS = 86'400'000;

enum Field { EVENT_ID, USER_ID, ITEM_ID, TYPE, VALUE, OCCURRED_AT, RECOMMENDATION_ID, PROPERTIES, SCHEMA_VERSION, FIELDS };
constexpr std::string_view NAMES[FIELDS] = {
    "event_id", "user_id", "item_id", "type", "value", "occurred_at", "recommendation_id", "properties",
    "schema_version"};
constexpr unsigned NEEDED = 1u << EVENT_ID | 1u << USER_ID | 1u << ITEM_ID | 1u << TYPE;

enum class Amount { none, optional, required };

// What events of a type must keep to.
struct TypeRule {
    std::string name;
    Amount amount;
    double lowest, highest;
    bool is_whole;
};

// When an event may have happened, in milliseconds since 1970.
struct Times {
    int64_t now, oldest, latest;
    bool hold(int64_t at) const { return at >= oldest && at <= latest; }
};

struct PlainEvent {
    std::string_view id, user, item, link;
    const TypeRule* rule = nullptr;
    double value = 0.0;
    int64_t at = 0;
    bool has_value = false, has_time = false, has_link = false;
};

// Days from 1970-01-01 to a day of the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
int64_t days_to(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    const int64_t era = year / 400, of_era = year - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

int64_t days_in(int64_t year, int64_t month) {
    if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// A time as 2026-01-31T12:00:00Z, with or without up to nine digits of a fraction.
std::optional<int64_t> iso_ms(std::string_view text) {
    constexpr std::string_view form = "0000-00-00T00:00:00";
    if (text.size() < form.size() + 1 || text.size() > form.size() + 11 || text.back() != 'Z') return {};
    int64_t part[6] = {}, nth = 0;
    for (size_t at = 0; at < form.size(); ++at) {
        if (form[at] != '0') {
            if (text[at] != form[at]) return {};
            ++nth;
        } else {
            if (!is_digit(text[at])) return {};
            part[nth] = part[nth] * 10 + (text[at] - '0');
        }
    }
    const std::string_view fraction = text.substr(form.size(), text.size() - form.size() - 1);
    int64_t ms = 0;
    if (!fraction.empty()) {
        if (fraction[0] != '.' || fraction.size() < 2) return {};
        for (size_t at = 1; at < fraction.size(); ++at)
            if (!is_digit(fraction[at])) return {};
        for (size_t at = 1; at < 4; ++at) ms = ms * 10 + (at < fraction.size() ? fraction[at] - '0' : 0);
    }
    const auto [year, month, day, hour, minute, second] = part;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return {};
    if (hour > 23 || minute > 59 || second > 59) return {};
    return days_to(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1'000 + ms;
}

class Judge {
   public:
    Judge(const std::vector<TypeRule>& rules, Times times, size_t most) : rules_(rules), times_(times), most_(most) {}

    std::vector<PlainEvent> events;

    bool body(std::string_view text) {
        Reader in(text.data(), text.data() + text.size());
        if (in.next() == '[') return list(in) && in.is_over();
        std::string_view name;
        return in.take('{') && in.text(name) && name == "events" && in.take(':') && list(in) && in.take('}') &&
               in.is_over();
    }

    bool lines(std::string_view text) {
        while (!text.empty()) {
            const size_t end = std::min(text.find('\n'), text.size());
            Reader in(text.data(), text.data() + end);
            if (!in.is_over() && !(event(in) && in.is_over())) return false;
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return !events.empty();
    }

   private:
    bool list(Reader& in) {
        if (!in.take('[')) return false;
        do {
            if (!event(in)) return false;
        } while (in.take(','));
        return in.take(']');
    }

    bool event(Reader& in) {
        if (events.size() == most_ || !in.take('{')) return false;
        PlainEvent& found = events.emplace_back();
        unsigned seen = 0;
        std::string_view name;
        do {
            if (!in.text(name) || !in.take(':')) return false;
            int field = 0;
            while (field < FIELDS && NAMES[field] != name) ++field;
            if (field == FIELDS || seen & 1u << field || !value(in, static_cast<Field>(field), found)) return false;
            seen |= 1u << field;
        } while (in.take(','));
        return in.take('}') && (seen & NEEDED) == NEEDED && in_order(found);
    }

    bool value(Reader& in, Field field, PlainEvent& found) {
        if (field > TYPE && in.next() == 'n') return in.take_word("null");
        int64_t version = 0;
        switch (field) {
            case EVENT_ID: return in.id(found.id);
            case USER_ID: return in.id(found.user);
            case ITEM_ID: return in.id(found.item);
            case TYPE: return type(in, found);
            case VALUE: return (found.has_value = in.number(found.value));
            case OCCURRED_AT: return (found.has_time = time(in, found.at));
            case RECOMMENDATION_ID: return (found.has_link = in.id(found.link));
            case PROPERTIES: return in.take('{') && in.take('}');
            case SCHEMA_VERSION: return in.whole(version) && version == 1;
            case FIELDS: break;
        }
        return false;
    }

    bool type(Reader& in, PlainEvent& found) const {
        std::string_view name;
        if (!in.text(name)) return false;
        for (const TypeRule& rule : rules_)
            if (rule.name == name) found.rule = &rule;
        return found.rule != nullptr;
    }

    // A number that could be meant in another unit than milliseconds lies outside of what `Times` holds: see
    // `native_events`.
    bool time(Reader& in, int64_t& at) const {
        if (in.next() != '"') return in.whole(at) && times_.hold(at);
        std::string_view text;
        if (!in.text(text)) return false;
        const std::optional<int64_t> found = iso_ms(text);
        at = found.value_or(0);
        return found && times_.hold(at);
    }

    bool in_order(PlainEvent& found) const {
        if (!found.has_time) found.at = times_.now;
        const TypeRule& rule = *found.rule;
        if (!found.has_value) return rule.amount != Amount::required;
        found.value += 0.0;  // a negative zero would be another event
        return rule.amount != Amount::none && found.value >= rule.lowest && found.value <= rule.highest &&
               !(rule.is_whole && std::fmod(found.value, 1.0) != 0.0);
    }

    const std::vector<TypeRule>& rules_;
    const Times times_;
    const size_t most_;
};

nb::tuple columns_of(const std::vector<PlainEvent>& events, const std::vector<TypeRule>& rules) {
    std::vector<nb::str> names;
    for (const TypeRule& rule : rules) names.emplace_back(rule.name.c_str());
    nb::list ids, users, items, types, values, times, links, timed;
    for (const PlainEvent& each : events) {
        ids.append(ascii_text(each.id));
        users.append(ascii_text(each.user));
        items.append(ascii_text(each.item));
        types.append(names[static_cast<size_t>(each.rule - rules.data())]);
        values.append(each.has_value ? nb::object(nb::float_(each.value)) : nb::object(nb::none()));
        times.append(each.at);
        links.append(each.has_link ? ascii_text(each.link) : nb::object(nb::none()));
        timed.append(each.has_time);
    }
    return nb::make_tuple(ids, users, items, types, values, times, links, timed);
}

using Rule = std::tuple<std::string, int, double, double, bool>;

// The columns of a body's events, or nothing where one is not plain: ids, users, items, types, values, times,
// recommendation ids, and whether the sender said when.  A rule is a type's name, whether it carries an amount (0: it
// does not, 1: it may, 2: it must), the least and the most of it, and whether it is whole.
nb::object plain_events(nb::bytes body, bool is_lines, const std::vector<Rule>& types, int64_t now_ms, int64_t oldest_ms,
                        int64_t latest_ms, size_t most) {
    std::vector<TypeRule> rules;
    for (const auto& [name, amount, lowest, highest, is_whole] : types)
        rules.push_back({name, static_cast<Amount>(amount), lowest, highest, is_whole});
    Judge judge(rules, Times{now_ms, oldest_ms, latest_ms}, most);
    const std::string_view text(body.c_str(), body.size());
    if (!(is_lines ? judge.lines(text) : judge.body(text))) return nb::none();
    return columns_of(judge.events, rules);
}

}  // namespace

void bind_plain_events(nb::module_& m) {
    m.def("plain_events", &plain_events, "body"_a, "is_lines"_a, "types"_a, "now_ms"_a, "oldest_ms"_a, "latest_ms"_a,
          "most"_a);
}

}  // namespace tacit
