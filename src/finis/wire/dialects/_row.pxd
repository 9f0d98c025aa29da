# A row of `_packed.EVENT`, and the host words in it.
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

cdef enum:
    # Bits of `Event.has`, in the order of `_packed.BIT`.
    HAS_TS = 1 << 0
    HAS_LINE = 1 << 1
    HAS_CONN_ID = 1 << 2
    HAS_BYTES = 1 << 3
    HAS_HIT_COUNT = 1 << 4
    HAS_DUPLICATE_OF = 1 << 5
    HAS_DURATION = 1 << 6
    HAS_A_P = 1 << 7
    HAS_B_P = 1 << 8
    HAS_A_MAPPED_P = 1 << 9
    HAS_B_MAPPED_P = 1 << 10
    # Hosts and ports of a row.
    A = 0
    B = 1
    A_MAPPED = 2
    B_MAPPED = 3

cdef packed struct Event:
    int64_t ts
    int64_t line
    int64_t conn_id
    int64_t bytes
    int64_t hit_count
    int64_t duplicate_of
    double duration_s
    uint64_t host[4]
    uint16_t port[4]
    uint32_t has
    uint32_t words
    uint32_t origin
    uint32_t spare
