// Which instruction set runs: chosen once from the processor, or forced by TACIT_ISA in the environment or by use_isa.
#pragma once

namespace tacit {

enum class Isa { baseline = 0, avx2 = 1, avx512 = 2 };

Isa isa();                       // the one in use
Isa best_isa();                  // the best that this processor and this build have
const char* isa_name(Isa which);
bool use_isa(const char* name);  // false: there is no such thing here, and nothing changed

}  // namespace tacit

// Calls FUNCTION of the namespace of the instruction set in use.  Off x86-64 there is one set and nothing to choose.
#if defined(__x86_64__)
#define TACIT_DISPATCH(FUNCTION, ...)                                                 \
    [&] {                                                                             \
        switch (::tacit::isa()) {                                                     \
            case ::tacit::Isa::avx512: return ::tacit::avx512::FUNCTION(__VA_ARGS__); \
            case ::tacit::Isa::avx2: return ::tacit::avx2::FUNCTION(__VA_ARGS__);     \
            default: return ::tacit::baseline::FUNCTION(__VA_ARGS__);                 \
        }                                                                             \
    }()
#else
#define TACIT_DISPATCH(FUNCTION, ...) [&] { return ::tacit::baseline::FUNCTION(__VA_ARGS__); }()
#endif
