// The extension module `tacit._native`.
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings.h"
#include "built_from.h"
#include "dispatch.h"

NB_MODULE(_native, m) {
    m.def("isa", [] { return std::string(tacit::isa_name(tacit::isa())); });
    m.def("available", [] {
        std::vector<std::string> names;
        for (int i = 0; i <= static_cast<int>(tacit::best_isa()); ++i)
            names.emplace_back(tacit::isa_name(static_cast<tacit::Isa>(i)));
        return names;
    });
    m.def("use_isa", [](const std::string& name) {
        if (!tacit::use_isa(name.c_str())) throw std::invalid_argument("this processor or build has no " + name);
    }, "name"_a);
    m.def("built_from", [] { return std::string(TACIT_BUILT_FROM); });
    m.def("has_openmp", [] {
#if defined(_OPENMP)
        return true;
#else
        return false;
#endif
    });
    tacit::bind_training(m);
    tacit::bind_sums(m);
    tacit::bind_retrieval(m);
    tacit::bind_neighbours(m);
    tacit::bind_explaining(m);
    tacit::bind_event_lines(m);
    tacit::bind_plain_events(m);
    tacit::bind_item_texts(m);
}
