# Numbers from bytes at any alignment; the caller has checked that they are there.
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef inline uint32_t be16(const uint8_t* p) noexcept nogil:
    return <uint32_t>p[0] << 8 | p[1]


cdef inline uint32_t be32(const uint8_t* p) noexcept nogil:
    return <uint32_t>p[0] << 24 | <uint32_t>p[1] << 16 | <uint32_t>p[2] << 8 | p[3]


cdef inline uint64_t be64(const uint8_t* p) noexcept nogil:
    return <uint64_t>be32(p) << 32 | be32(p + 4)


cdef inline uint64_t le64(const uint8_t* p, uint32_t count) noexcept nogil:
    """Up to 8 bytes, little-endian, padded with zeros."""
    cdef uint64_t value = 0
    cdef uint32_t i
    if count >= 8:
        return (<uint64_t>p[0] | <uint64_t>p[1] << 8 | <uint64_t>p[2] << 16 | <uint64_t>p[3] << 24
                | <uint64_t>p[4] << 32 | <uint64_t>p[5] << 40 | <uint64_t>p[6] << 48
                | <uint64_t>p[7] << 56)
    for i in range(count):
        value |= <uint64_t>p[i] << (8 * i)
    return value


cdef inline uint32_t u32(const uint8_t* p, bint big) noexcept nogil:
    if big:
        return <uint32_t>p[0] << 24 | <uint32_t>p[1] << 16 | <uint32_t>p[2] << 8 | p[3]
    return <uint32_t>p[3] << 24 | <uint32_t>p[2] << 16 | <uint32_t>p[1] << 8 | p[0]


cdef inline uint32_t u16(const uint8_t* p, bint big) noexcept nogil:
    if big:
        return <uint32_t>p[0] << 8 | p[1]
    return <uint32_t>p[1] << 8 | p[0]
