// Memory for the kernels: buffers that are not cleared, and two ways of keeping them between calls.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tacit {

// Memory that is not cleared, on huge pages where the system has them: a gather from 4 KiB pages would spend more time
// on finding the page than on the row.
template <typename T>
class Buffer {
   public:
    explicit Buffer(int64_t count) {
        const size_t huge = size_t{1} << 21, bytes = static_cast<size_t>(std::max<int64_t>(count, 1)) * sizeof(T);
        const size_t unit = bytes >= huge ? huge : 64;
        const size_t whole = (bytes + unit - 1) / unit * unit;
        data_.reset(static_cast<T*>(std::aligned_alloc(unit, whole)));
        if (!data_) throw std::bad_alloc();
#if defined(__linux__)
        if (unit == huge) madvise(data_.get(), whole, MADV_HUGEPAGE);
#endif
        count_ = count;
        whole_ = whole;
    }
    // Lets the system take the pages, until they are written to again.
    void offer() {
#if defined(__linux__) && defined(MADV_FREE)
        if (whole_ >= size_t{1} << 21) madvise(data_.get(), whole_, MADV_FREE);
#endif
    }
    T* get() { return data_.get(); }
    int64_t count() const { return count_; }

   private:
    struct Free {
        void operator()(T* p) const { std::free(p); }
    };
    std::unique_ptr<T, Free> data_;
    int64_t count_ = 0;
    size_t whole_ = 0;
};

// The largest half precision copy, kept from one half of an iteration for the next: clearing fresh pages would take a
// tenth of the time.  The system may take the pages back whenever it needs them (MADV_FREE).
class Spare {
   public:
    static std::unique_ptr<Buffer<uint16_t>> take(int64_t count) {
        std::lock_guard<std::mutex> held(lock());
        std::unique_ptr<Buffer<uint16_t>> found = std::move(kept());
        if (!found || found->count() < count) found = std::make_unique<Buffer<uint16_t>>(count);
        return found;
    }
    static void give(std::unique_ptr<Buffer<uint16_t>> buffer) {
        std::lock_guard<std::mutex> held(lock());
        if (!buffer || (kept() && kept()->count() >= buffer->count())) return;
        buffer->offer();
        kept() = std::move(buffer);
    }

   private:
    static std::mutex& lock() {
        static std::mutex one;
        return one;
    }
    static std::unique_ptr<Buffer<uint16_t>>& kept() {
        static std::unique_ptr<Buffer<uint16_t>> one;
        return one;
    }
};

// A buffer that a thread keeps between calls, as large as the largest that it was asked for.
template <typename T>
T* kept_buffer(int64_t count) {
    thread_local std::unique_ptr<Buffer<T>> kept;
    if (!kept || kept->count() < count) {
        kept.reset();
        kept = std::make_unique<Buffer<T>>(count);
    }
    return kept->get();
}

}  // namespace tacit
