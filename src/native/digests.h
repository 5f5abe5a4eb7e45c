// The two digests of the event log, as zlib and hashlib have them: CRC-32, and BLAKE2b of 8 bytes without a key.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace tacit {

using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

// Eight bytes at a time, as in M. Kounavis and F. Berry, "A systematic approach to building high performance,
// software-based, CRC generators", ISCC 2005.
constexpr CrcTables crc_tables() {
    CrcTables tables{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0u);
        tables[0][byte] = crc;
    }
    for (size_t byte = 0; byte < 256; ++byte)
        for (size_t more = 1; more < 8; ++more) {
            const uint32_t before = tables[more - 1][byte];
            tables[more][byte] = (before >> 8) ^ tables[0][before & 0xFF];
        }
    return tables;
}

inline constexpr CrcTables CRC = crc_tables();

inline uint32_t crc32_of(const char* text, size_t size) {
    uint32_t crc = 0xFFFFFFFFu;
    const auto* at = reinterpret_cast<const unsigned char*>(text);
    for (; size >= 8; size -= 8, at += 8) {
        const uint32_t low = crc ^ (at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24);
        crc = CRC[7][low & 0xFF] ^ CRC[6][low >> 8 & 0xFF] ^ CRC[5][low >> 16 & 0xFF] ^ CRC[4][low >> 24] ^
              CRC[3][at[4]] ^ CRC[2][at[5]] ^ CRC[1][at[6]] ^ CRC[0][at[7]];
    }
    for (; size; --size, ++at) crc = (crc >> 8) ^ CRC[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

// BLAKE2b (RFC 7693) with a digest of 8 bytes, read as a signed big-endian number.
class Blake2 {
   public:
    static int64_t of(const char* text, size_t size) {
        Blake2 hash;
        size_t counted = 0;
        for (; size - counted > 128; counted += 128) hash.take(text + counted, counted + 128, false);
        char last[128] = {};
        if (size > counted) std::memcpy(last, text + counted, size - counted);
        hash.take(last, size, true);
        unsigned char digest[8];
        for (int i = 0; i < 8; ++i) digest[i] = static_cast<unsigned char>(hash.state_[0] >> (8 * i));
        uint64_t number = 0;
        for (const unsigned char byte : digest) number = number << 8 | byte;
        return static_cast<int64_t>(number);
    }

   private:
    static constexpr std::array<uint64_t, 8> START{
        0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
        0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    static constexpr unsigned char ORDER[10][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

    Blake2() : state_(START) { state_[0] ^= 0x01010000 ^ 8; }

    void take(const char* block, uint64_t counted, bool is_last) {
        uint64_t words[16], v[16];
        for (int i = 0; i < 16; ++i) {
            words[i] = 0;
            for (int b = 7; b >= 0; --b) words[i] = words[i] << 8 | static_cast<unsigned char>(block[8 * i + b]);
        }
        for (size_t i = 0; i < 8; ++i) v[i] = state_[i], v[i + 8] = START[i];
        v[12] ^= counted;
        if (is_last) v[14] = ~v[14];
        for (int round = 0; round < 12; ++round) {
            const unsigned char* s = ORDER[round % 10];
            for (int i = 0; i < 4; ++i)
                mix(v[i], v[4 + i], v[8 + i], v[12 + i], words[s[2 * i]], words[s[2 * i + 1]]);
            for (int i = 0; i < 4; ++i)
                mix(v[i], v[4 + (i + 1) % 4], v[8 + (i + 2) % 4], v[12 + (i + 3) % 4], words[s[8 + 2 * i]],
                    words[s[9 + 2 * i]]);
        }
        for (size_t i = 0; i < 8; ++i) state_[i] ^= v[i] ^ v[i + 8];
    }

    static void mix(uint64_t& a, uint64_t& b, uint64_t& c, uint64_t& d, uint64_t x, uint64_t y) {
        a += b + x;
        d = std::rotr(d ^ a, 32);
        c += d;
        b = std::rotr(b ^ c, 24);
        a += b + y;
        d = std::rotr(d ^ a, 16);
        c += d;
        b = std::rotr(b ^ c, 63);
    }

    std::array<uint64_t, 8> state_;
};

}  // namespace tacit
