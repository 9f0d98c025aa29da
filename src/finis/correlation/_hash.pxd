# BLAKE2b of short texts (RFC 7693), here without a key and with 8 bytes of digest, and
# `correlation.keys.mix`; for kernels that make ids.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static const uint64_t finis_iv[8] = {
        0x6A09E667F3BCC908ULL, 0xBB67AE8584CAA73BULL, 0x3C6EF372FE94F82BULL, 0xA54FF53A5F1D36F1ULL,
        0x510E527FADE682D1ULL, 0x9B05688C2B3E6C1FULL, 0x1F83D9ABFB41BD6BULL, 0x5BE0CD19137E2179ULL};
    static const uint8_t finis_order[10][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
        {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
        {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
        {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
        {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};
    static inline uint64_t finis_turn(uint64_t x, int by) { return (x >> by) | (x << (64 - by)); }
    #define FINIS_G(a, b, c, d, x, y) \\
        v[a] += v[b] + (x); v[d] = finis_turn(v[d] ^ v[a], 32); \\
        v[c] += v[d];       v[b] = finis_turn(v[b] ^ v[c], 24); \\
        v[a] += v[b] + (y); v[d] = finis_turn(v[d] ^ v[a], 16); \\
        v[c] += v[d];       v[b] = finis_turn(v[b] ^ v[c], 63);
    static void finis_compress(uint64_t *h, const uint8_t *block, uint64_t count, int last) {
        uint64_t v[16], m[16];
        memcpy(m, block, sizeof m);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        for (int i = 0; i < 16; i++) m[i] = __builtin_bswap64(m[i]);
    #endif
        for (int i = 0; i < 8; i++) { v[i] = h[i]; v[i + 8] = finis_iv[i]; }
        v[12] ^= count;
        if (last) v[14] = ~v[14];
        #pragma GCC unroll 12
        for (int r = 0; r < 12; r++) {
            const uint8_t *s = finis_order[r % 10];
            FINIS_G(0, 4, 8, 12, m[s[0]], m[s[1]]) FINIS_G(1, 5, 9, 13, m[s[2]], m[s[3]])
            FINIS_G(2, 6, 10, 14, m[s[4]], m[s[5]]) FINIS_G(3, 7, 11, 15, m[s[6]], m[s[7]])
            FINIS_G(0, 5, 10, 15, m[s[8]], m[s[9]]) FINIS_G(1, 6, 11, 12, m[s[10]], m[s[11]])
            FINIS_G(2, 7, 8, 13, m[s[12]], m[s[13]]) FINIS_G(3, 4, 9, 14, m[s[14]], m[s[15]])
        }
        for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
    }
    """
    const uint64_t finis_iv[8]
    void finis_compress(uint64_t* h, const uint8_t* block, uint64_t count, bint last) noexcept nogil


cdef enum:
    DIGEST = 8  # bytes
    BLOCK = 128


cdef inline uint64_t blake2b(const uint8_t* text, Py_ssize_t length) noexcept nogil:
    """The digest as a number, its first byte the highest."""
    cdef uint64_t h[8]
    cdef uint8_t block[BLOCK]
    cdef Py_ssize_t at = 0
    memcpy(h, finis_iv, sizeof(h))
    h[0] ^= 0x01010000 ^ DIGEST
    while length - at > BLOCK:
        finis_compress(h, text + at, <uint64_t>(at + BLOCK), False)
        at += BLOCK
    memset(block, 0, BLOCK)
    memcpy(block, text + at, length - at)
    finis_compress(h, block, <uint64_t>length, True)
    cdef uint64_t number = 0
    cdef int i
    for i in range(DIGEST):
        number = number << 8 | (h[0] >> 8 * i & 255)
    return number


cdef inline uint64_t chained(uint64_t state, uint64_t part) noexcept nogil:
    """One step of `correlation.keys.mix`."""
    cdef uint64_t z = state + part + <uint64_t>0x9E3779B97F4A7C15
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)
