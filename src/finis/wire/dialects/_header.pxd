# What stands before a message, as the reference read it (`_syslog.Headers`).  Where only the time
# can hang on minutes and seconds (`Headers.clocks`), headers that differ in nothing else are one.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from finis.wire.dialects._scan cimport LONGEST_PREFIX, digit
from finis.wire.dialects._values cimport finis_differ, finis_eight

cdef enum:
    HEADERS = 4096  # remembered: one for each priority and device
    GUESSES = 1024
    PART = 16  # bytes that are compared at one time
    PARTS = LONGEST_PREFIX // PART + 1
    CLOCKS = 4
    SECOND = 1000000000

# "12:34" at `at`, of the first and the last of them the digits after the point.
cdef struct Clock:
    int at
    int fraction  # digits

cdef struct Header:
    int length
    int parts  # 0: no header
    uint8_t bytes[PARTS * PART]  # with the mark behind it
    # A bit for each byte of a part: those up to the mark; those that are no digits of clocks.
    uint16_t counts[PARTS]
    uint16_t fixed[PARTS]
    int clock_count
    Clock clocks[CLOCKS]  # the device's is the last
    int behind  # offset of what stands behind the last clock
    int64_t hour_ns  # `ts` where that clock shows nothing but zeros
    int64_t ts
    uint32_t origin
    bint has_ts
    # What reading it does: see `Lines._standing`.
    bint pure
    bint dated
    int64_t day
    bint kept
    int64_t read  # `Lines.reads` when it was read, or last known to be remembered


cdef inline void set_header(Header* header, const uint8_t* start, int length) noexcept:
    """The header at `start` and the mark behind it, without clocks."""
    cdef int i
    memset(header, 0, sizeof(Header))
    header.length, header.parts = length, length // PART + 1
    memcpy(header.bytes, start, length + 1)
    for i in range(length + 1):
        header.counts[i // PART] |= 1 << (i % PART)
    memcpy(header.fixed, header.counts, sizeof(header.counts))


cdef inline void _not_fixed(Header* header, int at) noexcept:
    header.fixed[at // PART] &= ~(1 << (at % PART))


cdef inline void set_clock(Header* header, int at, int fraction) noexcept:
    """Not more than CLOCKS times, from left to right."""
    cdef int i
    header.clocks[header.clock_count].at = at
    header.clocks[header.clock_count].fraction = fraction
    header.clock_count += 1
    for i in (0, 1, 3, 4):
        _not_fixed(header, at + i)
    for i in range(fraction):
        _not_fixed(header, at + 6 + i)
    header.behind = at + (6 + fraction if fraction else 5)
    header.hour_ns = header.ts - clock_ns(&header.bytes[at], fraction)


cdef inline int64_t clock_ns(const uint8_t* p, int fraction) noexcept nogil:
    """What minutes, seconds and fraction come to; -1 where they are no clock."""
    cdef int64_t part = 0
    cdef int i
    if not (
        48 <= p[0] <= 53 and digit(p[1]) and 48 <= p[3] <= 53 and digit(p[4])
    ):
        return -1
    for i in range(fraction):
        if not digit(p[6 + i]):
            return -1
        part = part * 10 + (p[6 + i] - 48)
    if fraction:
        for i in range(fraction, 9):
            part *= 10
    return <int64_t>(
        (p[0] - 48) * 600 + (p[1] - 48) * 60 + (p[3] - 48) * 10 + (p[4] - 48)
    ) * SECOND + part


cdef inline bint is_header(Header* header, const uint8_t* start) noexcept nogil:
    """Does the line begin with this header, but for its clocks?  It then has the line's.  Up to
    LONGEST_PREFIX + PART bytes are read."""
    cdef unsigned int differ = 0, fixed = 0, other
    cdef int i
    if header.parts == 0:
        return False
    for i in range(header.parts):
        other = finis_differ(start + PART * i, &header.bytes[PART * i])
        differ |= other & header.counts[i]
        fixed |= other & header.fixed[i]
    if differ == 0:
        return True
    if fixed or header.clock_count == 0:
        return False
    return _turned(header, start)


cdef inline bint _turned(Header* header, const uint8_t* start) noexcept nogil:
    """Set the clocks to those of the line."""
    cdef int64_t ns = 0
    cdef int k
    for k in range(header.clock_count):
        ns = clock_ns(start + header.clocks[k].at, header.clocks[k].fraction)
        if ns < 0:
            return False
    header.ts = header.hour_ns + ns
    memcpy(header.bytes, start, header.length)
    return True


cdef inline uint32_t guess_of(const uint8_t* start, int behind) noexcept nogil:
    """By how a line begins, and what stands behind its clock."""
    cdef uint64_t mixed = (
        finis_eight(start) * <uint64_t>0x9E3779B97F4A7C15
        ^ finis_eight(start + behind) * <uint64_t>0xC2B2AE3D27D4EB4F
    )
    return <uint32_t>((mixed ^ mixed >> 29) * <uint64_t>0xBF58476D1CE4E5B9 >> 54)


cdef inline int header_slot(const uint8_t* start, Py_ssize_t length) noexcept nogil:
    """By all bytes but those of clocks, as far as colons tell where these are."""
    cdef uint32_t h = 0
    cdef Py_ssize_t i
    cdef uint8_t c
    cdef bint clock = False
    for i in range(length):
        c = start[i]
        clock = c == b":" or clock and (digit(c) or c == b"." or c == b",")
        if not clock:
            h = (h ^ c) * <uint32_t>16777619
    return <int>((h ^ h >> 15) * <uint32_t>2654435761 >> 20)
