from libc.stdint cimport uint8_t, uint32_t, uint64_t

from finis.wire.segment cimport Segment


cdef uint64_t fingerprint(
    const uint8_t* data, uint32_t size, uint32_t payload_len
) noexcept nogil
cdef void tls_tail(
    const uint8_t* p, uint32_t size, uint32_t payload_len, Segment* row
) noexcept nogil
