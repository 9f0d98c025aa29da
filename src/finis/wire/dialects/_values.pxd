# Addresses and numbers, eight bytes at a time.  Up to 24 bytes after `p` are read, whatever they
# are: callers see to it that there are so many.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif

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

    /* By the digits of an octet, four bits each, the first of three lowest: the octet, and from
       bit 8 on how many digits its proper form has; 0 where it is none. */
    static uint16_t FINIS_OCTETS[4096];

    static void finis_octets_open(void) {
        int i;
        for (i = 0; i < 256; i++)
            FINIS_OCTETS[i / 100 | i / 10 % 10 << 4 | i % 10 << 8] =
                (uint16_t)(i | (1 + (i > 9) + (i > 99)) << 8);
    }

    /* The octet whose `n` digits, at most 7, come first. */
    static inline unsigned finis_octet(uint64_t x, int n) {
        x = x << 8 << (56 - 8 * n) >> 40;
        return FINIS_OCTETS[(x & 15) | (x >> 4 & 240) | (x >> 8 & 3840)] ^ (unsigned)n << 8;
    }

    /* A bit for each of 16 bytes that is no digit; sure as far as the first byte above 0xb9. */
    static inline unsigned finis_marks(const uint8_t* p) {
    #if defined(__SSE2__)
        __m128i x = _mm_sub_epi8(_mm_loadu_si128((const __m128i*)p), _mm_set1_epi8('0'));
        __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(9)), x);
        return (unsigned)_mm_movemask_epi8(digits) ^ 0xffff;
    #else
        const uint64_t gather = 0x0002040810204081ULL;  /* the highest bits of eight bytes */
        return (unsigned)(finis_others(finis_digits(p)) * gather >> 56)
            | (unsigned)(finis_others(finis_digits(p + 8)) * gather >> 56) << 8;
    #endif
    }

    /* An address in its one proper form: how long it is, 0 where there is none.  Only where its
       last digit stands must be known before one can go on: it is found first. */
    static inline int finis_ipv4(const uint8_t* p, int64_t* value) {
        unsigned first = finis_marks(p), second = first & (first - 1);
        unsigned third = second & (second - 1), fourth = third & (third - 1), one, two, three, four;
        int a, b, c, d;
        if (fourth == 0) return 0;
        a = __builtin_ctz(first);
        b = __builtin_ctz(second);
        c = __builtin_ctz(third);
        d = __builtin_ctz(fourth);
        if ((a | (b - a - 1) | (c - b - 1) | (d - c - 1)) > 7) return 0;
        one = finis_octet(finis_digits(p), a);
        two = finis_octet(finis_digits(p + a + 1), b - a - 1);
        three = finis_octet(finis_digits(p + b + 1), c - b - 1);
        four = finis_octet(finis_digits(p + c + 1), d - c - 1);
        if (((one | two | three | four) > 255) | (p[a] != '.') | (p[b] != '.') | (p[c] != '.'))
            return 0;
        *value = (int64_t)(one << 24 | two << 16 | three << 8 | four);
        return d;
    }

    /* Are the first `length` bytes the same, at most 15, and does no digit follow those at `p`? */
    static inline int finis_again(const uint8_t* p, const uint8_t* before, int length) {
        static const uint8_t mask[32] = {
            255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        };
        const uint8_t* of = mask + 16 - length;
        uint64_t differ = (finis_eight(p) ^ finis_eight(before)) & finis_eight(of)
            | (finis_eight(p + 8) ^ finis_eight(before + 8)) & finis_eight(of + 8);
        return differ == 0 && (uint8_t)(p[length] - '0') > 9;
    }
    """
    uint64_t finis_eight(const void* p) noexcept nogil
    uint64_t finis_digits(const void* p) noexcept nogil
    uint64_t finis_others(uint64_t digits) noexcept nogil
    int finis_place(uint64_t others) noexcept nogil
    uint64_t finis_number(uint64_t digits) noexcept nogil
    int finis_ipv4(const uint8_t* p, int64_t* value) noexcept nogil
    bint finis_again(const uint8_t* p, const uint8_t* before, int length) noexcept nogil
    void finis_octets_open() noexcept
    const uint64_t FINIS_TENS[9]


cdef inline const uint8_t* ipv4(const uint8_t* p, int64_t* value) noexcept nogil:
    """Past the address in its one proper form, NULL if it is none."""
    cdef int length = finis_ipv4(p, value)
    return NULL if length == 0 else p + length


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
