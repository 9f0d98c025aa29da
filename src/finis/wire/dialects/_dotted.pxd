# An IPv4 address as text.
from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    LONGEST = 15  # characters of a dotted address


cdef inline uint8_t* dotted(uint8_t* p, uint32_t number) noexcept nogil:
    """Write it at `p`; where it ends."""
    cdef int shift = 24
    cdef uint32_t octet
    while True:
        octet = number >> shift & 255
        if octet >= 100:
            p[0] = <uint8_t>(c"0" + octet // 100)
            p += 1
        if octet >= 10:
            p[0] = <uint8_t>(c"0" + octet // 10 % 10)
            p += 1
        p[0] = <uint8_t>(c"0" + octet % 10)
        p += 1
        if shift == 0:
            return p
        p[0] = b"."
        p += 1
        shift -= 8
