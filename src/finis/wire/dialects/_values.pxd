# Addresses and numbers, eight bytes at a time.  Up to 24 bytes after `p` are read, whatever they
# are: callers see to it that there are so many.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* Eight bytes, the first of them lowest. */
    static inline uint64_t finis_eight(const void* p) {
        uint64_t x;
        memcpy(&x, p, 8);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        x = __builtin_bswap64(x);
    #endif
        return x;
    }

    /* Bytes less '0': digits become 0 to 9. */
    static inline uint64_t finis_digits(const void* p) {
        return finis_eight(p) ^ 0x3030303030303030ULL;
    }

    /* The highest bit of every byte that was no digit; sure as far as the first byte above 0xb9. */
    static inline uint64_t finis_others(uint64_t digits) {
        return ((digits + 0x7676767676767676ULL) | digits) & 0x8080808080808080ULL;
    }

    static inline int finis_place(uint64_t others) { return __builtin_ctzll(others) >> 3; }

    /* The number that eight digits write, the first of them lowest. */
    static inline uint64_t finis_number(uint64_t digits) {
        digits = digits * 10 + (digits >> 8);
        return ((digits & 0x000000FF000000FFULL) * 0x000F424000000064ULL
                + ((digits >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL) >> 32;
    }

    static const uint64_t FINIS_TENS[9] = {
        1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000
    };

    /* Two octets and the byte after each; 0 where there are none, else the length without the
       second of these bytes. */
    static inline int finis_octets(const uint8_t* p, uint64_t* value) {
        uint64_t x = finis_digits(p), others = finis_others(x), one, two;
        int n, m;
        if ((others & (others - 1)) == 0) return 0;
        n = finis_place(others);
        m = finis_place(others & (others - 1)) - n - 1;
        if ((unsigned)(n - 1) > 2 || (unsigned)(m - 1) > 2 || p[n] != '.') return 0;
        one = x << (64 - 8 * n) >> 40;
        x >>= 8 * (n + 1);
        two = x << (64 - 8 * m) >> 40;
        if (((n > 1) & ((p[0] == '0'))) | ((m > 1) & ((x & 255) == 0))) return 0;
        one = (one & 255) * 100 + (one >> 8 & 255) * 10 + (one >> 16);
        two = (two & 255) * 100 + (two >> 8 & 255) * 10 + (two >> 16);
        if ((one > 255) | (two > 255)) return 0;
        *value = one << 8 | two;
        return n + 1 + m;
    }
    """
    uint64_t finis_eight(const void* p) noexcept nogil
    uint64_t finis_digits(const void* p) noexcept nogil
    uint64_t finis_others(uint64_t digits) noexcept nogil
    int finis_place(uint64_t others) noexcept nogil
    uint64_t finis_number(uint64_t digits) noexcept nogil
    int finis_octets(const uint8_t* p, uint64_t* value) noexcept nogil
    const uint64_t FINIS_TENS[9]


cdef inline const uint8_t* ipv4(const uint8_t* p, int64_t* value) noexcept nogil:
    """Past the address in its one proper form, NULL if it is none."""
    cdef uint64_t high = 0, low = 0
    cdef int n = finis_octets(p, &high)
    if n == 0 or p[n] != b".":
        return NULL
    p += n + 1
    n = finis_octets(p, &low)
    if n == 0:
        return NULL
    value[0] = <int64_t>(high << 16 | low)
    return p + n


cdef inline const uint8_t* short_number(
    const uint8_t* p, int most, int64_t* value
) noexcept nogil:
    """Past up to `most` digits, at most 7; NULL if there are none, or more."""
    cdef uint64_t digits = finis_digits(p), others = finis_others(digits)
    cdef int n
    if others == 0:
        return NULL
    n = finis_place(others)
    if n == 0 or n > most:
        return NULL
    value[0] = <int64_t>finis_number(digits << (64 - 8 * n))
    return p + n


cdef inline const uint8_t* number(const uint8_t* p, int most, int64_t* value) noexcept nogil:
    """Past up to `most` digits, at most 18; NULL if there are none, or more."""
    cdef uint64_t digits, others, v = 0
    cdef int n, length = 0
    while True:
        digits = finis_digits(p + length)
        others = finis_others(digits)
        if others:
            break
        v = v * 100000000 + finis_number(digits)
        length += 8
        if length > most:
            return NULL
    n = finis_place(others)
    if n:
        v = v * FINIS_TENS[n] + finis_number(digits << (64 - 8 * n))
    length += n
    if length == 0 or length > most:
        return NULL
    value[0] = <int64_t>v
    return p + length


cdef inline const uint8_t* duration(const uint8_t* p, int64_t* value) noexcept nogil:
    """Hours, minutes and seconds, as seconds."""
    cdef int64_t hours = 0
    cdef uint64_t clock
    p = number(p, 9, &hours)
    if p == NULL or p[0] != b":" or p[3] != b":":
        return NULL
    clock = finis_digits(p)
    # Of ":12:34" the bytes 1, 2, 4 and 5 are digits.
    if finis_others(clock) & <uint64_t>0x0000808000808000:
        return NULL
    value[0] = hours * 3600 + <int64_t>(
        ((clock >> 8 & 255) * 10 + (clock >> 16 & 255)) * 60
        + (clock >> 32 & 255) * 10 + (clock >> 40 & 255)
    )
    return p + 6
