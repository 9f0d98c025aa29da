from libc.stdint cimport uint8_t, uint32_t

from finis.wire.segment cimport Segment


cdef struct Extra:
    # What decode.Decoded holds besides the row.
    uint32_t ifindex
    bint fragment  # the rest is of a fragment
    uint32_t ident
    uint32_t at
    uint32_t length
    bint more
    uint32_t start_at  # first captured payload byte, offset in the frame
    uint32_t start_len  # at most 64


cdef int decode_frame(
    const uint8_t* data, uint32_t size, uint32_t wire_len, int linktype, Segment* row, Extra* extra
) noexcept nogil
