// Asks the processor once what it has.
#include "dispatch.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace tacit {
namespace {

const char* const names[] = {"baseline", "avx2", "avx512"};

Isa detect() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vnni");
    return avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::baseline;
#else
    return Isa::baseline;
#endif
}

// The position of a name among those that can run here, or -1.
int position(const char* name) {
    for (int i = 0; i <= static_cast<int>(best_isa()); ++i)
        if (std::strcmp(name, names[i]) == 0) return i;
    return -1;
}

// What TACIT_ISA asks for, or the best where it asks for nothing that can run here.
int first_choice() {
    const char* wanted = std::getenv("TACIT_ISA");
    const int found = wanted ? position(wanted) : -1;
    return found >= 0 ? found : static_cast<int>(best_isa());
}

std::atomic<int>& chosen() {
    static std::atomic<int> value = first_choice();
    return value;
}

}  // namespace

Isa best_isa() {
    static const Isa best = detect();
    return best;
}

Isa isa() { return static_cast<Isa>(chosen().load(std::memory_order_relaxed)); }

const char* isa_name(Isa which) { return names[static_cast<int>(which)]; }

bool use_isa(const char* name) {
    const int found = position(name);
    if (found >= 0) chosen().store(found, std::memory_order_relaxed);
    return found >= 0;
}

}  // namespace tacit
