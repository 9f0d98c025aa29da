# The C form of a row of finis.tables.SEGMENT: same order, same widths, no padding (columns are
# sorted by width).  tests/wire/test_kernel.py compares offsets.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef struct Segment:
    int64_t ts_ns
    uint64_t src_hi
    uint64_t src_lo
    uint64_t dst_hi
    uint64_t dst_lo
    uint64_t head
    uint64_t payload_hash
    uint64_t conn
    uint32_t seq
    uint32_t ack
    uint32_t payload_len
    uint32_t ip_len
    uint32_t tsval
    uint32_t tsecr
    uint32_t sack_left
    uint32_t sack_right
    uint32_t quirks
    uint32_t frame
    uint32_t role
    uint16_t file
    uint16_t point
    uint16_t src_p
    uint16_t dst_p
    uint16_t flags
    uint16_t win
    uint16_t vlan
    uint16_t mss
    uint16_t ip_id
    uint16_t drop
    uint8_t ttl
    uint8_t wscale
    uint8_t head_len
    uint8_t alert
    uint8_t alert_desc
    uint8_t kind
    uint8_t side
    uint8_t sym
