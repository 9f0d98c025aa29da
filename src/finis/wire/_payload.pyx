"""Kernel: what a payload shows.  Mirrors payload.py; names and reasons are explained there."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from finis.wire._bytes cimport be16, be32, le64
from finis.wire.segment cimport Segment

# terms.Alert
cdef enum:
    ALERT_NONE, ALERT_LIKELY, ALERT_RECORD, ALERT_CLOSE_NOTIFY, ALERT_WARNING, ALERT_FATAL

cdef enum:
    MAX_RECORD = (1 << 14) + 2048

cdef uint64_t PRIME = 0x9E3779B97F4A7C15ULL
cdef uint8_t[13] ALERT_LENGTHS = [2, 18, 22, 24, 26, 28, 32, 34, 36, 48, 52, 64, 80]


cdef inline uint64_t mix(
    const uint8_t* p, uint32_t at, uint32_t size, uint64_t value
) noexcept nogil:
    """Go on from `value`, which stands for the bytes before `at`, a multiple of 8."""
    while at + 8 <= size:
        value = (value ^ le64(p + at, 8)) * PRIME
        value ^= value >> 32
        at += 8
    if at < size:
        value = (value ^ le64(p + at, size - at)) * PRIME
        value ^= value >> 32
    return value


cdef uint64_t fingerprint(
    const uint8_t* data, uint32_t size, uint32_t payload_len
) noexcept nogil:
    cdef uint32_t narrow_len = payload_len if payload_len < 16 else 16
    cdef uint32_t wide_len = payload_len if payload_len < 64 else 64
    cdef uint64_t salt = <uint64_t>payload_len * PRIME
    cdef uint64_t both, narrow, wide = 0
    if payload_len == 0 or size < narrow_len:
        return 0
    both = mix(data, 0, narrow_len, 0)
    narrow = ((both ^ salt) * PRIME) >> 32
    if size >= wide_len:
        if wide_len > 16:
            both = mix(data, 16, wide_len, both)
        wide = ((both ^ salt) * PRIME) >> 32
        if wide == 0:
            wide = 1
    if narrow == 0:
        narrow = 1
    return narrow << 32 | wide


cdef int64_t last_record(const uint8_t* p, uint32_t size, uint32_t payload_len) noexcept nogil:
    cdef uint64_t at = 0
    cdef uint32_t length
    while at + 5 <= size and 20 <= p[at] <= 23 and p[at + 1] == 3 and p[at + 2] <= 4:
        length = be16(p + at + 3)
        if length == 0 or length > MAX_RECORD:
            return -1
        if at + 5 + length == payload_len:
            return <int64_t>at
        at += 5 + length
    return -1


cdef int64_t look_back(const uint8_t* p, int64_t payload_len) noexcept nogil:
    cdef int64_t at
    cdef int i
    for i in range(13):
        at = payload_len - ALERT_LENGTHS[i] - 5
        if at < 0:
            break
        if (p[at] == 21 and p[at + 1] == 3 and p[at + 2] <= 4 and p[at + 3] == 0
                and p[at + 4] == ALERT_LENGTHS[i]):
            return at
    at = payload_len - 24
    if at >= 0 and be32(p + at) == 0x17030300 and p[at + 4] == 19:
        return at
    return -1


cdef inline bint alert_size(uint32_t n) noexcept nogil:
    return n == 23 or n == 24 or n == 31 or n == 53 or n == 57 or n == 69 or n == 85


cdef void tls_tail(const uint8_t* p, uint32_t size, uint32_t payload_len, Segment* row) noexcept nogil:
    cdef int64_t at
    cdef uint32_t length
    cdef uint8_t level = 0
    if payload_len == 0:
        return
    if size == 0:
        row.alert = ALERT_LIKELY if alert_size(payload_len) else ALERT_NONE
        return
    at = last_record(p, size, payload_len)
    if at < 0 and size >= payload_len:
        at = look_back(p, payload_len)
    if at < 0:
        return
    length = be16(p + at + 3)
    if p[at] == 23:
        row.alert = ALERT_LIKELY if length == 19 else ALERT_NONE
        return
    if p[at] != 21:
        return
    if length == 2 and size >= at + 7:
        level = p[at + 5]
    if level != 1 and level != 2:
        row.alert = ALERT_RECORD
        return
    if p[at + 6] == 0:
        row.alert = ALERT_CLOSE_NOTIFY
        return
    row.alert = ALERT_WARNING if level == 1 else ALERT_FATAL
    row.alert_desc = p[at + 6]
