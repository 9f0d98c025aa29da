# Addresses, numbers and texts, eight or sixteen bytes at a time.  Up to 24 bytes after `p` are read,
# whatever they are: callers see to it that there are so many.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__SSE2__)
    #include <tmmintrin.h>
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
    static inline int finis_ipv4_narrow(const uint8_t* p, int64_t* value) {
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

    #if defined(__SSE2__)
    /* The 81 forms of an address by where its digits end: how they are brought to four places of
       four bytes each, and the least that octets of so many digits may be. */
    typedef struct { uint8_t order[16]; uint16_t least[4]; uint16_t ends, dots; int length; } FinisForm;
    static FinisForm FINIS_FORMS[256];
    static int finis_wide;  /* has this processor SSSE3? */

    /* Different for all forms: a factor found by trying. */
    static inline unsigned finis_form(unsigned ends) { return (uint32_t)(ends * 0x372da969u) >> 24; }

    static void finis_forms_open(void) {
        static const uint16_t least[4] = {0, 0, 10, 100};
        int i, k, n, at, place;
        FinisForm* form;
        FinisForm made;
        for (i = 0; i < 256; i++) FINIS_FORMS[i].ends = 0xffff;  /* never as many bits */
        for (i = 0; i < 81; i++) {
            memset(&made, 0, sizeof made);
            memset(made.order, 128, 16);
            for (k = 0, n = i, at = 0; k < 4; k++, n /= 3, at++) {
                for (place = 2 - n % 3; place < 3; place++)  /* hundreds, tens, ones */
                    made.order[4 * (3 - k) + place] = (uint8_t)at++;
                made.least[3 - k] = least[1 + n % 3];
                made.dots = made.ends;
                made.ends |= (uint16_t)(1 << at);
                made.length = at;
            }
            form = &FINIS_FORMS[finis_form(made.ends)];
            *form = made;
        }
        finis_wide = __builtin_cpu_supports("ssse3");
    }

    __attribute__((target("ssse3")))
    static int finis_ipv4_wide(const uint8_t* p, int64_t* value) {
        __m128i text = _mm_loadu_si128((const __m128i*)p), bad;
        __m128i digits = _mm_sub_epi8(text, _mm_set1_epi8('0'));
        unsigned others = (unsigned)_mm_movemask_epi8(
            _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits)) ^ 0xffff;
        unsigned dots = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')));
        unsigned rest = others & (others - 1), ends;
        const FinisForm* form;
        rest &= rest - 1;
        rest &= rest - 1;
        ends = others ^ (rest & (rest - 1));  /* the first four */
        form = &FINIS_FORMS[finis_form(ends)];
        if ((form->ends != ends) | ((dots & form->dots) != form->dots)) return 0;
        digits = _mm_shuffle_epi8(digits, _mm_loadu_si128((const __m128i*)form->order));
        digits = _mm_maddubs_epi16(digits, _mm_set1_epi32(1 << 16 | 10 << 8 | 100));
        digits = _mm_madd_epi16(digits, _mm_set1_epi16(1));
        digits = _mm_packs_epi32(digits, digits);
        bad = _mm_or_si128(
            _mm_subs_epu16(digits, _mm_set1_epi16(255)),
            _mm_subs_epu16(_mm_loadl_epi64((const __m128i*)form->least), digits));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(bad, _mm_setzero_si128())) != 0xffff) return 0;
        *value = (int64_t)(uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(digits, digits));
        return form->length;
    }

    static inline int finis_ipv4(const uint8_t* p, int64_t* value) {
        return finis_wide ? finis_ipv4_wide(p, value) : finis_ipv4_narrow(p, value);
    }
    #else
    static int finis_wide;
    static void finis_forms_open(void) {}
    static inline int finis_ipv4(const uint8_t* p, int64_t* value) {
        return finis_ipv4_narrow(p, value);
    }
    #endif

    /* A bit for each of 16 bytes that differs. */
    static inline unsigned finis_differ(const uint8_t* p, const uint8_t* q) {
    #if defined(__SSE2__)
        return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
            _mm_loadu_si128((const __m128i*)p), _mm_loadu_si128((const __m128i*)q))) ^ 0xffff;
    #else
        uint64_t low = finis_eight(p) ^ finis_eight(q), high = finis_eight(p + 8) ^ finis_eight(q + 8);
        const uint64_t ones = 0x0101010101010101ULL, tops = ones << 7, gather = 0x0002040810204081ULL;
        low = (((low & ~tops) + ~tops) | low) & tops;
        high = (((high & ~tops) + ~tops) | high) & tops;
        return (unsigned)(low * gather >> 56) | (unsigned)(high * gather >> 56) << 8;
    #endif
    }

    /* Are the first `length` bytes the same, at least 1?  Of both, 16 at a time are read. */
    static inline int finis_same(const uint8_t* p, const uint8_t* q, int length) {
        for (; length > 16; length -= 16, p += 16, q += 16)
            if (finis_differ(p, q)) return 0;
        return finis_differ(p, q) << (32 - length) == 0;
    }

    /* Are the first `length` bytes the same, and does no digit follow those at `p`? */
    static inline int finis_again(const uint8_t* p, const uint8_t* before, int length) {
        if (length > 16) return memcmp(p, before, length) == 0 && (uint8_t)(p[length] - '0') > 9;
        return (finis_differ(p, before) & ((1u << length) - 1)) == 0
            && (uint8_t)(p[length] - '0') > 9;
    }
    """
    uint64_t finis_eight(const void* p) noexcept nogil
    uint64_t finis_digits(const void* p) noexcept nogil
    uint64_t finis_others(uint64_t digits) noexcept nogil
    int finis_place(uint64_t others) noexcept nogil
    uint64_t finis_number(uint64_t digits) noexcept nogil
    int finis_ipv4(const uint8_t* p, int64_t* value) noexcept nogil
    int finis_ipv4_narrow(const uint8_t* p, int64_t* value) noexcept nogil
    unsigned int finis_differ(const uint8_t* p, const uint8_t* q) noexcept nogil
    bint finis_same(const uint8_t* p, const uint8_t* q, int length) noexcept nogil
    bint finis_again(const uint8_t* p, const uint8_t* before, int length) noexcept nogil
    void finis_octets_open() noexcept
    void finis_forms_open() noexcept
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
