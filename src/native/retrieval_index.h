// What retrieval prepares once: items sorted by norm and quantised, and filters over them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "retrieval_kernels.h"

namespace tacit {

// Beyond this a product of two norms could leave float32, and no order of scores would mean anything.
constexpr double LARGEST_NORM = 9223372036854775808.0;  // 2^63
constexpr double LARGEST_BONUS = 8.5e37;                // 2^126
constexpr int64_t LARGEST_WIDTH = 8192;                 // int32 holds 255 * 127 * k, and |e| <= |x| / 2

constexpr double UP = 1.0 + 1.0 / (1 << 20);
constexpr float SMALLEST_SCALE = 1.17549435e-38f;

inline int64_t blocks_of(int64_t items) { return (items + BLOCK - 1) / BLOCK; }

// Zeros on a cache line's boundary; large pieces on huge pages where the system has them.
inline void* aligned_zeros(int64_t bytes) {
    constexpr int64_t HUGE = 1 << 21;
    const int64_t alignment = bytes >= HUGE ? HUGE : 64;
    void* memory = std::aligned_alloc(alignment, std::max<int64_t>((bytes + alignment - 1) / alignment, 1) * alignment);
    if (!memory) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
    if (alignment == HUGE) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    std::memset(memory, 0, bytes);
    return memory;
}

template <typename T>
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(int64_t size) : values_(static_cast<T*>(aligned_zeros(size * static_cast<int64_t>(sizeof(T))))), size_(size) {}
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    Buffer(Buffer&& other) noexcept : values_(other.values_), size_(other.size_) { other.values_ = nullptr, other.size_ = 0; }
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(values_, other.values_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Buffer() { std::free(values_); }
    T* data() { return values_; }
    const T* data() const { return values_; }
    T& operator[](int64_t i) { return values_[i]; }
    const T& operator[](int64_t i) const { return values_[i]; }
    int64_t bytes() const { return size_ * static_cast<int64_t>(sizeof(T)); }
    int64_t size() const { return size_; }

private:
    T* values_ = nullptr;
    int64_t size_ = 0;
};

// Quantised items that own their memory.
struct Shelf {
    int64_t items = 0, k = 0, groups = 0, blocks = 0;
    Buffer<uint8_t> codes, coarse;
    Buffer<float> scales, errors, coarse_errors, norms;
    Buffer<int32_t> positions;
    Buffer<uint64_t> blocked;  // what lies beyond the last item

    Shelf() = default;
    void add_coarse() {
        coarse = Buffer<uint8_t>(blocks * ((groups + 1) / 2) * 4 * BLOCK);
        coarse_errors = Buffer<float>(blocks);
    }
    Shelf(int64_t items, int64_t k)
        : items(items), k(k), groups((k + 3) / 4), blocks(blocks_of(items)), codes(blocks * groups * 4 * BLOCK),
          scales(blocks * BLOCK), errors(blocks), norms(blocks), positions(blocks * BLOCK), blocked(blocks) {
        if (items % BLOCK) blocked[blocks - 1] = ~uint64_t{0} << (items % BLOCK);
    }
    Quantised view(const float* factors) const {
        return {items, blocks, k, groups, codes.data(), scales.data(), errors.data(), coarse.data(), coarse_errors.data(), norms.data(), positions.data(), factors};
    }
    int64_t bytes() const {
        return codes.bytes() + coarse.bytes() + scales.bytes() + errors.bytes() + coarse_errors.bytes() + norms.bytes() + positions.bytes() + blocked.bytes();
    }
};

struct Filter {
    uint64_t index = 0;        // the one that it is for
    int64_t allowed = 0;
    Buffer<uint64_t> blocked;  // by rank, of the whole index
    bool compacted = false;
    Shelf shelf;               // if compacted: the items that pass, alone
    Buffer<int32_t> before;    // and how many of them stand before each block of the whole index

    // Rank among those that pass, or -1.
    int64_t rank(int64_t whole) const {
        const uint64_t open = ~blocked[whole / BLOCK];
        const uint64_t flag = uint64_t{1} << (whole % BLOCK);
        const int64_t rank = before[whole / BLOCK] + __builtin_popcountll(open & (flag - 1));
        return open & flag ? rank : -1;
    }
    int64_t bytes() const { return blocked.bytes() + before.bytes() + shelf.bytes(); }
};

// Euclidean norms, rounded up.  Returns the first row that is not finite or too large, or -1.
inline int64_t measure_norms(const float* factors, int64_t items, int64_t k, int threads, float* norms) {
    int64_t wrong = items;
#pragma omp parallel for num_threads(threads) reduction(min : wrong)
    for (int64_t i = 0; i < items; ++i) {
        double square = 0.0;
        for (int64_t d = 0; d < k; ++d) square += static_cast<double>(factors[i * k + d]) * factors[i * k + d];
        const double norm = std::sqrt(square);
        if (!(norm <= LARGEST_NORM)) wrong = std::min(wrong, i);
        norms[i] = static_cast<float>(norm * UP);
    }
    return wrong < items ? wrong : -1;
}

// Positions in order of falling norm, equal norms by position: floats from 0 up sort as their bits do.
inline std::vector<uint64_t> order_by_norm(const float* norms, int64_t items) {
    std::vector<uint64_t> keys(items);
    for (int64_t i = 0; i < items; ++i) {
        uint32_t bits;
        std::memcpy(&bits, norms + i, 4);
        keys[i] = static_cast<uint64_t>(~bits) << 32 | static_cast<uint32_t>(i);
    }
    std::sort(keys.begin(), keys.end());
    return keys;
}

// The code of x in steps of t, between -most and most, and by how many steps it misses x.  Whatever the rounding chose,
// the error is measured.
inline int code_of(float x, double inverse, double most, double* lost) {
    const double steps = x * inverse;
    const double nearest = (steps + 6755399441055744.0) - 6755399441055744.0;  // 1.5 * 2^52: rounds to whole
    const double code = std::clamp(nearest, -most, most);
    *lost += (steps - code) * (steps - code);
    return static_cast<int>(code);
}

// Root of what was lost, rounded up: the division by the scale was rounded too.
inline float error_of(double lost, int64_t k) {
    return static_cast<float>(std::sqrt(lost) * UP + 1e-12 * std::sqrt(static_cast<double>(k)));
}

inline void quantise_row(Shelf& shelf, int64_t rank, const float* row) {
    const int64_t k = shelf.k, block = rank / BLOCK, lane = rank % BLOCK;
    float largest = 0.0f;
    for (int64_t d = 0; d < k; ++d) largest = std::max(largest, std::fabs(row[d]));
    const float scale = std::max(largest / 127.0f, SMALLEST_SCALE);
    shelf.scales[rank] = scale;
    double lost = 0.0;
    uint8_t* codes = shelf.codes.data() + (block * shelf.groups * BLOCK + lane) * 4;
    for (int64_t d = 0; d < k; ++d)
        codes[d / 4 * 4 * BLOCK + d % 4] = static_cast<uint8_t>(128 + code_of(row[d], 1.0 / scale, 127.0, &lost));
    shelf.errors[block] = std::max(shelf.errors[block], error_of(lost, k));
    if (!shelf.coarse.size()) return;
    const float step = scale * COARSER;
    lost = 0.0;
    codes = shelf.coarse.data() + (block * ((shelf.groups + 1) / 2) * BLOCK + lane) * 4;
    for (int64_t d = 0; d < k; ++d) {
        const int code = 8 + code_of(row[d], 1.0 / step, 7.0, &lost), shift = d / 4 % 2 * 4;
        uint8_t& pair = codes[d / 8 * 4 * BLOCK + d % 4];
        pair = static_cast<uint8_t>((pair & ~(15 << shift)) | code << shift);
    }
    shelf.coarse_errors[block] = std::max(shelf.coarse_errors[block], error_of(lost, k));
}

inline void quantise_block(Shelf& shelf, int64_t block, const float* factors) {
    const int64_t bytes = shelf.groups * 4 * BLOCK, coarse_bytes = (shelf.groups + 1) / 2 * 4 * BLOCK;
    std::memset(shelf.codes.data() + block * bytes, 128, bytes);  // zeros, for the padding
    if (shelf.coarse.size()) std::memset(shelf.coarse.data() + block * coarse_bytes, 0x88, coarse_bytes);
    const int64_t last = std::min((block + 1) * BLOCK, shelf.items);
    for (int64_t rank = block * BLOCK; rank < last; ++rank) quantise_row(shelf, rank, factors + shelf.positions[rank] * shelf.k);
}

// The whole index of (items, k) factors, which must outlive it.
struct Prepared {
    const uint64_t id = next_id();  // no other index has it, not even one that takes this one's place in memory
    const float* factors;
    Shelf shelf;
    Buffer<int32_t> ranks;  // position -> rank

    // Throws std::invalid_argument, naming the row, for factors that are not finite or too large.
    // Four-bit codes are added where the eight-bit ones take `coarse_from` bytes or more.
    Prepared(const float* factors, int64_t items, int64_t k, int threads, int64_t coarse_from)
        : factors(factors), shelf(items, k), ranks(items) {
        if (shelf.codes.bytes() >= coarse_from) shelf.add_coarse();
        std::vector<float> norms(items);
        const int64_t wrong = measure_norms(factors, items, k, threads, norms.data());
        if (wrong >= 0) throw std::invalid_argument("row " + std::to_string(wrong) + " is not finite, or its norm is beyond 2^63");
        const std::vector<uint64_t> order = order_by_norm(norms.data(), items);
        for (int64_t rank = 0; rank < items; ++rank) {
            shelf.positions[rank] = static_cast<int32_t>(order[rank] & 0xffffffffu);
            ranks[shelf.positions[rank]] = static_cast<int32_t>(rank);
        }
        for (int64_t block = 0; block < shelf.blocks; ++block) shelf.norms[block] = norms[shelf.positions[block * BLOCK]];
#pragma omp parallel for num_threads(threads)
        for (int64_t block = 0; block < shelf.blocks; ++block) quantise_block(shelf, block, factors);
    }

    // A filter that lets few pass gets a copy of their codes, so that only these are read.
    std::unique_ptr<Filter> filter(const bool* mask) const {
        auto made = std::make_unique<Filter>();
        made->index = id;
        made->blocked = Buffer<uint64_t>(shelf.blocks);
        made->before = Buffer<int32_t>(shelf.blocks + 1);
        for (int64_t block = 0; block < shelf.blocks; ++block) {
            uint64_t open = 0;
            for (int64_t i = 0; i < BLOCK && block * BLOCK + i < shelf.items; ++i)
                open |= static_cast<uint64_t>(mask[shelf.positions[block * BLOCK + i]]) << i;
            made->blocked[block] = ~open;
            made->before[block] = static_cast<int32_t>(made->allowed);
            made->allowed += __builtin_popcountll(open);
        }
        made->before[shelf.blocks] = static_cast<int32_t>(made->allowed);
        made->compacted = made->allowed * 4 < shelf.items;
        if (made->compacted) made->shelf = compact(*made);
        return made;
    }

private:
    static uint64_t next_id() {
        static std::atomic<uint64_t> last{0};
        return ++last;
    }

    Shelf compact(const Filter& filter) const {
        Shelf part(filter.allowed, shelf.k);
        for (int64_t block = 0; block < part.blocks; ++block)
            std::memset(part.codes.data() + block * part.groups * 4 * BLOCK, 128, part.groups * 4 * BLOCK);
        int64_t to = 0;
        for (int64_t rank = 0; rank < shelf.items; ++rank) {
            if (filter.blocked[rank / BLOCK] >> (rank % BLOCK) & 1) continue;
            copy_item(part, to++, rank);
        }
        return part;
    }

    void copy_item(Shelf& part, int64_t to, int64_t rank) const {
        const uint8_t* source = shelf.codes.data() + (rank / BLOCK * shelf.groups * BLOCK + rank % BLOCK) * 4;
        uint8_t* target = part.codes.data() + (to / BLOCK * part.groups * BLOCK + to % BLOCK) * 4;
        for (int64_t g = 0; g < part.groups; ++g) std::memcpy(target + 4 * BLOCK * g, source + 4 * BLOCK * g, 4);
        part.scales[to] = shelf.scales[rank];
        part.positions[to] = shelf.positions[rank];
        part.errors[to / BLOCK] = std::max(part.errors[to / BLOCK], shelf.errors[rank / BLOCK]);
        part.norms[to / BLOCK] = std::max(part.norms[to / BLOCK], shelf.norms[rank / BLOCK]);
    }
};

}  // namespace tacit
